"""What goes wrong, when and how: a list of faults that each request is compared with.

A fault says which request it means (method and path as regular expressions, the nth that
matches, how many from there), whether it strikes `before` the work (which then is not done) or
`after` it (done, but the caller does not get to know), and how it shows:

    answer            status, body and headers of the test's choice
    reset, close      the connection is reset, or closed without an answer
    hang              `seconds` pass; then things go on as if nothing had been, or the
                      connection is closed (`then="close"`)
    cut               half the body, then the end
    slow              the body comes over `seconds`
    double_body       the body twice in one answer
    double_response   the whole answer twice on the wire
    garbage           bytes that are no HTTP
    lie               the answer that belongs to another GET (`instead`)
    pass              nothing shows; for the sake of `call` or `command`

`call` (a function of the record) and `command` (a line of shell) run first, whatever the action:
for a daemon that dies just before or just after its request was worked on.
"""

import dataclasses
import re
import subprocess
import threading
import typing

ACTIONS = (
    "answer", "reset", "close", "hang", "cut", "slow", "double_body", "double_response",
    "garbage", "lie", "pass",
)  # fmt: skip

# Actions that leave the work to be done even where they strike before it.
HARMLESS = ("hang", "pass")

READY_MADE = {
    "locked": {"status": 500, "body": '{"message":"database table is locked: issue"}\n'},
    "bad_gateway": {
        "status": 502,
        "body": "<html><head><title>502 Bad Gateway</title></head></html>\n",
        "headers": {"Content-Type": "text/html"},
    },
    "too_many": {
        "status": 429,
        "body": '{"message":"Too Many Requests"}\n',
        "headers": {"Retry-After": "1"},
    },
    "unauthorized": {
        "status": 401,
        "body": '{"message":"invalid username, password or token"}\n',
    },
}


@dataclasses.dataclass
class Fault:
    action: str = "answer"
    method: str = ""
    path: str = ""
    holds: str = ""
    at: str = "before"
    nth: int = 1
    count: int | None = 1  # None: for good
    status: int = 500
    body: str | bytes = '{"message":"database table is locked: issue"}\n'
    headers: dict = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    then: str = "proceed"
    instead: str = ""
    call: typing.Callable | None = None
    command: str = ""
    seen: int = 0
    struck: int = 0

    def __post_init__(self):
        if self.action in READY_MADE:
            for name, value in READY_MADE[self.action].items():
                setattr(self, name, value)
            self.action = "answer"
        if self.action not in ACTIONS:
            raise ValueError(f"no such fault: {self.action}")
        if self.at not in ("before", "after"):
            raise ValueError(f"a fault strikes before or after, not {self.at}")
        if self.then not in ("proceed", "close"):
            raise ValueError(f"after a hang things can proceed or close, not {self.then}")

    def matches(self, method, path, query="", body=b""):
        """Searches for `path` in the path, and in the path with its query; for `holds` in the body."""
        if self.method and not re.fullmatch(self.method, method):
            return False
        if self.holds and not re.search(self.holds.encode(), body):
            return False
        return any(re.search(self.path, text) for text in (path, f"{path}?{query}"))

    def is_due(self):
        return self.seen >= self.nth and (self.count is None or self.seen < self.nth + self.count)

    def stops_the_work(self):
        return self.at == "before" and self.action not in HARMLESS

    def run_hooks(self, record):
        if self.command:
            subprocess.run(["sh", "-c", self.command], check=False)
        if self.call is not None:
            self.call(record)

    def body_bytes(self):
        return self.body if isinstance(self.body, bytes) else self.body.encode()


class FaultList:
    """The faults in the order in which they were added. The first one that is due strikes."""

    def __init__(self):
        self._lock = threading.Lock()
        self._faults = []

    def add(self, action="answer", **wanted):
        """Adds a fault (see Fault for the rest), gives it back so that a test can look at it."""
        fault = Fault(action, **wanted)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self):
        with self._lock:
            self._faults.clear()

    def take(self, method, path, query="", body=b""):
        """The fault that strikes this request, or None. Counts it for every fault it matches."""
        with self._lock:
            chosen = None
            for fault in self._faults:
                if not fault.matches(method, path, query, body):
                    continue
                fault.seen += 1
                if chosen is None and fault.is_due():
                    chosen = fault
            if chosen is not None:
                chosen.struck += 1
            return chosen

    def __iter__(self):
        with self._lock:
            return iter(list(self._faults))

    def __len__(self):
        return len(self._faults)
