"""What can be done to the stand-in, what it does to its callers, what its records tell."""

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

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
    promoted,
)

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "gitea")


# What persons do


def test_merging(gitea, call, clone):
    _, sha, _ = promoted(gitea, clone)
    tip = gitea.merge_pull(1, delete_branch=True)
    pull = call("GET", f"{REPO}/pulls/1").json
    assert (pull["state"], pull["merged"], pull["merge_commit_sha"]) == ("closed", True, tip)
    assert pull["head"]["ref"] == "refs/pull/1/head"
    assert gitea.branches == {"main": tip}
    assert gitea.forge.git.is_ancestor(sha, tip)
    gitea.assert_governed(PREFIX, BASE)


def test_base_moves_and_is_forced(gitea):
    first = gitea.branches["main"]
    second = gitea.move_base({"train.py": "DEPTH = 9\n"})
    assert gitea.forge.git.is_ancestor(first, second)
    third = gitea.force_push_base()
    assert not gitea.forge.git.is_ancestor(second, third)
    gitea.assert_governed(PREFIX, BASE)


def test_archived(gitea, call, clone):
    where = clone(gitea)
    gitea.archive()
    assert call("GET", REPO).json["archived"] is True
    assert call.branch("experiment/a").status == (423 if gitea.dialect == "1.25" else 404)
    commit(where)
    done = git("push", "origin", "HEAD:experiment/a", where=where, check=False)
    assert "403" in done.stderr


def test_renamed(gitea, call):
    url = gitea.git_url
    gitea.rename("other")
    answer = call("GET", f"{REPO}/branches/main?a=b")
    assert answer.status == 307
    assert answer.headers["Location"] == "/api/v1/repos/lab/other/branches/main?a=b"
    assert call("GET", "/repos/lab/other").json["full_name"] == "lab/other"
    assert "307" in git("-c", "http.followRedirects=false", "ls-remote", url, check=False).stderr
    assert "refs/heads/main" in git("-c", "http.followRedirects=true", "ls-remote", url).stdout


def test_gone_and_unknown(gitea, call):
    assert call("GET", "/repos/lab/nothing").status == 404
    assert call("GET", "/repos/LAB/Model").status == 200
    gitea.delete_repository()
    assert call("GET", REPO).status == 404
    assert "not found" in git("ls-remote", gitea.git_url, check=False).stderr


def test_read_only_token(gitea, call, clone):
    where = clone(gitea)
    gitea.permissions = {"admin": False, "push": False, "pull": True}
    assert call("GET", REPO).json["permissions"]["push"] is False
    assert call.branch("experiment/a").status == 403
    done = git("push", "origin", "HEAD:experiment/a", where=where, check=False)
    assert "403" in done.stderr


# Places


def test_below_a_sub_path():
    with Gitea(sub_path="git") as gitea:
        assert gitea.url.endswith("/git")
        assert Caller(gitea)("GET", REPO).status == 200
        assert "refs/heads/main" in git("ls-remote", gitea.git_url).stdout
        connection = Caller(gitea).connect()
        connection.request("GET", "/api/v1/version")
        assert connection.getresponse().status == 404
        assert gitea.records[-1].kind == "other"


@pytest.mark.parametrize("kind, good", [(True, True), ("wrong_name", False), ("expired", False)])
def test_certificates(kind, good):
    with Gitea(tls=kind) as gitea:
        context = ssl.create_default_context(cafile=gitea.ca_file)
        place = f"{gitea.url}/api/v1/version"
        if good:
            assert urllib.request.urlopen(place, context=context).status == 200
            with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
                urllib.request.urlopen(place)
        else:
            with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
                urllib.request.urlopen(place, context=context)


def test_connections_are_kept(gitea, call):
    connection = call.connect()
    for _ in range(3):
        connection.request("GET", "/api/v1/version")
        assert connection.getresponse().read()
    assert len({record.connection for record in gitea.records}) == 1


def test_beginning_with_a_repository(tmp_path):
    git("init", "--quiet", "--initial-branch=main", str(tmp_path))
    (tmp_path / "tox.ini").write_text("[tox]\n")
    git("add", ".", where=tmp_path)
    git("commit", "--quiet", "--message", "Begin", where=tmp_path)
    with Gitea(files=tmp_path) as gitea:
        expected = git("rev-parse", "HEAD", where=tmp_path).stdout.strip()
        assert gitea.branches == {"main": expected}


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
    statuses = [call("GET", "/version").status for _ in range(5)]
    assert statuses == [200, 429, 429, 200, 200]
    assert (fault.seen, fault.struck) == (5, 2)
    gitea.faults.add("unauthorized", path="/version$", count=None)
    assert {call("GET", "/version").status for _ in range(4)} == {401}
    gitea.faults.clear()
    assert call("GET", "/version").status == 200


def test_reset_and_close(gitea, call):
    gitea.faults.add("reset", path="/version$")
    with socket.create_connection(("127.0.0.1", gitea.port), 10) as connection:
        connection.sendall(b"GET /api/v1/version HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    gitea.faults.add("close", method="POST", path="/branches$", at="after")
    with pytest.raises(http.client.RemoteDisconnected):
        call.branch("experiment/a")
    assert "experiment/a" in gitea.branches
    assert gitea.records[-1].status is None


def test_hang_before_does_the_work_though_nobody_waits(gitea, call):
    gitea.faults.add("hang", method="POST", path="/branches$", seconds=0.6)
    with pytest.raises(TimeoutError):
        call("POST", REPO + "/branches", {"new_branch_name": "experiment/a"}, timeout=0.2)
    assert list(gitea.branches) == ["main"]
    until = time.monotonic() + 10
    while "experiment/a" not in gitea.branches:
        assert time.monotonic() < until


def test_hang_after_and_close(gitea, call):
    gitea.faults.add("hang", path="/branches$", seconds=0.2, at="after", then="close")
    with pytest.raises(http.client.RemoteDisconnected):
        call.branch("experiment/a")
    assert "experiment/a" in gitea.branches


def test_cut_slow_and_garbage(gitea, call):
    gitea.faults.add("cut", path="/user$", at="after")
    with pytest.raises(http.client.IncompleteRead):
        call("GET", "/user")
    gitea.faults.add("slow", path="/user$", at="after", seconds=0.4)
    started = time.monotonic()
    assert call("GET", "/user").json["login"] == "winnowd"
    assert time.monotonic() - started >= 0.35
    gitea.faults.add("garbage", path="/user$")
    with pytest.raises(http.client.BadStatusLine):
        call("GET", "/user")


def test_answered_twice(gitea, call):
    gitea.faults.add("double_body", path="/version$", at="after")
    answer = call("GET", "/version")
    half = len(answer.body) // 2
    assert answer.body[:half] == answer.body[half:]
    gitea.faults.add("double_response", path="/version$", at="after")
    with socket.create_connection(("127.0.0.1", gitea.port), 10) as connection:
        connection.sendall(b"GET /api/v1/version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        raw = b""
        while piece := connection.recv(65536):
            raw += piece
    assert raw.count(b"HTTP/1.1 200") == 2


def test_lie(gitea, call):
    for name in "ab":
        call.branch(f"experiment/{name}")
        call.pull(f"experiment/{name}")
    gitea.faults.add("lie", path="/pulls/2$", instead=f"{REPO}/pulls/1")
    assert call("GET", f"{REPO}/pulls/2").json["number"] == 1
    assert call("GET", f"{REPO}/pulls/2").json["number"] == 2


def test_hooks(gitea, call, tmp_path):
    seen = []
    gitea.faults.add("pass", path="/user$", call=lambda record: seen.append(record.path))
    gitea.faults.add("pass", path="/version$", command=f"touch {tmp_path}/touched")
    call("GET", "/user")
    call("GET", "/version")
    assert seen == ["/api/v1/user"]
    assert (tmp_path / "touched").exists()


def test_faults_of_git(gitea, clone):
    where = clone(gitea)
    sha = commit(where)
    gitea.faults.add("bad_gateway", path="service=git-receive-pack")
    push = ("push", "origin", "HEAD:refs/heads/experiment/a")
    assert "502" in git(*push, where=where, check=False).stderr
    gitea.faults.add("close", path="/git-receive-pack$", at="after")
    assert git(*push, where=where, check=False).returncode != 0
    assert gitea.branches["experiment/a"] == sha
    gitea.faults.add("cut", path="/git-upload-pack$", at="after")
    assert git("ls-remote", gitea.git_url, check=False).returncode != 0


def test_server_down_and_up(gitea, call):
    port = gitea.port
    gitea.down()
    with pytest.raises(ConnectionRefusedError):
        call("GET", "/version")
    gitea.up()
    assert gitea.port == port
    assert call("GET", REPO).status == 200


# Being governed


def test_a_good_run_is_governed(gitea, clone):
    call = Caller(gitea)
    promoted(gitea, clone)
    call("POST", REPO + "/labels", {"name": "experiment", "color": "#00aabb"})
    call("POST", f"{REPO}/issues/1/labels", {"labels": [gitea.labels[0].id]})
    call("POST", f"{REPO}/pulls/1/requested_reviewers", {"reviewers": ["Timmy"]})
    call("GET", f"{REPO}/pulls?state=open")
    gitea.make_branch("experiment/by-hand")
    gitea.assert_governed(PREFIX, BASE)


def test_every_violation_is_seen(gitea, clone):
    where, _, _ = promoted(gitea, clone)
    call = Caller(gitea)

    def expect(text):
        found = gitea.violations(PREFIX, BASE)
        assert any(text in line for line in found), f"{text} not in {found}"
        with pytest.raises(AssertionError, match="not governed"):
            gitea.assert_governed(PREFIX, BASE)
        gitea.records.clear()

    call("POST", REPO + "/issues", {"title": "Hello"})
    expect("an issue that must not be")
    assert gitea.issues.popitem()[1].title == "Hello"
    call("POST", f"{REPO}/issues/1/comments", {"body": "Hello"})
    expect("a call that must not be")
    call("PUT", f"{REPO}/contents/train.py", {"content": "", "branch": "main"})
    expect("a call that must not be")
    call("GET", f"{REPO}/hooks")
    expect("a call that is not needed")
    call.branch("elsewhere")
    expect("a branch outside the prefix was made")
    call("DELETE", f"{REPO}/branches/elsewhere")
    expect("a branch outside the prefix was deleted")
    call("PATCH", f"{REPO}/pulls/1", {"title": "Another"})
    expect("changed otherwise than by closing")
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
    gitea.push_to_branch("experiment/person")
    third = gitea.open_pull("experiment/person")
    call("PATCH", f"{REPO}/pulls/{third.number}", {"state": "closed"})
    expect("another's pull request")
    fourth = call.pull("experiment/person", body=f"my token is {gitea.token}").json["number"]
    expect("the token is in pull request")
    gitea.pulls[fourth].body = ""
    gitea.assert_governed(PREFIX, BASE)


def test_branch_without_pull_request_is_seen(gitea, call, clone):
    call.branch("experiment/b")
    assert "left without a pull request" in gitea.violations(PREFIX, BASE)[0]
    assert gitea.violations(PREFIX, BASE, in_flight=["experiment/b"]) == []
    call("DELETE", f"{REPO}/branches/experiment/b")
    promoted(gitea, clone)
    gitea.close_pull(1)
    gitea.assert_governed(PREFIX, BASE)
    gitea.reopen_pull(1)
    call("PATCH", f"{REPO}/pulls/1", {"state": "closed"})
    assert "left without a pull request" in gitea.violations(PREFIX, BASE)[0]


@pytest.mark.parametrize("way", ["git", "api", "push"])
def test_writing_where_a_person_wrote_is_seen(gitea, call, clone, way):
    where, _, _ = promoted(gitea, clone)
    gitea.push_to_branch("experiment/a")
    gitea.assert_governed(PREFIX, BASE)
    if way == "git":
        git("push", "origin", ":experiment/a", where=where)
    elif way == "api":
        assert call("DELETE", f"{REPO}/branches/experiment/a").status == 204
    else:
        git("pull", "--quiet", "origin", "experiment/a", where=where)
        commit(where)
        git("push", "origin", "HEAD:experiment/a", where=where)
    found = gitea.violations(PREFIX, BASE)
    assert any("where a person had left it" in text for text in found)


def test_a_name_used_again_is_nobodys_fault(gitea, call, clone):
    gitea.make_branch("experiment/a")
    gitea.delete_branch("experiment/a")
    promoted(gitea, clone)
    gitea.assert_governed(PREFIX, BASE)


def test_an_empty_pull_request_is_seen(gitea, call):
    call.branch("experiment/a")
    call.pull("experiment/a")
    assert "without a change" in gitea.violations(PREFIX, BASE)[0]


def test_writing_the_base_is_seen(gitea, clone):
    where = clone(gitea)
    commit(where)
    git("push", "origin", "HEAD:main", where=where)
    gitea.records.clear()
    assert "the base was written" in gitea.violations(PREFIX, BASE)[0]


# As a program


def test_as_a_program(tmp_path):
    ready = tmp_path / "ready.json"
    command = [sys.executable, PROGRAM, "--dialect", "1.15"]
    with subprocess.Popen(
        [*command, "--ready-file", str(ready)], stdout=subprocess.PIPE, text=True
    ) as program:
        try:
            about = json.loads(program.stdout.readline())
            assert json.loads(ready.read_text()) == about
            control = about["control"]

            def order(path, wanted):
                data = json.dumps(wanted).encode()
                return json.load(urllib.request.urlopen(control + path, data))

            order("/faults", {"action": "locked", "path": "/version$"})
            with pytest.raises(urllib.error.HTTPError, match="500"):
                urllib.request.urlopen(about["url"] + "/api/v1/version")
            assert len(order("/do/move_base", {"files": {"a": "b"}})) == 40
            assert json.load(urllib.request.urlopen(control + "/governed")) == []
            assert len(json.load(urllib.request.urlopen(control + "/records"))) == 1
            order("/down", {})
            with pytest.raises(urllib.error.URLError):
                urllib.request.urlopen(about["url"] + "/api/v1/version")
            order("/up", {})
            place = urllib.parse.urlsplit(about["url"]).netloc
            assert http.client.HTTPConnection(place).connect() is None
            program.send_signal(signal.SIGTERM)
            assert program.wait(10) == 0
        finally:
            program.kill()
    assert not os.path.exists(about["git_path"])
