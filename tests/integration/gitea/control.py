"""The stand-in's second door, for shell scripts: a small HTTP server on a port of its own.

    GET  /                     address, git path, token and the like
    GET  /records /pulls /branches /faults
    POST /faults {...}         adds a fault (the fields of faults.Fault, `command` for a hook)
    DELETE /faults             none is left
    POST /do/NAME {...}        what a person does: merge_pull, close_pull, move_base, protect, ...
    POST /set {...}            moods: api_lag, lag_answer, slowness, token, ...
    POST /down /up /stop
    GET  /governed?prefix=experiment/&base=main    200, or 409 with the listing
"""

import dataclasses
import http.server
import json
import threading
import urllib.parse

PERSON = (
    "merge_pull", "close_pull", "reopen_pull", "open_pull", "open_issue", "push_to_branch",
    "make_branch", "move_base", "force_push_base", "delete_branch", "protect", "unprotect",
    "archive", "rename", "delete_repository", "add_user", "add_label",
)  # fmt: skip

MOODS = (
    "api_lag", "lag_answer", "null_in_lists", "closes_on_git_delete", "delete_missing_status",
    "open_pull_takes", "slowness", "token", "permissions", "empty", "git_redirect",
)  # fmt: skip


class Control:
    """Serves a stand-in's controls; `on_stop` is called when somebody asks it to stop."""

    def __init__(self, gitea, port=0, on_stop=lambda: None):
        self.gitea = gitea
        self.on_stop = on_stop
        handler = type("ControlHandler", (ControlHandler,), {"control": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def about(self):
        gitea = self.gitea
        return {
            "url": gitea.url,
            "git_url": gitea.git_url,
            "git_path": gitea.git_path,
            "owner": gitea.forge.owner,
            "repo": gitea.forge.repo,
            "base": gitea.forge.base,
            "user": gitea.forge.user,
            "token": gitea.token,
            "dialect": gitea.dialect,
            "ca_file": gitea.ca_file,
            "control": self.url,
        }

    def get(self, path, query):
        gitea = self.gitea
        if path == "/governed":
            prefix = query.get("prefix", ["experiment/"])[0]
            base = query.get("base", [gitea.forge.base])[0]
            found = gitea.violations(prefix, base, query.get("in_flight", []))
            return 409 if found else 200, found
        views = {
            "/": self.about,
            "/records": lambda: [dataclasses.asdict(record) for record in gitea.records],
            "/pulls": lambda: [dataclasses.asdict(p) for p in gitea.pulls.values()],
            "/branches": lambda: gitea.branches,
            "/faults": lambda: [fault.as_json() for fault in gitea.faults],
        }
        return (200, views[path]()) if path in views else (404, "no such view")

    def post(self, path, wanted):
        gitea = self.gitea
        if path == "/faults":
            return 201, gitea.faults.add(**wanted).as_json()
        if path == "/set":
            unknown = [name for name in wanted if name not in MOODS]
            if unknown:
                return 400, f"no such mood: {', '.join(unknown)}"
            for name, value in wanted.items():
                setattr(gitea, name, value)
            return 200, wanted
        if path.startswith("/do/") and path.removeprefix("/do/") in PERSON:
            result = getattr(gitea, path.removeprefix("/do/"))(**wanted)
            return 200, dataclasses.asdict(result) if dataclasses.is_dataclass(result) else result
        if path in ("/down", "/up"):
            (gitea.down if path == "/down" else gitea.up)()
            return 200, path[1:]
        if path == "/stop":
            self.on_stop()
            return 200, "stopping"
        return 404, "no such order"


class ControlHandler(http.server.BaseHTTPRequestHandler):
    control = None

    def log_message(self, *arguments):
        """Silent."""

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path)
        self.answer(lambda: self.control.get(parts.path, urllib.parse.parse_qs(parts.query)))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(lambda: self.control.post(self.path, json.loads(body) if body else {}))

    def do_DELETE(self):
        if self.path != "/faults":
            return self.answer(lambda: (404, "no such thing"))
        return self.answer(lambda: (200, self.control.gitea.faults.clear()))

    def answer(self, work):
        try:
            status, value = work()
        except Exception as error:  # noqa: BLE001: the script that asked is told
            status, value = 400, f"{type(error).__name__}: {error}"
        body = json.dumps(value, indent=1).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
