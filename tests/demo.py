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
from harness import TOX, LocalForge, Project, Winnowd, git, result, tweaked  # noqa: E402

ROWS = 40
HOSTILE = """@everyone this fixes #1, see !2 and [here](javascript:alert(1))

# Approved
```
<img src=x onerror=alert(1)> <!-- hidden --> | a | table |
\u202etxet sdrawkcab\u202c"""


def own_experiments(project):
    """(result or text, what should become of it); the fifth breaks the tests, and so on."""
    grades_itself = TOX.replace("python -m unittest -v", "python -c pass")
    _, protected = project.experiment({"train.py": tweaked(WIDTH=128), "tox.ini": grades_itself})
    wider = result("exp-02", 1.05, hypothesis="A wider model", diff=project.tweak(WIDTH=80), status="keep",
                   details={"memory_gb": 5.5, "seeds": 3})  # fmt: skip
    return [
        (result("exp-01", 1.10, hypothesis="The model as it is", status="keep"), "baseline"),
        (wider, "promoted"),
        (result("exp-03", 0.0, hypothesis="Ten times the batch", status="crash"), "crashed"),
        (result("exp-04", 1.07, hypothesis="Kept by its maker, and no improvement on the second", status="keep",
                diff=project.tweak(RATE=0.003)), "discarded"),
        (result("exp-05", 0.90, hypothesis="A batch of 33, which the tests do not allow",
                diff=project.tweak(BATCH=33)), "failed"),
        (result("exp-06", 1.02, hypothesis="A deeper model", metric_before=1.05, diff=project.tweak(DEPTH=14)), "promoted"),
        (result("exp-07", 1.00, hypothesis=HOSTILE, diff=project.tweak(WARMUP=300)), "promoted"),
        (result("exp-08", 0.50, hypothesis="Easier tests", diff=protected), "failed"),
        (result("exp-09", hypothesis="No number, for it never ended", status="timeout"), "crashed"),
        (result("exp-10", [0.99, 0.97, 0.98], hypothesis="More dropout, three runs", metric_before=[1.0, 1.01],
                diff=project.tweak(DROPOUT=0.2)), "promoted"),
        (wider, "duplicate"),
        ('{"experiment_id": "exp-12", "metric": val_bpb}', "rejected"),
    ]  # fmt: skip


def experiments_of_log(project, path):
    """The log's own metrics, statuses and hypotheses; changes that this demonstration made up."""
    metric, direction, rows = rows_of_log(path)
    experiments = []
    for place, (value, status, hypothesis) in enumerate(rows[:ROWS], start=1):
        # The seventh breaks the tests, if it gets that far.
        setting = {"BATCH": 33} if place == 7 else {"WIDTH": 64 + place}
        experiments.append((result(
            f"{path.stem}-{place:03}", value, metric=metric, status=status, hypothesis=hypothesis[:10000],
            diff=project.tweak(**setting)), None))  # fmt: skip
    return metric, direction, experiments


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
        chosen = next((pull for pull in pulls if "exp-07" in pull.head), pulls[0])
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
        project = Project(folder)
        forge = LocalForge(project, folder)
        daemon = Winnowd(folder, forge)
        metric, direction = "val_bpb", None
        if given.log:
            metric, direction, experiments = experiments_of_log(project, given.log)
        else:
            experiments = own_experiments(project)
        direction = direction or ("maximize" if given.maximize else "minimize")
        daemon.configure(metrics={metric: {"direction": direction}}, validation={"command": ["tox", "-e", "unit"]},
                         forge={"reviewers": ["Timmy"]}, log={"level": "info"})  # fmt: skip
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
