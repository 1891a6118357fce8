"""Promise: what a person has to mend at the forge, or in the token, holds the queue and fails no experiment, at whichever step it shows."""

import dataclasses
import signal
import typing

import pytest
from exhaustive import first_of
from harness import improved
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
    """Just before the first request of that kind behind those at the start is looked at."""
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


@pytest.mark.parametrize("what, moment", first_of(FEW, len(FEW)) + first_of([case for case in CASES if case not in FEW], 0))
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
        assert log.wait_until(lambda: struck)
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


@pytest.mark.parametrize("what", FAULTS)
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
