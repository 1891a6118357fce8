"""The stand-in itself: one server with one repository, put together, started, stopped."""

import collections
import hashlib
import os
import re
import shutil
import tempfile
import time
import urllib.parse

from proxy.wire import Handler, Listener, Response, credentials, parsed

from . import git_http
from .api import Api, Call, json_response
from .shapes import Shapes
from .state import Forge

VERSIONS = {"1.15": "1.15.11", "1.25": "1.25.2"}
GIT_PATH = r"/([^/]+)/([^/]+?)(?:\.git)?(/info/refs|/git-upload-pack|/git-receive-pack)"
ARCHIVED = (
    "This repo is archived. You can view files and clone it, but cannot push or open "
    "issues/pull-requests.\n"
)

Left = collections.namedtuple("Left", "number head state")


class Server:
    """Below `url`. What persons do is in state.Forge."""

    def __init__(
        self,
        dialect="1.25",
        owner="lab",
        repo="model",
        token=None,
        user="winnowd",
        base="main",
        private=True,
        organisation=False,
        files=None,
        users=("Timmy",),
        bad_token=None,
        scopes=None,
    ):
        if dialect not in VERSIONS:
            raise ValueError(f"dialects are {', '.join(VERSIONS)}, not {dialect}")
        self.root = tempfile.mkdtemp(prefix="gitea-stand-in-")
        self.token = token or hashlib.sha1(f"{self.root} {time.time_ns()}".encode()).hexdigest()
        self.forge = Forge(
            self.root, dialect, owner, repo, base, user, private, organisation, files
        )
        for login in users:
            self.forge.add_user(login)
        self.shapes = Shapes(self.forge, "")
        answer = bad_token or ("401" if self.forge.new else "404")
        self.api = Api(self.forge, self.shapes, answer, VERSIONS[dialect], scopes)
        self._listener = None

    def start(self):
        self._listener = Listener(0, Handler, self).run()
        self.public_url = self.url
        return self

    def stop(self):
        self._listener.end()
        shutil.rmtree(self.root, ignore_errors=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self._listener.port}"

    @property
    def public_url(self):
        """The address that its answers name, as ROOT_URL is."""
        return self.shapes.url

    @public_url.setter
    def public_url(self, url):
        self.shapes.url = url

    # What is at the forge, for whom it stands behind

    @property
    def git_path(self):
        """The bare repository on disk."""
        return str(self.forge.git.path)

    def branches(self):
        return self.forge.git.branches()

    def pulls(self):
        return [
            Left(pull.number, pull.head, "merged" if pull.merged else pull.state)
            for pull in list(self.forge.pulls.values())
        ]

    # Requests, called by the connections' threads

    def handle(self, request):
        parts = urllib.parse.urlsplit(request.target)
        scheme, secret = credentials(request.headers)
        known = bool(secret) and secret == self.token
        try:
            if parts.path.startswith("/api/v1/"):
                return self.api.handle(call_of(request, parts, bool(scheme), known))
            if re.fullmatch(GIT_PATH, parts.path):
                return self._serve_git(request, parts, scheme, known)
        except Exception as error:  # noqa: BLE001: the caller gets the 500 a server would give
            return json_response(500, {"message": f"{type(error).__name__}: {error}", "url": ""})
        return Response(404, b"Not Found\n", {"Content-Type": "text/plain"})

    def _serve_git(self, request, parts, scheme, known):
        owner, repo, service = re.fullmatch(GIT_PATH, parts.path).groups()
        writes = "git-receive-pack" in service + parts.query
        allowed = known and scheme == "basic" or not (self.forge.private or writes or scheme)
        rest = f"{service}?{parts.query}".rstrip("?")
        refusal = self._refuse_git(owner, repo, rest, writes, allowed)
        if refusal is not None:
            return refusal
        return git_http.serve(
            self.forge, request.method, service, parts.query, request.headers, request.body
        )

    def _refuse_git(self, owner, repo, rest, writes, allowed):
        forge, plain = self.forge, {"Content-Type": "text/plain; charset=utf-8"}
        known = repo.lower() == forge.repo.lower()
        former = repo.lower() in (name.lower() for name in forge.former_names)
        if not allowed:
            realm = "Gitea" if forge.new else "."
            headers = plain | {"WWW-Authenticate": f'Basic realm="{realm}"'}
            return Response(401, b"Unauthorized\n", headers)
        if forge.barred:
            return Response(303, b"", {"Location": "/user/settings/change_password"})
        if not self.api.may("write" if writes else "read", "repository"):
            return Response(403, b"Forbidden\n", plain)
        if owner.lower() != forge.owner.lower() or forge.gone or not (known or former):
            return Response(404, b"Repository not found\n", plain)
        if former and not known:
            below = urllib.parse.urlsplit(self.public_url).path
            place = f"{below}/{forge.owner}/{forge.repo}{rest}"
            return Response(301, b"", {"Location": place})
        if writes and forge.archived:
            return Response(403, ARCHIVED.encode(), plain)
        if writes and not forge.permissions["push"]:
            return Response(403, b"User permission denied for writing.\n", plain)
        return None


def call_of(request, parts, has_token, known):
    value, wrong = parsed(request.body)
    if request.body and "json" not in request.headers.get("Content-Type", ""):
        wrong = "[]: Unsupported Content-Type"
    return Call(
        request.method,
        parts.path.removeprefix("/api/v1"),
        urllib.parse.parse_qs(parts.query, keep_blank_values=True),
        value if isinstance(value, dict) else None,
        wrong,
        signed_in=known,
        bad_token=has_token and not known,
    )
