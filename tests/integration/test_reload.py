"""Promise: SIGHUP applies every key that can be reloaded, at any time, and leaves nothing of the old configuration."""

import contextlib
import http.server
import signal
import threading

import harness
import pytest
import tables
from events import PATIENCE
from harness import appears, improved, result

MINIMIZED = {"direction": "minimize"}


def reload(winnowd, **sections):
    """Changes keys and waits until they are in force; the log may be of any format."""
    before = winnowd.log.text.count("configuration reloaded")
    winnowd.configure(**sections)
    winnowd.write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    assert winnowd.log.wait_until(lambda: winnowd.log.text.count("configuration reloaded") > before), winnowd.log.text


@contextlib.contextmanager
def door():
    """A server that lets its callers wait: `on_request` is called with each path, and then it answers yes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.heard.append(self.path)
            self.server.on_request(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *arguments):
            """Logs nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.on_request = [], lambda path: None
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def at_the_door():
    with door() as server:
        yield server


# Each key.

FACTS = """
import os, resource
for number in range(20):
    print("line", number)
print("limits", *(resource.getrlimit(getattr(resource, "RLIMIT_" + name))[0] for name in ("AS", "NPROC", "FSIZE", "CPU")))
print("variables", *(os.environ.get(name) for name in ("GIVEN", "PASSED", "LAUNCHED")))
"""


def changes(directory, url):
    """key: (value before, value after). In this order; what the log looks like comes last."""
    return {
        "forge.labels": (["experiment"], ["night", "fast", "experiment", *(f"more-{number}" for number in range(30))]),
        "forge.create_labels": (False, True),
        "forge.status": (False, True),
        "forge.reviewers": ([], ["Alice"]),
        "forge.timeout": ("10s", "20s"),
        "forge.poll": ("1h", "50ms"),
        "change.protect": (["README.md"], ["guarded.txt"]),
        "change.exclude": (["README.md"], ["left-out.txt"]),
        "change.author": ("A <a@a>", "Somebody <some@body>"),
        "validation.command": (["true"], ["python3", "-c", FACTS]),
        "validation.slurm.options": ([], ["--partition=gpu"]),
        "validation.slurm.poll": ("30s", "20s"),
        "validation.launcher": ([], ["env", "LAUNCHED=yes"]),
        "validation.timeout": ("30s", "50s"),
        "validation.output_lines": (50, 7),
        "validation.environment": ({"GIVEN": "old"}, {"GIVEN": "new"}),
        "validation.pass_environment": ([], ["PASSED"]),
        "validation.base": ("never", "on_failure"),
        "validation.expect": (None, "^limits "),
        "validation.cache": (True, False),
        "validation.cache_limit": ("20G", "1G"),
        "validation.read_only": ([], ["/usr"]),
        "validation.history": (50, 7),
        "validation.requires": ([f"{url}/old/1", f"{url}/old/2"], [f"{url}/new"]),
        "validation.limits.memory": ("0", "8G"),
        "validation.limits.processes": (0, 3000),
        "validation.limits.file_size": ("0", "1G"),
        "validation.limits.cpu_time": ("0s", "600s"),
        "queue.parallel": (1, 2),
        "queue.max_open_pulls": (0, 100),
        "queue.order": ("arrival", "best"),
        "queue.retry_for": ("24h", "12h"),
        "pulls.refresh": ("conflicted", "never"),
        "pulls.supersede": (False, True),
        "keep.validation_logs": ("30d", "10d"),
        "keep.archive": ("0", "90d"),
        "keep.rejected": ("0", "7d"),
        "metrics.accuracy.direction": ("minimize", "maximize"),
        "metrics.accuracy.min_delta": (0, 0.1),
        "metrics.accuracy.min_relative": (0, 0.05),
        "metrics.accuracy.baseline": (0.9, 0.5),
        "metrics.accuracy.reference": ("best", "frontier"),
        "status.textfile": (str(directory / "old.prom"), str(directory / "new.prom")),
        "log.status_every": ("1h", "100ms"),
        "log.level": ("debug", "info"),
        "log.format": ("json", "logfmt"),
    }


def set_key(config, name, value):
    *groups, last = name.split(".")
    for group in groups:
        config = config.setdefault(group, {})
    config[last] = value


def test_no_key_is_forgotten(tmp_path):
    keys = {name for name, row in tables.configuration_keys().items() if "RESTART" not in row["flags"]}
    assert set(changes(tmp_path, "")) == keys | {f"metrics.accuracy.{name}" for name in tables.metric_keys()}


@pytest.mark.representative
def test_every_key_is_reloaded_while_a_job_runs_at_a_local_forge(winnowd, project, at_the_door):
    reload_every_key(winnowd, project, at_the_door)


@pytest.mark.representative
def test_every_key_is_reloaded_while_a_job_runs_at_gitea(gitea_winnowd, gitea, project, at_the_door):
    gitea.add_label("experiment")
    reload_every_key(gitea_winnowd, project, at_the_door)


def reload_every_key(winnowd, project, at_the_door):
    """One by one, while the requirement of the first job's tests is looked at: it goes on with what is new."""
    keys = changes(winnowd.directory, at_the_door.url)
    for name, (before, _) in keys.items():
        set_key(winnowd.config, name, before)
    winnowd.environment["PASSED"] = "through"

    def reload_each(path):
        if path != "/old/1":
            return
        assert appears(winnowd.directory / "old.prom")
        for name, (_, after) in keys.items():
            set_key(winnowd.config, name, after)
            reload(winnowd)

    at_the_door.on_request = reload_each
    log = winnowd.start()
    winnowd.drop(improved(project))
    log.wait(experiment="exp-1", decision="promoted")
    assert at_the_door.heard == ["/old/1", "/old/2"], "what has begun goes on as it began"
    assert not log.all(level="debug") and "restart" not in log.text
    (pull,) = winnowd.forge.pulls()
    assert set(pull.labels) == set(keys["forge.labels"][1]) and pull.reviewers == ["Alice"]
    look_at_the_rest(winnowd, project, keys)
    assert at_the_door.heard[2:] == ["/new"]


def look_at_the_rest(winnowd, project, keys):
    """What is seen of keys only when they are in force from a job's beginning."""
    log = winnowd.log
    _, diff = project.experiment({"train.py": "def loss():\n    return 1\n", "left-out.txt": "x\n", "README.md": "y\n"})
    winnowd.drop(result("exp-2", 0.55, metric="accuracy", metric_before=0.1, diff=diff))
    assert "by more than 0.1" in log.wait(experiment="exp-2", decision="discarded")["reason"]
    winnowd.drop(result("exp-3", 0.7, metric="accuracy", metric_before=0.9, diff=diff))
    log.wait(experiment="exp-3", decision="promoted")
    pull = winnowd.forge.pulls()[1]
    shown = winnowd.forge.show("--format=%an <%ae>", "--name-only", pull.sha).split("\n")
    assert shown == ["Somebody <some@body>", "", "README.md", "train.py"]
    assert f"limits {8 << 30} 3000 {1 << 30} 600" in pull.body and "variables new through yes" in pull.body
    assert "line 15" in pull.body and "line 14" not in pull.body
    _, diff = project.experiment({"guarded.txt": "x\n"})
    winnowd.drop(result("exp-4", 0.99, metric="accuracy", diff=diff))
    assert "guarded.txt" in log.wait(experiment="exp-4", decision="failed")["reason"]
    log.wait(msg="status")
    close(winnowd.forge, pull.number)
    log.wait(msg=lambda text: text.startswith("pull request closed"), pull=pull.number)
    assert appears(winnowd.directory / "new.prom")
    assert not (winnowd.directory / "old.prom").exists(), "node_exporter refuses both where there are two"


def close(forge, number):
    if forge.kind == "gitea":
        forge.gitea.close_pull(number)
    else:
        forge.set_state(number, "closed")


# What is under way.


RELOADS = 40  # each asks the forge anew, so that without an end each would call for the next one


@pytest.mark.representative
def test_a_reload_at_every_request(gitea_winnowd, stand_in, gitea, project):
    """The lists that calls work on are exchanged, and with them longer and shorter ones, while they do."""
    winnowd, count, used = gitea_winnowd, 0, [["a", "b"]]
    lock = threading.Lock()
    for name in ("Bob", "Carol"):
        gitea.add_user(name)
    gitea.faults.add(method="POST", path="requested_reviewers", status=422, body='{"message":"one by one"}', count=1)

    def another(record):
        nonlocal count
        with lock:
            if count == RELOADS:
                return
            count += 1
            used.append([f"label-{count}-{number}" for number in range(count % 5 + 1)])
            reload(winnowd, forge={"labels": used[-1], "reviewers": ["Alice", "Bob", "Carol"][: count % 3 + 1]})

    winnowd.configure(forge={"labels": used[0], "reviewers": ["Alice", "Bob", "Carol"]})
    log = winnowd.start()
    log.wait(msg="forge answers")
    gitea.faults.add("pass", path=r"/api/v1/repos/.*(labels|pulls|requested_reviewers)", count=None, call=another)
    winnowd.drop(improved(project))
    log.wait(experiment="exp-1", decision="promoted")
    (pull,) = stand_in.pulls()
    assert pull.labels in used and count > 4 and pull.reviewers


@pytest.mark.representative
def test_a_label_is_known_by_its_name(gitea_winnowd, stand_in, project):
    winnowd = gitea_winnowd
    log = winnowd.start()
    log.wait(msg="forge answers")
    many = [f"label-{number}" for number in range(100)]
    for number, labels in enumerate([["experiment"], ["night"], ["experiment", "night"], many, [], ["night"]], 1):
        reload(winnowd, forge={"labels": labels})
        winnowd.drop(improved(project, f"exp-{number}", 0.9 - number / 100))
        log.wait(experiment=f"exp-{number}", decision="promoted")
        assert stand_in.pulls()[-1].labels == labels


def test_the_patience_of_git_is_reloaded(gitea_winnowd, gitea, project):
    winnowd = gitea_winnowd.configure(forge={"timeout": "1s"})
    log = winnowd.start()
    log.wait(msg="forge answers")
    reload(winnowd, forge={"timeout": "20s"})
    silence = gitea.faults.add("hang", path=r"info/refs\?service=git-receive-pack", seconds=2.5)
    winnowd.drop(improved(project))
    log.wait(experiment="exp-1", decision="promoted")
    assert silence.struck == 1 and not log.all(msg=lambda text: "trying again" in text)


def test_how_long_a_job_tries_is_reloaded(gitea_winnowd, gitea, project):
    """A job that waits for the forge to answer again had set its clock by the old queue.retry_for."""
    log = gitea_winnowd.start()
    log.wait(msg="forge answers")
    gitea.faults.add("bad_gateway", path="/labels$|/version$", count=None)
    gitea_winnowd.drop(improved(project))
    log.wait(experiment="exp-1", msg=lambda text: text.startswith("step could not be done now"))
    assert gitea_winnowd.stop() == 0
    log = gitea_winnowd.start()
    log.wait(msg=lambda text: text.startswith("forge cannot be used now"))
    reload(gitea_winnowd, queue={"retry_for": "1ms"})
    assert "queue.retry_for" in log.wait(experiment="exp-1", msg="step failed")["reason"]
    gitea.faults.clear()
    reload(gitea_winnowd)  # asks at once
    log.wait(experiment="exp-1", decision="failed")


# The last judgement.

LATER = {
    "min_delta": ({"min_delta": 0.5}, "by more than 0.5"),
    "min_relative": ({"min_relative": 0.5}, "by more than 0.5"),
    "direction": ({"direction": "maximize"}, "above"),
    "gone": (None, "not configured any more"),
}


@pytest.mark.parametrize("which", LATER)
def test_a_running_job_is_judged_by_what_is_in_force_at_the_end(winnowd, project, forge, at_the_door, which):
    settings, reason = LATER[which]

    def change(path):
        winnowd.config["metrics"] = {"other": MINIMIZED, **({"val_bpb": {**MINIMIZED, **settings}} if settings else {})}
        reload(winnowd)

    at_the_door.on_request = change
    winnowd.configure(validation={"requires": [at_the_door.url]})
    log = winnowd.start()
    winnowd.drop(improved(project))
    decided = log.wait(experiment="exp-1", decision=lambda word: word != "queued")
    assert decided["decision"] == ("discarded" if settings else "failed") and reason in decided["reason"]
    assert forge.branches() == {} and forge.pulls() == []


def test_a_running_job_is_promoted_by_what_is_in_force_at_the_end(winnowd, project, at_the_door):
    """The other way round, and what the pull request says of the metric is what it was judged by."""
    at_the_door.on_request = lambda path: reload(winnowd, metrics={"val_bpb": {**MINIMIZED, "min_delta": 0.01}})
    winnowd.configure(validation={"requires": [at_the_door.url]})
    log = winnowd.start()
    winnowd.drop(improved(project))
    log.wait(experiment="exp-1", decision="promoted")
    (pull,) = winnowd.forge.pulls()
    assert "0.01" in pull.body


@pytest.mark.parametrize("base", ["never", "on_failure"])
def test_a_run_under_settings_that_were_mended_meanwhile_charges_nobody(winnowd, project, base):
    """Its command is wrong, and replaced while it runs: only what the new one says counts."""
    begun, ended = winnowd.directory / "begun", winnowd.directory / "ended"
    script = f"touch {begun}; while [ ! -e {ended} ]; do sleep 0.02; done; false"
    winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none", "base": base})
    log = winnowd.start()
    winnowd.drop(improved(project))
    assert harness.appears(begun)
    reload(winnowd, validation={"command": ["true"]})
    ended.touch()
    log.wait(experiment="exp-1", decision="promoted")


# Memory.


def own_kib(pid):
    """Anonymous memory, which belongs to the process alone, in KiB."""
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Anonymous:"))


@pytest.mark.skipif(harness.sanitized(), reason="a sanitizer keeps what was freed")
def test_a_reload_leaves_nothing_behind(winnowd):
    winnowd.config["metrics"] = {f"metric-{number}": {"direction": "minimize", "baseline": number} for number in range(100)}
    winnowd.configure( change={"protect": [f"file-{number}" for number in range(100)]}, log={"level": "info"})
    log = winnowd.start()
    log.wait(msg="forge answers")
    for _ in range(20):
        reload(winnowd)
    before = own_kib(winnowd.process.pid)
    for _ in range(100):
        reload(winnowd)
    assert own_kib(winnowd.process.pid) - before < 300, "KiB; a configuration has more than 10"
