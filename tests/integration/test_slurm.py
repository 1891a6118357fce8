"""Promise: tests run as jobs of Slurm, and what happens to the cluster is charged to no experiment."""

import contextlib
import json
import os
import pathlib
import signal
import sqlite3
import time

import pytest
from harness import Project, result
from machine import eventually, preload, preloaded
from slurm_cluster import MISSING, Cluster

pytestmark = [
    pytest.mark.skipif(bool(MISSING) or os.geteuid() != 0, reason=f"no Slurm here: {MISSING}"),
    pytest.mark.xdist_group("slurm"),  # one cluster for all
    pytest.mark.slow,
]

CHECK = """
[ ! -e red ] || { echo "E   assert 0.98 < 0.97"; exit 3; }
[ ! -e slow ] || sleep "$(cat slow)"
[ ! -e gated ] || until [ -e ~/go ]; do sleep 0.1; done
[ ! -e attack ] || . ./attack
echo "1 passed in 0.01s"
"""


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path, files={"check": CHECK})


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    cluster = Cluster(tmp_path_factory.mktemp("slurm") / "c")
    try:
        yield cluster.start()
    finally:
        cluster.stop()


@pytest.fixture
def house(winnowd, cluster, tmp_path):
    cluster.ready()
    winnowd.environment |= cluster.environment()
    runs = tmp_path / "runs"
    winnowd.runs = runs
    return winnowd.configure(
        validation={
            "command": ["sh", "check"], "engine": "slurm", "directory": str(runs), "sandbox": "bubblewrap",
            "slurm": {"poll": "10s", "options": []},
        },
    )  # fmt: skip


def new_file(path, text):
    lines = text.splitlines()
    return (f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n"
            + "".join(f"+{line}\n" for line in lines))  # fmt: skip


def drop(house, name, after, **files):
    diff = "".join(new_file(path, text) for path, text in (files or {"note": "x"}).items())
    house.drop(result(name, after, metric_before=1.0, diff=diff))


def decisions(log):
    return {event["experiment"]: event["decision"] for event in log.all(msg="result decided")}


def test_green_red_and_too_slow(house, cluster):
    """The verdict is what the command says on the node, with its output; nothing is left of the runs."""
    house.configure(validation={"timeout": "3s"}, queue={"parallel": 4})
    drop(house, "green", 0.9)
    drop(house, "red", 0.8, red="x")
    drop(house, "late", 0.7, slow="60")
    log = house.once()
    assert decisions(log) == {"green": "promoted", "red": "failed", "late": "failed"}, log.text
    reasons = log.reasons()
    assert "exited with status 3" in reasons["red"] and "assert 0.98 < 0.97" in reasons["red"]
    assert "did not end within 3 s" in reasons["late"]
    (ended,) = log.all(msg="run on Slurm ended", experiment="green")
    assert ended["node"] in ("n1", "n2") and ended["attempt"] == "1" and int(ended["slurm_job"]) > 0
    (pull,) = house.forge.pulls()
    told = f"on node `{ended['node']}` as job {ended['slurm_job']} of Slurm, attempt 1, after "
    assert told in pull.body and f'"slurm_job":{ended["slurm_job"]},"attempt":1,' in pull.body
    assert cluster.queue() == {}
    assert [path.name for path in house.runs.iterdir() if path.name[0] != "."] == []


def attempts(log, name):
    return [int(event["attempt"]) for event in log.all(msg="run submitted to Slurm", experiment=name)]


def running(cluster, count=1):
    eventually(lambda: [state for state, _ in cluster.queue().values()] == ["RUNNING"] * count)
    (name, *_), (_, node), *_ = *cluster.queue().items(), (None, None)
    return name


def let_end(house, name, attempt=1):
    """Lets a run end that a gate keeps."""
    (house.runs / f"{name}-{attempt}" / "box" / "home" / "go").touch()


@pytest.mark.parametrize("stop", ["SIGTERM", "SIGKILL"])
def test_a_run_goes_on_without_the_daemon(house, cluster, stop):
    """It is taken up by the next one, and runs once."""
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    (submitted,) = [log.wait(msg="run submitted to Slurm")]
    running(cluster)
    if stop == "SIGTERM":
        assert house.stop() == 0
        assert log.all(msg="run on Slurm goes on by itself", slurm_job=submitted["slurm_job"])
    else:
        house.kill()
    assert [state for state, _ in cluster.queue().values()] == ["RUNNING"]
    let_end(house, "exp-1")
    log = house.once()
    assert decisions(log) == {"exp-1": "promoted"}, log.text
    assert log.all(msg="run on Slurm taken up", slurm_job=submitted["slurm_job"]) and attempts(log, "exp-1") == []
    assert cluster.queue() == {}


def test_a_directory_that_is_not_there_holds_the_queue(house, cluster):
    """Its file system may be mounted late. In a directory that the daemon made here, no run of before would be found."""
    drop(house, "exp-1", 0.9, gated="x")
    house.start().wait(msg="run submitted to Slurm")
    eventually((house.runs / "exp-1-1" / "box" / "begun").exists)
    house.kill()
    away = house.runs.parent / "away"
    house.runs.rename(away)
    log = house.start()
    said = f"validation.directory: {house.runs}: No such file or directory"
    log.wait(level="error", msg="jobs wait until this is mended", key="validation.directory", reason=said)
    code, _, errors = house.run_beside("--check-config")
    assert code == 78 and errors.count(said) == 1 and not house.runs.exists(), errors
    away.rename(house.runs)
    let_end(house, "exp-1")
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert attempts(log, "exp-1") == [] and house.stop() == 0


def test_a_run_is_not_removed_while_its_directory_is_away(house, cluster, tmp_path):
    """An undo waits for it, else the run would be left there."""
    put_before(house, tmp_path, "scancel", f'touch {tmp_path}/asked; until [ -e {tmp_path}/go ]; do sleep 0.1; done; '
                                           'exec /usr/bin/scancel "$@"')  # fmt: skip
    drop(house, "exp-1", 0.9, red="x")
    log = house.start()
    eventually((tmp_path / "asked").exists)
    away = house.runs.parent / "away"
    house.runs.rename(away)
    (tmp_path / "go").touch()
    log.wait(reason=lambda text: f"validation.directory: {house.runs}: No such file or directory" in text)
    away.rename(house.runs)
    log.wait(experiment="exp-1", decision="failed", seconds=60)
    assert not (house.runs / "exp-1-1").exists() and house.stop() == 0


def test_the_directory_is_made_after_runs_on_this_machine(house):
    """It is missing until the first run on Slurm, and --check-config knows that."""
    validation = house.config["validation"]
    validation["engine"] = "local"
    del validation["directory"]
    house.write_configuration()
    drop(house, "exp-1", 0.9)
    assert decisions(house.once()) == {"exp-1": "promoted"}
    validation.update(engine="slurm", directory=str(house.runs))
    house.write_configuration()
    code, _, errors = house.run_beside("--check-config")
    assert code == 0 and not house.runs.exists(), errors
    drop(house, "exp-2", 0.8)
    assert decisions(house.once()) == {"exp-2": "promoted"}


def test_a_run_of_other_settings_is_not_taken_up(house, cluster):
    """Its verdict would be that of a command that is not configured any more. It is cancelled."""
    drop(house, "exp-1", 0.9, gated="x")
    house.start().wait(msg="run submitted to Slurm")
    running(cluster)
    house.kill()
    house.configure(validation={"timeout": "20m"})
    log = house.start()
    log.wait(msg="run submitted to Slurm", attempt="2")
    eventually(lambda: list(cluster.queue()) == [f"winnowd-{house_id(house)}-exp-1-2"])
    let_end(house, "exp-1", 2)
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert not log.all(msg="run on Slurm taken up") and house.stop() == 0


def test_a_run_whose_directory_comes_late_is_taken_up(house, cluster):
    """As after a power cut, when the daemon starts before the file server."""
    drop(house, "exp-1", 0.9, gated="x")
    job = house.start().wait(msg="run submitted to Slurm")["slurm_job"]
    run, away = house.runs / "exp-1-1", house.runs.parent / "away"
    eventually((run / "box" / "begun").exists)
    house.kill()
    run.rename(away)
    log = house.start()
    log.wait(msg=lambda text: text in ("run on Slurm taken up", "run submitted to Slurm"))
    away.rename(run)
    let_end(house, "exp-1")
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert log.all(msg="run on Slurm taken up", slurm_job=job) and attempts(log, "exp-1") == []
    assert house.stop() == 0


def test_a_run_that_somebody_cancels_is_run_again(house, cluster):
    """Its command said 143 then, or what it likes when it is told to end: that is no verdict."""
    house.configure(queue={"parallel": 2})
    drop(house, "exp-1", 0.9, gated="x")
    drop(house, "exp-2", 0.8, attack="trap 'exit 0' TERM; until [ -e ~/go ]; do sleep 0.1; done")
    log = house.start()
    log.wait_until(lambda: len(log.all(msg="run submitted to Slurm")) == 2)
    running(cluster, 2)
    for name in cluster.queue():
        cluster.command("scancel", "-n", name)
    for name in ("exp-1", "exp-2"):
        log.wait(experiment=name, msg="run submitted to Slurm", attempt="2", seconds=60)
        let_end(house, name, 2)
    for name in ("exp-1", "exp-2"):
        log.wait(experiment=name, decision="promoted", seconds=60)
    assert len(log.all(msg="run on Slurm lost; another attempt follows", reason=lambda text: "CANCELLED" in text)) == 2
    assert attempts(log, "exp-1") == attempts(log, "exp-2") == [1, 2]
    assert house.stop() == 0


def test_an_output_that_cannot_be_read_is_read_again(house, cluster):
    """A directory in its place plays a file server that fails: what was not read says nothing about the tests."""
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    log.wait(msg="run submitted to Slurm")
    eventually((house.runs / "exp-1-1" / "box" / "begun").exists)
    output, kept = house.runs / "exp-1-1" / "output", house.runs / "exp-1-1" / "kept"
    output.rename(kept)
    output.mkdir()
    let_end(house, "exp-1")
    log.wait(experiment="exp-1", reason=lambda text: "the output of the run cannot be read: cat exited with status 1" in text)
    output.rmdir()
    kept.rename(output)
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert attempts(log, "exp-1") == [1] and house.stop() == 0


def status_of(house):
    """What is told of the run of the one job, as JSON and as the table."""
    (_, text, _), (_, table, _) = house.run_beside("--status", "--json"), house.run_beside("--status")
    (job,) = json.loads(text)["running"] or [{}]
    return job.get("run") or {}, table


def test_waiting_in_the_queue_is_no_fault(house, cluster):
    """Longer than the timeout of the command, and than queue.retry_for."""
    house.configure(validation={"timeout": "2s"}, queue={"retry_for": "1s"})
    house.clock.by_hand()
    cluster.command("sbatch", "-N2", "--exclusive", "--wrap=sleep 5", "--output=/dev/null")
    eventually(lambda: [state for state, _ in cluster.queue().values()] == ["RUNNING"])
    house.config["validation"]["slurm"]["poll"] = "1s"
    drop(house, "exp-1", 0.9, slow="1")
    log = house.start()
    waits = log.wait(msg="run waits in Slurm's queue")
    run, table = status_of(house)
    assert run["slurm_job"] == int(waits["slurm_job"]) and run["waits"] == waits["reason"] and not run["began"]
    assert f"Slurm job {waits['slurm_job']} in its queue for " in table and f": {waits['reason']}" in table
    eventually(lambda: status_of(house)[0].get("began"))
    run, table = status_of(house)
    assert f"Slurm job {waits['slurm_job']} on {run['node']} for " in table and not run["waits"]
    log.wait(experiment="exp-1", decision="promoted")
    assert [event["reason"] for event in log.all(msg="run waits in Slurm's queue")] in (["Resources"], ["Priority"])
    assert not log.all(msg="step could not be done now; trying again")
    (ended,) = log.all(msg="run on Slurm ended")
    assert int(ended["queued_ms"]) > 2000 and int(ended["duration_ms"]) < 2000, "the queue is apart from the run"
    assert house.stop() == 0


def test_the_status_tells_why_a_run_is_not_submitted(house, cluster, tmp_path):
    refuses = FAKES["limit"].replace("touch {0}/once; ", "")
    put_before(house, tmp_path, "sbatch", refuses.replace("{0}", str(tmp_path)))
    drop(house, "exp-1", 0.9)
    log = house.start()
    reason = log.wait(msg="run waits in Slurm's queue")["reason"]
    run, table = status_of(house)
    assert (run["slurm_job"], run["submitted"], run["waits"]) == (None, None, reason)
    assert f"not taken by Slurm yet: {reason[:40]}" in table, table
    (tmp_path / "once").touch()
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert house.stop() == 0


def test_slurm_may_be_away_while_a_run_ends(house, cluster):
    """A query that fails changes nothing, and is logged once. The files count."""
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    log.wait(msg="run submitted to Slurm")
    running(cluster)
    cluster.end("controller", kill=True)
    try:
        log.wait(msg="Slurm cannot be asked now; runs go on", seconds=40)
        let_end(house, "exp-1")
        log.wait(msg="run on Slurm ended", seconds=40)
    finally:
        cluster.start_controller()
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert attempts(log, "exp-1") == [1] and len(log.all(msg="Slurm cannot be asked now; runs go on")) == 1
    assert house.stop() == 0


FAKES = {
    # sbatch submits, and its answer is lost: once.
    "lost answer": """[ "$1" = --test-only ] && exec /usr/bin/sbatch "$@"
[ ! -e {0}/once ] || exec /usr/bin/sbatch "$@"
touch {0}/once; /usr/bin/sbatch "$@"; echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2; exit 1""",
    # It does not submit, since there are too many jobs: once.
    "limit": """[ "$1" = --test-only ] && exec /usr/bin/sbatch "$@"
[ ! -e {0}/once ] || exec /usr/bin/sbatch "$@"
touch {0}/once; echo "sbatch: error: QOSMaxSubmitJobPerUserLimit
sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)" >&2; exit 1""",
}


@pytest.mark.parametrize("kind", FAKES)
def test_what_was_submitted_is_looked_for_before_it_is_submitted_again(house, cluster, tmp_path, kind):
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "sbatch"
    script.write_text("#!/bin/sh\n" + FAKES[kind].replace("{0}", str(tmp_path)))
    script.chmod(0o755)
    house.environment["PATH"] = f"{tmp_path}/bin:{house.environment['PATH']}"
    drop(house, "exp-1", 0.9)
    log = house.once()
    assert decisions(log) == {"exp-1": "promoted"} and attempts(log, "exp-1") == [1]
    waits = log.all(msg="run waits in Slurm's queue", slurm_job="0")
    assert [kind == "limit" for event in waits if "QOSMaxSubmit" in event["reason"]] == [True] * (kind == "limit")
    assert not log.all(msg="Slurm cannot be asked now; runs go on"), "it was asked"
    found = cluster.command("squeue", "-h", "-t", "all", "-O", "Name:100", "-n", f"winnowd-{house_id(house)}-exp-1-1")
    assert len(found.split()) == 1, "it was submitted once"


def house_id(house):
    with contextlib.closing(sqlite3.connect(f"file:{house.state}/winnowd.db?mode=ro", uri=True)) as store:
        return store.execute("SELECT id FROM run_id").fetchone()[0]


def record_of(house, experiment):
    with contextlib.closing(sqlite3.connect(f"file:{house.state}/winnowd.db?mode=ro", uri=True)) as store:
        return json.loads(store.execute("SELECT record FROM runs WHERE experiment_id = ?", [experiment]).fetchone()[0])


def test_what_no_job_waits_for_is_cancelled(house, cluster):
    """An attempt that the store does not know, as after a backup was put back, and one whose end was not seen."""
    house.clock.by_hand()  # else two minutes in which a slow node ends a job are over in seconds, and it is left for an hour
    house.start().wait(msg="winnowd started")
    assert house.stop() == 0
    unknown, left, foreign = (f"winnowd-{who}-1" for who in (f"{house_id(house)}-a-b", f"{house_id(house)}-left", "0-left"))
    for name in (unknown, left, foreign):
        cluster.command("sbatch", f"--job-name={name}", "--output=/dev/null", "--wrap=sleep 60")
    (house.runs / "left-1").mkdir()
    with contextlib.closing(sqlite3.connect(house.state / "winnowd.db")) as store:
        store.execute("INSERT INTO runs VALUES ('left', 0, '{\"state\":\"submitted\",\"attempt\":1}')")
        store.commit()
    log = house.start()
    eventually(lambda: list(cluster.queue()) == [foreign] and not (house.runs / "left-1").exists())
    assert [event["experiment"] for event in log.all(msg="run on Slurm cancelled: no job waits for it")] == ["a-b"]
    cluster.command("scancel", "-n", foreign)
    assert house.stop() == 0


def test_a_run_of_another_state_is_left_alone(house, cluster):
    """Two daemons may share the directory, and give the same name to their runs, as to those of the base."""
    house.configure(validation={"base": "once"})
    drop(house, "exp-1", 0.9)
    assert attempts(house.once(), "_base") == [1]
    other = house.runs / "_base-1"
    other.mkdir()
    (other / "script").touch()
    house.forge.project.advance({"more": "x"})
    drop(house, "exp-2", 0.8)
    log = house.once()
    assert decisions(log) == {"exp-2": "promoted"} and attempts(log, "_base") == [2], log.text
    assert [path.name for path in other.iterdir()] == ["script"]


@pytest.mark.parametrize("option, reason, mended", [("--partition=none", "invalid partition", "reload"),
                                                    ("--nodes=9", "PartitionConfig", "reload"),
                                                    ("--hold", "JobHeldUser", "reload"),
                                                    ("--hold", "JobHeldUser", "release")])  # fmt: skip
def test_options_that_are_wrong_hold_the_queue(house, cluster, option, reason, mended):
    """A job that waits for wrong options is not cancelled. It is begun anew once they are mended, also if the daemon of
    another state has a directory of the next name."""
    house.config["validation"]["slurm"]["options"] = [option]
    drop(house, "exp-1", 0.9)
    log = house.start()
    log.wait(level="error", reason=lambda text: reason in text and "validation.slurm.options" in text, seconds=30)
    name = f"winnowd-{house_id(house)}-exp-1-1"
    if option == "--partition=none":
        code, _, errors = house.run_beside("--check-config")
        assert code == 78 and "validation.slurm.options" in errors
    else:
        assert name in cluster.queue(), "the job is not cancelled"
        (house.runs / "exp-1-2").mkdir()
    if mended == "release":
        cluster.command("scontrol", "release", f"jobname={name}")
    else:
        house.config["validation"]["slurm"]["options"] = []
        house.write_configuration()
        house.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert cluster.queue() == {}
    assert house.stop() == 0


def test_nodes_that_are_drained_are_no_fault_of_the_options(house, cluster):
    """sbatch --test-only has the same words for these and for options that no node can fulfil. A job waits."""
    drop(house, "exp-1", 0.9)
    with cluster.only_on(None):
        log = house.start()
        log.wait(msg="run waits in Slurm's queue")
        code, _, errors = house.run_beside("--check-config")
        assert code == 69 and "sbatch says: allocation failure: " in errors and errors.rstrip().endswith("down or drained"), errors
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert attempts(log, "exp-1") == [1] and not log.all(msg="jobs wait until this is mended") and house.stop() == 0


def test_a_timeout_that_is_too_long_for_the_partition_is_found(house, cluster):
    """Where such a job is refused at submission. Elsewhere it waits, and holds the queue then."""
    house.configure(validation={"timeout": "30m", "slurm": {"options": ["--partition=urgent"]}})
    with cluster.configured("EnforcePartLimits=ALL"):
        cluster.command("scontrol", "update", "partitionname=urgent", "MaxTime=34")
        code, _, errors = house.run_beside("--check-config")
        assert code == 78 and "validation.slurm.options: sbatch says: " in errors and "time limit is invalid" in errors, errors
        cluster.command("scontrol", "update", "partitionname=urgent", "MaxTime=35")
        assert house.run_beside("--check-config")[0] == 0
    assert house.run_beside("--check-config")[0] == 0, "the partition is as it was"


def test_a_program_that_is_on_no_node_holds_the_queue(house, cluster):
    house.configure(validation={"command": ["no-such-program"]})
    drop(house, "exp-1", 0.9)
    log = house.start()
    held = log.wait(level="error", msg="jobs wait until this is mended", key="validation.command", seconds=60,
                    reason=lambda text: "validation.command: on node n" in text and "no-such-program" in text)  # fmt: skip
    # On both nodes; on none, as both are left out then; on one, which makes three; and once more, since all is well here.
    assert len([event for event in log.all(msg="run submitted to Slurm") if event["time"] < held["time"]]) <= 5
    house.configure(validation={"command": ["sh", "check"]})
    house.write_configuration()
    house.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert house.stop() == 0


LOOKS = """
for place in {conf} {runs} {state} /root /run/munge; do [ -z "$(ls -A $place 2>/dev/null)" ] || echo "seen: $place"; done
env | grep -E 'SLURM|SBATCH' && echo "seen: variables"
squeue && echo "seen: the queue"
touch ../../ended ../ended /run/ended && echo "seen: its own verdict"
echo "GIVEN is $GIVEN, HOME is $HOME"
exit 1
"""


def test_the_tests_do_not_reach_slurm(house, cluster):
    house.configure(validation={"environment": {"GIVEN": "it's $HOME"}})
    text = LOOKS.format(conf=cluster.directory, runs=house.runs, state=house.state)
    drop(house, "exp-1", 0.9, attack=text.strip())
    log = house.once()
    assert decisions(log) == {"exp-1": "failed"}
    output = (house.state / "validation" / "exp-1.log").read_text()
    assert "seen" not in output and "GIVEN is it's $HOME, HOME is /run/checkout/home" in output, output


def processes_of(text):
    """The ids of processes that have this in their command line."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if text in path.read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(int(path.parent.name))
    return found


@pytest.mark.exhaustive
def test_a_node_that_dies_fails_nobody(house, cluster):
    """srun says `Node failure` and exits with 0 then. The next attempt is on the other node."""
    house.configure(validation={"timeout": "60s"})
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    job = log.wait(msg="run submitted to Slurm")["slurm_job"]
    node = {}
    eventually(lambda: node.update({name: where for name, (_, where) in cluster.queue().items()}) or any(node.values()))
    (dead,) = node.values()
    eventually((house.runs / "exp-1-1" / "started" / "node").exists)
    cluster.end(dead, kill=True)
    for process in processes_of(f"slurmstepd: [{job}.") + processes_of(f"{cluster.directory}/{dead}/job"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    try:
        lost = log.wait(msg="run on Slurm lost; another attempt follows", seconds=90)
        assert f"NODE_FAIL on {dead}" in lost["reason"]
        log.wait(msg="run submitted to Slurm", attempt="2", seconds=60)
        let_end(house, "exp-1", 2)
        log.wait(experiment="exp-1", decision="promoted", seconds=60)
    finally:
        cluster.start_node(dead)
    ended = log.all(msg="run on Slurm ended", experiment="exp-1")
    assert [(event["attempt"], event["node"] == dead) for event in ended] == [("2", False)]
    assert house.stop() == 0


def test_a_node_is_left_out_no_longer_than_others_are_there(house, cluster):
    """The files of an attempt that waits play a node on which nothing begins. The other one is drained."""
    log = house.start()
    log.wait(msg="forge answers")
    cluster.command("scontrol", "update", "nodename=n1,n2", "state=drain", "reason=test")
    drop(house, "exp-1", 0.9)
    try:
        log.wait(msg="run submitted to Slurm")
        run = house.runs / "exp-1-1"
        (run / "started").mkdir()
        (run / "started" / "node").write_text("n1\n")
        (run / "problem.new").write_text("validation.command\nn1\nno such program\n")
        (run / "problem.new").rename(run / "problem")
        log.wait(msg="run submitted to Slurm", attempt="2", seconds=60)
        cluster.command("scontrol", "update", "nodename=n1", "state=resume")
        eventually(lambda: "ReqNodeNotAvail" in (status_of(house)[0].get("waits") or ""))  # the log tells the first reason only
        assert attempts(log, "exp-1") == [1, 2], "another node may come back"
        house.clock.pass_by(3700)
        lost = log.wait(msg="run on Slurm lost; another attempt follows", attempt="2", seconds=60)
        assert "ReqNodeNotAvail" in lost["reason"] and lost["reason"].endswith(": n1")
        log.wait(experiment="exp-1", decision="promoted", seconds=60)
    finally:
        cluster.command("scontrol", "update", "nodename=n1,n2", "state=resume", check=False)
    assert [event["node"] for event in log.all(msg="run on Slurm ended")] == ["n1"] and attempts(log, "exp-1") == [1, 2, 3]
    assert house.stop() == 0 and not record_of(house, "exp-1").get("excluded")


@pytest.mark.exhaustive
def test_sixty_four_runs_at_a_time(house, cluster):
    house.configure(queue={"parallel": 64})
    house.clock.by_hand()
    for number in range(64):
        drop(house, f"exp-{number}", 0.9 - number / 1000)
    began = time.monotonic()
    log = house.once(seconds=300)
    print(f"64 runs: {time.monotonic() - began:.1f} s")
    assert set(decisions(log).values()) <= {"promoted", "superseded"} and len(decisions(log)) == 64
    assert len(log.all(msg="run submitted to Slurm")) == len(log.all(msg="run on Slurm ended"))
    assert cluster.queue() == {}


@pytest.mark.exhaustive
def test_a_run_that_needs_more_than_slurm_gives_fails_at_the_second_attempt(house, cluster, tmp_path):
    """Slurm's own word is played, since no memory is counted here; what it ends is real."""
    (tmp_path / "bin").mkdir()
    script = tmp_path / "bin" / "squeue"
    script.write_text("#!/bin/sh\n/usr/bin/squeue \"$@\" | sed 's/|CANCELLED|/|OUT_OF_MEMORY|/'\n")
    script.chmod(0o755)
    house.environment["PATH"] = f"{tmp_path}/bin:{house.environment['PATH']}"
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    nodes = []
    for attempt in (1, 2):
        log.wait(msg="run submitted to Slurm", attempt=str(attempt), seconds=60)
        name = running(cluster)
        nodes.append(cluster.queue()[name][1])
        cluster.command("scancel", "-n", name)
    decided = log.wait(experiment="exp-1", decision="failed", seconds=60)
    assert "OUT_OF_MEMORY" in decided["reason"] and "validation.slurm.options" in decided["reason"]
    assert set(nodes) == {"n1", "n2"}, "the second attempt is on another node"
    assert house.stop() == 0 and cluster.queue() == {} and list(house.runs.glob("exp-*")) == []


def put_before(house, tmp_path, name, text):
    """A script that plays a program of Slurm."""
    script = tmp_path / "bin" / name
    script.parent.mkdir()
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    house.environment["PATH"] = f"{script.parent}:{house.environment['PATH']}"


@pytest.mark.exhaustive
def test_a_run_that_slurm_ends_before_it_began_fails_nobody(house, cluster, tmp_path):
    """A job that is held plays one whose node does not get ready in Slurm's time."""
    put_before(house, tmp_path, "squeue", "/usr/bin/squeue \"$@\" | sed 's/|PENDING|[^|]*|/|TIMEOUT|n1|/'")
    house.config["validation"]["slurm"]["options"] = ["--hold"]
    drop(house, "exp-1", 0.9)
    log = house.start()
    log.wait(level="error", msg="jobs wait until this is mended", seconds=90, reason=lambda text:
             "validation.slurm.options: Slurm says TIMEOUT on n1; the run had not started" in text)  # fmt: skip
    assert decisions(log) == {} and attempts(log, "exp-1")[:3] == [1, 2, 3]
    house.config["validation"]["slurm"]["options"] = []
    house.write_configuration()
    house.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted", seconds=90)
    assert house.stop() == 0


@pytest.mark.exhaustive
def test_a_run_that_is_preempted_is_run_again(house, cluster):
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    log.wait(msg="run submitted to Slurm")
    running(cluster)
    cluster.command("sbatch", "-p", "urgent", "-N2", "--exclusive", "--wrap=sleep 2", "--output=/dev/null")
    lost = log.wait(msg="run on Slurm lost; another attempt follows", seconds=60)
    assert "PREEMPTED" in lost["reason"]
    log.wait(msg="run submitted to Slurm", attempt="2", seconds=60)
    let_end(house, "exp-1", 2)
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert attempts(log, "exp-1") == [1, 2] and house.stop() == 0


@pytest.mark.exhaustive
def test_time_in_which_slurm_suspends_a_run_is_not_its_own(house, cluster):
    house.configure(validation={"timeout": "8s"})
    house.clock.by_hand()
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    job = log.wait(msg="run submitted to Slurm")["slurm_job"]
    eventually((house.runs / "exp-1-1" / "pipe").exists)
    cluster.command("scontrol", "suspend", job)
    suspended = time.monotonic()
    eventually(lambda: time.monotonic() - suspended > 8)  # it is too late by the clock on the wall
    cluster.command("scontrol", "resume", job)
    log.wait(msg="run on Slurm lost; another attempt follows", reason=lambda text: "Slurm suspended it" in text)
    log.wait(msg="run submitted to Slurm", attempt="2", seconds=60)
    let_end(house, "exp-1", 2)
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert attempts(log, "exp-1") == [1, 2] and house.stop() == 0


@pytest.mark.exhaustive
def test_munge_may_be_away_while_a_run_ends(house, cluster):
    """Its files count. What could not be cancelled then is removed within the hour."""
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    log.wait(msg="run submitted to Slurm")
    running(cluster)
    cluster.end("munge")
    try:
        log.wait(msg="Slurm cannot be asked now; runs go on", seconds=60)
        let_end(house, "exp-1")
        log.wait(experiment="exp-1", decision="promoted", seconds=90)
    finally:
        cluster.start_munge()
    assert attempts(log, "exp-1") == [1] and log.all(msg="Slurm cannot be asked now; runs go on")
    eventually(lambda: cluster.queue() == {}, seconds=60)
    assert (house.runs / "exp-1-1").exists(), "nobody could say that it was over"
    house.clock.pass_by(3700)
    eventually(lambda: not (house.runs / "exp-1-1").exists(), seconds=60)
    assert house.stop() == 0


@pytest.mark.exhaustive
def test_slurm_s_time_is_up_twice(house, cluster):
    """Slurm's time limit is above the timeout, so somebody has lowered it. That is a matter of validation.slurm.options."""
    house.configure(validation={"timeout": "10m"})
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    nodes = []
    for attempt in (1, 2):
        job = log.wait(msg="run submitted to Slurm", attempt=str(attempt), seconds=90)["slurm_job"]
        name = running(cluster)
        nodes.append(cluster.queue()[name][1])
        cluster.command("scontrol", "update", f"jobid={job}", "timelimit=1")
        log.wait_until(lambda: len(log.all(msg="run on Slurm lost; another attempt follows")) == len(nodes), seconds=150)
    decided = log.wait(experiment="exp-1", decision="failed", seconds=60)
    assert "TIMEOUT" in decided["reason"] and "validation.slurm.options" in decided["reason"]
    assert set(nodes) == {"n1", "n2"} and house.stop() == 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("missing", ["directory", "bubblewrap", "program"])
def test_what_is_missing_on_one_node_is_found_on_the_other(house, cluster, tmp_path, missing):
    """The next attempt is not made where the last one did not begin."""
    program = tmp_path / "checks"
    program.write_text('#!/bin/sh\nexec sh "$@"\n')
    program.chmod(0o755)
    house.configure(validation={"command": [str(program), "check"]})
    house.runs.mkdir()
    hidden = {"directory": f"mount -t tmpfs none {house.runs}", "bubblewrap": "mount --bind /dev/null $(command -v bwrap)",
              "program": f"mount --bind /dev/null {program}"}[missing]  # fmt: skip
    cluster.restart_node("n1", hidden)
    try:
        cluster.ready()
        with cluster.only_on("n1"):
            drop(house, "exp-1", 0.9)
            log = house.start()
            lost = log.wait(msg="run on Slurm lost; another attempt follows", seconds=60)
        key = {"directory": "directory", "bubblewrap": "sandbox", "program": "command"}[missing]
        assert f"validation.{key}" in lost["reason"] and "n1" in lost["reason"]
        log.wait(experiment="exp-1", decision="promoted", seconds=60)
        assert [event["node"] for event in log.all(msg="run on Slurm ended")] == ["n2"]
        assert attempts(log, "exp-1") == [1, 2] and house.stop() == 0
        assert record_of(house, "exp-1")["beginless"] == 0, "the next run begins with a clean slate"
    finally:
        cluster.restart_node("n1")


HANGS = """
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

DIR *opendir(const char *path)
{
    DIR *(*real)(const char *) = (DIR * (*)(const char *)) dlsym(RTLD_NEXT, "opendir");

    while (strstr(path, "/runs/") && access(getenv("WINNOWD_TEST_HANGS"), F_OK) == 0)
        usleep(20000);
    return real(path);
}
"""


@pytest.mark.exhaustive
def test_a_file_server_that_hangs_holds_up_nothing_else(house, cluster, tmp_path):
    hangs = tmp_path / "hangs"
    preload(house.environment, preloaded(HANGS))
    house.environment["WINNOWD_TEST_HANGS"] = str(hangs)
    drop(house, "exp-1", 0.9, gated="x")
    log = house.start()
    log.wait(msg="run submitted to Slurm")
    hangs.touch()
    log.wait(msg="directory of the runs on Slurm does not answer; runs go on", seconds=60)
    house.drop(result("exp-2", 2.0, metric_before=1.0, diff=new_file("other", "x")))
    log.wait(experiment="exp-2", decision="discarded")
    assert "validate" in house.run_beside("--status")[1]
    let_end(house, "exp-1")
    hangs.unlink()
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert attempts(log, "exp-1") == [1] and log.all(msg="directory of the runs on Slurm answers again")
    assert house.stop() == 0


@pytest.mark.exhaustive
def test_a_late_end_of_an_old_attempt_counts_for_nothing(house, cluster):
    drop(house, "exp-1", 0.9, attack="until [ -e ~/go ]; do sleep 0.1; done; exit 3")
    log = house.start()
    log.wait(msg="run submitted to Slurm")
    cluster.command("scancel", "-n", running(cluster))
    log.wait(msg="run submitted to Slurm", attempt="2", seconds=60)
    (house.runs / "exp-1-1").mkdir(exist_ok=True)
    (house.runs / "exp-1-1" / "ended").write_text("0 1.00 n1\n")
    let_end(house, "exp-1", 2)
    assert "status 3" in log.wait(experiment="exp-1", decision="failed", seconds=60)["reason"]
    assert attempts(log, "exp-1") == [1, 2] and house.stop() == 0


@pytest.mark.exhaustive
def test_a_controller_that_forgets_a_run_and_uses_its_number_again(house, cluster):
    """It was killed before it wrote the run down: that is lost, and the number is another run's."""
    forget = cluster.until_forgotten()
    drop(house, "exp-1", 0.9, slow="8")
    log = house.start()
    job = log.wait(msg="run submitted to Slurm")["slurm_job"]
    forget(int(job))
    assert cluster.command("sbatch", "--parsable", "--output=/dev/null", "--wrap=sleep 1").strip() == job
    log.wait(experiment="exp-1", decision="promoted", seconds=120)
    assert len(attempts(log, "exp-1")) <= 3 and house.stop() == 0
    cluster.command("scontrol", "update", "nodename=n1,n2", "state=resume", check=False)


def test_the_base_runs_there_as_well(house, cluster):
    """It goes on without the daemon, too, and what it leaves in its cache is seen by the runs of experiments."""
    house.configure(validation={"base": "once"})
    text = "mkdir -p ~/.cache; cat ~/.cache/kept; date >>~/.cache/kept\n"
    house.forge.project.advance({"attack": text, "gated": "x"})
    house.drop(result("exp-1", 0.9, metric_before=1.0, diff=new_file("note", "x")))
    log = house.start()
    job = log.wait(msg="run submitted to Slurm", experiment="_base")["slurm_job"]
    running(cluster)
    house.kill()
    let_end(house, "_base")
    log = house.start()
    log.wait(msg="run submitted to Slurm", experiment="exp-1")
    let_end(house, "exp-1")
    log.wait(experiment="exp-1", decision="promoted")
    assert house.stop() == 0
    assert log.all(msg="run on Slurm taken up", slurm_job=job, experiment="_base")
    assert len(log.all(msg="base passes its tests")) == 1 and attempts(log, "_base") == []
    (shared,) = log.all(msg="tests see the kept cache", experiment="exp-1")
    assert shared["way"] in ("copy", "reflink")
    assert " 20" in (house.state / "validation" / "exp-1.log").read_text(), "it reads what the base wrote"
    assert cluster.queue() == {} and [path for path in house.runs.iterdir() if path.name[0] != "."] == []


@pytest.mark.exhaustive
def test_a_failure_counts_once_on_a_flaky_base(house, cluster, tmp_path):
    """The daemon is killed after the tests failed, while the base is run once more. They are run again, not read again."""
    house.configure(validation={"base": "once"})
    told = "until [ -e ~/go ]; do sleep 0.1; done; [ $(cat ~/go) = 0 ] || exit $(cat ~/go)\n"
    house.forge.project.advance({"attack": told})
    drop(house, "exp-1", 0.9)
    log = house.start()

    def end(name, attempt, status):
        log.wait(msg="run submitted to Slurm", experiment=name, attempt=str(attempt), seconds=60)
        (tmp_path / "go").write_text(str(status))
        (tmp_path / "go").rename(house.runs / f"{name}-{attempt}" / "box" / "home" / "go")

    end("_base", 1, 3)
    end("_base", 2, 0)
    log.wait(msg="run submitted to Slurm", experiment="exp-1")
    house.clock.pass_by(3700)
    end("exp-1", 1, 3)
    log.wait(msg="run submitted to Slurm", experiment="_base", attempt="3", seconds=60)
    house.kill()
    log = house.start()
    log.wait(msg="run on Slurm taken up", experiment="_base")
    (tmp_path / "go").write_text("3")
    (tmp_path / "go").rename(house.runs / "_base-3" / "box" / "home" / "go")
    end("_base", 4, 0)
    end("exp-1", 2, 0)
    log.wait(experiment="exp-1", decision="promoted", seconds=60)
    assert attempts(log, "exp-1") == [2] and house.stop() == 0


def test_a_run_of_the_base_that_holds_the_queue_stays(house, cluster):
    """As that of an experiment does."""
    house.configure(validation={"base": "once"})
    house.config["validation"]["slurm"]["options"] = ["--hold"]
    drop(house, "exp-1", 0.9)
    log = house.start()
    log.wait(level="error", msg="jobs wait until this is mended", reason=lambda text: "JobHeldUser" in text)
    cluster.command("scontrol", "release", f"jobname=winnowd-{house_id(house)}-_base-1")
    log.wait(msg="base passes its tests", seconds=90)
    assert attempts(log, "_base") == [1]
    house.config["validation"]["slurm"]["options"] = []
    house.write_configuration()
    house.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted", seconds=90)
    assert house.stop() == 0 and cluster.queue() == {}
