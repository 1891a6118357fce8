"""What the forge was asked: one record for each request, written before it is answered."""

import dataclasses
import threading


@dataclasses.dataclass
class Push:
    """One reference in a push. `kind` is create, forward, forced or delete."""

    ref: str
    old: str
    new: str
    kind: str
    taken: bool = False

    @property
    def forced(self):
        return self.kind == "forced"

    @property
    def branch(self):
        return self.ref.removeprefix("refs/heads/")


@dataclasses.dataclass
class Record:
    """One request. `path` has neither sub-path nor query and is as it was sent."""

    number: int
    time: float
    method: str
    target: str
    path: str
    query: str = ""
    kind: str = "other"  # api, git or other
    body: object = None  # the parsed JSON of an API call
    token_ok: bool = False
    scheme: str = ""  # of Authorization, in lower case
    status: int | None = None  # None: nothing was answered
    done: bool = False  # the work was done, whatever was answered
    fault: str = ""
    duration: float = 0.0
    connection: int = 0
    user_agent: str = ""
    pushes: list = dataclasses.field(default_factory=list)

    def __str__(self):
        parts = [f"#{self.number}", self.method, self.target, f"-> {self.status}"]
        if self.body is not None:
            shown = str(self.body)
            parts.append(shown if len(shown) <= 200 else shown[:200] + "...")
        parts += [f"[{push.kind} {push.ref} {push.old[:9]}..{push.new[:9]}" +
                  ("]" if push.taken else " refused]") for push in self.pushes]  # fmt: skip
        if not self.token_ok:
            parts.append("(no valid token)")
        if self.fault:
            parts.append(f"(fault: {self.fault})")
        return " ".join(parts)


class RecordList:
    """Records in the order of arrival; safe to read while the server is at work."""

    def __init__(self):
        self._lock = threading.Lock()
        self._records = []

    def open(self, **known):
        with self._lock:
            record = Record(number=len(self._records) + 1, **known)
            self._records.append(record)
            return record

    def clear(self):
        with self._lock:
            self._records.clear()

    def matching(self, method="", path=""):
        """Records of a method (or any) whose path holds the text."""
        return [
            record for record in self
            if (not method or record.method == method) and path in record.path
        ]  # fmt: skip

    @property
    def pushes(self):
        return [push for record in self for push in record.pushes]

    def __iter__(self):
        with self._lock:
            return iter(list(self._records))

    def __len__(self):
        return len(self._records)

    def __getitem__(self, place):
        with self._lock:
            return self._records[place]

    def __str__(self):
        return "\n".join(str(record) for record in self)
