"""Promise: however a night's results arrive, they end in the same decisions.

Series are made at random from a seed. Each is dropped in several ways: at once with one slot and with four,
in quick succession while the daemon works, one by one, and at once with the daemon killed in the middle.
The decisions are compared with oracle(), which says the rules a second time in few words.

    WINNOWD_ROUNDS  how many series; all but the first run only with --exhaustive
    WINNOWD_SEED    which ones
"""

import copy
import json
import os
import random
import re
import shutil
import sqlite3

import harness
import pytest
from events import DECISIONS
from exhaustive import first_of
from harness import result

ROUNDS = int(os.environ.get("WINNOWD_ROUNDS", "4"))
SEED = os.environ.get("WINNOWD_SEED", "a night")

CRASHES = ["crash", "crashed", "error", "timeout", "oom"]
OTHER_WORDS = ["discard", "NEW_LOW", "not done"]
# What a change brings decides how long its validation takes and how it ends.
CHECK = """#!/bin/sh
[ ! -e delay ] || sleep "$(cat delay)"
[ ! -e broken ]
"""


# ---- making a series ------------------------------------------------------------------------------


def new_file(name, line):
    return (
        f"diff --git a/{name} b/{name}\nnew file mode 100644\n--- /dev/null\n+++ b/{name}\n"
        f"@@ -0,0 +1 @@\n+{line}\n"
    )  # fmt: skip


CONFLICT = """diff --git a/check.sh b/check.sh
--- a/check.sh
+++ b/check.sh
@@ -1 +1 @@
-what never stood there
+something else
"""


def change_of(chance, experiment_id):
    """A diff, and whether its job fails."""
    if chance.random() < 0.08:
        return CONFLICT, True
    broken = chance.random() < 0.25
    diff = new_file("note", experiment_id)
    if broken:
        diff += new_file("broken", "yes")
    if chance.random() < 0.6:
        diff += new_file("delay", f"{chance.random() * 0.15:.3f}")
    return diff, broken


def metric_of(chance):
    metric = {"direction": chance.choice(["minimize", "maximize"])}
    metric["reference"] = chance.choice(["best", "best", "frontier", "before"])
    if chance.random() < 0.3:
        metric["baseline"] = chance.choice([-1.0, 0.0, 1.0, 2.0])
    if chance.random() < 0.4:
        metric["min_delta"] = chance.choice([0.1, 0.25, 0.5])
    if chance.random() < 0.4:
        metric["min_relative"] = chance.choice([0.05, 0.5, 2.0])
    return metric


def value_of(chance, metric, place):
    """Few values, so that many are alike; better ones come with time, as in a real night."""
    sign = -1 if metric["direction"] == "minimize" else 1
    return round(sign * (place * 3 + chance.choice([-2, -1, -0.5, -0.1, 0, 0, 0.1, 0.3, 0.5])), 1)


def make_series(chance, metrics):
    """Results, and which of them have a change whose job fails."""
    series, failing = [], set()
    length = chance.randrange(10, 22)
    for number in range(length):
        experiment_id = f"exp-{number:02}"
        name = chance.choice(list(metrics))
        after = value_of(chance, metrics[name], number / length)
        status = chance.choices(
            [None, "keep", "baseline", chance.choice(CRASHES), chance.choice(OTHER_WORDS)], [50, 25, 8, 8, 8]
        )[0]
        before = value_of(chance, metrics[name], number / length) if chance.random() < 0.4 else None
        diff, fails = change_of(chance, experiment_id) if chance.random() < 0.9 else (None, False)
        if fails:
            failing.add(experiment_id)
        if status in CRASHES:
            after = chance.choice([None, 0.0])
        elif chance.random() < 0.15:
            after = [after, after]
        series.append(result(experiment_id, after, metric=name, metric_before=before, status=status, diff=diff))
    return series, failing


# ---- what is promised of it -----------------------------------------------------------------------


def mean(value):
    return sum(value) / len(value) if isinstance(value, list) else value


def reference_of(metric, better, before, frontier):
    candidates = {"best": [before, frontier], "before": [before], "frontier": [frontier]}[metric.get("reference", "best")]
    given = [value for value in candidates if value is not None]
    return max(given, key=lambda value: -value if better(0, 1) else value) if given else None


def threshold_of(metric, reference):
    return max(metric.get("min_delta", 0), metric.get("min_relative", 0) * abs(reference))


def oracle(series, failing, metrics):
    """experiment: decision, and of the promoted ones the "before", metric by metric in their order."""
    frontiers = {name: metric.get("baseline") for name, metric in metrics.items()}
    decisions, promoted = {}, {name: [] for name in metrics}
    for content in series:
        name, experiment_id = content["metric"], content["experiment_id"]
        metric, frontier = metrics[name], frontiers[name]
        after, before = mean(content.get("metric_after")), content.get("metric_before")
        sign = -1 if metric["direction"] == "minimize" else 1

        def better(a, b):
            return sign * a > sign * b

        def judge():
            status = content.get("status", "ok")
            if status in CRASHES:
                return "crashed", None
            if status == "baseline":
                return ("discarded" if frontier is not None and better(frontier, after) else "baseline"), None
            if status not in ("ok", "keep"):
                return "discarded", None
            reference = reference_of(metric, better, before, frontier)
            if reference is None:
                return ("baseline" if frontier is None else "rejected"), None
            gain = sign * (after - reference)
            needed = threshold_of(metric, reference)
            if not gain > needed + (1e-12 if needed else 0):
                return "discarded", None
            if "diff" not in content:
                return "rejected", None
            return ("failed" if experiment_id in failing else "promoted"), reference

        decisions[experiment_id], reference = judge()
        if decisions[experiment_id] == "promoted":
            promoted[name].append((experiment_id, reference))
        if decisions[experiment_id] in ("promoted", "baseline") and (frontier is None or better(after, frontier)):
            frontiers[name] = after
    return decisions, promoted


# ---- what became of it ----------------------------------------------------------------------------


def from_state(winnowd):
    """Decisions as the state remembers them: a killed daemon may not have told its last."""
    with sqlite3.connect(winnowd.state / "winnowd.db") as store:
        rows = store.execute(
            "SELECT experiment_id, decision FROM (SELECT experiment_id, decision, decided AS number FROM results"
            " WHERE decided > 0 UNION ALL SELECT experiment_id, decision, id FROM decisions) ORDER BY number"
        ).fetchall()
    store.close()
    return rows


def promotions(forge, metrics):
    found = {name: [] for name in metrics}
    for pull in forge.pulls():
        facts = json.loads(re.search(r"^<!-- winnowd (\{.*\}) -->$", pull.body, re.MULTILINE)[1])
        before, after = facts["before"], facts["after"]
        found[facts["metric"]].append((facts["experiment_id"], before))
        assert pull.head == f"experiment/{facts['experiment_id']}" and pull.state == "open"
        trailer = re.search(r"^Metric: (\S+) (\S+)$", forge.show("-s", "--format=%B", pull.sha), re.MULTILINE)
        assert (trailer[1], float(trailer[2])) == (facts["metric"], after), pull.head
        assert facts["threshold"] == pytest.approx(threshold_of(metrics[facts["metric"]], before)), pull.head
    return found


def one_by_one(winnowd, series, chance):
    log = winnowd.start()
    for content in series:
        winnowd.drop(content)
        log.wait(experiment=content["experiment_id"], decision=lambda word: word in DECISIONS)
    assert winnowd.stop() == 0
    return log


def at_once(winnowd, series, chance):
    for content in series:
        winnowd.drop(content)
    return winnowd.once()


def in_quick_succession(winnowd, series, chance):
    """Some arrive while others are under way."""
    log = winnowd.start()
    for content in series:
        winnowd.drop(content)
        if chance.random() < 0.2:
            log.wait(experiment=content["experiment_id"], decision=True)
    for content in series:
        log.wait(experiment=content["experiment_id"], decision=lambda word: word in DECISIONS)
    assert winnowd.stop() == 0
    return log


def killed_in_the_middle(winnowd, series, chance):
    for content in series:
        winnowd.drop(content)
    for _ in range(2):
        log = winnowd.start()
        number = chance.randrange(1, 80)
        log.wait_until(lambda: len(log.events) >= number, seconds=0.5)  # any moment will do
        winnowd.kill()
    winnowd.once()
    return None


WAYS = {
    "at once": (at_once, 1),
    "at once, four slots": (at_once, 4),
    "in quick succession, four slots": (in_quick_succession, 4),
    "one by one": (one_by_one, 1),
    "killed in the middle, four slots": (killed_in_the_middle, 4),
}


def run_one_way(directory, project, way, series, metrics, chance):
    directory.mkdir()
    project = copy.copy(project)
    project.bare = shutil.copytree(project.bare, directory / "project.git")
    forge = harness.LocalForge(project, directory)
    winnowd = harness.Winnowd(directory, forge)
    function, parallel = WAYS[way]
    winnowd.configure(
        metrics=metrics, queue={"parallel": parallel}, validation={"command": ["sh", "check.sh"], "sandbox": "none"}
    )
    log = function(winnowd, series, chance)
    winnowd.check_promises()
    told = from_state(winnowd)
    assert len(told) == len(series), f"not one decision each: {told}"
    if log is not None:
        assert dict(told) == log.decisions()
        before = {event["experiment"]: float(event["before"]) for event in log.all(decision="promoted")}
        assert before == dict(sum(promotions(forge, metrics).values(), []))
    return dict(told), promotions(forge, metrics)


def check(directory, name, metrics, series, failing, chance):
    decisions, promoted = oracle(series, failing, metrics)
    project = harness.Project(directory, files={"check.sh": CHECK})
    lines = [f"{json.dumps({**content, 'diff': bool(content.get('diff'))})} {content['experiment_id'] in failing}"
             for content in series]  # fmt: skip
    for place, way in enumerate(WAYS):
        found = run_one_way(directory / f"way-{place}", project, way, series, metrics, chance)
        story = "\n".join([f"{way}: {name}", f"metrics: {json.dumps(metrics)}", *lines])
        assert found[0] == decisions, story
        assert found[1] == promoted, story


@pytest.mark.parametrize("number", first_of(range(ROUNDS)))
def test_same_decisions(tmp_path, the_binary_is_there, number):
    chance = random.Random(f"{SEED}, {number}")
    all_metrics = {"val_bpb": metric_of(chance), "accuracy": metric_of(chance)}
    metrics = dict(list(all_metrics.items())[: chance.randrange(1, 3)])
    series, failing = make_series(chance, metrics)
    check(tmp_path, f"series {number} of WINNOWD_SEED={SEED!r}", metrics, series, failing, chance)


# What random series seldom hold: (after, before, status, seconds of validation).
SELDOM = {
    # -8 is not below 10 by more than twice 10, but it is below 6 by more than twice 6.
    "a better frontier asks for less": (
        {"min_relative": 2.0}, [(10, None, "baseline", None), (6, None, "baseline", None), (-8, 10, "ok", 0)],
    ),
    "a baseline behind a long job": (
        {}, [(0.9, 1.0, "ok", 0.4), (0.5, None, "baseline", None), (0.7, None, "ok", 0)],
    ),
    "no change behind a long job": (
        {}, [(0.5, 1.0, "ok", 0.4), (0.7, 0.9, "ok", None), (0.4, None, "ok", 0)],
    ),
    "a first value behind a long job": (
        {"reference": "before"}, [(0.9, 1.0, "ok", 0.4), (0.5, None, "ok", 0), (0.7, 0.8, "ok", 0)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", first_of(SELDOM, 2))
def test_what_is_seldom(tmp_path, the_binary_is_there, name):
    metric, rows = SELDOM[name]
    series = [
        result(f"exp-{number}", after, metric_before=before, status=status,
               diff=None if seconds is None else new_file(f"note-{number}", "x") + new_file("delay", seconds))
        for number, (after, before, status, seconds) in enumerate(rows)
    ]  # fmt: skip
    check(tmp_path, name, {"val_bpb": {"direction": "minimize", **metric}}, series, set(), random.Random(name))
