"""Promise: --status and --status --json show how things are, beside a running daemon, without one and after a crash."""

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import termios
import time
import unicodedata

import pytest
from events import PATIENCE
from harness import appears, result
from machine import eventually


def status_of(winnowd):
    code, text, said = winnowd.run_beside("--status", "--json")
    assert code == 0, said
    return json.loads(text)


def told_of(winnowd, accept):
    """The status once the daemon has accepted the file. What it says of itself may be a second old."""
    found = []

    def told():
        found[:] = [status_of(winnowd)]
        return accept(found[0])

    eventually(told)
    return found[0]


def on_terminal(winnowd, columns):
    """What --status prints on a terminal of that width."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(winnowd.command("--status"), stdout=slave, stdin=slave, env=winnowd.environment)
    os.close(slave)
    said = b""
    try:
        while part := os.read(master, 65536):
            said += part
    except OSError:  # the other end is closed
        pass
    os.close(master)
    assert process.wait(PATIENCE) == 0
    return said.decode().replace("\r\n", "\n")


def test_nothing_yet(winnowd):
    status = status_of(winnowd)
    assert status["daemon"]["running"] is False and status["forge"]["state"] == "unknown"
    assert status["results"]["promoted"] == 0 and status["decisions"] == [] and status["frontier"] == []
    assert "none yet" in winnowd.status()
    assert list(winnowd.state.iterdir()) == []


def test_beside_a_running_daemon(winnowd, project):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    for number, value in ((2, 0.9), (3, 0.8)):
        winnowd.drop(result(f"exp-{number}", value, diff=project.tweak(WIDTH=64 + number)))
    winnowd.drop(result("exp-4", 2.0))
    winnowd.drop("{", name="bad.json")
    log.wait(experiment="exp-3", decision="promoted")
    log.wait(experiment="exp-4", decision="discarded")
    log.wait(file="bad.json", decision="rejected")

    status = told_of(winnowd, lambda status: status["daemon"]["told"] and status["forge"]["state"] == "well")
    assert status["daemon"]["running"] and status["daemon"]["process"] == winnowd.process.pid
    assert status["daemon"]["loop_lag_ms"] >= 0 and status["daemon"]["started"] <= status["time"]
    assert status["forge"] == {"state": "well", "place": str(project.bare), "reason": None}
    assert status["open_pulls"] == 2 and status["waiting"] == 0 and status["running"] == status["undo"] == []
    assert {word: count for word, count in status["results"].items() if count} == {
        "baseline": 1, "promoted": 2, "discarded": 1, "rejected": 1,
    }  # fmt: skip
    frontier = {row["metric"]: row for row in status["frontier"]}
    assert frontier["val_bpb"]["value"] == 0.8 and frontier["val_bpb"]["experiment"] == "exp-3"
    assert [point["value"] for point in frontier["val_bpb"]["history"]] == [1.0, 0.9, 0.8]
    assert frontier["accuracy"]["value"] is None
    decided = {row["experiment"]: row for row in status["decisions"]}
    assert decided["exp-3"]["pull"] == 2 and decided["exp-3"]["before"] == 0.9
    assert decided["exp-4"]["reason"] and decided[None]["file"] == "bad.json"

    table = winnowd.status()
    assert "█▄▁" in table and "well" in table and f"process {winnowd.process.pid}" in table
    assert "exp-3" in table and "#2" in table and decided["exp-4"]["reason"] in table


def test_without_a_daemon_it_is_the_same_but_for_the_daemon(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    log = winnowd.start()
    log.wait(experiment="exp-1", decision="baseline")
    running = status_of(winnowd)
    assert winnowd.stop() == 0
    stopped = status_of(winnowd)
    assert running["daemon"]["running"] and not stopped["daemon"]["running"]
    assert stopped["forge"]["state"] == "unknown" and "not running" in winnowd.status()
    for key in ("results", "frontier", "decisions", "open_pulls", "waiting"):
        assert running[key] == stopped[key], key


def validating(winnowd, project):
    winnowd.configure(validation={"command": ["sleep", "1000"], "timeout": "1h"})
    winnowd.unfinished = True
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    winnowd.drop(result("exp-2", 0.8, metric_before=1.0, diff=project.tweak(WIDTH=66)))
    log.wait(experiment="exp-1", step="validate")
    return log


def test_a_running_job(winnowd, project):
    validating(winnowd, project)
    status = status_of(winnowd)
    (job,) = status["running"]
    assert (job["experiment"], job["metric"], job["step"], job["attempt"]) == ("exp-1", "val_bpb", "validate", 1)
    assert job["since"] <= status["time"] and status["waiting"] == 1 and not job["waits"]
    assert "1 waiting, 1 running, 0 to undo" in winnowd.status()


def test_what_a_crash_left_is_not_taken_for_the_present(winnowd, project):
    validating(winnowd, project)
    path = winnowd.state / "status.json"
    assert appears(path)
    winnowd.kill()
    assert path.exists()
    status = status_of(winnowd)
    assert status["daemon"] == {
        "running": False, "process": None, "version": None, "started": None, "told": None, "loop_lag_ms": None,
    }  # fmt: skip
    assert status["forge"]["state"] == "unknown"
    assert [(job["step"], job["waits"], job["reason"]) for job in status["running"]] == [
        ("validate", True, "the daemon is not running"),
    ]  # fmt: skip
    assert "1 waiting, 0 running, 1 delayed, 0 to undo" in winnowd.status()


def test_news_that_cannot_be_read(winnowd):
    log = winnowd.start()
    log.wait(msg="forge answers")
    winnowd.process.send_signal(signal.SIGSTOP)  # it would write news of its own
    for content in ("", "{", "[]", '{"process": "x"}', '{"process": 1}', "\0" * 100000):
        (winnowd.state / "status.json").write_text(content)
        status = status_of(winnowd)
        assert status["daemon"]["running"] and status["daemon"]["version"] is None
    winnowd.process.send_signal(signal.SIGCONT)


REFUSE = """#!/bin/sh
# Nothing of an experiment can be deleted while the file is there.
if [ "$1" = prepared ] && [ -e "{flag}" ]; then
    while read -r old new name; do
        case "$name $new" in
        refs/heads/experiment/*\\ 0000*) exit 1 ;;
        esac
    done
fi
exit 0
"""


def test_undo_work_that_is_left(winnowd, project):
    flag = winnowd.directory / "refuse"
    flag.touch()
    hook = project.bare / "hooks/reference-transaction"
    hook.write_text(REFUSE.format(flag=flag))
    winnowd.configure(validation={"command": ["false"]})
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-1", msg=lambda text: text.startswith("undo could not"))
    status = status_of(winnowd)
    (job,) = status["undo"]
    assert (job["experiment"], job["step"], status["running"]) == ("exp-1", "branch", [])
    assert "exited with status 1" in job["reason"] and job["held_up_since"]
    assert "left to undo\n  exp-1" in winnowd.status()
    flag.unlink()
    log.wait(experiment="exp-1", decision="failed")
    assert status_of(winnowd)["undo"] == []


def test_a_forge_that_refuses(winnowd):
    winnowd.configure(forge={"base": "nothing"})
    log = winnowd.start()
    reason = log.wait(msg=lambda text: text.startswith("forge refuses"), key="forge.base")["reason"]
    forge = told_of(winnowd, lambda status: status["forge"]["state"] == "refused")["forge"]
    assert forge["reason"] == reason
    assert reason[:60] in winnowd.status()


def test_the_token_is_in_none_of_it(gitea_winnowd):
    log = gitea_winnowd.start()
    log.wait(msg="forge answers")
    status = told_of(gitea_winnowd, lambda status: status["forge"]["state"] == "well")
    assert gitea_winnowd.forge.token not in json.dumps(status)  # and check_promises() looks at the state


def test_how_much_is_kept(winnowd):
    """The status shows what a child has found, which the daemon starts a minute after its own start."""
    winnowd.drop(result("exp-1", 1.0))
    winnowd.drop("{", name="bad.json")
    winnowd.once()
    assert json.loads(winnowd.run_beside("--status", "--json")[1])["kept"] == {"time": None}
    assert "kept" not in winnowd.status()
    child = ["winnowd-sweep", winnowd.state, winnowd.spool, "0", "0", "0"]
    subprocess.run(child, executable=winnowd.command()[0], check=True, stdout=subprocess.DEVNULL)
    kept = json.loads(winnowd.run_beside("--status", "--json")[1])["kept"]
    size = (next((winnowd.spool / ".archive").glob("*/exp-1.json"))).stat().st_size
    assert kept.pop("time") and kept["archive"] == {"files": 1, "bytes": size}
    assert kept["validation_logs"] == {"files": 0, "bytes": 0} and kept["rejected"]["files"] == 2
    assert f"archive                  1 files  {size:7} B" in winnowd.status()


def test_a_terminal_has_its_width(winnowd):
    winnowd.drop('{"experiment_id": "' + "x" * 300 + '"}', name="long.json")
    winnowd.once()
    wide = winnowd.status()
    narrow = on_terminal(winnowd, 100)
    assert max(map(len, wide.splitlines())) > 150
    assert max(map(len, narrow.splitlines())) <= 100 and "…" in narrow


def promoted(winnowd, project, *values):
    """Experiments exp-1, exp-2 ..., each of them better than the one before."""
    for number, value in enumerate(values, 1):
        winnowd.drop(result(f"exp-{number}", value, metric_before=1.0, diff=project.tweak(WIDTH=64 + number)))
    log = winnowd.once()
    assert set(log.decisions().values()) == {"promoted"}, log.text
    return log


@pytest.mark.representative
def test_what_to_look_at_comes_first(winnowd, project):
    """Open pull requests: which value, where, and whether a better one is there."""
    log = promoted(winnowd, project, 0.9, 0.8)
    page = f"{winnowd.config['forge']['outbox']}/2.md"
    assert log.wait(experiment="exp-2", decision="promoted")["url"] == page
    newest, oldest = status_of(winnowd)["pulls"]
    assert newest | {"opened": None} == {
        "experiment": "exp-2", "metric": "val_bpb", "scope": "", "before": 0.9, "after": 0.8, "pull": 2, "url": page,
        "mergeable": True, "stale": None, "overtaken_by": None, "opened": None,
    }  # fmt: skip
    assert (oldest["experiment"], oldest["overtaken_by"]) == ("exp-1", "exp-2")
    assert [row["url"] for row in status_of(winnowd)["decisions"]] == [newest["url"], oldest["url"]]
    for table in (winnowd.status(), on_terminal(winnowd, 80)):
        first, rest = table.split("\nopen pull requests\n")[1].split("\n", 1)
        assert first.startswith("  #2     exp-2  val_bpb 0.8 after 0.9  ") and rest.startswith(f"         {page}\n")
        assert "  #1     exp-1  val_bpb 0.9 after 1  mergeable  overtaken by exp-2  " in rest


def test_an_open_pull_request_at_a_forge(gitea_winnowd, project):
    """Its address is the forge's word, and whether it can be merged as well."""
    gitea_winnowd.configure(forge={"poll": "100ms"})
    log = gitea_winnowd.start()
    gitea_winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    decided = log.wait(experiment="exp-1", decision="promoted")
    assert decided["url"].startswith("http") and decided["url"].endswith("/pulls/1")
    assert log.all(msg="step ended", step="pull", url=decided["url"])
    deadline = time.monotonic() + PATIENCE  # no line of the log tells that it was looked at
    while status_of(gitea_winnowd)["pulls"][0]["mergeable"] is None and time.monotonic() < deadline:
        time.sleep(0.05)
    (pull,) = status_of(gitea_winnowd)["pulls"]
    assert pull["url"] == decided["url"] and pull["mergeable"] is True
    assert "  mergeable  " in gitea_winnowd.status()


def test_what_waits_says_why(winnowd, project):
    winnowd.configure(queue={"max_open_pulls": 1}, forge={"poll": "1h"})
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-1", decision="promoted")
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(WIDTH=66)))
    log.wait(experiment="exp-2", msg="result queued")
    status = status_of(winnowd)
    assert status["waits_for"] == "queue.max_open_pulls (1) is reached"
    (waiting,) = status["first_waiting"]
    assert (waiting["experiment"], waiting["metric"], waiting["after"]) == ("exp-2", "val_bpb", 0.8)
    assert "\nwaiting  queue.max_open_pulls (1) is reached\n  exp-2 " in winnowd.status()
    assert winnowd.stop() == 0
    assert status_of(winnowd)["waits_for"] == "the daemon is not running; queue.max_open_pulls (1) is reached"


def test_a_result_that_waits_for_its_patch_is_shown(winnowd, project):
    winnowd.clock.by_hand()
    log = winnowd.start()
    for name in ("exp-1", "exp-2"):
        winnowd.drop(result(name, 0.9, metric_before=1.0, patch=f"{name}.patch"))
        log.wait(msg=lambda text: text.startswith("result waits for the patch"), experiment=name)
    (winnowd.spool / "exp-2.json").unlink()  # its owner thinks better of it
    (awaiting,) = status_of(winnowd)["awaiting_patch"]
    assert awaiting["file"] == "exp-1.json" and awaiting["since"]
    assert "\nwaiting for the patch that they name, each for a minute\n  exp-1.json  " in winnowd.status()
    (winnowd.spool / "exp-1.patch").write_text(project.tweak(WIDTH=65))
    log.wait(experiment="exp-1", decision="promoted")
    assert status_of(winnowd)["awaiting_patch"] == [] and "patch" not in winnowd.status()


def test_a_job_that_is_held_up_says_why(winnowd, project):
    winnowd.configure(validation={"requires": ["http://127.0.0.1:1/"]})
    winnowd.unfinished = True
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    reason = log.wait(experiment="exp-1", msg=lambda text: text.startswith("step could not"))["reason"]
    (job,) = status_of(winnowd)["running"]
    assert job["reason"] == reason and "validation.requires" in reason


def test_discards_hide_no_promotion(winnowd, project):
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    winnowd.once()
    for number in range(30):
        winnowd.drop(result(f"bad-{number}", 2.0))
    winnowd.once()
    decided = [row["experiment"] for row in status_of(winnowd)["decisions"]]
    assert len(decided) == 21 and decided[-1] == "exp-1" and "bad-29" in decided
    assert "promoted    exp-1" in winnowd.status()


def test_eighty_columns_are_enough(winnowd, project):
    """Only an address may be longer; in a pipe nothing is cut."""
    long = "exp-" + "x" * 90
    winnowd.configure(validation={"command": ["sh", "-c", f"echo 'FAILED {'y' * 150}'; exit 1"]}, metrics={"m" * 60: {"direction": "minimize"}})
    winnowd.drop(result(long, 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    for number in range(60):
        winnowd.drop(result(f"base-{number}", 1.0 - number / 1000, status="baseline"))
    winnowd.once()
    narrow, wide = on_terminal(winnowd, 80), winnowd.status()
    assert max(map(len, narrow.splitlines())) == 80
    assert long not in narrow and "…" in narrow
    (failed,) = [line for line in wide.splitlines() if long in line]
    assert "y" * 100 in failed and "the whole output: " in failed and not failed.endswith("…")
    assert "exited with status 1" in narrow and "y" * 40 in narrow, "the reason has no room"


@pytest.mark.parametrize("columns", [60, 80])
def test_a_value_is_never_cut(winnowd, project, columns):
    """Whatever stands before it: long names, and letters that take two columns."""
    wide, names = "損失関数の値" * 3, ["e" * length for length in (1, 25, 35, 50, 90, 100)]
    winnowd.configure(metrics={wide: {"direction": "minimize"}, "m" * 30: {"direction": "minimize"}})
    for number, name in enumerate(names):
        value = {"metric_before": 3.25, "diff": project.tweak(WIDTH=65 + number)}
        winnowd.drop(result(name, 1.2345678901234 - number / 10, metric=(wide, "m" * 30)[number % 2], **value))
    winnowd.drop("{", name="結果" * 30 + ".json")
    winnowd.once()
    status, narrow, table = status_of(winnowd), on_terminal(winnowd, columns), winnowd.status()
    lines = narrow.splitlines()
    assert len(status["pulls"]) == len(names)
    for pull in status["pulls"]:
        assert sum(repr(pull["after"]) in line for line in lines) >= 2, (pull["after"], narrow)
    taken = [sum(1 + (unicodedata.east_asian_width(letter) in "WF") for letter in line) for line in lines if "outbox" not in line]
    assert max(taken) <= columns, narrow
    assert "…" in narrow and "結果" * 30 in table and ",," not in narrow + table


def test_json_goes_with_status_only(winnowd):
    for arguments in (["--json"], ["--once", "--json"]):
        assert winnowd.run(*arguments)[0] == 64


def test_user_signal_logs_the_same(winnowd):
    log = winnowd.start()
    log.wait(msg="forge answers")
    winnowd.drop(result("exp-1", 1.25))
    log.wait(experiment="exp-1", decision="baseline")
    table = [line for line in winnowd.status().splitlines() if line]
    winnowd.process.send_signal(signal.SIGUSR1)
    assert log.wait_until(lambda: len(log.all(msg="status")) == 1 + len(table))
    summary, *lines = [event["status"] for event in log.all(msg="status")]
    assert summary == "idle, 0 waiting, 0 pull requests open"
    assert int(log.all(msg="status")[0]["loop_lag_ms"]) >= 0
    assert any("baseline" in line and "exp-1" in line for line in lines)
    for logged, printed in zip(lines, table):
        if not printed.startswith(("daemon", "forge")):  # news are up to a second old
            assert logged == printed


def test_a_summary_now_and_then(winnowd):
    winnowd.configure(log={"status_every": "300ms"})
    log = winnowd.start()
    assert log.wait_until(lambda: len(log.all(msg="status")) >= 3)
    assert {event["status"] for event in log.all(msg="status")} == {"idle, 0 waiting, 0 pull requests open"}
