"""Promise: the tests run on the base, too, and what fails there as well is charged to no experiment.

The command of these tests is a script outside of the checkout. It notes each run, and fails as a test says: for
every tree that is not mended, a number of times in a row, or for one experiment only.
"""

import json
import os
import pathlib
import signal
import sqlite3

import pytest
from exhaustive import first_of
from harness import Winnowd, git, improved
from lodger import processes_with
from machine import eventually

UNREACHABLE = 69
CHECK = """#!/bin/sh
cd "$(git rev-parse --show-toplevel)" || exit 99
git rev-parse HEAD >>{0}/runs
[ ! -e {0}/hangs ] || { echo $$ >{0}/hanging; exec tail -f /dev/null {0}; }
if [ -s {0}/failures ]; then
    sed -i 1d {0}/failures
    echo "AssertionError: by chance"
    exit 1
fi
if [ -e {0}/red ] && [ ! -e mended ]; then
    echo "AssertionError: 1 != 2"
    exit 1
fi
if [ -e broken ]; then
    [ ! -e {0}/stalls ] || mv {0}/stalls {0}/hangs
    echo "AssertionError: broken"
    exit 1
fi
echo "3 passed in 0.01s"
"""


def new_file(path):
    return f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"


class Script:
    """What the script does, and what it did."""

    def __init__(self, directory):
        self.directory = directory
        self.program = directory / "check"
        self.program.write_text(CHECK.replace("{0}", str(directory)))
        self.program.chmod(0o755)

    def fail(self, times):
        (self.directory / "failures").write_text("x\n" * times)

    def turn_red(self):
        (self.directory / "red").touch()

    def mend(self):
        (self.directory / "red").unlink()

    @property
    def runs(self):
        """The commits that were run, one by one."""
        file = self.directory / "runs"
        return file.read_text().split() if file.exists() else []


@pytest.fixture
def tests(winnowd, tmp_path):
    directory = tmp_path / "tests"
    directory.mkdir()
    made = Script(directory)
    winnowd.configure(validation={"command": [str(made.program)], "sandbox": "none", "base": "once"})
    return made


def drop(winnowd, project, name, after, path=None):
    winnowd.drop(improved(project, name, after, **({"diff": new_file(path)} if path else {})))


def held(log, project):
    """Checks the hold: it names the key, the commit and the first failure."""
    event = log.wait(level="error", key="validation.base")
    assert project.tip in event["reason"] and "AssertionError" in event["reason"], event
    return event


# A base that passes.


def test_it_is_run_once_for_all_jobs_before_the_branch_is_made_at_that_commit(winnowd, tests, project):
    winnowd.configure(queue={"parallel": 2})
    drop(winnowd, project, "exp-1", 0.9)
    drop(winnowd, project, "exp-2", 0.8, "other")
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted", "exp-2": "promoted"}
    assert tests.runs.count(project.tip) == 1 and len(tests.runs) == 3 and tests.runs[0] == project.tip
    assert [event["step"] for event in log.all(msg="step ended", experiment="exp-1")][:2] == ["base", "branch"]
    assert log.wait(msg="base passes its tests")["commit"] == project.tip
    # Known it stays, beyond the end of the daemon; what is configured otherwise is run anew.
    drop(winnowd, project, "exp-3", 0.7, "third")
    winnowd.once()
    assert tests.runs.count(project.tip) == 1
    winnowd.configure(validation={"environment": {"SEED": "1"}})
    drop(winnowd, project, "exp-4", 0.6, "fourth")
    winnowd.once()
    assert tests.runs.count(project.tip) == 2


def test_what_passed_on_the_base_has_to_run_here(winnowd, tests, project):
    """Both exit with 0, and one prints no summary. Without the run on the base that would be green."""
    tests.program.write_text(tests.program.read_text().replace('echo "3 passed', '[ -e silent ] || echo "3 passed'))
    drop(winnowd, project, "exp-1", 0.9, "silent")
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and "on the base" in log.reasons()["exp-1"]


def test_the_branch_is_made_at_the_commit_that_was_run_though_the_base_has_moved_since(winnowd, tests, project):
    first = project.tip
    (tests.directory / "hangs").touch()
    drop(winnowd, project, "exp-1", 0.9)
    log = winnowd.start()
    eventually(lambda: (tests.directory / "hanging").exists())
    project.advance({"more.txt": "x\n"})
    (tests.directory / "hangs").unlink()
    os.kill(int((tests.directory / "hanging").read_text()), signal.SIGTERM)
    log.wait(experiment="exp-1", decision="promoted")
    (pull,) = winnowd.forge.pulls()
    assert git("rev-parse", f"{pull.head}^", directory=project.bare) == first


def test_an_older_gitea_makes_the_branch_at_that_commit_too_though_the_base_moves_right_then(tmp_path, project, forge_of_kind):
    """It can only make a branch at the tip of the base."""
    forge, first = forge_of_kind("1.15"), project.tip
    daemon = Winnowd(tmp_path, forge).configure(validation={"base": "once"})

    def move(record):
        project.advance({"more.txt": "x\n"})
        git("push", "-q", forge.gitea.git_path, project.base, directory=project.work)

    forge.gitea.faults.add("pass", method="POST", path="/branches$", call=move)
    daemon.drop(improved(project))
    assert daemon.once().decisions() == {"exp-1": "promoted"} and project.tip != first
    assert forge.show("-s", "--format=%P", forge.branches()["experiment/exp-1"]) == first
    daemon.check_promises()


# One that does not.


def test_a_failure_is_run_again_at_once_and_a_pass_then_is_green_but_flaky(winnowd, tests, project):
    tests.fail(1)
    drop(winnowd, project, "exp-1", 0.9)
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"} and tests.runs[:2] == [project.tip] * 2
    event = log.wait(level="warning", msg=lambda msg: "flaky" in msg)
    assert event["commit"] == project.tip and "by chance" in event["reason"]
    # An experiment that fails on such a base is run twice.
    tests.fail(1)
    drop(winnowd, project, "exp-2", 0.8, "other")
    log = winnowd.once()
    assert log.decisions() == {"exp-2": "promoted"} and len(tests.runs) == 5
    assert "The base is flaky" in winnowd.forge.pulls()[1].body.split("### Metric")[0]
    drop(winnowd, project, "exp-3", 0.7, "broken")
    log = winnowd.once()
    assert log.decisions() == {"exp-3": "failed"} and len(tests.runs) == 7 and "broken" in log.reasons()["exp-3"]


def test_a_red_base_lets_the_one_pass_that_mends_it_and_its_pull_request_says_so(winnowd, tests, project):
    tests.turn_red()
    drop(winnowd, project, "exp-1", 0.9, "mended")
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"} and tests.runs.count(project.tip) == 2
    above = winnowd.forge.pulls()[0].body.split("### Metric")[0]
    assert "The base fails its own tests" in above and project.tip in above and "1 != 2" in above
    assert log.wait(level="warning", msg="base fails its tests")["commit"] == project.tip


def test_a_red_experiment_on_it_fails_not_and_the_queue_holds(winnowd, tests, project):
    tests.turn_red()
    drop(winnowd, project, "exp-1", 0.9)
    drop(winnowd, project, "exp-2", 0.8, "other")
    log = winnowd.once(status=UNREACHABLE)
    held(log, project)
    assert log.decisions() == {} and not winnowd.forge.branches() and not winnowd.forge.pulls()
    assert len(tests.runs) == 4  # twice the base, and each experiment once: it may be the one that mends it
    # A daemon tries it at once, and says in its status what holds it.
    log = winnowd.start()
    held(log, project)
    eventually(lambda: project.tip in (json.loads(winnowd.run_beside("--status", "--json")[1])["held"] or ""))
    status = winnowd.status()
    assert "validation.base" in status and "AssertionError" in status
    later = winnowd.directory / "exp-3.json"
    later.write_text(json.dumps(improved(project, "exp-3", 0.7)))
    code, said, _ = winnowd.run_beside("--check-result", str(later))
    assert code == UNREACHABLE and said.startswith("exp-3: queued, would be held: validation.base"), said
    # After SIGHUP it goes on with what was there all the time.
    tests.mend()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-2", decision="promoted")
    assert log.decisions() == {"exp-1": "promoted", "exp-2": "promoted"}


@pytest.mark.parametrize("change", ["the base moves", "an hour"])
def test_it_is_tried_again(winnowd, tests, project, change):
    clock = winnowd.clock.by_hand()
    winnowd.configure(forge={"poll": "100ms"})
    tests.turn_red()
    drop(winnowd, project, "exp-1", 0.9)
    log = winnowd.start()
    held(log, project)
    runs = len(tests.runs)
    if change == "an hour":
        tests.mend()
        clock.pass_by(3500)
        assert not log.all(msg=lambda msg: "begin again" in msg) and len(tests.runs) == runs
        clock.pass_by(200)
    else:
        project.advance({"mended": "x\n"})
    log.wait(experiment="exp-1", decision="promoted")
    assert tests.runs[runs] == project.tip


@pytest.mark.parametrize("metric, parallel", [("val_bpb", 2), ("accuracy", 2), ("val_bpb", 1), ("accuracy", 1)])
def test_a_green_one_goes_on_beside_a_red_one_that_holds_the_queue(winnowd, tests, project, metric, parallel):
    """It came later, and would have to wait for the one that is held. But it may be the one that mends the base."""
    winnowd.configure(queue={"parallel": parallel})
    tests.turn_red()
    winnowd.drop(improved(project, "exp-1", 0.9 if metric == "val_bpb" else 1.1, metric=metric))
    drop(winnowd, project, "exp-2", 0.8, "mended")
    if metric == "val_bpb":
        assert winnowd.once().decisions() == {"exp-2": "promoted", "exp-1": "superseded"}
        return
    log = winnowd.once(status=UNREACHABLE)
    held(log, project)
    assert log.decisions() == {"exp-2": "promoted"}


@pytest.mark.parametrize("order", ["arrival", "best"])
def test_each_result_has_one_turn_on_a_red_base_and_those_that_failed_have_another_once_it_is_mended(winnowd, tests, project, order):
    """One slot: the two that fail are out of the way of the one that mends the base, and come first after that."""
    winnowd.configure(queue={"order": order}, forge={"poll": "100ms"})
    tests.turn_red()
    log = winnowd.start()
    for name, after in (("exp-1", 0.9), ("exp-2", 0.85)) if order == "arrival" else (("exp-2", 0.85), ("exp-1", 0.8)):
        drop(winnowd, project, name, after, name)
        log.wait(experiment=name, msg="job goes back to an earlier step")
    drop(winnowd, project, "exp-3", 0.95, "mended")
    log.wait(experiment="exp-3", decision="promoted")
    assert log.decisions() == {"exp-3": "promoted"} and len(log.all(level="error", key="validation.base")) == 1
    project.advance({"mended": "x\n"})  # as its pull request does once it is merged
    log.wait(experiment="exp-1", decision="promoted")
    log.wait(experiment="exp-2", decision="promoted" if order == "arrival" else "superseded")


def test_a_pass_that_is_old_is_run_again_before_a_job_fails(winnowd, tests, project):
    """A dependency may have been released since."""
    clock = winnowd.clock.by_hand()
    log = winnowd.start()
    drop(winnowd, project, "exp-1", 0.9)
    log.wait(experiment="exp-1", decision="promoted")
    drop(winnowd, project, "exp-2", 0.8, "broken")
    log.wait(experiment="exp-2", decision="failed")
    assert tests.runs.count(project.tip) == 1  # its pass is a moment old
    clock.pass_by(3700)
    tests.turn_red()
    drop(winnowd, project, "exp-3", 0.7, "third")
    held(log, project)
    log.wait(experiment="exp-3", msg="job goes back to an earlier step")
    assert tests.runs.count(project.tip) == 3 and "exp-3" not in log.decisions()


def test_what_does_not_run_on_the_base_any_more_need_not_run_here(winnowd, tests, project):
    """The pass that an experiment was compared with was another one."""
    tests.program.write_text(tests.program.read_text().replace('echo "3 passed', '[ -e {0}/quiet ] || echo "3 passed'.replace("{0}", str(tests.directory))))
    clock = winnowd.clock.by_hand()
    log = winnowd.start()
    drop(winnowd, project, "exp-1", 0.9)
    log.wait(experiment="exp-1", decision="promoted")
    clock.pass_by(3700)
    (tests.directory / "quiet").touch()
    drop(winnowd, project, "exp-2", 0.8, "other")
    log.wait(experiment="exp-2", decision="promoted")
    assert tests.runs.count(project.tip) == 2 and len(tests.runs) == 4


def test_a_command_that_the_base_lacks_too_holds(winnowd, tests, project):
    winnowd.configure(validation={"command": ["./check"]})
    drop(winnowd, project, "exp-1", 0.9)
    log = winnowd.once(status=UNREACHABLE)
    event = log.wait(level="error", key="validation.base")
    assert project.tip in event["reason"] and "./check" in event["reason"] and log.decisions() == {}


def test_what_starts_nothing_is_tried_each_minute_and_goes_on_once_it_is_mended(winnowd, tests, project):
    """Nobody says that a launcher works again, and no base moves. Meanwhile the base alone is tried, and the log says it once."""
    launcher = tests.directory / "launch"
    launcher.write_text('#!/bin/sh\necho >>"$0.tried"; exec /no/such/program "$@"\n')
    launcher.chmod(0o755)
    winnowd.configure(validation={"launcher": [str(launcher)]})
    log = winnowd.start()
    drop(winnowd, project, "exp-1", 0.9)
    log.wait(level="error", key="validation.launcher")
    tried = pathlib.Path(f"{launcher}.tried")
    before = tried.stat().st_size
    winnowd.clock.pass_in_pause(61)
    eventually(lambda: tried.stat().st_size > before)
    launcher.write_text('#!/bin/sh\nexec "$@"\n')
    winnowd.clock.pass_in_pause(61)
    log.wait(experiment="exp-1", decision="promoted")
    assert len(log.all(level="error", key="validation.launcher")) == 1
    assert len(log.all(msg="step started", step="branch")) == 2, log.text


def test_untested_on_the_base_as_well_is_no_failure_of_the_experiment(winnowd, tests, project):
    winnowd.configure(validation={"command": ["echo", "no tests ran in 0.01s"]})
    drop(winnowd, project, "exp-1", 0.9)
    log = winnowd.once(status=UNREACHABLE)
    assert "no test was run" in log.wait(level="error", key="validation.base")["reason"] and log.decisions() == {}


# Otherwise configured.


def test_on_failure_it_is_run_after_an_experiment_failed_only(winnowd, tests, project):
    winnowd.configure(validation={"base": "on_failure"})
    drop(winnowd, project, "exp-1", 0.9)
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"} and project.tip not in tests.runs
    assert not log.all(step="base")
    drop(winnowd, project, "exp-2", 0.8, "broken")
    log = winnowd.once()
    assert log.decisions() == {"exp-2": "failed"} and tests.runs.count(project.tip) == 1
    tests.turn_red()
    project.advance({"more.txt": "x\n"})
    drop(winnowd, project, "exp-3", 0.7, "third")
    log = winnowd.once(status=UNREACHABLE)
    held(log, project)


def test_never_it_is_never(winnowd, tests, project):
    winnowd.configure(validation={"base": "never"})
    tests.turn_red()
    drop(winnowd, project, "exp-1", 0.9)
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and project.tip not in tests.runs and not log.all(step="base")


def test_what_is_known_of_the_base_is_shown(winnowd, tests, project):
    tests.fail(1)
    drop(winnowd, project, "exp-1", 0.9)
    winnowd.once()
    status, said, _ = winnowd.run_beside("--check-config")
    assert status == 0 and "validation.base: once" in said
    assert "flaky" in next(line for line in said.splitlines() if project.tip in line)
    assert "flaky" in next(line for line in winnowd.status().splitlines() if line.startswith("base"))
    known = json.loads(winnowd.run_beside("--status", "--json")[1])["base"]
    assert (known["commit"], known["state"]) == (project.tip, "flaky") and "by chance" in known["reason"]


# Ends in the middle.


def test_a_kill_in_the_middle_leaves_nothing_behind(winnowd, tests, project):
    (tests.directory / "hangs").touch()
    drop(winnowd, project, "exp-1", 0.9)
    winnowd.start()
    hanging = tests.directory / "hanging"
    eventually(hanging.exists)
    hanging.unlink()
    winnowd.kill()
    winnowd.start()
    eventually(hanging.exists)
    eventually(lambda: processes_with(str(tests.directory)))  # the script says that it hangs just before it does
    assert len(processes_with(str(tests.directory))) == 1  # the one before was ended
    assert winnowd.stop() == 0  # no slower than at any other step
    assert not processes_with(str(tests.directory))
    (tests.directory / "hangs").unlink()
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"} and len(winnowd.forge.branches()) == 1
    assert list((winnowd.state / "checkouts").glob("*")) == []
    with sqlite3.connect(winnowd.state / "winnowd.db") as store:
        assert store.execute("SELECT base, passed FROM bases").fetchall() == [(project.tip, 1)]


@pytest.mark.parametrize("settings", first_of(["the same settings", "other settings"]))
def test_a_kill_while_the_base_is_run_after_a_failure_leads_to_no_second_run_under(winnowd, tests, project, settings):
    winnowd.configure(validation={"base": "on_failure"})
    drop(winnowd, project, "exp-1", 0.9, "broken")
    (tests.directory / "stalls").touch()  # the run on the base, which follows
    winnowd.start()
    eventually((tests.directory / "hanging").exists)
    (experiment, base) = tests.runs
    winnowd.kill()
    (tests.directory / "hangs").unlink()
    if settings == "other settings":  # by these it may pass
        winnowd.configure(validation={"environment": {"SEED": "1"}})
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and "broken" in log.reasons()["exp-1"]
    assert base == project.tip and tests.runs[2:] == ([base] if settings == "the same settings" else [experiment, base])


def test_a_failure_from_before_a_reload_does_not_make_the_base_flaky(winnowd, tests, project):
    """Nor does it make the base red: after a reload something may be mended."""
    (tests.directory / "hangs").touch()
    drop(winnowd, project, "exp-1", 0.9)
    log = winnowd.start()
    eventually((tests.directory / "hanging").exists)
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    (tests.directory / "hangs").unlink()
    os.kill(int((tests.directory / "hanging").read_text()), signal.SIGTERM)
    log.wait(experiment="exp-1", decision="promoted")
    assert log.all(msg="base passes its tests") and not log.all(msg=lambda msg: "flaky" in msg)


def test_a_kill_in_the_second_run_on_a_flaky_base_leads_to_no_third(winnowd, tests, project):
    tests.fail(1)
    drop(winnowd, project, "exp-1", 0.9, "broken")
    (tests.directory / "stalls").touch()  # the run after the first that finds it broken
    winnowd.start()
    eventually((tests.directory / "hanging").exists)
    assert len(tests.runs) == 4  # two on the base, and two of the experiment
    winnowd.kill()
    (tests.directory / "hangs").unlink()
    assert winnowd.once().decisions() == {"exp-1": "failed"} and len(tests.runs) == 5
