"""A real Gitea for the tests: started, given its users, used as a person uses it, stopped.

    program()  the path of one (tests/forge/gitea), or why there is none
    Server     one process with an organisation `lab`. ada owns it and administers the site. The bot winnowd may
               write to its repositories, Timmy may read them, and a stranger may do neither

The bot's token has the scopes that README.md names, and no others.
"""

import base64
import functools
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from events import PATIENCE
from harness import Pull, check_transaction, git
from proxy import Proxy

REAL = pytest.param("real", marks=pytest.mark.real)  # of the fixture any_gitea
ROOT = pathlib.Path(__file__).resolve().parents[2]
NO_GO = 77  # what tests/forge/gitea says where nothing can be built
USER = 64322  # a user number that nobody has, where the tests run as root: Gitea does not
OWNER, BOT, REVIEWER, STRANGER = "ada", "winnowd", "Timmy", "stranger"
PASSWORD = "a-password-of-the-tests"
# Whatever a forge does beside what it is asked for is off.
SETTINGS = """
APP_NAME = Gitea of the tests
RUN_USER = {user}
WORK_PATH = {data}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = {url}/
OFFLINE_MODE = true
DISABLE_SSH = true
LFS_START_SERVER = true
LFS_JWT_SECRET = YSBzZWNyZXQgb2YgdGhlIHRlc3RzOiAzMiBieXRlcy4
{static}
[database]
DB_TYPE = sqlite3
SQLITE_JOURNAL_MODE = WAL
SQLITE_TIMEOUT = 60000
[security]
INSTALL_LOCK = true
PASSWORD_HASH_ALGO = pbkdf2$1000$50
[service]
DISABLE_REGISTRATION = true
[log]
MODE = file
LEVEL = Warn
[queue]
TYPE = channel
[indexer]
ISSUE_INDEXER_TYPE = db
[cron]
ENABLED = false
[cron.update_checker]
ENABLED = false
[actions]
ENABLED = false
[packages]
ENABLED = false
[oauth2]
ENABLED = false
[picture]
DISABLE_GRAVATAR = true
[i18n]
LANGS = en-US
NAMES = English
"""


@functools.cache
def built():
    """What tests/forge/gitea says, which may build one first: (exit status, path or reason)."""
    done = subprocess.run([str(ROOT / "tests/forge/gitea")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, (done.stderr if done.returncode else done.stdout).strip()


def program():
    """The path of a Gitea; the test is skipped where there is none, or fails where there must be one."""
    status, text = built()
    if status == NO_GO and not os.environ.get("WINNOWD_GITEA_REQUIRED"):
        pytest.skip(text)
    assert status == 0, text
    return pathlib.Path(text)


def scopes():
    """What README.md tells users to give the token: one row of its table for each."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+): (read|read and write) \|", text, flags=re.MULTILINE)
    assert rows, "README.md names no scopes"
    return [f"{'write' if level != 'read' else 'read'}:{area}" for area, level in rows]


def linked(source, target):
    """Links the file, or copies it if that is impossible."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, method, path, error):
        self.status, self.text = error.code, error.read().decode("utf-8", errors="replace")
        super().__init__(f"{method} {path}: {self.status} {self.text}")


class Server:
    def __init__(self, found):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="winnowd-gitea-"))
        self.directory.chmod(0o755)
        self.data = self.directory / "data"
        self.data.mkdir()
        self.program = self._own_copy(found)
        # It is given a socket that listens already: no other can take its port, and who asks before it
        # is up waits for the answer.
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.settings = self.data / "app.ini"
        self._write_settings(found.parent)
        self.process = None
        self.numbers = itertools.count(1)
        self.teams = {}  # login: id of the team that it is in

    def _own_copy(self, found):
        """A copy that its user can read: the kept one may be below a home that others cannot enter."""
        folder = self.directory / "program"
        folder.mkdir()
        for name in ("gitea", "templates", "options", "public"):
            source, target = found if name == "gitea" else found.parent / name, folder / name
            if source.is_dir():
                shutil.copytree(source, target, copy_function=linked)
            elif source.exists():
                linked(source, target)
        return folder / "gitea"

    def _write_settings(self, place):
        # A program without templates beside it has them inside.
        static = f"STATIC_ROOT_PATH = {self.program.parent}" if (place / "templates").is_dir() else ""
        self.settings.write_text(SETTINGS.format(
            user="gitea", data=self.data, port=self.listener.getsockname()[1], url=self.url, static=static,
        ))  # fmt: skip
        if os.geteuid() == 0:
            for path in (self.data, self.settings):
                os.chown(path, USER, USER)

    # Life

    def start(self):
        fd = self.listener.fileno()
        script = f'exec "$@" 3<&{fd}' + (f" {fd}<&-" if fd != 3 else "")
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *self._as_user("--pdeathsig", "KILL"), *self._command("web")],
            stdin=subprocess.DEVNULL, stdout=(self.directory / "output").open("wb"), stderr=subprocess.STDOUT,
            env={**self._environment(), "LISTEN_FDS": "1"}, cwd=self.data, start_new_session=True, pass_fds=(fd,),
        )  # fmt: skip
        self.listener.close()
        try:
            self._open("GET", "/api/healthz", None, {})
        except OSError as error:
            raise AssertionError(f"Gitea did not start: {error}\n{(self.directory / 'output').read_text()}") from error
        self._make_users()
        return self

    def stop(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    def last_words(self):
        """The end of its log. What fails in the background is only there."""
        logs = sorted(self.data.rglob("gitea.log"))
        return "".join(path.read_text(errors="replace")[-4000:] for path in logs)

    def _command(self, *arguments):
        return [str(self.program), *arguments, "--config", str(self.settings)]

    def _as_user(self, *more):
        ids = [f"--reuid={USER}", f"--regid={USER}", "--clear-groups"] if os.geteuid() == 0 else []
        return ["setpriv", *ids, *more, "--"]

    def _environment(self):
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.data), "USER": "gitea", "LC_ALL": "C.UTF-8",
                "GOGC": "off", "GOMEMLIMIT": "512MiB"}  # it collects garbage when there is that much

    def _make_users(self):
        words = ["--username", OWNER, "--password", PASSWORD, "--email", "ada@example.org", "--admin",
                 "--must-change-password=false"]  # fmt: skip
        subprocess.run([*self._as_user(), *self._command("admin", "user", "create"), *words],
                       env=self._environment(), cwd=self.data, check=True, capture_output=True)  # fmt: skip
        self.owner_token = self.make_token(OWNER, ["all"])
        self.call("POST", "/orgs", {"username": "lab", "visibility": "private"})
        for login in (BOT, REVIEWER, STRANGER):
            self.call("POST", "/admin/users", {"username": login, "password": PASSWORD, "must_change_password": False,
                                               "email": f"{login}@example.org"})  # fmt: skip
        for login, level in ((BOT, "write"), (REVIEWER, "read")):
            units = {f"repo.{name}": level for name in ("code", "issues", "pulls")}
            team = self.call("POST", "/orgs/lab/teams", {"name": f"may-{level}", "permission": level, "units_map": units,
                                                         "includes_all_repositories": True})  # fmt: skip
            self.call("PUT", f"/teams/{team['id']}/members/{login}")
            self.teams[login] = team["id"]
        self.token = self.make_token(BOT, scopes())

    def change_team(self, **levels):
        """What the bot may do: write, but for what is named."""
        units = {f"repo.{name}": levels.get(name, "write") for name in ("code", "issues", "pulls")}
        self.call("PATCH", f"/teams/{self.teams[BOT]}", {"name": "may-write", "permission": "write", "units_map": units})

    def change_bot(self, **facts):
        self.call("PATCH", f"/admin/users/{BOT}", {"login_name": BOT, "source_id": 0, **facts})

    # Requests

    def make_token(self, login, wanted):
        name = f"token {next(self.numbers)}"
        pair = base64.b64encode(f"{login}:{PASSWORD}".encode()).decode()
        return self.ask("POST", f"/users/{login}/tokens", {"name": name, "scopes": wanted}, f"Basic {pair}")["sha1"]

    def call(self, method, path, body=None):
        """Asks as ada does, who may do everything: the answer's JSON, or Refused."""
        return self.ask(method, path, body, f"token {self.owner_token}")

    def ask(self, method, path, body, authorization):
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": authorization, "Content-Type": "application/json"}
        text = self._open(method, f"/api/v1{path}", data, headers)
        return json.loads(text) if text else None

    def _open(self, method, path, data, headers):
        request = urllib.request.Request(self.url + path, method=method, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise Refused(method, path, error) from None


# Every change of a reference is written down, with the name of who was signed in.
TRANSACTIONS = """#!/bin/sh
[ "$1" = committed ] && sed "s/^/${{GITEA_PUSHER_NAME:--}} /" >>"{log}"
exit 0
"""


class RealGitea:
    """A repository of its own on the real server, for one test: as harness.StandIn, as far as tests know it."""

    kind = "gitea"
    prefix = "experiment/"

    def __init__(self, project, server, owner="lab", token=None):
        self.project, self.server, self.owner = project, server, owner
        self.token = token or server.token
        self.repo = f"model-{next(server.numbers)}"
        self.in_flight = ()  # branches of jobs that a test left in the middle
        place = "/user/repos" if owner == OWNER else f"/orgs/{owner}/repos"
        server.call("POST", place, {"name": self.repo, "private": True, "default_branch": project.base})
        self.transactions = server.data / f"{self.repo}.transactions"
        hook = self.git_path / "hooks/reference-transaction"
        hook.write_text(TRANSACTIONS.format(log=self.transactions))
        hook.chmod(0o755)
        self.gitea = Gitea(self).start()
        self.gitea.push(f"refs/heads/{project.base}:refs/heads/{project.base}")
        # It takes a moment to see that the repository is empty no more, and knows no branches until then.
        self.gitea.until(lambda: not self.call("GET", "")["empty"])

    @property
    def git_path(self):
        return self.server.data / f"data/gitea-repositories/{self.owner}/{self.repo}.git"

    def configuration(self):
        return {
            "kind": "gitea", "url": self.gitea.url, "owner": self.owner, "repo": self.repo, "base": self.project.base,
            "timeout": "10s",
        }  # fmt: skip

    def environment(self):
        return {"GITEA_TOKEN": self.token}

    def call(self, method, path, body=None):
        return self.server.call(method, f"/repos/{self.owner}/{self.repo}{path}", body)

    def git(self, *arguments):
        """In the server's own repository, which belongs to another user."""
        return git("-c", "safe.directory=*", *arguments, directory=self.git_path)

    def branches(self):
        listing = self.git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads")
        found = dict(line.split(" ") for line in listing.splitlines())
        found.pop(self.project.base)
        return found

    def pulls(self):
        rows = self.call("GET", "/pulls?state=all&sort=oldest&limit=50")
        return [
            Pull(row["number"], "merged" if row["merged"] else row["state"], row["title"], row["body"],
                 row["head"]["ref"], row["base"]["ref"], row["head"]["sha"],
                 [label["name"] for label in row["labels"] or []],
                 [user["login"] for user in row["requested_reviewers"] or []])
            for row in rows
        ]  # fmt: skip

    def show(self, *arguments):
        return self.git("show", *arguments)

    def check_promises(self):
        self.gitea.assert_governed(self.prefix, self.project.base, self.in_flight)
        for line in self.transactions.read_text(encoding="utf-8").splitlines():
            who, old, new, name = line.split(" ")
            if who != OWNER and not name.startswith("refs/pull/"):
                check_transaction(old, new, name, self.project.base, self.git_path)

    def stop(self):
        """The repository goes with the server."""
        self.gitea.stop()


class Gitea(Proxy):
    """What stands in front of it, and what persons do there, as ada: by the names that the stand-in has for it."""

    def __init__(self, behind):
        super().__init__(behind.server.url, behind)
        self.remote = f"{self.backend.scheme}://{OWNER}:{PASSWORD}@{self.backend.netloc}/{behind.owner}/{behind.repo}.git"

    def call(self, method, path, body=None):
        return self.behind.call(method, path, body)

    def push(self, refspec, *options):
        git("push", "-q", *options, self.remote, refspec, directory=self.behind.project.work)

    def close_pull(self, number):
        self.call("PATCH", f"/pulls/{number}", {"state": "closed"})

    def reopen_pull(self, number):
        self.call("PATCH", f"/pulls/{number}", {"state": "open"})

    def edit_pull(self, number, body):
        self.call("PATCH", f"/pulls/{number}", {"body": body})

    def merge_pull(self, number, style="merge", delete_branch=False):
        """Gitea finds out in the background whether it can be merged, so this waits for that."""
        self.until(lambda: self.call("GET", f"/pulls/{number}")["mergeable"])
        how = {"fast-forward": "fast-forward-only"}.get(style, style)
        self.call("POST", f"/pulls/{number}/merge", {"Do": how, "delete_branch_after_merge": delete_branch})

    def approve(self, number, reviewer=REVIEWER):
        server, place = self.behind.server, f"/repos/{self.behind.owner}/{self.behind.repo}/pulls/{number}/reviews"
        token = server.make_token(reviewer, ["write:repository"])
        server.ask("POST", place, {"event": "APPROVED", "body": "good"}, f"token {token}")

    def make_branch(self, branch, at=None):
        wanted = {"new_branch_name": branch, "old_ref_name": at or self.behind.project.base}
        return self.call("POST", "/branches", wanted)["commit"]["id"]

    def until(self, condition):
        """Waits for what Gitea does in the background."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, (
                f"{self.behind.repo} is still not as a person would need it\n{self.behind.server.last_words()}")
            time.sleep(0.05)

    def delete_branch(self, branch):
        self.call("DELETE", f"/branches/{urllib.parse.quote(branch, safe='')}")

    def push_to_branch(self, branch, files=None, message="By hand\n", force=False):
        """Commits on a branch (made from the base if need be), or puts another commit in the place of its tip."""
        project, tip = self.behind.project, self.behind.branches().get(branch)
        if tip:
            git("fetch", "-q", self.remote, tip, directory=project.work)
        parent = f"{tip}^" if tip and force else tip
        sha, _ = project.experiment(files or {"by-hand.txt": "by hand\n"}, message, parent)
        self.push(f"{sha}:refs/heads/{branch}", *(["--force"] if force else []))
        return sha

    def move_base(self, files=None):
        project = self.behind.project
        project.advance(files or {"OTHER.md": "other\n"})
        self.push(f"{project.base}:refs/heads/{project.base}")
        return project.tip

    def protect(self, branch):
        self.call("POST", "/branch_protections", {"rule_name": branch, "enable_push": False})

    def unprotect(self, branch):
        self.call("DELETE", f"/branch_protections/{urllib.parse.quote(branch, safe='')}")

    def archive(self, archived=True):
        self.call("PATCH", "", {"archived": archived})

    def turn_pulls(self, on):
        self.call("PATCH", "", {"has_pull_requests": on})

    def let_reach_pulls(self, may):
        self.behind.server.change_team(pulls="write" if may else "none")

    def let_push(self, may):
        self.behind.server.change_team(code="write" if may else "read")

    def bar(self):
        self.behind.server.change_bot(must_change_password=True)

    def unbar(self):
        self.behind.server.change_bot(must_change_password=False)

    def rename(self, repo):
        self.call("PATCH", "", {"name": repo})
        self.behind.repo = repo

    def add_label(self, name, color="00aabb", description="", organisation=False, exclusive=False):
        wanted = {"name": name, "color": f"#{color}", "description": description, "exclusive": exclusive}
        if organisation:
            return self.behind.server.call("POST", f"/orgs/{self.behind.owner}/labels", wanted)
        return self.call("POST", "/labels", wanted)
