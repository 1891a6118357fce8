"""The proxy itself: started, stopped, asked for what it recorded.

proxy = Proxy("http://127.0.0.1:3000", forge).start()
proxy.faults.add("locked", method="POST", path="/labels$")
... run the daemon against proxy.url ...
proxy.assert_governed("experiment/", "main")
"""

import http.client
import os
import re
import shutil
import socket
import struct
import tempfile
import time
import urllib.parse

from . import certificates, git
from .faults import FaultList
from .governed import Governor
from .ledger import Ledger
from .records import RecordList
from .wire import Handler, Listener, Request, Response, credentials, parsed

GIT = r"/[^/]+/[^/]+(/info/refs|/git-upload-pack|/git-receive-pack)"
OURS = {"connection", "content-length", "date", "expect", "keep-alive", "transfer-encoding"}  # not passed on
PATIENCE = 60  # seconds that the forge has for an answer
BAD_GATEWAY = "<html><head><title>502 Bad Gateway</title></head><body>{}</body></html>\n"


class Proxy:
    """Stands in front of the forge at `backend` (an address with http:// and a port).

    `forge` says what a look at the requests does not: `token` (the daemon's), `git_path` (of its repository
    on disk), `branches()` (name: commit) and `pulls()` (each with number, head, and a state of open, closed
    or merged). `tls` is as for certificates.make; what comes below `sub_path` goes to the backend without it.
    """

    def __init__(self, backend, forge, tls=False, sub_path="", port=0):
        self.backend, self.behind = urllib.parse.urlsplit(backend), forge
        self.sub_path = "/" + sub_path.strip("/") if sub_path.strip("/") else ""
        self.records, self.faults, self.ledger = RecordList(), FaultList(), Ledger()
        self.tls, self.port = tls, port
        self.ca_file, self._tls_context, self._keys = None, None, None
        if tls:
            self._keys = tempfile.mkdtemp(prefix="proxy-keys-")
            self.ca_file, self._tls_context = certificates.make(self._keys, tls)
        self._listener = None

    # Life

    def start(self):
        self.up()
        return self

    def up(self):
        """Listens (again: on the port of the first time)."""
        if self._listener is None:
            self._listener = Listener(self.port, Connection, self, self._tls_context).run()
            self.port = self._listener.port

    def down(self):
        """Stops listening and ends every connection. The forge stays; up() brings it back."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.end()

    def stop(self):
        self.down()
        if self._keys is not None:
            shutil.rmtree(self._keys, ignore_errors=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *problem):
        self.stop()

    @property
    def url(self):
        scheme = "https" if self.tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}{self.sub_path}"

    # What the daemon did

    def violations(self, prefix, base, in_flight=()):
        return Governor(self, prefix, base, in_flight).violations()

    def assert_governed(self, prefix, base, in_flight=()):
        """Raises AssertionError, with a list, if the daemon did what it may not do (governed.py)."""
        found = self.violations(prefix, base, in_flight)
        if found:
            listing = "\n".join(f"  - {line}" for line in found)
            raise AssertionError(f"not governed:\n{listing}\nrequests:\n{self.records}")

    # Requests, called by the connections' threads

    def open_record(self, request):
        path, query = split_target(request.target, self.sub_path)
        scheme, secret = credentials(request.headers)
        record = self.records.open(
            time=time.time(), method=request.method, target=request.target, path=path or request.target,
            query=query, scheme=scheme, token_ok=bool(secret) and secret == self.behind.token,
            user_agent=request.headers.get("User-Agent", ""),
        )  # fmt: skip
        if path is not None and path.startswith("/api/v1/"):
            record.kind, record.body = "api", parsed(request.body)[0]
        elif path is not None and re.fullmatch(GIT, path):
            record.kind = "git"
            if path.endswith("/git-receive-pack"):
                record.pushes = git.pushes(request, self.behind.git_path)
        return record

    def work(self, record, request):
        """Has the forge do what a request asks for, gives back the true answer."""
        path, _ = split_target(request.target, self.sub_path)
        if path is None:
            return Response(404, b"Not Found\n", {"Content-Type": "text/plain"})
        try:
            response = self.forward(request)
        except (OSError, http.client.HTTPException) as error:
            body = BAD_GATEWAY.format(f"{type(error).__name__}: {error}").encode()
            return Response(502, body, {"Content-Type": "text/html"})
        record.done = True
        if record.pushes and response.status == 200:
            updated = git.taken(response.body)
            for push in record.pushes:
                push.taken = push.ref in updated
        self.ledger.note(record, response)
        return response

    def forward(self, request):
        target = request.target[len(self.sub_path) :]
        connection = http.client.HTTPConnection(self.backend.hostname, self.backend.port, PATIENCE)
        try:
            connection.putrequest(request.method, self.backend.path + target, True, True)
            for name, value in request.headers.items():
                if name.lower() not in OURS:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        for name in OURS:
            del answer.headers[name]
        return Response(answer.status, body, answer.headers)

    def answer_of(self, path, request):
        """What a GET of another path below /api/v1 would be answered to the same caller."""
        target = f"{self.sub_path}/api/v1{path.removeprefix('/api/v1')}"
        return self.forward(Request("GET", target, request.headers, b""))


class Connection(Handler):
    """A connection of the daemon, with each way to break it."""

    def answer(self, request):
        proxy, started = self.server.owner, time.monotonic()
        record = proxy.open_record(request)
        record.connection = self.connection_number
        fault = proxy.faults.take(record.method, record.path, record.query, request.body)
        record.fault = f"{fault.action} {fault.at}" if fault else ""
        response = self.work(proxy, record, request, fault)
        try:
            if response is None:
                self.leave(fault)
            else:
                self.send(response, fault, record)
        except OSError:
            self.close_connection = True
        finally:
            record.duration = time.monotonic() - started

    def work(self, proxy, record, request, fault):
        """Does what was asked, unless the fault is in the way. None: there is no answer."""
        if fault and fault.at == "before":
            fault.run_hooks(record)
            if fault.action == "hang" and not self.wait(fault):
                return None
            if fault.stops_the_work():
                return self.own_response(proxy, request, fault)
        response = proxy.work(record, request)
        if fault and fault.at == "after":
            fault.run_hooks(record)
            if fault.action == "hang" and not self.wait(fault):
                return None
            if fault.action in ("answer", "reset", "close", "garbage", "lie"):
                return self.own_response(proxy, request, fault)
        return response

    def wait(self, fault):
        """Lets the fault's time pass; False where nothing is to follow."""
        return not self.server.stopping.wait(fault.seconds) and fault.then == "proceed"

    def own_response(self, proxy, request, fault):
        """The answer that a fault gives instead of the true one."""
        if fault.action in ("reset", "close"):
            return None
        if fault.action == "lie":
            return proxy.answer_of(fault.instead, request)
        headers = {"Content-Type": "application/json;charset=utf-8"} | fault.headers
        return Response(fault.status, fault.body_bytes(), headers)

    # Ways to answer

    def send(self, response, fault, record):
        action = fault.action if fault else ""
        if action == "garbage":
            self.wfile.write(b"\x00\xff not a word of HTTP \r\n\r\n")
            self.close_connection = True
            return
        body = response.body * 2 if action == "double_body" else response.body
        head = self.head(response, len(body))
        record.status = response.status
        if action == "cut":
            self.wfile.write(head + body[: len(body) // 2])
            self.close_connection = True
        elif action == "slow":
            self.send_slowly(head, body, fault)
        else:
            whole = head + (b"" if self.command == "HEAD" else body)
            self.wfile.write(whole * 2 if action == "double_response" else whole)

    def send_slowly(self, head, body, fault):
        self.wfile.write(head)
        size = max(len(body) // 20, 1)
        starts = range(0, len(body), size)
        for start in starts:
            if self.server.stopping.wait(fault.seconds / len(starts)):
                self.close_connection = True
                return
            self.wfile.write(body[start : start + size])

    def leave(self, fault):
        self.close_connection = True
        if fault.action == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            os.close(self.connection.detach())  # without the farewell that would come first


def split_target(target, sub_path):
    """A request's target as (path without the sub-path or None, query)."""
    parts = urllib.parse.urlsplit(target)
    if sub_path and not (parts.path + "/").startswith(sub_path + "/"):
        return None, parts.query
    return parts.path[len(sub_path) :], parts.query
