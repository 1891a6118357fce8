"""Promise: what becomes of a pull request counts for what was decided because of it.

A person merges it, closes it or opens it again, after its job. The tests also look at which result goes first.
"""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3

import pytest
from harness import alone_in, appears, git, result
from machine import eventually

SETTLED = {"merged": "pull request merged", "closed": "pull request closed unmerged; its value leaves the frontier"}


@pytest.fixture(autouse=True)
def often(winnowd):
    winnowd.configure(forge={"poll": "1s"}, pulls={"refresh": "never"})


def settle(winnowd, log, number, state):
    winnowd.forge.set_state(number, state)
    return log.wait(pull=number, msg=SETTLED[state])


def improved(project, experiment_id, after, **more):
    return result(experiment_id, after, **{"diff": project.tweak(WIDTH=65), **more})


def promoted(winnowd, log, project, experiment_id, after, **more):
    winnowd.drop(improved(project, experiment_id, after, **more))
    return int(log.wait(experiment=experiment_id, decision="promoted")["pull"])


def started_with_a_baseline(winnowd, value=1.0):
    log = winnowd.start()
    winnowd.drop(result("first", value))
    log.wait(experiment="first", decision="baseline")
    return log


def test_whether_it_can_be_merged_is_known_where_nothing_is_refreshed(winnowd, project):
    log = started_with_a_baseline(winnowd)
    promoted(winnowd, log, project, "exp-1", 0.9)
    mergeable = lambda: json.loads(winnowd.run_beside("--status", "--json")[1])["pulls"][0]["mergeable"]
    assert mergeable() is True
    project.advance({"train.py": "WIDTH = 999\n"})
    eventually(lambda: mergeable() is False)
    assert not log.all(step="look") and not log.all(msg="step failed")


# The frontier.


@pytest.mark.representative
def test_merged_confirms_the_frontier(winnowd, project):
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.9)
    winnowd.drop(improved(project, "exp-2", 0.95))
    log.wait(experiment="exp-2", decision="discarded")
    assert settle(winnowd, log, number, "merged")["requeued"] == "0"
    winnowd.drop(improved(project, "exp-3", 0.92))
    log.wait(experiment="exp-3", decision="discarded")
    assert winnowd.stop() == 0
    # What is settled is not looked at again, whatever somebody writes there.
    winnowd.forge.set_state(number, "closed")
    winnowd.drop(improved(project, "exp-4", 0.92))
    assert winnowd.once().decisions() == {"exp-4": "discarded"}


@pytest.mark.representative
def test_closed_leaves_the_frontier_and_others_are_judged_anew(winnowd, project, forge):
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    tip = forge.branches()["experiment/exp-1"]
    winnowd.drop(improved(project, "better", 0.9, diff=project.tweak(DEPTH=13)))
    winnowd.drop(improved(project, "best", 0.85, diff=project.tweak(RATE=0.002)))
    winnowd.drop(result("same", 0.9, status="discard"))
    winnowd.drop(improved(project, "worse", 1.5))
    winnowd.drop(improved(project, "by-itself", 0.88, metric_before=0.87))
    for name in ("better", "best", "same", "worse", "by-itself"):
        log.wait(experiment=name, decision="discarded")
    assert settle(winnowd, log, number, "closed")["requeued"] == "4"
    log.wait(experiment="best", decision="promoted")
    for name in ("worse", "by-itself"):
        assert log.wait_until(lambda name=name: len(log.all(experiment=name, decision="discarded")) == 2)
    assert winnowd.stop() == 0
    decisions = {name: [event["decision"] for event in log.all(experiment=name) if event.get("decision") not in (None, "queued")]
                 for name in ("exp-1", "better", "best", "same", "worse", "by-itself")}  # fmt: skip
    assert decisions == {
        "exp-1": ["promoted"], "better": ["discarded", "promoted"], "best": ["discarded", "promoted"],
        "same": ["discarded"], "worse": ["discarded"] * 2, "by-itself": ["discarded"] * 2,
    }  # fmt: skip
    # A true "before": of what was there when its turn came.
    assert [event["before"] for event in log.all(decision="promoted")] == ["1", "1", "0.9"]
    # Nothing of the one that was closed is gone.
    assert forge.branches()["experiment/exp-1"] == tip
    assert forge.pulls()[0].state == "closed" and forge.pulls()[0].body


def test_what_a_job_lost_its_turn_to_is_judged_anew(winnowd, project):
    """Overtaken while it waited: superseded first, and promoted once the better one was closed."""
    winnowd.configure(queue={"order": "best"})
    winnowd.drop(result("first", 1.0))
    for name, after, setting in (("good", 0.9, "WIDTH"), ("best", 0.7, "DEPTH"), ("better", 0.8, "WARMUP")):
        winnowd.drop(improved(project, name, after, diff=project.tweak(**{setting: 13})))
    log = winnowd.once()
    assert log.decisions() == {"first": "baseline", "best": "promoted", "better": "superseded", "good": "superseded"}
    winnowd.forge.set_state(1, "closed")
    log = winnowd.start()
    log.wait(experiment="better", decision="promoted")
    log.wait(experiment="good", decision="superseded")
    settle(winnowd, log, 2, "closed")
    log.wait(experiment="good", decision="promoted")


def overtaken_in_its_tests(winnowd, project, log):
    """One that is beaten while its tests run, by one that arrived before it; "go" ends its tests."""
    script = f"if [ -e slow ]; then while [ ! -e {winnowd.directory}/go ]; do sleep 0.02; done; fi"
    winnowd.configure(queue={"parallel": 2}, validation={"command": ["sh", "-c", script], "sandbox": "none"})
    log = log or started_with_a_baseline(winnowd)
    slow = project.experiment({"slow": "yes\n"})[1]
    winnowd.drop(improved(project, "beaten", 0.9, diff=slow), age=1)
    log.wait(experiment="beaten", msg="step started", step="validate")
    winnowd.drop(improved(project, "better", 0.8), age=100)
    log.wait(experiment="better", decision="promoted")
    return log


def test_a_crash_does_not_forget_what_it_lost_to(winnowd, project, wrapper):
    winnowd.configure(forge={"poll": "1h"})  # gits are counted here
    log = overtaken_in_its_tests(winnowd, project, None)
    wrapper.kill_at(len(wrapper.calls()) + 1, "before")  # its branch is to be deleted
    (winnowd.directory / "go").touch()
    winnowd.ended()
    assert log.all(experiment="beaten", msg="undo started", step="branch")
    wrapper.reset()
    winnowd.configure(forge={"poll": "1s"})
    log = winnowd.start()
    log.wait(experiment="beaten", decision="discarded")
    settle(winnowd, log, 1, "closed")
    log.wait(experiment="beaten", decision="promoted")


def test_what_it_lost_to_is_closed_while_it_is_undone(winnowd, project):
    log = overtaken_in_its_tests(winnowd, project, None)
    lock = project.bare / "refs/heads/experiment/beaten.lock"
    lock.touch()  # somebody is at its branch: it cannot be deleted now
    (winnowd.directory / "go").touch()
    log.wait(experiment="beaten", msg="undo could not be done now; trying again")
    settle(winnowd, log, 1, "closed")
    lock.unlink()
    log.wait(experiment="beaten", decision="promoted")
    assert [event["decision"] for event in log.all(experiment="beaten", decision=True)] == ["queued", "discarded", "promoted"]


def change_store(winnowd, *statements):
    """As a crash between two transactions leaves it."""
    with contextlib.closing(sqlite3.connect(winnowd.state / "winnowd.db")) as store, store:
        for statement in statements:
            assert store.execute(statement).rowcount == 1, statement


@pytest.mark.parametrize("state, decision", [("closed", "promoted"), ("merged", "discarded")])
def test_a_crash_while_others_are_queued_again(winnowd, project, state, decision):
    log = started_with_a_baseline(winnowd)
    promoted(winnowd, log, project, "exp-1", 0.8)
    winnowd.drop(improved(project, "exp-2", 0.9))
    log.wait(experiment="exp-2", decision="discarded")
    assert winnowd.stop() == 0
    winnowd.forge.set_state(1, state)
    counts, word = (0, "closing") if state == "closed" else (1, "merging")
    change_store(winnowd, f"UPDATE results SET pull_state = '{word}', counts = {counts} WHERE experiment_id = 'exp-1'")
    log = winnowd.start()
    log.wait(msg=SETTLED[state], experiment="exp-1", pull=1)
    winnowd.drop(improved(project, "exp-3", 0.95, diff=project.tweak(DEPTH=13)))
    log.wait(experiment="exp-3", decision="discarded")
    assert log.decisions().get("exp-2", "discarded") == decision


@pytest.mark.parametrize("kept", [True, False], ids=["its tests are known", "left by an earlier version"])
def test_the_text_for_an_old_reference_is_not_found_again(winnowd, project, forge, wrapper, kept):
    """It was written before a crash, and what it is measured against has changed. The tests run again only
    where what they said is not known."""
    runs, go = winnowd.directory / "runs", winnowd.directory / "go"
    go.touch()
    script = f"echo x >>{runs}; while [ ! -e {go} ]; do sleep 0.02; done"
    winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none"}, forge={"poll": "1h"})
    log = started_with_a_baseline(winnowd)  # gits are counted here
    promoted(winnowd, log, project, "exp-1", 0.9)
    go.unlink()
    winnowd.drop(improved(project, "exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    eventually(lambda: runs.read_text().count("x") == 2)
    wrapper.kill_at(len(wrapper.calls()) + 1, "before")  # the push
    go.touch()
    winnowd.ended()
    wrapper.reset()
    winnowd.forge.set_state(1, "closed")
    change_store(winnowd, "INSERT INTO findings SELECT id, 'describe', '{\"title\": \"t\", \"body\": \"b\", \"reference\": 0.9}'"
                          " FROM jobs WHERE state = 0",
                 "UPDATE results SET pull_state = 'closed', counts = 0 WHERE experiment_id = 'exp-1'")  # fmt: skip
    if not kept:
        change_store(winnowd, "DELETE FROM findings WHERE step = 'validate'")
    log = winnowd.once()
    assert log.decisions() == {"exp-2": "promoted"}
    assert '"before":1,' in forge.pulls()[1].body
    assert len(log.all(experiment="exp-2", msg="job goes back to an earlier step", step="compose")) == (not kept)
    assert len(runs.read_text().split()) == (2 if kept else 3)


def test_thousands_that_wait_block_nothing(winnowd, project):
    """All of them equal; put back into the queue all at once; overtaken all at once."""
    winnowd.configure(queue={"order": "best"}, log={"level": "info"})
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.5)
    diff = project.tweak(DEPTH=13)
    names = [f"many-{number}" for number in range(4000)]
    for name in names:
        winnowd.drop(result(name, 0.9, diff=diff))
    assert log.wait_until(lambda: log.text.count("decision=superseded") + log.text.count("decision=discarded") == 4000)
    taking_in = seconds_worked(winnowd)
    assert settle(winnowd, log, number, "closed")["requeued"] == "4000"
    winner = log.wait(decision="promoted", experiment=lambda name: name.startswith("many-"))["experiment"]
    assert winner == names[0]
    assert log.wait_until(lambda: log.text.count("decision=superseded") + log.text.count("decision=discarded") == 7999)
    # The processor's time, compared with what taking them in has cost on the same machine. All of it together
    # was half a second on a fast one, and more than four where each of them was looked for among all.
    assert seconds_worked(winnowd) - taking_in < 4 * taking_in


def seconds_worked(winnowd):
    fields = pathlib.Path(f"/proc/{winnowd.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_closed_and_nothing_else_to_compare_with(winnowd, project):
    """Its value was the only one: the next result sets the frontier."""
    log = winnowd.start()
    number = promoted(winnowd, log, project, "exp-1", 0.9, metric_before=1.0)
    settle(winnowd, log, number, "closed")
    winnowd.drop(result("exp-2", 0.95))
    log.wait(experiment="exp-2", decision="baseline")


def test_a_result_without_change_does_not_get_further(winnowd, project):
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    winnowd.drop(result("bare", 0.9))
    log.wait(experiment="bare", decision="discarded")
    settle(winnowd, log, number, "closed")
    log.wait(experiment="bare", decision="rejected")
    eventually(lambda: list(winnowd.rejected()) == ["bare.json"])


def test_settled_while_nobody_looked(winnowd, project):
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    winnowd.drop(improved(project, "exp-2", 0.9))
    log.wait(experiment="exp-2", decision="discarded")
    winnowd.kill()
    winnowd.forge.set_state(number, "closed")
    log = winnowd.start()
    log.wait(experiment="exp-2", decision="promoted")
    assert len(log.all(msg=SETTLED["closed"])) == 1


def test_a_poll_of_0_is_never(winnowd, project):
    winnowd.configure(forge={"poll": "0s"})
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    winnowd.forge.set_state(number, "closed")
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    promoted(winnowd, log, project, "exp-2", 0.7)
    winnowd.drop(improved(project, "exp-3", 0.9))
    log.wait(experiment="exp-3", decision="discarded")
    assert log.all(msg=SETTLED["closed"]) == []


def test_a_file_that_was_taken_away_is_a_closed_pull_request(winnowd, project, forge):
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    (forge.outbox / f"{number}.json").unlink()
    gone = log.wait(msg="pull request is gone from the forge; taken as closed unmerged", level="warning")
    assert gone["pull"] == str(number)
    log.wait(pull=number, msg=SETTLED["closed"])
    promoted(winnowd, log, project, "exp-2", 0.9)
    git("update-ref", "-d", "refs/heads/experiment/exp-1", directory=project.bare)


def test_an_outbox_that_is_away_closes_nothing(winnowd, project, forge):
    log = started_with_a_baseline(winnowd)
    promoted(winnowd, log, project, "exp-1", 0.8)
    away = forge.outbox.with_name("away")
    forge.outbox.rename(away)
    winnowd.process.send_signal(signal.SIGHUP)  # it is looked for at once
    log.wait(msg="configuration reloaded")
    winnowd.drop(improved(project, "exp-2", 0.9))
    log.wait(experiment="exp-2", decision="discarded")
    assert log.all(msg=SETTLED["closed"]) == []
    away.rename(forge.outbox)
    settle(winnowd, log, 1, "merged")


@pytest.mark.parametrize("state, word", [("closed", "Closed"), ("merged", "MERGED")])
def test_a_state_in_any_case_of_letters(winnowd, project, state, word):
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    winnowd.forge.set_state(number, word)
    log.wait(pull=number, msg=SETTLED[state])


def test_a_file_that_cannot_be_read_stops_nothing_else(winnowd, project, forge):
    log = started_with_a_baseline(winnowd)
    promoted(winnowd, log, project, "exp-1", 0.8)
    number = promoted(winnowd, log, project, "exp-2", 0.7)
    whole = (forge.outbox / "1.json").read_text(encoding="utf-8")
    (forge.outbox / "1.json").write_text('{"number": 1,')
    told = log.wait(msg="pull request could not be checked", level="warning")
    assert told["pull"] == "1" and "1.json" in told["reason"]
    settle(winnowd, log, number, "closed")
    promoted_after = promoted(winnowd, log, project, "exp-3", 0.6)
    assert promoted_after == 3 and not log.all(msg="forge cannot be used now; jobs wait")
    reasons = [event["reason"] for event in log.all(msg="pull request could not be checked")]
    assert len(reasons) == len(set(reasons)), "it is told again at each look"
    (forge.outbox / "1.json").write_text(whole, encoding="utf-8")
    settle(winnowd, log, 1, "merged")


def test_a_script_and_the_daemon_take_turns(winnowd, project, forge):
    """Who reads a file and writes it back holds the lock on the directory meanwhile."""
    winnowd.configure(forge={"labels": ["experiment"], "reviewers": ["Timmy"]})
    forge.outbox.mkdir()
    with alone_in(forge.outbox):
        log = started_with_a_baseline(winnowd)
        winnowd.drop(improved(project, "exp-1", 0.8))
        log.wait(experiment="exp-1", step="pull", msg="step started")
        log.wait(experiment="exp-1", step="pull", msg="step could not be done now; trying again", reason=lambda text: "lock" in text)
        assert forge.pulls() == []
    log.wait(experiment="exp-1", decision="promoted")
    assert [(pull.labels, pull.reviewers) for pull in forge.pulls()] == [(["experiment"], ["Timmy"])]


# Judged until the end.


def gated(winnowd, **queue):
    """Tests of a change that brings a file "slow" end when the test says so: go("what it holds")."""
    script = f'echo x >>{winnowd.directory}/runs; [ ! -e slow ] || while [ ! -e {winnowd.directory}/go-$(cat slow) ]; do sleep 0.02; done'
    winnowd.configure(queue=queue, validation={"command": ["sh", "-c", script], "sandbox": "none"})
    return lambda name: (winnowd.directory / f"go-{name}").touch()


def slow(project, name):
    return project.experiment({"slow": name})[1]


def validating(winnowd, log, project, name, after, age, **more):
    winnowd.drop(improved(project, name, after, diff=slow(project, name), **more), age=age)
    log.wait(experiment=name, msg="step started", step="validate")


def test_left_alone_it_is_the_first_value(winnowd, project, forge):
    """The only value that there was is gone by the time its tests have ended."""
    go = gated(winnowd, parallel=2)
    log = winnowd.start()
    number = promoted(winnowd, log, project, "exp-1", 0.9, metric_before=1.0)
    validating(winnowd, log, project, "exp-2", 0.8, 10)
    settle(winnowd, log, number, "closed")
    winnowd.drop(improved(project, "exp-3", 0.85), age=5)
    log.wait(experiment="exp-3", msg="result queued")
    go("exp-2")
    assert "before" not in log.wait(experiment="exp-2", decision="baseline")
    log.wait(experiment="exp-3", decision="discarded")
    assert set(forge.branches()) == {"experiment/exp-1"}


@pytest.mark.parametrize("parallel", [1, 3])
def test_who_arrived_earlier_goes_first(winnowd, project, parallel):
    """However late it is: until the younger one's pull request is being opened."""
    go = gated(winnowd, parallel=parallel)
    log = started_with_a_baseline(winnowd)
    validating(winnowd, log, project, "young", 0.9, 10)
    winnowd.drop(improved(project, "old", 0.8, diff=slow(project, "old")), age=100)
    log.wait(experiment="old", msg="result queued")
    go("young")
    log.wait(experiment="old", msg="step started", step="validate")
    go("old")
    assert log.wait(experiment="old", decision="promoted")["before"] == "1"
    log.wait(experiment="young", decision="discarded")


def test_judged_again_before_the_pull_request(winnowd, project, forge):
    """The branch has moved already: it goes when an older one is better."""
    gated(winnowd, parallel=2)
    folder, begun, go = (winnowd.directory / name for name in ("programs", "begun", "go"))
    folder.mkdir()
    (folder / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *push*experiment/young*) touch {begun}; while [ ! -e {go} ]; do sleep 0.02; done;; esac\n'
        f'exec {shutil.which("git", path="/usr/bin:/bin")} "$@"\n'
    )
    (folder / "git").chmod(0o755)
    winnowd.environment["PATH"] = f"{folder}:{winnowd.environment['PATH']}"
    log = started_with_a_baseline(winnowd)
    winnowd.drop(improved(project, "young", 0.9, diff=project.tweak(DEPTH=13)), age=10)
    assert appears(begun)
    winnowd.drop(improved(project, "old", 0.8), age=100)
    log.wait(experiment="old", msg="step ended", step="validate")
    go.touch()
    assert log.wait(experiment="old", decision="promoted")["before"] == "1"
    log.wait(experiment="young", decision="discarded")
    assert set(forge.branches()) == {"experiment/old"} and len(forge.pulls()) == 1


@pytest.mark.parametrize("after, decision", [(0.8, "promoted"), (0.95, "superseded")])
def test_who_opens_a_pull_request_goes_first(winnowd, project, forge, after, decision):
    winnowd.configure(queue={"parallel": 2})
    log = started_with_a_baseline(winnowd)
    forge.outbox.mkdir(exist_ok=True)
    with alone_in(forge.outbox):  # somebody writes there: it cannot be opened yet
        winnowd.drop(improved(project, "young", 0.9, diff=project.tweak(DEPTH=13)), age=10)
        log.wait(experiment="young", step="pull", msg="step could not be done now; trying again")
        winnowd.drop(improved(project, "old", after), age=100)
        log.wait(experiment="old", msg="result queued")
    assert log.wait(experiment="young", decision="promoted")["before"] == "1"
    assert log.wait(experiment="old", decision=decision)["before"] == "0.9"


def test_at_the_limit_an_older_one_does_not_hold_up(winnowd, project):
    go = gated(winnowd, parallel=2, max_open_pulls=1)
    log = started_with_a_baseline(winnowd)
    validating(winnowd, log, project, "young", 0.9, 10)
    winnowd.drop(improved(project, "old", 0.8), age=100)
    log.wait(experiment="old", msg="result queued")
    go("young")
    log.wait(experiment="young", decision="promoted")
    log.wait(msg="jobs wait: queue.max_open_pulls is reached")
    settle(winnowd, log, 1, "merged")
    assert log.wait(experiment="old", decision="promoted")["before"] == "0.9"


@pytest.mark.representative
def test_tests_of_one_metric_run_side_by_side(winnowd, project, forge):
    """Once each: what the others become changes the text of a pull request, not its commit."""
    go = gated(winnowd, parallel=8)
    log = started_with_a_baseline(winnowd)
    names = [f"exp-{number}" for number in range(8)]
    for number, name in enumerate(names):
        winnowd.drop(improved(project, name, round(0.9 - number / 10, 1), diff=slow(project, name)))
    for name in names:
        log.wait(experiment=name, msg="step started", step="validate")
    for name in reversed(names):
        go(name)
    for name in names:
        log.wait(experiment=name, decision="promoted")
    assert (winnowd.directory / "runs").read_text().count("x") == 8
    assert [event["experiment"] for event in log.all(decision="promoted")] == names
    befores = ["1", *(f"{0.9 - number / 10:.1f}" for number in range(7))]
    for pull, before in zip(forge.pulls(), befores):
        assert f'"before":{before},' in pull.body
        assert "->" not in forge.show("-s", "--format=%B", pull.sha)


# queue.max_open_pulls.


@pytest.mark.parametrize("state", SETTLED)
def test_jobs_wait_at_the_limit(winnowd, project, forge, state):
    winnowd.configure(queue={"max_open_pulls": 2, "parallel": 3})
    log = started_with_a_baseline(winnowd)
    for number in range(1, 5):
        winnowd.drop(improved(project, f"exp-{number}", 1.0 - number / 10))
    log.wait(msg="jobs wait: queue.max_open_pulls is reached")
    assert [pull.head for pull in forge.pulls()] == ["experiment/exp-1", "experiment/exp-2"]
    assert log.all(experiment="exp-3", msg="step started") == []
    # What needs no pull request does not wait.
    winnowd.drop(result("worse", 3.0))
    log.wait(experiment="worse", decision="discarded")
    settle(winnowd, log, 1, state)
    log.wait(experiment="exp-3", decision="promoted")
    assert "exp-4" not in log.decisions()
    settle(winnowd, log, 2, state)
    log.wait(experiment="exp-4", decision="promoted")
    assert [pull.state for pull in forge.pulls()] == [state, state, "open", "open"]
    assert len(forge.branches()) == 4


def test_a_job_that_fails_leaves_its_place(winnowd, project, forge):
    winnowd.configure(queue={"max_open_pulls": 1})
    winnowd.drop(result("first", 1.0))
    winnowd.drop(improved(project, "bad", 0.8, diff=project.tweak(BATCH=33)))
    winnowd.drop(improved(project, "good", 0.9))
    assert winnowd.once().decisions() == {"first": "baseline", "bad": "failed", "good": "promoted"}


# queue.order: best.


def in_order(winnowd, project, *results, **queue):
    winnowd.configure(queue={"order": "best", **queue})
    for name, after, more in results:
        settings = {"diff": project.tweak(WIDTH=65)} if "diff" not in more else {}
        winnowd.drop(result(name, after, **settings, **more))
    log = winnowd.once()
    return log.decisions(), [event["experiment"] for event in log.all(msg="step started", step="branch")]


@pytest.mark.representative
@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("metric, sign", [("val_bpb", 1), ("accuracy", -1)])
def test_the_most_improved_goes_first(winnowd, project, metric, sign, parallel):
    more = {"metric": metric}
    decisions, started = in_order(
        winnowd, project, ("first", 1.0, {**more, "diff": None}), ("good", 1.0 - sign * 0.1, more),
        ("best", 1.0 - sign * 0.4, more), ("worse", 1.0 + sign * 0.1, more), ("better", 1.0 - sign * 0.2, more),
        parallel=parallel,
    )  # fmt: skip
    # Whether the baseline was settled when it was taken in depends on which files were read in one go.
    assert decisions.pop("worse") in ("discarded", "superseded")
    assert decisions == {"first": "baseline", "good": "superseded", "best": "promoted", "better": "superseded"}
    assert started == ["best"]


def test_the_next_best_where_the_best_fails(winnowd, project):
    decisions, started = in_order(
        winnowd, project, ("first", 1.0, {"diff": None}), ("good", 0.9, {}),
        ("best", 0.6, {"diff": project.tweak(BATCH=33)}), ("better", 0.8, {}),
    )  # fmt: skip
    assert decisions == {"first": "baseline", "best": "failed", "better": "promoted", "good": "superseded"}
    assert started == ["best", "better"]


def test_the_first_is_the_baseline_all_the_same(winnowd, project):
    """Where there is no reference yet, the best of the night is measured against its first."""
    decisions, _ = in_order(winnowd, project, ("first", 1.0, {}), ("good", 0.9, {}), ("best", 0.6, {}))
    assert decisions == {"first": "baseline", "best": "promoted", "good": "superseded"}


def test_one_metric_does_not_wait_for_another(winnowd, project):
    decisions, started = in_order(
        winnowd, project, ("a-good", 0.9, {"metric_before": 1.0}), ("b-good", 0.7, {"metric": "accuracy", "metric_before": 0.5}),
        ("a-best", 0.8, {"metric_before": 1.0}), ("b-best", 0.8, {"metric": "accuracy", "metric_before": 0.5}),
    )  # fmt: skip
    assert decisions == {"a-good": "superseded", "b-good": "superseded", "a-best": "promoted", "b-best": "promoted"}
    assert sorted(started) == ["a-best", "b-best"]


def test_metrics_take_turns(winnowd, project):
    """However many results one has, with fewer slots than metrics."""
    settings = ["WIDTH", "DEPTH", "WARMUP"]
    rows = [(f"a-{n}", 0.5 + n / 10, {"metric": "accuracy", "metric_before": 0.4, "diff": project.tweak(**{settings[n]: 13})})
            for n in range(3)]  # fmt: skip
    rows += [(f"b-{n}", 0.9 - n / 10, {"metric_before": 1.0, "diff": project.tweak(**{settings[n]: 13})}) for n in range(3)]
    decisions, started = in_order(winnowd, project, *rows, order="arrival")
    # Which of them begins depends on what was taken in when the forge first answered.
    assert started in (["a-0", "b-0", "a-1", "b-1", "a-2", "b-2"], ["b-0", "a-0", "b-1", "a-1", "b-2", "a-2"])
    assert set(decisions.values()) == {"promoted"}


def test_a_better_one_that_comes_while_it_waits(winnowd, project):
    """Dropped later, and first all the same: the one that waits is overtaken."""
    begun, go = winnowd.directory / "begun", winnowd.directory / "go"
    script = f"touch {begun}; while [ ! -e {go} ]; do sleep 0.02; done"
    winnowd.configure(queue={"order": "best"}, validation={"command": ["sh", "-c", script], "sandbox": "none"})
    log = started_with_a_baseline(winnowd)
    winnowd.drop(improved(project, "running", 0.9))
    log.wait(experiment="running", msg="step started", step="validate")
    winnowd.drop(improved(project, "waiting", 0.8, diff=project.tweak(DEPTH=13)))
    winnowd.drop(improved(project, "late", 0.5, diff=project.tweak(WARMUP=7)))
    log.wait(experiment="late", msg="result queued")
    go.touch()
    log.wait(experiment="late", decision="promoted")
    assert log.wait(experiment="waiting", decision="superseded")
    assert log.all(experiment="waiting", msg="step started") == []
    assert log.decisions()["running"] == "promoted"


# What a person may do more than once.


def test_opened_again_it_counts_as_before(winnowd, project):
    """For the frontier, and for queue.max_open_pulls; and once merged, for good."""
    winnowd.configure(queue={"max_open_pulls": 1})
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    settle(winnowd, log, number, "closed")
    winnowd.forge.set_state(number, "open")
    assert log.wait(msg="pull request opened again; its value is back in the frontier")["experiment"] == "exp-1"
    winnowd.drop(improved(project, "exp-2", 0.9, metric_before=0.85))
    log.wait(experiment="exp-2", decision="discarded")
    winnowd.drop(improved(project, "exp-3", 0.7, diff=project.tweak(DEPTH=13)))
    log.wait(msg="jobs wait: queue.max_open_pulls is reached")
    settle(winnowd, log, number, "closed")
    log.wait(experiment="exp-3", decision="promoted")
    settle(winnowd, log, number, "merged")
    settle(winnowd, log, 2, "closed")
    winnowd.drop(improved(project, "exp-4", 0.75))
    assert log.wait(experiment="exp-4", decision="promoted")["before"] == "0.8"


def test_closed_and_merged_while_nobody_looked(winnowd, project):
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    settle(winnowd, log, number, "closed")
    assert winnowd.stop() == 0
    winnowd.forge.set_state(number, "merged")
    winnowd.drop(improved(project, "exp-2", 0.9))
    assert winnowd.once().decisions() == {"exp-2": "discarded"}


@pytest.mark.parametrize("state, decision", [("closed", "promoted"), ("open", "discarded")])
def test_once_looks_before_it_judges(winnowd, project, state, decision):
    """Though nothing waits for a pull request."""
    log = started_with_a_baseline(winnowd)
    number = promoted(winnowd, log, project, "exp-1", 0.8)
    assert winnowd.stop() == 0
    winnowd.forge.set_state(number, state)
    winnowd.drop(improved(project, "exp-2", 0.9))
    log = winnowd.once()
    assert [event["decision"] for event in log.all(experiment="exp-2", decision=True)][-1] == decision
    assert log.decisions() == {"exp-2": decision}


def test_once_looks_before_it_judges_though_an_earlier_life_left_something_to_settle(winnowd, project):
    log = started_with_a_baseline(winnowd)
    numbers = [promoted(winnowd, log, project, "exp-1", 0.8),
               promoted(winnowd, log, project, "exp-2", 0.7, diff=project.tweak(DEPTH=13))]  # fmt: skip
    assert winnowd.stop() == 0
    change_store(winnowd, "UPDATE results SET pull_state = 'closing', counts = 0 WHERE experiment_id = 'exp-1'")
    for number in numbers:
        winnowd.forge.set_state(number, "closed")
    winnowd.drop(improved(project, "exp-3", 0.75))
    assert winnowd.once().decisions() == {"exp-3": "promoted"}


def test_once_ends_an_undo_as_rejected_before_it_has_looked(winnowd, project):
    """Its file is in the archive, and goes from there to what was rejected once files are taken in."""
    log = started_with_a_baseline(winnowd)
    promoted(winnowd, log, project, "exp-1", 0.8)
    assert winnowd.stop() == 0
    winnowd.configure(validation={"command": ["sleep", "60"]})
    log = winnowd.start()
    winnowd.drop(improved(project, "exp-2", 0.7))
    log.wait(experiment="exp-2", step="validate")
    winnowd.kill()
    git("update-ref", "-d", "refs/heads/experiment/exp-2", directory=project.bare)
    change_store(winnowd, "UPDATE jobs SET state = 1, step = 'branch', outcome = 'rejected',"
                          " reason = 'no reference' WHERE state = 0", "DELETE FROM findings WHERE step = 'branch'")  # fmt: skip
    assert winnowd.once().decisions() == {"exp-2": "rejected"}
    assert winnowd.rejected() == {"exp-2.json": "no reference\n"}
