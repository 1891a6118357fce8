"""The machine under the daemon, and how a test breaks it: its clock, its disks, its watches.

    Clock   a library put before the daemon's own: sets its clocks, refuses watches. Nothing of it
            reaches the children, whose environment is the daemon's making
    Disk    a small file system, which can be filled up and made read-only; needs root

eventually() waits for what no line of the log and no request tells of.
"""

import contextlib
import mmap
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import time

import pytest

SOURCE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct orders {
    int64_t wall_ns;        /* added to what a calendar shows */
    int64_t steady_ns;      /* added to what intervals are measured by */
    int64_t refuse_watches; /* the errno, 0: none is refused */
};

static volatile struct orders *orders;

__attribute__((constructor)) static void map_orders(void)
{
    int file = open(getenv("WINNOWD_TEST_ORDERS"), O_RDONLY | O_CLOEXEC);

    orders = mmap(NULL, sizeof(*orders), PROT_READ, MAP_SHARED, file, 0);
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *spec)
{
    static int (*real)(clockid_t, struct timespec *);
    int64_t moved, whole;
    int status;

    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    status = real(clock, spec);
    if (status != 0 || !orders)
        return status;
    moved = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? orders->wall_ns
                                                                     : orders->steady_ns;
    whole = spec->tv_sec * INT64_C(1000000000) + spec->tv_nsec + moved;
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
    static int (*real)(int, const char *, uint32_t);

    if (orders && orders->refuse_watches) {
        errno = (int)orders->refuse_watches;
        return -1;
    }
    if (!real)
        real = (int (*)(int, const char *, uint32_t))dlsym(RTLD_NEXT, "inotify_add_watch");
    return real(file, path, mask);
}
"""
SECOND = 10**9


def eventually(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.02)


class Clock:
    """Give it to a daemon before it starts: Clock(winnowd)."""

    def __init__(self, winnowd):
        compiler = shutil.which("cc") or pytest.skip("there is no C compiler")
        folder = winnowd.directory / "clock"
        folder.mkdir()
        (folder / "clock.c").write_text(SOURCE, encoding="utf-8")
        library = folder / "clock.so"
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, folder / "clock.c", "-ldl"], check=True)
        path = folder / "orders"
        path.write_bytes(bytes(24))
        with open(path, "r+b") as file:
            self._orders = mmap.mmap(file.fileno(), 24)
        self._winnowd = winnowd
        self._wall = self._steady = self._watches = 0
        winnowd.environment |= {"LD_PRELOAD": str(library), "WINNOWD_TEST_ORDERS": str(path)}
        # The sanitizer wants to be the first library, which here it cannot be.
        options = winnowd.environment.get("ASAN_OPTIONS")
        if options is not None:
            winnowd.environment["ASAN_OPTIONS"] = f"{options}:verify_asan_link_order=0"

    def _write(self):
        self._orders[:] = struct.pack("qqq", self._wall, self._steady, self._watches)

    def set_back(self, seconds):
        """Somebody sets the calendar; intervals go on as they did."""
        self._wall -= int(seconds * SECOND)
        self._write()

    def pass_by(self, seconds):
        """So much time has passed for the daemon, which is told to look at the clock."""
        self._wall += int(seconds * SECOND)
        self._steady += int(seconds * SECOND)
        self._write()
        if self._winnowd.process and self._winnowd.process.poll() is None:
            self._winnowd.process.send_signal(signal.SIGUSR1)

    def refuse_watches(self, code):
        self._watches = code
        self._write()


class Disk:
    """`with Disk(path) as disk:`; what is there already is not to be seen meanwhile."""

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
        """Takes all room there is, to the last block."""
        with open(self.filler, "ab", buffering=0) as file:
            for size in (65536, 4096):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)):
                        pass

    def empty(self):
        os.truncate(self.filler, 0)
