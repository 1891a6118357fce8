"""Promise: of the tests' own tools: the proxy shows each fault as it is named, and records every request."""

import http.client
import os
import pathlib
import socket
import time

import pytest
from harness import appears
from machine import eventually
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
    promoted,
)

pytestmark = pytest.mark.stand_in

VERSION = "/version"


# Faults


def test_fault_before_and_after(gitea, call):
    gitea.faults.add("locked", method="POST", path="/branches$")
    answer = call.branch("experiment/a")
    assert (answer.status, "locked" in answer.message) == (500, True)
    assert list(gitea.branches) == ["main"]
    assert (gitea.records[-1].done, gitea.records[-1].fault) == (False, "answer before")
    assert call.branch("experiment/a").status == 201
    gitea.faults.add("bad_gateway", method="POST", path="/branches$", at="after")
    answer = call.branch("experiment/b")
    assert (answer.status, answer.headers["Content-Type"]) == (502, "text/html")
    assert "experiment/b" in gitea.branches
    assert gitea.records[-1].done


def test_nth_and_count(gitea, call):
    fault = gitea.faults.add("too_many", path="/version$", nth=2, count=2)
    assert [call("GET", VERSION).status for _ in range(5)] == [200, 429, 429, 200, 200]
    assert (fault.seen, fault.struck) == (5, 2)
    gitea.faults.add("unauthorized", path="/version$", count=None)
    assert {call("GET", VERSION).status for _ in range(4)} == {401}
    gitea.faults.clear()
    assert call("GET", VERSION).status == 200


def raw(gitea):
    """All that comes back for one request, as it comes."""
    with socket.create_connection(("127.0.0.1", gitea.port), 10) as connection:
        connection.sendall(b"GET /api/v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_ways_to_answer(gitea, call):
    true = call("GET", VERSION).body

    def fault(action, **more):
        gitea.faults.add(action, path="/version$", at="after", **more)

    fault("reset")
    with pytest.raises(ConnectionResetError):
        raw(gitea)
    fault("close")
    assert raw(gitea) == b""
    assert gitea.records[-1].status is None and gitea.records[-1].done
    fault("garbage")
    with pytest.raises(http.client.BadStatusLine):
        call("GET", VERSION)
    fault("cut")
    with pytest.raises(http.client.IncompleteRead):
        call("GET", VERSION)
    fault("double_body")
    assert call("GET", VERSION).body == true * 2
    fault("double_response")
    assert raw(gitea).count(b"HTTP/1.1 200") == 2
    fault("slow", seconds=0.2)
    started = time.monotonic()
    assert call("GET", VERSION).body == true
    assert time.monotonic() - started >= 0.19
    fault("lie", instead=f"{REPO}/branches/main")
    assert call("GET", VERSION).json["name"] == "main"


def test_a_hang_goes_on_though_nobody_waits(gitea, call):
    gitea.faults.add("hang", path="/branches$", seconds=0.2, at="after", then="close")
    with pytest.raises(http.client.RemoteDisconnected):
        call.branch("experiment/a")
    assert "experiment/a" in gitea.branches
    hang = gitea.faults.add("hang", method="POST", path="/branches$", seconds=2)
    body = b'{"new_branch_name": "experiment/b"}'
    head = f"POST /api/v1{REPO}/branches HTTP/1.1\r\nHost: x\r\nAuthorization: token {gitea.token}\r\n" \
           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"  # fmt: skip
    with socket.create_connection(("127.0.0.1", gitea.port)) as connection:
        connection.sendall(head.encode() + body)
        eventually(lambda: hang.struck)
        assert list(gitea.branches) == ["experiment/a", "main"]
    assert appears(pathlib.Path(gitea.git_path) / "refs/heads/experiment/b")


def test_hooks(gitea, call, tmp_path):
    seen = []
    gitea.faults.add("pass", path="/user$", call=lambda record: seen.append(record.path))
    gitea.faults.add("pass", path="/version$", command=f"touch {tmp_path}/touched")
    call("GET", "/user")
    call("GET", VERSION)
    assert seen == ["/api/v1/user"]
    assert (tmp_path / "touched").exists()


def test_faults_of_git(gitea, clone):
    where = clone(gitea)
    sha = commit(where)
    gitea.faults.add("bad_gateway", path="service=git-receive-pack")
    push = ("push", "origin", "HEAD:refs/heads/experiment/a")
    assert "502" in git(*push, where=where, check=False).stderr
    gitea.faults.add("locked", path="/git-receive-pack$")
    assert git(*push, where=where, check=False).returncode != 0
    assert [push.taken for push in gitea.records.pushes] == [False]
    gitea.faults.add("close", path="/git-receive-pack$", at="after")
    assert git(*push, where=where, check=False).returncode != 0
    assert gitea.branches["experiment/a"] == sha
    # curl asks once more where a connection that was kept has ended: that one comes too late.
    assert [push.taken for push in gitea.records.pushes][:2] == [False, True]


def test_down_and_up(gitea, call):
    """A connection is kept, until there is nobody to keep it; up is at the same place."""
    kept, port = call.connect(), gitea.port
    for _ in range(3):
        kept.request("GET", "/api/v1/version")
        assert kept.getresponse().read()
    assert len({record.connection for record in gitea.records}) == 1
    gitea.down()
    with pytest.raises(ConnectionRefusedError):
        call("GET", VERSION)
    gitea.up()
    assert gitea.port == port
    assert call("GET", REPO).status == 200
    gitea.server._listener.end()  # and a forge that is away behind a proxy that is not
    assert (call("GET", REPO).status, gitea.records[-1].done) == (502, False)


# Records of pushes


@pytest.mark.few_at_a_real_one
def test_pushes_are_recorded(any_gitea, project):
    gitea, wanted = any_gitea.gitea, any_gitea.configuration()
    url = f"{gitea.url}/{wanted['owner']}/{wanted['repo']}.git".replace("://", f"://token:{any_gitea.token}@")
    first, _ = project.experiment({"train.py": "first\n"})
    second, _ = project.experiment({"train.py": "second\n"}, parent=first)
    other, _ = project.experiment({"train.py": "other\n"})
    ours = "refs/heads/experiment/a"

    def push(*what):
        return git("push", url, *what, where=project.work, check=False).stderr

    push(f"{first}:{ours}")
    push(f"{second}:{ours}")
    push(f"{other}:{ours}")  # is not even sent
    gitea.protect("experiment/a")
    assert "pre-receive hook declined" in push("--force", f"{other}:{ours}")
    gitea.unprotect("experiment/a")
    push("--force", f"{other}:{ours}")
    push(f":{ours}", f"{first}:refs/heads/experiment/b")
    seen = [(push.branch, push.old[:7], push.new[:7], push.kind, push.taken) for push in gitea.records.pushes]
    first, second, other, none = first[:7], second[:7], other[:7], "0000000"
    assert seen == [
        ("experiment/a", none, first, "create", True), ("experiment/a", first, second, "forward", True),
        ("experiment/a", second, other, "forced", False), ("experiment/a", second, other, "forced", True),
        ("experiment/a", other, none, "delete", True), ("experiment/b", none, first, "create", True),
    ]  # fmt: skip
    found = gitea.violations(PREFIX, BASE)
    assert len([line for line in found if "no fast-forward" in line]) == 2 and "experiment/b is left" in found[-1]


def test_large_pushes_come_in_chunks(gitea, clone):
    where = clone(gitea)
    (where / "large").write_bytes(os.urandom(3 << 20))
    git("add", "large", where=where)
    git("commit", "--quiet", "--message", "Large", where=where)
    git("push", "origin", "HEAD:refs/heads/experiment/large", where=where)
    assert (gitea.records.pushes[-1].kind, gitea.records.pushes[-1].taken) == ("create", True)


# Being governed


def test_every_violation_is_seen(gitea, clone):
    where, _, _ = promoted(gitea, clone)
    call = Caller(gitea)
    call("POST", REPO + "/labels", {"name": "experiment", "color": "#00aabb"})
    call("POST", f"{REPO}/issues/1/labels", {"labels": [gitea.labels[0].id]})
    call("POST", f"{REPO}/pulls/1/requested_reviewers", {"reviewers": ["Timmy"]})
    call("GET", f"{REPO}/pulls?state=open")
    gitea.make_branch("experiment/by-hand")
    gitea.assert_governed(PREFIX, BASE)  # a good run

    def expect(text):
        found = gitea.violations(PREFIX, BASE)
        assert any(text in line for line in found), f"{text} not in {found}"
        with pytest.raises(AssertionError, match="not governed"):
            gitea.assert_governed(PREFIX, BASE)
        gitea.records.clear()

    call("POST", REPO + "/issues", {"title": "Hello"})
    expect("an issue that must not be")
    for method, place in (("POST", "/issues/1/reactions"), ("PUT", "/contents/train.py"), ("POST", "/pulls/1/merge"),
                          ("DELETE", "/branches/experiment/a-branch")):  # fmt: skip
        call(method, REPO + place, {})
        expect("a call that must not be")
    call("GET", f"{REPO}/hooks")
    expect("a call that is not needed")
    call.branch("elsewhere")
    expect("a branch outside the prefix was made")
    call("POST", f"{REPO}/issues/1/comments", {"body": "It is there."})
    call("PATCH", f"{REPO}/pulls/1", {"title": "Another", "body": "Other words"})
    gitea.assert_governed(PREFIX, BASE)
    call("PATCH", f"{REPO}/pulls/1", {"base": "other"})
    expect("changed otherwise than in its state and its text")
    gitea.close_pull(1)
    call("PATCH", f"{REPO}/pulls/1", {"state": "open"})
    expect("somebody else closed")
    commit(where, "other\n", "Another", "--amend")
    git("push", "--force", "origin", "HEAD:experiment/a", where=where)
    expect("no fast-forward")
    git("push", "origin", "HEAD:refs/tags/v1", where=where)
    expect("outside the prefix")
    call("GET", f"/version?access_token={gitea.token}")
    expect("token is in an address")
    second = gitea.open_pull("experiment/a", title="A person's")
    expect("several open pull requests")
    gitea.close_pull(second.number)
    call("PATCH", f"{REPO}/pulls/{second.number}", {"state": "closed"})
    expect("no pull request of the daemon's")
    call("PATCH", f"{REPO}/pulls/1", {"state": "closed", "body": f"my token is {gitea.token}"})
    expect("the token is in a body")
    gitea.reopen_pull(1)
    gitea.assert_governed(PREFIX, BASE)
    commit(where, "more\n", f"The token is {gitea.token}")
    git("push", "origin", "HEAD:main", where=where)
    expect("a push to the base")
    expect("the base was written")
    expect("the token is in a commit")


def test_branch_without_pull_request_is_seen(gitea, call, clone):
    call.branch("experiment/b")
    assert "left without a pull request" in gitea.violations(PREFIX, BASE)[0]
    assert gitea.violations(PREFIX, BASE, in_flight=["experiment/b"]) == []
    gitea.delete_branch("experiment/b")
    gitea.make_branch("experiment/a")
    gitea.delete_branch("experiment/a")  # a name that is used again is nobody's fault
    where, _, _ = promoted(gitea, clone)
    gitea.close_pull(1)
    gitea.assert_governed(PREFIX, BASE)
    git("push", "origin", ":experiment/a", where=where)
    call.branch("experiment/a")
    call.branch("experiment/c")
    call.pull("experiment/c")
    call("PATCH", f"{REPO}/pulls/2", {"state": "closed"})
    found = gitea.violations(PREFIX, BASE)
    assert [f"the branch experiment/{name} is left without a pull request" in found for name in "ac"] == [True, True]


@pytest.mark.parametrize("way", ["delete", "push"])
def test_writing_where_a_person_wrote_is_seen(gitea, clone, way):
    where, _, _ = promoted(gitea, clone)
    gitea.push_to_branch("experiment/a")
    gitea.assert_governed(PREFIX, BASE)
    if way == "push":
        git("pull", "--quiet", "origin", "experiment/a", where=where)
        commit(where)
    git("push", "origin", "HEAD:experiment/a" if way == "push" else ":experiment/a", where=where)
    found = gitea.violations(PREFIX, BASE)
    assert any("where a person had left it" in text for text in found)


def test_an_empty_pull_request_is_seen(gitea, call):
    call.branch("experiment/a")
    call.pull("experiment/a")
    assert "without a change" in gitea.violations(PREFIX, BASE)[0]
