"""The stand-in itself: put together, started, stopped, asked about.

    with Gitea(dialect="1.15", owner="lab", repo="model", token="secret") as gitea:
        gitea.faults.add("locked", method="POST", path="/labels$")
        ... run the daemon against gitea.url ...
        gitea.merge_pull(1)
        gitea.assert_governed("experiment/", "main")
"""

import hashlib
import os
import re
import shutil
import tempfile
import time
import urllib.parse

from . import certificates, git_http
from .api import Api, Call, Response, json_response
from .faults import FaultList
from .governed import Governor
from .records import RecordList
from .shapes import Shapes
from .state import Forge
from .wire import Listener, credentials, parsed, split_target

VERSIONS = {"1.15": "1.15.11", "1.25": "1.25.2"}
GIT_PATH = r"/([^/]+)/([^/]+?)(?:\.git)?(/info/refs|/git-upload-pack|/git-receive-pack)"
ARCHIVED = (
    "This repo is archived. You can view files and clone it, but cannot push or open "
    "issues/pull-requests.\n"
)

# Attributes of the state that read and write as the stand-in's own.
FORGE_NAMES = (
    "pulls", "labels", "issues", "users", "permissions", "api_lag", "lag_answer",
    "null_in_lists", "closes_on_git_delete", "delete_missing_status", "open_pull_takes", "empty",
    "person", "user", "private", "archived", "gone", "base_writes",
)  # fmt: skip


class Gitea:
    """One server with one repository. What persons do is in state.Forge and works from here."""

    def __init__(
        self,
        dialect="1.25",
        owner="lab",
        repo="model",
        token=None,
        user="winnowd",
        base="main",
        private=True,
        sub_path="",
        tls=False,
        organisation=False,
        files=None,
        users=("Timmy",),
        root=None,
        port=0,
        bad_token=None,
        scopes=None,
    ):
        if dialect not in VERSIONS:
            raise ValueError(f"dialects are {', '.join(VERSIONS)}, not {dialect}")
        self._own_root = root is None
        self.root = root or tempfile.mkdtemp(prefix="gitea-stand-in-")
        os.makedirs(self.root, exist_ok=True)
        seed = f"{self.root} {time.time_ns()}"
        self.token = token or hashlib.sha1(seed.encode()).hexdigest()
        self.sub_path = "/" + sub_path.strip("/") if sub_path.strip("/") else ""
        self.dialect, self.tls, self.port = dialect, tls, port
        self.ca_file, self._tls_context = None, None
        if tls:
            self.ca_file, self._tls_context = certificates.make(self.root, tls)
        self.forge = Forge(
            self.root, dialect, owner, repo, base, user, private, organisation, files
        )
        for login in users:
            self.forge.add_user(login)
        self.records, self.faults = RecordList(), FaultList()
        self.slowness = 0.0  # seconds each call takes at least
        self.git_redirect = 307
        self.shapes = Shapes(self.forge, "")
        answer = bad_token or ("401" if self.forge.new else "404")
        self.api = Api(self.forge, self.shapes, answer, VERSIONS[dialect], scopes)
        self._listener = None

    def __getattr__(self, name):
        if name.startswith("_") or name == "forge":
            raise AttributeError(name)
        return getattr(self.forge, name)

    def __setattr__(self, name, value):
        if name in FORGE_NAMES:
            setattr(self.forge, name, value)
        else:
            super().__setattr__(name, value)

    # Life

    def start(self):
        self.up()
        return self

    def up(self):
        """Listens (again: on the port of the first time)."""
        if self._listener is None:
            self._listener = Listener(self.port, self, self._tls_context)
            self.port = self._listener.server_address[1]
            self.shapes.url = self.url
            self._listener.run()

    def down(self):
        """Stops listening and ends every connection. The state stays; up() brings it back."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.end()

    def stop(self):
        self.down()
        if self._own_root:
            shutil.rmtree(self.root, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *problem):
        self.stop()

    # Where things are

    @property
    def url(self):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{self.sub_path}"

    @property
    def git_url(self):
        """The address git uses, with the token in it: for tests only."""
        plain = f"{self.url}/{self.forge.owner}/{self.forge.repo}.git"
        return plain.replace("://", f"://token:{self.token}@")

    @property
    def git_path(self):
        """The bare repository on disk."""
        return str(self.forge.git.path)

    @property
    def branches(self):
        return self.forge.git.branches()

    def branches_below(self, prefix):
        return {name: sha for name, sha in self.branches.items() if name.startswith(prefix)}

    def open_pulls(self):
        return [pull for pull in self.forge.pulls.values() if pull.is_open]

    def violations(self, prefix, base, in_flight=()):
        return Governor(self, prefix, base, in_flight).violations()

    def assert_governed(self, prefix, base, in_flight=()):
        """AssertionError with a listing where the daemon did what it may not do (governed.py)."""
        found = self.violations(prefix, base, in_flight)
        if found:
            listing = "\n".join(f"  - {line}" for line in found)
            raise AssertionError(f"not governed:\n{listing}\nrequests:\n{self.records}")

    # Requests, called by the connections' threads

    def open_record(self, method, target, headers, body):
        path, query = split_target(target, self.sub_path)
        record = self.records.open(
            time=time.time(), method=method, target=target, path=path or target, query=query
        )
        scheme, secret = credentials(headers)
        record.scheme, record.token_ok = scheme, bool(secret) and secret == self.token
        record.user_agent = headers.get("User-Agent", "")
        if path is not None and path.startswith("/api/v1/"):
            record.kind = "api"
            record.body = parsed(body)[0]
        elif path is not None and re.fullmatch(GIT_PATH, path):
            record.kind = "git"
        return record

    def work(self, record, headers, body):
        """Does what a request asks for, gives back the true answer."""
        if self.slowness and self._listener is not None:
            self._listener.stopping.wait(self.slowness)
        path, query = split_target(record.target, self.sub_path)
        try:
            if record.kind == "api":
                return self.api.handle(self._call(record, path, query, headers, body))
            if record.kind == "git":
                return self._serve_git(record, path, query, headers, body)
        except Exception as error:  # noqa: BLE001: the caller gets the 500 a server would give
            return json_response(500, {"message": f"{type(error).__name__}: {error}", "url": ""})
        return Response(404, b"Not Found\n", {"Content-Type": "text/plain"})

    def answer_of(self, path):
        """What a GET of another path below /api/v1 would be answered."""
        call = Call("GET", path.removeprefix("/api/v1"), {}, None, signed_in=True)
        return self.api.handle(call)

    def _call(self, record, path, query, headers, body):
        value, wrong = parsed(body)
        if body and "json" not in headers.get("Content-Type", ""):
            wrong = "[]: Unsupported Content-Type"
        return Call(
            record.method,
            path.removeprefix("/api/v1"),
            urllib.parse.parse_qs(query, keep_blank_values=True),
            value if isinstance(value, dict) else None,
            wrong,
            signed_in=record.token_ok,
            bad_token=bool(record.scheme) and not record.token_ok,
        )

    def _serve_git(self, record, path, query, headers, body):
        owner, repo, service = re.fullmatch(GIT_PATH, path).groups()
        writes = "git-receive-pack" in service + query
        refusal = self._refuse_git(record, owner, repo, service, query, writes)
        if refusal is not None:
            return refusal
        return git_http.serve(self.forge, record, record.method, service, query, headers, body)

    def _refuse_git(self, record, owner, repo, service, query, writes):
        forge, plain = self.forge, {"Content-Type": "text/plain; charset=utf-8"}
        known = repo.lower() == forge.repo.lower()
        former = repo.lower() in (name.lower() for name in forge.former_names)
        wants_token = forge.private or writes or bool(record.scheme)
        if wants_token and not (record.token_ok and record.scheme == "basic"):
            realm = "Gitea" if forge.new else "."
            headers = plain | {"WWW-Authenticate": f'Basic realm="{realm}"'}
            return Response(401, b"Unauthorized\n", headers)
        if owner.lower() != forge.owner.lower() or forge.gone or not (known or former):
            return Response(404, b"Repository not found\n", plain)
        if former and not known:
            place = f"{self.sub_path}/{forge.owner}/{forge.repo}.git{service}"
            return Response(self.git_redirect, b"", {"Location": f"{place}?{query}".rstrip("?")})
        if writes and forge.archived:
            return Response(403, ARCHIVED.encode(), plain)
        if writes and not forge.permissions["push"]:
            return Response(403, b"User permission denied for writing.\n", plain)
        return None
