"""Says how many tests passed, failed and were skipped, as "P F S", from what a runner left behind.

    counts.py meson BUILD/meson-logs/testlog.json PREFIX   one program a line; cmocka's own counts in it
    counts.py pytest JUNIT.xml

For meson, only programs whose name begins with PREFIX are counted ("" for all, "!fuzz-" for the rest).
A program that failed without saying which test did counts as one failure; one that says nothing of
single tests is one test.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree


def of_program(entry):
    output = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
    passed, failed, skipped = (
        sum(int(number) for number in re.findall(r"\[ +%s +\] (\d+) test" % word, output))
        for word in ("PASSED", "FAILED", "SKIPPED")
    )
    if entry["result"] == "SKIP":
        return 0, 0, 1
    if entry["result"] != "OK":
        return passed, max(failed, 1), skipped
    return (passed or 1), 0, skipped


def of_meson(path, prefix=""):
    wanted = (lambda name: not name.startswith(prefix[1:])) if prefix.startswith("!") else \
        (lambda name: name.startswith(prefix))
    total = [0, 0, 0]
    with open(path, encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            if wanted(entry["name"].split(":")[-1].split(" / ")[-1].strip()):
                total = [a + b for a, b in zip(total, of_program(entry))]
    return total


def of_pytest(path):
    passed = failed = skipped = 0
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        out = int(suite.get("skipped", 0))
        passed += max(int(suite.get("tests", 0)) - bad - out, 0)
        failed += bad
        skipped += out
    return passed, failed, skipped


def failures_of_pytest(path):
    """Names of the tests that failed, or ended in an error."""
    cases = ElementTree.parse(path).getroot().iter("testcase")
    return [
        f"{case.get('classname')}::{case.get('name')}" for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    ]  # fmt: skip


def failures_of_meson(path):
    """Names of the tests that failed, as cmocka says them; of the program where it says none."""
    found = []
    with open(path, encoding="utf-8") as log:
        for line in log:
            entry = json.loads(line)
            if entry["result"] not in ("OK", "SKIP"):
                output = entry.get("stdout", "") + "\n" + entry.get("stderr", "")
                tests = sorted(set(re.findall(r"^\[  FAILED  \] (\w+)$", output, re.MULTILINE)))
                found += [f"{entry['name']}: {test}" for test in tests] or [entry["name"]]
    return found


if __name__ == "__main__":
    print(*(of_pytest(sys.argv[2]) if sys.argv[1] == "pytest" else of_meson(sys.argv[2], sys.argv[3])))
