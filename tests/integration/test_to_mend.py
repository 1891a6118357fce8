"""Promise: a fault that a person has to mend at the forge, or in the token, holds the queue and fails no experiment.

It does so at whichever step it shows.
"""

import dataclasses
import json
import pathlib
import re
import signal
import typing

import pytest
import real_gitea
from exhaustive import at_a_real_one, first_of
from harness import git, improved
from machine import eventually
from real_gitea import REAL

MOMENTS = {
    "look": {"method": "GET", "path": r"/info/refs\?service=git-upload-pack$"},
    "branch": {"method": "POST", "path": "/branches$"},
    "push": {"method": "GET", "path": r"/info/refs\?service=git-receive-pack$"},
    "pull": {"method": "POST", "path": "/pulls$"},
    "label": {"method": "POST", "path": r"/issues/[1-9]\d*/labels$"},
    "review": {"method": "POST", "path": "/requested_reviewers$"},
}
HELD = {"level": "error", "msg": lambda text: "wait until this is mended" in text}
HTML = {"Content-Type": "text/html; charset=utf-8"}
PAGE = "<!DOCTYPE html>\n<html><head><title>Who are you?</title></head>\n<body>\n</body></html>\n"


@dataclasses.dataclass
class Fault:
    """What goes wrong at a forge, how a person mends it, and what the error has to speak of."""

    strike: typing.Callable
    mend: typing.Callable
    says: str
    shows: tuple = tuple(MOMENTS)  # at which moments it can be met


def answers(gitea, path, **more):
    """The same answer to each such request from now on."""
    gitea.faults.clear()
    gitea.faults.add(path=path, count=None, **more)


def git_is_answered(**more):
    return lambda gitea: answers(gitea, r"\.git/", **more)


def unfault(gitea):
    gitea.faults.clear()


GIT = ("look", "push")
FAULTS = {
    "archived": Fault(lambda gitea: gitea.archive(), lambda gitea: gitea.archive(False), "is archived", ("look", "branch", "push", "pull")),
    "renamed": Fault(lambda gitea: gitea.rename("model-another"), lambda gitea: gitea.rename(gitea.original), "has moved"),
    "pulls off": Fault(lambda gitea: gitea.turn_pulls(False), lambda gitea: gitea.turn_pulls(True), "pull requests turned off"),
    "a team without pulls": Fault(lambda gitea: gitea.let_reach_pulls(False), lambda gitea: gitea.let_reach_pulls(True), "pull requests"),
    "write turned to read": Fault(lambda gitea: gitea.let_push(False), lambda gitea: gitea.let_push(True), "may not be pushed to",
                                  ("look", "branch", "push")),
    "password to be changed": Fault(lambda gitea: gitea.bar(), lambda gitea: gitea.unbar(), "You must change your password"),
    "sign-on before git": Fault(git_is_answered(status=302, body="", headers={"Location": "https://sso.example.org/login"}), unfault, "302", GIT),
    "login page before git": Fault(git_is_answered(status=200, body=PAGE, headers=HTML), unfault, "forge.git_url", GIT),
    "git over HTTP turned off": Fault(
        git_is_answered(status=403, body="Interacting with repositories by HTTP protocol is not allowed\n", headers={"Content-Type": "text/plain"}),
        unfault, "403", GIT),
    "git is nowhere": Fault(git_is_answered(status=404, body=PAGE, headers=HTML), unfault, "not found", GIT),
    "pushes are too large": Fault(lambda gitea: answers(gitea, "git-receive-pack$", method="POST", status=413, body=PAGE, headers=HTML),
                                  unfault, "413", ("push",)),
    "pushes are refused": Fault(lambda gitea: answers(gitea, "git-receive-pack$", method="POST", status=403, body=PAGE, headers=HTML),
                                unfault, "403", ("push",)),
}  # fmt: skip
CASES = [(what, moment) for what, fault in FAULTS.items() for moment in fault.shows]
# The faults down to the password are those of the forge itself. The others come from what stands before it.
# Each fault where it is met latest, and what is left with --exhaustive.
FEW = [(what, fault.shows[place % len(fault.shows)]) for place, (what, fault) in enumerate(FAULTS.items())]


@pytest.fixture(params=["1.25", REAL])
def stand_in(request, forge_of_kind):
    forge = forge_of_kind(request.param)
    forge.gitea.original = forge.configuration()["repo"]
    yield forge
    forge.gitea.faults.clear()


@pytest.fixture
def winnowd(gitea_winnowd):
    return gitea_winnowd.configure(forge={"reviewers": ["Timmy"]})


def strike_at(gitea, fault, moment):
    """Lets the fault begin just before the first request of that kind, after those of the start, is answered."""
    struck = []

    def once(_):
        if not struck:
            struck.append(True)
            fault.strike(gitea)

    gitea.faults.add("pass", call=once, nth=2 if moment == "look" else 1, count=None, **MOMENTS[moment])
    return struck


def assert_promoted_once(forge, *experiments):
    pulls = forge.pulls()
    assert sorted(pull.head for pull in pulls) == [f"experiment/{name}" for name in experiments]
    assert all((pull.state, pull.labels, pull.reviewers) == ("open", ["experiment"], ["Timmy"]) for pull in pulls), pulls
    assert forge.branches() == {pull.head: pull.sha for pull in pulls}


@pytest.mark.parametrize("what, moment", at_a_real_one(FEW[1:] + FEW[:1]) + first_of([case for case in CASES if case not in FEW], 0))
def test_it_holds_and_nothing_is_lost_or_done_twice(winnowd, stand_in, project, what, moment):
    fault, gitea = FAULTS[what], stand_in.gitea
    winnowd.drop(improved(project))
    winnowd.drop(improved(project, "exp-2", 0.8))
    if moment == "look":
        log = winnowd.start()
        log.wait(experiment="exp-2", decision="promoted")
        fault.strike(gitea)
        winnowd.drop(improved(project, "exp-3", 0.7))
        log.wait(experiment="exp-3", decision="queued")
    else:
        struck = strike_at(gitea, fault, moment)
        log = winnowd.start()
        eventually(lambda: struck)
    try:
        told = log.wait(**HELD)
        assert fault.says in told["reason"], told
        winnowd.process.send_signal(signal.SIGHUP)  # in vain
        log.wait(msg="configuration reloaded")
    finally:
        fault.mend(gitea)
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-2", decision="promoted")
    expected = ["exp-1", "exp-2"] + (["exp-3"] if moment == "look" else [])
    eventually(lambda: len(log.decisions()) == len(expected))
    assert set(log.decisions().values()) == {"promoted"} and not log.all(msg="step failed"), log.text
    assert_promoted_once(stand_in, *expected)
    assert winnowd.stop() == 0


# What a forge refuses without a word, git is told why.


def refuse_by_hook(forge, words, what="$2,$3"):
    hooks = forge.gitea.git_path if hasattr(forge.gitea, "git_path") else forge.git_path
    folder = pathlib.Path(hooks) / "hooks"
    folder = folder / "update.d" if (folder / "update.d").is_dir() else folder
    path = folder / ("policy" if folder.name == "update.d" else "update")
    path.write_text(f"#!/bin/sh\ncase {what} in *[!0]*) ;; *) exit 0;; esac\ncase $1 in refs/heads/experiment/*) echo '{words}' >&2; exit 1; esac\n")
    path.chmod(0o755)
    return path.unlink


def assert_held_until(mend, words, winnowd, forge, project):
    winnowd.drop(improved(project))
    log = winnowd.start()
    assert words in log.wait(**HELD)["reason"]
    mend()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted")
    assert not log.all(msg="step failed")
    assert_promoted_once(forge, "exp-1")


@pytest.mark.parametrize("how", at_a_real_one(["a rule", "a hook", "a hook, to an administrator"]))
def test_a_refusal_without_a_word_holds_with_gits_words(winnowd, stand_in, project, how):
    gitea = stand_in.gitea
    if how == "a rule":
        gitea.protect("experiment/**")
        mend = lambda: gitea.unprotect("experiment/**")  # noqa: E731
        words = "Not allowed to push to protected branch experiment/exp-1"
    else:
        said = "PushRejected Error: exit status 1" if "administrator" in how else ""
        gitea.faults.add(status=500, body=json.dumps({"message": said, "url": "x"}), method="POST", path="/branches$", count=None)
        unhook, words = refuse_by_hook(stand_in, "the policy says no", "$3"), "the policy says no"

        def mend():
            gitea.faults.clear()
            unhook()

    assert_held_until(mend, words, winnowd, stand_in, project)


@pytest.mark.parametrize("words", ["Forgejo: branch experiment/exp-1 is protected from unverified commit 1f2e3d", "Forgejo: Quota exceeded"])
def test_a_rule_for_the_commits_or_their_size_holds_with_its_words(winnowd, stand_in, project, words):
    """Every experiment would meet it, whatever its commit is like."""
    unhook = refuse_by_hook(stand_in, words)
    assert_held_until(unhook, words, winnowd, stand_in, project)


def test_what_only_the_api_refuses_is_made_by_git(winnowd, stand_in, project):
    stand_in.gitea.faults.add(status=500, body='{"message":"","url":"x"}', method="POST", path="/branches$", count=None)
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert_promoted_once(stand_in, "exp-1")


def test_an_undo_that_is_refused_ends(winnowd, stand_in, project):
    """The branch stays, and decision and warning say why."""
    gitea, done = stand_in.gitea, []
    winnowd.configure(validation={"command": ["false"]})

    def once(_):
        if not done:
            done.append(gitea.protect("experiment/exp-1"))

    gitea.faults.add("pass", at="after", call=once, **MOMENTS["branch"])
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and "experiment/exp-1 is kept" in log.reasons()["exp-1"], log.text
    (told,) = log.all(msg="branch kept: the forge refuses to delete it", level="warning")
    assert "protected" in told["reason"] and set(stand_in.branches()) == {"experiment/exp-1"}
    gitea.unprotect("experiment/exp-1")
    gitea.delete_branch("experiment/exp-1")


# What the token may do.

NAMED = real_gitea.scopes()


def give_token(daemon, forge, scopes):
    """One with these scopes alone."""
    if hasattr(forge, "server"):
        forge.token = forge.server.make_token(real_gitea.BOT, scopes)
        daemon.environment["GITEA_TOKEN"] = forge.token
    else:
        forge.gitea.server.api.scopes = scopes


@pytest.mark.parametrize("missing", at_a_real_one(["write:repository", "write:issue"]))
def test_a_right_that_is_missing_is_found_and_holds(winnowd, stand_in, project, missing):
    less = missing.replace("write", "read")
    give_token(winnowd, stand_in, [less if scope == missing else scope for scope in NAMED])
    status, said, log = winnowd.run("--check-config")
    assert status == 78 and missing in log.text and "lets winnowd do what it needs" not in said, log.text
    winnowd.drop(improved(project))
    log = winnowd.once(status=78)
    assert missing in log.wait(**HELD)["reason"] and log.decisions() == {}
    assert stand_in.branches() == {} and stand_in.pulls() == []
    give_token(winnowd, stand_in, NAMED)
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert_promoted_once(stand_in, "exp-1")


def test_a_token_for_one_repository_is_enough(winnowd, stand_in, project):
    """As Forgejo makes them: nothing of users and organisations, and that is said once."""
    give_token(winnowd, stand_in, ["write:repository", "write:issue"])
    status, said, log = winnowd.run("--check-config")
    assert status == 0 and "not checked: whether forge.reviewers" in log.text and "read:user" in log.text, log.text
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(experiment="exp-1", decision="promoted")
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    winnowd.drop(improved(project, "exp-2", 0.8))
    log.wait(experiment="exp-2", decision="promoted")
    assert len(log.all(msg="not everything could be checked; jobs go on", level="warning")) == 1, log.text
    assert_promoted_once(stand_in, "exp-1", "exp-2")


# Labels.


def test_labels_that_exclude_each_other_are_named(winnowd, stand_in, project):
    for name in ("size/small", "size/large"):
        stand_in.gitea.add_label(name, exclusive=True)
    winnowd.configure(forge={"labels": ["size/small", "size/large"]})
    winnowd.drop(improved(project))
    log = winnowd.once(status=78)
    assert log.all(level="error", reason=lambda text: "size/small" in text and "size/large" in text) and log.decisions() == {}
    winnowd.configure(forge={"labels": ["size/small"]})
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert [pull.labels for pull in stand_in.pulls()] == [["size/small"]]


@pytest.mark.few_at_a_real_one
def test_a_label_in_other_letters_is_that_label(winnowd, stand_in, project):
    stand_in.gitea.add_label("Experiment")
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert [pull.labels for pull in stand_in.pulls()] == [["Experiment"]]


# The verdict at the forge.


def statuses(forge, sha):
    if hasattr(forge, "server"):
        return [(one["status"], one["context"], one["description"]) for one in forge.call("GET", f"/commits/{sha}/statuses")]
    return [(one["status"], one["context"], one["description"]) for one in forge.gitea.statuses if one["sha"] == sha]


def test_the_verdict_is_a_commit_status(winnowd, stand_in, project):
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    ((state, context, words),) = statuses(stand_in, pull.sha)
    assert (state, context) == ("success", "winnowd") and re.fullmatch(r"sh check passed in \d+\.\d s", words)
    winnowd.configure(forge={"status": False})
    winnowd.drop(improved(project, "exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    assert winnowd.once().decisions() == {"exp-2": "promoted"}
    assert statuses(stand_in, stand_in.pulls()[-1].sha) == []


# Where persons find it.


@pytest.mark.parametrize("stand_in", ["1.25"], indirect=True)  # the real one names the address that it was asked by
def test_links_are_those_that_the_forge_gives(winnowd, stand_in, project):
    """forge.url may be an address inside of a private network."""
    stand_in.gitea.server.public_url = "https://git.example.org/below"
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    assert "https://git.example.org/below/lab/" in pull.body and stand_in.gitea.url not in pull.body


# The base is a branch.


@pytest.mark.few_at_a_real_one
def test_a_tag_of_the_bases_name_is_no_base(winnowd, stand_in, project):
    gitea = stand_in.gitea
    foreign, _ = project.experiment({"tag.txt": "tag"})
    git("push", "-q", str(stand_in.gitea.git_path if hasattr(gitea, "git_path") else stand_in.gitea.remote),
        f"{foreign}:refs/tags/{project.base}", directory=project.work)  # fmt: skip
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    assert stand_in.show("-s", "--format=%P", pull.sha) == project.tip


@pytest.mark.parametrize("stand_in", ["1.25"], indirect=True)
def test_a_branch_that_was_made_from_something_else_is_refused(winnowd, stand_in, project):
    foreign, _ = project.experiment({"tag.txt": "tag"})
    git("push", "-q", str(stand_in.gitea.git_path), f"{foreign}:refs/tags/{project.base}", directory=project.work)
    stand_in.gitea.branches_from = foreign
    winnowd.drop(improved(project))
    log = winnowd.start()
    assert "never was" in log.wait(**HELD)["reason"]
    assert stand_in.branches() == {}
    stand_in.gitea.branches_from = ""
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted")
    assert_promoted_once(stand_in, "exp-1")


@pytest.mark.parametrize("what", at_a_real_one(FAULTS, 2))
def test_check_config_finds_it(winnowd, stand_in, what):
    fault, gitea = FAULTS[what], stand_in.gitea
    if fault.shows == ("push",):
        pytest.skip("only a push shows it")
    fault.strike(gitea)
    try:
        winnowd.write_configuration()
        status, said, log = winnowd.run("--check-config")
        assert status in (69, 78) and fault.says in log.text and "lets winnowd do what it needs" not in said, (status, log.text)
    finally:
        fault.mend(gitea)
    status, said, log = winnowd.run("--check-config")
    assert status == 0, log.text
