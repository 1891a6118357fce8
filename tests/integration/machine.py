"""The machine under the daemon, and how a test breaks it: its clock, its disks, its inotify watches.

    Clock   a preloaded library: makes the daemon's pauses short, sets its clocks, refuses watches. It does
            not reach the children, since the daemon makes their environment
    Disk    a small file system, which can be filled up and made read-only; needs root

preloaded() builds such a library, once in each run of the tests.
eventually() waits for what neither a line of the log nor a request shows.
"""

import atexit
import contextlib
import functools
import mmap
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import pytest
from events import PATIENCE

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct settings {
    int64_t wall_ns;        /* added to what a calendar shows */
    int64_t steady_ns;      /* added to what intervals are measured by */
    int64_t refuse_watches; /* the errno, 0: none is refused */
    int64_t hurries;        /* the calendar gains so many seconds in each second ... */
    int64_t since_ns;       /* ... from this time of CLOCK_MONOTONIC on */
    int64_t pace;           /* a pause passes so many times as fast while nothing is under way */
    int64_t flown_ns;       /* what that has saved, added to both; ours to write */
    int64_t leap_ns;        /* the next pause is so long; we take it away when it begins */
};

static struct settings *settings;
/* By descriptor: connections and children that are waited for. */
static unsigned char under_way[1024];

#define REAL(name) \
    static __typeof__(&name) real; \
    if (!real) \
        real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void map_settings(void)
{
    const char *path = getenv("WINNOWD_TEST_ORDERS");
    int file = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *mapped = file < 0 ? MAP_FAILED : mmap(NULL, sizeof(*settings), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

    if (mapped != MAP_FAILED)
        settings = mapped;
    if (file >= 0)
        close(file);
}

static int64_t in_ns(const struct timespec *spec)
{
    return spec->tv_sec * INT64_C(1000000000) + spec->tv_nsec;
}

static int real_clock(clockid_t clock, struct timespec *spec)
{
    REAL(clock_gettime);

    return real(clock, spec);
}

int clock_gettime(clockid_t clock, struct timespec *spec)
{
    struct timespec steady;
    int64_t whole;
    int status = real_clock(clock, spec);

    if (status != 0 || !settings)
        return status;
    whole = in_ns(spec) + __atomic_load_n(&settings->flown_ns, __ATOMIC_RELAXED);
    if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE) {
        real_clock(CLOCK_MONOTONIC, &steady);
        whole += settings->wall_ns + settings->hurries * (in_ns(&steady) - settings->since_ns);
    } else {
        whole += settings->steady_ns;
    }
    spec->tv_sec = whole / 1000000000;
    spec->tv_nsec = whole % 1000000000;
    return 0;
}

int gettimeofday(struct timeval *restrict value, void *restrict zone)
{
    struct timespec spec;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &spec);
    *value = (struct timeval){.tv_sec = spec.tv_sec, .tv_usec = spec.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *value)
{
    struct timespec spec;

    clock_gettime(CLOCK_REALTIME, &spec);
    if (value)
        *value = spec.tv_sec;
    return spec.tv_sec;
}

int inotify_add_watch(int file, const char *path, uint32_t mask)
{
    REAL(inotify_add_watch);

    if (settings && settings->refuse_watches) {
        errno = (int)settings->refuse_watches;
        return -1;
    }
    return real(file, path, mask);
}

/* A connection, or what tells of a child's end. */
static int tells_of_work(int file)
{
    char link[32], name[32] = "";
    struct stat status;

    if (fstat(file, &status) == 0 && S_ISSOCK(status.st_mode))
        return 1;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", file);
    return readlink(link, name, sizeof(name) - 1) > 0 && strcmp(name, "anon_inode:[pidfd]") == 0;
}

int epoll_ctl(int epoll, int action, int file, struct epoll_event *event)
{
    REAL(epoll_ctl);

    if (file >= 0 && file < (int)sizeof(under_way))
        under_way[file] = action != EPOLL_CTL_DEL && tells_of_work(file);
    return real(epoll, action, file, event);
}

static int is_idle(void)
{
    for (size_t i = 0; i < sizeof(under_way); i++) {
        if (under_way[i])
            return 0;
    }
    return 1;
}

/* A pause that nothing has ended is taken for over sooner than it is. One of a millisecond is none: then
 * a request is about to begin. */
int epoll_pwait(int epoll, struct epoll_event *events, int count, int within_ms, const sigset_t *signals)
{
    REAL(epoll_pwait);
    int found, waited_ms = within_ms;
    int64_t leap_ns = 0;

    if (settings && within_ms > 1 && is_idle())
        leap_ns = __atomic_exchange_n(&settings->leap_ns, 0, __ATOMIC_RELAXED);
    if (leap_ns > 0) {
        __atomic_fetch_add(&settings->flown_ns, leap_ns, __ATOMIC_RELAXED);
        return real(epoll, events, count, 0, signals);
    }
    if (settings && settings->pace > 1 && within_ms > 0 && is_idle())
        waited_ms = (int)((within_ms + settings->pace - 1) / settings->pace);
    found = real(epoll, events, count, waited_ms, signals);
    if (found == 0 && waited_ms != within_ms)
        __atomic_fetch_add(&settings->flown_ns, (within_ms - waited_ms) * INT64_C(1000000), __ATOMIC_RELAXED);
    return found;
}

int epoll_wait(int epoll, struct epoll_event *events, int count, int within_ms)
{
    return epoll_pwait(epoll, events, count, within_ms, NULL);
}
"""
SECOND = 10**9


def eventually(condition, seconds=PATIENCE):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


@functools.cache
def preloaded(source):
    """A library made of this C source, to be preloaded."""
    compiler = shutil.which("cc") or pytest.skip("there is no C compiler")
    folder = tempfile.mkdtemp(prefix="winnowd-preloaded.")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = f"{folder}/before.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, "-x", "c", "-", "-ldl"],
                   input=source.encode(), check=True)  # fmt: skip
    return library


def preload(environment, library):
    """Preloads it before the libraries of the daemon, and before those that were preloaded earlier."""
    environment["LD_PRELOAD"] = ":".join(filter(None, [library, environment.get("LD_PRELOAD")]))
    # The sanitizer wants to be the first library, which here it cannot be.
    options = environment.get("ASAN_OPTIONS")
    if options is not None and "verify_asan_link_order" not in options:
        environment["ASAN_OPTIONS"] = f"{options}:verify_asan_link_order=0"


class Clock:
    """Of one daemon, from its first start on.

    While the daemon has no child and no request under way, its pauses pass PACE times as fast, on both of
    its clocks. Deadlines of what is under
    way are as long as ever, however slow the machine is. A test that is about the length of a pause, or
    that moves the time itself, says by_hand() first.
    """

    PACE = 20

    def __init__(self, winnowd):
        path = winnowd.directory / "clock"
        path.write_bytes(bytes(64))
        path.chmod(0o666)  # whoever the daemon runs as
        with open(path, "r+b") as file:
            self._settings = mmap.mmap(file.fileno(), 64)
        self._winnowd = winnowd
        self._wall = self._steady = self._watches = self._hurries = self._since = 0
        self._pace = self.PACE
        preload(winnowd.environment, preloaded(SOURCE))
        winnowd.environment["WINNOWD_TEST_ORDERS"] = str(path)
        self._write()

    def _write(self):
        words = self._wall, self._steady, self._watches, self._hurries, self._since, self._pace
        self._settings[:48] = struct.pack("6q", *words)  # the daemon changes the others

    def by_hand(self):
        """From now on time passes as usual, and the test moves it."""
        return self.at_pace(1)

    def at_pace(self, times):
        self._pace = times
        self._write()
        return self

    def set_back(self, seconds):
        """Somebody sets the calendar back. Intervals go on as they did."""
        self._wall -= int(seconds * SECOND)
        self._write()

    def hurry(self, times=20):
        """From now on the calendar alone runs so many times as fast, also while something is under way. So the daemon soon
        stops to wait for what was asked for long ago and may still come."""
        now = time.monotonic_ns()
        self._wall += self._hurries * (now - self._since)
        self._hurries, self._since = times - 1, now
        self._write()
        return self

    def pass_by(self, seconds):
        """Lets so much time pass for the daemon, and makes it look at the clock."""
        self._wall += int(seconds * SECOND)
        self._steady += int(seconds * SECOND)
        self._write()
        self._wake()

    def pass_in_pause(self, seconds):
        """The same, once the daemon has nothing under way and only waits for time to pass."""
        self._settings[56:] = struct.pack("q", int(seconds * SECOND))
        self._wake()

    def _wake(self):
        if self._winnowd.process and self._winnowd.process.poll() is None:
            self._winnowd.process.send_signal(signal.SIGUSR1)

    def refuse_watches(self, code):
        self._watches = code
        self._write()


class Disk:
    """`with Disk(path) as disk:` hides what is at the path already."""

    def __init__(self, path, size="4m", more=""):
        self.path = pathlib.Path(path)
        self.options = f"size={size},mode=755{more}"

    def __enter__(self):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", self.options, "winnowd-test", self.path],
                              capture_output=True, text=True, check=False)  # fmt: skip
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
        return self

    def __exit__(self, *problem):
        subprocess.run(["umount", "-l", self.path], check=True)

    def remount(self, how):
        subprocess.run(["mount", "-o", f"remount,{how}", self.path], check=True)

    @property
    def filler(self):
        return self.path / ".filler"

    def fill(self):
        """Fills it to the last block."""
        with open(self.filler, "ab", buffering=0) as file:
            for size in (65536, 4096):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def empty(self):
        os.truncate(self.filler, 0)
