"""A promotion at a Gitea of either kind (test_promotion.py has the whole of it); each way in which the server can be in the way."""

import os

import harness
import pytest
from exhaustive import first_of
from harness import improved, result

CALLS = {
    "branch": ("POST", "/branches$"),
    "pull": ("POST", "/pulls$"),
    "label": ("POST", r"/issues/\d+/labels$"),
    "review": ("POST", "/requested_reviewers$"),
}


def assert_promoted_once(forge):
    (pull,) = forge.pulls()
    assert pull.state == "open"
    assert forge.branches() == {pull.head: pull.sha}
    return pull


def assert_nothing_left(forge):
    assert forge.branches() == {}
    assert [pull for pull in forge.pulls() if pull.state == "open"] == []


def test_reviewers_are_asked(gitea_winnowd, stand_in, project):
    gitea_winnowd.configure(forge={"reviewers": ["Timmy"]})
    gitea_winnowd.drop(improved(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    assert assert_promoted_once(stand_in).reviewers == ["Timmy"]


def test_labels_are_made_once_and_reused(gitea_winnowd, stand_in, project):
    gitea_winnowd.drop(improved(project))
    gitea_winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    gitea_winnowd.once()
    assert len(stand_in.gitea.records.matching("POST", "/repos/lab/model/labels")) == 1
    assert [pull.labels for pull in stand_in.pulls()] == [["experiment"], ["experiment"]]


def test_an_organisations_label_is_used(project, tmp_path, the_binary_is_there):
    forge = harness.StandIn(project, "1.25", organisation=True)
    forge.gitea.add_label("experiment", organisation=True)
    winnowd = harness.Winnowd(tmp_path, forge)
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert assert_promoted_once(forge).labels == ["experiment"]
    assert not forge.gitea.records.matching("POST", "/repos/lab/model/labels")
    winnowd.check_promises()
    forge.stop()


# A step that is refused for good is undone with all before it.


@pytest.mark.representative
@pytest.mark.parametrize("stand_in", ["1.15", "1.25"], indirect=True)
@pytest.mark.parametrize("step", CALLS)
def test_a_refused_step_is_undone(gitea_winnowd, stand_in, project, step):
    method, path = CALLS[step]
    gitea_winnowd.configure(forge={"reviewers": ["Timmy"]})
    stand_in.gitea.faults.add(method=method, path=path, status=422, body='{"message":"no"}', count=None)
    gitea_winnowd.drop(improved(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "failed"}
    assert_nothing_left(stand_in)


def test_a_refused_push_is_undone(gitea_winnowd, stand_in, project):
    # The first push meets a protected branch, the second, the undo's, does not.
    push = {"method": "POST", "path": "git-receive-pack$"}
    stand_in.gitea.faults.add("pass", call=lambda _: stand_in.gitea.protect("experiment/exp-1"), **push)
    stand_in.gitea.faults.add("pass", call=lambda _: stand_in.gitea.unprotect("experiment/exp-1"), nth=2, **push)
    gitea_winnowd.drop(improved(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "failed"}
    assert_nothing_left(stand_in)


def test_a_branch_that_exists_is_left_alone(gitea_winnowd, stand_in, project):
    tip = stand_in.gitea.make_branch("experiment/exp-1")
    gitea_winnowd.drop(improved(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "failed"}
    assert stand_in.branches() == {"experiment/exp-1": tip or project.tip}


# A fault that passes delays, and no more.

# An answer that was lost is looked for ten seconds before its request is repeated, so not every
# fault meets both kinds of server.
PASSING = [
    ("1.15", "locked"), ("1.25", "bad_gateway"), ("1.15", "too_many"), ("1.25", "reset"),
    ("1.15", "close"), ("1.25", "cut"), ("1.15", "garbage"), ("1.25", "double_body"),
]  # fmt: skip


@pytest.mark.parametrize("action, at", first_of([("close", "after"), ("locked", "before")]))
@pytest.mark.parametrize("step", CALLS)
def test_a_passing_fault_only_delays(gitea_winnowd, stand_in, project, step, action, at):
    method, path = CALLS[step]
    gitea_winnowd.configure(forge={"reviewers": ["Timmy"]})
    fault = stand_in.gitea.faults.add(action, method=method, path=path, at=at)
    gitea_winnowd.drop(improved(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    assert fault.struck == 1
    pull = assert_promoted_once(stand_in)
    assert pull.labels == ["experiment"] and pull.reviewers == ["Timmy"]


@pytest.mark.slow
@pytest.mark.parametrize("stand_in, action", first_of(PASSING), indirect=["stand_in"])
def test_every_call_meets_a_passing_fault_once(gitea_winnowd, stand_in, project, action):
    for method, path in CALLS.values():
        stand_in.gitea.faults.add(action, method=method, path=path, at="before")
    gitea_winnowd.drop(improved(project))
    assert gitea_winnowd.once(seconds=120).decisions() == {"exp-1": "promoted"}
    assert_promoted_once(stand_in)


def test_git_over_http_meets_a_passing_fault(gitea_winnowd, stand_in, project):
    for service in ("git-receive-pack", "git-upload-pack"):
        stand_in.gitea.faults.add("bad_gateway", path=service)
    gitea_winnowd.drop(improved(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    assert_promoted_once(stand_in)


def test_an_api_that_lags_behind_git(gitea_winnowd, stand_in, project):
    stand_in.gitea.api_lag = 1.0
    stand_in.gitea.lag_answer = "404"
    gitea_winnowd.drop(improved(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    assert_promoted_once(stand_in)


def test_the_forge_goes_down_and_comes_back(gitea_winnowd, stand_in, project):
    log = gitea_winnowd.start()
    gitea_winnowd.drop(result("first", 1.0))
    log.wait(experiment="first", decision="baseline")
    stand_in.gitea.down()
    gitea_winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65)))
    log.wait(level=lambda level: level in ("warning", "error"), msg=lambda text: "forge" in text or "step" in text)
    stand_in.gitea.up()
    log.wait(experiment="exp-1", decision="promoted", seconds=120)
    assert_promoted_once(stand_in)


@pytest.mark.slow
@pytest.mark.parametrize("stand_in", ["1.25"], indirect=True)
def test_once_gives_up_on_a_forge_that_stays_away(gitea_winnowd, stand_in, project):
    stand_in.gitea.down()
    gitea_winnowd.drop(improved(project))
    log = gitea_winnowd.once(status=69, seconds=100)
    assert "exp-1" not in log.decisions()
    assert gitea_winnowd.archived() == ["exp-1.json"]
    stand_in.gitea.up()
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}


def test_a_fault_in_the_undo_does_not_lose_it(gitea_winnowd, stand_in, project):
    stand_in.gitea.faults.add("locked", method="DELETE", path="/branches/")
    stand_in.gitea.faults.add("bad_gateway", path="git-receive-pack")
    gitea_winnowd.drop(improved(project, diff=project.tweak(BATCH=33)))
    assert gitea_winnowd.once().decisions() == {"exp-1": "failed"}
    assert_nothing_left(stand_in)


# What persons do.


def test_a_branch_that_a_person_moved_is_kept(gitea_winnowd, stand_in, project):
    stand_in.gitea.faults.add("pass", method="POST", path="/pulls$", call=lambda record:
                              stand_in.gitea.push_to_branch("experiment/exp-1"))  # fmt: skip
    stand_in.gitea.faults.add(method="POST", path="/pulls$", status=422, body='{"message":"no"}', nth=2, count=None)
    gitea_winnowd.drop(improved(project))
    gitea_winnowd.once()
    assert "experiment/exp-1" in stand_in.branches()


@pytest.mark.parametrize("what, follows", [("closed", "promoted"), ("merged", "discarded")])
def test_what_became_of_a_pull_request_is_noticed(gitea_winnowd, stand_in, project, what, follows):
    gitea_winnowd.configure(forge={"poll": "1s"})
    log = gitea_winnowd.start()
    gitea_winnowd.drop(improved(project))
    log.wait(experiment="exp-1", decision="promoted")
    if what == "merged":
        stand_in.gitea.merge_pull(1, delete_branch=True)
    else:
        stand_in.gitea.close_pull(1)
    log.wait(pull="1", msg=lambda text: what in text)
    gitea_winnowd.drop(result("exp-2", 0.95, metric_before=1.0, diff=project.tweak(DEPTH=13)))
    log.wait(experiment="exp-2", decision=follows)


# Addresses and credentials.


@pytest.mark.parametrize("more", [{"tls": True}, {"sub_path": "git"}], ids=["tls", "sub-path"])
def test_other_addresses(project, tmp_path, the_binary_is_there, more):
    forge = harness.StandIn(project, "1.25", **more)
    winnowd = harness.Winnowd(tmp_path, forge)
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert_promoted_once(forge)
    winnowd.check_promises()
    forge.stop()


def test_a_certificate_of_nobody_we_know(project, tmp_path, the_binary_is_there):
    forge = harness.StandIn(project, "1.25", tls=True)
    winnowd = harness.Winnowd(tmp_path, forge)
    winnowd.config["forge"].pop("ca_file")
    status, text, log = winnowd.run("--check-config")
    assert status == 69
    assert "certificate" in (text + log.text).lower() or "ssl" in (text + log.text).lower()
    winnowd.check_promises()
    forge.stop()


@pytest.mark.parametrize("how", ["file", "credential", "environment"])
def test_where_the_token_comes_from(gitea_winnowd, stand_in, tmp_path, how):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "gitea-token").write_text(stand_in.token + "\n")
    os.chmod(folder / "gitea-token", 0o600)
    if how != "environment":
        del gitea_winnowd.environment["GITEA_TOKEN"]
    if how == "file":
        gitea_winnowd.configure(forge={"token_file": str(folder / "gitea-token")})
    if how == "credential":
        gitea_winnowd.environment["CREDENTIALS_DIRECTORY"] = str(folder)
    status, text, log = gitea_winnowd.run("--check-config")
    assert status == 0, text + log.text
    assert any(record.token_ok for record in stand_in.gitea.records)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"repo": "no-such"}, ["forge.repo"]),
        ({"base": "no-such"}, ["forge.base"]),
        ({"reviewers": ["nobody"]}, ["nobody"]),
        ({"reviewers": ["winnowd"]}, ["forge.reviewers"]),
    ],
    ids=["repo", "base", "unknown reviewer", "own reviewer"],
)
def test_check_config_looks_at_the_forge(gitea_winnowd, change, words):
    gitea_winnowd.configure(forge=change)
    status, text, log = gitea_winnowd.run("--check-config")
    assert status in (69, 78), text + log.text
    for word in words:
        assert word in text + log.text


def test_a_bad_token_is_told_and_not_shown(gitea_winnowd, stand_in):
    gitea_winnowd.environment["GITEA_TOKEN"] = "0123456789abcdef0123456789abcdef01234567"
    status, text, log = gitea_winnowd.run("--check-config")
    assert status in (69, 78)
    assert "token" in text + log.text
    assert "0123456789abcdef" not in text + log.text


@pytest.mark.parametrize("number", [3, 7])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_crash_at_a_request(gitea_winnowd, stand_in, project, number, when):
    """The daemon dies before or after its nth request did its work."""

    def die(_):
        gitea_winnowd.process.kill()

    stand_in.gitea.faults.add("close", nth=number, at=when, call=die)
    gitea_winnowd.drop(improved(project))
    gitea_winnowd.write_configuration()
    _, _, log = gitea_winnowd.run("--once")
    stand_in.gitea.faults.clear()
    assert {**log.decisions(), **gitea_winnowd.once().decisions()} == {"exp-1": "promoted"}
    assert_promoted_once(stand_in)
