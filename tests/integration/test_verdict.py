"""Promise: green means tested: an exit status of 0 is a pass only where tox's own report, the runners' words and validation.expect bear it out."""

import os
import pathlib
import subprocess
import sys

import harness
import pytest
from harness import improved

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


def cache():
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(home) / "winnowd-tests"


@pytest.fixture(scope="module")
def tox_4():
    """Today's tox in a virtual environment, made once."""
    program = cache() / "tox-4/bin/tox"
    if not program.exists():
        for command in ([sys.executable, "-m", "venv", program.parent.parent], [program.parent / "pip", "install", "-q", "tox>=4"]):
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if done.returncode:
                pytest.skip(f"tox 4 cannot be installed here: {done.stderr[-300:]}")
    return str(program)


@pytest.fixture
def program(request):
    return "tox" if request.param == "tox 3" else request.getfixturevalue("tox_4")


def judged(winnowd, project, command, **more):
    project.advance({"tox.ini": TOX})
    winnowd.configure(validation={"command": command, "sandbox": "none", **more})
    winnowd.drop(improved(project))
    log = winnowd.once()
    return log.decisions()["exp-1"], log.reasons().get("exp-1") or "", log


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("program", ["tox 3", "tox 4"], indirect=True)
def test_what_tox_says_of_itself(winnowd, project, program, name):
    decision, said = CASES[name]
    if program != "tox" and name in ("interpreter", "elsewhere"):
        said = "exited with status 1"  # tox 4 fails itself where it skips all
    found, reason, log = judged(winnowd, project, [program, "-e", name])
    assert (found, said in reason) == (decision, True), (reason, log.text)


def test_tox_3_fails_over_its_own_report(winnowd, project):
    _, _, log = judged(winnowd, project, ["tox", "-e", "latin"])
    (again,) = log.all(msg="validation repeated without tox's report")
    assert again["reason"] == "tox itself ended with a traceback"
    assert "the second command" in (winnowd.state / "validation/exp-1.log").read_text(errors="replace")


# What stands behind "tox" here is a script that is given --result-json as tox would be:
# (what it writes, its exit status, decision, what the reason says, how often it runs).
GOOD = '{"testenvs": {"unit": {"test": [{"retcode": 0}]}}}'
WRITTEN = {
    "a good report": (GOOD, 0, "promoted", "", 1),
    "a good report does not make up for the status": (GOOD, 1, "failed", "exited with status 1", 1),
    "a report without a command": ('{"testenvs": {"unit": {}}}', 0, "failed", NOTHING, 1),
    "no report": (None, 0, "failed", "but tox wrote no report", 1),
    "one that is cut off": (GOOD[:30], 0, "promoted", "", 2),
    "one that is cut off, and red": (GOOD[:30], 1, "failed", "exited with status 1", 2),
    "one that is huge": ("x" * 9_000_000, 0, "promoted", "", 2),
}
SCRIPT = """
import sys
print("run")
text = {text}
if "--result-json" in sys.argv and text is not None:
    open(sys.argv[sys.argv.index("--result-json") + 1], "w").write(text)
sys.exit({status})
"""


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("own", [[], ["--result-json", "mine.json"]], ids=["asked for", "the command's own"])
def test_a_report_takes_away_and_never_gives(winnowd, project, name, own):
    text, status, decision, said, runs = WRITTEN[name]
    script = SCRIPT.format(text=repr(text) if text is None or len(text) < 1000 else f"'x' * {len(text)}", status=status)
    winnowd.configure(validation={"command": ["python3", "-c", script, "tox", *own]})
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": decision}
    assert said in (log.reasons().get("exp-1") or "")
    assert len(log.all(msg="validation repeated without tox's report")) == runs - 1
    assert (winnowd.state / "validation/exp-1.log").read_text() == "run\n"


# Commands that are not tox: (what it prints, decision)
PRINTS = {
    "nothing": ("", "promoted"),
    "a summary": ("===== 3 passed in 0.1s =====", "promoted"),
    "only quiet dots": ("...", "promoted"),
    "none": ("===== no tests ran in 0.1s =====", "failed"),
    "two, one of them empty": ("Ran 3 tests in 0.1s\n\nOK\nRan 0 tests in 0.0s\n\nOK", "promoted"),
    "a name": ("test_a.py::test_no_tests_ran PASSED", "promoted"),
}


@pytest.mark.parametrize("name", PRINTS)
def test_what_runners_say(winnowd, project, name):
    text, decision = PRINTS[name]
    winnowd.configure(validation={"command": ["printf", "%s\n", text]})
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": decision}


@pytest.mark.parametrize("expect, decision", [("^checked [0-9]+ files$", "promoted"), ("^checked [0-9]+$", "failed")])
def test_expected_output(winnowd, project, expect, decision):
    winnowd.configure(validation={"command": ["echo", "checked 12 files"], "expect": expect})
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": decision}
    if decision == "failed":
        assert log.reasons()["exp-1"].endswith("validation/exp-1.log") and "but no line of the output matches validation.expect" in log.reasons()["exp-1"]


def test_an_expression_that_is_none(winnowd):
    winnowd.configure(validation={"expect": "a(b"})
    winnowd.write_configuration()
    code, output, _ = winnowd.run("--check-config")
    assert code == 78
