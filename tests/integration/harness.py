"""What all integration tests use: a project, a forge, and the real daemon.

    Project     a small Python project in a bare repository, and a clone to make changes in
    LocalForge  the `local` forge as a test sees it: branches, pull requests, and what must hold
    StandIn     the same for a Gitea that tests can break (package gitea)
                (real_gitea.RealGitea is the same for a real one)
    Winnowd     configuration, spool and process of one daemon; its log as events
    Wrapper     a directory for PATH that counts calls of a program, and kills the daemon at one

Nothing here sleeps to let something happen. A test waits for a line of the log, or with appears() for a file.
"""

import atexit
import base64
import contextlib
import dataclasses
import fcntl
import functools
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

import yaml
from events import PATIENCE, Log
from gitea import Gitea
from machine import Clock

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = os.environ.get("WINNOWD") or str(ROOT / "build/daemon/winnowd")
# Not the caller's PATH: another python3 on it would be another tox, or none.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SANITIZED = {name: os.environ[name] for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ}


@functools.cache
def sanitized():
    """Whether the daemon was built with sanitizers. Options for them in the environment do not say so."""
    return b"__asan_init" in pathlib.Path(BINARY).read_bytes()


IDENTITY = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A Person",
    "GIT_AUTHOR_EMAIL": "person@example.org",
    "GIT_COMMITTER_NAME": "A Person",
    "GIT_COMMITTER_EMAIL": "person@example.org",
    "GIT_TERMINAL_PROMPT": "0",
}

# Settings stand far enough apart that changes of two of them never touch each other's context.
SETTINGS = {"WIDTH": 64, "DEPTH": 12, "RATE": 0.001, "WARMUP": 200, "BATCH": 32, "DROPOUT": 0.1}
TRAIN = (
    '"""A training run that is none."""\n\n'
    + "".join(f"# What {name} is for.\n\n\n\n{name} = {value}\n\n\n\n" for name, value in SETTINGS.items())
    + "\ndef loss():\n    return 1.0 / (WIDTH * DEPTH)\n"
)
TESTS = """import unittest

import train


class Training(unittest.TestCase):
    def test_loss_is_positive(self):
        self.assertGreater(train.loss(), 0)

    def test_batch_is_a_power_of_two(self):
        self.assertEqual(train.BATCH & (train.BATCH - 1), 0)


if __name__ == "__main__":
    unittest.main()
"""
# The same, without an interpreter: unittest takes a tenth of a second to start, a thousand times.
CHECK = r"""value() { sed -n "s/^$1 = \([0-9]*\)$/\1/p" train.py; }

fail() {
    printf '%s ... FAIL\n\nFAIL: %s\nAssertionError: %s\n\nRan 2 tests in 0.001s\n\nFAILED (failures=1)\n' "$1" "$1" "$2" >&2
    exit 1
}

width=$(value WIDTH) depth=$(value DEPTH) batch=$(value BATCH)
[ $((width * depth)) -gt 0 ] || fail test_loss_is_positive "$width * $depth is not greater than 0"
[ $((batch & (batch - 1))) -eq 0 ] || fail test_batch_is_a_power_of_two "$((batch & (batch - 1))) != 0"
printf 'test_batch_is_a_power_of_two ... ok\ntest_loss_is_positive ... ok\n\nRan 2 tests in 0.001s\n\nOK\n' >&2
"""
TOX = """[tox]
skipsdist = true
envlist = unit

[testenv:unit]
skip_install = true
commands = python -m unittest -v
"""
FILES = {
    "train.py": TRAIN,
    "test_train.py": TESTS,
    "check": CHECK,
    "tox.ini": TOX,
    "README.md": "# A project\n",
    "results.tsv": "commit\tval_bpb\tstatus\tdescription\n",
}


def git(*arguments, directory=None, text=None, check=True, whole=False):
    """Runs git as a person would, and returns its output, without the last line ends unless `whole`."""
    done = subprocess.run(
        ["git", *(["-C", str(directory)] if directory else []), *map(str, arguments)],
        input=text, capture_output=True, text=True, env={**os.environ, **IDENTITY, "WINNOWD_TEST_HAND": "1"},
    )  # fmt: skip
    assert not check or done.returncode == 0, f"git {arguments}: {done.stderr}"
    return done.stdout if whole else done.stdout.rstrip("\n")


@functools.cache
def template(base, object_format):
    """A folder to be copied: git makes the two repositories of a project once, not for each test."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="winnowd-template."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    bare, work = folder / "project.git", folder / "work"
    for words in (["--bare", bare], [work]):
        git("init", "-q", f"--initial-branch={base}", f"--object-format={object_format}", *words)
    git("config", "receive.autogc", "false", directory=bare)
    git("config", "maintenance.auto", "false", directory=work)
    git("remote", "add", "origin", "../project.git", directory=work)
    for name, content in FILES.items():
        (work / name).write_text(content)
    git("add", "-A", directory=work)
    git("commit", "-q", "-m", "The beginning", directory=work)
    git("push", "-q", "origin", base, directory=work)
    return folder


class Project:
    """`bare` is what a forge serves, `work` a clone of it in which experiments are made."""

    tests = ("sh", "check")

    def __init__(self, directory, base="main", files=None, object_format="sha1"):
        self.directory = pathlib.Path(directory)
        self.base, self.object_format = base, object_format
        self.bare = self.directory / "project.git"
        self.work = self.directory / "work"
        shutil.copytree(template(base, object_format), self.directory, dirs_exist_ok=True)
        if files:
            self.commit(files, "Files of this test")
            self.publish()

    def write(self, files):
        for name, content in files.items():
            path = self.work / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content, encoding="utf-8")

    def commit(self, files, message="A change"):
        """Commits onto what is checked out in `work`, gives back the hash."""
        self.write(files)
        git("add", "-A", directory=self.work)
        git("commit", "-q", "-m", message, directory=self.work)
        return git("rev-parse", "HEAD", directory=self.work)

    def publish(self):
        """A person makes what is checked out the base."""
        git("push", "-q", "origin", f"HEAD:refs/heads/{self.base}", directory=self.work)

    def advance(self, files, message="Somebody else's work"):
        """The base moves on by one commit."""
        git("checkout", "-q", self.base, directory=self.work)
        sha = self.commit(files, message)
        self.publish()
        return sha

    def experiment(self, files, message="An experiment", parent=None):
        """A commit on the base (or on `parent`) that exists in `work` alone: (hash, diff)."""
        parent = parent or self.base
        git("checkout", "-q", "--detach", parent, directory=self.work)
        sha = self.commit(files, message)
        diff = git("diff", "--binary", "HEAD^", "HEAD", directory=self.work, whole=True)
        git("checkout", "-q", self.base, directory=self.work)
        return sha, diff

    def tweak(self, **settings):
        """A diff that gives train.py, as it is in `work`, other settings."""
        file = self.work / "train.py"
        before = file.read_text()
        file.write_text(tweaked(**settings))
        diff = git("diff", "--binary", "--", "train.py", directory=self.work, whole=True)
        file.write_text(before)
        return diff

    @property
    def tip(self):
        return git("rev-parse", f"refs/heads/{self.base}", directory=self.work)


def tweaked(**settings):
    source = TRAIN
    for name, value in settings.items():
        source, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", source, flags=re.MULTILINE)
        assert count == 1, name
    return source


@dataclasses.dataclass
class Pull:
    number: int
    state: str
    title: str
    body: str
    head: str
    base: str
    sha: str
    labels: list
    reviewers: list


# Every change of a reference by anyone but the test's own hand is written down.
TRANSACTIONS = """#!/bin/sh
[ "$1" = committed ] && [ -z "$WINNOWD_TEST_HAND" ] && cat >>"{log}"
exit 0
"""
NOTHING = re.compile("0+")


def check_transaction(old, new, name, base, bare):
    """Checks what must hold of each change of a reference by the daemon."""
    assert name != f"refs/heads/{base}", "the base was written to"
    assert not name.startswith("refs/tags/"), f"a tag was made: {name}"
    if not NOTHING.fullmatch(old) and not NOTHING.fullmatch(new):
        ancestor = git("-c", "safe.directory=*", "merge-base", old, new, directory=bare, check=False)
        assert ancestor == old, f"a forced update: {name} {old} {new}"


@contextlib.contextmanager
def alone_in(directory):
    """Holds the lock on a directory, as everybody must who edits a file of the outbox."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


class LocalForge:
    """The bare repository and the outbox."""

    kind = "local"
    token = None

    def __init__(self, project, directory):
        self.project = project
        self.outbox = pathlib.Path(directory) / "outbox"
        self.transactions = pathlib.Path(directory) / "transactions"
        self.foreign = set()  # branches that a test made itself
        self.seen = 0  # transactions that were found to be good
        hook = project.bare / "hooks/reference-transaction"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(TRANSACTIONS.format(log=self.transactions))
        hook.chmod(0o755)

    def configuration(self):
        return {
            "kind": "local", "path": str(self.project.bare), "outbox": str(self.outbox), "base": self.project.base,
        }  # fmt: skip

    def environment(self):
        return {}

    def heads(self):
        """name: hash of all branches."""
        listing = git("for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads",
                      directory=self.project.bare)  # fmt: skip
        return dict(line.split(" ") for line in listing.splitlines())

    def branches(self):
        """The same, the base left out."""
        found = self.heads()
        found.pop(self.project.base)
        return found

    def create_branch(self, name, sha=None):
        git("update-ref", f"refs/heads/{name}", sha or self.project.tip, directory=self.project.bare)
        self.foreign.add(name)

    def pulls(self):
        found = []
        for path in sorted(self.outbox.glob("*.json"), key=lambda path: int(path.stem)):
            facts = json.loads(path.read_text(encoding="utf-8"))
            assert facts["number"] == int(path.stem)
            assert facts.pop("created_at")
            body = path.with_suffix(".md").read_text(encoding="utf-8")
            names = [field.name for field in dataclasses.fields(Pull)]
            found.append(Pull(**{name: facts.get(name) for name in names} | {"body": body}))
        return found

    def show(self, *arguments):
        return git("show", *arguments, directory=self.project.bare)

    def set_state(self, number, state):
        """What a person does to a pull request."""
        self.set_fact(number, "state", state)

    def set_fact(self, number, name, value):
        path = self.outbox / f"{number}.json"
        with alone_in(self.outbox):
            facts = json.loads(path.read_text(encoding="utf-8"))
            path.with_name("edited.tmp").write_text(json.dumps({**facts, name: value}), encoding="utf-8")
            path.with_name("edited.tmp").rename(path)

    def check_promises(self):
        branches = self.heads()
        assert branches.pop(self.project.base, None) == self.project.tip, "the base was written to"
        if self.transactions.exists():
            lines = self.transactions.read_text(encoding="utf-8").splitlines()
            for line in lines[self.seen :]:
                check_transaction(*line.split(" "), self.project.base, self.project.bare)
            self.seen = len(lines)
        pulls = self.pulls()
        heads = {pull.head for pull in pulls}
        for name in branches:
            assert name in heads | self.foreign, f"a branch without a pull request: {name}"
        for pull in pulls:
            if pull.state == "open" and pull.head in branches:
                assert pull.sha == branches[pull.head], "a pull request of another commit"


class StandIn:
    """A Gitea of the package beside us, with the project in it."""

    kind = "gitea"
    prefix = "experiment/"

    def __init__(self, project, dialect, **more):
        self.project = project
        self.gitea = Gitea(dialect=dialect, files=str(project.bare), base=project.base, **more).start()
        self.gitea.forge.add_user("stranger", collaborator=False)
        self.token = self.gitea.token
        self.in_flight = ()  # branches of jobs that a test left in the middle

    def configuration(self):
        more = {"ca_file": str(self.gitea.ca_file)} if self.gitea.ca_file else {}
        return {
            "kind": "gitea", "url": self.gitea.url, "owner": self.gitea.forge.owner, "repo": self.gitea.forge.repo,
            "base": self.project.base, "timeout": "10s", **more,
        }  # fmt: skip

    def environment(self):
        return {"GITEA_TOKEN": self.token}

    def branches(self):
        return {name: sha for name, sha in self.gitea.branches.items() if name != self.project.base}

    def pulls(self):
        return [
            Pull(pull.number, "merged" if pull.merged else pull.state, pull.title, pull.body, pull.head, pull.base,
                 pull.head_sha, [getattr(label, "name", label) for label in pull.labels], list(pull.reviewers))
            for pull in self.gitea.pulls.values()
        ]  # fmt: skip

    def show(self, *arguments):
        return git("show", *arguments, directory=self.gitea.git_path)

    def check_promises(self):
        self.gitea.assert_governed(self.prefix, self.project.base, self.in_flight)

    def stop(self):
        self.gitea.stop()


def result(experiment_id, after=None, **more):
    """A result file's content; keys whose value is None are left out."""
    content = {
        "experiment_id": experiment_id, "hypothesis": f"What if {experiment_id}?", "metric": "val_bpb",
        "metric_after": after, **more,
    }  # fmt: skip
    return {key: value for key, value in content.items() if value is not None}


def improved(project, experiment_id="exp-1", after=0.9, **more):
    """A result that says it is better than before, with a small change."""
    return result(experiment_id, after, **{"metric_before": 1.0, "diff": project.tweak(WIDTH=65), **more})


class Winnowd:
    """One daemon: its configuration, spool and state, and the processes that were started for it."""

    def __init__(self, directory, forge):
        self.directory = pathlib.Path(directory)
        self.forge = forge
        self.spool = self.directory / "spool"
        self.state = self.directory / "state"
        self.home = self.directory / "home"
        self.file = self.directory / "winnowd.yaml"
        for path in (self.spool, self.state, self.home):
            path.mkdir()
        self.config = {
            "spool": str(self.spool),
            "state": str(self.state),
            "forge": forge.configuration(),
            "metrics": {"val_bpb": {"direction": "minimize"}, "accuracy": {"direction": "maximize"}},
            # tox takes two seconds to make its environment, and a run on the base is one more: tests that are
            # about these, or about Python, say so.
            "validation": {"command": list(forge.project.tests), "timeout": "60s", "base": "never"},
            "log": {"format": "logfmt", "level": "debug", "status_every": "0s"},
        }
        self.environment = {"PATH": PATH, "HOME": str(self.home), "LANG": "C.UTF-8", **SANITIZED, **forge.environment()}
        self.clock = Clock(self)
        self.wrapper = None
        self.unfinished = False  # a test that leaves a job in the middle says so
        self.process = None
        self.log = None
        self.output = []  # all that any process of ours ever said
        self._dropped = 0

    def configure(self, **sections):
        """Changes keys: configure(queue={"parallel": 2}); a value that is no dict replaces."""
        for name, value in sections.items():
            if isinstance(value, dict) and isinstance(self.config.get(name), dict):
                self.config[name] = {**self.config[name], **value}
            else:
                self.config[name] = value
        return self

    def write_configuration(self, text=None):
        self.file.write_text(text if text is not None else yaml.dump(self.config, Dumper=yaml.CSafeDumper, sort_keys=False))

    # What an experimenter does.

    def drop(self, content, name=None, in_place=False, patch=None, age=None):
        """Puts a result (a dict, text or bytes) into the spool, and a patch file before it.

        Files that are dropped one after the other are one millisecond apart at least in the past,
        so that the order of arrival is the order of the calls; `age` in seconds overrides that.
        """
        if isinstance(content, dict):
            name = name or f"{content['experiment_id']}.json"
            content = json.dumps(content)
        if isinstance(content, str):
            content = content.encode()
        if patch is not None:
            (self.spool / patch[0]).write_text(patch[1], encoding="utf-8")
        path = self.spool / name
        if in_place:
            path.write_bytes(content)
            return path
        hidden = self.spool / f".{name}.tmp"
        hidden.write_bytes(content)
        self._dropped += 1
        when = time.time_ns() - (10**9 * 1000) + self._dropped * 10**6 if age is None else time.time_ns() - int(age * 10**9)
        os.utime(hidden, ns=(when, when))
        hidden.rename(path)
        return path

    def archived(self):
        """Names in the archive, whatever the day."""
        return sorted(path.name for path in self.spool.glob(".archive/????-??-??/*"))

    def rejected(self):
        """name: text of the reason file; patches have none."""
        folder = self.spool / ".rejected"
        names = os.listdir(folder) if folder.exists() else []
        return {
            name: (folder / f"{name}.reason").read_text(encoding="utf-8")
            for name in names if f"{name}.reason" in names
        }  # fmt: skip

    def waiting(self):
        """What a scan of the spool would still find."""
        return sorted(name for name in os.listdir(self.spool) if not name.startswith("."))

    # Processes.

    def command(self, *arguments):
        return [BINARY, "-c", str(self.file), *arguments]

    def started_environment(self):
        environment = dict(self.environment)
        if self.wrapper:
            environment["PATH"] = f"{self.wrapper.directory}:{environment['PATH']}"
        return environment

    def run(self, *arguments, seconds=PATIENCE, configuration=True):
        """Runs the program to its end: (exit status, stdout, Log)."""
        if configuration and not self.file.exists():
            self.write_configuration()
        self._launch(arguments, stdout=subprocess.PIPE)
        said = []
        reader = threading.Thread(target=lambda stream: said.append(stream.read()), args=(self.process.stdout,))
        reader.start()
        status = self._reap(seconds)
        reader.join(PATIENCE)
        text = said[0].decode("utf-8", errors="replace")
        self.output.append(text)
        return status, text, self.log

    def once(self, status=0, seconds=PATIENCE):
        """Runs until the spool and the queue are empty, and returns the log."""
        self.write_configuration()
        found, _, log = self.run("--once", seconds=seconds)
        assert found == status, f"exit status {found}:\n{log.text}"
        return log

    def start(self, *arguments):
        """Runs the daemon until stop() or kill(), or its own end. Returns the log."""
        assert self.process is None or self.process.poll() is not None, "it is running already"
        self.write_configuration()
        self._launch(arguments, stdout=subprocess.DEVNULL)
        return self.log

    def _launch(self, arguments, stdout):
        command = self.command(*arguments)
        if self.wrapper:
            # The process id stands in a file before the first line of the daemon has run.
            command = ["/bin/sh", "-c", f'echo $$ >"{self.wrapper.pid}"; exec "$@"', "sh", *command]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE,
            env=self.started_environment(), cwd=self.directory, start_new_session=True,
        )  # fmt: skip
        self.log = Log(self.process.stderr)

    def _reap(self, seconds):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.log.join()
            raise AssertionError(f"it did not end within {seconds} s:\n{self.log.text}") from None
        self.log.join()
        self.output.append(self.log.text)
        assert "Sanitizer" not in self.log.text, self.log.text
        return status

    def stop(self, number=signal.SIGTERM, seconds=12):
        """Asks it to end, gives back the exit status."""
        self.process.send_signal(number)
        return self._reap(seconds)

    def kill(self):
        self.process.kill()
        return self._reap(PATIENCE)

    def ended(self, seconds=PATIENCE):
        """Waits until the daemon has ended for another reason."""
        return self._reap(seconds)

    def status(self):
        code, text, log = self.run_beside("--status")
        assert code == 0, log
        return text

    def run_beside(self, *arguments):
        """Runs the program while the daemon runs: (exit status, stdout, stderr)."""
        if not self.file.exists():
            self.write_configuration()
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=PATIENCE,
                              env=self.environment, cwd=self.directory)  # fmt: skip
        self.output += [done.stdout, done.stderr]
        return done.returncode, done.stdout, done.stderr

    # What must hold after every test.

    def check_promises(self):
        if self.process is not None and self.process.poll() is None:
            status = self.stop()
            assert status == 0, f"exit status {status} after SIGTERM:\n{self.log.text}"
        if not self.unfinished:
            self.forge.check_promises()
        self.check_token()

    def check_token(self):
        """Checks that the token is nowhere, in any form in which it travels."""
        token = self.forge.token
        if not token:
            return
        forms = {token, urllib.parse.quote(token, safe="")}
        for user in ("", "token", "winnowd", "x-access-token", "oauth2", "git", token):
            pair = f"{user}:{token}".encode()
            forms.add(base64.b64encode(pair).decode())
        for text in self.output:
            assert not any(form in text for form in forms), "the token is in the log"
        for folder in (self.spool, self.state, self.home):
            for path in folder.rglob("*"):
                if path.is_symlink() or not path.is_file():
                    continue
                content = path.read_bytes()
                assert not any(form.encode() in content for form in forms), f"the token is in {path}"


@functools.cache
def wrapper_program():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="winnowd-wrapper."))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    source = pathlib.Path(__file__).with_name("wrapper.c")
    subprocess.run(["gcc", "-static", "-O1", "-o", str(folder / "wrapper"), str(source)], check=True)
    return folder / "wrapper"


class Wrapper:
    """Programs in front of the real ones (see wrapper.c). Give it to a daemon with `winnowd.wrapper = wrapper`."""

    def __init__(self, directory, programs=("git",)):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir()
        self.calls_file = self.directory / ".calls"
        self.calls_file.touch()
        self.command = self.directory / ".command"
        self.pid = self.directory / ".pid"
        for program in programs:
            shutil.copy(wrapper_program(), self.directory / program)
            (self.directory / f".{program}").symlink_to(shutil.which(program, path=PATH))

    def calls(self):
        return self.calls_file.read_text(encoding="utf-8").splitlines()

    def reset(self):
        self.calls_file.write_text("")
        self.command.unlink(missing_ok=True)

    def kill_at(self, number, when):
        """The daemon dies before or after the call with this number (from 1) has done its work."""
        assert when in ("before", "after")
        self.command.write_text(f"{when} {number}\n")


def appears(path):
    """Waits for a file of which no line of the log tells. Returns whether it came."""
    deadline = time.monotonic() + PATIENCE
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return path.exists()
