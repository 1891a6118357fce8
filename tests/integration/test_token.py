"""Promise: the token reaches git and the forge, and nothing else.

At the end of each test the fixtures search the log, the state, the spool and the pull requests for the
token, in all the forms in which it travels. Here the rest is searched: processes, errors, other hosts.
"""

import base64
import contextlib
import http.server
import os
import pathlib
import re
import resource
import shutil
import subprocess
import threading
import time
import urllib.parse

import harness
import lodger
import pytest
from harness import result

# Each program notes what the kernel shows of it, and of every other process, and goes on as the real one.
RECORDER = """#!/bin/bash
folder=$(mktemp -d "{folder}/{program}.XXXXXX")
cat /proc/$$/environ >"$folder/environ"
cat /proc/$$/limits >"$folder/limits"
printf '%s\\n' "$@" >"$folder/arguments"
cat /proc/[0-9]*/cmdline >"$folder/others" 2>/dev/null
cat /proc/$PPID/environ >"$folder/parent" 2>/dev/null
exec "{real}" "$@"
"""


def forms(token):
    """The token and what HTTP makes of it."""
    found = {token, urllib.parse.quote(token, safe="")}
    for user in ("", "token", "winnowd", "x-access-token", "oauth2", "git", token):
        found.add(base64.b64encode(f"{user}:{token}".encode()).decode())
    return [form.encode() for form in found]


def holds(content, token):
    return any(form in content for form in forms(token))


def give(daemon, token, way):
    """Gives the token in this way, and in no other."""
    del daemon.environment["GITEA_TOKEN"]
    if way == "environment":
        daemon.environment["GITEA_TOKEN"] = token
        return
    folder = daemon.directory / "credentials"
    folder.mkdir(mode=0o700)
    path = folder / "gitea-token"
    path.write_text(token + "\n")
    path.chmod(0o600)
    if way == "file":
        daemon.configure(forge={"token_file": str(path)})
    else:
        daemon.environment["CREDENTIALS_DIRECTORY"] = str(folder)


def limit(note, name):
    """The soft limit of a process that was noted."""
    found = re.search(rf"^{name} +(\w+)", (note / "limits").read_text(), re.MULTILINE).group(1)
    return float("inf") if found == "unlimited" else int(found)


def promotable(project, **more):
    return result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65), **more)


@pytest.mark.parametrize("way", ["environment", "file", "credential"])
def test_no_process_shows_it(gitea_winnowd, stand_in, project, way):
    """Neither the daemon nor any child, in arguments or environment; git, which needs it, in its own alone."""
    give(gitea_winnowd, stand_in.token, way)
    bin_folder, notes = gitea_winnowd.directory / "bin", gitea_winnowd.directory / "notes"
    bin_folder.mkdir()
    notes.mkdir()
    for program in ("git", "python3", "sh", "env"):
        real = shutil.which(program, path=harness.PATH)
        (bin_folder / program).write_text(RECORDER.format(folder=notes, program=program, real=real))
        (bin_folder / program).chmod(0o755)
    gitea_winnowd.environment["PATH"] = f"{bin_folder}:{harness.PATH}"
    gitea_winnowd.configure(validation={"command": ["env", "sh", "-c", "env; cat /proc/self/environ"], "sandbox": "none", "output_lines": 500})
    gitea_winnowd.drop(promotable(project))
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    log = gitea_winnowd.start()
    resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))
    log.wait(experiment="exp-1", decision="promoted")
    try:
        own = pathlib.Path(f"/proc/{gitea_winnowd.process.pid}/environ").read_bytes()
    except PermissionError:
        own = b""
    assert not holds(own, stand_in.token)
    assert gitea_winnowd.stop() == 0

    seen = {path.name.split(".")[0] for path in notes.iterdir()}
    assert {"git", "sh", "env"} <= seen, seen
    with_token = []
    for note in notes.iterdir():
        program = note.name.split(".")[0]
        for name in ("arguments", "others", "parent"):
            path = note / name
            if name == "parent" and program == "git":
                continue  # a git that calls another: its own environment
            assert not path.exists() or not holds(path.read_bytes(), stand_in.token), f"{program}: {name}"
        if holds((note / "environ").read_bytes(), stand_in.token):
            with_token.append((note, (note / "arguments").read_text().split()))
    assert {note.name.split(".")[0] for note, _ in with_token} == {"git"}
    # Of git itself only what talks to the forge; and whatever the forge tells it, its memory has a bound.
    for note, arguments in with_token:
        assert {"ls-remote", "fetch", "push"} & set(arguments), arguments
        assert limit(note, "Max data size") <= 2**31
        assert limit(note, "Max core file size") <= 1
    assert with_token


def test_a_daemon_that_cannot_be_looked_into(tmp_path, project, the_binary_is_there, monkeypatch):
    """No core dump, no debugger, no /proc/PID/environ for processes of the same user."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    directory = lodger.make_directory()
    forge = harness.StandIn(project, "1.25")
    daemon = lodger.Lodger(directory, forge)
    try:
        daemon.start().wait(msg="forge answers")
        become = [f"--reuid={lodger.USER}", f"--regid={lodger.USER}", "--clear-groups"] if lodger.ROOT else ["--no-new-privs"]
        for name in ("environ", "mem", "maps"):
            path = f"/proc/{daemon.process.pid}/{name}"
            done = subprocess.run(["setpriv", *become, "head", "-c", "1", path], capture_output=True)
            assert done.returncode != 0, f"{path} can be read"
        daemon.check_promises()
    finally:
        forge.stop()
        shutil.rmtree(directory)


@pytest.mark.parametrize("command", ["--status", "--check-result", "--check-config"])
def test_no_command_keeps_it_in_its_environment(gitea_winnowd, stand_in, command):
    """Each is held up where it says what it found, by a pipe that is full, and looked at from outside."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, bytes(4096)):
            pass
    os.set_blocking(writer, True)
    gitea_winnowd.write_configuration()
    file = [str(gitea_winnowd.drop(result("exp-1", 1.0)))] if command == "--check-result" else []
    process = subprocess.Popen(gitea_winnowd.command(command, *file), stdout=writer, env=gitea_winnowd.environment)
    path, patience, seen = pathlib.Path(f"/proc/{process.pid}/environ"), time.monotonic() + 5, b""
    try:
        while (b"GITEA_TOKEN=" not in seen or holds(seen, stand_in.token)) and time.monotonic() < patience:
            seen = path.read_bytes()
        assert b"GITEA_TOKEN=" in seen and not holds(seen, stand_in.token)
        assert process.poll() is None
    except PermissionError:
        assert not lodger.ROOT
    finally:
        process.kill()
        process.wait()
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
def test_a_file_that_others_can_read_is_refused(gitea_winnowd, stand_in, mode):
    give(gitea_winnowd, stand_in.token, "file")
    path = gitea_winnowd.directory / "credentials/gitea-token"
    path.chmod(mode)
    gitea_winnowd.write_configuration()
    for arguments in (("--once",), ("--check-config",)):
        status, said, log = gitea_winnowd.run(*arguments)
        assert status == 78 and str(path) in said + log.text


@pytest.mark.parametrize("content", ["", "two words\n", "abc\n", "caf\u00e9-caf\u00e9\n", "a\x00b\n", "x" * 5000])
def test_a_file_that_holds_no_token(gitea_winnowd, stand_in, content):
    give(gitea_winnowd, stand_in.token, "file")
    (gitea_winnowd.directory / "credentials/gitea-token").write_text(content, encoding="utf-8")
    gitea_winnowd.write_configuration()
    status, _, log = gitea_winnowd.run("--once")
    assert status == 78 and (len(content) < 6 or content.strip() not in log.text)


# What a server says back.

STEPS = {
    "check": ("GET", "/user$|/repos/lab/model$"),
    "branch": ("POST", "/branches$"),
    "pull": ("POST", "/pulls$"),
    "label": ("POST", r"/labels$"),
    "review": ("POST", "/requested_reviewers$"),
    "git": ("GET", "info/refs"),
    "push": ("POST", "git-receive-pack$"),
}


def echo(token):
    """An error that holds the token in every form, twice, and in the middle of words."""
    pairs = [base64.b64encode(f"{user}:{token}".encode()).decode() for user in ("winnowd", "token", "")]
    return f'{{"message":"bad token {token}, x{token}x, {" ".join(pairs)}, Authorization: token {token}, url http://winnowd:{token}@h/"}}'


@pytest.mark.representative
@pytest.mark.parametrize("step, status", [*((step, 422) for step in STEPS if step != "git"), ("git", 403), ("check", 500), ("push", 500)])
def test_a_server_that_echoes_it(gitea_winnowd, stand_in, project, step, status):
    """It is in the text of a permanent or a transient error."""
    method, path = STEPS[step]
    stand_in.gitea.faults.add(
        method=method, path=path, status=status, body=echo(stand_in.token), count=2, headers={"X-Echo": stand_in.token},
    )  # fmt: skip
    gitea_winnowd.configure(forge={"reviewers": ["Timmy"]})
    gitea_winnowd.drop(promotable(project))
    gitea_winnowd.write_configuration()
    _, _, log = gitea_winnowd.run("--once")
    assert any(fault.struck for fault in stand_in.gitea.faults), "the server was not asked"
    assert not holds(log.text.encode(), stand_in.token)
    _, said, more = gitea_winnowd.run_beside("--status")
    assert not holds((said + more).encode(), stand_in.token)
    if step == "push" and status == 422:  # whatever is in the way of git is nothing to charge to the experiment
        assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}


def test_an_experiment_that_knows_it(gitea_winnowd, stand_in, project):
    """Somebody else gave it away. None of it gets from there into the log or the pull request."""
    token = stand_in.token
    gitea_winnowd.configure(validation={"command": ["sh", "-c", f"echo {token[:7]}''{token[7:]}"]})
    gitea_winnowd.drop(promotable(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    assert token not in pull.body and re.search(r"\*{8}", pull.body)
    # All that the tests printed is kept as they printed it, in a file that is not for everybody.
    kept = gitea_winnowd.state / "validation/exp-1.log"
    assert kept.parent.stat().st_mode & 0o007 == 0
    kept.unlink()


def test_a_result_that_tells_it(gitea_winnowd, stand_in, project):
    token = stand_in.token
    words = {"hypothesis": f"The token is {token}.", "title": f"Use {token}", "details": {"key": token}}
    gitea_winnowd.drop(promotable(project, **words))
    log = gitea_winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    message = stand_in.show("-s", "--format=%B", pull.sha)
    assert "The token is" in pull.body and "Use" in pull.title and "Use" in message
    for text in (pull.title, pull.body, message, log.text):
        assert token not in text
    # What was dropped stays what it was, in the archive and in the store.
    shutil.rmtree(gitea_winnowd.spool / ".archive")
    for path in gitea_winnowd.state.glob("winnowd.db*"):
        path.unlink()


def test_no_half_of_it_where_a_text_is_cut(gitea_winnowd, stand_in, project):
    """Title and subject are shortened; what is left of the token there would be most of it."""
    token = stand_in.token
    gitea_winnowd.drop(promotable(project, hypothesis="x" * (100 - len(token) + 4) + token + " and on", details={"key": "x" * 270 + token}))
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    message = stand_in.show("-s", "--format=%B", pull.sha)
    for text in (pull.title, pull.body, message):
        assert token[:8] not in text
    shutil.rmtree(gitea_winnowd.spool / ".archive")
    for path in gitea_winnowd.state.glob("winnowd.db*"):
        path.unlink()


def test_no_half_of_it_in_what_a_hook_says(gitea_winnowd, stand_in, project):
    hook = pathlib.Path(stand_in.gitea.git_path) / "hooks/update"
    hook.write_text(f'#!/bin/sh\ncase $2,$3 in *[!0]*,*[!0]*) echo "{"x" * 240}{stand_in.token}" >&2; exit 1; esac\n')
    hook.chmod(0o755)
    gitea_winnowd.drop(promotable(project))
    log = gitea_winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and "xxxxx" in log.text
    assert stand_in.token[:8] not in log.text


# Other hosts.


class Elsewhere:
    """A server that nobody was told to talk to; it keeps what it is told."""

    def __enter__(self):
        heard = self.heard = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                heard.append(f"{self.command} {self.path}\n{self.headers}\n{self.rfile.read(length)!r}")
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = do_DELETE = do_PATCH = answer

            def log_message(self, *arguments):
                """Silent."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error):
        self.server.shutdown()
        self.server.server_close()


GAVE_UP = "gave up: a minute without progress"


@pytest.mark.parametrize(
    "step, status", [("check", 301), ("check", 302), ("check", 307), ("branch", 307), ("pull", 308), ("git", 301), ("git", 302), ("git", 307), ("push", 307)]
)
def test_a_redirect_to_another_host_gets_no_token(gitea_winnowd, stand_in, project, step, status):
    method, path = STEPS[step]
    with Elsewhere() as elsewhere:
        stand_in.gitea.faults.add(
            method=method, path=path, status=status, body="", count=2,
            call=None, headers={"Location": f"{elsewhere.url}/lab/model.git/info/refs?service=git-upload-pack"},
        )  # fmt: skip
        gitea_winnowd.drop(promotable(project))
        gitea_winnowd.write_configuration()
        _, _, log = gitea_winnowd.run("--once")
        assert any(fault.struck for fault in stand_in.gitea.faults), "the server was not asked"
        # It holds the queue before anything is made, so that there is nothing to wait for.
        assert step != "git" or log.decisions() == {} and not log.all(msg=GAVE_UP)
        assert not any(holds(text.encode(), stand_in.token) for text in elsewhere.heard), elsewhere.heard
    if step in ("pull", "push"):  # a repository that has moved is nothing to charge to the experiment: it was held, and goes on
        assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}


def test_the_environment_is_not_handed_on(gitea_winnowd, stand_in, project):
    """The tests see neither the token nor the variables that say where it comes from."""
    give(gitea_winnowd, stand_in.token, "credential")
    gitea_winnowd.configure(validation={"command": ["env"], "output_lines": 500})
    gitea_winnowd.drop(promotable(project))
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = stand_in.pulls()
    assert "PATH=" in pull.body
    for name in ("GITEA_TOKEN", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET"):
        assert name not in pull.body


def test_it_is_not_passed_on_by_configuration(gitea_winnowd):
    gitea_winnowd.configure(validation={"pass_environment": ["GITEA_TOKEN"]})
    gitea_winnowd.write_configuration()
    assert gitea_winnowd.run("--check-config")[0] == 78
