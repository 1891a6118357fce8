"""Promise: green means tested: exit status 0 is a pass only if tox's report, the runners' output and validation.expect agree."""

import exhaustive
import pytest
from harness import result

TOX = """[tox]
skipsdist = true
skip_missing_interpreters = true
[testenv]
skip_install = true
allowlist_externals = *
whitelist_externals = *
[testenv:passes]
commands = python -m unittest
[testenv:fails]
commands = python -c "raise SystemExit(1)"
[testenv:none]
[testenv:empty]
commands =
[testenv:interpreter]
basepython = python3.4
commands = python -c "raise SystemExit(1)"
[testenv:elsewhere]
platform = nowhere
commands = python -c "raise SystemExit(1)"
[testenv:factor{,-cuda}]
commands =
    cuda: python -c "raise SystemExit(1)"
[testenv:dash]
commands = - python -c "raise SystemExit(1)"
[testenv:dashes]
commands =
    - python -c "raise SystemExit(1)"
    python -m unittest
[testenv:ignored]
ignore_outcome = true
commands = python -c "raise SystemExit(1)"
[testenv:zero]
commands = python -c "print('\\nRan 0 tests in 0.000s\\n\\nOK')"
[testenv:deselected]
commands = python -c "print('=' * 20 + ' 5 deselected in 0.01s ' + '=' * 20)"
[testenv:latin]
commands =
    python -c "import sys; sys.stdout.buffer.write(bytes([255, 10]))"
    python -c "print('the second command')"
[testenv:latin-fails]
commands =
    python -c "import sys; sys.stdout.buffer.write(bytes([255, 10]))"
    python -c "raise SystemExit('no good')"
"""
NOTHING = "but tox ran no command"
# Each result says in this file what the tests do.
PLAN = "plan"
# environment: (decision, what the reason says)
CASES = {
    "passes": ("promoted", ""),
    "fails": ("failed", "exited with status 1"),
    "none": ("failed", NOTHING),
    "empty": ("failed", NOTHING),
    "interpreter": ("failed", NOTHING),
    "elsewhere": ("failed", NOTHING),
    "factor": ("failed", NOTHING),
    "dash": ("failed", "but none of the 1 commands that tox ran ended with 0"),
    "dashes": ("promoted", ""),
    "ignored": ("failed", "but "),
    "zero": ("failed", 'but no test was run: unittest says "Ran 0 tests"'),
    "deselected": ("failed", 'but no test was run: pytest says "5 deselected in 0.01s"'),
    "latin": ("promoted", ""),
    "latin-fails": ("failed", "exited with status 1"),
    "elsewhere,passes": ("promoted", ""),
}
# Those of tests/run: an environment takes a second.
FEW = {"tox 3": ["interpreter", "latin"], "tox 4": ["none", "passes"]}


def judged(winnowd, project, command, plans, on_base="nothing yet\n", best=0.9, **more):
    """One daemon, and a result for each plan: {name: (decision, reason)}, and the log."""
    project.advance({"tox.ini": TOX, PLAN: on_base})
    winnowd.configure(validation={"command": command, **{"sandbox": "none", **more}})
    for number, (name, plan) in enumerate(plans.items()):
        _, diff = project.experiment({PLAN: plan})
        winnowd.drop(result(name, best - number / 1000, metric_before=1.0, diff=diff))
    log = winnowd.once(seconds=60 * len(plans))  # real ones make an environment each
    return {name: (decision, log.reasons().get(name) or "") for name, decision in log.decisions().items()}, log


def differences(found, expected):
    """Those that came out otherwise than (decision, words of the reason)."""
    return {name: found.get(name) for name, (decision, said) in expected.items()
            if not found.get(name) or found[name][0] != decision or said not in found[name][1]}  # fmt: skip


def repeated(log):
    return [event["experiment"] for event in log.all(msg="validation repeated without tox's report")]


def output(winnowd, name):
    return (winnowd.state / f"validation/{name}.log").read_text(errors="replace")


@pytest.mark.parametrize("version", ["tox 3", "tox 4"])
def test_what_tox_says_of_itself(winnowd, project, request, version):
    program = "tox" if version == "tox 3" else request.getfixturevalue("tox_4")
    names = list(CASES) if exhaustive.everything else FEW[version]
    expected = {name.replace(",", "-and-"): CASES[name] for name in names}
    if version == "tox 4":  # it fails itself where it skips all
        expected |= {name: ("failed", "exited with status 1") for name in ("interpreter", "elsewhere") if name in names}
    command = ["sh", "-c", f'exec "$@" -e "$(cat {PLAN})"', "sh", program]
    found, log = judged(winnowd, project, command, dict(zip(expected, names)))
    assert not differences(found, expected)
    if version == "tox 3":  # it fails over its own report where the output is no UTF-8, and skips the second command
        assert repeated(log) == [name for name in names if name.startswith("latin")]
        assert {event["reason"] for event in log.all(msg="validation repeated without tox's report")} == {
            "tox itself ended with a traceback"
        }
        assert "the second command" in output(winnowd, "latin")


@pytest.mark.parametrize("version", exhaustive.first_of(["tox 4", "tox 3"]))
def test_what_tox_does_not_show_counts(winnowd, project, request, version):
    """With -p it shows the output of what failed only."""
    program = "tox" if version == "tox 3" else request.getfixturevalue("tox_4")
    command = ["sh", "-c", f'exec "$@" -p all -e "$(cat {PLAN})"', "sh", program]
    found, _ = judged(winnowd, project, command, {name: name for name in ("zero", "passes")})
    assert not differences(found, {name: CASES[name] for name in found}), found
    assert "Ran " not in output(winnowd, "passes")


@pytest.mark.parametrize("version", exhaustive.first_of(["tox 3", "tox 4"]))
def test_no_report_is_no_pass_where_tox_wrote_one_on_the_base(winnowd, project, request, version):
    """Where it wrote none there either, the command is to be mended, and not the experiment."""
    program = "tox" if version == "tox 3" else request.getfixturevalue("tox_4")
    command = ["sh", "-c", f'exec "$@" $(cat {PLAN})', "sh", program]
    plans = {"listed": "-e passes -l\n", "not-tested": "-e passes --notest\n"}
    found, _ = judged(winnowd, project, command, plans, on_base="-e passes\n", base="once")
    assert not differences(found, {"listed": ("failed", "but tox wrote no report"), "not-tested": ("failed", "passed on the base and failed here")})
    project.advance({PLAN: plans["listed"]})
    _, diff = project.experiment({"other.txt": "other\n"})
    winnowd.drop(result("held", 0.5, metric_before=1.0, diff=diff))
    status, _, log = winnowd.run("--once")
    (held,) = log.all(level="error", key="validation.base", msg="jobs wait until this is mended")
    assert status == 69 and "tox wrote no report" in held["reason"] and "held" not in log.decisions()


# What stands behind "tox" here is a script that is given --result-json as tox would be:
# (its exit status and what it writes, decision, what the reason says, how often it runs).
GOOD = '{"testenvs": {"unit": {"test": [{"retcode": 0}]}}}'
WRITTEN = {
    "good": (f"0 {GOOD}", "promoted", "", 1),
    "good-but-red": (f"1 {GOOD}", "failed", "exited with status 1", 1),
    "no-command": ('0 {"testenvs": {"unit": {}}}', "failed", NOTHING, 1),
    "none": ("0", "failed", "but tox wrote no report", 1),
    "cut-off": (f"0 {GOOD[:30]}", "promoted", "", 2),
    "cut-off-and-red": (f"1 {GOOD[:30]}", "failed", "exited with status 1", 2),
    "much-output": ("0 much-output", "promoted", "", 1),
    "huge": ("0 huge", "promoted", "", 2),
}
SCRIPT = f"""
import sys
print("run")
status, _, text = open("{PLAN}").read().rstrip().partition(" ")
path = "=".join(sys.argv).partition("--result-json=")[2]
if path and text:
    if text == "much-output":
        text = '{{"testenvs": {{"unit": {{"test": [{{"output": "' + "0123456789" * 1_000_000 + '", "retcode": 0}}]}}}}}}'
    if text == "huge":
        text = "[" + "0," * 5_000_000
    open(path, "w").write(text)
sys.exit(int(status))
"""


OWN = {
    "asked for": ([], "none"),
    "the command's own": (["--result-json", "mine.json"], "none"),
    "its own, in a sandbox": (["--result-json=/run/checkout/source/mine.json"], "bubblewrap"),
}


@pytest.mark.parametrize("own", exhaustive.first_of(OWN, 2))
def test_a_report_takes_away_and_never_gives(winnowd, project, own):
    arguments, sandbox = OWN[own]
    plans = {name: f"{plan}\n" for name, (plan, *_) in WRITTEN.items()}
    found, log = judged(winnowd, project, ["python3", "-c", SCRIPT, "tox", *arguments], plans, sandbox=sandbox)
    assert not differences(found, {name: row[1:3] for name, row in WRITTEN.items()})
    assert repeated(log) == [name for name, row in WRITTEN.items() if row[3] == 2]
    assert {output(winnowd, name) for name in WRITTEN} == {"run\n"}


TELLS = f"""
import json, sys
shown, told = open("{PLAN}").read().split("|")
print(shown)
path = "=".join(sys.argv).partition("--result-json=")[2]
json.dump({{"testenvs": {{"unit": {{"test": [{{"retcode": 0, "output": told}}]}}}}}}, open(path, "w"))
"""
SUMMARY = "===== 3 passed in 0.1s ====="


@pytest.mark.parametrize("expect, why", [(None, "no runner says that a test passed"), ("[a-z]:", "no line of the output matches")])
def test_what_the_report_alone_says_gives_no_pass(winnowd, project, expect, why):
    """A child of the tests may have written it. It counts only if the run on the base does not show it either."""
    said = "all: good" if expect else SUMMARY
    plans = {"shown": f"{said}\n|", "told": f"|{said}", "took-away": "|Ran 0 tests in 0.0s\n\nOK"}
    more = {"expect": expect} if expect else {}
    found, _ = judged(winnowd, project, ["python3", "-c", TELLS, "tox"], plans, on_base=f"{said}|", base="once", **more)
    assert not differences(found, {"shown": ("promoted", ""), "told": ("failed", why), "took-away": ("failed", "no test was run")})
    again = {"again": f"\n|{said}"}
    unshown, _ = judged(winnowd, project, ["python3", "-c", TELLS, "tox"], again, on_base=f"|{said}", best=0.8, base="once", **more)
    assert not differences(unshown, {"again": ("promoted", "")})


def test_tox_is_not_held_up_by_its_report(winnowd, project):
    """As tox 3 is, with 100 MB of output."""
    script = "import sys, signal; print('x' * 5_000_000); '--result-json' in sys.argv and signal.pause()"
    found, log = judged(winnowd, project, ["python3", "-c", script, "tox"], {"slow": "slow\n"}, timeout="3s")
    assert not differences(found, {"slow": ("promoted", "")})
    assert repeated(log) == ["slow"]


# Commands that are not tox: (what it prints, decision)
PRINTS = {
    "nothing": ("\n", "promoted"),
    "a-summary": ("===== 3 passed in 0.1s =====\n", "promoted"),
    "only-quiet-dots": ("...\n", "promoted"),
    "none": ("===== no tests ran in 0.1s =====\n", "failed"),
    "one-of-two-is-empty": ("Ran 3 tests in 0.1s\n\nOK\nRan 0 tests in 0.0s\n\nOK\n", "promoted"),
    "a-name": ("test_a.py::test_no_tests_ran PASSED\n", "promoted"),
}


def test_what_runners_say(winnowd, project, forge):
    found, _ = judged(winnowd, project, ["cat", PLAN], {name: text for name, (text, _) in PRINTS.items()})
    assert not differences(found, {name: (decision, "") for name, (_, decision) in PRINTS.items()})
    bodies = {pull.head.removeprefix("experiment/"): pull.body for pull in forge.pulls()}
    assert " Tests run: 3." in bodies["a-summary"] and "Tests run" not in bodies["nothing"]


def test_expected_output(winnowd, project):
    plans = {"as-expected": "checked 12 files\n", "other": "checked 12 files, or so\n"}
    found, _ = judged(winnowd, project, ["cat", PLAN], plans, expect="^checked [0-9]+ files$")
    said = "but no line of the output matches validation.expect"
    assert not differences(found, {"as-expected": ("promoted", ""), "other": ("failed", said)})
    assert found["other"][1].endswith("validation/other.log")


def test_an_expression_that_is_none(winnowd):
    winnowd.configure(validation={"expect": "a(b"})
    winnowd.write_configuration()
    code, _, log = winnowd.run("--check-config")
    assert code == 78 and "validation.expect" in log.text
