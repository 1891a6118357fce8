"""Promise: a failed result can be tried again (--retry), and every decision can be exported (--export)."""

import csv
import io
import json
import subprocess

import pytest
from events import PATIENCE
from harness import result
from machine import eventually

REJECTED, UNUSABLE = 65, 74
COLUMNS = [
    "time", "experiment", "file", "metric", "scope", "status", "before", "after", "decision", "current", "reason",
    "measured", "pull", "pull_state", "digest",
]  # fmt: skip


def needs_a_file(winnowd):
    """A validation that passes once a file is there."""
    mended = winnowd.directory / "mended"
    winnowd.configure(validation={"command": ["test", "-e", str(mended)], "sandbox": "none"})
    return mended


def decisions(winnowd, *arguments):
    code, text, said = winnowd.run_beside("--export", *arguments)
    assert code == 0, said
    return text


@pytest.mark.parametrize("kind", ["diff", "patch"])
def test_a_failed_one_is_tried_again_beside_a_running_daemon(winnowd, project, kind):
    mended = needs_a_file(winnowd)
    log = winnowd.start()
    diff = project.tweak(WIDTH=65)
    change = {"diff": diff} if kind == "diff" else {"patch": "exp-1.patch"}
    content = result("exp-1", 0.9, metric_before=1.0, **change)
    winnowd.drop(content, patch=("exp-1.patch", diff) if kind == "patch" else None)
    log.wait(experiment="exp-1", decision="failed")
    eventually(lambda: winnowd.waiting() == [])  # files are moved beside the work
    mended.touch()
    code, text, said = winnowd.run_beside("--retry", "exp-1")
    assert (code, text) == (0, "exp-1 is in the spool again\n"), said
    log.wait(experiment="exp-1", decision="promoted")
    eventually(lambda: winnowd.waiting() == [])
    assert winnowd.archived().count("exp-1.json") == 1


@pytest.mark.parametrize("rejected", [False, True])
def test_a_file_that_is_brought_back_is_another_drop(winnowd, rejected):
    """It has the inode, time and name of the drop that was moved last. It is not taken for a file that a crash left."""
    winnowd.drop(result("exp-1", 1.0, **({"metric": "unknown"} if rejected else {})))
    first = winnowd.once().decisions()
    assert first == {"exp-1": "rejected" if rejected else "baseline"}
    (kept,) = winnowd.spool.glob(".rejected/exp-1.json" if rejected else ".archive/*/exp-1.json")
    kept.rename(winnowd.spool / "exp-1.json")
    assert winnowd.once().decisions() == {"exp-1": "rejected" if rejected else "duplicate"}
    assert len(decisions(winnowd, "--json").splitlines()) == 2 and winnowd.waiting() == []


def test_of_several_each_is_told(winnowd, project):
    mended = needs_a_file(winnowd)
    winnowd.drop(result("exp-1", 1.0))
    for number in (2, 3):
        winnowd.drop(result(f"exp-{number}", 1 - number / 10, diff=project.tweak(WIDTH=64 + number)))
    winnowd.once()
    mended.touch()
    code, text, said = winnowd.run_beside("--retry", "exp-2", "exp-1", "nobody", "exp-3")
    assert code == REJECTED
    assert text.splitlines() == ["exp-2 is in the spool again", "exp-3 is in the spool again"]
    assert "exp-1: expected a failed result, found one that is baseline" in said
    assert "nobody: no result of that name is known" in said
    log = winnowd.once()
    for number in (2, 3):
        log.wait(experiment=f"exp-{number}", decision="promoted")


def test_a_patch_is_told_from_others_of_its_name(winnowd, project):
    needs_a_file(winnowd)
    for number in (1, 2, 3):
        winnowd.drop(result(f"exp-{number}", 0.9, metric_before=1.0, patch="change.patch"),
                     patch=("change.patch", project.tweak(WIDTH=64 + number)))  # fmt: skip
        winnowd.once()
    code, text, said = winnowd.run_beside("--retry", "exp-2", "exp-2")  # the same twice is one
    assert code == 0 and text.count("exp-2 is in the spool again") == 1, said
    assert (winnowd.spool / "change.patch").read_text() == project.tweak(WIDTH=66)
    assert json.loads((winnowd.spool / "exp-2.json").read_text())["experiment_id"] == "exp-2"


def test_nothing_in_the_spool_is_replaced(winnowd, project):
    needs_a_file(winnowd)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, patch="change.patch"), patch=("change.patch", project.tweak(WIDTH=65)))
    winnowd.once()
    (winnowd.spool / "exp-1.json").write_text("somebody's")
    code, _, said = winnowd.run_beside("--retry", "exp-1")
    assert code == REJECTED and "the spool has a file exp-1.json already" in said
    assert winnowd.waiting() == ["exp-1.json"]  # and no half of it


@pytest.mark.parametrize("harm", ["changed", "removed"])
def test_what_is_not_in_the_archive_any_more_is_said(winnowd, project, harm):
    needs_a_file(winnowd)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    winnowd.once()
    (path,) = winnowd.spool.glob(".archive/*/exp-1.json")
    if harm == "changed":
        path.write_text(path.read_text().replace("0.9", "0.8"))
    else:
        path.unlink()
    code, _, said = winnowd.run_beside("--retry", "exp-1")
    assert code == REJECTED and str(path) in said
    assert winnowd.waiting() == []


def test_every_decision_is_exported(winnowd, project):
    mended = needs_a_file(winnowd)
    winnowd.drop(result("exp-1", 1.0, hypothesis="x"))
    winnowd.drop(result("exp-2", 0.9, diff=project.tweak(WIDTH=65)))
    winnowd.drop('{"a, "b\n', name="bad, or not.json")
    winnowd.once()
    mended.touch()
    assert winnowd.run_beside("--retry", "exp-2")[0] == 0
    winnowd.once()
    rows = list(csv.DictReader(io.StringIO(decisions(winnowd))))
    assert list(rows[0]) == COLUMNS
    told = [(row["experiment"], row["decision"], row["current"]) for row in rows]
    assert sorted(told) == [
        ("", "rejected", "true"), ("exp-1", "baseline", "true"),
        ("exp-2", "failed", "false"), ("exp-2", "promoted", "true"),
    ]  # fmt: skip
    promoted = next(row for row in rows if row["decision"] == "promoted")
    assert (promoted["before"], promoted["after"], promoted["pull"], promoted["pull_state"]) == ("1", "0.9", "1", "open")
    assert next(row for row in rows if row["decision"] == "rejected")["file"] == "bad, or not.json"
    lines = [json.loads(line) for line in decisions(winnowd, "--json").splitlines()]
    assert [(line["experiment"] or "", line["decision"], line["reason"] or "") for line in lines] == \
        [(row["experiment"], row["decision"], row["reason"]) for row in rows]
    assert lines[0].keys() == set(COLUMNS)


def test_without_a_state_there_is_nothing_to_export(winnowd):
    assert decisions(winnowd) == ",".join(COLUMNS) + "\n" and decisions(winnowd, "--json") == ""
    code, _, said = winnowd.run_beside("--retry", "exp-1")
    assert code == REJECTED and "no result of that name is known" in said


def test_a_reader_that_leaves_ends_it(winnowd):
    winnowd.configure(log={"level": "warning"})
    for number in range(1000):  # more than a pipe holds
        winnowd.drop(result(f"exp-{number}", 1.0 + number))
    winnowd.once()
    export = subprocess.Popen(winnowd.command("--export"), stdout=subprocess.PIPE, env=winnowd.environment)
    assert export.stdout.readline().startswith(b"time,")
    export.stdout.close()
    assert export.wait(PATIENCE) == UNUSABLE
