"""Promise: a promotion at a Gitea is whole, or leaves nothing behind, at a real one as at the stand-in.

The whole job is tried, from a result to a pull request, with every undo. Others are at work meanwhile, and a
kill -9 comes in the middle.
"""

import signal

import harness
import pytest
from exhaustive import at_a_real_one, first_of
from harness import appears, improved, result, tweaked
from machine import eventually

OURS = "experiment/exp-1"


@pytest.fixture
def forge(any_gitea):
    return any_gitea


@pytest.fixture
def winnowd(any_winnowd):
    return any_winnowd


class Gate:
    """Tests that have begun, and end when it is opened: the branch is made, nothing is pushed yet."""

    def __init__(self, winnowd):
        self.begun, self.open_file = winnowd.directory / "begun", winnowd.directory / "open"
        script = f"touch {self.begun}; while [ ! -e {self.open_file} ]; do sleep 0.02; done"
        winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none"})

    def reached(self):
        assert appears(self.begun)

    def open(self):
        self.open_file.touch()


@pytest.fixture
def gate(winnowd):
    return Gate(winnowd)


def assert_promoted_once(forge):
    (pull,) = forge.pulls()
    assert pull.state == "open"
    assert forge.branches() == {pull.head: pull.sha}
    return pull


def assert_nothing_left(forge):
    assert forge.branches() == {}
    assert [pull for pull in forge.pulls() if pull.state == "open"] == []


def started(winnowd, project, **more):
    log = winnowd.start()
    winnowd.drop(improved(project, **more))
    return log


# To the end.


@pytest.mark.representative
def test_a_promotion(winnowd, forge, project):
    winnowd.configure(
        validation={"command": ["tox", "-e", "unit"]}, forge={"labels": ["experiment", "night"], "reviewers": ["Timmy"]}
    )
    winnowd.drop(improved(project, title="A wider model"))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}
    pull = assert_promoted_once(forge)
    assert (pull.title, pull.base, pull.head) == ("experiment: A wider model", "main", OURS)
    assert sorted(pull.labels) == ["experiment", "night"] and pull.reviewers == ["Timmy"]
    assert forge.show(f"{pull.sha}:train.py") + "\n" == tweaked(WIDTH=65)
    assert forge.show("-s", "--format=%P", pull.sha) == project.tip
    assert log.all(decision="promoted")[0]["pull"] == str(pull.number)


@pytest.mark.few_at_a_real_one
def test_several_in_one_night(winnowd, forge, project):
    winnowd.drop(result("first", 1.0))
    for number, name in enumerate(("WIDTH", "DEPTH", "WARMUP")):
        winnowd.drop(result(f"exp-{number}", 0.9 - number / 10, diff=project.tweak(**{name: 7})))
    assert set(winnowd.once().decisions().values()) == {"baseline", "promoted"}
    assert [pull.labels for pull in forge.pulls()] == [["experiment"]] * 3


# Undone.


UNFIT = "--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-not a line of it\n+another\n"
NO = {"status": 422, "body": '{"message":"no"}'}

# step: (keys of the result, of the configuration, what the forge does not do)
UNDONE = {
    "label": ({}, {"queue": {"retry_for": "1ms"}}, {"action": "locked", "method": "POST", "path": r"/issues/[1-9]\d*/labels$"}),
    "branch": ({}, {}, {"method": "POST", "path": "/branches$", **NO}),
    "pull": ({}, {}, {"method": "POST", "path": "/pulls$", **NO}),
    "compose": ({"diff": UNFIT}, {}, {}),
    "validate": ({}, {"validation": {"command": ["false"]}}, {}),
}


@pytest.mark.representative
@pytest.mark.parametrize("step", at_a_real_one(UNDONE, 2))
def test_a_step_that_fails_is_undone(winnowd, forge, project, step):
    keys, configuration, refused = UNDONE[step]
    winnowd.configure(**configuration)
    if refused:
        forge.gitea.faults.add(**refused, count=None)
    winnowd.drop(improved(project, **keys))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"}
    assert log.all(decision="failed")[0]["step"] == step
    assert_nothing_left(forge)
    # By the daemon, and not by the forge when its branch was deleted.
    closed = [record.body for record in forge.gitea.records.matching("PATCH", "/pulls/1")]
    assert closed == ([{"state": "closed"}] if step == "label" else [])


def test_a_push_that_is_refused_by_a_rule_waits(winnowd, forge, project, gate):
    """A rule of the repository covers the branch: that is for a person to mend, and the push is repeated then."""
    log = started(winnowd, project)
    gate.reached()
    forge.gitea.protect(OURS)
    gate.open()
    assert "protected branch" in log.wait(level="error")["reason"]
    forge.gitea.unprotect(OURS)
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted")
    assert_promoted_once(forge)


def test_a_branch_that_exists_is_left_alone(winnowd, forge, project):
    tip = forge.gitea.make_branch(OURS)
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and log.all(decision="failed")[0]["step"] == "branch"
    assert forge.branches() == {OURS: tip} and forge.pulls() == []


# What others do while the tests run.


def test_a_person_pushes_to_our_branch(winnowd, forge, project, gate):
    log = started(winnowd, project)
    gate.reached()
    theirs = forge.gitea.push_to_branch(OURS)
    gate.open()
    assert log.wait(experiment="exp-1", decision="failed")["step"] == "push"
    assert log.all(msg="branch kept: it does not point where this job left it", branch=OURS)
    assert forge.branches() == {OURS: theirs} and forge.pulls() == []


def test_a_person_deletes_our_branch(winnowd, forge, project, gate):
    """It is not made anew: whoever deleted it meant it."""
    log = started(winnowd, project)
    gate.reached()
    forge.gitea.delete_branch(OURS)
    gate.open()
    failed = log.wait(experiment="exp-1", decision="failed")
    assert failed["step"] == "push" and "somebody else deleted" in failed["reason"]
    assert forge.branches() == {} and forge.pulls() == []


def test_the_base_moves(winnowd, forge, project, gate):
    base = project.tip
    log = started(winnowd, project)
    gate.reached()
    forge.gitea.move_base({"OTHER.md": "other\n"})
    gate.open()
    log.wait(experiment="exp-1", decision="promoted")
    pull = assert_promoted_once(forge)
    assert forge.show("-s", "--format=%P", pull.sha) == base


# What others do with the pull request.


@pytest.mark.parametrize("what, follows", at_a_real_one([("squashed", "discarded"), ("merged", "discarded"), ("closed", "promoted")]))
def test_what_became_of_a_pull_request_is_noticed(winnowd, forge, project, what, follows):
    winnowd.configure(forge={"poll": "1s"})
    log = started(winnowd, project)
    number = int(log.wait(experiment="exp-1", decision="promoted")["pull"])
    if what == "closed":
        forge.gitea.close_pull(number)
    else:
        forge.gitea.merge_pull(number, style="merge" if what == "merged" else "squash", delete_branch=True)
    log.wait(pull=number, msg=lambda text: text.startswith(f"pull request {'closed' if what == 'closed' else 'merged'}"))
    assert set(forge.branches()) == ({OURS} if what == "closed" else set())  # as the person left it
    winnowd.drop(result("exp-2", 0.95, metric_before=1.0, diff=project.tweak(DEPTH=13)))
    log.wait(experiment="exp-2", decision=follows)


def test_what_is_opened_again_is_found_and_what_did_not_change_is_not_asked_for(winnowd, forge, project):
    """In the list of what changed, whose newest page is all that a quiet round asks for."""
    winnowd.configure(forge={"poll": "1s"})
    log = started(winnowd, project)
    log.wait(experiment="exp-1", decision="promoted")
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    log.wait(experiment="exp-2", decision="promoted")
    records = forge.gitea.records

    def asked(path):
        return [record for record in records.matching("GET") if record.path.endswith(path)]

    def rounds(count):
        before = len(asked("/pulls"))
        eventually(lambda: len(asked("/pulls")) >= before + count)

    eventually(lambda: asked("/pulls/1") and asked("/pulls/2"))  # each once, after its job
    rounds(2)
    one, other, lists = len(asked("/pulls/1")), len(asked("/pulls/2")), len(asked("/pulls"))
    rounds(2)
    assert (len(asked("/pulls/1")), len(asked("/pulls/2"))) == (one, other)
    assert len({record.query for record in asked("/pulls")[lists:]}) == 1
    forge.gitea.close_pull(1)
    log.wait(msg="pull request closed unmerged; its value leaves the frontier", pull=1)
    forge.gitea.reopen_pull(1)
    log.wait(msg="pull request opened again; its value is back in the frontier", pull=1)
    rounds(1)
    assert len(asked("/pulls/2")) == other


def test_a_branch_deleted_under_its_pull_request_closes_it(winnowd, forge, project):
    winnowd.configure(forge={"poll": "1s"})
    log = started(winnowd, project)
    number = log.wait(experiment="exp-1", decision="promoted")["pull"]
    forge.gitea.delete_branch(OURS)
    log.wait(pull=number, msg=lambda text: text.startswith("pull request closed unmerged"))
    assert_nothing_left(forge)


# Killed.


@pytest.mark.few_at_a_real_one
def test_a_kill_while_the_tests_run(winnowd, forge, project, gate):
    started(winnowd, project)
    gate.reached()
    winnowd.kill()
    assert set(forge.branches()) == {OURS} and forge.pulls() == []
    gate.open()
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert_promoted_once(forge)


@pytest.mark.parametrize("when", at_a_real_one(["after", "before"]))
def test_a_kill_at_the_push(winnowd, forge, project, gate, tmp_path, when):
    winnowd.wrapper = harness.Wrapper(tmp_path / "wrapper")
    started(winnowd, project)
    gate.reached()
    winnowd.wrapper.kill_at(len(winnowd.wrapper.calls()) + 1, when)
    gate.open()
    winnowd.ended()
    winnowd.wrapper.reset()
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert_promoted_once(forge)


ANSWERS = {
    "branch": ("POST", "/branches$"), "push": ("POST", "/git-receive-pack$"), "pull": ("POST", "/pulls$"),
    "label": ("POST", r"/issues/[1-9]\d*/labels$"), "review": ("POST", "/requested_reviewers$"),
}  # fmt: skip


@pytest.mark.parametrize("step", at_a_real_one(["push", "branch", "pull", "label", "review"], 0))
def test_a_kill_before_an_answer_came(winnowd, forge, project, step):
    """What was asked for is done, and the daemon does not know."""
    winnowd.configure(forge={"reviewers": ["Timmy"]})
    method, path = ANSWERS[step]
    fault = forge.gitea.faults.add("close", method=method, path=path, at="after", call=lambda _: winnowd.process.kill())
    started(winnowd, project)
    winnowd.ended()
    assert fault.struck == 1
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    pull = assert_promoted_once(forge)
    assert pull.labels == ["experiment"] and pull.reviewers == ["Timmy"]


@pytest.mark.parametrize("step", first_of(at_a_real_one(["pull", "push"]), 2) + first_of(["branch", "label", "review"], 0))
def test_an_answer_that_is_lost(winnowd, forge, project, step):
    """A proxy says 502 when all is done."""
    winnowd.configure(forge={"reviewers": ["Timmy"]})
    method, path = ANSWERS[step]
    fault = forge.gitea.faults.add("bad_gateway", method=method, path=path, at="after")
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert fault.struck == 1
    pull = assert_promoted_once(forge)
    assert pull.labels == ["experiment"] and pull.reviewers == ["Timmy"]
