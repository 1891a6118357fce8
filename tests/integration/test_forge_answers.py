"""Promise: of the tests' own tools: the stand-in answers as a real Gitea does, so what works at one works at both.

The calls are those that the daemon makes, and similar ones. The newer kind of the stand-in must say what a real
Gitea says.
"""

import base64
import http.client
import json
import re

import harness
import pytest
import real_gitea
from exhaustive import at_a_real_one
from real_gitea import REAL

OURS, THEIRS = "experiment/a", "experiment/b"
BOTH = pytest.mark.parametrize("any_gitea", ["1.25", REAL], indirect=True)


def branch(name, **start):
    return "POST", "/branches", {"new_branch_name": name, **(start or {"old_branch_name": "main"})}


def pull(head, base="main", title="t", **more):
    return "POST", "/pulls", {"head": head, "base": base, "title": title, "body": "b", **more}


def label(*labels, number=1):
    return "POST", f"/issues/{number}/labels", {"labels": list(labels)}


def review(*names, number=1):
    return "POST", f"/pulls/{number}/requested_reviewers", {"reviewers": list(names)}


def close(number):
    return "PATCH", f"/pulls/{number}", {"state": "closed"}


def reopen(number):
    return "PATCH", f"/pulls/{number}", {"state": "open"}


def comment(number, text="It is there."):
    return "POST", f"/issues/{number}/comments", {"body": text}


def delete(name):
    return "DELETE", f"/branches/{name.replace('/', '%2F')}", None


def get(path):
    return "GET", path, None


# One story, from the top: a call with the status and words of its answer, or what a person does between them.
STORY = [
    (lambda gitea: gitea.make_branch("by-hand"), None, None),
    (get("/branches/main"), 200, ""),
    (get("/branches/experiment%2Fnone"), 404, "not found"),
    (branch(OURS, old_ref_name="refs/heads/main", old_branch_name="main"), 201, ""),
    (branch(OURS), 409, "The branch already exists"),
    (branch(OURS + "/below"), 409, "same name"),
    (branch("experiment"), 409, "same name"),
    (branch("experiment/c", old_ref_name="nowhere"), 500, "^$"),
    (branch("experiment/c", old_branch_name="nowhere"), 404, "The old branch does not exist"),
    (branch("experiment/..c"), 422, "GitRefName"),
    (branch("experiment/" + "c" * 100), 422, "MaxSize"),
    (branch(THEIRS), 201, ""),
    (delete(THEIRS), 204, ""),
    (delete(THEIRS), 404, "not found"),
    (delete("main"), 403, "can not delete default"),
    (pull(OURS), 201, ""),  # of nothing
    (pull(OURS), 409, "issue_id: 1,"),
    (pull("main"), 422, "no changes"),
    (pull("experiment/none"), 404, "not found"),
    (pull(OURS, "none"), 404, "not found"),
    (pull(OURS, title=""), 422, "Title"),
    (get("/pulls?state=open&limit=50&page=1"), 200, ""),
    (get("/pulls?state=open&limit=1&page=2"), 200, ""),
    (get("/pulls/99"), 404, "not found"),
    (get("/pulls/main/" + OURS), 200, ""),
    (("POST", "/labels", {"name": "night", "color": "#5319e7"}), 201, ""),
    (("POST", "/labels", {"name": "night", "color": "#5319e7"}), 201, ""),  # twice is allowed
    (("POST", "/labels", {"name": "day", "color": "blue"}), 422, "invalid color"),
    (label(999999), 200, ""),  # dropped without a word
    (label("night"), 200, ""),
    (label("no such"), 200, ""),
    (label("night", number=99), 404, "not found"),
    (label("night", number=0), 404, "not found"),
    (review("Timmy"), 201, ""),
    (review("Timmy"), 201, ""),
    (review("timmy"), 201, ""),
    (review("nobody"), 404, "nobody"),
    (review("winnowd"), 422, "poster of pr can't be reviewer"),
    (review("stranger"), 422, "Reviewer can't read"),
    (review("Timmy", number=99), 404, ""),
    (lambda gitea: gitea.approve(1), None, None),
    (close(1), 201, ""),
    (close(1), 201, ""),
    (close(99), 404, "not found"),
    (comment(1), 201, ""),
    (comment(99), 500, "^$"),
    (comment(1, ""), 422, "Required"),
    (get("/issues/1/comments"), 200, ""),
    (get("/issues/99/comments"), 500, "^$"),
    (reopen(1), 201, ""),
    (reopen(1), 201, ""),
    (("PATCH", "/pulls/1", {"title": "Another", "body": "Other words"}), 201, ""),
    (("PATCH", "/pulls/1", {"body": ""}), 201, ""),
    (("PATCH", "/pulls/99", {"body": "x"}), 404, "not found"),
    (close(1), 201, ""),
    (review("Timmy"), 403, "closed or merged"),  # has had a say already, and it is closed
    (label("night"), 200, ""),
    (lambda gitea: gitea.push_to_branch(OURS, {"a.txt": "a\n"}), None, None),
    (pull(OURS), 201, ""),
    (lambda gitea: gitea.merge_pull(2), None, None),
    (review("Timmy", number=2), 201, ""),  # closed, and asked all the same
    (close(2), 412, "already merged"),
    (reopen(2), 412, "already merged"),
    (comment(2), 201, ""),
    (pull(OURS), 201, ""),
    (reopen(1), 201, ""),  # though the branch has another one
    (close(1), 201, ""),
    (branch(THEIRS), 201, ""),
    (pull(THEIRS), 201, ""),
    (delete(THEIRS), 204, ""),  # which closes it
    (reopen(4), 201, ""),  # without one
    (lambda gitea: gitea.protect("experiment/p"), None, None),
    (branch("experiment/p"), 500, "^$"),
    (lambda gitea: gitea.archive(), None, None),
    (get("/pulls/1"), 200, ""),
    (branch("experiment/q"), 423, "is archived"),
    (delete(OURS), 423, "is archived"),
    (pull(OURS), 423, "is archived"),
    (close(3), 201, ""),  # only what touches the code is refused
    (label("night", number=3), 200, ""),
]


def ask(forge, method, path, body=None, token=None, place=None):
    """An answer: (status, headers, text). `place` instead of a path below the repository."""
    wanted = forge.configuration()
    where = f"/api/v1/repos/{wanted['owner']}/{wanted['repo']}{path}" if place is None else place
    headers = {"Authorization": f"token {token or forge.token}", "Content-Type": "application/json"}
    if place is not None and ".git/" in place:
        headers["Authorization"] = f"Basic {base64.b64encode(f'x:{token or forge.token}'.encode()).decode()}"
    connection = http.client.HTTPConnection("127.0.0.1", forge.gitea.port, timeout=60)
    try:
        connection.request(method, where, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def words(text):
    """The message of an answer that is an error."""
    try:
        answer = json.loads(text)
    except ValueError:
        return text
    return answer.get("message", "") if isinstance(answer, dict) else ""


@BOTH
def test_the_same_story(any_gitea):
    for place, (wanted, status, said) in enumerate(STORY):
        if callable(wanted):
            wanted(any_gitea.gitea)
            continue
        found, _, text = ask(any_gitea, *wanted)
        assert found == status and re.search(said, words(text)), f"{place}: {wanted}: {found} {text}"


@BOTH
def test_a_bad_token(any_gitea):
    for place in ("/api/v1/user", None):
        status, _, text = ask(any_gitea, "GET", "", token="0" * 40, place=place)
        assert (status, words(text)) == (401, "invalid username, password or token")


@BOTH
def test_pages(any_gitea):
    """Each names the others, and one past the end names what the last one does; where there is one page, none is named."""
    gitea = any_gitea.gitea
    for number in range(3):
        gitea.make_branch(f"experiment/{number}")
        assert ask(any_gitea, *pull(f"experiment/{number}"))[0] == 201
    for page, named, count in ((1, {"next", "last"}, 2), (2, {"first", "prev"}, 1), (3, {"first", "prev"}, 0)):
        _, headers, text = ask(any_gitea, "GET", f"/pulls?state=open&limit=2&page={page}")
        found = set(re.findall(r'rel="(\w+)"', headers.get("Link", "")))
        assert (found, len(json.loads(text)), headers["X-Total-Count"]) == (named, count, "3"), page
    assert "Link" not in ask(any_gitea, "GET", "/pulls?state=open&limit=3&page=2")[1]


@BOTH
def test_a_repository_with_another_name(any_gitea):
    """Both kinds of request are sent on, for good, to where it is now."""
    wanted = any_gitea.configuration()
    old = f"/{wanted['owner']}/{wanted['repo']}"
    new = f"{old}-another"
    any_gitea.gitea.rename(f"{wanted['repo']}-another")
    for method, tail in (("GET", ""), ("POST", "/branches")):
        body = {"new_branch_name": OURS} if method == "POST" else None
        status, headers, _ = ask(any_gitea, method, "", body, place=f"/api/v1/repos{old}{tail}")
        assert (status, headers["Location"].split("/api/v1")[-1]) == (301, f"/repos{new}{tail}")
    refs = "/info/refs?service=git-receive-pack"
    status, headers, _ = ask(any_gitea, "GET", "", place=f"{old}.git{refs}")
    assert (status, headers["Location"]) == (301, f"{new}{refs}")


# Scope that is left out of those that README.md names: what is refused then, and in which words.
SCOPES = {
    "write:repository": [get(""), branch(OURS), get("/pulls?state=open"), pull(OURS), review("Timmy")],
    "write:issue": [get("/labels"), ("POST", "/labels", {"name": "night", "color": "#5319e7"}), label("night", number=0)],
    "read:user": [("GET", "/api/v1/user", None), ("GET", "/api/v1/users/Timmy", None)],
    "read:organization": [("GET", "/api/v1/orgs/lab/labels", None)],
}


@pytest.fixture(params=["1.25", REAL])
def with_scopes(request, project):
    """A function that makes a forge whose token has these scopes."""
    made = []

    def make(scopes):
        if request.param == "real":
            server = request.getfixturevalue("real_server")
            made.append(real_gitea.RealGitea(project, server, token=server.make_token(real_gitea.BOT, scopes)))
        else:
            made.append(harness.StandIn(project, request.param, organisation=True, scopes=scopes))
        return made[-1]

    yield make
    for forge in made:
        forge.stop()


@pytest.mark.parametrize("missing", at_a_real_one(SCOPES, 2))
def test_a_scope_that_is_missing(with_scopes, missing):
    named = real_gitea.scopes()
    assert set(named) == set(SCOPES)
    forge = with_scopes([scope for scope in named if scope != missing])
    for left_out, calls in SCOPES.items():
        for method, path, body in calls:
            place = path if path.startswith("/api") else None
            status, _, text = ask(forge, method, path, body, place=place)
            level = "read" if method == "GET" else "write"
            needed = f"required=[{level}:{left_out.split(':')[1]}]"
            assert (status == 403, needed in words(text)) == (left_out == missing,) * 2, (path, status, text)
    status, _, text = ask(forge, "GET", "", place=f"/lab/{forge.configuration()['repo']}.git/info/refs?service=git-receive-pack")
    assert (status, text.strip()) == (403, "Forbidden") if missing == "write:repository" else status == 200


def test_an_organisation_without_labels_needs_no_scope_for_them(with_scopes, project, tmp_path, the_binary_is_there):
    """As README.md says of the last one."""
    forge = with_scopes([scope for scope in real_gitea.scopes() if scope != "read:organization"])
    winnowd = harness.Winnowd(tmp_path, forge)
    winnowd.drop(harness.improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert [pull.labels for pull in forge.pulls()] == [["experiment"]]
    winnowd.check_promises()
