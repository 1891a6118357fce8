"""Promise: each file of the spool is taken once, when it is whole, and goes where it belongs."""

import json
import os
import pathlib
import socket
import subprocess

import harness
import pytest
from harness import result
from machine import eventually, preload

MANY = 4 * 1024 * 1024


@pytest.mark.representative
def test_a_result_goes_to_the_archive(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "baseline"}
    assert winnowd.archived() == ["exp-1.json"]
    assert winnowd.waiting() == [] and winnowd.rejected() == {}


@pytest.mark.parametrize("name", ["exp-1.yaml", "exp-1.yml"])
def test_yaml_is_taken_too(winnowd, name):
    winnowd.drop("experiment_id: 'exp-1'\nhypothesis: |\n  two\n  lines\nmetric: val_bpb\nmetric_after: 1.5\n", name=name)
    assert winnowd.once().decisions() == {"exp-1": "baseline"}
    assert winnowd.archived() == [name]


@pytest.mark.parametrize("in_place", [False, True], ids=["renamed", "in place"])
def test_an_event_tells_of_a_file(winnowd, in_place):
    winnowd.clock.by_hand()
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0), in_place=in_place)
    log.wait(experiment="exp-1", decision="baseline")
    winnowd.drop(result("exp-2", 1.5), in_place=in_place)
    # Sooner than the timer of the full scan: it was the event.
    log.wait(experiment="exp-2", decision="discarded", seconds=25)


def test_a_file_in_place_is_taken_when_its_writer_closes_it(winnowd):
    log = winnowd.start()
    winnowd.drop(result("exp-0", 1.0))
    log.wait(experiment="exp-0", decision="baseline")
    content = json.dumps(result("exp-1", 1.5))
    with open(winnowd.spool / "exp-1.json", "w", encoding="utf-8") as file:
        file.write(content[:40])
        file.flush()
        # Whatever looks now meets half a file; an atomic drop makes it look.
        winnowd.drop(result("exp-2", 1.6))
        log.wait(experiment="exp-2", decision="discarded")
        file.write(content[40:])
    log.wait(experiment="exp-1", decision="discarded")
    assert winnowd.rejected() == {}


def test_half_a_file_is_rejected_once_it_stays_the_same(winnowd):
    winnowd.drop('{"experiment_id": "exp-1", "hypo', name="exp-1.json")
    winnowd.once()
    assert list(winnowd.rejected()) == ["exp-1.json"]


@pytest.mark.parametrize("name", [".exp-1.json", "exp-1.json.tmp", "exp-1.json.part", "exp-1.json~", "exp-1.tmp"])
def test_names_that_are_never_looked_at(winnowd, name):
    (winnowd.spool / name).write_text(json.dumps(result("exp-1", 1.0)))
    assert winnowd.once().decisions() == {}
    assert (winnowd.spool / name).exists()


REJECTED = {
    "empty": "",
    "not json": "hello",
    "nan": '{"experiment_id":"e","hypothesis":"h","metric":"val_bpb","metric_after":NaN}',
    "nan in details": '{"experiment_id":"e","hypothesis":"h","metric":"val_bpb","metric_after":1,"details":{"x":NaN}}',
    "nan, discarded": '{"experiment_id":"e","hypothesis":"h","metric":"val_bpb","metric_after":NaN,"status":"discard"}',
    "too small": '{"experiment_id":"e","hypothesis":"h","metric":"val_bpb","metric_after":1e-400}',
    "too great": '{"experiment_id":"e","hypothesis":"h","metric":"val_bpb","metric_after":1e400}',
    "duplicate key": '{"experiment_id":"e","hypothesis":"h","metric":"val_bpb","metric_after":1,"metric_after":2}',
    "single quotes": "{'experiment_id':'e'}",
    "list": "[]",
    "second document": '{"experiment_id":"e","hypothesis":"h","metric":"val_bpb","metric_after":1}{}',
    "not utf-8": b'{"experiment_id":"e","hypothesis":"\xff","metric":"val_bpb","metric_after":1}',
    "bom": b'\xef\xbb\xbf{"experiment_id":"e","hypothesis":"h","metric":"val_bpb","metric_after":1}',
    "deep": '{"details":' + "[" * 40 + "]" * 40 + "}",
    "many values": '{"details":[' + "0," * 10001 + "0]}",
    "id missing": '{"hypothesis":"h","metric":"val_bpb","metric_after":1}',
    "metric unknown": json.dumps(result("e", 1.0, metric="nobody-knows")),
    "metric_after missing": json.dumps(result("e")),
    "metric_after text": json.dumps(result("e", "1.0")),
    "metric_after empty list": json.dumps(result("e", [])),
    "hypothesis missing": json.dumps(result("e", 1.0, hypothesis=None)),
    "hypothesis long": json.dumps(result("e", 1.0, hypothesis="x" * 10001)),
    "commit short": json.dumps(result("e", 1.0, commit="abc123")),
    "commit word": json.dumps(result("e", 1.0, commit="main")),
    "two changes": json.dumps(result("e", 1.0, commit="abcdef1", diff="x")),
    "patch outside": json.dumps(result("e", 1.0, patch="../x.patch")),
    "details nested": json.dumps(result("e", 1.0, details={"a": {"b": 1}})),
}


REJECTED |= {
    f"id {name!a}": json.dumps(result(name, 1.0))
    for name in ["", ".a", "-a", "_a", "a b", "a/b", "a..b", "a.", "a.lock", "a~1", "a^", "a:b", "ä", "a" * 101, "a\nb", "@"]
}  # fmt: skip


@pytest.fixture(scope="module")
def refused(tmp_path_factory, the_binary_is_there):
    """All of them in one run: what the log and the reason file say of each."""
    directory = tmp_path_factory.mktemp("refused")
    winnowd = harness.Winnowd(directory, harness.LocalForge(harness.Project(directory), directory))
    names = {what: f"wrong-{number}.json" for number, what in enumerate(REJECTED)}
    for what, name in names.items():
        winnowd.drop(REJECTED[what], name=name)
    winnowd.drop(result("right", 1.0))
    log = winnowd.once()
    assert log.decisions().get("right") == "baseline"
    assert winnowd.archived() == ["right.json"] and winnowd.waiting() == []
    winnowd.check_promises()
    reasons = winnowd.rejected()
    return {what: (log.all(decision="rejected", file=name), reasons.get(name)) for what, name in names.items()}


@pytest.mark.representative
@pytest.mark.xdist_group("refused")
@pytest.mark.parametrize("what", REJECTED)
def test_a_wrong_file_is_rejected_with_its_reason(refused, what):
    (event,), reason = refused[what]
    assert reason and reason.splitlines()[0] == event["reason"]


@pytest.mark.parametrize("experiment_id", ["a", "0", "a" * 100, "A.b-c_d", "a.locked", "1.2.3"])
def test_an_id_that_can(winnowd, experiment_id):
    winnowd.drop(result(experiment_id, 1.0))
    assert winnowd.once().decisions() == {experiment_id: "baseline"}


def test_an_id_that_makes_a_branch_too_long_for_the_forge(winnowd):
    """200 bytes with a bare repository, prefix included; a file name has no more than 255."""
    prefix = "p" * 110 + "/"
    winnowd.configure(forge={"branch_prefix": prefix})
    winnowd.drop(result("a" * 90, 1.0), name="long.json")
    winnowd.drop(result("a" * 89, 1.0), name="fits.json")
    log = winnowd.once()
    assert log.decisions() == {"a" * 90: "rejected", "a" * 89: "baseline"}
    assert "experiment_id: expected at most 89 characters, found 90" in log.reasons()["a" * 90]
    assert list(winnowd.rejected()) == ["long.json"]


def test_a_file_that_is_too_large(winnowd):
    winnowd.drop(json.dumps(result("e", 1.0)) + " " * MANY, name="large.json")
    winnowd.drop(result("right", 1.0))
    assert winnowd.once().decisions().get("right") == "baseline"
    assert list(winnowd.rejected()) == ["large.json"]


def make_link(path, outside):
    path.symlink_to(outside)


def make_fifo(path, outside):
    os.mkfifo(path)


def make_directory(path, outside):
    path.mkdir()


def make_socket(path, outside):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize("make", [make_link, make_fifo, make_directory, make_socket])
def test_what_is_no_regular_file_is_never_opened(winnowd, make, monkeypatch):
    outside = winnowd.directory / "outside.json"
    outside.write_text(json.dumps(result("stolen", 1.0)))
    monkeypatch.chdir(winnowd.spool)  # a socket's path must be short
    make(type(outside)("odd.json"), outside)
    winnowd.drop(result("right", 1.0))
    log = winnowd.once()
    assert log.decisions().get("right") == "baseline"
    assert "stolen" not in log.decisions()
    assert json.loads(outside.read_text())["experiment_id"] == "stolen"


def test_a_patch_beside_the_result_is_archived_with_it(winnowd, project):
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, patch="exp-1.patch"),
                 patch=("exp-1.patch", project.tweak(WIDTH=65)))  # fmt: skip
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert winnowd.archived() == ["exp-1.json", "exp-1.patch"]
    assert winnowd.waiting() == []


def make_large(path, outside):
    path.write_bytes(b"x" * (MANY + 1))


@pytest.mark.parametrize("make, reason", [
    (make_large, "larger than"), (make_link, "a symbolic link"), (make_fifo, "a FIFO"), (make_directory, "a directory"),
])  # fmt: skip
def test_a_patch_that_cannot_be_one_goes_along_as_it_is(winnowd, make, reason):
    make(winnowd.spool / "exp-1.patch", winnowd.directory / "outside")
    kind = (winnowd.spool / "exp-1.patch").lstat()
    winnowd.drop(with_patch("exp-1", "exp-1.patch"))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "rejected"} and reason in log.reasons()["exp-1"]
    assert winnowd.waiting() == []
    moved = (winnowd.spool / ".rejected/exp-1.patch").lstat()
    assert (moved.st_ino, moved.st_mode, moved.st_size) == (kind.st_ino, kind.st_mode, kind.st_size)


@pytest.mark.parametrize("wrong", [{"metric": "nobody-knows"}, {"hypothesis": ""}, {"title": 5}, {"commit": "abcdef1"}])
def test_a_patch_goes_along_with_a_result_that_is_rejected_for_anything_else(winnowd, project, wrong):
    winnowd.drop(with_patch("exp-1", "exp-1.patch") | wrong, patch=("exp-1.patch", project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"exp-1": "rejected"}
    assert winnowd.waiting() == []
    assert (winnowd.spool / ".rejected/exp-1.patch").exists()


def test_a_patch_that_is_a_link_is_not_followed(winnowd, project):
    outside = winnowd.directory / "outside.patch"
    outside.write_text(project.tweak(WIDTH=65))
    (winnowd.spool / "exp-1.patch").symlink_to(outside)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, patch="exp-1.patch"))
    assert winnowd.once().decisions() == {"exp-1": "rejected"}
    assert outside.exists()


# A patch that is not there yet.

AWAITED = "result waits for the patch that it names, for a minute"
FAULTY = "file in the spool cannot be read now; trying again"


def with_patch(experiment_id, patch, after=0.9):
    return result(experiment_id, after, metric_before=1.0, patch=patch)


@pytest.mark.parametrize("once", [False, True], ids=["daemon", "once"])
def test_a_result_waits_for_its_patch_and_holds_up_nobody(winnowd, project, once):
    winnowd.drop(with_patch("exp-1", "exp-1.patch"))
    winnowd.drop(result("exp-2", 5.0, metric="accuracy"))
    winnowd.write_configuration()
    winnowd._launch(("--once",) if once else (), stdout=None)
    log = winnowd.log
    log.wait(msg=AWAITED, experiment="exp-1", patch="exp-1.patch")
    log.wait(experiment="exp-2", decision="baseline")
    assert winnowd.waiting() == ["exp-1.json"]
    (winnowd.spool / "exp-1.patch").write_text(project.tweak(WIDTH=65))
    log.wait(experiment="exp-1", decision="promoted", seconds=20)
    assert winnowd.ended() == 0 if once else winnowd.stop() == 0
    assert winnowd.archived() == ["exp-1.json", "exp-1.patch", "exp-2.json"] and winnowd.waiting() == []


def test_a_patch_belongs_to_the_first_that_names_it(winnowd, project):
    winnowd.drop(with_patch("exp-1", "both.patch", 0.9), patch=("both.patch", project.tweak(WIDTH=65)))
    winnowd.drop(with_patch("exp-2", "both.patch", 0.8))
    log = winnowd.start()
    log.wait(experiment="exp-1", decision="promoted")
    log.wait(msg=AWAITED, experiment="exp-2")
    assert "exp-2" not in log.decisions()
    (winnowd.spool / "both.patch").write_text(project.tweak(WIDTH=66))
    log.wait(experiment="exp-2", decision="promoted")
    assert winnowd.archived() == ["both.patch", "both.patch~2", "exp-1.json", "exp-2.json"]


def test_the_minute_began_when_the_result_was_first_seen(winnowd):
    """A restart does not change that. If the clock was set back, the minute begins anew, and does not last for ever."""
    winnowd.clock.by_hand()
    winnowd.drop(with_patch("exp-1", "exp-1.patch"))
    for _ in range(2):
        winnowd.start().wait(msg=AWAITED, experiment="exp-1")
        assert winnowd.stop() == 0 and winnowd.waiting() == ["exp-1.json"]
        winnowd.clock.set_back(3600)
    winnowd.clock.set_back(-7261)  # forwards: more than a minute after the second start
    log = winnowd.start()
    assert "drop it first" in log.wait(experiment="exp-1", decision="rejected")["reason"]
    (winnowd.spool / ".rejected/exp-1.json").rename(winnowd.spool / "exp-1.json")
    log.wait(msg=AWAITED, experiment="exp-1")  # who drops it again has another minute
    winnowd.unfinished = True


@pytest.mark.exhaustive
@pytest.mark.parametrize("once", [False, True], ids=["daemon", "once"])
def test_a_patch_that_never_comes(winnowd, project, once):
    """A minute, and then the same whether results were dropped at once or one by one."""
    winnowd.drop(with_patch("a-1", "a.patch", 0.9), patch=("a.patch", project.tweak(WIDTH=65)))
    winnowd.once()
    winnowd.drop(with_patch("a-2", "a.patch", 0.8))
    winnowd.drop(with_patch("b-1", "b.patch", 0.7), patch=("b.patch", project.tweak(WIDTH=66)))
    winnowd.drop(with_patch("b-2", "b.patch", 0.6))
    winnowd.drop(with_patch("c-1", "c.patch", 0.5))
    winnowd.write_configuration()
    winnowd._launch(("--once",) if once else (), stdout=None)
    log = winnowd.log
    for name in ("a-2", "b-2", "c-1"):
        log.wait(experiment=name, decision="rejected", seconds=90)
    assert winnowd.ended() == 0 if once else winnowd.stop() == 0
    assert log.decisions() == {"a-2": "rejected", "b-1": "promoted", "b-2": "rejected", "c-1": "rejected"}
    reasons = log.reasons()
    assert "a-1" in reasons["a-2"] and "b-1" in reasons["b-2"] and "drop it first" in reasons["c-1"]
    assert sorted(winnowd.rejected()) == ["a-2.json", "b-2.json", "c-1.json"]


# Faults of the system.


@pytest.fixture(scope="session")
def fault_library(tmp_path_factory):
    library = tmp_path_factory.mktemp("fault") / "fault.so"
    source = pathlib.Path(__file__).with_name("fault.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


@pytest.fixture
def fault(winnowd, fault_library):
    """A file. While it exists, files with names like bad* cannot be opened: a fault of the disk."""
    path = winnowd.directory / "fault"
    path.touch()
    preload(winnowd.environment, str(fault_library))
    winnowd.environment["WINNOWD_TEST_FAULT"] = str(path)
    return path


@pytest.mark.parametrize("what", ["result", "patch"])
def test_a_fault_of_the_system_is_waited_out(winnowd, project, fault, what):
    name = "bad.json" if what == "result" else "exp-1.json"
    log = winnowd.start()
    winnowd.drop(with_patch("exp-1", "bad.patch"), name=name, patch=("bad.patch", project.tweak(WIDTH=65)))
    winnowd.drop(result("exp-2", 1.0, metric="accuracy"))
    event = log.wait(msg=FAULTY, file=name)
    assert event["level"] == "warning" and "Input/output error" in event["reason"]
    log.wait(experiment="exp-2", decision="baseline")
    winnowd.clock.pass_by(61)  # as long as a file is waited for that no result names
    winnowd.drop(result("exp-3", 1.0, metric="accuracy"))
    log.wait(experiment="exp-3")
    fault.unlink()
    log.wait(experiment="exp-1", decision="promoted")
    assert winnowd.rejected() == {} and winnowd.waiting() == [] and not log.all(msg=STRAY)


@pytest.mark.parametrize("what", ["result", "patch"])
def test_a_fault_that_stays_rejects_after_retry_for(winnowd, project, fault, what):
    name = "bad.json" if what == "result" else "exp-1.json"
    winnowd.configure(queue={"retry_for": "1s"})
    winnowd.drop(with_patch("exp-1", "bad.patch"), name=name, patch=("bad.patch", project.tweak(WIDTH=65)))
    log = winnowd.once()
    event = log.wait(file=name, decision="rejected")
    assert "Input/output error" in event["reason"]
    assert event["reason"].endswith("; tried in vain for queue.retry_for")
    assert name in winnowd.rejected()


ROWS = "commit\tval_bpb\tstatus\nabcdef1\t0.9\tkeep\n"


def test_a_log_that_cannot_be_read_holds_up_nobody(winnowd, fault):
    fault.write_text("while it is read")
    log = winnowd.start()
    winnowd.drop(ROWS, name="bad.tsv")
    event = log.wait(msg=FAULTY, file="bad.tsv")
    assert event["level"] == "warning" and "Input/output error" in event["reason"]
    winnowd.drop(result("exp-2", 1.0, metric="accuracy"))
    log.wait(experiment="exp-2", decision="baseline")
    fault.unlink()
    log.wait(experiment="bad-0002", decision="baseline")
    eventually(lambda: winnowd.waiting() == [])
    assert winnowd.rejected() == {}


def test_a_log_that_stays_unreadable_is_rejected_after_retry_for(winnowd, fault):
    fault.write_text("while it is read")
    winnowd.configure(queue={"retry_for": "1s"})
    winnowd.drop(ROWS, name="bad.tsv")
    event = winnowd.once().wait(file="bad.tsv", decision="rejected")
    assert event["reason"].endswith("Input/output error; tried in vain for queue.retry_for")
    assert "bad.tsv" in winnowd.rejected()


def test_a_followed_log_that_cannot_be_read_is_named(winnowd, fault):
    """The others are followed meanwhile."""
    fault.write_text("while it is read")
    paths = [winnowd.directory / name for name in ("bad.tsv", "good.tsv")]
    for path in paths:
        path.write_text(ROWS)
    winnowd.configure(logs=[{"path": str(path)} for path in paths])
    log = winnowd.start()
    event = log.wait(msg="log cannot be read; it is followed again once it can", path=str(paths[0]))
    assert "Input/output error" in event["reason"]
    log.wait(experiment="good-0002", decision="baseline")
    fault.unlink()
    log.wait(experiment="bad-0002", decision="baseline")
    assert not log.all(msg="results could not be taken in; trying again"), log.text


def test_the_same_again_is_a_duplicate(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    assert winnowd.once().decisions() == {"exp-1": "baseline"}
    winnowd.drop(result("exp-1", 1.0))
    assert winnowd.once().decisions() == {"exp-1": "duplicate"}
    first, second = winnowd.archived()
    assert first == "exp-1.json" and "~2" in second


def test_the_same_under_another_name_is_a_duplicate(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    winnowd.drop(result("exp-1", 1.0), name="again.json")
    log = winnowd.once()
    decisions = [event["decision"] for event in log.all(experiment="exp-1", decision=True)]
    assert sorted(word for word in decisions if word != "queued") == ["baseline", "duplicate"]


def test_the_same_id_with_other_content_is_rejected(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    winnowd.once()
    winnowd.drop(result("exp-1", 0.5))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "rejected"}
    assert "baseline" in log.reasons()["exp-1"], "the earlier decision is not named"
    assert list(winnowd.rejected()) == ["exp-1.json"]


def test_another_patch_is_other_content(winnowd, project):
    content = result("exp-1", 2.0, metric_before=1.0, patch="exp-1.patch")
    winnowd.drop(content, patch=("exp-1.patch", project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"exp-1": "discarded"}
    winnowd.drop(content, patch=("exp-1.patch", project.tweak(WIDTH=66)))
    assert winnowd.once().decisions() == {"exp-1": "rejected"}


def test_a_rejected_file_reserves_no_id(winnowd):
    winnowd.drop(result("exp-1", 1.0, metric="nobody-knows"))
    assert winnowd.once().decisions() == {"exp-1": "rejected"}
    winnowd.drop(result("exp-1", 1.0))
    assert winnowd.once().decisions() == {"exp-1": "baseline"}


def test_a_failed_experiment_may_be_dropped_again(winnowd, project):
    content = result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(BATCH=33))
    winnowd.drop(content)
    assert winnowd.once().decisions() == {"exp-1": "failed"}
    winnowd.configure(validation={"command": ["true"]})
    winnowd.drop(content)
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


def test_unknown_keys_are_kept_and_warned_of_once(winnowd, project):
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65), gpu_hours=3.25, phase="late"))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}
    assert len([event for event in log.all(level="warning") if "gpu_hours" in str(event)]) == 1
    (pull,) = winnowd.forge.pulls()
    assert "gpu_hours" in pull.body and "3.25" in pull.body


def test_results_are_taken_in_the_order_of_their_time(winnowd):
    winnowd.drop(result("a-late", 3.0), age=10)
    winnowd.drop(result("z-early", 2.0), age=20)
    winnowd.drop(result("m-middle", 1.0, status="baseline"), age=15)
    log = winnowd.once()
    assert log.decisions() == {"z-early": "baseline", "m-middle": "baseline", "a-late": "discarded"}


STRAY = "files in the spool do not have the name of a result, and no result names them"


def test_what_is_never_looked_at_is_told_of_once(winnowd, project):
    (winnowd.spool / "A.JSON").write_text("{}")
    (winnowd.spool / "x.txt").write_text("x")
    (winnowd.spool / ".hidden").write_text("x")
    (winnowd.spool / "exp-1.json.tmp").write_text("x")
    (winnowd.spool / "folder").mkdir()
    winnowd.drop(with_patch("exp-1", "exp-1.patch"), patch=("exp-1.patch", project.tweak(WIDTH=65)))
    log = winnowd.once()
    (event,) = log.all(msg=STRAY)
    assert (event["level"], event["files"], event["count"]) == ("warning", "A.JSON, x.txt", "2")
    assert winnowd.waiting() == ["A.JSON", "exp-1.json.tmp", "folder", "x.txt"]


def test_a_name_in_capitals_is_told_of_at_once(winnowd):
    log = winnowd.start()
    (winnowd.spool / "p.diff").write_text("x")
    (winnowd.spool / "A.JSON").write_text("{}")
    winnowd.drop(result("exp-1", 1.0))
    event = log.wait(msg=STRAY)
    assert event["files"] == "A.JSON"
    winnowd.drop(result("exp-2", 2.0))
    log.wait(experiment="exp-2", decision="discarded")
    assert winnowd.stop() == 0
    assert len(log.all(msg=STRAY)) == 1


def test_a_thousand_at_once(winnowd):
    for number in range(1000):
        winnowd.drop(result(f"exp-{number:04}", 1.0 + number))
    log = winnowd.once()
    decisions = log.decisions()
    assert len(decisions) == 1000 and decisions.pop("exp-0000") == "baseline"
    assert set(decisions.values()) == {"discarded"}
    assert len(winnowd.archived()) == 1000 and winnowd.waiting() == []


def test_a_spool_that_is_made_anew(winnowd):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    winnowd.spool.rename(winnowd.directory / "old")
    winnowd.spool.mkdir()
    winnowd.drop(result("exp-2", 1.5))
    log.wait(experiment="exp-2", decision="discarded")
