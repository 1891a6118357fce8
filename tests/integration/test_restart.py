"""Promise: nothing is lost and nothing is done twice over a restart or a crash."""

import contextlib
import fcntl
import json
import os
import shutil
import sqlite3

import pytest
from exhaustive import first_of
from harness import appears, result
from machine import eventually

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


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_what_passed_is_not_run_again(winnowd, project, forge, how):
    """It waited for its turn, which those that arrived before it have first."""
    runs, go = winnowd.directory / "runs", winnowd.directory / "go"
    script = (
        f"set -e; id=$(git log -1 --format=%B | sed -n 's/^Experiment-Id: //p'); echo $id >>{runs}; echo passed $id\n"
        f"if [ $id = exp-1 ]; then while [ ! -e {go} ]; do sleep 0.02; done; fi"
    )
    winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none"}, queue={"parallel": 2})
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65), **IMPROVED))
    log.wait(experiment="exp-1", msg="step started", step="validate")
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13), **IMPROVED))
    log.wait(experiment="exp-2", msg="step ended", step="validate")
    if how == "kill":
        winnowd.kill()
    else:
        assert winnowd.stop() == 0
    go.touch()
    assert winnowd.once().decisions() == {"exp-1": "promoted", "exp-2": "promoted"}
    assert runs.read_text().split().count("exp-2") == 1
    first, second = forge.pulls()
    assert "passed exp-2" in second.body and '"before":0.9,' in second.body, second.body


def test_a_queue_survives(winnowd, project, forge):
    go = a_gate_of_files(winnowd)
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65), **IMPROVED))
    log.wait(experiment="exp-1", step="validate")
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    winnowd.drop(result("exp-3", 2.0, **IMPROVED))
    log.wait(experiment="exp-3", decision="discarded")
    eventually(lambda: winnowd.waiting() == [])
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


# However many there are.


RESULT = (
    "INSERT INTO results (experiment_id, scope, metric, status, after, before, has_change, file_name, modified_ns,"
    " digest, received_ms, job) VALUES (?, ?, 'val_bpb', ?, 0.9, 1.0, 1, ?, ?, 'x', 1, ?)"
)
JOB = (
    "INSERT INTO jobs (result, state, step, started, attempt, faulty_since_ms, pull, outcome, reason, failed_step)"
    " VALUES (last_insert_rowid(), 1, 'branch', 1, 0, 0, 0, 'failed', 'x', 'validate')"
)
BRANCH = "INSERT INTO findings VALUES (last_insert_rowid(), 'branch', ?)"


def store_of(winnowd):
    winnowd.once()
    return contextlib.closing(sqlite3.connect(winnowd.state / "winnowd.db"))


def leave_undone(winnowd, count, base=""):
    """Jobs of an earlier life whose undo is left to be done; with a base, that of their branch is."""
    names = [f"undone-{number:03}" for number in range(count)]
    with store_of(winnowd) as store, store:
        for number, name in enumerate(names, 1):
            store.execute(RESULT, (name, "", "ok", f"{name}.json", number, number))
            store.execute(JOB)
            if base:
                store.execute(BRANCH, (json.dumps({"posted_ms": 1, "base_then": base, "base": base}),))
    return names


def test_all_that_was_under_way_is_taken_up(winnowd):
    names = leave_undone(winnowd, 260)
    assert winnowd.once().decisions() == dict.fromkeys(names, "failed")


def test_undos_go_by_eights_and_take_no_jobs_place(winnowd, project, forge):
    names = leave_undone(winnowd, 20, project.tip)
    for name in names:
        forge.create_branch(f"experiment/{name}")
    # git stops where it is to delete a branch, until the test says so.
    folder, begun, go = (winnowd.directory / name for name in ("programs", "begun", "go"))
    folder.mkdir()
    (folder / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *push*:refs/heads/*undone*) echo x >>{begun}\n'
        f'while [ ! -e {go} ]; do sleep 0.05; done;; esac\nexec {shutil.which("git", path="/usr/bin:/bin")} "$@"\n'
    )
    (folder / "git").chmod(0o755)
    winnowd.environment["PATH"] = f"{folder}:{winnowd.environment['PATH']}"
    winnowd.drop(result("good", 0.8, diff=project.tweak(WIDTH=65), **IMPROVED))
    log = winnowd.start()
    log.wait(experiment="good", decision="promoted")
    assert appears(begun)
    eventually(lambda: len(begun.read_text()) >= 2 * 8)
    assert len(begun.read_text()) == 2 * 8
    go.touch()
    for name in names:
        log.wait(experiment=name, decision="failed")
    assert set(forge.branches()) == {"experiment/good"}


def test_a_thousand_lanes_hide_none(winnowd, project):
    """All but the last wait for a pull request to be settled."""
    winnowd.configure(queue={"max_open_pulls": 1})
    winnowd.drop(result("first", 0.9, diff=project.tweak(WIDTH=65), **IMPROVED))
    with store_of(winnowd) as store, store:
        for number in range(1100):
            store.execute(RESULT, (f"exp-{number}", f"s{number:04}", "ok", f"{number}.json", number, 0))
        store.execute(RESULT, ("last", "t", "baseline", "last.json", 1, 0))
    assert winnowd.once().decisions() == {"last": "baseline"}


# What is large is removed beside the work.


@pytest.fixture
def remover_waits(winnowd):
    """The child that removes what is left has not ended, as if there were millions of files."""
    folder = winnowd.state / "checkouts/.removed"
    folder.mkdir(parents=True)
    lock = os.open(folder, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield folder
    os.close(lock)
    eventually(lambda: not folder.exists())


@pytest.mark.parametrize("ended", ["kill", "stop"])
def test_nobody_waits_for_a_large_checkout(winnowd, project, remover_waits, ended):
    """Neither the start nor the job that needs its name, nor the end."""
    left = winnowd.state / "checkouts/exp-1/source/left"
    left.parent.mkdir(parents=True)
    left.write_text("by an earlier daemon")
    begun, go = winnowd.directory / "begun", winnowd.directory / "go"
    script = f"touch new {begun}; while [ ! -e {go} ]; do sleep 0.05; done"
    winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none"})
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65), **IMPROVED))
    log.wait(experiment="exp-1", msg="step started", step="validate")
    eventually(begun.exists)
    assert (left.parent / "new").exists() and not left.exists()
    assert (remover_waits / "0/source/left").read_text() == "by an earlier daemon"
    if ended == "stop":
        assert winnowd.stop() == 0
        assert (remover_waits / "1/source/new").exists(), "what the validation left was not set aside"
    else:
        winnowd.kill()
    go.touch()
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert (remover_waits / "0/source/left").exists()
