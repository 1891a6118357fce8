"""Promise: what persons do at the forge while a job runs is never undone, and never taken for ours."""

import dataclasses
import json
import signal

import pytest
from exhaustive import at_a_real_one, first_of
from harness import improved
from machine import eventually
from real_gitea import REAL

BRANCH = {"method": "POST", "path": "/branches$"}
PUSH = {"method": "POST", "path": "git-receive-pack$"}
ASKED_TO_PUSH = {"method": "GET", "path": r"/info/refs\?service=git-receive-pack$"}
PULL = {"method": "POST", "path": "/pulls$"}
LABEL = {"method": "POST", "path": r"/issues/[1-9]\d*/labels$"}
IMPATIENT = {"retry_for": "1ms"}  # the latest way to fail: a fault passes, but not in time
REFUSED = {"msg": "forge refuses; jobs wait until this is mended"}
OURS = "experiment/exp-1"


AT_A_REAL_ONE_TOO = pytest.mark.parametrize("stand_in", ["1.15", REAL], indirect=True)


@pytest.fixture
def stand_in(request, forge_of_kind):
    """The older kind; test_outages.py has the newer one."""
    return forge_of_kind(getattr(request, "param", "1.15"))


@pytest.fixture
def winnowd(gitea_winnowd):
    return gitea_winnowd


def then(gitea, at, action="pass", **more):
    """What a person does when the daemon asks for something, before that is looked at (or `after`)."""

    def add(work, when="before"):
        done = []

        def once(_):
            if not done:
                done.append(work())

        return gitea.faults.add(action, call=once, at=when, **at, **more)

    return add


# A branch that is not ours.


@AT_A_REAL_ONE_TOO
@pytest.mark.parametrize("lost", at_a_real_one([True, False]), ids=["answer lost", ""])
def test_a_branch_that_appears_just_before_ours(winnowd, stand_in, gitea, project, lost):
    made = []
    then(gitea, BRANCH, "close" if lost else "pass")(lambda: made.append(gitea.push_to_branch(OURS)))
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"}
    assert "not ours" in log.reasons()["exp-1"] or "exists" in log.reasons()["exp-1"]
    assert stand_in.branches() == {OURS: made[0]}
    assert stand_in.pulls() == []


# Somebody pushes to our branch.


@AT_A_REAL_ONE_TOO
def test_a_push_to_our_branch_before_the_undo(winnowd, stand_in, gitea, project):
    winnowd.configure(validation={"command": ["false"]})
    theirs = []
    then(gitea, BRANCH)(lambda: theirs.append(gitea.push_to_branch(OURS)), "after")
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"}
    assert stand_in.branches() == {OURS: theirs[0]}
    kept = log.all(msg="branch kept: it does not point where this job left it", level="warning")
    assert [event["branch"] for event in kept] == [OURS] and theirs[0] in kept[0]["reason"]


@AT_A_REAL_ONE_TOO
@pytest.mark.parametrize("force", at_a_real_one([True, False]), ids=["forced", "on top"])
def test_a_push_to_our_branch_with_its_pull_request_open(winnowd, stand_in, gitea, project, force):
    winnowd.configure(queue=IMPATIENT)
    theirs = []
    then(gitea, LABEL, "locked", count=None)(lambda: theirs.append(gitea.push_to_branch(OURS, force=force)))
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"}
    assert stand_in.branches() == {OURS: theirs[0]}
    assert [pull.state for pull in stand_in.pulls()] == ["open"]
    assert log.all(msg="pull request kept: somebody else moved its branch", level="warning", branch=OURS)
    assert log.all(msg="branch kept: it does not point where this job left it", level="warning", branch=OURS)


def test_a_push_to_our_branch_before_our_push(winnowd, stand_in, gitea, project):
    theirs = []
    then(gitea, PUSH)(lambda: theirs.append(gitea.push_to_branch(OURS)))
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and log.all(decision="failed")[0]["step"] == "push"
    assert stand_in.branches() == {OURS: theirs[0]} and stand_in.pulls() == []


@pytest.mark.parametrize("late", [False, True], ids=["before it is looked at", "at the last moment"])
def test_our_branch_deleted_before_our_push(winnowd, stand_in, gitea, project, late):
    """It is not made anew."""
    then(gitea, PUSH if late else ASKED_TO_PUSH)(lambda: gitea.delete_branch(OURS))
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and "somebody else deleted" in log.reasons()["exp-1"]
    assert stand_in.branches() == {} and stand_in.pulls() == []


@pytest.mark.parametrize("late", [False, True], ids=["before it is looked at", "at the last moment"])
def test_our_branch_set_to_another_commit_before_our_push(winnowd, stand_in, gitea, project, late):
    """One that ours descends from, so that a plain push would be a fast-forward: it is not overwritten."""
    old = project.tip
    gitea.move_base()
    then(gitea, PUSH if late else ASKED_TO_PUSH)(lambda: gitea.make_branch(OURS, at=old))
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and f"moved branch experiment/exp-1 to {old}" in log.reasons()["exp-1"]
    assert stand_in.branches() == {OURS: old} and stand_in.pulls() == []
    assert log.all(msg="branch kept: it does not point where this job left it", level="warning", branch=OURS)


def test_our_branch_deleted_by_a_person(winnowd, stand_in, gitea, project):
    """Then the undo of the branch has nothing to do."""
    winnowd.configure(validation={"command": ["false"]})
    then(gitea, BRANCH)(lambda: gitea.delete_branch(OURS), "after")
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "failed"}
    assert stand_in.branches() == {} and stand_in.pulls() == []


# Closed or merged while the job runs: promoted, and then that counts.


@AT_A_REAL_ONE_TOO
@pytest.mark.parametrize("undone", at_a_real_one([True, False]), ids=["while it is undone", ""])
@pytest.mark.parametrize("how, second", at_a_real_one([("closed", "promoted"), ("merged", "discarded")]))
def test_a_pull_request_settled_while_the_job_runs(winnowd, stand_in, gitea, project, how, second, undone):
    winnowd.configure(forge={"poll": "1s"}, queue=IMPATIENT if undone else {})

    def settle():
        gitea.close_pull(1) if how == "closed" else gitea.merge_pull(1, delete_branch=True)

    then(gitea, LABEL, "locked" if undone else "pass", count=None if undone else 1)(settle)
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(experiment="exp-1", decision="promoted")
    gitea.faults.clear()
    log.wait(experiment="exp-1", pull="1", msg=lambda text: text.startswith(f"pull request {how}"))
    assert [pull.state for pull in stand_in.pulls()] == [how]
    assert set(stand_in.branches()) == ({OURS} if how == "closed" else set())  # as the person left it
    winnowd.drop(improved(project, "exp-2", 0.95, diff=project.tweak(RATE=0.002)))
    log.wait(experiment="exp-2", decision=second)


def test_a_pull_request_that_the_forge_does_not_show_is_not_gone_for_that(winnowd, stand_in, gitea, project):
    """A person merges it while it is undone, and the first look at it is refused."""
    winnowd.configure(queue=IMPATIENT)
    refused = gitea.faults.add(status=422, body='{"message":"not now"}', method="GET", path="/pulls/1$")
    then(gitea, LABEL, "locked", count=None)(lambda: gitea.merge_pull(1, delete_branch=True))
    winnowd.drop(improved(project))
    winnowd.start().wait(experiment="exp-1", decision="promoted")
    assert refused.struck and [pull.state for pull in stand_in.pulls()] == ["merged"]


def test_a_pull_request_that_depends_on_something_is_kept(winnowd, stand_in, gitea, project):
    """The forge closes it neither by itself nor with its branch. The undo ends, and decision and warning say why."""
    winnowd.configure(queue=IMPATIENT)
    words = "cannot close this issue or pull request because it still has open dependencies"
    gitea.faults.add(status=412, body=json.dumps({"message": words}), method="PATCH", path="/pulls/1$", count=None)
    gitea.faults.add("locked", count=None, **LABEL)
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and "pull request 1 is kept" in log.reasons()["exp-1"], log.text
    (told,) = log.all(msg="pull request kept: the forge refuses to close it", level="warning")
    assert words in told["reason"] and stand_in.branches() == {}
    assert [pull.state for pull in stand_in.pulls()] == ["open"]
    gitea.close_pull(1)


# The base.


@pytest.mark.parametrize("what", ["moved", "forced"])
@pytest.mark.parametrize("at", [BRANCH, PUSH], ids=["before compose", "before push"])
def test_a_base_that_moves_in_the_middle(winnowd, stand_in, gitea, project, what, at):
    base = project.tip
    work = gitea.move_base if what == "moved" else gitea.force_push_base
    then(gitea, at)(lambda: work({"OTHER.md": "other\n"}), "after" if at is BRANCH else "before")
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    assert stand_in.show("-s", "--format=%P", pull.sha) == base
    assert stand_in.branches() == {OURS: pull.sha} and base in pull.body


def test_a_base_that_moves_while_the_branch_is_asked_for(winnowd, stand_in, gitea, project):
    """The answer is lost, and the branch points at another commit than the base did when we looked."""
    moved = []

    def made():
        # As if the base had moved between our look and the server's work.
        moved.append(gitea.move_base({"OTHER.md": "other\n"}))
        gitea.forge.git.set_ref(f"refs/heads/{OURS}", moved[0])
        gitea.ledger.created(OURS, moved[0])

    then(gitea, BRANCH, "close")(made)
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    assert stand_in.show("-s", "--format=%P", pull.sha) == moved[0]


# Protection, and a repository that is not what it was.


def test_a_protected_branch_holds(winnowd, stand_in, gitea, project):
    """A rule at the forge covers our branches: that is for a person to mend, and fails nobody."""
    then(gitea, BRANCH)(lambda: gitea.protect(OURS), "after")
    winnowd.drop(improved(project))
    winnowd.drop(improved(project, "exp-2", 0.95))
    log = winnowd.start()
    assert "protected branch" in log.wait(**REFUSED)["reason"]
    gitea.unprotect(OURS)
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted")
    log.wait(experiment="exp-2", decision=True)
    assert not log.all(msg="step failed") and OURS in stand_in.branches()


def archived(forge):
    return forge.gitea.archive, lambda: forge.gitea.archive(False)


def renamed(forge):
    name = forge.configuration()["repo"]
    return lambda: forge.gitea.rename(f"{name}-another"), lambda: forge.gitea.rename(name)


def gone(forge):
    return forge.gitea.delete_repository, lambda: setattr(forge.gitea, "gone", False)


AWAY = [("1.15", archived, "archived"), ("1.15", renamed, "forge.repo"), ("1.15", gone, "forge.repo"),
        pytest.param("real", archived, "archived", marks=(pytest.mark.real, pytest.mark.few_at_a_real_one)),
        pytest.param("real", renamed, "forge.repo", marks=(pytest.mark.real, pytest.mark.few_at_a_real_one))]  # fmt: skip


@pytest.mark.parametrize("at", first_of([PUSH, BRANCH, PULL]), ids=["push", "branch", "pull"])
@pytest.mark.parametrize("stand_in, what, word", AWAY, indirect=["stand_in"])
def test_a_repository_that_is_not_what_it_was(winnowd, stand_in, gitea, project, at, what, word):
    away, back = what(stand_in)
    then(gitea, at)(away)
    winnowd.drop(improved(project))
    winnowd.drop(improved(project, "exp-2", 0.8))
    log = winnowd.start()
    assert word in log.wait(**REFUSED)["reason"]
    assert log.all(experiment="exp-2", msg="step started") == [] and "exp-2" not in log.decisions()
    back()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-2", decision="promoted")
    assert log.decisions()["exp-1"] == "promoted" and not log.all(msg="step failed")
    assert set(stand_in.branches()) == {OURS, "experiment/exp-2"}
    assert [pull.head for pull in stand_in.pulls() if pull.state == "open"] == [OURS, "experiment/exp-2"]


def looked_at_by_itself(gitea, number):
    """As each is, once its job has ended."""
    return any(record.path.endswith(f"/pulls/{number}") for record in gitea.records.matching("GET"))


def asked_since(gitea, seen):
    """Requests to the API only. git is asked where the base is."""
    return [record for record in list(gitea.records)[seen:] if record.kind == "api"]


def test_what_did_not_change_is_not_asked_for(winnowd, stand_in, gitea, project):
    """A round costs a page, however many are open. What is on later pages is found, too."""
    winnowd.configure(forge={"poll": "1s"})
    settings = ["WIDTH", "DEPTH", "WARMUP"]
    log = winnowd.start()
    for number, setting in enumerate(settings):
        winnowd.drop(improved(project, f"exp-{number}", 0.9 - number / 10, diff=project.tweak(**{setting: 13})))
    log.wait(experiment="exp-2", decision="promoted")
    eventually(lambda: looked_at_by_itself(gitea, 3))
    seen = len(gitea.records)
    eventually(lambda: len(asked_since(gitea, seen)) > 4)
    asked = asked_since(gitea, seen)[-4:]
    assert all(record.path.endswith("/pulls") and "sort=recentupdate" in record.query for record in asked), asked
    assert len({record.query for record in asked}) == 1
    # Closed, and then more happens to others than one page tells of.
    gitea.faults.add("hang", method="GET", path="/pulls$", seconds=0.2, count=None)
    gitea.close_pull(1)
    for pull in list(gitea.pulls.values())[1:]:
        pull.updated_at = "2199-01-01T00:00:00Z"
    for number in range(100, 160):
        gitea.pulls[number] = dataclasses.replace(
            gitea.pulls[2], number=number, head=f"else-{number}", state="closed", updated_at="2199-01-01T00:00:00Z"
        )
    log.wait(msg="pull request closed unmerged; its value leaves the frontier", experiment="exp-0")
    assert winnowd.stop() == 0
    for number in range(100, 160):
        del gitea.pulls[number]


def test_what_the_store_has_lost_is_told(winnowd, stand_in, gitea, project):
    """Once, when the forge is looked at. What was lost is left alone."""
    winnowd.configure(forge={"poll": "1s"})
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    for path in winnowd.state.glob("winnowd.db*"):
        path.unlink()
    log = winnowd.start()
    winnowd.drop(improved(project, "exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    assert log.wait(msg="open pull requests are not in the store", level="warning")["pulls"] == "1"
    seen = len(asked_since(gitea, 0))
    eventually(lambda: len(asked_since(gitea, 0)) > seen + 2)
    assert len(log.all(msg="open pull requests are not in the store")) == 1
    assert [pull.state for pull in stand_in.pulls()] == ["open", "open"]
    gitea.close_pull(1)


def test_another_pull_request_of_that_number_says_nothing(winnowd, stand_in, gitea, project):
    """The repository was made anew, with other pull requests in it: neither the list nor a look at that number is believed."""
    clock = winnowd.clock.by_hand()
    winnowd.configure(forge={"poll": "1s"})
    log = winnowd.start()
    winnowd.drop(improved(project))
    log.wait(experiment="exp-1", decision="promoted")
    eventually(lambda: looked_at_by_itself(gitea, 1))
    ours = gitea.pulls[1]
    gitea.pulls[1] = dataclasses.replace(ours, head="somebody-elses", body="", state="closed", updated_at="2199-01-01T00:00:00Z")
    seen = len(gitea.records)
    eventually(lambda: len(gitea.records) > seen + 3)
    clock.pass_in_pause(86_401)
    told = log.wait(experiment="exp-1", msg="pull request could not be checked", level="warning")
    assert told["pull"] == "1" and "somebody-elses" in told["reason"]
    gitea.pulls[1] = ours
    winnowd.drop(improved(project, "exp-2", 0.95))
    log.wait(experiment="exp-2", decision="discarded")
    assert log.all(msg=lambda text: text.startswith("pull request closed")) == []


def test_a_pull_request_that_was_deleted_counts_as_closed(winnowd, stand_in, gitea, project):
    """As administrators may do. Within a day its value leaves the frontier, its place is free; its branch stays."""
    clock = winnowd.clock.by_hand()
    winnowd.configure(forge={"poll": "1s"}, queue={"max_open_pulls": 1})
    log = winnowd.start()
    winnowd.drop(improved(project, metric_before=1.0))
    log.wait(experiment="exp-1", decision="promoted")
    winnowd.drop(improved(project, "exp-2", 0.95))
    log.wait(experiment="exp-2", decision="discarded")
    tip = stand_in.branches()[OURS]
    gitea.gone = True
    log.wait(**REFUSED)  # the whole repository is away: no word about one pull request
    assert log.all(msg="pull request is gone from the forge; taken as closed unmerged") == []
    gitea.pulls.pop(1)
    gitea.gone = False
    clock.pass_in_pause(86_401)
    event = log.wait(msg="pull request is gone from the forge; taken as closed unmerged", level="warning")
    assert (event["experiment"], event["pull"]) == ("exp-1", "1")
    log.wait(msg="pull request closed unmerged; its value leaves the frontier", requeued=1)
    log.wait(experiment="exp-2", decision="promoted")
    assert stand_in.branches()[OURS] == tip


@pytest.mark.parametrize("status", [401, 403])
def test_git_is_refused_where_the_api_is_fine(winnowd, stand_in, gitea, project, status):
    """Held as for a refused token: the others do not fail one after the other."""
    gitea.faults.add(status=status, body="no", path=r"/info/refs$", count=None)
    for number in range(1, 4):
        winnowd.drop(improved(project, f"exp-{number}", 1 - number / 10, metric_before=1.0))
    log = winnowd.start()
    log.wait(**REFUSED)
    gitea.faults.clear()
    assert log.all(msg="step started") == []
    winnowd.process.send_signal(signal.SIGHUP)
    for number in range(1, 4):
        log.wait(experiment=f"exp-{number}", decision="promoted")
    assert log.all(msg="step failed") == []
