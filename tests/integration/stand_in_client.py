"""A plain client for the tests of the stand-in and the proxy: calls, git, one promoted experiment."""

import http.client
import json
import os
import subprocess

import pytest
from exhaustive import first_of
from gitea import Gitea

REPO = "/repos/lab/model"
PREFIX, BASE = "experiment/", "main"


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        return self.json["message"]


class Caller:
    """A plain client of the API, one connection a call."""

    def __init__(self, gitea):
        self.gitea = gitea

    def connect(self, timeout=10):
        return http.client.HTTPConnection("127.0.0.1", self.gitea.port, timeout=timeout)

    def __call__(self, method, path, body=None, token=None, timeout=10, headers=None):
        connection = self.connect(timeout)
        sent = {"Authorization": f"token {token or self.gitea.token}"}
        if token == "":
            sent = {}
        data = None
        if body is not None:
            data = json.dumps(body)
            sent["Content-Type"] = "application/json"
        try:
            place = f"{self.gitea.sub_path}/api/v1{path}"
            connection.request(method, place, data, sent | (headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def branch(self, name, base=BASE):
        return self("POST", REPO + "/branches", {"new_branch_name": name, "old_branch_name": base})

    def pull(self, head, title="experiment: deeper", body="because", base=BASE):
        wanted = {"head": head, "base": base, "title": title, "body": body}
        return self("POST", REPO + "/pulls", wanted)


def git(*arguments, where=None, check=True, **environment):
    surroundings = {
        "PATH": os.environ["PATH"],
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "winnowd",
        "GIT_AUTHOR_EMAIL": "winnowd@localhost",
        "GIT_COMMITTER_NAME": "winnowd",
        "GIT_COMMITTER_EMAIL": "winnowd@localhost",
    } | environment
    command = ["git", *arguments]
    done = subprocess.run(
        command, cwd=where, env=surroundings, capture_output=True, text=True, check=False
    )
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture(name="gitea", params=first_of(["1.25", "1.15"]))
def gitea_fixture(request):
    with Gitea(dialect=request.param) as stand_in:
        yield stand_in


@pytest.fixture(name="old")
def old_gitea():
    with Gitea(dialect="1.15") as stand_in:
        yield stand_in


@pytest.fixture(name="new")
def new_gitea():
    with Gitea(dialect="1.25") as stand_in:
        yield stand_in


@pytest.fixture(name="call")
def call_fixture(gitea):
    return Caller(gitea)


@pytest.fixture(name="clone")
def clone_fixture(tmp_path):
    """A function that clones a stand-in's repository and says where."""

    def make(gitea, name="clone"):
        where = tmp_path / name
        git("clone", "--quiet", gitea.git_url, str(where))
        return where

    return make


def commit(where, text="more\n", message="A change", *options):
    with open(where / "train.py", "a", encoding="utf-8") as file:
        file.write(text)
    git("commit", "--quiet", "--all", "--message", message, *options, where=where)
    return git("rev-parse", "HEAD", where=where).stdout.strip()


def promoted(gitea, clone, name="experiment/a"):
    """What the daemon does for one experiment: a branch, a commit, a pull request."""
    call = Caller(gitea)
    assert call.branch(name).status == 201
    where = clone(gitea)
    sha = commit(where)
    git("push", "--quiet", "origin", f"HEAD:{name}", where=where)
    answer = call.pull(name)
    assert answer.status == 201
    return where, sha, answer.json
