"""A project like real ones, and a series of experiments in it: python3 tests/integration/series.py DIRECTORY --seed N

A loop, as autoresearch runs it, changes one file, commits, measures, and either keeps the commit or resets to the
last one that it kept. So each experiment is a commit on top of the last kept one, and all of them change the same
few lines or their neighbours. What was turned down is in no branch. What the loop says is only a claim: some of
what it keeps is no better, and crashes have a number, too.

The same seed makes the same hashes. Each Experiment says what a test may assert.
"""

import argparse
import dataclasses
import pathlib
import random

import training
from harness import TOX, Project, git, result

METRIC = "val_bpb"
LOG = "results.tsv"
BRANCH = "autoresearch/night"
BEGINNING = 1760000000  # of the first commit, in seconds
EXPERIMENT = 330  # seconds from one commit to the next
PERSON = "A Person <person@example.org>"
FILES = {
    ".gitignore": f"{LOG}\n__pycache__/\n.tox/\n",
    "README.md": "# A small model of letters\n\n`python3 train.py` trains it, and `tox -e unit` tests it.\n",
    "test_train.py": training.TESTS,
    "tox.ini": TOX,
}

# What a night holds: what the loop says of an experiment, and what its number is.
BETTER, ALIKE, WORSE, ZERO, NONE = "better", "alike", "worse", "zero", "none"
EACH_NIGHT = [("keep", BETTER)] * 3 + [("discard", WORSE)]
NIGHTS = [
    [*EACH_NIGHT, ("keep", WORSE), ("discard", WORSE), ("crash", ZERO), ("discard", BETTER)],
    [*EACH_NIGHT, ("keep", ALIKE), ("discard", WORSE), ("crash", NONE), ("crash", ZERO)],
    [*EACH_NIGHT, ("keep", WORSE), ("discard", ALIKE), ("crash", NONE), ("keep", ALIKE)],
]
REMARKS = {
    BETTER: ["", "", " (a clear win)", " (small, but it is one)"],
    ALIKE: [" (the same number)"],
    WORSE: [" (within noise)", " (worse)", ", no gain", ""],
    ZERO: [" (out of memory)", " (assertion failed)"],
    NONE: [" (timeout, no number)", " (loss is nan)"],
}


@dataclasses.dataclass(frozen=True)
class Experiment:
    number: int  # 0 is the base itself, measured before anything was changed
    parent: int  # the number of the last kept one
    text: str  # of train.py
    value: float  # or None
    memory: float
    status: str  # what the loop says: keep, discard or crash
    description: str
    improves: bool  # kept, and truly below the best that was kept before
    commit: str = ""

    @property
    def id(self):
        return f"exp-{self.number:02}"

    @property
    def short(self):
        return self.commit[:7]

    def row(self):
        value = "-" if self.value is None else f"{self.value:.6f}"
        return "\t".join([self.short, value, f"{self.memory:.1f}", self.status, self.description])

    def result(self, **more):
        """A result file's content, as a loop would drop it."""
        return result(self.id, self.value, **{
            "metric": METRIC, "hypothesis": self.description, "status": self.status, "commit": self.short,
            "details": {"memory_gb": self.memory}, **more,
        })  # fmt: skip


# ---- what is tried --------------------------------------------------------------------------------


class Tinkerer:
    """Makes changes that touch earlier ones. In the settings, each change takes in neighbours of the lines that were
    changed before. No value comes twice. So any two kept experiments conflict."""

    def __init__(self, chance):
        self.chance = chance
        # The rows that what was kept has changed; none yet.
        self.first = len(training.SETTINGS) // 2
        self.last = self.first - 1
        self.left = {name: [value for value in values if value != first]
                     for name, first, _, values in training.SETTINGS}  # fmt: skip
        # Slot by slot: each line that may stand there, and what was not tried yet.
        self.slots = [([old, *(line for line, _ in news)], list(news)) for old, news in training.SLOTS]

    def change(self, text):
        """The text with a change, what that is in words, and which setting it was."""
        rows = range(max(self.first - 1, 0), min(self.last + 2, len(training.SETTINGS)))
        rows = [row for row in rows if self.left[training.SETTINGS[row][0]]]
        # Rather a new neighbour than the same line again.
        row = self.chance.choice(rows + [row for row in rows if not self.first <= row <= self.last] * 2)
        name = training.SETTINGS[row][0]
        value = self.left[name].pop(self.chance.randrange(len(self.left[name])))
        words = f"{name} {value}"
        text = training.with_setting(text, name, value)
        if self.chance.random() < 0.3:
            text, more = self.change_code(text)
            words += more
        return text, words, row

    def change_code(self, text):
        """The text with another line in a slot, and what that is in words; as it was where nothing is left."""
        left = [slot for slot in self.slots if slot[1]]
        if not left:
            return text, ""
        lines, news = self.chance.choice(left)
        (old,) = [line for line in lines if f"\n{line}\n" in text]
        new, words = news.pop(self.chance.randrange(len(news)))
        return training.with_line(text, old, new), f" and {words}"

    def keep(self, row):
        self.first, self.last = min(self.first, row), max(self.last, row)


def value_of(chance, what, best):
    if what in (ZERO, NONE):
        return 0.0 if what == ZERO else None
    if what == ALIKE:
        return best
    factor = 1 - chance.uniform(0.001, 0.02) if what == BETTER else 1 + chance.uniform(0.0005, 0.06)
    return round(best * factor, 6)


def claims(chance):
    """What a loop says of its experiments, in order: (status, what its number is)."""
    for night in NIGHTS:
        yield from chance.sample(night, len(night))


def plan(seed, rows=None):
    """The experiments, without their commits: those of NIGHTS, or one for each (value, status, description)."""
    chance = random.Random(f"series {seed}")
    tinkerer = Tinkerer(chance)
    best = round(chance.uniform(1.05, 1.25), 6)
    kept = Experiment(0, 0, training.source(seed), best, 44.0, "keep", "baseline", False)
    found = [kept]
    for number, row in enumerate(rows or claims(chance), start=1):
        text, words, place = tinkerer.change(kept.text)
        if rows:
            value, status, words = row
        else:
            status, what = row
            value = value_of(chance, what, best)
            words += chance.choice(REMARKS[what])
        improves = status == "keep" and value is not None and value < best
        memory = round(chance.uniform(20, 60), 1) if value else 0.0
        found.append(Experiment(number, kept.number, text, value, memory, status, words, improves))
        if status == "keep":
            kept = found[-1]
            tinkerer.keep(place)
        best = value if improves else best
    return found


# ---- in a repository ------------------------------------------------------------------------------


class Series(Project):
    """A project (see harness.py) in which a loop has run: `experiments`, and the log that it wrote.

    `work` has the base checked out, and the log in it, which git does not know. The loop's own branch ends with what
    it kept last; what it turned down is in no branch, as after a reset.
    """

    tests = ("python3", "-m", "unittest", "-v")

    def __init__(self, directory, seed=1, base="main", rows=None):
        self.directory = pathlib.Path(directory)
        self.base = base
        self.bare, self.work = self.directory / "project.git", self.directory / "work"
        git("init", "-q", "--bare", f"--initial-branch={base}", self.bare)
        git("init", "-q", f"--initial-branch={base}", self.work)
        git("config", "receive.autogc", "false", directory=self.bare)
        git("config", "maintenance.auto", "false", directory=self.work)
        git("remote", "add", "origin", "../project.git", directory=self.work)
        planned = plan(seed, rows)
        marks = self.directory / "marks"
        git("fast-import", "--quiet", f"--export-marks={marks}", directory=self.work, text=self.stream(planned))
        commits = dict(line.split() for line in marks.read_text().splitlines())
        marks.unlink()
        self.baseline, *self.experiments = [
            dataclasses.replace(one, commit=commits[f":{one.number + 1}"]) for one in planned
        ]
        git("checkout", "-q", base, directory=self.work)
        self.publish()
        self.log = self.work / LOG
        lines = ["\t".join(["commit", METRIC, "memory_gb", "status", "description"])]
        self.log.write_text("\n".join(lines + [one.row() for one in self.rows]) + "\n")

    @property
    def rows(self):
        """The base itself, as it was measured at first, and the experiments."""
        return [self.baseline, *self.experiments]

    def stream(self, planned):
        """What git fast-import makes the repository of: the base, and each experiment on the last kept one."""
        lines = []
        for one in planned:
            lines += [f"commit refs/heads/{BRANCH if one.number else self.base}", f"mark :{one.number + 1}"]
            when = f"{BEGINNING + one.number * EXPERIMENT} +0000"
            lines += [f"{role} {PERSON} {when}" for role in ("author", "committer")]
            lines += data(one.description if one.number else "The beginning")
            if one.number:
                lines += [f"from :{one.parent + 1}"]
            for name, content in {**({} if one.number else FILES), "train.py": one.text}.items():
                lines += [f"M 100644 inline {name}", *data(content)]
        kept = [one for one in planned if one.status == "keep"]
        return "\n".join([*lines, f"reset refs/heads/{BRANCH}", f"from :{kept[-1].number + 1}", ""])

    def nights(self, count=len(NIGHTS)):
        """The experiments in as many parts, in order."""
        size = -(-len(self.experiments) // count)
        return [self.experiments[place : place + size] for place in range(0, len(self.experiments), size)]

    def tweak(self, **settings):
        """A diff that gives the base's train.py other settings."""
        text = self.baseline.text
        for name, value in settings.items():
            text = training.with_setting(text, name, value)
        return self.experiment({"train.py": text})[1]


def data(text):
    return [f"data {len(text.encode())}", text]


def main():
    arguments = argparse.ArgumentParser(description="Makes a project and a series of experiments in it.")
    arguments.add_argument("directory", type=pathlib.Path)
    arguments.add_argument("--seed", default="1")
    given = arguments.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    made = Series(given.directory, given.seed)
    print(f"{made.bare}: what a forge serves\n{made.work}: where the loop ran, with its {LOG}\n")
    for one in made.rows:
        print(f"{one.id}  on {one.parent:2}  {'improves' if one.improves else '':8}  {one.row()}")


if __name__ == "__main__":
    main()
