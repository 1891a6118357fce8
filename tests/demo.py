"""The demonstration behind tests/demo: plays an experimenter, and shows what the daemon makes of it."""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "integration"))

from events import DECISIONS  # noqa: E402
from experiment_logs import rows_of_log  # noqa: E402
from harness import TOX, LocalForge, Winnowd, git, result  # noqa: E402
from series import METRIC, Series  # noqa: E402
from training import with_setting  # noqa: E402

ROWS = 40
SEED = 9  # its first night holds a bit of everything, in an order that is easily followed
HOSTILE_ONE = 12
HOSTILE = """@everyone this fixes #1, see !2 and [here](javascript:alert(1))

# Approved
```
<img src=x onerror=alert(1)> <!-- hidden --> | a | table |
\u202etxet sdrawkcab\u202c"""


def own_experiments(project):
    """(result or text, what should become of it): a night of a loop, and then what else may come."""
    night = [project.baseline, *project.nights()[0]]
    best = [one for one in night if one.improves][-1]
    words = {"keep": "discarded", "discard": "discarded", "crash": "crashed"}
    experiments = [(one.result(), "promoted" if one.improves else words[one.status]) for one in night]
    experiments[0] = (experiments[0][0], "baseline")

    def on_top(place, after, hypothesis, files, **more):
        commit, _ = project.experiment(files, hypothesis, parent=best.commit)
        return result(f"exp-{place:02}", after, hypothesis=hypothesis, commit=commit, **more)

    def of_batch(size):
        return {"train.py": with_setting(best.text, "BATCH", size)}

    grades_itself = {**of_batch(16), "tox.ini": TOX.replace("python -m unittest -v", "python -c pass")}
    runs = [round(best.value * factor, 6) for factor in (0.985, 0.99, 0.98)]
    return experiments + [
        (on_top(9, 0.9, "A batch of 33, which the tests do not allow", of_batch(33)), "failed"),
        (on_top(10, 0.5, "Easier tests", grades_itself), "failed"),
        (result("exp-11", hypothesis="No number, for it never ended", status="timeout"), "crashed"),
        (on_top(HOSTILE_ONE, runs, HOSTILE, of_batch(64), metric_before=[best.value, best.value],
                details={"seeds": 3}), "promoted"),
        (experiments[best.number][0], "duplicate"),
        ('{"experiment_id": "exp-14", "metric": val_bpb}', "rejected"),
    ]  # fmt: skip


def experiments_of_log(project, name, metric):
    """The log's own metrics, statuses and hypotheses; changes that this demonstration made up."""
    experiments = []
    for one in project.experiments:
        commit = one.commit
        if one.number == 7:  # It breaks the tests, if it gets that far.
            commit, _ = project.experiment({"train.py": with_setting(one.text, "BATCH", 33)}, parent=commit)
        content = one.result(metric=metric, hypothesis=one.description[:10000], commit=commit)
        experiments.append(({**content, "experiment_id": f"{name}-{one.number:03}"}, None))
    return experiments


def show_log(log):
    """Prints the events of the log as they come, without their time."""
    def show():
        for event in log.follow():
            words = [f"{name}={word if word and ' ' not in word else json.dumps(word)}"
                     for name, word in event.items() if name not in ("time", "level", "msg")]  # fmt: skip
            print(f"  {event.get('level', ''):7} {': '.join([event['msg'], *filter(None, [' '.join(words)])])}", flush=True)

    thread = threading.Thread(target=show)
    thread.start()
    return thread


def decided(log):
    return [event for event in log.events if event.get("decision") in DECISIONS]


def replay(daemon, experiments):
    """Drops one after the other, each when the one before has its decision. Gives back the decisions."""
    log = daemon.start()
    shown = show_log(log)
    deadline = time.monotonic() + 170
    for place, (content, _) in enumerate(experiments, start=1):
        daemon.drop(content, name=None if isinstance(content, dict) else f"exp-{place:02}.json")
        if not log.wait_until(lambda: len(decided(log)) >= place, deadline - time.monotonic()):
            break
    status = daemon.stop()
    shown.join()
    return status, decided(log)


def heading(text):
    print(f"\n── {text} " + "─" * (76 - len(text)) + "\n", flush=True)


def show_outcome(daemon, project, forge, decisions):
    heading("decisions")
    for event in decisions:
        print(f"  {event.get('experiment', '-'):16} {event['decision']:11} {event.get('reason', '')[:110]}")
    heading("branches, each one commit on main")
    print(git("log", "--graph", "--all", "--format=%h %d %s", "--decorate-refs=refs/heads/", directory=project.bare))
    pulls = forge.pulls()
    if pulls:
        chosen = next((pull for pull in pulls if f"exp-{HOSTILE_ONE}" in pull.head), pulls[0])
        heading(f"pull request {chosen.number} of {len(pulls)}")
        print(f"{chosen.title}\n\n{chosen.body}")
    heading("rolled back")
    failed = [event["experiment"] for event in decisions if event["decision"] == "failed"]
    for experiment in failed:
        undone = [event["step"] for event in daemon.log.events
                  if event.get("experiment") == experiment and event["msg"] == "undo ended" and "step" in event]  # fmt: skip
        left = f"experiment/{experiment}" in forge.branches()
        print(f"  {experiment}: undone {', '.join(undone) or 'nothing'}; its branch is {'STILL THERE' if left else 'gone'}")
    if not failed:
        print("  nothing")


def main():
    arguments = argparse.ArgumentParser(prog="tests/demo")
    arguments.add_argument("--keep", action="store_true")
    arguments.add_argument("--maximize", action="store_true")
    arguments.add_argument("log", nargs="?", type=pathlib.Path)
    given = arguments.parse_args()

    folder = pathlib.Path(tempfile.mkdtemp(prefix="winnowd-demo."))
    daemon = None
    try:
        metric, direction, rows = rows_of_log(given.log) if given.log else (METRIC, None, [])
        project = Series(folder, SEED, rows=rows[:ROWS])
        forge = LocalForge(project, folder)
        daemon = Winnowd(folder, forge)
        experiments = experiments_of_log(project, given.log.stem, metric) if given.log else own_experiments(project)
        direction = direction or ("maximize" if given.maximize else "minimize")
        daemon.configure(metrics={metric: {"direction": direction}}, validation={"command": ["tox", "-e", "unit"]},
                         forge={"reviewers": ["Timmy"]}, log={"level": "info"}, sources=[str(project.work)])  # fmt: skip
        heading(f"{len(experiments)} experiments, {metric}, {direction}: the log")
        status, decisions = replay(daemon, experiments)
        show_outcome(daemon, project, forge, decisions)
        forge.check_promises()
        expected = [word for _, word in experiments]
        wrong = len(decisions) != len(expected) or any(
            word and word != event["decision"] for word, event in zip(expected, decisions))  # fmt: skip
        if status or wrong:
            print(f"\nnot as it should be: exit status {status}, {len(decisions)} decisions, expected {expected}")
        return 1 if status or wrong else 0
    finally:
        if daemon and daemon.process and daemon.process.poll() is None:
            daemon.kill()
        if given.keep:
            print(f"\nkept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AssertionError, subprocess.SubprocessError) as problem:
        sys.exit(f"tests/demo: {problem}")
