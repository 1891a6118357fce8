"""Runs the suites of tests/run that test (and neither build nor lint) again and again; see tests/steady."""

import argparse
import collections
import pathlib
import signal
import subprocess
import sys
import threading
import time

import counts
import suites

TESTED = ("unit", "fuzz", "integration", "integration-sanitize", "integration-gitea")
LOG_TAIL = 30000  # characters of a failed suite's log


def busy_loops(count):
    return [subprocess.Popen(["sh", "-c", "while :; do :; done"]) for _ in range(count)]


def failures(run, suite):
    """Names of the tests that failed in the suite's last run."""
    report = run.work / f"{suite.file}.xml"
    if report.exists():
        return counts.failures_of_pytest(report)
    for log in pathlib.Path(run.builds).glob(f"*/meson-logs/testlog-{suite.name}.json"):
        return counts.failures_of_meson(log)
    return []


class Round:
    """One run of all chosen suites: what it counted, and which tests failed."""

    def __init__(self, run, name, failed):
        self.run, self.name, self.failed = run, name, failed
        self.total = (0, 0, 0)
        self.lock = threading.Lock()

    def run_lane(self, lane):
        for suite in lane:
            self.run_suite(suite)

    def run_suite(self, suite):
        path = self.run.work / f"{suite.file}.log"
        with open(path, "wb") as log:
            try:
                found, why = suite.run(self.run, suite, log), None
            except suites.Skipped:
                found, why = (0, 0, 1), None
            except Exception as failure:  # noqa: BLE001: a round is over when each suite is
                found, why = (0, 1, 0), str(failure) if isinstance(failure, suites.Failed) else repr(failure)
        with self.lock:
            self.total = tuple(a + b for a, b in zip(self.total, found, strict=True))
            if found[1]:
                self.tell(suite, [why] if why else failures(self.run, suite), path)

    def tell(self, suite, tests, path):
        for test in tests:
            self.failed[f"{suite.name}: {test}"].append(self.name)
            print(f"   {suite.name}: {test} failed", flush=True)
        # The next round writes over it, and what failed once may never fail again.
        print(path.read_text(errors="replace")[-LOG_TAIL:], flush=True)


def one_round(run, chosen, name, failed):
    """Runs the suites in their lanes, side by side as tests/run does; adds to `failed` in which rounds a test failed."""
    begun = time.monotonic()
    one = Round(run, name, failed)
    lanes = dict.fromkeys(suite.lane for suite in chosen)
    threads = [
        threading.Thread(target=one.run_lane, args=([suite for suite in chosen if suite.lane == lane],), daemon=True)
        for lane in lanes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    passed, broken, skipped = one.total
    print(f"round {name}: {passed} passed, {broken} failed, {skipped} skipped, {time.monotonic() - begun:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="tests/steady")
    parser.add_argument("--rounds", type=int, default=10, help="half of them beside busy loops")
    parser.add_argument("--busy", type=int, default=4, help="how many busy loops")
    parser.add_argument("suites", nargs="*", metavar="SUITE", help=f"default: {' '.join(TESTED)}")
    wanted = parser.parse_args()
    table = [suite for name in wanted.suites or TESTED for suite in suites.named(suites.SUITES, name)]
    run = suites.Run()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        return all_rounds(run, wanted, built(run, table))
    except KeyboardInterrupt:
        return 130
    finally:
        run.end_all()


def built(run, table):
    """Builds what the suites need, once; gives back those that can be run: with `needs`, as builds have none."""
    absent = set()
    for suite in {suite.name: suite for suite in table if not suite.needs}.values():
        log = run.work / "build.log"
        try:
            with open(log, "wb") as file:
                suite.run(run, suite, file)
        except suites.Skipped as skipped:
            print(f"{suite.name}: {skipped}")
            absent.add(suite.name)
        except suites.Failed as failure:
            sys.exit(f"{log.read_text(errors='replace')}{suite.name}: {failure}")
    tests = {suite.name: suite for suite in table if suite.needs and not absent & set(suite.needs)}
    return list(tests.values())


def all_rounds(run, wanted, chosen):
    failed = collections.defaultdict(list)
    for number in range(1, wanted.rounds + 1):
        busy = number > wanted.rounds // 2
        loops = busy_loops(wanted.busy if busy else 0)
        try:
            one_round(run, chosen, f"{number}{' (busy)' if busy else ''}", failed)
        finally:
            for loop in loops:
                loop.kill()
    for test, rounds in sorted(failed.items()):
        print(f"failed in round {', '.join(rounds)}: {test}")
    print(f"{wanted.rounds} rounds, {len(failed)} tests failed in any")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
