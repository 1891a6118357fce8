"""Promise: the figures for node_exporter are right, and are never read half written.

A strict parser and promtool read status.textfile.
"""

import math
import os
import re
import shutil
import signal
import subprocess
import urllib.request

import pytest
from events import PATIENCE
from harness import appears, result

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? (-?[0-9]+(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?|NaN|[+-]Inf)")
SUFFIXES = {"summary": ("_sum", "_count"), "counter": ("",), "gauge": ("",)}


def parse(text):
    """The samples: {name: {labels: value}}. Stricter than the format where it can be."""
    assert text.endswith("\n") and "\n\n" not in text and "\r" not in text
    helped, types, samples, current = set(), {}, {}, None
    for line in text.splitlines():
        if match := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            assert match[1] not in helped, "two HELP lines"
            helped.add(match[1])
            current = None
        elif match := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|summary)", line):
            current, kind = match.groups()
            assert current in helped and current not in types, "TYPE without HELP, or twice"
            assert (kind == "counter") == current.endswith("_total"), current
            types[current] = kind
        else:
            match = SAMPLE.fullmatch(line)
            assert match, f"no sample: {line}"
            name, labels, value = match.groups()
            assert current and name in [current + suffix for suffix in SUFFIXES[types[current]]], f"in the wrong place: {line}"
            labels = tuple(sorted(re.findall(LABEL, labels or "")))
            assert labels not in samples.setdefault(name, {}), f"twice: {line}"
            samples[name][labels] = float(value)
            assert types[current] != "counter" or samples[name][labels] >= 0
    for name, kind in types.items():
        assert all(name + suffix in samples for suffix in SUFFIXES[kind]), f"no samples of {name}"
    return samples


def one(samples, name, **labels):
    return samples[name].get(tuple(sorted(f'{key}="{value}"' for key, value in labels.items())))


@pytest.fixture
def textfile(winnowd):
    path = winnowd.directory / "collector/winnowd.prom"
    path.parent.mkdir()
    winnowd.configure(status={"textfile": str(path)})
    return path


def test_the_collector_is_another_user_and_reads_it(winnowd, textfile):
    """Whatever the mask: that of the unit is 0027."""
    before = os.umask(0o077)
    try:
        winnowd.once()
    finally:
        os.umask(before)
    assert oct(textfile.stat().st_mode & 0o777) == "0o644"


@pytest.mark.skipif(not shutil.which("prometheus-node-exporter"), reason="Debian's prometheus-node-exporter is not installed")
def test_node_exporter_takes_it(winnowd, textfile):
    winnowd.drop(result("exp-1", 1.25))
    winnowd.once()
    collector = [f"--collector.textfile.directory={textfile.parent}", "--collector.disable-defaults", "--collector.textfile"]
    with subprocess.Popen(["prometheus-node-exporter", "--web.listen-address=127.0.0.1:0", *collector],
                          stderr=subprocess.PIPE, text=True) as exporter:  # fmt: skip
        try:
            said = next(line for line in exporter.stderr if "Listening on" in line)
            address = re.search(r"127\.0\.0\.1:[1-9]\d*", said)[0]
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://{address}/metrics", timeout=PATIENCE) as page:
                text = page.read().decode()
        finally:
            exporter.kill()
    assert "node_textfile_scrape_error 0\n" in text
    assert 'winnowd_frontier{metric="val_bpb",scope=""} 1.25\n' in text


def test_the_parser_is_strict():
    good = "# HELP a_total A.\n# TYPE a_total counter\na_total 1\n"
    assert parse(good) == {"a_total": {(): 1.0}}
    for bad in (
        good + "a_total 1\n", good + "b 1\n", good[:-1], good.replace(" 1", " one"), good.replace("counter", "gauge"),
        "a_total 1\n", good.replace("a_total 1", 'a_total{x="\n"} 1'), good.replace("a_total 1", 'a_total{x="\\t"} 1'),
        good.replace("a_total 1\n", ""),
    ):  # fmt: skip
        with pytest.raises(AssertionError):
            parse(bad)


def test_figures_of_a_run(winnowd, project, textfile):
    winnowd.drop(result("exp-1", 1.0))
    winnowd.drop(result("exp-2", 0.9, diff=project.tweak(WIDTH=65)))
    winnowd.drop(result("exp-3", 0.8, diff=project.experiment({"train.py": "1 / 0\n"})[1]))
    winnowd.drop("{", name="bad.json")
    winnowd.once()
    samples = parse(textfile.read_text())
    decisions = {"baseline": 1, "promoted": 1, "failed": 1, "rejected": 1, "discarded": 0, "superseded": 0, "crashed": 0, "duplicate": 0}
    for word, count in decisions.items():
        assert one(samples, "winnowd_decisions_total", decision=word) == count, word
    assert one(samples, "winnowd_jobs_total", outcome="promoted", step="none") == 1
    assert one(samples, "winnowd_jobs_total", outcome="failed", step="validate") == 1
    assert one(samples, "winnowd_jobs_total", outcome="failed", step="push") == 0
    assert one(samples, "winnowd_step_duration_seconds_count", step="validate", end="done") == 1
    assert one(samples, "winnowd_step_duration_seconds_count", step="validate", end="failed") == 1
    assert 0 < one(samples, "winnowd_step_duration_seconds_sum", step="validate", end="failed") < 60
    assert one(samples, "winnowd_undo_duration_seconds_count", step="branch", end="done") == 1
    assert one(samples, "winnowd_frontier", metric="val_bpb", scope="") == 0.9
    for name, value in {"queue_length": 0, "jobs_running": 0, "pulls_open": 1, "forge_up": 1, "forge_errors_total": 0}.items():
        assert one(samples, f"winnowd_{name}") == value, name
    assert one(samples, "winnowd_build_info", version=winnowd.run_beside("--version")[1].split()[1]) == 1
    assert textfile.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in textfile.parent.iterdir()] == ["winnowd.prom"]


def test_decisions_are_counted_on_over_restarts(winnowd, textfile):
    for number in (1, 2):
        winnowd.drop(result(f"exp-{number}", float(number)))
        winnowd.once()
    samples = parse(textfile.read_text())
    assert one(samples, "winnowd_decisions_total", decision="baseline") == 1
    assert one(samples, "winnowd_decisions_total", decision="discarded") == 1


def test_a_reader_never_meets_half_of_it(winnowd, project, textfile):
    log = winnowd.start()
    for number in range(3):
        winnowd.drop(result(f"exp-{number}", 0.9 - number / 10, metric_before=1.0, diff=project.tweak(WIDTH=65 + number)))
    reads = 0
    for event in log.follow():
        if textfile.exists():
            parse(textfile.read_text())
            reads += 1
        if event.get("experiment") == "exp-2" and event.get("decision") == "promoted":
            break
    assert reads


def test_a_forge_that_refuses_and_no_frontier(winnowd, textfile):
    winnowd.configure(forge={"base": "nothing"})
    log = winnowd.start()
    log.wait(msg=lambda text: text.startswith("forge refuses"))
    assert winnowd.stop() == 0
    samples = parse(textfile.read_text())
    assert one(samples, "winnowd_forge_up") == 0 and one(samples, "winnowd_forge_errors_total") == 1
    assert "winnowd_frontier" not in samples
    assert math.isclose(one(samples, "winnowd_start_time_seconds"), textfile.stat().st_mtime, abs_tol=60)


def test_a_reload_begins_and_ends_it(winnowd, textfile):
    winnowd.configure(status={"textfile": None})
    log = winnowd.start()
    log.wait(msg="forge answers")
    assert not textfile.exists()
    winnowd.configure(status={"textfile": str(textfile)})
    winnowd.write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    assert winnowd.stop() == 0
    parse(textfile.read_text())
    assert not log.all(msg=lambda text: "restart" in text)


def test_a_place_that_cannot_be_written_is_warned_of_once(winnowd):
    winnowd.configure(status={"textfile": str(winnowd.directory / "nowhere/winnowd.prom")})
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    warned = log.wait(level="warning", msg=lambda text: text.startswith("status could not be written"))
    assert "nowhere/winnowd.prom" in warned["reason"]
    # Told twice more: at once, when it is too early for another such file, and with one.
    told = winnowd.state / "status.json"
    winnowd.drop(result("exp-2", 1.1))
    for _ in range(2):
        told.unlink()
        assert appears(told)
    assert winnowd.stop() == 0
    assert len(log.all(msg=warned["msg"])) == 1


@pytest.mark.parametrize("path", ["relative.prom", "/"])
def test_a_path_that_is_none(winnowd, path):
    winnowd.configure(status={"textfile": path})
    status, _, log = winnowd.run("--check-config")
    assert status == 78 and "status.textfile" in log.text


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian's package prometheus) is not installed")
def test_promtool_has_nothing_to_say(winnowd, project, textfile):
    winnowd.drop(result("exp-1", 1.0))
    winnowd.drop(result("exp-2", 0.9, diff=project.tweak(WIDTH=65)))
    winnowd.once()
    done = subprocess.run(["promtool", "check", "metrics"], input=textfile.read_bytes(), capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
