"""The tables of the source, read as text: what documentation, examples and schemas are compared with.

    configuration_keys()   config/schema.c: every key with its shape, flags, words, bounds and default
    metric_keys()          the same of one metric, without "metrics.NAME."
    log_keys()             the same of one log, without "logs."
    result_keys()          daemon/result/keys.c
    events()               daemon/events.h
    options()              what --help shows

As a program it prints the JSON Schema of the configuration, which the table of keys determines:

    python3 tests/integration/tables.py >config/winnowd.schema.json
"""

import json
import re
import subprocess

from harness import BINARY, ROOT


def source(path):
    return re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(encoding="utf-8"), flags=re.DOTALL)


def strings(text):
    """C strings side by side, as one."""
    return "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', text))


def word_lists(text):
    found = re.findall(r"static const char \*const (\w+)\[\] = \{(.*?)\};", text, re.DOTALL)
    return {name: re.findall(r'"([^"]*)"', words) for name, words in found}


def initializers(text):
    """The text of each {...} at the first level."""
    depth, begin, quoted, found = 0, 0, False, []
    for place, letter in enumerate(text):
        if letter == '"' and text[place - 1] != "\\":
            quoted = not quoted
        elif quoted:
            continue
        elif letter == "{":
            depth += 1
            begin = place + 1 if depth == 1 else begin
        elif letter == "}":
            depth -= 1
            if depth == 0:
                found.append(text[begin:place])
    return found


def rows(table):
    text = source("config/schema.c")
    words = word_lists(text)
    body = re.search(rf"const struct config_key {table}\[\] = \{{(.*?)\n\}};", text, re.DOTALL)[1]
    found = {}
    for row in initializers(body):
        if row.strip() == "NULL":
            continue
        name, shape, flags = re.match(r'\s*"([^"]+)",\s*CONFIG_(\w+),\s*([^,]*),', row).groups()
        given = dict(re.findall(r"\.(words|environment|check|minimum|maximum) = ([^,}]+)", row))
        fallback = re.search(r'\.fallback =\s*((?:"(?:[^"\\]|\\.)*"\s*)+)', row)
        found[name] = {
            "shape": shape, "flags": set(re.findall(r"CONFIG_(\w+)", flags)), "check": given.get("check"),
            "fallback": strings(fallback[1]) if fallback else None, "words": words.get(given.get("words", "").strip()),
            "environment": strings(given.get("environment", "")) or None, "help": strings(row.split(".help =")[1]),
            "minimum": given.get("minimum"), "maximum": given.get("maximum"),
        }  # fmt: skip
    assert found, table
    return found


def configuration_keys():
    return rows("config_keys")


def metric_keys():
    return rows("config_metric_keys")


def log_keys():
    return rows("config_log_keys")


def result_keys():
    """name: whether it is required."""
    body = re.search(r"struct key keys\[\] = \{(.*?)\n\};", source("daemon/result/keys.c"), re.DOTALL)[1]
    return {name: required == "true" for name, required in re.findall(r'\{"(\w+)", (true|false),', body)}


def status_words():
    """word: (what it stands for, whether it counts only alone)"""
    body = re.search(r"status_words\[\] = \{(.*?)\n\};", source("daemon/claim.c"), re.DOTALL)[1]
    rows = re.findall(r'\{"(\w+)", CLAIM_(\w+), (true|false)\}', body)
    return {word: (kind, alone == "true") for word, kind, alone in rows}


def status_pattern():
    """A regular expression for the statuses that may be promoted or are a baseline."""

    def words(kinds, alone):
        found = [word for word, row in status_words().items() if row[0] in kinds and row[1] == alone]
        return "|".join("".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word) for word in found)

    good, bad = words(("OK", "BASELINE"), False), words(("CRASHED", "DISCARDED"), False)
    begin, end, other = "(?<![A-Za-z])(?:", ")(?![A-Za-z])", "[^A-Za-z0-9]*"
    return (
        rf"^(?![\s\S]*{begin}{bad}{end})[\s\S]*{begin}{good}{end}"
        rf"|^{other}(?:{words(('OK',), True)}){other}$"
    )


def events():
    """message: level"""
    found = re.findall(r'EVENT\(\w+,\s*\\?\s*"([^"]+)",\s*\\?\s*(\w+),', source("daemon/events.h"))
    assert found
    return dict(found)


def options():
    """The options that --help shows."""
    text = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout
    return set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", text))


# The schema of the configuration. A pattern says less than the function of config/check.c; what it
# refuses is wrong, what it lets through is looked at by --check-config.
PATTERNS = {
    "config_check_path": r"^/.*[^/].*$(?!\n)",
    "config_check_url": r"^https?://[^ \\]+$(?!\n)",
    "config_check_server": r"^https?://[^ ?#\\]+$(?!\n)",
    "config_check_git_url": r"^(/|file:///|https?://).+$(?!\n)",
    "config_check_name": r"^(?!-)[^/\\ ?#%@:]{1,255}$(?!\n)",
    "config_check_label": r"^.{1,50}$(?!\n)",
    "config_check_branch": r"^(?!refs/|-|/)(?!.*(\.\.|//|@\{))[^ ~^:?*\[\\]+(?<![/.])$(?!\n)",
    "config_check_prefix": r"^(?!refs/|-|/)(?!.*(\.\.|//|@\{))[^ ~^:?*\[\\]+$(?!\n)",
    "config_check_glob": r"^(?![/:])(?!(.*/)?\.\.(/|$)).{1,1024}$(?!\n)",
    "config_check_variable": r"^(?!(GITEA_TOKEN|CREDENTIALS_DIRECTORY|NOTIFY_SOCKET)$)[A-Za-z_][A-Za-z0-9_]*$(?!\n)",
    "config_check_launcher": r"^(?!([^\n]*/)?(srun|salloc|sbatch)$)",
    "config_check_expression": r"^.{1,1000}$(?!\n)",
}
METRIC_NAME = r"^([A-Za-z0-9_./%+:-]|[^\x00-\x7f]){1,100}$(?!\n)"
AUTHOR = r"^[^ <>][^<>]*<[^<> ]+>$(?!\n)"
NUMBER = r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$(?!\n)"


def text_schema(row):
    pattern = PATTERNS.get(row["check"])
    return {"type": "string", "pattern": pattern} if pattern else {"type": "string"}


def number_schema(row):
    """Some YAML readers take 1e-5 for text; winnowd does not."""
    least = {"minimum": 0} if float(row["minimum"]) == 0 else {}
    return {"anyOf": [{"type": "number", **least}, {"type": "string", "pattern": NUMBER}]}


def amount_schema(row, units):
    """A whole number with a unit. A size may go without one, and so may 0."""
    plain = row["shape"] == "SIZE"
    some = [{"type": "string", "pattern": rf"^0*[1-9][0-9]{{0,14}}{units}{'?' if plain else ''}$(?!\n)"}]
    if plain:
        some.append({"type": "integer", "minimum": 1})
    if "ZERO" in row["flags"]:
        some += [{"const": 0}, {"type": "string", "pattern": rf"^0{{1,15}}{units}?$(?!\n)"}]
    return {"anyOf": some}


def shape_schema(row):
    shape = row["shape"]
    if shape in ("TEXT", "AUTHOR"):
        return {"type": "string", "pattern": AUTHOR} if shape == "AUTHOR" else text_schema(row)
    if shape == "WORD":
        return {"enum": row["words"]}
    if shape == "BOOL":
        return {"type": "boolean"}
    if shape == "COUNT":
        return {"type": "integer", "minimum": int(row["minimum"]), "maximum": int(row["maximum"])}
    if shape == "NUMBER":
        return number_schema(row)
    if shape == "DURATION":
        return amount_schema(row, "(ms|s|m|h|d)")
    if shape == "SIZE":
        return amount_schema(row, "[KMGT]")
    if shape == "LIST":
        least = {"minItems": 1} if "NOT_EMPTY" in row["flags"] else {}
        return {"type": "array", "items": text_schema(row), **least}
    assert shape == "VARIABLES", f"a shape that the schema does not know: {shape}"
    return {"type": "object", "propertyNames": text_schema(row), "additionalProperties": {"type": ["string", "null"]}}


def default_of(row):
    fallback = row["fallback"]
    if fallback is None:
        return {}
    if row["shape"] == "LIST":
        return {"default": fallback.split()}
    if row["shape"] == "VARIABLES":
        return {"default": {}}
    if row["shape"] in ("BOOL", "COUNT", "NUMBER") or fallback == "0":
        return {"default": json.loads(fallback)}
    return {"default": fallback}


def key_schema(row):
    """A key without a value is one that was not given."""
    shape = shape_schema(row)
    if "enum" in shape:
        shape = {"enum": [*shape["enum"], None]} if "REQUIRED" not in row["flags"] else shape
    elif "anyOf" in shape:
        shape = {"anyOf": [*shape["anyOf"], {"type": "null"}]}
    else:
        shape = {**shape, "type": [shape["type"], "null"]}
    return {"description": row["help"], **shape, **default_of(row)}


def group():
    return {"type": ["object", "null"], "additionalProperties": False, "properties": {}}


def table_schema(keys):
    root = group() | {"type": "object", "required": [name for name, row in keys.items() if "REQUIRED" in row["flags"]]}
    for name, row in keys.items():
        place = root["properties"]
        *groups, leaf = name.split(".")
        for word in groups:
            place = place.setdefault(word, group())["properties"]
        place[leaf] = key_schema(row)
    return root


def configuration_schema():
    root = table_schema(configuration_keys()) | {"required": ["metrics"]}
    metric = table_schema(metric_keys())
    stated = table_schema({name: row for name, row in metric_keys().items() if name not in ("direction", "baseline")})
    stated["type"] = ["object", "null"]
    root["properties"]["logs"] = {
        "description": "logs of many experiments, one entry a log", "type": ["array", "null"], "items": table_schema(log_keys()),
    }  # fmt: skip
    root["properties"]["metrics"] = {
        "description": "one entry a metric", "type": "object", "minProperties": 1,
        "propertyNames": {"anyOf": [{"pattern": METRIC_NAME}, {"const": "*"}]},
        "properties": {"*": stated}, "additionalProperties": metric,
    }  # fmt: skip
    local = {"required": ["forge"], "properties": {"forge": {"required": ["kind"], "properties": {"kind": {"const": "local"}}}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "winnowd.yaml",
        "description": "The configuration of winnowd, see winnowd.yaml(5). Made by tests/integration/tables.py.",
        **root,
        "if": local,
        "then": {"properties": {"forge": {"required": ["path"]}}},
    }


if __name__ == "__main__":
    print(json.dumps(configuration_schema(), indent=2, ensure_ascii=True))
