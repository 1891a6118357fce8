"""Connections: HTTP/1.1 with keep-alive, TLS if asked for, every way to leave a caller alone."""

import base64
import http.server
import itertools
import json
import os
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time
import urllib.parse

from .api import Response

CONNECTIONS = itertools.count(1)


class Listener(socketserver.ThreadingTCPServer):
    """The listening socket and the connections that came of it."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port, stand_in, tls_context=None):
        self.stand_in = stand_in
        self.tls_context = tls_context
        self.stopping = threading.Event()
        self._connections = set()
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Handler)

    def process_request_thread(self, request, client_address):
        if self.tls_context is not None:
            try:
                request = self.tls_context.wrap_socket(request, server_side=True)
            except (OSError, ssl.SSLError):
                request.close()
                return
        with self._connections_lock:
            self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                self._connections.discard(request)

    def handle_error(self, request, client_address):
        """A caller that went away is nothing to speak of; anything else is a bug in here."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)

    def run(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def end(self):
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._connections_lock:
            connections = list(self._connections)
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Gitea-stand-in"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.connection_number = next(CONNECTIONS)

    def log_message(self, *arguments):
        """Silent: the records say it all."""

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    # One request

    def serve(self):
        body = self.read_body()
        if body is None:
            self.close_connection = True
            return
        stand_in, started = self.server.stand_in, time.monotonic()
        record = stand_in.open_record(self.command, self.path, self.headers, body)
        record.connection = self.connection_number
        fault = stand_in.faults.take(record.method, record.path, record.query)
        record.fault = f"{fault.action} {fault.at}" if fault else ""
        response = self.work(stand_in, record, body, fault)
        try:
            if response is None:
                self.leave(fault)
            else:
                self.send(response, fault, record)
        except OSError:
            self.close_connection = True
        finally:
            record.duration = time.monotonic() - started

    def work(self, stand_in, record, body, fault):
        """Does what was asked, unless the fault is in the way. None: there is no answer."""
        if fault and fault.at == "before":
            fault.run_hooks(record)
            if fault.action == "hang" and not self.wait(fault):
                return None
            if fault.stops_the_work():
                return self.own_response(stand_in, record, fault)
        response = stand_in.work(record, self.headers, body)
        record.done = True
        if fault and fault.at == "after":
            fault.run_hooks(record)
            if fault.action == "hang" and not self.wait(fault):
                return None
            if fault.action in ("answer", "reset", "close", "garbage", "lie"):
                return self.own_response(stand_in, record, fault)
        return response

    def wait(self, fault):
        """Lets the fault's time pass; False where nothing is to follow."""
        return not self.server.stopping.wait(fault.seconds) and fault.then == "proceed"

    def own_response(self, stand_in, record, fault):
        """The answer a fault gives instead of the true one."""
        if fault.action in ("reset", "close"):
            return None
        if fault.action == "lie":
            return stand_in.answer_of(fault.instead)
        headers = {"Content-Type": "application/json;charset=utf-8"} | fault.headers
        return Response(fault.status, fault.body_bytes(), headers)

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            parts = []
            while True:
                line = self.rfile.readline(64)
                size = int(line.split(b";")[0] or b"0", 16)
                if size == 0:
                    while self.rfile.readline(4096).strip():
                        pass
                    return b"".join(parts)
                parts.append(self.rfile.read(size))
                self.rfile.readline(4)
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        return body if len(body) == length else None

    # Ways to answer

    def send(self, response, fault, record):
        action = fault.action if fault else ""
        if action == "garbage":
            self.wfile.write(b"\x00\xff not a word of HTTP \r\n\r\n")
            self.close_connection = True
            return
        body = response.body * 2 if action == "double_body" else response.body
        head = self.head(response, body)
        record.status = response.status
        if action == "cut":
            self.wfile.write(head + body[: len(body) // 2])
            self.close_connection = True
        elif action == "slow":
            self.send_slowly(head, body, fault)
        else:
            whole = head + (b"" if self.command == "HEAD" else body)
            self.wfile.write(whole * 2 if action == "double_response" else whole)

    def head(self, response, body):
        headers = dict(response.headers)
        if response.status not in (204, 304):
            headers["Content-Length"] = str(len(body))
        lines = [f"HTTP/1.1 {response.status} {self.responses.get(response.status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"Date: {self.date_time_string()}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def send_slowly(self, head, body, fault):
        self.wfile.write(head)
        pieces = max(min(len(body), 20), 1)
        size = (len(body) + pieces - 1) // pieces
        for start in range(0, len(body), max(size, 1)):
            if self.server.stopping.wait(fault.seconds / pieces):
                self.close_connection = True
                return
            self.wfile.write(body[start : start + size])

    def leave(self, fault):
        self.close_connection = True
        if fault.action == "reset":
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            os.close(self.connection.detach())  # without the farewell that would come first


def credentials(headers):
    """(scheme in lower case, the secret) of an Authorization header; ("", "") where none is."""
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    scheme = scheme.lower()
    if scheme != "basic":
        return scheme, rest.strip()
    try:
        decoded = base64.b64decode(rest).decode()
    except ValueError:
        return scheme, ""
    return scheme, decoded.partition(":")[2]


def parsed(body):
    """A body as JSON: (value, what is wrong with it)."""
    if not body:
        return None, ""
    try:
        value = json.loads(body)
    except ValueError as error:
        return None, f"[]: {error}"
    if not isinstance(value, dict):
        return value, "[]: json: cannot unmarshal into Go value"
    return value, ""


def split_target(target, sub_path):
    """A request's target as (path without the sub-path or None, query)."""
    parts = urllib.parse.urlsplit(target)
    if sub_path and not (parts.path + "/").startswith(sub_path + "/"):
        return None, parts.query
    return parts.path[len(sub_path) :], parts.query
