"""Promise: manual pages, example, schema, completion and message catalog say what the program does.

No key, option, default, exit status or event is in one of them and missing in another. tables.py reads the sources
of truth.
"""

import re

import harness
import pytest
import tables
import yaml
from events import DECISIONS

ROOT = harness.ROOT
STATUSES = {
    "EX_OK": 0, "EX_USAGE": 64, "EX_DATAERR": 65, "EX_UNAVAILABLE": 69, "EX_SOFTWARE": 70, "EX_IOERR": 74,
    "EX_CONFIG": 78,
}  # fmt: skip


def page(path):
    return (ROOT / path).read_text(encoding="utf-8")


def section(text, title):
    return re.search(rf"^# {title}\n(.*?)(?=^# |\Z)", text, re.DOTALL | re.MULTILINE)[1]


def entries(text):
    """The terms of a definition list of scdoc: (line, explanation)."""
    return re.findall(r"^(\*.*)\n((?:\t.*\n|\n(?=\t))+)", text, re.MULTILINE)


def all_keys():
    return {
        **tables.configuration_keys(),
        **{f"metrics.NAME.{name}": row for name, row in tables.metric_keys().items()},
        **{f"logs.{name}": row for name, row in tables.log_keys().items()},
    }


def flat(keys, above=""):
    """Dotted names of what a table of the example holds; what is below `only` is no key."""
    for name, value in keys.items():
        if isinstance(value, dict) and name != "only":
            yield from flat(value, f"{above}{name}.")
        else:
            yield above + name


def keys_of_the_example():
    """Keys of config/winnowd.yaml, those that are commented out (#key:, without a blank) as well."""
    found, groups = set(), []
    for line in page("config/winnowd.yaml").splitlines():
        match = re.match(r"( *)#?([a-z_]+):( .*)?$", line)
        if not match:
            continue
        depth = len(match[1]) // 2
        groups[depth:] = [match[2]]
        found.add(".".join(groups))
    leaves = {name for name in found if not any(other.startswith(f"{name}.") for other in found)}
    return {name.replace("metrics.val_bpb.", "metrics.NAME.") for name in leaves}


# The configuration.


def keys_of_an_example_log():
    (entry,) = re.search(r"^logs:\n(?:  # .*\n)*((?:  #.*\n)+)", page("config/winnowd.yaml"), re.MULTILINE).groups()
    (log,) = yaml.safe_load(re.sub(r"^  #", "", entry, flags=re.MULTILINE))
    return {f"logs.{name}" for name in flat(log)}


def test_the_example_has_every_key():
    assert (keys_of_the_example() - {"logs"}) | keys_of_an_example_log() == set(all_keys())


def test_the_page_of_the_configuration_has_every_key():
    told = [re.match(r"\*([\w.]+)\*", line)[1] for line, _ in entries(section(page("config/winnowd.yaml.5.scd"), "KEYS"))]
    assert told == list(dict.fromkeys(told))
    assert set(told) == set(all_keys())


def test_the_page_of_the_configuration_says_what_is_so():
    keys = all_keys()
    for line, text in entries(section(page("config/winnowd.yaml.5.scd"), "KEYS")):
        name = re.match(r"\*([\w.]+)\*", line)[1]
        row = keys[name]
        assert ("(restart)" in line) == ("RESTART" in row["flags"]), name
        plain = text.replace("\\*", "*").replace("\n\t", " ")
        if row["fallback"]:
            assert f"Default: _{row['fallback']}_" in plain, name
        elif name != "forge.outbox":
            assert "Default: _" not in plain, name
        for word in row["words"] or []:
            assert f"*{word}*" in plain, (name, word)
        if row["environment"]:
            assert row["environment"] in plain, name
        assert ("Required." in plain) == ("REQUIRED" in row["flags"]), name


def test_the_schema_of_the_configuration_is_the_table():
    committed = page("config/winnowd.schema.json")
    made = tables.json.dumps(tables.configuration_schema(), indent=2, ensure_ascii=True) + "\n"
    assert committed == made, "python3 tests/integration/tables.py >config/winnowd.schema.json"


# The result file.


def test_the_page_of_the_result_has_every_key():
    told = {re.match(r"\*(\w+)\*", line)[1]: line for line, _ in entries(section(page("daemon/winnowd-result.5.scd"), "KEYS"))}
    keys = tables.result_keys()
    assert set(told) == set(keys)
    for name, required in keys.items():
        assert ("(required)" in told[name]) == required, name


def test_the_page_of_the_result_has_every_status():
    text = dict(entries(section(page("daemon/winnowd-result.5.scd"), "KEYS")))["*status*"]
    assert set(re.findall(r"\*(\w+)\*", text)) == set(tables.status_words())


def test_the_schema_of_the_result_has_every_key():
    schema = tables.json.loads(page("daemon/winnowd-result.schema.json"))
    keys = tables.result_keys()
    assert set(schema["properties"]) == set(keys)
    assert set(schema["required"]) == {name for name, required in keys.items() if required}
    counting = schema["allOf"][0]["if"]["properties"]["status"]["anyOf"]
    assert counting == [{"type": "null"}, {"type": "string", "pattern": tables.status_pattern()}]


# The command line.


def test_the_page_of_the_program_has_every_option():
    text = page("daemon/winnowd.8.scd")
    options = set()
    for line, _ in entries(section(text, "OPTIONS")):
        options |= set(re.findall(r"\*(--?[a-z][a-z-]*)\*", line))
    assert options == tables.options()
    assert set(re.findall(r"\*(--[a-z][a-z-]*)\*", section(text, "SYNOPSIS"))) == options - {"--config", "-c", "-h"}


def test_the_page_of_the_program_has_every_exit_status():
    text = section(page("daemon/winnowd.8.scd"), "EXIT STATUS")
    told = {int(re.match(r"\*(\d+)\*", line)[1]) for line, _ in entries(text)}
    used = set()
    for path in (ROOT / "daemon").rglob("*.c"):
        used |= set(re.findall(r"\bEX_[A-Z]+\b", path.read_text(encoding="utf-8"))) - {"EX_FILE"}
    assert told == {STATUSES[name] for name in used}
    assert set(map(int, re.findall(r"^\| (\d+) \|", page("README.md"), re.MULTILINE))) == told


def test_the_unit_does_not_restart_what_a_restart_does_not_mend():
    (line,) = re.findall(r"^RestartPreventExitStatus=(.*)$", page("systemd/winnowd.service.in"), re.MULTILINE)
    assert set(map(int, line.split())) == {STATUSES["EX_USAGE"], STATUSES["EX_CONFIG"]}


# The log.


def test_readme_has_every_event():
    table = re.search(r"^\| Event \| Level \|.*?\n\n", page("README.md"), re.MULTILINE | re.DOTALL)[0]
    told = dict(re.findall(r"^\| `([^`]+)` \| (\w+) \|", table, re.MULTILINE))
    assert told == {message: level.lower() for message, level in tables.events().items()}



@pytest.mark.parametrize("path", ["daemon/winnowd.8.scd", "README.md"])
def test_every_decision_is_explained(path):
    text = page(path)
    for word in DECISIONS | {"queued"}:
        assert re.search(rf"[*`]{word}[*`]", text), word


# README speaks of keys that exist.


def test_keys_in_readme_exist():
    groups = {name.split(".")[0] for name in all_keys() if "." in name}
    told = set(re.findall(rf"`((?:{'|'.join(groups)})\.[a-z_.]+)`", page("README.md")))
    files = {name for name in told if (ROOT / name.replace(".", "/", 1)).exists()}
    assert told - files <= set(all_keys())


@pytest.mark.parametrize("pattern", ["integration/test_*.py", "unit/test-*.c", "fuzz/fuzz-*.c"])
def test_every_test_says_in_its_first_line_which_promise_it_holds(pattern):
    first = {path.name: path.read_text(encoding="utf-8").split("\n", 1)[0] for path in (harness.ROOT / "tests").glob(pattern)}
    assert first
    for name, line in first.items():
        begin, end = ('"""', "") if name.endswith(".py") else ("/* ", " */")
        assert line.startswith(f"{begin}Promise: ") and line.removesuffix('"""').endswith(f".{end}"), f"{name}: {line}"
