"""Runs the suites of tests/run that test (and neither build nor lint) again and again; see tests/steady."""

import argparse
import collections
import pathlib
import signal
import subprocess
import sys
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


def one_round(run, chosen, name, failed):
    """Runs each suite; adds to `failed` in which rounds a test failed."""
    begun = time.monotonic()
    total = [0, 0, 0]
    for suite in chosen:
        with open(run.work / f"{suite.file}.log", "wb") as log:
            try:
                found = suite.run(run, suite, log)
            except suites.Skipped:
                found = (0, 0, 1)
            except suites.Failed as failure:
                found = (0, 1, 0)
                failed[f"{suite.name}: {failure}"].append(name)
        total = [a + b for a, b in zip(total, found)]
        if not found[1]:
            continue
        for test in failures(run, suite):
            failed[f"{suite.name}: {test}"].append(name)
            print(f"   {test} failed", flush=True)
        # The next round writes over it, and what failed once may never fail again.
        print((run.work / f"{suite.file}.log").read_text(errors="replace")[-LOG_TAIL:], flush=True)
    print(f"round {name}: {total[0]} passed, {total[1]} failed, {total[2]} skipped, "
          f"{time.monotonic() - begun:.0f} s", flush=True)  # fmt: skip


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
