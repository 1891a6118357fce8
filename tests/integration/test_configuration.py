"""Promise: all errors of a configuration are reported at once, each with its place, and the environment can set keys."""

import os
import subprocess

import pytest
import yaml
from events import PATIENCE

CONFIGURATION = 78


def check(winnowd, text=None):
    """(exit status, everything that --check-config said)."""
    winnowd.write_configuration(text)
    status, said, log = winnowd.run("--check-config")
    return status, said + log.text


@pytest.mark.representative
def test_all_errors_of_a_file_in_one_go(winnowd):
    text = (
        f"spool: {winnowd.spool}\n"  # 1
        f"state: {winnowd.state}\n"
        "forge:\n"
        "  kind: local\n"
        f"  path: {winnowd.forge.project.bare}\n"
        "  poll: 5 parsecs\n"  # 6
        "  colour: red\n"  # 7
        "metrics:\n"
        "  val_bpb:\n"
        "    direction: down\n"  # 10
        "    min_delta: much\n"  # 11
        "queue:\n"
        "  parallel: 0\n"  # 13
        "log:\n"
        "  level: [info]\n"  # 15
    )
    status, said = check(winnowd, text)
    assert status == CONFIGURATION
    for line, key, found in [
        (6, "forge.poll", "5 parsecs"), (7, "forge.colour", None), (10, "metrics.val_bpb.direction", "down"),
        (11, "metrics.val_bpb.min_delta", "much"), (13, "queue.parallel", "0"), (15, "log.level", None),
    ]:  # fmt: skip
        (complaint,) = [row for row in said.splitlines() if f"winnowd.yaml:{line}:" in row]
        assert key in complaint
        assert found is None or found in complaint
    assert "minimize" in said and "maximize" in said, "it does not say what was expected"


def test_a_mistake_of_yaml_hides_no_other_error(winnowd):
    winnowd.write_configuration()
    text = winnowd.file.read_text(encoding="utf-8") + "spool: /elsewhere\ncolour: red\nsources: &a [b]\n"
    lines = text.count("\n")
    status, said = check(winnowd, text)
    assert status == CONFIGURATION
    for line, complaint in [(lines - 2, "duplicate key 'spool'"), (lines - 1, "colour: unknown key"), (lines, "anchor &a"),
                            (lines, "sources")]:  # fmt: skip
        assert [row for row in said.splitlines() if f"winnowd.yaml:{line}:" in row and complaint in row], complaint


WRONG = "spool: /a\nspool: /b\ncolour: red\n"


@pytest.mark.parametrize("arguments", [(), ("--once",)])
def test_a_service_that_cannot_start_says_so_in_its_log(winnowd, arguments):
    winnowd.write_configuration(WRONG)
    status, _, log = winnowd.run(*arguments)
    assert status == CONFIGURATION
    assert len(log.events) == len(log.text.splitlines()), log.text
    failed = log.all(msg="winnowd could not start", level="error")
    assert len(failed) == len(log.events)
    for complaint in ["winnowd.yaml:2:1: duplicate key 'spool'", "winnowd.yaml:3:1: colour: unknown key", "metrics"]:
        assert [event for event in failed if complaint in event["reason"]], complaint


def test_on_a_terminal_the_place_is_shown(winnowd):
    winnowd.write_configuration(WRONG)
    ours, its = os.openpty()
    done = subprocess.run(winnowd.command(), stderr=its, stdin=subprocess.DEVNULL, timeout=PATIENCE, env=winnowd.environment)
    os.close(its)
    said = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == CONFIGURATION
    assert "spool: /b" in said and "^" in said and "could not start" not in said


@pytest.mark.parametrize(
    "text, place",
    [
        ("spool: [\n", "winnowd.yaml:"),
        ("spool: /a\nspool: /b\n", "winnowd.yaml:2:"),
        ("spool: &a /a\nstate: *a\n", "winnowd.yaml:1:"),
        ("- a\n- b\n", "winnowd.yaml:1:"),
        ("spool: !!str /a\n", "winnowd.yaml:1:"),
        ("\tspool: /a\n", "winnowd.yaml:1:"),
        ("[" * 64 + "\n", "winnowd.yaml:1:"),
    ],
    ids=["unclosed", "duplicate", "anchor", "list", "tag", "tab", "deep"],
)
def test_text_that_is_no_configuration(winnowd, text, place):
    status, said = check(winnowd, text)
    assert status == CONFIGURATION
    assert place in said


@pytest.mark.parametrize(
    "section, key, value",
    [
        ("forge", "kind", "github"),
        ("forge", "timeout", 30),
        ("forge", "timeout", "0s"),
        ("forge", "base", ""),
        ("forge", "branch_prefix", "a..b/"),
        ("forge", "labels", "experiment"),
        ("validation", "command", []),
        ("validation", "timeout", "-1s"),
        ("validation", "sandbox", "docker"),
        ("validation", "output_lines", "many"),
        ("queue", "parallel", -1),
        ("queue", "order", "random"),
        ("log", "format", "xml"),
        ("change", "author", "nobody"),
    ],
    ids=lambda value: str(value),
)
def test_impossible_values(winnowd, section, key, value):
    winnowd.configure(**{section: {key: value}})
    status, said = check(winnowd)
    assert status == CONFIGURATION
    assert f"{section}.{key}" in said


def test_a_metric_needs_a_direction(winnowd):
    winnowd.configure(metrics={"loss": {}})
    status, said = check(winnowd)
    assert status == CONFIGURATION
    assert "metrics.loss.direction" in said or "metrics.loss" in said


@pytest.mark.parametrize("missing", ["metrics", "forge.path"])
def test_what_has_no_default_must_be_there(winnowd, missing):
    section, _, key = missing.partition(".")
    winnowd.config[section] = {name: value for name, value in winnowd.config[section].items() if key and name != key}
    status, said = check(winnowd)
    assert status == CONFIGURATION
    assert missing in said


def test_gitea_needs_owner_and_repository(winnowd):
    winnowd.config["forge"] = {"kind": "gitea", "url": "http://127.0.0.1:1"}
    status, said = check(winnowd)
    assert status == CONFIGURATION
    assert "forge.owner" in said and "forge.repo" in said


@pytest.mark.parametrize("value", ["1e-5", "0.00001", "1.0E-05"])
def test_a_type_comes_from_the_key(winnowd, value):
    text = yaml.safe_dump(winnowd.config).replace("direction: minimize", f"direction: minimize\n    min_delta: {value}")
    status, said = check(winnowd, text)
    assert status == 0, said
    assert "1e-05" in said or "1e-5" in said or "0.00001" in said


@pytest.mark.parametrize("name, value", [("GITEA_OWNER", "from-outside"), ("GITEA_REPO", "from-outside"),
                                         ("GITEA_URL", "http://127.0.0.1:1/from-outside")])  # fmt: skip
def test_the_environment_overrides(winnowd, name, value):
    winnowd.config["forge"] = {"kind": "gitea", "url": "http://127.0.0.1:1", "owner": "o", "repo": "r"}
    winnowd.environment |= {"GITEA_TOKEN": "0123456789abcdef", name: value}
    status, said = check(winnowd)
    assert status == 69, said  # nobody listens there
    assert "from-outside" in said


def test_an_unreachable_forge(winnowd):
    winnowd.config["forge"] = {"kind": "gitea", "url": "http://127.0.0.1:1", "owner": "o", "repo": "r"}
    winnowd.environment["GITEA_TOKEN"] = "0123456789abcdef"
    status, said = check(winnowd)
    assert status == 69
    assert "0123456789abcdef" not in said


def test_the_commented_example_is_a_configuration(winnowd):
    text = (winnowd.forge.project.directory / "winnowd.yaml")
    from harness import ROOT

    example = (ROOT / "config/winnowd.yaml").read_text(encoding="utf-8")
    parsed = yaml.safe_load(example)
    assert set(parsed) <= {"spool", "state", "forge", "sources", "logs", "change", "metrics", "validation", "queue", "pulls", "keep", "log", "status"}
    parsed["forge"] = winnowd.config["forge"]
    parsed |= {"spool": str(winnowd.spool), "state": str(winnowd.state)}
    parsed.setdefault("metrics", winnowd.config["metrics"])
    text.write_text(yaml.safe_dump(parsed), encoding="utf-8")
    status, said = check(winnowd, text.read_text(encoding="utf-8"))
    assert status == 0, said
