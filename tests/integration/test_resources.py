"""Promise: a machine that runs short of something loses nothing, and goes on when there is room again."""

import contextlib
import errno
import fcntl
import os
import resource
import shutil
import sqlite3
import subprocess

import pytest
from harness import alone_in, improved, result
from machine import Disk, eventually


def a_gate_of_files(winnowd, then="true"):
    """A validation that says it has begun, and goes on when the test says so."""
    begun, go = winnowd.directory / "begun", winnowd.directory / "go"
    script = f"touch {begun}; while [ ! -e {go} ]; do sleep 0.02; done; {then}"
    winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none"})
    return go


def assert_store_is_whole(winnowd):
    with sqlite3.connect(winnowd.state / "winnowd.db") as store:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return dict(store.execute(
            "SELECT experiment_id, count(*) FROM (SELECT experiment_id FROM results WHERE decided > 0"
            " UNION ALL SELECT experiment_id FROM decisions) GROUP BY 1"))  # fmt: skip


# Disks that are full.


def test_no_room_for_the_store(winnowd, project):
    with Disk(winnowd.state) as disk:
        log = winnowd.start()
        winnowd.drop(result("exp-0", 1.0))
        log.wait(experiment="exp-0", decision="baseline")
        disk.fill()
        for number in range(1, 9):  # what fits into pages that are there already is taken, of course
            winnowd.drop(result(f"exp-{number}", 2.0, details={"note": "x" * 3000}))
        failed = log.wait(msg="results could not be taken in; trying again", level="error")
        assert "full" in failed["reason"]
        undecided = {f"exp-{number}" for number in range(1, 9)} - set(log.decisions())
        assert undecided and {name.removesuffix(".json") for name in winnowd.waiting()} >= undecided
        disk.empty()
        for number in range(1, 9):
            log.wait(experiment=f"exp-{number}", decision="discarded")
        eventually(lambda: winnowd.waiting() == [])
        assert len(winnowd.archived()) == 9
        assert winnowd.stop() == 0
        assert set(assert_store_is_whole(winnowd).values()) == {1}


def assert_it_waits_and_goes_on(winnowd, forge, disk, log, waits=lambda text: text.endswith("; trying again")):
    log.wait(msg=waits)
    assert log.decisions() == {}
    disk.empty()
    log.wait(experiment="exp-1", decision="promoted")
    assert winnowd.stop() == 0
    assert assert_store_is_whole(winnowd) == {"exp-1": 1}
    assert [pull.head for pull in forge.pulls()] == ["experiment/exp-1"]
    assert list((winnowd.state / "checkouts").iterdir()) == []
    winnowd.check_promises()


@pytest.mark.parametrize("step", ["branch", "compose", "validate"])
def test_no_room_in_the_middle_of_a_job(winnowd, forge, step):
    """For what git fetches, for the clone, for the store: all of that lies below the state."""
    with Disk(winnowd.state, "8m") as disk:
        log = winnowd.start()
        winnowd.drop(improved(forge.project))
        log.wait(experiment="exp-1", msg="step started", step=step)
        disk.fill()
        assert_it_waits_and_goes_on(winnowd, forge, disk, log)


def test_tests_that_leave_no_room(winnowd, forge, project):
    """Their output cannot be written any more. What was written of it does not take the room that the store needs."""
    with Disk(winnowd.state, "8m") as disk:
        go = a_gate_of_files(winnowd, "head -c 1000000 /dev/zero | tr '\\0' '\\n'")
        log = winnowd.start()
        winnowd.drop(improved(project))
        eventually((winnowd.directory / "begun").exists)
        disk.fill()
        go.touch()
        # Not before: the room made for it would go to what the tests say. What they say again fits into it.
        assert_it_waits_and_goes_on(winnowd, forge, disk, log, waits="store could not be written; trying again")


def test_no_room_for_the_archive(winnowd):
    """Neither for a day's folder, nor for a reason: decided all the same, and moved later."""
    with Disk(winnowd.spool, more=",nr_inodes=8") as disk:
        for name in (".archive", ".rejected"):
            (winnowd.spool / name).mkdir()
        winnowd.drop(result("exp-1", 1.0))
        winnowd.drop("{}", name="bad.json")
        with pytest.raises(OSError, match="No space"):
            for number in range(8):
                (winnowd.spool / f".taken-{number}").touch()
        log = winnowd.start()
        log.wait(experiment="exp-1", decision="baseline")
        log.wait(file="bad.json", decision="rejected")
        for name in ("exp-1.json", "bad.json"):
            log.wait(file=name, msg="file could not be moved; trying again")
        winnowd.kill()
        log = winnowd.start()  # which meets them again
        log.wait(file="exp-1.json", msg="file could not be moved; trying again")
        disk.remount("nr_inodes=100")
        eventually(lambda: winnowd.waiting() == [])
        winnowd.drop(result("exp-2", 2.0))
        log.wait(experiment="exp-2", decision="discarded")
        assert winnowd.stop() == 0
        assert winnowd.archived() == ["exp-1.json", "exp-2.json"] and list(winnowd.rejected()) == ["bad.json"]
        assert log.decisions() == {"exp-2": "discarded"} and not log.all(decision="rejected")


def test_no_room_for_the_daemons_own_log(winnowd, project, forge):
    """Lines are lost, and no work is. The next line that fits is whole, on a line of its own."""
    folder = winnowd.directory / "log"
    folder.mkdir()
    winnowd.write_configuration()
    with Disk(folder, "64k") as disk, open(folder / "log", "ab", buffering=0) as file:

        def once():
            done = subprocess.run(winnowd.command("--once"), stderr=file, env=winnowd.environment, check=False)
            assert done.returncode == 0

        disk.fill()
        winnowd.drop(improved(project))
        once()
        assert winnowd.archived() == ["exp-1.json"] and len(forge.pulls()) == 1
        disk.filler.unlink()
        winnowd.drop(result("exp-2", 2.0))
        once()
        assert "experiment=exp-2" in (folder / "log").read_text(encoding="utf-8")


# A spool that cannot be written to, or is another.


@pytest.mark.parametrize("at", ["start", "run"])
def test_a_read_only_spool(winnowd, at):
    with Disk(winnowd.spool) as disk:
        winnowd.drop(result("exp-1", 1.0))
        if at == "start":
            disk.remount("ro")
            log = winnowd.once(status=74)
            assert str(winnowd.spool) in log.text
            assert winnowd.waiting() == ["exp-1.json"]
            disk.remount("rw")
            assert winnowd.once().decisions() == {"exp-1": "baseline"}
            return
        log = winnowd.start()
        log.wait(experiment="exp-1", decision="baseline")
        winnowd.drop(result("exp-2", 2.0))
        disk.remount("ro")
        log.wait(experiment="exp-2", decision="discarded")
        if winnowd.waiting():
            log.wait(msg="file could not be moved; trying again")
        disk.remount("rw")
        eventually(lambda: winnowd.waiting() == [])
        assert winnowd.archived() == ["exp-1.json", "exp-2.json"]
        assert len(log.all(experiment="exp-2", decision="discarded")) == 1


def test_a_spool_that_gets_read_only_under_a_queue(winnowd, project, forge):
    """A decided file cannot be moved. It is not decided again and is no duplicate, even after a restart."""
    with Disk(winnowd.spool) as disk:
        go = a_gate_of_files(winnowd)
        log = winnowd.start()
        winnowd.drop(improved(project))
        eventually((winnowd.directory / "begun").exists)
        winnowd.drop(result("exp-2", 2.0, metric_before=1.0))
        disk.remount("ro")
        log.wait(experiment="exp-2", decision="discarded")
        winnowd.kill()
        disk.remount("rw")
        go.touch()
        log = winnowd.once()
        assert log.decisions() == {"exp-1": "promoted"}
        assert winnowd.waiting() == [] and winnowd.archived() == ["exp-1.json", "exp-2.json"]
        winnowd.check_promises()


@pytest.mark.parametrize("how", ["deleted", "moved away"])
def test_another_spool_under_the_same_name(winnowd, project, how):
    go = a_gate_of_files(winnowd)
    log = winnowd.start()
    winnowd.drop(improved(project))
    log.wait(experiment="exp-1", step="validate")
    if how == "deleted":
        shutil.rmtree(winnowd.spool)
    else:
        winnowd.spool.rename(winnowd.directory / "elsewhere")
    log.wait(msg="spool directory is gone")
    winnowd.spool.mkdir()
    log.wait(msg="spool directory is there")
    winnowd.drop(result("exp-2", 2.0, metric_before=1.0))
    log.wait(experiment="exp-2", decision="discarded")
    eventually(lambda: winnowd.archived() == ["exp-2.json"])
    go.touch()
    log.wait(experiment="exp-1", decision="promoted")


# Watches, descriptors, clocks.


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EMFILE], ids=["ENOSPC", "EMFILE"])
def test_no_watches_left(winnowd, code):
    clock = winnowd.clock.by_hand()
    clock.refuse_watches(code)
    winnowd.drop(result("exp-1", 1.0))
    log = winnowd.start()
    assert os.strerror(code) in log.wait(level="warning", msg=lambda text: "not watched" in text)["reason"]
    log.wait(experiment="exp-1", decision="baseline")
    winnowd.drop(result("exp-2", 2.0))
    clock.pass_by(31)  # the timer of the full scan
    log.wait(experiment="exp-2", decision="discarded")
    clock.refuse_watches(0)
    clock.pass_by(31)
    winnowd.drop(result("exp-3", 2.0))
    log.wait(msg="status")
    log.wait(experiment="exp-3", decision="discarded")
    winnowd.drop(result("exp-4", 2.0))
    log.wait(experiment="exp-4", decision="discarded", seconds=25)  # watched again: sooner than by the timer
    assert len(log.all(level="warning", msg=lambda text: "not watched" in text)) == 1


def lowest_free_descriptor(winnowd):
    used = {int(name) for name in os.listdir(f"/proc/{winnowd.process.pid}/fd")}
    return next(number for number in range(len(used) + 1) if number not in used)


def limit_descriptors(winnowd, number):
    _, hard = resource.prlimit(winnowd.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(winnowd.process.pid, resource.RLIMIT_NOFILE, (number or hard, hard))


@pytest.mark.parametrize("step", ["compose", "validate", "push", "pull"])
def test_no_descriptors_left(winnowd, project, forge, step):
    log = winnowd.start()
    log.wait(msg="forge answers")
    number = lowest_free_descriptor(winnowd)
    # The pull request of a local forge is opened in a moment: not before there are no descriptors left.
    forge.outbox.mkdir(exist_ok=True)
    with alone_in(forge.outbox):
        winnowd.drop(improved(project))
        log.wait(experiment="exp-1", msg="step started", step=step)
        limit_descriptors(winnowd, number)
    waits = log.wait(experiment="exp-1", msg="step could not be done now; trying again")
    assert "open files" in waits["reason"].lower()
    winnowd.drop(result("exp-2", 2.0, metric_before=1.0))
    # A descriptor that the step gave back may do to read a file, and so to decide it; never to move it.
    log.wait(level="warning", reason=lambda text: "open files" in text.lower(),
             msg=lambda text: "spool" in text or text == "file could not be moved; trying again")  # fmt: skip
    assert winnowd.waiting() == ["exp-2.json"] and "exp-1" not in log.decisions()
    limit_descriptors(winnowd, None)
    log.wait(experiment="exp-1", decision="promoted")
    log.wait(experiment="exp-2", decision="discarded")
    assert [pull.head for pull in forge.pulls()] == ["experiment/exp-1"]


def test_a_clock_that_is_set_back(winnowd, project, forge):
    clock = winnowd.clock.by_hand()
    go = a_gate_of_files(winnowd)
    log = winnowd.start()
    winnowd.drop(result("first", 1.0))
    winnowd.drop(result("exp-1", 0.9, diff=project.tweak(WIDTH=65)))
    eventually((winnowd.directory / "begun").exists)
    clock.set_back(3600)
    # Its file is older than that of exp-1 now, so that it goes first.
    winnowd.drop(result("exp-2", 0.95, diff=project.tweak(DEPTH=13)), age=3600 + 500)
    log.wait(experiment="exp-2", msg="result queued")
    go.touch()
    log.wait(experiment="exp-2", decision="promoted")
    assert log.wait(experiment="exp-1", decision="promoted")["before"] == "0.95"
    winnowd.drop(result("exp-3", 0.95), age=3600 + 400)
    log.wait(experiment="exp-3", decision="discarded")
    assert winnowd.stop() == 0
    assert winnowd.once().decisions() == {}
    assert len(forge.pulls()) == 2


# The store.


def damaged(store, how):
    content = store.read_bytes()
    if how == "no database":
        store.write_bytes(b"Somebody's shopping list\n" * 400)
    elif how == "first page":
        store.write_bytes(content[:100] + b"\xff" * 3000 + content[3100:])
    elif how == "nothing left":
        store.write_bytes(b"")
    elif how == "a page in the middle":
        store.write_bytes(content[:8192] + b"\xa5" * 4096 + content[12288:])
    else:
        store.write_bytes(content[: len(content) // 2])
    return store.read_bytes()


def log_of(winnowd):
    path = winnowd.state / "winnowd.db-wal"
    return path.read_bytes() if path.exists() else b""


@pytest.mark.parametrize("ended", ["stop", "kill"])
@pytest.mark.parametrize("how", ["no database", "first page", "a page in the middle", "cut off", "nothing left"])
def test_a_damaged_store_is_refused_and_not_touched(winnowd, how, ended):
    log = winnowd.start()
    for number in range(20):
        winnowd.drop(result(f"exp-{number}", 1.0 + number))
        log.wait(experiment=f"exp-{number}", decision=True)
    if ended == "stop":
        assert winnowd.stop() == 0
    else:
        winnowd.kill()
        with sqlite3.connect(winnowd.state / "winnowd.db") as store:
            store.execute("PRAGMA wal_checkpoint(PASSIVE)")
            kept = (winnowd.state / "winnowd.db-wal").read_bytes()  # closing it would remove the log
        (winnowd.state / "winnowd.db-wal").write_bytes(kept)
    content = damaged(winnowd.state / "winnowd.db", how)
    beside = log_of(winnowd)
    winnowd.drop(result("late", 0.5))
    for _ in range(2):
        log = winnowd.once(status=74)
        failed = log.wait(msg="winnowd could not start", level="error")
        assert str(winnowd.state / "winnowd.db") in failed["reason"]
        assert "move it aside" in failed["reason"] and "backup" in failed["reason"]
        assert (winnowd.state / "winnowd.db").read_bytes() == content
        assert log_of(winnowd) == beside
    assert winnowd.waiting() == ["late.json"]
    # What it says helps.
    (winnowd.state / "winnowd.db").rename(winnowd.directory / "winnowd.db")
    if beside:
        assert "winnowd.db-wal" in winnowd.once(status=74).text
        assert log_of(winnowd) == beside and not (winnowd.state / "winnowd.db").exists()
        (winnowd.state / "winnowd.db-wal").rename(winnowd.directory / "winnowd.db-wal")
    assert winnowd.once().decisions() == {"late": "baseline"}


def a_large_store(winnowd):
    """After a stop that was not clean, too large to be looked at before the work begins."""
    winnowd.drop(result("exp-1", 1.0))
    winnowd.once()
    with sqlite3.connect(winnowd.state / "winnowd.db") as store:
        store.execute("INSERT INTO contents (result, patch) VALUES (1000000, zeroblob(8000000))")
    store.close()
    return winnowd.state / "winnowd.db"


def noted_closed(winnowd):
    return (winnowd.state / "lock").read_text().startswith("closed ")


def test_a_large_store_is_looked_at_beside_the_work(winnowd):
    a_large_store(winnowd)
    winnowd.drop(result("exp-2", 2.0))
    log = winnowd.once()
    assert log.decisions() == {"exp-2": "discarded"}
    assert noted_closed(winnowd), "it ended before it knew"
    assert assert_store_is_whole(winnowd) == {"exp-1": 1, "exp-2": 1}


NO_CHILD = """
#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int execve(const char *file, char *const argv[], char *const environment[])
{
    if (strcmp(argv[0], "winnowd-check-store") != 0)
        return (int)syscall(SYS_execve, file, argv, environment);
    errno = ENOMEM;
    return -1;
}
"""


def test_once_does_not_wait_for_a_look_at_the_store_that_cannot_be_had(winnowd, tmp_path):
    """As where the machine has no memory for the child; the store is not taken for a good one."""
    library = tmp_path / "no-child.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-xc", "-", "-o", library], input=NO_CHILD, text=True, check=True)
    a_large_store(winnowd)
    winnowd.drop(result("exp-2", 2.0))
    winnowd.environment["LD_PRELOAD"] = str(library)
    log = winnowd.once(seconds=30)
    assert log.decisions() == {"exp-2": "discarded"}
    assert log.all(msg="store could not be checked; trying again")
    assert not noted_closed(winnowd)
    winnowd.environment.pop("LD_PRELOAD")
    winnowd.once()
    assert noted_closed(winnowd)


@pytest.mark.parametrize("how", ["start", "once"])
def test_damage_of_a_large_store_stops_the_daemon(winnowd, how):
    path = a_large_store(winnowd)
    content = path.read_bytes()
    middle = len(content) // 8192 * 4096
    content = content[:middle] + b"\xa5" * 4096 + content[middle + 4096 :]
    path.write_bytes(content)
    for _ in range(2):
        if how == "once":
            log = winnowd.once(status=74)
        else:
            log = winnowd.start()
            assert winnowd.ended() == 74
        ended = log.wait(msg="winnowd ends: the store is damaged", level="error")
        assert str(path) in ended["reason"] and "move it aside" in ended["reason"]
        assert path.read_bytes() == content
        assert not noted_closed(winnowd)


def test_no_look_at_all_of_the_store_after_a_clean_stop(winnowd):
    a_large_store(winnowd)
    winnowd.once()
    winnowd.start()
    winnowd.log.wait(msg="forge answers")
    assert not noted_closed(winnowd), "a crash from here on would go unnoticed"
    assert winnowd.stop() == 0
    assert noted_closed(winnowd)
    winnowd.start().wait(msg="forge answers")
    winnowd.kill()
    assert not noted_closed(winnowd)


def test_a_store_of_a_newer_version_is_refused_and_not_touched(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    winnowd.once()
    path = winnowd.state / "winnowd.db"
    store = sqlite3.connect(path)
    store.execute("PRAGMA user_version = 999")
    store.commit()
    store.close()
    content = path.read_bytes()
    assert "newer winnowd" in winnowd.once(status=74).text
    assert path.read_bytes() == content


def test_a_second_daemon_on_the_same_state(winnowd):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    status, _, errors = winnowd.run_beside()
    assert status == 74 and str(winnowd.process.pid) in errors and str(winnowd.state) in errors
    assert winnowd.run_beside("--once")[0] == 74
    winnowd.drop(result("exp-2", 2.0))
    log.wait(experiment="exp-2", decision="discarded")
    winnowd.kill()
    winnowd.drop(result("exp-3", 2.0))
    assert winnowd.once().decisions() == {"exp-3": "discarded"}  # a dead one holds no lock


def test_state_that_cannot_be_used(winnowd):
    winnowd.state.rmdir()
    winnowd.state.write_text("no directory")
    assert str(winnowd.state) in winnowd.once(status=74).text
    assert winnowd.state.read_text(encoding="utf-8") == "no directory"


# Locks that a killed git has left.


@pytest.mark.parametrize("step, undone, name", [
    ("branch", False, "refs/heads/experiment/exp-1.lock"), ("push", False, "refs/heads/experiment/exp-1.lock"),
    ("branch", True, "refs/heads/experiment/exp-1.lock"), ("branch", True, "packed-refs.lock"),
])  # fmt: skip
def test_a_lock_in_the_forges_repository_is_named_and_left_alone(winnowd, project, forge, step, undone, name):
    """Others use it, too: nobody can say from here that nobody is at work."""
    lock = project.bare / name
    lock.parent.mkdir(parents=True, exist_ok=True)
    go = a_gate_of_files(winnowd, then="false" if undone else "true")
    go.touch()
    if step == "branch" and not undone:
        lock.touch()
    else:
        go.unlink()
    log = winnowd.start()
    winnowd.drop(improved(project, metric_before=1.0))
    if not lock.exists():
        log.wait(msg="step started", step="validate")
        lock.touch()
        go.touch()
    waits = "undo could not be done now; trying again" if undone else "step could not be done now; trying again"
    reason = log.wait(msg=waits, step=step)["reason"]
    assert f"{name} is in the way" in reason and reason.endswith("if none is at work, remove that file")
    assert log.wait(msg=waits, step=step, attempt=2)["reason"] == reason
    assert lock.exists()
    lock.unlink()
    assert log.wait(experiment="exp-1", decision=lambda decision: decision != "queued")["decision"] == (
        "failed" if undone else "promoted")  # fmt: skip


LOCKS = ("refs/heads/experiment/exp-2.lock", "refs/heads/other.lock", "refs/winnowd/base.lock", "packed-refs.lock",
         "HEAD.lock", "config.lock", "shallow.lock", "gc.pid", "objects/pack/tmp_pack_LvQ2mh", "objects/pack/tmp_idx_1")  # fmt: skip


def test_locks_in_the_private_repository_are_removed_at_the_start(winnowd, project):
    winnowd.drop(improved(project, metric_before=1.0))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    own = winnowd.state / "repository.git"
    packs = sorted(own.glob("objects/pack/*"))
    for name in LOCKS:
        (own / name).parent.mkdir(parents=True, exist_ok=True)
        (own / name).touch()
    winnowd.drop(improved(project, "exp-2", 0.8))
    assert winnowd.once().decisions() == {"exp-2": "promoted"}
    assert [name for name in LOCKS if (own / name).exists()] == []
    assert set(packs) <= set(own.glob("objects/pack/*"))


# The private repository.


def damage(own, how):
    if how == "gone":
        shutil.rmtree(own)
    elif how == "config":
        (own / "config").write_text("[core\n")
    elif how == "head":
        (own / "HEAD").unlink()
    for path in own.glob("objects/??/*" if how == "objects" else "objects/pack/*.pack" if how == "packs" else ".none"):
        path.chmod(0o600)
        path.write_bytes(b"")
    for path in own.glob("objects/??/*" if how == "packs" else ".none"):
        path.unlink()


@pytest.mark.parametrize("how", ["gone", "objects", "packs", "config", "head"])
def test_a_private_repository_that_is_damaged_under_a_job(winnowd, project, forge, how):
    """Between compose and push: this job's commit is lost, and the next one makes the repository anew."""
    go = a_gate_of_files(winnowd)
    log = winnowd.start()
    winnowd.drop(improved(project, metric_before=1.0))
    eventually((winnowd.directory / "begun").exists)
    damage(winnowd.state / "repository.git", how)
    go.touch()
    assert log.wait(experiment="exp-1", decision="failed")["step"] == "push"
    winnowd.drop(improved(project, "exp-2", 0.8))
    log.wait(experiment="exp-2", decision="promoted")
    assert set(forge.branches()) == {"experiment/exp-2"}


# Descriptors.


@pytest.mark.parametrize("closed", [[0], [1], [2], [0, 1, 2]])
def test_standard_descriptors_that_are_closed(winnowd, forge, closed):
    """Files that are opened later would get their numbers, and the log would be written into them."""
    winnowd.drop(improved(forge.project))
    winnowd.write_configuration()
    shell = f"exec {' '.join(f'{number}>&-' for number in closed)}; exec \"$@\""
    ended = subprocess.run(
        ["/bin/sh", "-c", shell, "sh", *winnowd.command("--once")], env=winnowd.environment, cwd=winnowd.directory,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert (2 in closed) == (ended.stderr == "")
    assert assert_store_is_whole(winnowd) == {"exp-1": 1}
    assert [pull.head for pull in forge.pulls()] == ["experiment/exp-1"]


@pytest.fixture
def full_pipe():
    """A pipe that is full, and that nobody reads."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"x" * 4096)
    os.set_blocking(reading, False)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_nobody_reads_the_log(winnowd, full_pipe):
    """The work goes on, a late reader misses nothing, and SIGTERM works."""
    reading, writing = full_pipe
    winnowd.write_configuration()
    process = subprocess.Popen(
        winnowd.command(), env=winnowd.environment, cwd=winnowd.directory, stdin=subprocess.DEVNULL, stderr=writing,
    )  # fmt: skip
    text = bytearray()

    def read():
        with contextlib.suppress(BlockingIOError):
            text.extend(os.read(reading, 65536))
        return b"experiment=exp-19 " in text  # without another event

    try:
        for number in range(20):
            winnowd.drop(result(f"exp-{number}", 1.0 + number))
        eventually(lambda: winnowd.waiting() == [])
        assert os.get_blocking(writing), "it is shared with others, who do not expect that"
        eventually(read)
        assert text.startswith(b"x" * 4096 + b"time=")
        assert [number for number in range(20) if f"experiment=exp-{number} ".encode() not in text] == []
        for number in range(20, 60):
            winnowd.drop(result(f"exp-{number}", 1.0 + number))
        eventually(lambda: winnowd.waiting() == [])
        process.terminate()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_once_alone_sweeps_once_a_day(winnowd):
    """A lab that has cron and no daemon. What is old is for tests/unit/test-keep.c."""
    note = winnowd.state / "kept"
    winnowd.once()
    assert len(note.read_text().splitlines()) == 1, "nothing is a day old yet"
    note.write_text("1\n")
    winnowd.once()
    swept = note.read_text()
    assert len(swept.splitlines()) == 4, swept
    winnowd.once()
    assert note.read_text() == swept


@pytest.mark.parametrize("command", ["--once", "--check-config", "--status"])
def test_hardly_any_descriptor_is_said(winnowd, command):
    """A library that gets none ends the process."""
    winnowd.write_configuration()
    for most in (4, 5, 6, 7, 8, 31):
        arguments = ["/bin/sh", "-c", f'ulimit -n {most}; exec "$@"', "sh", *winnowd.command(command)]
        done = subprocess.run(arguments, env=winnowd.started_environment(), capture_output=True, text=True, check=False)
        assert done.returncode == 78 and f"expected a limit of at least 32 open files, found {most}" in done.stderr, done
