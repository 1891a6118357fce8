"""The stand-in's answers against what is known of Gitea's.

A stand-in that is wrong makes every test wrong that leans on it, so it has tests of its own.
"""

import base64
import concurrent.futures
import json
import os
import time

import pytest
from gitea import Gitea
from stand_in_client import (  # noqa: F401: fixtures are found by name
    BASE,
    PREFIX,
    REPO,
    Caller,
    call_fixture,
    clone_fixture,
    commit,
    git,
    gitea_fixture,
    new_gitea,
    old_gitea,
    promoted,
)


# Branches


def test_branch_is_made_from_the_base(gitea, call):
    answer = call.branch("experiment/a")
    assert answer.status == 201
    assert answer.json["commit"]["id"] == gitea.branches["main"] == gitea.branches["experiment/a"]


def test_branch_that_exists_or_whose_name_is_taken(gitea, call):
    call.branch("experiment/a")
    assert call.branch("experiment/a").status == 409
    assert call.branch("experiment/a/b").status == 409
    assert call.branch("experiment").status == 409
    gitea.forge.git.git("tag", "experiment/t", "main")
    assert call.branch("experiment/t").status == 409
    assert set(gitea.branches) == {"main", "experiment/a"}


@pytest.mark.parametrize("name", ["experiment/a..b", "experiment/a.lock", "a b", "-a", "", "a/.b"])
def test_bad_branch_name(call, name):
    assert call.branch(name).status == 422


def test_unknown_base_is_two_documents_on_the_old_one(old):
    answer = Caller(old).branch("experiment/a", "nowhere")
    assert answer.status == 404
    with pytest.raises(json.JSONDecodeError, match="Extra data"):
        json.loads(answer.body)
    first, end = json.JSONDecoder().raw_decode(answer.body.decode())
    assert first["message"] == "The old branch does not exist"
    assert json.loads(answer.body[end:])["message"]


def test_unknown_base_is_one_document_on_the_new_one(new):
    answer = Caller(new).branch("experiment/a", "nowhere")
    assert (answer.status, answer.message) == (404, "The old branch does not exist")


def test_old_ref_name(old, new):
    for stand_in in (old, new):
        first = stand_in.branches["main"]
        second = stand_in.move_base()
        wanted = {"new_branch_name": "experiment/a", "old_ref_name": first,
                  "old_branch_name": "main"}  # fmt: skip
        answer = Caller(stand_in)("POST", REPO + "/branches", wanted)
        expected = first if stand_in is new else second
        assert answer.json["commit"]["id"] == expected
    wanted = {"new_branch_name": "experiment/b", "old_ref_name": "f" * 40}
    assert Caller(new)("POST", REPO + "/branches", wanted).status == 500


def test_branch_names_with_slashes(call):
    call.branch("experiment/a")
    for name in ("experiment/a", "experiment%2Fa"):
        assert call("GET", f"{REPO}/branches/{name}").json["name"] == "experiment/a"
    assert call("GET", f"{REPO}/branches/experiment").status == 404


def test_deleting_a_branch(gitea, call):
    call.branch("experiment/a")
    assert call("DELETE", f"{REPO}/branches/experiment/a").status == 204
    missing = 404 if gitea.dialect == "1.25" else 500
    assert call("DELETE", f"{REPO}/branches/experiment/a").status == missing
    gitea.delete_missing_status = 204
    assert call("DELETE", f"{REPO}/branches/experiment/a").status == 204
    assert call("DELETE", f"{REPO}/branches/main").status == 403
    assert list(gitea.branches) == ["main"]


# Pull requests


def test_pull_request_and_its_fields(gitea, clone):
    _, sha, pull = promoted(gitea, clone)
    assert (pull["number"], pull["state"], pull["merged"]) == (1, "open", False)
    assert pull["id"] != pull["number"]
    assert pull["user"]["login"] == "winnowd"
    assert (pull["head"]["ref"], pull["head"]["sha"]) == ("experiment/a", sha)
    assert (pull["base"]["ref"], pull["base"]["sha"]) == ("main", gitea.branches["main"])
    assert pull["html_url"] == f"{gitea.url}/lab/model/pulls/1"
    assert ("requested_reviewers" in pull) == (gitea.dialect == "1.25")
    assert gitea.forge.git.refs()["refs/pull/1/head"] == sha


def test_empty_pull_request_is_accepted(call):
    call.branch("experiment/a")
    assert call.pull("experiment/a").status == 201
    assert call.pull("main").status == 422


def test_second_pull_request_names_the_first(gitea, call):
    gitea.open_issue("Something else")
    call.branch("experiment/a")
    call.pull("experiment/a")
    answer = call.pull("experiment/a")
    assert answer.status == 409
    assert "issue_id: 2," in answer.message
    call("PATCH", f"{REPO}/pulls/2", {"state": "closed"})
    assert call.pull("experiment/a").json["number"] == 3


def test_pull_request_of_what_is_not_there(call):
    assert call.pull("experiment/a").status == 404
    call.branch("experiment/a")
    assert call.pull("experiment/a", base="nowhere").status == 404
    assert call.pull("experiment/a", title="").status == 422


def test_reviewers_and_labels_within_the_call_are_odd(gitea, call):
    call.branch("experiment/a")
    wanted = {"head": "experiment/a", "base": "main", "title": "t", "reviewers": ["nobody"]}
    assert call("POST", REPO + "/pulls", wanted).status == 404
    assert not gitea.pulls
    wanted = {"head": "experiment/a", "base": "main", "title": "t", "labels": [999]}
    assert call("POST", REPO + "/pulls", wanted).json["labels"] == []


def test_lookup_by_base_and_head(old, new):
    for stand_in in (old, new):
        Caller(stand_in).branch("experiment/a")
        Caller(stand_in).pull("experiment/a")
    assert Caller(old)("GET", f"{REPO}/pulls/main/experiment/a").status == 404
    assert Caller(new)("GET", f"{REPO}/pulls/main/experiment/a").json["number"] == 1
    new.close_pull(1)
    Caller(new).pull("experiment/a")
    assert Caller(new)("GET", f"{REPO}/pulls/main/experiment%2Fa").json["state"] == "closed"


def test_closing(gitea, call):
    call.branch("experiment/a")
    call.pull("experiment/a")
    answer = call("PATCH", f"{REPO}/pulls/1", {"state": "closed"})
    assert (answer.status, answer.json["state"]) == (201, "closed")
    assert call("PATCH", f"{REPO}/issues/1", {"state": "open"}).json["state"] == "open"
    gitea.merge_pull(1, style="fast-forward")
    assert call("PATCH", f"{REPO}/pulls/1", {"state": "closed"}).status == 412
    assert call("GET", f"{REPO}/pulls/7").status == 404


def test_deleting_the_branch_by_api_closes_the_pull_request(gitea, call):
    call.branch("experiment/a")
    sha = call.pull("experiment/a").json["head"]["sha"]
    call("DELETE", f"{REPO}/branches/experiment/a")
    pull = call("GET", f"{REPO}/pulls/1").json
    assert (pull["state"], pull["merged"]) == ("closed", False)
    assert (pull["head"]["ref"], pull["head"]["sha"]) == ("refs/pull/1/head", sha)
    assert pull["head"]["label"] == "experiment/a"


@pytest.mark.parametrize("closes", [True, False])
def test_deleting_the_branch_by_git(gitea, clone, closes):
    gitea.closes_on_git_delete = closes
    where, _, _ = promoted(gitea, clone)
    git("push", "origin", ":experiment/a", where=where)
    assert Caller(gitea)("GET", f"{REPO}/pulls/1").json["state"] == ("closed" if closes else "open")


def test_lists_come_in_pages(gitea, call):
    for number in range(70):
        gitea.make_branch(f"experiment/{number}")
        gitea.open_pull(f"experiment/{number}")
    first = call("GET", f"{REPO}/pulls?state=open")
    assert [pull["number"] for pull in first.json] == list(range(70, 40, -1))
    assert first.headers["X-Total-Count"] == "70"
    assert 'rel="next"' in first.headers["Link"]
    large = call("GET", f"{REPO}/pulls?state=open&limit=500")
    assert len(large.json) == 50
    last = call("GET", f"{REPO}/pulls?state=open&limit=50&page=2")
    assert len(last.json) == 20
    assert 'rel="next"' not in last.headers["Link"]
    assert call("GET", f"{REPO}/pulls?state=open&limit=50&page=3").json == []
    assert len(call("GET", f"{REPO}/branches?limit=50&page=2").json) == 21
    gitea.null_in_lists = 1
    assert call("GET", f"{REPO}/pulls").json[0] is None


def test_lists_know_states(gitea, call):
    for name in "ab":
        call.branch(f"experiment/{name}")
        call.pull(f"experiment/{name}")
    gitea.close_pull(1)

    def numbers(query):
        return [pull["number"] for pull in call("GET", f"{REPO}/pulls{query}").json]

    assert numbers("?state=open") == [2]
    assert numbers("?state=closed") == [1]
    assert numbers("") == numbers("?state=all") == [2, 1]
    assert numbers("?sort=oldest") == [1, 2]


def test_two_at_once_are_both_opened(gitea, call):
    call.branch("experiment/a")
    gitea.open_pull_takes = 0.3
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: call.pull("experiment/a").status, range(2)))
    assert answers == [201, 201]
    assert any("several open" in text for text in gitea.violations(PREFIX, BASE))


# Labels and reviewers


def test_labels(gitea, call):
    call.branch("experiment/a")
    call.pull("experiment/a")
    assert call("POST", REPO + "/labels", {"name": "experiment"}).status == 422
    assert call("POST", REPO + "/labels", {"name": "x", "color": "greenish"}).status == 422
    made = call("POST", REPO + "/labels", {"name": "experiment", "color": "#00aabb"})
    assert (made.status, made.json["color"]) == (201, "00aabb")
    number = made.json["id"]
    place = f"{REPO}/issues/1/labels"
    by_id = call("POST", place, {"labels": [number, 999]})
    assert (by_id.status, [one["name"] for one in by_id.json]) == (200, ["experiment"])
    by_name = call("POST", place, {"labels": ["experiment"]})
    assert by_name.status == (200 if gitea.dialect == "1.25" else 422)
    assert len(call("GET", place).json) == 1
    assert call("GET", "/orgs/lab/labels").status == 404


def test_labels_of_an_organisation():
    with Gitea(organisation=True) as gitea:
        call = Caller(gitea)
        label = gitea.add_label("experiment", organisation=True)
        assert call("GET", REPO + "/labels").json == []
        assert [one["id"] for one in call("GET", "/orgs/lab/labels").json] == [label.id]
        call.branch("experiment/a")
        call.pull("experiment/a")
        assert call("POST", f"{REPO}/issues/1/labels", {"labels": [label.id]}).status == 200
        assert gitea.pulls[1].labels == [label]


def test_reviewers(gitea, call):
    gitea.add_user("Outsider", collaborator=False)
    call.branch("experiment/a")
    call.pull("experiment/a")
    place = f"{REPO}/pulls/1/requested_reviewers"
    asked = call("POST", place, {"reviewers": ["timmy"]})
    assert (asked.status, asked.json[0]["user"]["login"]) == (201, "Timmy")
    assert call("POST", place, {"reviewers": ["Timmy"]}).json == []
    assert call("POST", place, {"reviewers": ["nobody"]}).status == 404
    assert call("POST", place, {"reviewers": ["winnowd"]}).status == 422
    assert call("POST", place, {"reviewers": ["Outsider"]}).status == 422
    assert gitea.pulls[1].reviewers == ["Timmy"]
    assert call("GET", "/users/timmy").json["login"] == "Timmy"
    assert call("GET", "/users/nobody").status == 404
    assert call("GET", f"{REPO}/collaborators/Timmy").status == 204
    assert call("GET", f"{REPO}/collaborators/Outsider").status == 404


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


@pytest.mark.parametrize(
    "mood, me, repository, pulls", [("401", 401, 401, 401), ("404", 401, 404, 404),
                                    ("empty", 401, 404, 200)]
)  # fmt: skip
def test_moods_of_a_bad_token(mood, me, repository, pulls):
    with Gitea(bad_token=mood) as gitea:
        call = Caller(gitea)
        assert call("GET", "/user", token="wrong").status == me
        assert call("GET", REPO, token="wrong").status == repository
        answer = call("GET", f"{REPO}/pulls", token="wrong")
        assert answer.status == pulls
        assert pulls != 200 or answer.json == []


def test_scopes_of_a_token():
    with Gitea(scopes={"write:repository", "write:issue"}) as gitea:
        call = Caller(gitea)
        assert call("GET", "/user").status == 403
        assert call("GET", REPO).status == 200
        assert call("POST", f"{REPO}/labels", {"name": "a", "color": "#000000"}).status == 201


def test_git_wants_the_token_as_password(gitea):
    plain = gitea.git_url.replace(f"token:{gitea.token}@", "")
    assert git("ls-remote", plain, check=False).returncode != 0
    wrong = gitea.git_url.replace(gitea.token, "wrong")
    assert git("ls-remote", wrong, check=False).returncode != 0
    other = gitea.git_url.replace("//token:", "//whoever:")
    assert "refs/heads/main" in git("ls-remote", other).stdout
    credentials = base64.b64encode(f"x:{gitea.token}".encode()).decode()
    header = f"http.extraHeader=Authorization: Basic {credentials}"
    assert "refs/heads/main" in git("-c", header, "ls-remote", plain).stdout


# git over HTTP


def test_pushes_are_recorded(gitea, clone):
    where, first, _ = promoted(gitea, clone)
    base = gitea.branches["main"]
    [push] = gitea.records.pushes
    assert (push.ref, push.old, push.new) == ("refs/heads/experiment/a", base, first)
    assert (push.kind, push.taken) == ("forward", True)
    second = commit(where, "other\n", "Another", "--amend")
    assert git("push", "origin", "HEAD:experiment/a", where=where, check=False).returncode != 0
    assert len(gitea.records.pushes) == 1
    git("push", "--force", "origin", "HEAD:experiment/a", where=where)
    assert gitea.records.pushes[-1].forced
    assert gitea.pulls[1].head_sha == gitea.forge.git.refs()["refs/pull/1/head"] == second
    git("push", f"--force-with-lease=experiment/a:{second}", "origin", ":experiment/a", where=where)
    assert gitea.records.pushes[-1].kind == "delete"
    assert list(gitea.branches) == ["main"]


def test_leased_delete_of_what_moved_is_refused(gitea, clone):
    where, sha, _ = promoted(gitea, clone)
    moved = gitea.push_to_branch("experiment/a")
    lease = f"--force-with-lease=experiment/a:{sha}"
    done = git("push", lease, "origin", ":experiment/a", where=where, check=False)
    assert "stale info" in done.stderr
    assert gitea.branches["experiment/a"] == moved


def test_protected_base_is_refused_and_the_try_recorded(gitea, clone):
    gitea.protect("main")
    where = clone(gitea)
    before = gitea.branches["main"]
    commit(where)
    done = git("push", "origin", "HEAD:main", where=where, check=False)
    assert "protected branch main" in done.stderr
    assert gitea.branches["main"] == before
    assert [push.taken for push in gitea.records.pushes] == [False]
    assert any("push to the base" in text for text in gitea.violations(PREFIX, BASE))


def test_large_pushes_come_in_chunks(gitea, clone):
    where = clone(gitea)
    (where / "large").write_bytes(os.urandom(3 << 20))
    git("add", "large", where=where)
    git("commit", "--quiet", "--message", "Large", where=where)
    git("push", "origin", "HEAD:refs/heads/experiment/large", where=where)
    assert gitea.records.pushes[-1].kind == "create"
    git("fetch", "origin", "experiment/large", where=where, GIT_PROTOCOL="version=1")


def test_api_lags_behind_a_push(gitea, clone):
    call = Caller(gitea)
    call.branch("experiment/a")
    where = clone(gitea)
    base, sha = gitea.branches["main"], commit(where)
    gitea.api_lag = 30
    git("push", "--quiet", "origin", "HEAD:experiment/a", where=where)
    assert gitea.branches["experiment/a"] == sha
    assert call("GET", f"{REPO}/branches/experiment/a").json["commit"]["id"] == base
    for mood, status in (("404", 404), ("422", 422), ("empty", 404), ("stale", 201)):
        gitea.lag_answer = mood
        assert call.pull("experiment/a").status == status
        assert call("GET", REPO).json["empty"] == (mood == "empty")
    assert call("GET", f"{REPO}/pulls/1").json["head"]["sha"] == base
    gitea.forge._lagging.clear()
    assert call("GET", f"{REPO}/pulls/1").json["head"]["sha"] == sha


def test_lag_ends(gitea, clone):
    call = Caller(gitea)
    call.branch("experiment/a")
    where, gitea.api_lag, gitea.lag_answer = clone(gitea), 0.4, "404"
    commit(where)
    git("push", "--quiet", "origin", "HEAD:experiment/a", where=where)
    pushed, statuses = time.monotonic(), []
    while not statuses or statuses[-1] != 201:
        assert time.monotonic() - pushed < 10
        statuses.append(call.pull("experiment/a").status)
    assert statuses[0] == 404
