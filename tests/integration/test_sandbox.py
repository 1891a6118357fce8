"""Promise: code under test reaches nothing but its checkout, and what it uses is bounded.

Code that nobody has read runs with and without bubblewrap: each attempt fails or is bounded, and the job ends right.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import attempts
import harness
import lodger
import pytest
from events import PATIENCE
from exhaustive import first_of
from harness import git, result
from machine import eventually

KINDS = ["bubblewrap", "none"]
BUBBLEWRAP = ["bwrap", "--unshare-user", "--unshare-pid", "--ro-bind", "/", "/"]
LIMITS = {"memory": "8G", "processes": 700, "file_size": "1G", "cpu_time": "50s"}


def works(*command):
    return shutil.which(command[0]) and subprocess.run(command, capture_output=True).returncode == 0


needs_bubblewrap = pytest.mark.skipif(not works(*BUBBLEWRAP, "true"), reason="bubblewrap does not work here")


@pytest.fixture
def house(monkeypatch, the_binary_is_there):
    """A forge, a project and a daemon of another user, outside of /tmp."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
    directory = lodger.make_directory()
    project = harness.Project(directory)
    forge = harness.LocalForge(project, directory)
    made = lodger.Lodger(directory, forge)
    lodger.belong_all(project.bare)
    try:
        yield made
        made.check_promises()
    finally:
        shutil.rmtree(directory)


@pytest.fixture(params=[pytest.param("bubblewrap", marks=needs_bubblewrap), "none"])
def sandboxed(request, house):
    """The same, with each kind of sandbox."""
    house.configure(validation={"sandbox": request.param, "timeout": "30s"})
    house.sandbox = request.param
    return house


def judge(daemon, command, experiment_id="exp-1", after=0.9, decision="promoted", **more):
    """Has the daemon validate something with this command; gives back the log."""
    daemon.configure(validation={"command": command, **more})
    name = {"exp-1": "WIDTH", "exp-2": "DEPTH", "exp-3": "WARMUP"}[experiment_id]
    daemon.drop(result(experiment_id, after, metric_before=1.0, diff=daemon.forge.project.tweak(**{name: 77})))
    log = daemon.once()
    assert log.decisions()[experiment_id] == decision, log.text
    assert list((daemon.state / "checkouts").iterdir()) == [], "a checkout is left"
    return log


def python(script):
    return ["python3", "-c", script]


# What can be seen and reached.


@pytest.fixture(scope="module")
def findings():
    return {}


def look_around(kind, monkeypatch, found):
    """One run with the real tox, whose tests try everything. Returns what they got; it runs once for each kind of sandbox."""
    if kind not in found:
        for name, value in [("COUNT", "1"), ("KEY_0", "safe.directory"), ("VALUE_0", "*")]:
            monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
        directory = lodger.make_directory()
        forge = harness.StandIn(harness.Project(directory), "1.25")
        daemon = lodger.Lodger(directory, forge)
        try:
            found[kind] = run_attempts(daemon, kind)
            daemon.check_promises()
        finally:
            forge.stop()
            shutil.rmtree(directory)
    return found[kind]


# A session with a key in it, as a login may have one.
SESSION = """
import ctypes, os, sys
add, control = {"x86_64": (248, 250), "aarch64": (217, 219)}.get(os.uname().machine, (-1, -1))
libc = ctypes.CDLL(None)
libc.syscall(control, 1, None)
libc.syscall(add, b"user", b"winnowd-tests", b"a secret", 8, -3)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def run_attempts(daemon, kind):
    command = daemon.command
    daemon.command = lambda *arguments: ["/usr/bin/python3", "-c", SESSION, *command(*arguments)]
    token = daemon.directory / "the-token"
    token.write_text(daemon.forge.token)
    token.chmod(0o600)
    lodger.belong(token)
    daemon.configure(
        forge={"token_file": str(token)},
        validation={"command": ["tox", "-e", "unit"], "sandbox": kind, "limits": LIMITS, "timeout": "60s"},
    )
    log = daemon.start()
    facts = {
        "nekot": daemon.forge.token[::-1], "directory": str(daemon.directory), "state": str(daemon.state),
        "spool": str(daemon.spool), "file": str(daemon.file), "home": str(daemon.home), "pid": daemon.process.pid,
    }  # fmt: skip
    _, diff = daemon.forge.project.experiment({"test_attempts.py": attempts.code(**facts)})
    daemon.drop(result("exp-1", 0.9, metric_before=1.0, diff=diff))
    log.wait(experiment="exp-1", decision="promoted")
    return attempts.findings(daemon.output_of("exp-1"))


@needs_bubblewrap
@pytest.mark.xdist_group("attempts")
@pytest.mark.parametrize("attempt", attempts.names())
def test_an_attempt_in_the_sandbox(attempt, findings, monkeypatch):
    assert look_around("bubblewrap", monkeypatch, findings)[attempt] is None


@pytest.mark.xdist_group("attempts")
@pytest.mark.parametrize("attempt", attempts.names())
def test_an_attempt_without_a_sandbox(attempt, findings, monkeypatch):
    got = look_around("none", monkeypatch, findings)[attempt]
    if attempt in attempts.ALWAYS:
        assert got is None
    elif attempt in ("see_the_state", "see_the_spool", "token_in_files", "kill_the_daemon", "write_to_the_repository"):
        assert got, "the attempt fails by itself, and proves nothing about the sandbox"


@needs_bubblewrap
def test_what_lies_beside_a_program(house):
    """In a hidden place the program alone is shown, and of a source, whose configuration may hold a password, nothing."""
    source = house.directory / "theirs"
    git("init", "-q", str(source))
    git("config", "remote.origin.url", "https://ada:the-secret@example.org/", directory=source)
    (house.home / "id_rsa").write_text("the-secret")
    program = house.home / "check"
    program.write_text(f"#!/bin/sh\ncat {house.home}/id_rsa {source}/.git/config\nls {house.home} {source}\necho LOOKED\n")
    program.chmod(0o755)
    for folder in (house.home, source):
        lodger.belong_all(folder)
    house.configure(sources=[str(source)])
    judge(house, [str(program)], sandbox="bubblewrap")
    said = house.output_of("exp-1")
    assert "LOOKED" in said and "the-secret" not in said and "id_rsa\n" not in said, said


@needs_bubblewrap
def test_programs_in_hidden_places(house):
    """A link to a program, as pipx makes it; a PATH that leads through a link; an environment in a source."""
    source = house.directory / "theirs"
    git("init", "-q", str(source))
    places = {"first": house.home / ".local/share/venvs/first", "second": house.home / "tools", "third": source / ".venv"}
    for name, place in places.items():
        for folder in ("bin", "lib"):
            (place / folder).mkdir(parents=True)
        (place / "lib/word").write_text(f"{name} ")
        (place / "bin" / name).write_text(f"#!/bin/sh\ncat {place}/lib/word\ncase $0 in */first) second; third;; esac\n")
        (place / "bin" / name).chmod(0o755)
    (house.home / ".local/bin").mkdir()
    (house.home / ".local/bin/first").symlink_to(places["first"] / "bin/first")
    (house.directory / "shortcut").symlink_to(house.home)
    for folder in (house.home, source):
        lodger.belong_all(folder)
    house.environment["PATH"] = f"{house.home}/.local/bin:{house.directory}/shortcut/tools/bin:{source}/.venv/bin:{harness.PATH}"
    house.configure(sources=[str(source)])
    judge(house, ["first"], sandbox="bubblewrap")
    assert "first second third" in house.output_of("exp-1")


# Name spaces inside of it. An older bubblewrap, or one below /proc/sys that is read-only, has to leave them open.

OPEN = "name spaces of their own are open"


@pytest.mark.skipif(not works(*BUBBLEWRAP, "--disable-userns", "true"), reason="bubblewrap cannot switch them off here")
def test_no_name_space_in_the_sandbox(house):
    log = judge(house, ["sh", "-c", "! unshare -U true && ! unshare -Ur true"], sandbox="bubblewrap")
    (event,) = log.all(msg="sandbox")
    assert OPEN not in event["reason"]


@pytest.mark.skipif(not works(*BUBBLEWRAP, "unshare", "-U", "true"), reason="there are no name spaces in it anyway")
def test_a_bubblewrap_that_cannot_switch_name_spaces_off(house):
    tools = house.directory / "tools"
    tools.mkdir()
    (tools / "bwrap").write_text(
        "#!/bin/sh\nfor argument; do case $argument in --disable-userns) echo Unknown option >&2; exit 1;; esac; done\n"
        f'exec {shutil.which("bwrap")} "$@"\n'
    )
    (tools / "bwrap").chmod(0o755)
    house.environment["PATH"] = f"{tools}:{harness.PATH}"
    log = judge(house, ["unshare", "-U", "true"], sandbox="bubblewrap")
    (event,) = log.all(msg="sandbox")
    assert OPEN in event["reason"] and "bubblewrap" in event["reason"]


# What the daemon says of it.


def test_it_is_said_at_start(sandboxed):
    log = judge(sandboxed, ["true"])
    if sandboxed.sandbox == "bubblewrap":
        (event,) = log.all(msg="sandbox")
        assert event["level"] == "info" and "bubblewrap" in event["reason"] and not log.all(msg="no sandbox")
    else:
        (event,) = log.all(msg="no sandbox")
        assert event["level"] == "warning" and not log.all(msg="sandbox")
        for word in ("state", "credentials", "outlive"):
            assert word in event["reason"]


def test_bubblewrap_is_demanded_and_not_there(house):
    tools = house.directory / "tools"
    tools.mkdir()
    for name in ("git", "setpriv", "python3", "sh"):
        (tools / name).symlink_to(shutil.which(name, path=harness.PATH))
    house.environment["PATH"] = str(tools)
    house.configure(validation={"sandbox": "bubblewrap"})
    house.write_configuration()
    status, _, log = house.run("--once")
    assert status == 78 and "bubblewrap" in log.text
    house.configure(validation={"sandbox": "auto", "command": ["sh", "-c", "exit 0"]})
    (event,) = house.once().all(msg="no sandbox")
    assert "bwrap" in event["reason"]


@needs_bubblewrap
@pytest.mark.skipif(not lodger.ROOT, reason="only root may change what /proc looks like")
def test_a_proc_of_its_own_is_refused(house):
    """In the hardened unit something is mounted below /proc. Then the /proc that is there is used, read-only."""
    house.configure(validation={"sandbox": "bubblewrap"})
    script = 'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"'
    command = house.command
    house.command = lambda *arguments: ["unshare", "-m", "sh", "-c", script, "sh", *command(*arguments)]
    # A process of the same user with a secret in its environment, as git has it while it pushes.
    mark = f"{os.getpid()}.86420"
    neighbour = subprocess.Popen(
        ["setpriv", f"--reuid={lodger.USER}", f"--regid={lodger.USER}", "--clear-groups", "sleep", mark],
        env={"PATH": harness.PATH, "HIDDEN": "a-secret"},
    )  # fmt: skip
    sight = (
        "import glob, os\n"
        "for path in glob.glob('/proc/[0-9]*'):\n"
        "    try:\n"
        "        if b'HIDDEN=a-' + b'secret' in open(path + '/environ', 'rb').read():\n            print('SEEN', path)\n"
        "    except OSError:\n        pass\n"
        f"    if os.path.exists(path + '/root' + {str(house.state / 'repository.git')!r}):\n        print('SEEN', path)\n"
        "try:\n"
        "    open('/proc/sys/kernel/core_pattern', 'w'); print('SEEN core_pattern')\n"
        "except OSError:\n"
        "    print('LOOKED')\n"
    )  # fmt: skip
    try:
        judge(house, python(sight), sandbox="none")
        judge(house, python(sight), "exp-2", 0.8, sandbox="bubblewrap")
    finally:
        neighbour.kill()
        neighbour.wait()
    assert "SEEN" in house.output_of("exp-1"), "it proves nothing: there is nothing to be seen"
    said = house.output_of("exp-2")
    assert "LOOKED" in said and "SEEN" not in said, said


@needs_bubblewrap
@pytest.mark.skipif(not lodger.ROOT, reason="only root may change what /etc looks like")
def test_the_address_of_a_name_server_in_run(house):
    """As resolvconf, NetworkManager and openSUSE have it: /etc/resolv.conf is a link into /run, which is hidden."""
    script = (
        "mount -t tmpfs run /run && cp -a /etc /run/etc && mkdir /run/resolvconf && echo nameserver 192.0.2.1 >/run/resolvconf/resolv.conf && "
        'rm /run/etc/resolv.conf && ln -s ../run/resolvconf/resolv.conf /run/etc/resolv.conf && mount --bind /run/etc /etc && exec "$@"'
    )
    command = house.command
    house.command = lambda *arguments: ["unshare", "-m", "sh", "-c", script, "sh", *command(*arguments)]
    judge(house, ["sh", "-c", "cat /etc/resolv.conf; ls -A /run"], sandbox="bubblewrap")
    assert house.output_of("exp-1").split() == ["nameserver", "192.0.2.1", "checkout", "resolvconf"]


@needs_bubblewrap
@pytest.mark.skipif(not lodger.ROOT, reason="about root alone")
def test_root_in_the_sandbox_cannot_change_the_kernel(winnowd, project):
    """Root may write below /proc/sys in any name space, and core_pattern there is a way out."""
    winnowd.configure(validation={"sandbox": "bubblewrap", "command": python(
        "for name in ('kernel/core_pattern', 'kernel/printk', 'vm/swappiness'):\n"
        "    try:\n"
        "        open('/proc/sys/' + name, 'r+').close(); print('SEEN', name)\n"
        "    except OSError as error:\n"
        "        print('LOOKED', error)\n")})  # fmt: skip
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    said = (winnowd.state / "validation/exp-1.log").read_text()
    assert said.count("LOOKED") == 3 and "SEEN" not in said


# What is no verdict on the tests.


def false_start(house, name, said):
    """A program in the place of another, which ends at its first run in front of tests without running any."""
    real = shutil.which(name, path=harness.PATH)
    program = house.directory / "tools" / name
    program.parent.mkdir(exist_ok=True)
    mark = house.directory / "false-start"
    # The probe at start is left alone: it has no working directory.
    program.write_text(f'#!/bin/sh\ncase " $* " in *" --chdir "*) ;; *) exec {real} "$@";; esac\ntest -e {mark} && exec {real} "$@"\n>{mark}; {said}\n')
    program.chmod(0o755)
    lodger.belong(house.directory)
    house.environment["PATH"] = f"{program.parent}:{harness.PATH}"
    return str(program)


@needs_bubblewrap
@pytest.mark.parametrize("name, said", [
    ("bwrap", "echo bwrap: Creating new namespace failed: Resource temporarily unavailable >&2; exit 1"),
    ("env", "echo no node is free; exit 0"),
], ids=["bubblewrap", "launcher"])  # fmt: skip
def test_tests_that_never_began(house, name, said):
    """Neither passed nor failed: a sandbox that could not be made now, a launcher that launched nothing."""
    program = false_start(house, name, said)
    house.configure(validation={"sandbox": "bubblewrap", "launcher": [] if name == "bwrap" else [program]})
    tricks = "rmdir ../begun; mv ../begun ../x; unshare -Urm sh -c 'umount ../begun; rmdir ../begun; mv ../begun ../x'"
    log = judge(house, ["sh", "-c", f"echo they ran; {tricks}; test ! -w ../begun"])
    (event,) = log.all(msg="step could not be done now; trying again", step="validate")
    assert "did not begin" in event["reason"] and ("namespace" in event["reason"] or "no node" in event["reason"])
    assert "they ran" in house.output_of("exp-1")


# What would go on after the end.


def test_a_process_that_is_left_behind(sandboxed):
    """Out of its group and session, deaf to signals, but in the place where it was started."""
    mark = f"{os.getpid()}.24681357"
    script = (
        "import os, signal, subprocess\n"
        "for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):\n    signal.signal(number, signal.SIG_IGN)\n"
        f"subprocess.Popen(['sleep', '{mark}'], start_new_session=True, stdout=subprocess.DEVNULL)\n"
    )  # fmt: skip
    sandboxed.configure(validation={"command": python(script)})
    log = sandboxed.start()
    sandboxed.drop(result("exp-1", 0.9, metric_before=1.0, diff=sandboxed.forge.project.tweak(WIDTH=77)))
    log.wait(experiment="exp-1", decision="promoted")
    assert lodger.processes_with(mark) == [], "it goes on while the daemon runs"


@needs_bubblewrap
def test_a_process_that_hides(house):
    """The same, but nothing tells where it came from, so only the end of the sandbox ends it."""
    mark = f"{os.getpid()}.97531864"
    script = (
        "import os, subprocess\n"
        f"subprocess.Popen(['sleep', '{mark}'], start_new_session=True, cwd='/', env={{}}, stdout=subprocess.DEVNULL)\n"
    )  # fmt: skip
    judge(house, python(script), sandbox="none")
    found = lodger.processes_with(mark)
    for number in found:
        os.kill(number, signal.SIGKILL)
    assert found, "it proves nothing: it ends without a sandbox, too"
    judge(house, python(script), "exp-2", 0.8, sandbox="bubblewrap")
    assert lodger.processes_with(mark) == []


def test_a_pipe_that_is_held_open(sandboxed):
    mark = f"{os.getpid()}.13572468"
    judge(sandboxed, ["sh", "-c", f"setsid sleep {mark} & echo done"])
    assert lodger.processes_with(mark) == []


def test_a_daemon_that_is_killed_leaves_nothing_running(sandboxed):
    mark = f"{os.getpid()}.11223344"
    sandboxed.configure(validation={"command": ["sh", "-c", f"echo begun; setsid sleep {mark} & sleep {mark}"]})
    log = sandboxed.start()
    sandboxed.drop(result("exp-1", 0.9, metric_before=1.0, diff=sandboxed.forge.project.tweak(WIDTH=77)))
    log.wait(step="validate", msg="step started")
    eventually(lambda: len(lodger.processes_with(mark)) >= 2)
    sandboxed.kill()
    if sandboxed.sandbox == "bubblewrap":
        eventually(lambda: not lodger.processes_with(mark))
    sandboxed.configure(validation={"command": ["true"]})
    assert sandboxed.once().decisions() == {"exp-1": "promoted"}
    assert lodger.processes_with(mark) == []


# What would be too much.


def test_too_many_processes(sandboxed):
    script = (
        "import os, time\n"
        "count = 0\n"
        "try:\n"
        "    while count < 1000:\n"
        "        if os.fork() == 0:\n            time.sleep(60)\n"
        "        count += 1\n"
        "except OSError as error:\n"
        "    print('BOUNDED', count, error)\n"
    )  # fmt: skip
    judge(sandboxed, python(script), limits={"processes": 50})
    said = sandboxed.output_of("exp-1")
    assert "BOUNDED" in said and int(said.split()[1]) <= 50, said


@pytest.mark.slow
def test_a_fork_bomb(sandboxed):
    mark = f"sandbox-test-bomb.{os.getpid()}"
    script = "import os, sys\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    log = judge(sandboxed, ["python3", "-c", script, mark], decision="failed", limits={"processes": 100}, timeout="2s")
    assert "2 s" in log.reasons()["exp-1"]
    eventually(lambda: not lodger.processes_with(mark))  # many that were killed need a moment
    judge(sandboxed, ["true"], "exp-2", 0.8)


def test_too_large_a_file(sandboxed):
    script = (
        "try:\n"
        "    with open('large', 'wb') as file:\n"
        "        for _ in range(10):\n            file.write(bytes(1 << 20)); file.flush()\n"
        "except OSError as error:\n"
        "    import os\n    print('BOUNDED', os.path.getsize('large'))\n"
    )  # fmt: skip
    judge(sandboxed, python(script), limits={"file_size": "2M"})
    assert f"BOUNDED {2 << 20}" in sandboxed.output_of("exp-1")


def test_too_much_memory(sandboxed):
    judge(sandboxed, python("try:\n    bytearray(1 << 30)\nexcept MemoryError:\n    print('BOUNDED')"), limits={"memory": "512M"})
    assert "BOUNDED" in sandboxed.output_of("exp-1")


def test_too_much_time(sandboxed):
    log = judge(sandboxed, python("while True: pass"), decision="failed", limits={"cpu_time": "1s"})
    assert "did not end" not in log.reasons()["exp-1"]


@contextlib.contextmanager
def small_disk(folder, size):
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},uid={lodger.USER},gid={lodger.USER},mode=755", "winnowd-test", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.skipif(not lodger.ROOT, reason="only root may mount a small disk")
def test_a_disk_that_is_filled(sandboxed):
    """The tests are ended at once, blamed, and the daemon goes on."""
    script = (
        "import os, time\n"
        "number = 0\n"
        "while True:\n"
        "    try:\n"
        "        with open(f'filler-{number}', 'wb') as file:\n            file.write(bytes(1 << 20))\n"
        "    except OSError:\n"
        "        time.sleep(0.1)\n"
        "    number += 1\n"
    )  # fmt: skip
    with small_disk(sandboxed.state, "200m"):
        log = judge(sandboxed, python(script), decision="failed", timeout="60s")
        assert "filled the disk" in log.reasons()["exp-1"]
        judge(sandboxed, ["true"], "exp-2", 0.8)
        sandboxed.check_promises()


@pytest.mark.slow
@pytest.mark.parametrize("size", first_of(["512M", "10G"]))
def test_output_without_end(sandboxed, size):
    """They are read and dropped, as fast as they come; a log of bounded size stays, and its last lines."""
    script = f"head -c {size} /dev/zero; echo; echo the end"
    sandboxed.configure(validation={"command": ["sh", "-c", script], "timeout": "1h"})
    log = sandboxed.start()
    sandboxed.drop(result("exp-1", 0.9, metric_before=1.0, diff=sandboxed.forge.project.tweak(WIDTH=77)))
    log.wait(experiment="exp-1", decision="promoted", seconds=5 * PATIENCE)
    status = pathlib.Path(f"/proc/{sandboxed.process.pid}/status").read_text()
    (peak,) = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    assert harness.sanitized() or peak < 100 * 1024, f"{peak} KiB resident"
    assert (sandboxed.state / "validation/exp-1.log").stat().st_size <= 65 << 20
    (pull,) = sandboxed.forge.pulls()
    assert len(pull.body) < 65536 and "the end" in pull.body


# What would do harm later.

ESCAPES = "\x1b]0;evil\x07\x1b[2J\x1b[31mred\x9b1m\u202eback\u200b\x00\x08\x7f end"


def test_terminal_escapes(sandboxed):
    log = judge(sandboxed, python(f"print({ESCAPES!r})"))
    failing = judge(sandboxed, python(f"import sys; sys.exit({ESCAPES!r})"), "exp-2", 0.8, decision="failed")
    (pull,) = sandboxed.forge.pulls()
    _, table, errors = sandboxed.run_beside("--status")
    for text in (pull.body, log.text, failing.text, table, errors):
        bad = [character for character in text if (character < " " and character not in "\n\t") or character in "\x7f\x9b\u202e\u200b"]
        assert not bad, f"{bad!r} in {text!r}"
    assert "red" in pull.body


def test_a_repository_with_a_trap_in_it(sandboxed):
    """No git of the daemon's comes near what the tests left: nothing of it is ever run."""
    marker = sandboxed.directory / "sprung"
    trap = f"touch {marker}; exit 0"
    script = (
        "set -e; PATH=/usr/bin:/bin; mkdir -p .git/hooks\n"
        f"printf '#!/bin/sh\\n{trap}\\n' >trap; chmod +x trap\n"
        "for hook in post-checkout pre-push reference-transaction post-index-change pre-commit post-merge pre-auto-gc; do cp trap .git/hooks/$hook; done\n"
        'for name in core.fsmonitor core.pager core.editor core.sshCommand diff.external gpg.program uploadpack.packObjectsHook; do git config $name "$PWD/trap"; done\n'
        'git config core.hooksPath "$PWD/.git/hooks"; git config filter.x.clean "$PWD/trap"; git config filter.x.smudge "$PWD/trap"\n'
        "git config alias.status '!'\"$PWD/trap\"; echo '* filter=x' >.gitattributes; mkdir -p .git/refs/remotes/origin\n"
        "echo SET; rm -f " + str(marker) + "\n"
    )  # fmt: skip
    wrapper = harness.Wrapper(sandboxed.directory / "wrapper")
    for path in (wrapper.directory, *wrapper.directory.iterdir()):
        lodger.belong(path)
    sandboxed.wrapper = wrapper
    judge(sandboxed, ["sh", "-c", script])
    judge(sandboxed, ["false"], "exp-2", 0.8, decision="failed")
    assert "SET" in sandboxed.output_of("exp-1")
    assert not marker.exists(), "a hook was run"
    calls = wrapper.calls()
    assert any("clone" in call or "checkouts" in call for call in calls), "the calls are not seen"
    pushes = [number for number, call in enumerate(calls) if "push" in call.split() and "/checkouts/" not in call]
    checkout = next(number for number, call in enumerate(calls) if "/checkouts/exp-1" in call)
    pushed = next(number for number in pushes if number > checkout)
    assert not [call for call in calls[pushed:] if "/checkouts/exp-1" in call]
    assert git("fsck", "--no-dangling", directory=sandboxed.state / "repository.git") in ("", "notice: HEAD points to an unborn branch")


def test_a_checkout_that_does_not_want_to_go(sandboxed):
    """It has directories without permissions and very deep ones, and links to files of others. Or it is a link itself."""
    script = (
        "import os\n"
        "os.makedirs('closed/inner'); open('closed/inner/file', 'w').close(); os.chmod('closed/inner', 0); os.chmod('closed', 0)\n"
        "top = os.getcwd()\n"
        "for _ in range(2000):\n    os.mkdir('deep'); os.chdir('deep')\n"
        "os.chdir(top)\n"
        f"for name in ({str(sandboxed.spool)!r}, {str(sandboxed.state)!r}, '/etc'):\n"
        "    os.symlink(name, 'link' + str(len(name)) + name[-3:])\n"
        "os.rename(top, top + '-moved')\n"
        f"os.symlink({str(sandboxed.spool)!r}, top)\n"
    )  # fmt: skip
    waiting = sandboxed.spool / "notes.txt"
    waiting.write_text("mine")
    judge(sandboxed, python(script))
    assert waiting.read_text() == "mine"


# What is refused before anything runs.


SETTINGS = {
    "tox.ini": harness.TOX.replace("unittest", "this"),
    "tox.toml": "env_list = ['none']\n",
    "toxfile.py": "from tox.plugin import impl\n",
    "setup.cfg": "[metadata]\nname = x\n",
    "pyproject.toml": "[project]\nname = 'x'\n",
    "conftest.py": "collect_ignore = ['tests']\n",
    "tests/deep/conftest.py": "collect_ignore = ['tests']\n",
    "pytest.ini": "[pytest]\ntestpaths = none\n",
    "tests/pytest.ini": "[pytest]\n",
    ".pytest.ini": "[pytest]\n",
    "noxfile.py": "import nox\n",
    "Makefile": "test:\n",
    ".pre-commit-config.yaml": "repos: []\n",
    ".tox/unit/bin/python": "#!/bin/sh\nexit 0\n",
    ".gitmodules": "[submodule]\n",
    ".gitattributes": "* text=auto\n",
    ".lfsconfig": "[lfs]\nurl = https://example.org\n",
    ".gitea/workflows/x.yaml": "on: push\n",
    ".forgejo/workflows/x.yaml": "on: push\n",
    ".github/workflows/deep/x.yaml": "on: push\n",
}


def test_settings_of_what_runs_the_tests_are_refused_before_anything_runs(house):
    marker = house.state / "ran"
    house.configure(validation={"command": ["sh", "-c", f"touch {marker}"], "sandbox": "none"})
    for number, (name, content) in enumerate(SETTINGS.items()):
        _, diff = house.forge.project.experiment({name: content, "train.py": harness.tweaked(WIDTH=65 + number)})
        house.drop(result(f"exp-{number}", 0.9 - number / 1000, metric_before=1.0, diff=diff))
    log = house.once()
    for number, name in enumerate(SETTINGS):
        assert log.decisions()[f"exp-{number}"] == "failed", name
        assert log.reasons()[f"exp-{number}"].endswith(f"(change.protect): {name}")
    assert not log.all(step="validate") and not marker.exists()
