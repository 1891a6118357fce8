"""What tests/run runs: a table of suites, in lanes that go side by side, and what each of them does.

Two kinds of work share the machine: tests, which mostly wait, and builds and lint, which need the
processor. So they run beside each other. What was found clean is not looked at again until it changed.
Builds are kept and go through ccache. A file or suite without a finding is remembered by the digest of all
that went into it. tests/exhaustive remembers nothing.
"""

import argparse
import concurrent.futures
import contextlib
import ctypes
import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import counts

ROOT = pathlib.Path(__file__).resolve().parents[1]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "winnowd-tests"
PYTHON = "/usr/bin/python3"
JOBS = os.cpu_count() or 2
WORKERS = 2 * JOBS + 1  # of pytest: an integration test waits more than it works
# Debian's programs, and no others that stand before them. Go is none of Debian's.
CALLER_PATH = os.environ.get("PATH", "")
ENVIRONMENT = {
    **os.environ,
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "WINNOWD_CALLER_PATH": CALLER_PATH,
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "CCACHE_DIR": str(CACHE / "ccache"),
    "CCACHE_BASEDIR": str(ROOT),
    "CCACHE_NOHASHDIR": "1",
    "CCACHE_MAXSIZE": "2G",
    # What pytest compiles of the tests is kept, and out of the checkout: a worker spends three seconds on it.
    "PYTHONPYCACHEPREFIX": str(CACHE / "python"),
}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)


class Failed(Exception):
    """A suite that could not be brought to its end: the text says why."""


class Skipped(Exception):
    """A suite that cannot run here: the text says why."""


# ---- builds, kept between calls -------------------------------------------------------------------


@contextlib.contextmanager
def alone(file):
    """Holds what the file stands for against other calls of tests/run, and other lanes of this one."""
    with open(file, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def builds():
    """The folder of this checkout's builds. Those of checkouts that are gone are removed."""
    kept = CACHE / "builds"
    mine = kept / hashlib.sha256(str(ROOT).encode()).hexdigest()[:12]
    kept.mkdir(parents=True, exist_ok=True)
    with alone(CACHE / "builds.lock"):
        for folder in kept.iterdir():
            source = folder / "checkout"
            if not source.exists() or not pathlib.Path(source.read_text()).exists():
                shutil.rmtree(folder, ignore_errors=True)
        mine.mkdir(exist_ok=True)
        (mine / "checkout").write_text(str(ROOT))
    return mine


SANITIZERS = "-Db_sanitize=address,undefined"
BUILDS = {  # name: compiler, options of meson
    "gcc": ("gcc", ["-Dunit-tests=enabled"]),
    "clang": ("clang", ["-Dunit-tests=enabled"]),
    # Lines are enough to say where a fault is, and -O1 to run: it compiles in half the time.
    "sanitize": ("clang", ["-Dunit-tests=enabled", SANITIZERS, "-Db_lundef=false", "-Doptimization=1",
                           "-Ddebug=false", "-Dc_args=-gline-tables-only"]),
    "analyze": ("gcc", ["-Dc_args=-fanalyzer", "-Doptimization=1", "-Ddebug=false"]),
}


def linker(build):
    """For meson. gold links 87 programs with sanitizers in a third of the time; what is installed is linked as by users."""
    return {"CC_LD": "gold"} if build == "sanitize" and shutil.which("ld.gold", path=ENVIRONMENT["PATH"]) else {}


# ---- running ----------------------------------------------------------------------------------------


PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x20000, 0x4000, 1 << 18
IN_MEMORY_GIB = 6


def keep_in_memory(folder):
    """Mounts a file system in memory there, for this process and what it starts, if it may and there is room.

    A thousand repositories that live for a second each cost a disk's file system as much as the tests cost.
    Elsewhere the tests run on the disk: they ask nothing of a file system that one of the two lacks."""
    available = int(re.search(r"MemAvailable:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) >> 20
    libc = ctypes.CDLL(None)
    if available < 2 * IN_MEMORY_GIB or os.geteuid() != 0 or libc.unshare(CLONE_NEWNS) != 0:
        return
    if libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None) == 0:
        libc.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", ctypes.c_ulong(0), b"mode=0711,size=%dG" % IN_MEMORY_GIB)


def descendants():
    """The processes below this one that have not ended."""
    children = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has ended
        if state not in "ZX":
            children.setdefault(int(parent), []).append(int(stat.parent.name))
    found, next_ones = [], [os.getpid()]
    while next_ones:
        next_ones = [child for parent in next_ones for child in children.get(parent, ())]
        found += next_ones
    return found


def children():
    """The processes whose parent this one is, whether they have ended or not."""
    listed = pathlib.Path("/proc/self/task").glob("*/children")
    return {int(pid) for one in listed for pid in one.read_text().split()}


class Run:
    """One call of tests/run: where it builds and logs, and the processes that it started."""

    def __init__(self):
        try:
            self.builds = builds()
        except OSError as error:
            raise SystemExit(f"tests/run: nothing can be kept in {CACHE}: {error}") from None
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="winnowd-tests."))
        self.work.chmod(0o711)  # some tests are other users for a moment
        keep_in_memory(self.work)
        self.lock = threading.Lock()
        self.ended = False
        self.started = set()  # processes that somebody waits for
        self.compiled = False  # the integration tests, by pytest
        # Daemons under test are in sessions of their own. Those whose parent is gone become our children.
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        threading.Thread(target=self.bury, daemon=True).start()

    def bury(self):
        """Waits for adopted processes, as nobody else does: thousands of dead ones make /proc slow for all."""
        while True:
            time.sleep(1)
            with self.lock:
                for pid in children() - self.started:
                    # What is started elsewhere in here stays in our session, and has somebody who waits for it.
                    with contextlib.suppress(ProcessLookupError, ChildProcessError):
                        if os.getsid(pid) != os.getsid(0):
                            os.waitpid(pid, os.WNOHANG)

    def call(self, command, log, seconds, environment=(), nice=0):
        """Runs a command in a process group of its own, its output into `log`; gives back the status."""
        with self.lock:
            if self.ended:
                raise Failed("interrupted")
            child = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                cwd=ROOT, env={**ENVIRONMENT, **dict(environment)}, start_new_session=True,
                preexec_fn=(lambda: os.nice(nice)) if nice else None,
            )  # fmt: skip
            self.started.add(child.pid)
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failed(f"ended after {seconds} s: {command[0]}") from None
        finally:
            self.end(child)

    def end(self, child):
        """Ends what is left of a process group."""
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
        with self.lock:
            self.started.discard(child.pid)

    def end_all(self):
        """Ends all that was started, with whatever it started, and removes what it left."""
        with self.lock:
            self.ended = True
        while left := descendants():
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)
        subprocess.run(["umount", "--lazy", self.work], stderr=subprocess.DEVNULL)
        shutil.rmtree(self.work, ignore_errors=True)

    def build(self, name, log, targets=(), nice=0):
        with alone(self.builds / f"{name}.lock"):
            self._build(name, log, targets, nice)

    def _build(self, name, log, targets, nice):
        compiler, options = BUILDS[name]
        folder, made_with = self.builds / name, self.builds / f"{name}.options"
        wanted = shlex.join([compiler, *options, *linker(name).values()])
        same = made_with.exists() and made_with.read_text() == wanted
        if not same or not (folder / "build.ninja").exists():
            shutil.rmtree(folder, ignore_errors=True)  # of other options, or what an interrupted setup left
            command = ["meson", "setup", folder, ".", "-Dwerror=true", *options]
            if self.call(command, log, 120, {"CC": f"ccache {compiler}", **linker(name)}) != 0:
                shutil.rmtree(folder, ignore_errors=True)
                raise Failed("meson setup failed")
            made_with.write_text(wanted)
        if self.call(["ninja", "-C", folder, *targets], log, 1200, nice=nice) != 0:
            raise Failed("the build failed")

    def compile_tests(self, log, environment):
        """Has pytest compile the tests once, before each of a dozen workers does the same."""
        with alone(self.builds / "python.lock"):
            if not self.compiled:
                self.call([PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", INTEGRATION],
                          log, 300, environment)  # fmt: skip
                self.compiled = True

    def daemon(self, build="gcc"):
        return self.builds / build / "daemon/winnowd"


# ---- what was found good already --------------------------------------------------------------------


class Memory:
    """Remembers by digest what had no findings. With `forget` it knows nothing and learns nothing."""

    def __init__(self, name, forget):
        self.folder = CACHE / name
        self.forget = forget

    def knows(self, digest):
        return not self.forget and (self.folder / digest).exists()

    def learn(self, digest):
        if not self.forget:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / digest).touch()


def digest_of(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part if isinstance(part, bytes) else str(part).encode()).digest())
    return digest.hexdigest()


def digest_of_files(*patterns):
    found = sorted({path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()})
    return digest_of(*(part for path in found for part in (path.relative_to(ROOT), path.read_bytes())))


OWN = [f"{folder}/**/{name}" for folder in ("common", "config", "daemon") for name in ("*.[ch]", "*.def", "meson.build")]
OWN += ["meson.build", "tests/suites.py"]


def unless_clean(tool, patterns, look):
    """A look at these files that is not taken again while they, and the tool, are what they were."""

    def run_it(run, suite, log):
        version = subprocess.run([tool, "--version"], capture_output=True, text=True, env=ENVIRONMENT).stdout
        memory, digest = Memory("clean", suite.forget), digest_of(suite.name, version, digest_of_files(*patterns))
        if not memory.knows(digest):
            look(run, suite, log)
            memory.learn(digest)

    return run_it


def sources(*folders):
    return sorted(path.relative_to(ROOT) for folder in folders for path in ROOT.glob(f"{folder}/**/*.[ch]"))


# ---- the suites ---------------------------------------------------------------------------------------


@dataclasses.dataclass
class Suite:
    """`run(run, suite, log)` gives back (passed, failed, skipped), or None: one test, and it passed."""

    name: str
    lane: str
    about: str
    run: object
    needs: tuple = ()
    seconds: int = 900
    forget: bool = False  # look at everything anew

    @property
    def file(self):
        """A name for files of its own: short, since sockets lie below, whose paths have a narrow bound."""
        return self.name if re.fullmatch(r"[\w-]{,20}", self.name) else digest_of(self.name)[:8]


def build_suite(build, targets=(), nice=0):
    return lambda run, suite, log: run.build(build, log, targets, nice)


def check_format(run, suite, log):
    files = sources("common", "config", "daemon", "tests")
    if run.call(["clang-format", "--dry-run", "--Werror", *files], log, suite.seconds) != 0:
        raise Failed("files are not formatted as .clang-format says")


def tidy(run, suite, log):
    """clang-tidy over the daemon's own code. A file that no build compiles has no options to look at it with."""
    build = run.builds / "sanitize"
    entries = {
        str((pathlib.Path(entry["directory"]) / entry["file"]).resolve().relative_to(ROOT)): entry
        for entry in json.loads((build / "compile_commands.json").read_text())
        if (pathlib.Path(entry["directory"]) / entry["file"]).resolve().is_relative_to(ROOT)
    }
    files = [str(path) for path in sources("common", "config", "daemon") if path.suffix == ".c"]
    unknown = [file for file in files if file not in entries]
    if unknown:
        raise Failed(f"not part of the build: {', '.join(unknown)}")
    memory = Memory("clean", suite.forget)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True, env=ENVIRONMENT).stdout

    def look(file):
        digest = digest_of(preprocessed(entries[file]), (ROOT / ".clang-tidy").read_bytes(), version)
        if memory.knows(digest):
            return True
        with tempfile.TemporaryFile() as output:
            status = run.call(["clang-tidy", "--quiet", "-p", build, file], output, suite.seconds, nice=5)
            output.seek(0)
            if status == 0:
                memory.learn(digest)
            else:
                log.write(output.read())
                log.flush()
        return status == 0

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        if not all(list(pool.map(look, files))):
            raise Failed("clang-tidy has findings")


def preprocessed(entry):
    """All that a compiler gets to see of a file, comments included, without the checkout's place."""
    words = shlex.split(entry["command"])
    words = words[words.index("clang") :] if "clang" in words else words
    output = words.index("-o")
    command = [*words[:output], *words[output + 2 :], "-E", "-C", "-P"]
    done = subprocess.run(command, cwd=entry["directory"], env=ENVIRONMENT, capture_output=True)
    return done.stdout if done.returncode == 0 else os.urandom(16)


def cppcheck(run, suite, log):
    """There is one thread, so readdir() and getpwuid() are as safe as any; json-c's loop is a macro that
    is not found without its headers."""
    header = run.work / "cppcheck.h"
    header.write_text(
        "#define json_object_object_foreach(o, k, v) char *k; struct json_object *v; while (next(o, &k, &v))\n"
    )
    known = run.builds / "cppcheck"
    known.mkdir(exist_ok=True)
    command = [
        "cppcheck", "-j", JOBS, "--quiet", "--std=c11", "-I", ".", "-D_GNU_SOURCE", "-DHAVE_SYSTEMD",
        '-DWINNOWD_VERSION="0"', '-DWINNOWD_SYSCONFDIR="/etc"', "--enable=warning,performance,portability",
        f"--include={header}", f"--cppcheck-build-dir={known}", "--inline-suppr",
        "--suppress=missingIncludeSystem", "--suppress=checkersReport", "--suppress=readdirCalled",
        "--suppress=getpwuidCalled", "--library=posix", "--error-exitcode=1", "common", "config", "daemon",
    ]  # fmt: skip
    if run.call(command, log, suite.seconds, nice=5) != 0:
        raise Failed("cppcheck has findings")


def meson_tests(build, prefix, names=()):
    """Unit tests and corpora of a build: at least one must be there. `names` chooses."""

    def run_them(run, suite, log):
        folder = run.builds / build
        wanted = list(names) or programs(run, build, prefix)
        if not wanted:
            raise Failed(f"no test has the prefix {prefix!r}")
        result = folder / "meson-logs" / f"testlog-{suite.name}.json"
        command = ["meson", "test", "-C", folder, "--no-rebuild", "--num-processes", WORKERS - 1,
                   "--print-errorlogs", "--logbase", f"testlog-{suite.name}", *wanted]  # fmt: skip
        place = run.work / suite.file
        place.mkdir(exist_ok=True)  # tests/steady comes here in each round
        with alone(run.builds / f"{build}.lock"):
            result.unlink(missing_ok=True)
            status = run.call(command, log, suite.seconds, {"TMPDIR": place})
            if not result.exists():
                raise Failed("no test was run")
            found = counts.of_meson(result)
        return found if status == 0 or found[1] else (found[0], 1, found[2])

    return run_them


def programs(run, build, prefix):
    """The names of meson's tests that begin with the prefix ("!" before it: that do not)."""
    listing = subprocess.run(["meson", "introspect", "--tests", str(run.builds / build)], capture_output=True,
                             text=True, env=ENVIRONMENT, check=True).stdout  # fmt: skip
    names = [test["name"] for test in json.loads(listing)]
    if prefix.startswith("!"):
        return [name for name in names if not name.startswith(prefix[1:])]
    return [name for name in names if name.startswith(prefix)]


def integration(build, *arguments, workers=WORKERS, environment=()):
    """pytest against the daemon of that build."""

    def run_them(run, suite, log):
        report = run.work / f"{suite.file}.xml"
        beside = ["-n", workers, "--dist", "loadgroup"] if workers else []
        command = [
            PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--basetemp={run.work / suite.file}",
            f"--junitxml={report}", *beside, *arguments,
        ]  # fmt: skip
        told = {"WINNOWD": run.daemon(build), "ASAN_OPTIONS": "detect_leaks=1:log_path=stderr"}
        if INTEGRATION in arguments:
            run.compile_tests(log, told)
        status = run.call(command, log, suite.seconds, {**told, **dict(environment)})
        run.call(["rm", "-rf", run.work / suite.file], log, 600)
        if not report.exists():
            raise Failed("pytest ended without a report")
        found = counts.of_pytest(report)
        # A runner that fails without a failed test (nothing collected, killed) is a failure too.
        return found if status == 0 or found[1] else (found[0], 1, found[2])

    return run_them


def unless_unchanged(patterns, run_them):
    """A suite that depends on these files alone, and on nothing of the daemon's."""

    def run_it(run, suite, log):
        memory, digest = Memory("passed", suite.forget), digest_of(suite.name, digest_of_files(*patterns))
        if memory.knows(digest):
            raise Skipped("nothing of it has changed since it passed")
        found = run_them(run, suite, log)
        if not found[1]:
            memory.learn(digest)
        return found

    return run_it


def script(*command):
    def run_it(run, suite, log):
        status = run.call(command, log, suite.seconds, {"WINNOWD": run.daemon()})
        if status != 0:
            raise Failed(f"{command[0]} failed")

    return run_it


def real_gitea(run, suite, log):
    """Builds it where it is not there yet, at low priority: five minutes once."""
    status = run.call(["tests/forge/gitea"], log, suite.seconds, {"PATH": f"{ENVIRONMENT['PATH']}:{CALLER_PATH}"}, nice=19)
    if status == 77 and not os.environ.get("WINNOWD_GITEA_REQUIRED"):
        raise Skipped("there is no Go 1.26 to build it with, and GITEA names none")
    if status != 0:
        raise Failed("Gitea could not be built")


INTEGRATION = "tests/integration"
FORMATTED = [*OWN, "tests/**/*.[ch]", ".clang-format"]
# What the integration tests look at of a build; the unit tests of it are built when they are asked for.
NEEDED = ["daemon/winnowd", "tests/unit/print-description"]
STAND_IN_TESTS = ["tests/integration/test_gitea_stand_in.py", "tests/integration/test_proxy.py"]  # all that is marked stand_in
STAND_IN = ["tests/integration/gitea/*.py", "tests/integration/proxy/*.py", "tests/integration/stand_in_client.py", *STAND_IN_TESTS]
NO_STAND_IN = [f"--ignore={path}" for path in STAND_IN_TESTS]

# A lane is worked from top to bottom, beside the others. The longest suite has one for itself: at the end nothing waits.
SUITES = [
    Suite("gitea", "forge", "a real Gitea, built once", real_gitea, seconds=2400),
    Suite("build", "tests", "the daemon, by gcc", build_suite("gcc", NEEDED)),
    Suite("integration", "tests", "the daemon, from outside",
          integration("gcc", "-m", "not representative and not real", INTEGRATION, *NO_STAND_IN), ("build",), 2400),
    Suite("integration-gitea", "forge", "the same, at a real Gitea",
          integration("gcc", "-m", "real", INTEGRATION, workers=JOBS), ("build", "gitea"), 2400),
    Suite("demo", "forge", "tests/demo", script("tests/demo"), ("build",)),
    Suite("crash", "forge", "kill -9 at random moments", script("tests/crash", "--rounds", "30"), ("build",)),
    Suite("build-sanitize", "look", "by clang, with sanitizers", build_suite("sanitize", nice=5), seconds=1500),
    Suite("unit", "look", "the unit tests, with sanitizers", meson_tests("sanitize", "!fuzz-"), ("build-sanitize",)),
    Suite("fuzz", "look", "the corpora of the fuzzers", meson_tests("sanitize", "fuzz-"), ("build-sanitize",)),
    Suite("integration-sanitize", "look", "representative ones, with sanitizers",
          integration("sanitize", "-m", "representative and not real", INTEGRATION, *NO_STAND_IN, workers=JOBS),
          ("build-sanitize",), 1200),
    Suite("format", "look", "clang-format", unless_clean("clang-format", FORMATTED, check_format)),
    Suite("cppcheck", "look", "cppcheck", unless_clean("cppcheck", OWN, cppcheck)),
    Suite("tidy", "look", "clang-tidy", unless_clean("clang-tidy", [*OWN, ".clang-tidy"], tidy), ("build-sanitize",), 1500),
    Suite("analyze", "look", "gcc -fanalyzer",
          unless_clean("gcc", OWN, build_suite("analyze", ["daemon/winnowd"], 5)), seconds=1500),
    Suite("stand-in", "look", "the stand-in for Gitea and the proxy before it",
          unless_unchanged(STAND_IN, integration("gcc", "-m", "not real", *STAND_IN_TESTS, workers=JOBS)), ("build",)),
]  # fmt: skip

# What tests/exhaustive goes through beside that: every variant, both compilers, all files anew.
EVERYTHING = [
    Suite("gitea", "forge", "a real Gitea, built once", real_gitea, seconds=2400),
    Suite("build", "tests", "the daemon, by gcc", build_suite("gcc"), seconds=1500),
    Suite("integration", "tests", "all variants", integration(
        "gcc", "--exhaustive", "-o", "timeout=1800", "-m", "not real", INTEGRATION), ("build",), 24000),
    Suite("integration-gitea", "tests", "the same, at a real Gitea", integration(
        "gcc", "--exhaustive", "-m", "real", INTEGRATION, workers=JOBS), ("build", "gitea"), 6000),
    Suite("unit", "look", "the unit tests, by gcc", meson_tests("gcc", "!fuzz-"), ("build",)),
    Suite("build-clang", "look", "the daemon, by clang", build_suite("clang", nice=5), seconds=1500),
    Suite("unit-clang", "look", "the unit tests, by clang", meson_tests("clang", "!fuzz-"), ("build-clang",)),
    Suite("build-sanitize", "look", "by clang, with sanitizers", build_suite("sanitize", nice=5), seconds=1500),
    Suite("integration-sanitize", "look", "all of them, with sanitizers",
          integration("sanitize", "-m", "not real", INTEGRATION, workers=JOBS), ("build-sanitize",), 12000),
    Suite("cppcheck", "look", "cppcheck", unless_clean("cppcheck", OWN, cppcheck), forget=True),
    Suite("tidy", "look", "clang-tidy", tidy, ("build-sanitize",), 3000, forget=True),
    Suite("analyze", "look", "gcc -fanalyzer", build_suite("analyze", ["daemon/winnowd"], 5), seconds=3000),
]  # fmt: skip


def named(table, name, *options):
    """The suites that a name on the command line means: a suite, or a test file."""
    for suite in table:
        if suite.name == name:
            before = [found for need in suite.needs for found in named(table, need)]
            return [*before, suite]
    file, _, rest = name.partition("::")
    stem = pathlib.Path(file).name
    if stem.startswith("test_") and (ROOT / INTEGRATION / stem).is_file():
        build = next(suite for suite in table if suite.name == "build")
        test = f"{stem}{'::' + rest if rest else ''}"
        chosen = f"{INTEGRATION}/{test}"
        return [build, Suite(test, "tests", chosen, integration("gcc", chosen, *options, workers=0 if rest else WORKERS),
                             ("build",), 7200)]
    stem = stem.removesuffix(".c").removeprefix("test-")
    if (ROOT / f"tests/unit/test-{stem}.c").is_file():
        target = f"tests/unit/test-{stem}"
        build = Suite(f"build {stem}", "tests", target, build_suite("gcc", [target]))
        return [build, Suite(stem, "tests", target, meson_tests("gcc", "", [stem]), (build.name,))]
    raise SystemExit(f"tests/run: {name} is neither a suite (see --list) nor a test file of tests/unit or tests/integration")


# ---- one call -------------------------------------------------------------------------------------------


class Report:
    """What each suite came to, as it ends; figures at the end."""

    def __init__(self, suites):
        self.ended = {suite.name: threading.Event() for suite in suites}
        self.rows = []
        self.lock = threading.Lock()

    def tell(self, suite, found, seconds, why="", log=None):
        passed, failed, skipped = found
        with self.lock:
            self.rows.append((suite, found, seconds))
            if failed and log is not None:
                lines = log.read_text(errors="replace").splitlines()[-150:]
                print("\n".join(line[:2000] for line in lines))
            word = f": {why}" if why else ""
            print(f"== {suite.name}: {passed} passed, {failed} failed, {skipped} skipped, {seconds:.0f} s{word}", flush=True)
        self.ended[suite.name].set()

    def table(self, seconds):
        print("\nseconds  suite")
        for suite, _, taken in sorted(self.rows, key=lambda row: -row[2]):
            print(f"{taken:7.0f}  {suite.name} ({suite.about})")
        print(f"{seconds:7.0f}  from start to end")
        total = [sum(found[place] for _, found, _ in self.rows) for place in range(3)]
        print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
        return total[1] == 0


def run_suite(run, report, suite):
    for need in suite.needs:
        report.ended[need].wait()
    if run.ended:
        return
    begun = time.monotonic()
    path = run.work / f"{suite.file}.log"
    why = ""
    broken = [row[0].name for row in report.rows if row[1][1] and row[0].name in suite.needs]
    absent = [row[0].name for row in report.rows if row[1][2] and not row[1][0] and row[0].name in suite.needs]
    try:
        if broken:
            raise Failed(f"{broken[0]} failed")
        if absent:
            raise Skipped(f"{absent[0]} was skipped")
        with open(path, "wb") as log:
            found = suite.run(run, suite, log) or (1, 0, 0)
    except Skipped as skipped:
        found, why = (0, 0, 1), str(skipped)
    except Exception as failure:  # noqa: BLE001: whatever it is, other suites wait for this one's end
        found, why = (0, 1, 0), str(failure) if isinstance(failure, Failed) else repr(failure)
    if not run.ended:
        report.tell(suite, found, time.monotonic() - begun, why, path if path.exists() else None)


def run_lane(run, report, suites):
    for suite in suites:
        run_suite(run, report, suite)


def chosen_suites(wanted):
    table, options = (EVERYTHING, ["--exhaustive", "-o", "timeout=1800"]) if wanted.exhaustive else (SUITES, [])
    if not wanted.names:
        return table
    found = []
    for name in wanted.names:
        known = {suite.name for suite in found}
        found += [suite for suite in named(table, name, *options) if suite.name not in known]
    return found


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description="Runs all suites, or those that are named.")
    parser.add_argument("--list", action="store_true", help="say which suites there are")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a suite, or a test file of tests/unit or tests/integration")
    parser.add_argument("--exhaustive", action="store_true", help="see tests/exhaustive")
    wanted = parser.parse_args()
    if wanted.list:
        for suite in EVERYTHING if wanted.exhaustive else SUITES:
            print(f"{suite.name:22} {suite.about}")
        return 0
    suites = chosen_suites(wanted)
    run, report, begun = Run(), Report(suites), time.monotonic()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: (run.end_all(), os._exit(130)))
    lanes = dict.fromkeys(suite.lane for suite in suites)
    threads = [
        threading.Thread(target=run_lane, args=(run, report, [suite for suite in suites if suite.lane == lane]))
        for lane in lanes
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.end_all()
    return 0 if report.table(time.monotonic() - begun) else 1


if __name__ == "__main__":
    sys.exit(main())
