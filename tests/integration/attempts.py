"""Attempts of code under test to do harm, all in one run of it.

CODE is a test file for the project's tests. Each function in it is one attempt, and returns what it got, or
nothing. The findings are printed in one line, which the tests of the sandbox read from the log.
"""

import json

CODE = '''
import ctypes, glob, json, os, resource, socket, subprocess, unittest

FACTS = json.loads(FACTS_AS_TEXT)
TOKEN = FACTS["nekot"][::-1].encode()


def content(path, most=1 << 22):
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except OSError:
        return b""


def run(*command):
    try:
        done = subprocess.run(command, capture_output=True)
        return done.returncode, done.stdout + done.stderr
    except OSError as error:
        return 127, str(error).encode()


def can_write(path):
    try:
        with open(path, "ab"):
            return path
    except OSError:
        return None


def token_in_the_environment():
    return [name for name, value in os.environb.items() if TOKEN in value]


def token_in_proc():
    found = []
    for path in glob.glob("/proc/[0-9]*/environ") + glob.glob("/proc/[0-9]*/cmdline"):
        if TOKEN in content(path):
            found.append(path)
    return found


def token_in_files():
    """In the daemon's own places first, where it is: where they can be read there is no need to look on, and
    how much else lies on the disk does not matter. In the sandbox the other places are as good as empty."""
    found = []
    for top in [FACTS["directory"], "/home", "/root", "/run", "/tmp", "/var/tmp"]:
        if found:
            break
        for place, _, names in os.walk(top):
            if place.startswith(os.getcwd()):
                continue
            for name in names:
                path = os.path.join(place, name)
                if os.path.isfile(path) and TOKEN in content(path):
                    found.append(path)
    return found


def token_in_git():
    said = run("git", "config", "--list", "--show-origin")[1] + content(".git/config")
    remotes = run("git", "remote", "-v")[1]
    return "token" if TOKEN in said else remotes.decode() or None


def descriptors():
    return [number for number in os.listdir("/proc/self/fd") if int(number) > 2 and os.path.exists(f"/proc/self/fd/{number}")]


def terminal():
    return can_write("/dev/tty")


def limits():
    wanted = {"CORE": 0, "NPROC": 700, "FSIZE": 1 << 30, "CPU": 50, "AS": 8 << 30}
    return {name: value for name, value in wanted.items()
            if resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0] != value}


def write_to_the_repository():
    path = os.path.join(FACTS["state"], "repository.git")
    run("git", "-C", path, "update-ref", "refs/heads/evil", "HEAD")
    return can_write(os.path.join(path, "evil"))


def write_to_the_spool():
    return can_write(os.path.join(FACTS["spool"], "evil.json")) if os.path.isdir(FACTS["spool"]) else None


def write_to_the_store():
    return [path for path in glob.glob(os.path.join(FACTS["state"], "*.db*")) + glob.glob(os.path.join(FACTS["state"], "*.sqlite*"))
            + [os.path.join(FACTS["state"], "gitconfig")] if can_write(path)]


def see_the_state():
    return [name for name in os.listdir(FACTS["state"]) if name != "checkouts"]


def see_the_spool():
    return os.path.isdir(FACTS["spool"]) and os.listdir(FACTS["spool"])


def see_the_configuration():
    return content(FACTS["file"]).decode()


def see_homes():
    found = glob.glob("/home/*") + glob.glob("/root/*")
    return found + ([FACTS["home"]] if os.path.isdir(FACTS["home"]) and os.listdir(FACTS["home"]) else [])


def see_the_logs():
    return [path for place in ("/var/log", "/var/mail", "/var/spool", "/var/lib/systemd/coredump") if os.path.isdir(place)
            for path in glob.glob(place + "/*") if not FACTS["spool"].startswith(path)]


def see_the_keys():
    """Of the session in which the daemon was started: whoever comes from it has them."""
    libc, number = ctypes.CDLL(None), {"x86_64": 250, "aarch64": 219}.get(os.uname().machine)
    key = libc.syscall(number, 10, -3, b"user", b"winnowd-tests", 0) if number else -1  # KEYCTL_SEARCH
    found = ctypes.create_string_buffer(64)
    return libc.syscall(number, 11, key, found, 64) > 0 and found.value.decode() if key > 0 else None  # KEYCTL_READ


def see_the_bus():
    names = [name for name in os.listdir("/run") if name not in ("systemd", "checkout")]
    return names + [path for path in ("/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/journal") if os.path.exists(path)]


def write_to_the_system():
    return [path for path in ("/usr/evil", "/etc/evil", "/var/lib/evil", "/evil", "/run/evil", "/home/evil", "/dev/evil",
                              "/proc/sys/kernel/core_pattern", "/sys/kernel/evil", FACTS["state"] + "/evil",
                              FACTS["directory"] + "/evil") if can_write(path)]


def memory_without_bound():
    sizes = {}
    for path in ("/tmp", "/var/tmp", "/dev/shm"):
        status = os.statvfs(path)
        sizes[path] = status.f_blocks * status.f_frsize
    return [path for path, size in sizes.items() if size != 1 << 30]


def see_the_daemon():
    return content(f"/proc/{FACTS['pid']}/cmdline").decode()


def kill_the_daemon():
    try:
        os.kill(FACTS["pid"], 0)  # asks only; without a sandbox it would be the end of the test
        return FACTS["pid"]
    except OSError:
        return None


def become_root():
    try:
        os.setuid(0)
        return os.getuid()
    except OSError:
        return None


def mount_it_anew():
    script = f"mount -o remount,rw / && touch /usr/evil; umount {FACTS['state']} || umount /home; ls -A {FACTS['state']}; mount -t proc proc /proc && echo MINE"
    said = run("unshare", "-Urmp", "--fork", "sh", "-c", script)[1].decode()
    return said if "MINE" in said or "repository.git" in said or os.path.exists("/usr/evil") else None


def rename_the_machine():
    return run("hostname", "evil")[0] == 0


ATTEMPTS = [token_in_the_environment, token_in_proc, token_in_files, token_in_git, descriptors, terminal, limits,
            write_to_the_repository, write_to_the_spool, write_to_the_store, see_the_state, see_the_spool,
            see_the_configuration, see_homes, see_the_logs, see_the_keys, see_the_bus, write_to_the_system, memory_without_bound, see_the_daemon,
            kill_the_daemon, become_root, mount_it_anew, rename_the_machine]


class Attempts(unittest.TestCase):
    def test_all(self):
        got = {}
        for attempt in ATTEMPTS:
            try:
                got[attempt.__name__] = attempt() or None
            except Exception as error:
                got[attempt.__name__] = None if isinstance(error, OSError) else repr(error)
        print("\\nGOT " + json.dumps(got, default=str), flush=True)
'''

# Held without a sandbox, too.
ALWAYS = {
    "token_in_the_environment", "token_in_proc", "token_in_git", "descriptors", "terminal", "limits", "become_root",
    "rename_the_machine", "see_the_keys",
}  # fmt: skip


def names():
    return CODE[CODE.index("ATTEMPTS = [") + 12 : CODE.index("]\n\n\nclass")].replace("\n", " ").replace(",", " ").split()


def code(**facts):
    text = json.dumps(facts)
    return CODE.replace("FACTS_AS_TEXT", repr(text)).lstrip()


def findings(output):
    """Returns what each attempt got, by its name."""
    (line,) = [line for line in output.splitlines() if line.startswith("GOT ")]
    return json.loads(line[4:])
