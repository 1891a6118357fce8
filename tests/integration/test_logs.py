"""Promise: the logs that autoresearch loops write are taken as they are, and each row is decided once.

A dropped log of many experiments gives the same pull requests as its rows, dropped one by one as result files. It
may grow, be dropped again, be interrupted by a crash, and be as untidy as real ones are.
"""

import dataclasses
import json

import pytest
import series
from harness import git
from test_nights import assert_measured, improving, judged

HEADER = "commit\tval_bpb\tmemory_gb\tstatus\tdescription"
TAKEN = "log of many experiments taken"


@pytest.fixture
def project(tmp_path):
    made = series.Series(tmp_path, 8)
    made.baseline, *made.experiments = as_rows(made.rows)
    return made


@pytest.fixture
def winnowd(winnowd):
    return winnowd.configure(sources=[str(winnowd.forge.project.work)])


def row(value, status="keep", commit="-", description="x"):
    return f"{commit}\t{value}\t1.0\t{status}\t{description}"


def log_of(*rows, header=HEADER, end="\n"):
    return "".join(line + end for line in [header, *rows])


def taken(log, **fields):
    """The numbers of the line that sums a log up."""
    event = log.wait(msg=TAKEN, **fields)
    return {name: int(value) for name, value in event.items() if value.isdigit()}


def as_rows(experiments, name="results"):
    """The same experiments with the ids that they have as rows."""
    @dataclasses.dataclass(frozen=True)
    class Row(series.Experiment):
        @property
        def id(self):
            return f"{name}-{self.number + 2:04}"

    return [Row(**dataclasses.asdict(one)) for one in experiments]


# ---- a log as it is -------------------------------------------------------------------------------


def test_a_dropped_log_gives_what_its_results_give_one_by_one(project, forge, winnowd):
    rows = project.rows
    winnowd.drop(project.log.read_bytes(), name="results.tsv")
    log = winnowd.once()
    assert log.decisions() == judged(rows)[0]
    assert_measured(forge, project, forge.pulls(), improving(rows))
    assert winnowd.archived() == ["results.tsv"] and winnowd.waiting() == [] and winnowd.rejected() == {}
    assert taken(log)["rows"] == len(rows)


def test_a_log_that_grew_is_dropped_again(project, forge, winnowd):
    rows = project.rows
    lines = project.log.read_text().splitlines(keepends=True)
    winnowd.drop("".join(lines[:9]), name="results.tsv")
    winnowd.once()
    winnowd.drop("".join(lines), name="results.tsv")
    log = winnowd.once()
    counted = taken(log)
    assert counted["known"] == 8 and counted["rows"] == len(rows) - 8 and counted["changed"] == 0
    assert_measured(forge, project, forge.pulls(), improving(rows))
    winnowd.drop("".join(lines), name="results.tsv", age=0)
    counted = taken(winnowd.once())
    assert counted["known"] == len(rows) and counted["rows"] == 0
    assert len(winnowd.archived()) == 3


def test_once_reads_a_log_where_it_lies(project, forge, winnowd):
    winnowd.configure(logs=[{"path": str(project.log)}])
    before = project.log.read_bytes(), project.log.stat().st_mtime_ns
    assert winnowd.once().decisions() == judged(project.rows)[0]
    assert_measured(forge, project, forge.pulls(), improving(project.rows))
    assert (project.log.read_bytes(), project.log.stat().st_mtime_ns) == before
    assert winnowd.once().decisions() == {}


@pytest.mark.parametrize("form", ["crlf", "mark", "both", "no end"])
def test_the_text_may_have_other_line_ends_and_a_mark(winnowd, form):
    text = log_of(row(1.0), row(0.9, "discard"), row("0.0", "crash"), end="\r\n" if form in ("crlf", "both") else "\n")
    if form in ("mark", "both"):
        text = "\ufeff" + text
    if form == "no end":
        text = text.rstrip("\n")
    winnowd.drop(text, name="a.tsv")
    log = winnowd.once()
    assert log.decisions() == {"a-0002": "baseline", "a-0003": "discarded", "a-0004": "crashed"}
    # What the line ends are makes no other log of it.
    winnowd.drop(log_of(row(1.0), row(0.9, "discard"), row("0.0", "crash")), name="a.tsv")
    assert taken(winnowd.once())["known"] == 3


def test_what_is_no_row_is_counted_and_said(winnowd):
    text = log_of(row(1.0), "# a comment", "", "Traceback (most recent call last):", "  File x", HEADER,
                  row(0.9, "unheard of"), row(0.8, "", description="y"))  # fmt: skip
    winnowd.drop(text, name="a.tsv")
    log = winnowd.once()
    assert log.decisions() == {"a-0002": "baseline", "a-0008": "discarded", "a-0009": "discarded"}
    prose = log.wait(msg="lines of a log are no rows")
    assert (prose["count"], prose["line"], prose["level"]) == ("2", "5", "warning")
    assert log.wait(msg=lambda text: text.startswith("result has an unknown status"), status="unheard of")
    assert log.wait(msg="rows of a log name no commit; none of them can be promoted", file="a.tsv")


def test_a_row_without_a_commit_is_rejected_only_where_it_would_be_promoted(winnowd):
    winnowd.drop(log_of(row(1.0), row(1.1), row(0.9), row("nan"), row("0", "crash")), name="a.tsv")
    log = winnowd.once()
    assert log.decisions() == {"a-0002": "baseline", "a-0003": "discarded", "a-0004": "rejected", "a-0005": "rejected",
                               "a-0006": "crashed"}  # fmt: skip
    assert "has no change" in log.reasons()["a-0004"]
    assert log.reasons()["a-0005"] == "val_bpb: expected a number, found none"
    assert winnowd.archived() == ["a.tsv"] and winnowd.rejected() == {}


def test_a_commit_that_an_earlier_row_names_has_no_change_of_a_later_one(project, forge, winnowd):
    best, better = improving(project.experiments)[:2]
    whole, short = best.commit, best.commit[:9]
    text = log_of(row(1.0, commit=project.baseline.short), row(0.9, commit=short), row(0.8, commit=whole),
                  row(0.7, commit=better.short))  # fmt: skip
    winnowd.drop(text, name="a.tsv")
    log = winnowd.once()
    assert log.decisions() == {"a-0002": "baseline", "a-0003": "promoted", "a-0004": "discarded", "a-0005": "promoted"}
    assert "measured already at line 3" in log.reasons()["a-0004"]


# ---- references -----------------------------------------------------------------------------------


def test_a_baseline_in_a_log_sets_the_reference_anew(project, winnowd):
    first, second = improving(project.experiments)[:2]
    text = log_of(row(1.0, "baseline"), row(0.9, commit=first.short), row(5.0, "baseline"), row(6.0),
                  row(4.0, commit=second.short), row("-", "baseline"), row(9.0), row(9.5))  # fmt: skip
    winnowd.drop(text, name="a.tsv")
    log = winnowd.once()
    assert log.decisions() == {
        "a-0002": "baseline", "a-0003": "promoted", "a-0004": "baseline", "a-0005": "discarded", "a-0006": "promoted",
        "a-0007": "baseline", "a-0008": "baseline", "a-0009": "discarded",
    }  # fmt: skip


def test_a_configured_baseline_counts_until_the_log_sets_one(winnowd):
    winnowd.configure(metrics={"val_bpb": {"direction": "minimize", "baseline": 0.5}})
    winnowd.drop(log_of(row(1.0), row(2.0, "baseline"), row(3.0)), name="a.tsv")
    assert winnowd.once().decisions() == {"a-0002": "discarded", "a-0003": "baseline", "a-0004": "discarded"}


def test_a_frontier_belongs_to_its_log(winnowd):
    winnowd.drop(log_of(row(1.0)), name="a.tsv")
    winnowd.drop(log_of(row(2.0), row(3.0)), name="b.tsv")
    assert winnowd.once().decisions() == {"a-0002": "baseline", "b-0002": "baseline", "b-0003": "discarded"}


def test_a_first_value_of_zero_is_warned_of(winnowd):
    winnowd.drop(log_of(row("0.000000"), row(1.0)), name="a.tsv")
    assert winnowd.once().wait(msg="first value of a log is exactly 0; it may not be a measurement", experiment="a-0002", level="warning")


# ---- again ----------------------------------------------------------------------------------------


def test_rows_that_changed_keep_their_decision(winnowd):
    before = [row(1.0), row(1.1), row("TODO", "TODO"), row("-"), row(1.3)]
    winnowd.drop(log_of(*before), name="a.tsv")
    assert winnowd.once().decisions() == {"a-0002": "baseline", "a-0003": "discarded", "a-0004": "discarded",
                                          "a-0005": "rejected", "a-0006": "discarded"}  # fmt: skip
    winnowd.drop(log_of(before[0], row(0.5), row(1.2, "crash"), row(1.4), row(1.3)), name="a.tsv")
    log = winnowd.once()
    assert log.decisions() == {"a-0004": "crashed", "a-0005": "discarded"}
    changed = log.wait(msg="rows of a log changed since they were decided; their decisions stay")
    assert (changed["count"], changed["line"]) == ("1", "3")
    counted = taken(log)
    assert (counted["known"], counted["changed"], counted["again"], counted["rows"]) == (2, 1, 2, 2)


def test_the_column_that_decides_stays_whatever_later_rows_say(winnowd):
    header = HEADER + "\tresult"
    rows = [row(1.0) + "\tx", row(1.1, "discard") + "\tx"]
    winnowd.drop(log_of(*rows, header=header), name="a.tsv")
    assert winnowd.once().decisions() == {"a-0002": "baseline", "a-0003": "discarded"}
    later = [row(0.5 + number / 100, f"curriculum_{number}") + "\tkeep" for number in range(9)]
    winnowd.drop(log_of(*rows, *later, header=header), name="a.tsv")
    log = winnowd.once()
    assert set(log.decisions().values()) == {"discarded"} and len(log.decisions()) == 9


@pytest.mark.parametrize("change", ["header", "first row"])
def test_another_log_of_the_same_name(winnowd, change):
    winnowd.drop(log_of(row(1.0), row(1.1)), name="a.tsv")
    winnowd.once()
    other = log_of(row(3.0), row(3.1)) if change == "first row" else log_of(row(1.0), row(1.1), header=HEADER + "\tmore")
    for _ in range(2):
        winnowd.drop(other, name="a.tsv")
        log = winnowd.once()
    assert taken(log)["known"] == 2
    _, text, _ = winnowd.run("--export")
    ids = [line.split(",")[1] for line in text.splitlines()[1:]]
    assert sorted(ids) == ["a-0002", "a-0003", "a.2-0002", "a.2-0003"]


def test_the_same_under_two_names_is_two_logs(winnowd):
    for name in ("a.tsv", "b.tsv", "b.jsonl"):
        winnowd.drop('{"metric": 1.0, "status": "keep"}\n' if "jsonl" in name else log_of(row(1.0)), name=name)
    winnowd.config["metrics"] = {"val_bpb": {"direction": "minimize"}}
    assert winnowd.once().decisions() == {"a-0002": "baseline", "b-0002": "baseline", "b.2-0001": "baseline"}


def test_a_failed_row_is_tried_again_from_the_store(project, forge, winnowd):
    """It makes no difference what the log says since. When the log is dropped again, a failed row is passed over."""
    source = winnowd.directory / "source"
    git("init", "-q", source)
    winnowd.configure(sources=[str(source)], metrics={"*": {}})
    change, _ = forge.project.experiment({"idea.py": "VALUE = 1\n"})
    text = CONFIG_LINE + run(1.0, None) + run(0.9, change) + run(0.8, change[::-1])
    winnowd.drop(text, name="a.jsonl")
    log = winnowd.once()
    assert log.decisions() == {"a-0002": "baseline", "a-0003": "failed", "a-0004": "failed"}
    winnowd.configure(sources=[str(forge.project.work)])
    assert winnowd.run("--retry", "a-0003", "a-0004")[0] == 0
    log = winnowd.once()
    assert log.decisions() == {"a-0003": "promoted", "a-0004": "failed"} and "is missing" in log.reasons()["a-0004"]
    winnowd.drop(text, name="a.jsonl")
    log = winnowd.once()
    assert log.decisions() == {} and taken(log)["known"] == 3
    assert winnowd.rejected() == {} and winnowd.waiting() == []
    assert winnowd.archived() == ["a-0003.json", "a-0004.json", "a.jsonl", "a.jsonl~2"]
    # What was made by hand under the same name is not that row.
    winnowd.drop({"experiment_id": "a-0004", "hypothesis": "x", "metric": "loss", "metric_after": 0.1})
    assert winnowd.once().decisions() == {"a-0004": "rejected"}


# ---- metrics that a log states --------------------------------------------------------------------

CONFIG_LINE = '{"type": "config", "name": "x", "metricName": "loss", "bestDirection": "lower"}\n'


def run(value, commit, status="keep"):
    return json.dumps({"metric": value, "status": status, "commit": commit, "description": "x"}) + "\n"


def test_any_metric_counts_whose_direction_its_log_states(project, forge, winnowd):
    winnowd.configure(metrics={"*": {"min_delta": 0.1}, "val_bpb": {"direction": "minimize"}})
    first, second = improving(project.experiments)[:2]
    winnowd.drop(CONFIG_LINE + run(1.0, None) + run(0.95, None) + run(0.8, first.commit)
                 + CONFIG_LINE.replace("lower", "higher") + run(1.0, None) + run(0.8, None) + run(1.2, second.commit)
                 + CONFIG_LINE.replace('"bestDirection": "lower"', '"a": 1') + run(1.0, None)
                 + CONFIG_LINE.replace("loss", "a b") + run(1.0, None), name="a.jsonl")  # fmt: skip
    log = winnowd.once()
    assert log.decisions() == {"a-0002": "baseline", "a-0003": "discarded", "a-0004": "promoted",
                               "a-0006": "baseline", "a-0007": "discarded", "a-0008": "promoted"}  # fmt: skip
    foreign = log.wait(msg="runs of a log are of metrics that are not configured")
    assert (foreign["count"], foreign["metrics"]) == ("2", "loss, a b")
    status, text, _ = winnowd.run("--status")
    assert status == 0 and "a.jsonl, segment 2, higher is better" in text
    winnowd.drop({"experiment_id": "b", "hypothesis": "x", "metric": "loss", "metric_after": 0.1})
    assert "expected one of those configured (val_bpb" in winnowd.once().reasons()["b"]


# ---- refused as a whole ---------------------------------------------------------------------------


@pytest.mark.parametrize("text, reason", [
    ("commit val_bpb status\n- 1.0 keep\n", "line 1: expected columns between tabs, found columns between blanks"),
    ("commit\\tval_bpb\\tstatus\n", 'line 1: expected columns between tabs, found "\\t" written as two characters'),
    ("abcdef1\t1.0\tkeep\n", "line 1: expected a header, found data"),
    ("commit\tval_bpb\tx\n-\t1\t2\n", "line 1: expected a column that says which rows were kept"),
    ("commit\tloss\tstatus\n-\t1\tkeep\n", "line 1: expected a column of a metric in metrics:"),
    (log_of(row(1.0), "a\0b"), "line 3: expected text, found a NUL byte"),
    (log_of(row(1.0)).encode() + b"\xff\n", "line 3: expected UTF-8, found the byte 0xff"),
])  # fmt: skip
def test_what_cannot_be_read_is_rejected_as_a_whole(winnowd, text, reason):
    winnowd.drop(text, name="a.tsv")
    winnowd.drop(log_of(row(1.0)), name="b.tsv")
    log = winnowd.once()
    assert winnowd.rejected()["a.tsv"].startswith(reason)
    assert winnowd.archived() == ["b.tsv"]
    assert log.wait(file="a.tsv", decision="rejected")["reason"].startswith(reason)
    assert log.decisions() == {"b-0002": "baseline"}
