"""Promise: Forgejo, whose answers differ from Gitea's, works like any other forge.

A proxy in front of the stand-in gives the answers that Forgejo 17 was seen to give.
"""

import json

import pytest
from harness import result

JSON = {"Content-Type": "application/json;charset=utf-8"}
NO_SCOPE = json.dumps({"message": "token does not have at least one of required scope(s)", "url": "https://forge.example.org/api/swagger"})


def refuse(gitea, path, method="GET", status=403, body=NO_SCOPE):
    gitea.faults.add(path=path, method=method, status=status, body=body, headers=JSON, count=None)


@pytest.fixture
def stand_in(forge_of_kind):
    return forge_of_kind("1.25")


@pytest.fixture
def repository_token(stand_in):
    """A token for named repositories: it has no say in users and organisations, for ever."""
    for path in (r"/api/v1/user$", r"/api/v1/users/", r"/api/v1/orgs/"):
        refuse(stand_in.gitea, path)


@pytest.mark.usefixtures("repository_token")
def test_a_token_for_named_repositories(gitea_winnowd, project):
    """All that needs the repository alone is done, and what could not be checked is said once."""
    winnowd = gitea_winnowd.configure(forge={"reviewers": ["Timmy"], "labels": ["experiment", "night"]})
    status, _, log = winnowd.run("--check-config")
    assert status == 0 and "not checked: " in log.text and all(f"GET {path} was answered 403" in log.text for path in ("/user", "/users/Timmy", "/orgs/lab/labels")), log.text
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    log.wait(experiment="exp-1", decision="promoted")
    log.wait(experiment="exp-2", decision="promoted")
    assert log.all(level="error") == []
    told = [event for event in log.all(level="warning") if "scope" in event.get("reason", "")]
    assert len(told) == 1, [event["msg"] for event in log.all(level="warning")]
    assert all((pull.labels, pull.reviewers) == (["experiment", "night"], ["Timmy"]) for pull in winnowd.forge.pulls())


def test_a_refusal_that_repeats_the_token(gitea_winnowd):
    """Neither log nor status shows it: check_promises() looks."""
    winnowd, gitea = gitea_winnowd, gitea_winnowd.forge.gitea
    refuse(gitea, r"/api/v1/", status=401, body=json.dumps({"message": f"access token does not exist [sha: {winnowd.forge.token}]"}))
    status, _, log = winnowd.run("--check-config")
    assert status == 78 and winnowd.forge.token not in log.text, log.text
    log = winnowd.start()
    assert "token" in log.wait(level="error", reason=True)["reason"]


def test_an_error_with_a_list_and_a_missing_branch_that_cannot_be_deleted(gitea_winnowd, project):
    winnowd, gitea = gitea_winnowd, gitea_winnowd.forge.gitea
    missing = json.dumps({"errors": ["branch does not exist [name: experiment]"], "message": "The target couldn't be found."})
    gitea.faults.add(path=r"/branches/experiment$", method="GET", status=404, body=missing, headers=JSON, count=None)
    refuse(gitea, r"/branches/", method="DELETE", status=500, body='{"message":""}')
    winnowd.configure(validation={"command": ["false"]})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"exp-1": "failed"}
    assert winnowd.forge.branches() == {}


@pytest.mark.parametrize("at", ["before", "after"])
def test_a_conflict_whose_numbers_differ(gitea_winnowd, project, at):
    """Neither `id` nor `issue_id` is taken for the number of a pull request: it is looked for by its branch."""
    said = "pull request already exists for these targets [id: 7301, issue_id: 9941, head_branch: experiment/exp-1, base_branch: main]"
    answer = {"status": 409, "body": json.dumps({"message": said}), "headers": JSON, "at": at}
    gitea_winnowd.forge.gitea.faults.add(path=r"/pulls$", method="POST", **answer)
    gitea_winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    assert [pull.number for pull in gitea_winnowd.forge.pulls()] == [1]
