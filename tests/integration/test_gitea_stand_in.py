"""Promise: of the tests' own tools: the stand-in answers as Gitea is known to, so tests may rely on it.

No test of the daemon would notice if these answers were wrong, and a stand-in that allows too much lets wrong code
pass. test_forge_answers.py, and each test that takes any_gitea, compare it with a real Gitea.
tests/unit/test-forge-gitea*.c check how it misbehaves: lag, pages, repositories that are gone, unknown tokens.
test_others_hands.py checks leases and protection.
"""

import base64
import json

import pytest
from stand_in_client import (  # noqa: F401: fixtures are found by name
    REPO,
    Caller,
    call_fixture,
    clone_fixture,
    git,
    gitea_fixture,
    new_gitea,
    old_gitea,
    promoted,
)

pytestmark = pytest.mark.stand_in


def test_where_the_two_kinds_differ(old, new):
    """The older one says it twice, knows branches alone as a start, has no lookup and no labels by name."""
    seen = {}
    for stand_in in (old, new):
        call, first = Caller(stand_in), stand_in.branches["main"]
        second = stand_in.move_base()
        unknown = call.branch("experiment/x", "nowhere")
        wanted = {"new_branch_name": "experiment/a", "old_ref_name": first, "old_branch_name": "main"}
        made = call("POST", REPO + "/branches", wanted).json["commit"]["id"]
        pull = call.pull("experiment/a").json
        stand_in.add_label("night")
        seen[stand_in.dialect] = (
            unknown.status, unknown.body.decode().count('{"message":'), {first: "first", second: "second"}[made],
            "requested_reviewers" in pull, call("GET", f"{REPO}/pulls/main/experiment/a").status,
            call("POST", f"{REPO}/issues/1/labels", {"labels": ["night"]}).status,
        )  # fmt: skip
    assert seen == {"1.15": (404, 2, "second", False, 404, 422), "1.25": (404, 1, "first", True, 200, 200)}
    with pytest.raises(json.JSONDecodeError, match="Extra data"):
        Caller(old).branch("experiment/x", "nowhere").json  # noqa: B018


def test_a_pull_request_outlives_its_branch(gitea, call, clone):
    """Its number is not its id; the branch's name is gone from it, by either way to delete, not its commit."""
    for number, way in enumerate(("api", "git", "merge"), 1):
        where, sha, pull = promoted(gitea, lambda _, way=way: clone(gitea, way), f"experiment/{way}")
        assert pull["number"] == number != pull["id"] and pull["head"]["sha"] == sha
        if way == "api":
            call("DELETE", f"{REPO}/branches/experiment/{way}")
        elif way == "git":
            git("push", "-q", "origin", f":experiment/{way}", where=where)
        else:
            tip = gitea.merge_pull(number, delete_branch=True)
            assert gitea.forge.git.is_ancestor(sha, tip)
        pull = call("GET", f"{REPO}/pulls/{number}").json
        if way == "git":  # 1.15 leaves it open
            assert pull["state"] == ("closed" if gitea.dialect == "1.25" else "open")
            continue
        assert (pull["state"], pull["merged"]) == ("closed", way == "merge")
        assert (pull["head"]["ref"], pull["head"]["sha"]) == (f"refs/pull/{number}/head", sha)
        assert gitea.forge.git.refs()[f"refs/pull/{number}/head"] == sha
    assert list(gitea.branches) == ["main"]


# The token


@pytest.mark.parametrize("token", ["wrong", ""])
def test_token_is_looked_at_on_every_call(gitea, call, token):
    calls = [
        ("GET", "/user", None), ("GET", REPO, None), ("GET", f"{REPO}/branches/main", None),
        ("GET", f"{REPO}/pulls", None), ("GET", f"{REPO}/labels", None),
        ("POST", f"{REPO}/branches", {"new_branch_name": "experiment/a"}),
        ("DELETE", f"{REPO}/branches/main", None),
        ("POST", f"{REPO}/pulls", {"head": "main", "base": "main", "title": "t"}),
        ("PATCH", f"{REPO}/pulls/1", {"state": "closed"}),
        ("POST", f"{REPO}/labels", {"name": "a", "color": "#000000"}),
        ("POST", f"{REPO}/issues", {"title": "t"}),
    ]  # fmt: skip
    for method, path, body in calls:
        assert call(method, path, body, token).status in (401, 404), path
    assert not any(record.token_ok for record in gitea.records)
    assert call("GET", REPO).status == 200
    assert gitea.records[-1].token_ok


def test_git_wants_the_token_as_password(gitea):
    plain = gitea.git_url.replace(f"token:{gitea.token}@", "")
    wrong = gitea.git_url.replace(gitea.token, "wrong")
    for url in (plain, wrong):
        assert git("ls-remote", url, check=False).returncode != 0
    credentials = base64.b64encode(f"whoever:{gitea.token}".encode()).decode()
    header = f"http.extraHeader=Authorization: Basic {credentials}"
    assert "refs/heads/main" in git("-c", header, "ls-remote", plain).stdout
