"""Promise: the service manager is told the truth about readiness, status, watchdog, reloads and the end."""

import datetime
import os
import re
import signal
import socket
import threading
import time

import pytest
from events import PATIENCE
from harness import result


class Manager:
    """The service manager's side of $NOTIFY_SOCKET."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = f"winnowd-test-{os.getpid()}-{os.urandom(6).hex()}"
        self.socket.bind(f"\0{name}")
        self.address = f"@{name}"
        self.heard = []  # (when, {name: value}), by the clock that goes on evenly
        self._times = []  # the same by the one of the log
        self._changed = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while message := self.socket.recv(65536):
            fields = dict(line.split("=", 1) for line in message.decode().splitlines())
            with self._changed:
                self.heard.append((time.monotonic(), fields))
                self._times.append((time.time(), fields))
                self._changed.notify_all()

    def all(self, name):
        return [fields[name] for _, fields in self.heard if name in fields]

    def clock(self, name):
        """When that was first heard, seconds since 1970."""
        return next(at for at, fields in self._times if name in fields)

    def wait(self, name, accept=lambda value: True, count=1):
        """Waits for that many messages, gives back the value in the last one."""
        def found():
            return [value for value in self.all(name) if accept(value)]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, PATIENCE), f"no {name} in {self.heard}"
            return found()[count - 1]


@pytest.fixture
def manager(winnowd):
    winnowd.clock.by_hand()  # what is told is compared with our own clock
    made = Manager()
    winnowd.environment["NOTIFY_SOCKET"] = made.address
    return made


def names(manager):
    return [name for _, fields in manager.heard for name in fields]


def when(event):
    """When a line was logged, seconds since 1970."""
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp()


def test_ready_once_and_with_a_status(winnowd, manager):
    winnowd.start()
    manager.wait("READY")
    assert names(manager).index("STATUS") < names(manager).index("READY")
    assert winnowd.stop() == 0
    assert manager.all("READY") == ["1"]


def test_ready_when_the_spool_was_seen_through(winnowd, manager):
    # Nobody tells that this file is whole: it is looked at twice, a second apart.
    winnowd.drop("experiment_id: exp-1\nhypothesis: why not\nmetric: val_bpb\nmetric_after: 1\n", name="exp-1.yaml", age=0)
    log = winnowd.start()
    manager.wait("READY")
    told = when(log.wait(experiment="exp-1", decision="baseline"))
    assert when(log.wait(msg="forge answers")) < told <= manager.clock("READY") + 0.001


def test_ready_when_the_forge_was_asked(gitea_winnowd, stand_in):
    manager = Manager()
    gitea_winnowd.clock.by_hand()
    gitea_winnowd.environment["NOTIFY_SOCKET"] = manager.address
    stand_in.gitea.faults.add("hang", method="GET", path=".*", seconds=1)
    log = gitea_winnowd.start()
    manager.wait("READY")
    asked = when(log.wait(msg="forge answers"))
    assert when(log.wait(msg="winnowd started")) + 1 <= asked <= manager.clock("READY") + 0.001


def test_ready_though_the_forge_refuses(winnowd, manager):
    winnowd.configure(forge={"base": "nothing"})
    log = winnowd.start()
    manager.wait("READY")
    refused = log.wait(level="error", msg=lambda text: text.startswith("forge refuses"))
    assert refused["reason"][:40] in manager.wait("STATUS", lambda text: "forge: " in text)


def test_the_status_of_a_running_validation(winnowd, manager, project):
    winnowd.configure(validation={"command": ["sleep", "1000"], "timeout": "1h"})
    winnowd.unfinished = True
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    winnowd.drop(result("exp-2", 0.8, metric_before=1.0, diff=project.tweak(DEPTH=13)))
    log.wait(experiment="exp-1", step="validate")
    said = manager.wait("STATUS", lambda text: text.startswith("validating exp-1"))
    assert re.fullmatch(r"validating exp-1 \(sleep, \d+s\), 1 waiting, 0 pull requests open", said)
    # Its age grows while somebody looks.
    winnowd.clock.pass_by(20)  # less than any deadline
    manager.wait("STATUS", lambda text: re.match(r"validating exp-1 \(sleep, [2-9]\ds", text))


def test_the_status_at_the_end_names_the_last_pull_request(winnowd, manager, project):
    winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    manager.wait("STATUS", lambda text: text == "idle, 0 waiting, 1 pull request open, last: #1 exp-1")


def test_the_status_is_told_once_a_second_at_most(winnowd, manager, project):
    log = winnowd.start()
    for number in range(4):
        winnowd.drop(result(f"exp-{number}", 0.9 - number / 100, metric_before=1.0, diff=project.tweak(WIDTH=65 + number)))
    manager.wait("STATUS", lambda text: text.startswith("idle") and "4 pull requests" in text)
    told = [when for when, fields in manager.heard if "STATUS" in fields]
    # The one that comes with readiness waits for nobody, and the first may have been heard late.
    assert len(log.all(msg="step started")) > 20 and len(told) <= told[-1] - told[0] + 3, told


def test_the_watchdog_is_fed_at_half_of_its_time(winnowd, manager):
    winnowd.environment["WATCHDOG_USEC"] = str(2000 * 10**6)
    log = winnowd.start()
    manager.wait("WATCHDOG")
    manager.wait("READY")
    passed = []

    def pass_by(seconds):
        """Until the daemon has seen it."""
        winnowd.clock.pass_by(seconds)
        passed.append(seconds)
        assert log.wait_until(lambda: len(log.all(msg="status", loop_lag_ms=True)) == len(passed))

    for count in (2, 3):
        pass_by(900)
        assert len(manager.all("WATCHDOG")) == count - 1
        pass_by(150)
        manager.wait("WATCHDOG", count=count)


def test_no_watchdog_that_nobody_asked_for(winnowd, manager):
    winnowd.start()
    manager.wait("READY")
    assert manager.all("WATCHDOG") == []


def reload(winnowd, manager, count):
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    winnowd.process.send_signal(signal.SIGHUP)
    manager.wait("READY", count=count)
    told = [fields for _, fields in manager.heard if "RELOADING" in fields][-1]
    assert told["RELOADING"] == "1"
    assert before <= int(told["MONOTONIC_USEC"]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def test_a_reload_is_told_from_its_beginning_to_its_end(winnowd, manager):
    log = winnowd.start()
    manager.wait("READY")
    reload(winnowd, manager, 2)
    log.wait(msg="configuration reloaded")
    winnowd.write_configuration("spool: [\n")
    reload(winnowd, manager, 3)
    log.wait(msg=lambda text: text.startswith("configuration refused"))
    order = [name for name in names(manager) if name in ("RELOADING", "READY")]
    assert order == ["READY", "RELOADING", "READY", "RELOADING", "READY"]


def test_the_end_is_told(winnowd, manager):
    winnowd.start()
    manager.wait("READY")
    assert winnowd.stop() == 0
    manager.wait("STOPPING")
    assert names(manager).count("STOPPING") == 1


def test_tests_see_nothing_of_it(winnowd, manager, project):
    winnowd.environment["WATCHDOG_USEC"] = "60000000"
    winnowd.configure(validation={"command": ["env"]})
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-1", decision="promoted")
    seen = (winnowd.state / "validation/exp-1.log").read_text()
    assert "PATH=" in seen
    assert "NOTIFY_SOCKET" not in seen and "WATCHDOG" not in seen


def test_nobody_who_listens(winnowd):
    winnowd.environment["NOTIFY_SOCKET"] = "/nowhere/at/all"
    winnowd.environment["WATCHDOG_USEC"] = "10000"
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    assert winnowd.stop() == 0
