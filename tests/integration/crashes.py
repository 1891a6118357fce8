"""Kills a daemon where a test says, starts it again, and checks that it has lost and doubled nothing.

    Shim    a library that is preloaded, and kills the daemon at its n-th rename, fsync or child
    World   a project, a forge, a daemon, and what must become of everything that was dropped
    Point   one place to die at: a request, a git, a rename, before it or after

The daemon knows of none of this. A world goes through many deaths, so a point costs only two short lives of
the daemon.
"""

import collections
import dataclasses
import os
import pathlib
import re
import sqlite3
import subprocess

import harness
from events import PATIENCE
from machine import Clock, preload, preloaded

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* DIE_AT is "CLASS WHEN NUMBER"; DIE_LOG takes a line for each call that counts. */
enum { RENAME, SYNC, SPAWN, STATUS };
static atomic_int counts[4];
static const char *const classes[4] = {"rename", "sync", "spawn", "status"};

/* How often the status is written depends on how fast the machine is: it is counted by itself. */
static int class_of(const char *to)
{
    const char *end = strrchr(to, '/');

    return strcmp(end ? end + 1 : to, "status.json") == 0 ? STATUS : RENAME;
}

static int number_of(int class, const char *what)
{
    int number = atomic_fetch_add(&counts[class], 1) + 1;
    const char *path = getenv("DIE_LOG");
    int log = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (log >= 0) {
        dprintf(log, "%s %s\n", classes[class], what);
        close(log);
    }
    return number;
}

static int is_due(int class, int number, const char *when)
{
    char wanted[64];

    snprintf(wanted, sizeof wanted, "%s %s %d", classes[class], when, number);
    return getenv("DIE_AT") && strcmp(getenv("DIE_AT"), wanted) == 0;
}

static void die_if_due(int class, int number, const char *when)
{
    if (is_due(class, number, when))
        kill(getpid(), SIGKILL);
}

struct birth {
    int (*become)(void *);
    void *data;
    int due;
};

/* The child is there, has executed nothing yet, and will, long after the daemon died. */
static int begin(void *data)
{
    struct birth *birth = data;

    if (birth->due) {
        kill(getppid(), SIGKILL);
        usleep(300000);
    }
    return birth->become(birth->data);
}

/* The daemon stands still until its child is another program, so all of this lasts long enough. */
int clone(int (*become)(void *), void *stack, int flags, void *data, ...)
{
    int (*real)(int (*)(void *), void *, int, void *, ...) = (__typeof__(real))dlsym(RTLD_NEXT, "clone");
    struct birth birth = {become, data, is_due(SPAWN, number_of(SPAWN, "child"), "after")};
    va_list more;
    void *descriptor;

    va_start(more, data);
    descriptor = va_arg(more, void *);
    va_end(more);
    return real(begin, stack, flags, &birth, descriptor);
}

#define WATCHED(class, what, name, parameters, arguments)                                          \
    int name parameters                                                                            \
    {                                                                                              \
        int (*real) parameters = (int (*) parameters)dlsym(RTLD_NEXT, #name);                      \
        int number = number_of(class, what), result;                                               \
        die_if_due(class, number, "before");                                                       \
        result = real arguments;                                                                   \
        die_if_due(class, number, "after");                                                        \
        return result;                                                                             \
    }

WATCHED(class_of(to), to, rename, (const char *from, const char *to), (from, to))
WATCHED(class_of(to), to, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
WATCHED(class_of(to), to, renameat2, (int a, const char *from, int b, const char *to, unsigned flags),
        (a, from, b, to, flags))
WATCHED(class_of(to), to, linkat, (int a, const char *from, int b, const char *to, int flags),
        (a, from, b, to, flags))
WATCHED(SYNC, "file", fsync, (int file), (file))
WATCHED(SYNC, "data", fdatasync, (int file), (file))
"""

WRITES = re.compile(r"POST .*(?<!/git-upload-pack)$|(PATCH|DELETE) .*")
LABELS = r"/issues/[1-9][0-9]*/labels$"
OUTCOMES = {"failing": "failed", "label": "failed", "empty": "rejected", "broken": "rejected"}


@dataclasses.dataclass(frozen=True)
class Point:
    where: str  # request, git, rename, sync, spawn, status
    number: int
    when: str  # before, after; a request also late: the daemon is dead long before it is worked on
    what: str = ""

    def __str__(self):
        return f"{self.when} {self.where} {self.number} ({self.what})"


def new_file(path, *lines):
    """A diff that adds a file."""
    added = "".join(f"+{line}\n" for line in lines)
    head = f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n"
    return f"{head}@@ -0,0 +1,{len(lines)} @@\n{added}"


class World:
    """`kind` is local, 1.15 or 1.25."""

    def __init__(self, directory, kind, programs=("git",)):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.project = harness.Project(self.directory)
        self.forge = (harness.LocalForge(self.project, self.directory) if kind == "local"
                      else harness.StandIn(self.project, kind))  # fmt: skip
        self.gitea = getattr(self.forge, "gitea", None)
        self.winnowd = harness.Winnowd(self.directory, self.forge)
        # Whether one is better hangs on what it says itself, so that no point hangs on another.
        self.winnowd.configure(
            metrics={"val_bpb": {"direction": "minimize", "reference": "before"}},
            validation={"command": ["sh", "-c", "test ! -e fails"], "sandbox": "none", "base": "once"},
            forge={"poll": "0s"},
        )
        self.wrapper = self.winnowd.wrapper = harness.Wrapper(self.directory / "wrapper", programs)
        preload(self.winnowd.environment, preloaded(SHIM))
        self.died = self.directory / "died"
        self.made = 0
        self.expected = {}  # experiment: its decision
        self.files = {}  # name of a dropped file: the one decision on it
        self.befores = {}  # experiment: the value it was better than, where that is known
        self.labels_refused = False
        self.first_request = 0  # of this life

    def stop(self):
        if self.winnowd.process is not None and self.winnowd.process.poll() is None:
            self.winnowd.kill()
        if self.gitea:
            self.forge.stop()

    # What is dropped.

    def drop(self, scenario, outcome=None, changes="", **more):
        """Drops one file that is to end as the scenario says, or as `outcome` says.

        promoted   it is promoted
        moved      the same, on a base that has moved and is to be run
        patched    promoted, with a patch from a file beside it
        failing    its tests fail
        label      its label is refused
        empty      it has no change, so it is rejected when its turn comes
        broken     it is no JSON, so it is rejected at once
        """
        self.made += 1
        name = f"exp-{self.made}"
        diff = new_file(f"experiments/{name}.txt", scenario) + changes
        if scenario == "moved":
            self.project.advance({"moves.txt": f"{name}\n"})
        if scenario == "failing":
            diff += new_file("fails", "yes")
        content = {"metric_after": 0.9, "metric_before": 1.0, **more}
        content |= {"patch": f"{name}.patch"} if scenario == "patched" else {} if scenario == "empty" else {"diff": diff}
        patch = (f"{name}.patch", diff) if scenario == "patched" else None
        outcome = outcome or OUTCOMES.get(scenario, "promoted")
        self.files[f"{name}.json"] = outcome
        if scenario == "broken":
            self.winnowd.drop("{", name=f"{name}.json")
            return
        self.expected[name] = outcome
        self.winnowd.drop(harness.result(name, **content), patch=patch)

    def drop_again(self, name):
        """The same content under another file name."""
        again = f"{name}-again-{len(self.files)}.json"
        paths = [*self.winnowd.spool.glob(f"{name}.json"), *self.winnowd.spool.glob(f".archive/*/{name}.json")]
        if not paths:
            return
        try:
            content = paths[0].read_bytes()
        except FileNotFoundError:
            return  # it moved just now
        self.files[again] = "duplicate"
        self.winnowd.drop(content, name=again)

    # Where it dies.

    def refuse_labels(self, refused=True):
        """Makes the forge refuse labels for longer than the daemon waits. No other fault makes a job fail as late."""
        self.labels_refused = refused
        self.winnowd.configure(queue={"retry_for": "1ms" if refused else "24h"})

    def arm(self, point=None):
        """Prepares the forge, the programs and the library for the next life; None: nothing kills."""
        self.wrapper.reset()
        self.winnowd.environment.pop("DIE_AT", None)
        self.died.unlink(missing_ok=True)
        self.winnowd.environment["DIE_LOG"] = str(self.died)
        if self.gitea:
            self.first_request = len(self.gitea.records)
            self.gitea.faults.clear()
            self.gitea.forge.open_pull_takes = 0.0
        if point is None:
            pass
        elif point.where == "request":
            self._arm_request(point)
        elif point.where == "git":
            self.wrapper.kill_at(point.number, point.when)
        else:
            self.winnowd.environment["DIE_AT"] = f"{point.where} {point.when} {point.number}"
        if self.gitea and self.labels_refused:
            self.gitea.faults.add("locked", method="POST", path=LABELS, count=None)

    def _arm_request(self, point):
        method, path = point.what.split(" ", 1)
        kill = {"nth": point.number, "call": lambda record: self.winnowd.process.kill()}
        if self.labels_refused and method == "POST" and re.search(LABELS, path):
            self.gitea.faults.add("locked", **kill)
        elif point.when == "late" and path.endswith("/pulls"):
            self.gitea.forge.open_pull_takes = 2.5  # looked for before, put in after
            self.gitea.faults.add("pass", **kill)
        elif point.when == "late":
            self.gitea.faults.add("hang", seconds=0.7, **kill)
        else:
            self.gitea.faults.add("close", at=point.when, **kill)

    def points_of_life(self):
        """Every place that the last life went through."""
        points = []
        if self.gitea:
            for number, record in enumerate(list(self.gitea.records)[self.first_request :], 1):
                what = f"{record.method} {record.path}"
                whens = ("before", "after", "late") if WRITES.fullmatch(what) else ("before", "after")
                points += [Point("request", number, when, what) for when in whens]
        for number, call in enumerate(self.wrapper.calls(), 1):
            points += [Point("git", number, when, essence(call)) for when in ("before", "after")]
        seen = collections.Counter()
        for line in self.died.read_text(encoding="utf-8").splitlines() if self.died.exists() else []:
            where, what = line.split(" ", 1)
            seen[where] += 1
            points += [Point(where, seen[where], when, what) for when in ("before", "after")]
        return points

    # Lives.

    def live(self, point=None):
        """Runs until the spool and the queue are empty, or until it dies at the point. Returns the exit status."""
        self.arm(point)
        winnowd = self.winnowd
        winnowd.write_configuration()
        if point and point.where == "spawn":
            # The end of its log is not waited for: the child has it as well.
            winnowd._launch(("--once",), stdout=subprocess.DEVNULL)
            status, log = winnowd.process.wait(PATIENCE), winnowd.log
        else:
            status, _, log = winnowd.run("--once", seconds=PATIENCE)
        assert status == (0 if point is None else -9), f"exit status {status}:\n{log.text}"
        return log

    # What must hold when all is done.

    def check(self):
        """Says what is broken, as a list of sentences."""
        broken = [*self._broken_store(), *self._broken_files(), *self._broken_forge(), *self._left_behind()]
        if self.gitea:
            self.gitea.records.clear()  # what they show was looked at
        return broken

    def _broken_store(self):
        with sqlite3.connect(f"file:{self.winnowd.state}/winnowd.db?mode=ro", uri=True) as store:
            verdict = store.execute("PRAGMA integrity_check").fetchall()
            # What was rejected or is a duplicate says nothing of a metric.
            results = store.execute("SELECT experiment_id, decision FROM results WHERE metric <> ''").fetchall()
            decisions = store.execute(
                "SELECT file_name, decision FROM results WHERE decided > 0"
                " UNION ALL SELECT file_name, decision FROM decisions").fetchall()  # fmt: skip
            jobs = store.execute("SELECT result, state, step FROM jobs WHERE state <> 2").fetchall()
            moves = store.execute(
                "SELECT file_name FROM results WHERE moving = 1 OR id >= (SELECT first FROM intake)").fetchall()  # fmt: skip
        store.close()
        if verdict != [("ok",)]:
            yield f"the store is damaged: {verdict}"
        if dict(results) != self.expected or len(results) != len(self.expected):
            wrong = {name: decision for name, decision in results if self.expected.get(name) != decision}
            yield f"decided otherwise: {wrong}; not decided: {self.expected.keys() - dict(results).keys()}"
        if sorted(decisions) != sorted(self.files.items()):
            counted, wanted = collections.Counter(decisions), collections.Counter(self.files.items())
            yield f"decisions on files too many: {list(counted - wanted)}; too few: {list(wanted - counted)}"
        if jobs or moves:
            yield f"unfinished jobs {jobs}, moves {moves}"

    def _broken_files(self):
        if self.winnowd.waiting():
            yield f"left in the spool: {self.winnowd.waiting()}"
        kept, refused = collections.Counter(self.winnowd.archived()), self.winnowd.rejected()
        for name, decision in self.files.items():
            rejected = decision == "rejected"
            if kept[name] != (not rejected) or (name in refused) != rejected:
                yield f"{name}: {kept[name]} times in the archive, rejected: {name in refused}"
        doubled = [name for name in kept if "~" in name]
        if doubled:
            yield f"archived twice: {doubled}"

    def _broken_forge(self):
        pulls = collections.defaultdict(list)
        for pull in self.forge.pulls():
            pulls[pull.head].append(pull)
        branches = self.forge.branches()
        for name, decision in self.expected.items():
            head = f"experiment/{name}"
            states = [pull.state for pull in pulls[head]]
            if decision == "promoted" and (states != ["open"] or branches.get(head) != pulls[head][0].sha):
                yield f"{name} is promoted, its pull requests are {states}, its branch {branches.get(head)}"
            if decision == "promoted" and name in self.befores and f'"before":{self.befores[name]},' not in pulls[head][0].body:
                yield f"{name} was better than {self.befores[name]}, its pull request says otherwise"
            if decision != "promoted" and (head in branches or len(states) > 1 or "open" in states):
                yield f"{name} is {decision}, its pull requests are {states}, its branch {branches.get(head)}"
        try:
            self.forge.check_promises()
        except AssertionError as error:
            yield str(error)

    def _left_behind(self):
        state = self.winnowd.state
        for folder in ("checkouts", "scratch"):
            if os.listdir(state / folder):
                yield f"left in {folder}: {os.listdir(state / folder)}"
        refs = [path.name for path in (state / "repository.git/refs/heads").rglob("*") if path.is_file()]
        if refs:
            yield f"left in the repository: {refs}"
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if f"{state}/checkouts" in os.readlink(process / "cwd"):
                    yield f"a process is left: {(process / 'cmdline').read_bytes()}"
            except OSError:
                continue


def essence(call):
    """What a git call is about: its name and subcommand."""
    words = [word for word in call.split() if not word.startswith("-")]
    return " ".join(words[:2])


def suffer(world, scenario, point):
    """One death at the point, and one life after it. Returns sentences about what is broken."""
    # What is still on its way when the daemon is dead takes its own time, and is waited for; else what was
    # asked for and never made is given up sooner.
    late = point.when == "late" or point.where == "spawn"
    world.winnowd.clock.at_pace(1 if late else Clock.PACE).hurry(1 if late else Clock.PACE)
    world.drop(scenario)
    try:
        world.live(point)
        world.live()
    except AssertionError as error:
        return [f"{point}: {error}"]
    return [f"{point}: {sentence}\n{world.winnowd.log.text}" for sentence in world.check()]
