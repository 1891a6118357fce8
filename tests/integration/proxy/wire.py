"""Connections: HTTP/1.1 with keep-alive, and TLS if asked for. A handler answers the requests."""

import base64
import dataclasses
import http.server
import itertools
import json
import socket
import socketserver
import ssl
import sys
import threading

CONNECTIONS = itertools.count(1)


@dataclasses.dataclass
class Request:
    method: str
    target: str  # as it was sent, with the query
    headers: object  # names in any case
    body: bytes


@dataclasses.dataclass
class Response:
    status: int
    body: bytes = b""
    headers: object = dataclasses.field(default_factory=dict)  # whatever has items()


class Listener(socketserver.ThreadingTCPServer):
    """The listening socket and the connections that came of it; each is given to a `handler` (a Handler)."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, port, handler, owner, tls_context=None):
        self.owner = owner
        self.tls_context = tls_context
        self.stopping = threading.Event()
        self._connections = set()
        self._connections_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), handler)

    @property
    def port(self):
        return self.server_address[1]

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
        """A caller that went away is ignored; anything else is a bug here."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)

    def run(self):
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

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
    """One connection: reads requests, has answer(request) see to each."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.connection_number = next(CONNECTIONS)

    def log_message(self, *arguments):
        """Logs nothing: the records have it all."""

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    def serve(self):
        body = self.read_body()
        if body is None:
            self.close_connection = True
            return
        self.answer(Request(self.command, self.path, self.headers, body))

    def answer(self, request):
        """As the owner says."""
        response = self.server.owner.handle(request)
        self.wfile.write(self.head(response) + (b"" if self.command == "HEAD" else response.body))

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

    def head(self, response, length=None):
        """Status line and headers; the body's length is that of the response where none is given."""
        lines = [f"HTTP/1.1 {response.status} {self.responses.get(response.status, ('',))[0]}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if response.status not in (204, 304):
            lines.append(f"Content-Length: {len(response.body) if length is None else length}")
        lines.append(f"Date: {self.date_time_string()}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


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
