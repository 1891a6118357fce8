"""Restarts and crashes: nothing is lost, nothing is done twice."""

import pytest
from exhaustive import first_of
from harness import result

IMPROVED = {"metric_before": 1.0}


def a_gate_of_files(winnowd):
    """A validation that says it has begun, and ends when the test says so."""
    begun, go = winnowd.directory / "begun", winnowd.directory / "go"
    script = f"touch {begun}; while [ ! -e {go} ]; do sleep 0.05; done"
    winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none"})
    return go


@pytest.mark.representative
@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_job_goes_on_after_a_restart(winnowd, project, forge, how):
    go = a_gate_of_files(winnowd)
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65), **IMPROVED))
    log.wait(experiment="exp-1", step="validate")
    if how == "kill":
        winnowd.kill()
    else:
        assert winnowd.stop() == 0
    assert set(forge.branches()) == {"experiment/exp-1"} and forge.pulls() == []
    go.touch()
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert [pull.head for pull in forge.pulls()] == ["experiment/exp-1"]


def test_a_queue_survives(winnowd, project, forge):
    go = a_gate_of_files(winnowd)
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65), **IMPROVED))
    log.wait(experiment="exp-1", step="validate")
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    winnowd.drop(result("exp-3", 2.0, **IMPROVED))
    log.wait(experiment="exp-3", decision="discarded")
    winnowd.kill()
    assert winnowd.archived() == ["exp-1.json", "exp-2.json", "exp-3.json"]
    go.touch()
    assert winnowd.once().decisions() == {"exp-1": "promoted", "exp-2": "promoted"}


def test_decisions_are_remembered(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    winnowd.once()
    winnowd.drop(result("exp-2", 1.5))
    assert winnowd.once().decisions() == {"exp-2": "discarded"}


def test_a_file_met_again_because_of_a_crash_is_no_duplicate(winnowd, project):
    """A file that is back in the spool under its name, with its inode, was never moved."""
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    winnowd.drop(result("exp-2", 0.9, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-2", decision="promoted")
    winnowd.kill()
    assert winnowd.once().decisions() == {}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", first_of([5, 2, 9]))
def test_a_crash_at_a_git_call(winnowd, project, forge, wrapper, number, when):
    winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65), **IMPROVED))
    wrapper.kill_at(number, when)
    winnowd.write_configuration()
    status, _, first = winnowd.run("--once")
    decided = first.decisions()
    assert status in (-9, 137) or decided == {"exp-1": "promoted"}, first.text
    wrapper.reset()
    assert {**decided, **winnowd.once().decisions()} == {"exp-1": "promoted"}
    assert [pull.head for pull in forge.pulls()] == ["experiment/exp-1"]


def test_git_processes_of_a_promotion_are_few(winnowd, project, wrapper):
    winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65), **IMPROVED))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert 0 < len(wrapper.calls()) <= 40, wrapper.calls()


def test_results_that_need_no_promotion_start_no_git(winnowd, wrapper):
    for number in range(20):
        winnowd.drop(result(f"exp-{number}", 1.0 + number))
    log = winnowd.start()
    log.wait(experiment="exp-19", decision="discarded")
    log.wait(msg="forge answers")
    calls = len(wrapper.calls())
    for number in range(20, 40):
        winnowd.drop(result(f"exp-{number}", 1.0 + number))
    log.wait(experiment="exp-39", decision="discarded")
    assert len(wrapper.calls()) == calls


def test_a_state_of_a_later_version_is_refused(winnowd):
    import sqlite3

    winnowd.drop(result("exp-1", 1.0))
    winnowd.once()
    (path,) = [path for path in winnowd.state.iterdir() if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"]
    with sqlite3.connect(path) as store:
        store.execute("PRAGMA user_version = 1000000")
    store.close()
    winnowd.once(status=74)


def test_a_state_that_is_no_database_is_refused(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    winnowd.once()
    (path,) = [path for path in winnowd.state.iterdir() if path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"]
    for other in winnowd.state.glob(f"{path.name}-*"):
        other.unlink()
    path.write_bytes(b"garbage" * 1000)
    winnowd.once(status=74)
