"""The log of a daemon, as a test reads it: lines of logfmt as events, for which a test can wait."""

import re
import threading
import time

# How long a test waits before it says that something did not happen; nothing takes this long.
PATIENCE = 60
DECISIONS = {
    "baseline", "promoted", "discarded", "superseded", "crashed", "duplicate", "rejected", "failed",
}  # fmt: skip

LOGFMT = re.compile(r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^ "]*))(?: |$)')
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)


def parse_logfmt(line):
    """A line of the log as a dict; None if it is no such line."""
    fields, place = {}, 0
    while place < len(line):
        match = LOGFMT.match(line, place)
        if not match:
            return None
        name, quoted, bare = match.groups()
        fields[name] = bare if quoted is None else ESCAPE.sub(
            lambda escape: chr(int(escape[1], 16)) if escape[1]
            else {"n": "\n", "t": "\t", "r": "\r"}.get(escape[2], escape[2]), quoted)  # fmt: skip
        place = match.end()
    return fields or None


class Log:
    """The lines of one process, read while it writes them."""

    def __init__(self, stream):
        self.text = ""
        self.events = []
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for raw in stream:
            line = raw.decode("utf-8", errors="replace")
            event = parse_logfmt(line.rstrip("\n"))
            with self._changed:
                self.text += line
                if event and "msg" in event:
                    self.events.append(event)
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait(self, seconds=PATIENCE, **fields):
        """Waits for the first event with these fields. True: any value; a function: it decides."""
        deadline, seen = time.monotonic() + seconds, 0
        with self._changed:
            while True:
                for event in self.events[seen:]:
                    if matches(event, fields):
                        return event
                seen = len(self.events)
                left = deadline - time.monotonic()
                assert left > 0 and not self._ended, f"no {fields} in the log:\n{self.text}"
                self._changed.wait(left)

    def wait_until(self, condition, seconds=PATIENCE):
        """Waits until condition() holds, and looks again at each line; False if it does not hold in time."""
        with self._changed:
            self._changed.wait_for(lambda: condition() or self._ended, seconds)
            return bool(condition())

    def follow(self):
        """Gives each event as it comes, until the process has ended."""
        seen = 0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: len(self.events) > seen or self._ended)
                fresh, ended = self.events[seen:], self._ended
            yield from fresh
            seen += len(fresh)
            if ended and not fresh:
                return

    def join(self):
        self._thread.join(PATIENCE)

    def all(self, **fields):
        return [event for event in self.events if matches(event, fields)]

    def decisions(self):
        """experiment: its last decision."""
        return {
            event["experiment"]: event["decision"] for event in self.events
            if event.get("decision") in DECISIONS and event.get("experiment")
        }  # fmt: skip

    def reasons(self):
        return {
            event["experiment"]: event.get("reason", "") for event in self.events
            if event.get("decision") in DECISIONS and event.get("experiment")
        }  # fmt: skip


def matches(event, wanted):
    for name, value in wanted.items():
        found = event.get(name)
        if callable(value):
            if found is None or not value(found):
                return False
        elif value is True:
            if found is None:
                return False
        elif found != str(value):
            return False
    return True
