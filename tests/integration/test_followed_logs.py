"""Promise: a log of many experiments is followed where it is, and is not touched.

A row is decided within a second after it was written. A log that cannot be read, is replaced or has become
shorter is reported once. Kills at any moment lose nothing and double nothing.
"""

import os
import time

import pytest
import yaml
from test_logs import HEADER, log_of, row

ROWS = "log of many experiments taken"
UNREADABLE = "log cannot be read; it is followed again once it can"
BACK = "log is followed again"


@pytest.fixture
def place(tmp_path):
    made = tmp_path / "loop"
    made.mkdir()
    return made


@pytest.fixture
def log_file(winnowd, place):
    winnowd.configure(sources=[str(winnowd.forge.project.work)], logs=[{"path": str(place / "results.tsv")}])
    return place / "results.tsv"


def append(path, text):
    with path.open("a", encoding="utf-8") as file:
        file.write(text)


def exported(winnowd):
    """Every decision: (id, decision)."""
    _, text, _ = winnowd.run("--export")
    return [tuple(line.split(",")[i] for i in (1, 8)) for line in text.splitlines()[1:]]


def test_a_row_is_decided_within_a_second_of_being_written(winnowd, log_file):
    other = log_file.with_name("other.tsv")
    winnowd.config["logs"].append({"path": str(other)})
    log = winnowd.start()
    log.wait(msg=UNREADABLE, level="error", path=str(log_file))
    append(log_file, HEADER + "\n")
    append(log_file, row(1.0) + "\n")
    log.wait(experiment="results-0002", decision="baseline")
    log.wait(msg=BACK)
    for number, ending in ((3, "\n"), (4, "\r\n")):
        began = time.monotonic()
        append(log_file, row(2.0, "discard") + ending)
        log.wait(experiment=f"results-{number:04}", decision="discarded")
        assert time.monotonic() - began < 1
    # A line is taken once it has its end.
    append(log_file, row(0.5, "crash"))
    other.write_text(log_of(row(1.0)))
    log.wait(experiment="other-0002")
    assert not log.all(experiment="results-0005")
    append(log_file, "\n")
    log.wait(experiment="results-0005", decision="crashed")
    assert winnowd.stop() == 0
    assert len(log.all(msg=UNREADABLE)) == 2 and len(exported(winnowd)) == 5


def test_what_loops_and_editors_do_to_a_log(winnowd, place, log_file):
    lines = [row(1.0), row(1.1, "discard"), row(1.2, "discard")]
    log_file.write_text(log_of(*lines))
    log = winnowd.start()
    log.wait(experiment="results-0004")
    # An editor writes another file and renames it.
    lines.append(row(1.3, "discard"))
    (place / ".draft").write_text(log_of(*lines))
    (place / ".draft").rename(log_file)
    log.wait(experiment="results-0005")
    # It is cut, and filled again.
    os.truncate(log_file, len(log_of(*lines[:2])))
    log.wait(msg="log is shorter than it was", count="2")
    log_file.write_text(log_of(*lines, row(1.4, "discard")))
    log.wait(experiment="results-0006")
    # It is rotated, and another one begins in its place.
    log_file.rename(place / "results.1.tsv")
    log.wait(msg=UNREADABLE)
    log_file.write_text(log_of(row(7.0), row(7.1)))
    log.wait(msg="log begins anew; it counts as another one", copy="2")
    log.wait(experiment="results.2-0003", decision="discarded")
    # The directory goes, and comes back.
    place.rename(place.with_name("away"))
    place.with_name("away").rename(place)
    append(log_file, row(7.2) + "\n")
    log.wait(experiment="results.2-0004", decision="discarded")
    assert winnowd.stop() == 0
    assert len(exported(winnowd)) == 8
    assert not log.all(msg="rows of a log changed since they were decided; their decisions stay")
    assert len(log.all(msg="rows of a log name no commit; none of them can be promoted")) == 2, "once for each of two"


def test_only_what_is_new_is_read(winnowd, place, log_file):
    """Rows that were read are not even looked up (`known`), also after a restart and where the file is another one."""
    def taken(number, **fields):
        log.wait(experiment=f"results-{number:04}")
        return log.wait(msg=ROWS, rows="1", **fields)

    def discarded(value):
        return row(value, "discard") + "\n"

    log_file.write_text(log_of(row(1.0), row(1.1, "discard"), "Traceback", row(1.2, "discard")))
    log = winnowd.start()
    assert log.wait(msg=ROWS)["rows"] == "3"
    append(log_file, discarded(1.3))
    assert taken(6)["known"] == "0"
    winnowd.kill()
    append(log_file, "More prose\n" + discarded(1.4))
    log = winnowd.start()
    assert taken(8)["known"] == "0"
    assert [event["count"] for event in log.all(msg="lines of a log are no rows")] == ["1"]
    # An editor writes another file with the same beginning, and then one with another.
    replaced = "log was replaced by another one; it is read from its first line"
    (place / ".draft").write_text(log_file.read_text() + discarded(1.5))
    (place / ".draft").rename(log_file)
    assert taken(9)["known"] == "0" and not log.all(msg=replaced)
    (place / ".draft").write_text(log_file.read_text().replace("1.4", "1.9") + discarded(1.6))
    (place / ".draft").rename(log_file)
    assert taken(10, changed="1")["known"] == "5" and len(log.all(msg=replaced)) == 1
    # In place, what was read is changed: the row keeps its decision, and that is said.
    log_file.write_text(log_file.read_text().replace("1.2", "1.8") + discarded(1.7))
    assert taken(11, changed="2")["known"] == "5"
    assert winnowd.stop() == 0
    assert len(exported(winnowd)) == 8


def test_other_settings_read_all_of_it_again(winnowd, log_file):
    log_file.write_text(log_of(row(1.0), row(0.9, "wonder")))
    assert winnowd.once().decisions() == {"results-0002": "baseline", "results-0003": "discarded"}
    winnowd.config["logs"][0]["status"] = {"keep": ["other"]}
    append(log_file, row(2.0, "other") + "\n")
    log = winnowd.once()
    assert log.decisions() == {"results-0004": "discarded"}
    assert log.wait(msg=ROWS)["known"] == "2"


def test_what_cannot_be_read_is_said_once_and_left_alone(winnowd, place, log_file):
    log_file.write_text("commit val_bpb status\n- 1.0 keep\n")
    log = winnowd.start()
    assert "columns between blanks" in log.wait(msg=UNREADABLE)["reason"]
    append(log_file, "- 1.1 keep\n")
    log_file.write_text(log_of(row(1.0)))
    log.wait(msg=BACK)
    log.wait(experiment="results-0002", decision="baseline")
    log_file.unlink()
    log_file.symlink_to("/etc/passwd")
    assert "symbolic link" in log.wait(msg=UNREADABLE, reason=lambda text: "symbolic" in text)["reason"]
    assert winnowd.stop() == 0
    assert sum("blanks" in event["reason"] for event in log.all(msg=UNREADABLE)) == 1


def test_kills_lose_and_double_nothing(winnowd, log_file):
    rows = [row(1.0)]
    for number in range(6):
        rows += [row(2.0 + number, "discard") for _ in range(300)]
        log_file.write_text(log_of(*rows))
        log = winnowd.start()
        if number % 2:
            log.wait(file="results.tsv", level="info")  # in the middle of it
        else:
            log.wait(msg="forge answers")
        winnowd.kill()
    winnowd.once()
    decided = exported(winnowd)
    assert len(decided) == len(rows) == len({experiment for experiment, _ in decided})


def test_a_reload_follows_other_logs(winnowd, place, log_file):
    log_file.write_text(log_of(row(1.0)))
    log = winnowd.start()
    log.wait(experiment="results-0002")
    other = place / "other.tsv"
    other.write_text(log_of(row(2.0)))
    winnowd.configure(logs=[{"path": str(other)}])
    winnowd.file.write_text(yaml.safe_dump(winnowd.config))
    winnowd.process.send_signal(1)
    log.wait(experiment="other-0002", decision="baseline")
    append(log_file, row(0.5) + "\n")
    append(other, row(2.1) + "\n")
    log.wait(experiment="other-0003")
    assert winnowd.stop() == 0
    assert sorted(experiment for experiment, _ in exported(winnowd)) == ["other-0002", "other-0003", "results-0002"]
