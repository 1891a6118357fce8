"""Promise: an outage of the forge only delays a job; a final fault undoes it; nothing is done twice."""

import pathlib
import re
import signal
import subprocess
import threading

import harness
import pytest
from events import PATIENCE
from exhaustive import at_a_real_one, first_of
from harness import improved, result
from machine import eventually

MOMENTS = {
    "look": {"method": "GET", "path": "git-upload-pack$"},
    "branch": {"method": "POST", "path": "/branches$"},
    "push": {"method": "POST", "path": "git-receive-pack$"},
    "pull": {"method": "POST", "path": "/pulls$"},
    "label": {"method": "POST", "path": r"/issues/[1-9]\d*/labels$"},
    "review": {"method": "POST", "path": "/requested_reviewers$"},
}  # fmt: skip
WEATHER = {
    "reset": {}, "close": {}, "cut": {}, "garbage": {}, "locked": {}, "bad_gateway": {}, "too_many": {},
    "hang": {"seconds": 30, "then": "close"},
}  # fmt: skip
DOWN = {"msg": "forge cannot be used now; jobs wait"}
REFUSED = {"msg": "forge refuses; jobs wait until this is mended"}


@pytest.fixture
def stand_in(project):
    """The newer kind alone: test_gitea.py has both."""
    made = harness.StandIn(project, "1.25")
    yield made
    made.stop()


@pytest.fixture
def winnowd(gitea_winnowd):
    return gitea_winnowd.configure(forge={"reviewers": ["Timmy"]})


def probes(gitea):
    return gitea.records.matching("GET", "/version")


def posts(gitea, step):
    end = {"branch": "/branches", "pull": "/pulls"}[step]
    return [record for record in gitea.records.matching("POST", end) if record.path.endswith(end)]


class Held:
    """What a fault calls: the server is at work on the request until the test lets it go on, and nobody waits
    for it longer than a second."""

    def __init__(self, winnowd):
        winnowd.configure(forge={"timeout": "1s"})
        self.go_on = threading.Event()

    def __call__(self, _):
        self.go_on.wait(2 * PATIENCE)


def assert_promoted_once(forge, *experiments):
    pulls = forge.pulls()
    assert sorted(pull.head for pull in pulls) == [f"experiment/{name}" for name in experiments or ["exp-1"]]
    assert all(pull.state == "open" for pull in pulls)
    assert forge.branches() == {pull.head: pull.sha for pull in pulls}


def assert_nothing_left(forge):
    assert forge.branches() == {}
    assert [pull for pull in forge.pulls() if pull.state == "open"] == []


def break_down(gitea, action="reset"):
    """From this request on the forge answers nobody."""

    def hook(_):
        gitea.faults.add(action, count=None, **WEATHER[action])

    return hook


# From one moment on nothing works; then it is over.


def go_through(winnowd, stand_in, project, moment, weather, at="before"):
    gitea = stand_in.gitea
    if weather == "hang":
        winnowd.configure(forge={"timeout": "1s"})
    winnowd.drop(improved(project))
    gitea.faults.add("close", call=break_down(gitea, weather), at=at, **MOMENTS[moment])
    log = winnowd.start()
    log.wait(**DOWN)
    gitea.faults.clear()
    log.wait(experiment="exp-1", decision="promoted")
    assert_promoted_once(stand_in)


@pytest.mark.parametrize("at", first_of(["after", "before"]))
@pytest.mark.parametrize("moment", MOMENTS)
def test_it_goes_away_in_the_middle_and_comes_back(winnowd, stand_in, project, moment, at):
    go_through(winnowd, stand_in, project, moment, "reset", at)


@pytest.mark.parametrize("weather", at_a_real_one(["hang"], 0) + first_of([name for name in WEATHER if name != "hang"], 0))
def test_every_kind_of_outage_passes(any_winnowd, any_gitea, project, weather):
    """At a real Gitea, too. That the client takes them all for passing is held by tests/unit/test-forge-gitea.c."""
    any_winnowd.configure(forge={"timeout": "2s"})
    go_through(any_winnowd, any_gitea, project, "label", weather)


@pytest.mark.parametrize("method, path", [("GET", "/labels$"), ("POST", "/branches$"), ("POST", "/pulls$")])
def test_a_success_of_another_kind_passes(winnowd, stand_in, gitea, project, method, path):
    """As something in front of the forge may answer; no experiment is to blame for it."""
    log = winnowd.start()
    log.wait(msg="forge answers")
    odd = gitea.faults.add(status=206, body="{}", method=method, path=path, count=1)
    winnowd.drop(improved(project))
    log.wait(experiment="exp-1", decision="promoted")
    assert odd.struck == 1 and log.all(msg=lambda text: "trying again" in text, reason=lambda text: "206" in text), log.text
    assert [(pull.state, pull.labels) for pull in stand_in.pulls()] == [("open", ["experiment"])]


def test_it_is_down_at_the_start(winnowd, stand_in, gitea, project):
    gitea.down()
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(**DOWN)
    log.wait(experiment="exp-1", msg="result queued")
    gitea.up()
    log.wait(experiment="exp-1", decision="promoted")
    assert_promoted_once(stand_in)


def test_one_probes_the_others_wait(winnowd, stand_in, gitea, project):
    winnowd.clock.by_hand()
    winnowd.configure(queue={"parallel": 3})
    for number, after in enumerate((0.9, 0.8, 0.7)):
        winnowd.drop(improved(project, f"exp-{number}", after))
    gitea.faults.add("close", call=break_down(gitea, "bad_gateway"), **MOMENTS["push"])
    log = winnowd.start()
    log.wait(**DOWN)
    gitea.records.clear()
    eventually(lambda: len(gitea.records) >= 3)
    seen = list(gitea.records)
    assert {record.path for record in seen} == {"/api/v1/version"}
    # Each pause is twice the one before, from half a second on; up to a quarter of it is left to chance.
    assert seen[1].time - seen[0].time > 0.37 and seen[2].time - seen[1].time > 0.74
    gitea.faults.clear()
    for number in range(3):
        log.wait(experiment=f"exp-{number}", decision="promoted")
    assert_promoted_once(stand_in, "exp-0", "exp-1", "exp-2")


def test_a_forge_that_is_slow_to_answer_the_first_look(winnowd, stand_in, gitea, project):
    """--once looks around each second for what is left to do, also before it takes results in."""
    winnowd.drop(improved(project))
    winnowd.once()
    slow = gitea.faults.add("hang", method="GET", path="/pulls", seconds=1.5)
    winnowd.drop(improved(project, "exp-2", 0.8))
    assert winnowd.once().decisions() == {"exp-2": "promoted"} and slow.seen
    assert_promoted_once(stand_in, "exp-1", "exp-2")


def test_retry_after_is_kept_to(winnowd, stand_in, gitea, project):
    winnowd.clock.by_hand()
    gitea.faults.add(status=429, headers={"Retry-After": "1"}, body="{}", **MOMENTS["label"])
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    refused = next(record for record in gitea.records if record.status == 429)
    after = next(record for record in gitea.records if record.number > refused.number)
    assert after.time - refused.time > 0.99  # by itself it would have waited half a second
    assert_promoted_once(stand_in)


def test_a_retry_after_of_a_year_is_not(winnowd, gitea, project):
    clock = winnowd.clock.by_hand()
    gitea.faults.add(status=429, headers={"Retry-After": "31536000"}, body="{}", **MOMENTS["label"])
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(experiment="exp-1", step="label", msg="step could not be done now; trying again")
    clock.pass_in_pause(3601)
    log.wait(experiment="exp-1", decision="promoted")


# The undo.


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_an_undo_survives_restarts_until_it_is_done(winnowd, stand_in, gitea, project, how):
    go = winnowd.directory / "go"
    script = f"while [ ! -e {go} ]; do sleep 0.02; done; exit 1"
    winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none"})
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(experiment="exp-1", step="validate", msg="step started")
    break_down(gitea)(None)
    go.touch()
    for _ in range(2):
        log.wait(**DOWN)
        if how == "stop":
            assert winnowd.stop() == 0
        else:
            winnowd.kill()
        log = winnowd.start()
    assert log.wait(msg="job resumed")["reason"] == "being undone"
    log.wait(**DOWN)
    assert set(stand_in.branches()) == {"experiment/exp-1"}
    gitea.faults.clear()
    log.wait(experiment="exp-1", decision="failed")
    assert_nothing_left(stand_in)


def test_an_undo_that_waits_holds_nobody_up(winnowd, stand_in, gitea, project):
    """The forge takes everything but the deletion of this one branch."""
    hook = pathlib.Path(gitea.git_path) / "hooks/update"
    hook.write_text("#!/bin/sh\ncase $1,$3 in */exp-1,*[!0]*) ;; */exp-1,*) echo 'Internal Server Error' >&2; exit 1; esac\n")
    hook.chmod(0o755)
    winnowd.configure(validation={"command": ["sh", "-c", "! grep -q 'WIDTH = 65' train.py"], "sandbox": "none"})
    winnowd.drop(improved(project))
    winnowd.drop(improved(project, "exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    log = winnowd.start()
    log.wait(experiment="exp-2", decision="promoted")
    assert "experiment/exp-1" in stand_in.branches() and "exp-1" not in log.decisions()
    hook.unlink()
    log.wait(experiment="exp-1", decision="failed")
    assert {pull.head: pull.state for pull in stand_in.pulls()} == {"experiment/exp-2": "open"}
    assert set(stand_in.branches()) == {"experiment/exp-2"}


@pytest.mark.parametrize("moment, step", [("look", "branch"), ("push", "push"), ("label", "label")])
def test_retry_for_ends_it(winnowd, stand_in, gitea, project, moment, step):
    winnowd.configure(queue={"retry_for": "1s"})
    # The undo pushes, too, and is not given up.
    # At the start git looks, too. What only looked has nothing to undo at the forge.
    often = {"count": None, "nth": 2} if moment == "look" else {"count": 3}
    gitea.faults.add("bad_gateway", **often, **MOMENTS[moment])
    winnowd.drop(improved(project))
    log = winnowd.start()
    failed = log.wait(experiment="exp-1", decision="failed")
    assert failed["step"] == step and "queue.retry_for" in failed["reason"]
    assert_nothing_left(stand_in)


# What counts for queue.retry_for is the time spent trying.


@pytest.mark.parametrize("how", ["off", "clock set ahead"])
def test_time_in_which_nothing_was_tried_does_not_count(winnowd, stand_in, gitea, project, how):
    """A weekend without power, or a clock that jumps, between one passing fault and the next."""
    clock = winnowd.clock.by_hand()
    winnowd.configure(queue={"retry_for": "1h"})
    ahead = 200_000 if how == "clock set ahead" else 0
    gitea.faults.add("bad_gateway", nth=2, **MOMENTS["look"])  # behind the one at the start
    gitea.faults.add("bad_gateway", nth=3, call=lambda _: clock.set_back(-ahead), **MOMENTS["look"])
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(experiment="exp-1", step="branch", msg="step could not be done now; trying again")
    if how == "off":
        assert winnowd.stop() == 0
        clock.set_back(-200_000)
        log = winnowd.start()
    log.wait(experiment="exp-1", decision="promoted")
    assert_promoted_once(stand_in)


def test_the_rest_of_a_pause_that_a_stop_cuts_short_does_not_count(winnowd, stand_in, gitea, project):
    """However often it is stopped: after each start it tries at once."""
    winnowd.clock.by_hand()
    winnowd.configure(queue={"retry_for": "60s"})
    gitea.faults.add(status=429, headers={"Retry-After": "45"}, body="{}", count=3, **MOMENTS["label"])
    winnowd.drop(improved(project))
    for _ in range(3):
        log = winnowd.start()
        waits = log.wait(experiment="exp-1", step="label", msg="step could not be done now; trying again")
        assert float(waits["next_ms"]) >= 45_000
        assert winnowd.stop() == 0
    log = winnowd.start()
    log.wait(experiment="exp-1", decision="promoted")
    assert_promoted_once(stand_in)


def test_a_forge_that_is_down_after_a_weekend_is_asked_first(winnowd, stand_in, gitea, project):
    clock = winnowd.clock.by_hand()
    winnowd.configure(queue={"retry_for": "10m"})
    gitea.faults.add("bad_gateway", nth=2, call=break_down(gitea), **MOMENTS["look"])
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(**DOWN)
    assert winnowd.stop() == 0
    clock.set_back(-200_000)
    log = winnowd.start()
    log.wait(**DOWN)
    # Asleep, which is not trying either.
    clock.pass_by(200_000)
    log.wait(msg="status")
    gitea.faults.clear()
    log.wait(experiment="exp-1", decision="promoted")
    assert_promoted_once(stand_in)


def test_once_after_once_counts(winnowd, stand_in, gitea, project):
    """From cron: the time of each run is added up, and in the end the job fails with the forge's own fault."""
    clock = winnowd.clock.by_hand()
    winnowd.configure(queue={"retry_for": "100s"})
    gitea.faults.add("bad_gateway", nth=2, call=break_down(gitea), **MOMENTS["look"])
    winnowd.drop(improved(project))
    failed = []
    for _ in range(3):
        winnowd.write_configuration()
        winnowd._launch(("--once",), stdout=subprocess.DEVNULL)
        winnowd.log.wait(**DOWN)
        clock.pass_by(61)
        assert winnowd.ended() in (0, 69)
        clock.set_back(-3600)
        failed.append(winnowd.log.all(experiment="exp-1", msg="step failed"))
    assert not any(failed[:2]) and len(sum(failed, [])) == 1, failed
    (waits,) = sum(failed, [])
    assert re.fullmatch("tried in vain for queue.retry_for: .*[a-z].*", waits["reason"])
    gitea.faults.clear()
    winnowd.once()
    assert_nothing_left(stand_in)


@pytest.mark.parametrize("appears", [True, False])
def test_a_job_that_ends_while_its_branch_may_still_appear(winnowd, stand_in, gitea, project, appears):
    """Its undo waits until that can no longer be, and only then is there nothing to undo."""
    clock, held = winnowd.clock.by_hand(), Held(winnowd)
    winnowd.configure(queue={"retry_for": "100ms"})
    gitea.faults.add("pass" if appears else "close", call=held, **MOMENTS["branch"])
    gitea.faults.add("bad_gateway", count=3, nth=3, **MOMENTS["look"])  # behind those at the start and of the step
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(experiment="exp-1", msg="undo started", step="branch")
    looks = len(gitea.records)
    eventually(lambda: len(gitea.records) >= looks + 3)
    assert not log.all(experiment="exp-1", msg="undo ended")
    if appears:
        held.go_on.set()
    else:
        clock.pass_in_pause(10)
    failed = log.wait(experiment="exp-1", decision="failed")
    held.go_on.set()
    assert failed["step"] == "branch" and "queue.retry_for" in failed["reason"]
    assert_nothing_left(stand_in)


def test_a_branch_that_appears_after_a_second_try_was_refused(winnowd, stand_in, gitea, project):
    """The first one was answered to nobody, and is still at work while its job fails."""
    clock, held = winnowd.clock.by_hand(), Held(winnowd)
    gitea.faults.add("pass", call=held, **MOMENTS["branch"])
    gitea.faults.add(status=422, body='{"message":"no"}', nth=2, **MOMENTS["branch"])
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(experiment="exp-1", msg="step could not be done now; trying again", step="branch")
    clock.pass_by(10)
    log.wait(experiment="exp-1", msg="step failed", step="branch")
    looks = len(gitea.records)
    eventually(lambda: len(gitea.records) >= looks + 3)
    held.go_on.set()
    log.wait(experiment="exp-1", decision="failed")
    assert_nothing_left(stand_in)


# The token is no longer good.

MENDED = ["restart", "reload", "wait"]


@pytest.mark.parametrize("moment, mended", first_of(zip(["look", "branch", "push", "pull", "label"], MENDED * 2), 3))
def test_the_token_ends_in_the_middle(winnowd, stand_in, gitea, project, moment, mended):
    clock = winnowd.clock.by_hand()
    good = gitea.token

    def revoke(_):
        gitea.token = "f" * 40

    gitea.faults.add("unauthorized", call=revoke, **MOMENTS[moment])
    winnowd.drop(improved(project))
    winnowd.drop(improved(project, "exp-2", 0.8))
    log = winnowd.start()
    refused = log.wait(**REFUSED)
    assert "token" in refused["reason"]
    asked = len(probes(gitea))
    clock.pass_in_pause(61)  # it asks again, and is refused again
    eventually(lambda: len(probes(gitea)) > asked)
    assert log.all(experiment="exp-2", msg="step started") == [] and "exp-2" not in log.decisions()
    gitea.token = good
    if mended == "restart":
        assert winnowd.stop() == 0
        log = winnowd.start()
    elif mended == "reload":
        winnowd.process.send_signal(signal.SIGHUP)
    else:
        clock.pass_in_pause(61)
    log.wait(experiment="exp-2", decision="promoted")
    log.wait(experiment="exp-1", decision="promoted")
    both = {"experiment/exp-1", "experiment/exp-2"}
    assert {pull.head for pull in stand_in.pulls() if pull.state == "open"} == both
    assert set(stand_in.branches()) == both and "failed" not in log.decisions().values()


@pytest.mark.parametrize("count", [1, None])
def test_git_is_refused_the_push_alone(winnowd, stand_in, gitea, project, count):
    """The forge says that all is well. One refusal does nothing, and more hold the queue as a refusal of the API does."""
    gitea.faults.add("unauthorized", count=count, **MOMENTS["push"])
    winnowd.drop(improved(project))
    winnowd.drop(improved(project, "exp-2", 0.8))
    log = winnowd.start()
    if count is None:
        assert "token" in log.wait(**REFUSED)["reason"]
        gitea.faults.clear()
        winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-2", decision="promoted")
    assert log.decisions() == {"exp-1": "promoted", "exp-2": "promoted"} and not log.all(msg="step failed")


def test_the_token_ends_while_pull_requests_are_looked_at(winnowd, stand_in, gitea, project):
    winnowd.configure(forge={"poll": "1s"})
    log = winnowd.start()
    for number, after in enumerate((0.9, 0.8)):
        winnowd.drop(improved(project, f"exp-{number}", after))
        log.wait(experiment=f"exp-{number}", decision="promoted")
    good, gitea.token = gitea.token, "f" * 40
    log.wait(**REFUSED)
    gitea.close_pull(1)
    gitea.token = good
    assert log.all(msg="pull request could not be checked") == []
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(pull="1", msg="pull request closed unmerged; its value leaves the frontier")


# Certificates.


@pytest.mark.parametrize("kind", [True, "wrong_name", "expired"])
def test_a_wrong_certificate_holds_the_queue(project, tmp_path, the_binary_is_there, kind):
    forge = harness.StandIn(project, "1.25", tls=kind)
    winnowd = harness.Winnowd(tmp_path, forge)
    authority = winnowd.config["forge"]["ca_file"]
    if kind is True:
        winnowd.config["forge"].pop("ca_file")  # signed by nobody we know
    winnowd.drop(improved(project))
    log = winnowd.start()
    down = log.wait(**DOWN)
    assert "certificate" in down["reason"] and str(forge.gitea.port) in down["reason"]
    if kind is True:
        assert "forge.ca_file" in down["reason"]
    log.wait(experiment="exp-1", msg="result queued")
    eventually(lambda: winnowd.waiting() == [])
    assert winnowd.stop() == 0
    assert log.all(msg="step started") == [] and log.decisions() == {}
    assert winnowd.archived() == ["exp-1.json"]
    if kind is True:
        winnowd.configure(forge={"ca_file": authority})
        assert winnowd.once().decisions() == {"exp-1": "promoted"}
    winnowd.check_promises()
    forge.stop()


def test_a_certificate_that_gets_wrong_in_the_middle(project, tmp_path, the_binary_is_there):
    """git meets it first: that is no reason to fail either."""
    forge = harness.StandIn(project, "1.25", tls=True)
    winnowd = harness.Winnowd(tmp_path, forge)
    good = pathlib.Path(forge.gitea.ca_file).read_bytes()
    other = harness.StandIn(harness.Project(tmp_path / "other"), "1.25", tls=True)
    authority = tmp_path / "authority.pem"
    authority.write_bytes(good)
    spoil = f"cp {other.gitea.ca_file} {authority}"
    winnowd.configure(forge={"ca_file": str(authority)}, validation={"command": ["sh", "-c", spoil], "sandbox": "none"})
    winnowd.drop(improved(project))
    log = winnowd.start()
    waits = log.wait(experiment="exp-1", step="push", msg="step could not be done now; trying again")
    assert "certificate" in waits["reason"].lower()
    authority.write_bytes(good)
    log.wait(experiment="exp-1", decision="promoted")
    winnowd.check_promises()
    forge.stop()
    other.stop()


# A POST whose answer was lost.


@pytest.mark.parametrize("back", first_of([3600, 0]), ids=["clock set back", ""])
@pytest.mark.parametrize("step", ["branch", "pull"])
def test_a_lost_answer_is_waited_for(winnowd, stand_in, gitea, project, step, back):
    """The server is still at work when we stop waiting: it is asked once, and what it makes is adopted."""
    clock = winnowd.clock.by_hand()
    held = Held(winnowd)
    fault = gitea.faults.add("pass", call=held, **MOMENTS[step])
    winnowd.drop(improved(project))
    log = winnowd.start()
    eventually(lambda: fault.struck)
    clock.set_back(back)
    log.wait(experiment="exp-1", step=step, msg="step started", attempt="2")
    looks = len(gitea.records)
    eventually(lambda: len(gitea.records) >= looks + 3)
    held.go_on.set()
    log.wait(experiment="exp-1", decision="promoted")
    assert len(posts(gitea, "branch")) == 1 and len(posts(gitea, "pull")) == 1
    assert_promoted_once(stand_in)


@pytest.mark.parametrize("step", ["branch", "pull"])
def test_a_lost_request_is_repeated_only_when_it_is_long_lost(winnowd, stand_in, gitea, project, step):
    clock = winnowd.clock.by_hand()
    gitea.faults.add("close", **MOMENTS[step])
    winnowd.drop(improved(project))
    log = winnowd.start()
    log.wait(experiment="exp-1", step=step, msg="step started", attempt="2")
    looks = len(gitea.records)
    eventually(lambda: len(gitea.records) >= looks + 3)
    assert len(posts(gitea, step)) == 1
    clock.pass_in_pause(10)
    log.wait(experiment="exp-1", decision="promoted")
    assert len(posts(gitea, step)) == 2
    assert_promoted_once(stand_in)


@pytest.mark.parametrize("moment", ["look", "push"])
def test_a_stop_does_not_wait_for_a_forge_that_hangs(winnowd, gitea, project, moment):
    """And no git that the daemon has started talks on to the forge, with the token."""
    held = Held(winnowd)
    winnowd.configure(forge={"timeout": "1h"})
    fault = gitea.faults.add("close", call=held, **MOMENTS[moment])
    winnowd.drop(improved(project))
    winnowd.start()
    eventually(lambda: fault.struck)
    assert winnowd.stop() == 0
    assert not subprocess.run(["pgrep", "-f", f"remote-http .*{gitea.port}/"], capture_output=True, text=True).stdout
    held.go_on.set()
    winnowd.once()


def starts(log, experiment):
    """Places in the log of the steps that it began."""
    return [at for at, line in enumerate(log.events) if line.get("msg") == "step started" and line.get("experiment") == experiment]


@pytest.mark.parametrize("how", first_of(["running", "once"]))
def test_one_that_fails_alone_lets_others_go_first(winnowd, stand_in, gitea, project, how):
    """Jobs of another metric go at once, those of its own after some tries. Then it is judged again."""
    winnowd.configure(metrics={"val_bpb": {"direction": "minimize"}, "words": {"direction": "maximize"}})
    gitea.faults.add("bad_gateway", count=None, method="POST", path="/branches$", holds=r"exp-1\b")
    winnowd.drop(improved(project))
    winnowd.drop(improved(project, "exp-2", 0.8))
    winnowd.drop(improved(project, "exp-3", 2.0, metric="words", metric_before=1.0))
    if how == "once":
        ended = winnowd.once(status=69)
        assert ended.decisions() == {"exp-2": "promoted", "exp-3": "promoted"}
        return
    log = winnowd.start()
    log.wait(experiment="exp-2", decision="promoted")
    tries = starts(log, "exp-1")
    assert starts(log, "exp-3")[0] < tries[2] < starts(log, "exp-2")[0]
    gitea.faults.clear()
    log.wait(experiment="exp-1", decision="superseded")
    assert_promoted_once(stand_in, "exp-2", "exp-3")


def test_one_that_fails_alone_lends_its_slot_however_long_a_look_at_the_forge_takes(winnowd, gitea, project):
    """It waits for the forge's answer when its pause is over, and does not begin again before others have."""
    winnowd.configure(metrics={"val_bpb": {"direction": "minimize"}, "words": {"direction": "maximize"}})
    gitea.faults.add("bad_gateway", count=None, method="POST", path="/branches$", holds=r"exp-1\b")
    gitea.faults.add("hang", count=None, method="GET", path="/user$", seconds=1.5)
    winnowd.drop(improved(project))
    winnowd.drop(improved(project, "exp-3", 2.0, metric="words", metric_before=1.0))
    log = winnowd.start()
    log.wait(experiment="exp-3", msg="step started")
    assert len(starts(log, "exp-1")) == 1, log.text


def test_what_lends_its_slot_to_one_that_was_made_on_it_gets_it_back(winnowd, stand_in, gitea, project):
    """The other one waits for its parent's end, of whatever metric that is, and needs no slot for that."""
    winnowd.configure(metrics={"val_bpb": {"direction": "minimize"}, "words": {"direction": "maximize"}}, queue={"parallel": 1})
    gitea.faults.add("bad_gateway", count=None, method="POST", path="/branches$", holds=r"exp-1\b")
    one, first = project.experiment({"one.txt": "1\n"})
    _, second = project.experiment({"two.txt": "2\n"}, parent=one)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=first))
    winnowd.drop(result("exp-2", 2.0, metric="words", metric_before=1.0, diff=second, parent="exp-1"))
    log = winnowd.start()
    log.wait(experiment="exp-2", msg="step started")
    gitea.faults.clear()
    log.wait(experiment="exp-1", decision="promoted")
    log.wait(experiment="exp-2", decision="promoted")
    assert_promoted_once(stand_in, "exp-1", "exp-2")
