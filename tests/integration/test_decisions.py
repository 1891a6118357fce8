"""Promise: a result gets the decision that its numbers deserve, in whatever order results arrive."""


import re

import pytest
from exhaustive import first_of
from experiment_logs import rows_of_log
from harness import result


def drop_all(winnowd, results):
    for content in results:
        winnowd.drop(content)


@pytest.mark.parametrize(
    "metric, before, after, decision",
    [
        ("val_bpb", 1.0, 0.9, "promoted"),
        ("val_bpb", 1.0, 1.0, "discarded"),
        ("val_bpb", 1.0, 1.1, "discarded"),
        ("val_bpb", -1.0, -1.1, "promoted"),
        ("val_bpb", 0.0, -1e-300, "promoted"),
        ("accuracy", 0.5, 0.6, "promoted"),
        ("accuracy", 0.5, 0.5, "discarded"),
        ("accuracy", 0.5, 0.4, "discarded"),
    ],
)
def test_better_is_strictly_better_in_the_right_direction(winnowd, project, metric, before, after, decision):
    winnowd.drop(result("exp-1", after, metric=metric, metric_before=before, diff=project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"exp-1": decision}


@pytest.mark.parametrize(
    "thresholds, after, decision",
    [
        ({"min_delta": 0.1}, 0.85, "promoted"),
        ({"min_delta": 0.1}, 0.9, "discarded"),
        ({"min_relative": 0.1}, 0.85, "promoted"),
        ({"min_relative": 0.1}, 0.9, "discarded"),
        ({"min_delta": 0.1, "min_relative": 0.2}, 0.85, "discarded"),
        ({"min_delta": 0.2, "min_relative": 0.1}, 0.85, "discarded"),
    ],
)
def test_thresholds_must_be_exceeded(winnowd, project, thresholds, after, decision):
    winnowd.configure(metrics={"val_bpb": {"direction": "minimize", **thresholds}})
    winnowd.drop(result("exp-1", after, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"exp-1": decision}


@pytest.mark.parametrize(
    "reference, before, after, decision",
    [
        ("best", 2.0, 1.5, "discarded"),  # the frontier, 1.0, is better than what it says was before
        ("best", 0.5, 0.7, "discarded"),
        ("frontier", 0.5, 0.7, "promoted"),
        ("frontier", None, 1.5, "discarded"),
        ("before", 2.0, 1.5, "promoted"),
        ("before", None, 0.5, "rejected"),
    ],
)
def test_which_reference_counts(winnowd, project, reference, before, after, decision):
    winnowd.configure(metrics={"val_bpb": {"direction": "minimize", "reference": reference}})
    winnowd.drop(result("first", 1.0, status="baseline"))
    winnowd.drop(result("exp-1", after, metric_before=before, diff=project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"first": "baseline", "exp-1": decision}


def test_a_configured_baseline_is_the_first_reference(winnowd, project):
    winnowd.configure(metrics={"val_bpb": {"direction": "minimize", "baseline": 1.0}})
    drop_all(winnowd, [result("worse", 1.1), result("better", 0.9, diff=project.tweak(WIDTH=65))])
    assert winnowd.once().decisions() == {"worse": "discarded", "better": "promoted"}


@pytest.mark.parametrize(
    "status, decision",
    [
        ("ok", "promoted"), ("keep", "promoted"),
        ("crash", "crashed"), ("crashed", "crashed"), ("error", "crashed"), ("timeout", "crashed"), ("oom", "crashed"),
        ("discard", "discarded"), ("not kept", "discarded"), ("TODO", "discarded"), ("", "rejected"),
        ("FINISHED", "promoted"), ("NEW_BEST", "promoted"), ("Baseline", "baseline"), ("OOM-killed", "crashed"),
    ],
)  # fmt: skip
def test_status_words(winnowd, project, status, decision):
    winnowd.drop(result("first", 1.0))
    winnowd.drop(result("exp-1", 0.0, status=status, diff=project.tweak(WIDTH=65)))
    assert winnowd.once().decisions()["exp-1"] == decision


def test_a_status_that_is_not_known_is_warned_of_once(winnowd):
    drop_all(winnowd, [result(f"exp-{number}", number, status=word) for number, word in enumerate(
        ["TODO", "ok", "Todo", "maybe later", "not ok", "Maybe: later!", "Übel", "ÜBEL?"])])  # fmt: skip
    log = winnowd.once()
    assert log.decisions() == {f"exp-{number}": "baseline" if number == 1 else "discarded" for number in range(8)}
    warned = log.all(msg="result has an unknown status; it is discarded", level="warning")
    assert [event["status"] for event in warned] == ["TODO", "maybe later", "Übel"]
    assert "may be promoted" in log.reasons()["exp-0"] and "may be promoted" not in log.reasons()["exp-4"]


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "[0.5, NaN]"])
def test_a_crash_may_have_a_number_that_is_none(winnowd, number):
    text = '{"experiment_id": "exp-1", "hypothesis": "h", "metric": "val_bpb", "status": "CRASHED", "metric_after": %s}'
    winnowd.drop(text % number, name="exp-1.json")
    assert winnowd.once().decisions() == {"exp-1": "crashed"}


def test_a_crash_needs_no_number(winnowd):
    winnowd.drop(result("exp-1", status="crash"))
    assert winnowd.once().decisions() == {"exp-1": "crashed"}


def test_a_baseline_never_worsens_the_frontier(winnowd, project):
    drop_all(winnowd, [
        result("first", 1.0), result("again", 2.0, status="baseline"),
        result("exp-1", 1.5, diff=project.tweak(WIDTH=65)),
        result("lower", 0.8, status="baseline"), result("exp-2", 0.9, diff=project.tweak(DEPTH=13)),
    ])  # fmt: skip
    assert winnowd.once().decisions() == {
        "first": "baseline", "again": "discarded", "exp-1": "discarded", "lower": "baseline", "exp-2": "discarded",
    }  # fmt: skip


@pytest.mark.parametrize("runs, decision", [([0.9, 1.0, 0.8], "promoted"), ([0.2, 2.0], "discarded"), ([0.9], "promoted")])
def test_repeated_runs_count_by_their_mean(winnowd, project, runs, decision):
    winnowd.drop(result("exp-1", runs, metric_before=[1.0, 1.0], diff=project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"exp-1": decision}


def test_a_promotion_needs_a_change(winnowd):
    drop_all(winnowd, [result("first", 1.0), result("worse", 1.1), result("better", 0.9)])
    assert winnowd.once().decisions() == {"first": "baseline", "worse": "discarded", "better": "rejected"}
    assert list(winnowd.rejected()) == ["better.json"]


def test_metrics_do_not_meet(winnowd):
    drop_all(winnowd, [result("one", 1.0), result("two", 0.1, metric="accuracy"), result("three", 1.5)])
    assert winnowd.once().decisions() == {"one": "baseline", "two": "baseline", "three": "discarded"}


def a_night(project):
    """Results whose decisions hang on each other, with changes that apply beside each other."""
    return [
        result("exp-01", 1.00),
        result("exp-02", 0.95, diff=project.tweak(WIDTH=65), status="keep"),
        result("exp-03", 0.97, diff=project.tweak(DEPTH=13), status="keep"),  # not below exp-02's
        result("exp-04", 0.10, diff=project.tweak(BATCH=33)),  # its tests fail: sets no frontier
        result("exp-05", 0.90, diff=project.tweak(RATE=0.002)),
        result("exp-06", 0.00, status="crash"),
        result("exp-07", 0.90, diff=project.tweak(WARMUP=100)),
        result("exp-08", 0.85),  # better, and has no change
        result("exp-09", 0.89, diff=project.tweak(DROPOUT=0.2)),
    ]


NIGHT = {
    "exp-01": "baseline", "exp-02": "promoted", "exp-03": "discarded", "exp-04": "failed", "exp-05": "promoted",
    "exp-06": "crashed", "exp-07": "discarded", "exp-08": "rejected", "exp-09": "promoted",
}  # fmt: skip


@pytest.mark.representative
@pytest.mark.parametrize("parallel", [1, 3])
def test_at_once(winnowd, project, parallel):
    winnowd.configure(queue={"parallel": parallel})
    drop_all(winnowd, a_night(project))
    assert winnowd.once().decisions() == NIGHT


def test_one_by_one(winnowd, project):
    log = winnowd.start()
    decisions = [lambda word: word != "queued"]
    for content in a_night(project):
        winnowd.drop(content)
        log.wait(experiment=content["experiment_id"], decision=decisions[0])
    assert log.decisions() == NIGHT


def test_the_best_first_supersedes_the_rest(winnowd, project):
    winnowd.configure(queue={"order": "best"})
    drop_all(winnowd, [
        result("first", 1.0, status="baseline"),
        result("good", 0.9, diff=project.tweak(WIDTH=65)),
        result("better", 0.8, diff=project.tweak(RATE=0.002)),
        result("best", 0.7, diff=project.tweak(DEPTH=13)),
    ])  # fmt: skip
    assert winnowd.once().decisions() == {
        "first": "baseline", "good": "superseded", "best": "promoted", "better": "superseded",
    }  # fmt: skip
    assert [pull.head for pull in winnowd.forge.pulls()] == ["experiment/best"]


def test_a_decision_names_its_numbers(winnowd, project):
    winnowd.drop(result("first", 1.0))
    winnowd.drop(result("exp-1", 0.875, diff=project.tweak(WIDTH=65)))
    log = winnowd.once()
    (event,) = log.all(experiment="exp-1", decision="promoted")
    assert event["metric"] == "val_bpb" and event["level"] == "info"
    assert float(event["before"]) == 1.0 and float(event["after"]) == 0.875


# Real logs, a row a result file.

CRASHED = {"crash", "crashed", "fail", "failed", "timeout", "oom", "killed", "invalid"}


def expected_of(rows, direction):
    """The decisions that such rows must get, by the rules in as few words as possible."""
    best, sign, decisions = None, -1 if direction == "maximize" else 1, []
    for value, status, _ in rows:
        if CRASHED & set(re.split("[^a-z]+", status.lower())):
            decisions.append("crashed")
        elif status not in ("ok", "keep"):
            decisions.append("discarded")
        elif value is None:
            decisions.append("rejected")
        elif best is None or sign * value < sign * best:
            decisions.append("baseline" if best is None else "promoted")
            best = value
        else:
            decisions.append("discarded")
    return decisions


@pytest.mark.parametrize("name, keeps", first_of([("zero_order.tsv", 9), ("posthog.jsonl", 6), ("trainrtx.tsv", 20)], 2))
def test_a_real_night_dropped_at_once(winnowd, project, real_logs, name, keeps):
    """Numbers and words of a real log, each with a change of our own making."""
    metric, direction, rows = rows_of_log(real_logs / name)
    winnowd.configure(metrics={metric: {"direction": direction or "minimize"}}, validation={"command": ["true"]})
    expected = expected_of(rows, direction)
    assert expected.count("baseline") + expected.count("promoted") == keeps
    change = project.tweak(WIDTH=65)
    for number, (value, status, hypothesis) in enumerate(rows):
        winnowd.drop(result(f"row-{number:04}", value, metric=metric, status=status, hypothesis=hypothesis,
                            diff=change.replace("+WIDTH = 65", f"+WIDTH = {65 + number}")))  # fmt: skip
    decisions = winnowd.once().decisions()
    assert [decisions.get(f"row-{number:04}") for number in range(len(rows))] == expected
    assert len(winnowd.forge.pulls()) == expected.count("promoted")
