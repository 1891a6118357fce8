"""Promise: night after night, what a loop of experiments leaves becomes the right pull requests.

The project is like a real one (series.py). Each experiment is a commit on top of the last one that was kept, and
all of them change the same few lines or their neighbours. In the morning a reviewer (reviewer.py) merges and closes.
"""

import collections
import itertools
import json
import random
import re
import shutil
import subprocess

import harness
import pytest
import series
import training
from events import DECISIONS
from exhaustive import first_of
from harness import git
from reviewer import WAYS, Reviewer, StandInReviewer, conflict

SEED = 8  # In its second night the last that is kept is as good as the best one, and counts once that is turned down.


@pytest.fixture
def project(tmp_path):
    return series.Series(tmp_path, SEED)


# ---- what a series is -----------------------------------------------------------------------------


def test_the_same_seed_makes_the_same_series(tmp_path):
    def made(name, seed):
        (tmp_path / name).mkdir()
        return series.Series(tmp_path / name, seed)

    one, same, other = made("one", 1), made("same", 1), made("other", 2)
    assert one.rows == same.rows and one.tip == same.tip
    assert one.log.read_bytes() == same.log.read_bytes()
    assert not {row.commit for row in one.rows} & {row.commit for row in other.rows}


@pytest.mark.parametrize("seed", range(8))
def test_a_plan_is_as_real_nights_are(seed):
    baseline, *experiments = series.plan(seed)
    assert len(experiments) == 24 and 580 <= baseline.text.count("\n") <= 620
    count = collections.Counter(one.status for one in experiments)
    assert min(count["keep"], count["discard"], count["crash"]) >= 4
    assert {one.value for one in experiments if one.status == "crash"} == {0.0, None}
    kept = [one for one in experiments if one.status == "keep"]
    best = {one.number: min(row.value for row in [baseline, *kept] if row.number < one.number) for one in experiments
            if one.number > 0}  # fmt: skip
    for one in experiments:
        assert one.parent == max(row.number for row in [baseline, *kept] if row.number < one.number)
        assert one.improves == (one in kept and one.value < best[one.number])
    assert 4 <= len([one for one in kept if not one.improves]) and 9 == len([one for one in kept if one.improves])
    assert [one for one in experiments if one.status == "discard" and one.value < best[one.number]]
    assert any(one.value == best[one.number] for one in kept)
    for one in kept:  # The settings that differ by then are neighbours.
        before, after = (text.split("\n# ----")[1].splitlines() for text in (baseline.text, one.text))
        rows = [row for row, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) == 2]
        assert rows == list(range(rows[0], rows[-1] + 1)), one.id
    texts = [one.text for one in [baseline, *experiments]]
    assert len(set(texts)) == len(texts), "two experiments are the same"


def test_a_repository_is_as_a_loop_leaves_it(project):
    rows = project.rows
    for one in project.experiments:
        assert git("rev-parse", f"{one.commit}^", directory=project.work) == rows[one.parent].commit
        assert git("diff", "--name-only", f"{one.commit}^", one.commit, directory=project.work) == "train.py"
        inside = git("branch", "--contains", one.commit, "--format=%(refname:short)", directory=project.work)
        assert inside == (series.BRANCH if one.status == "keep" else ""), one.id
    assert git("status", "--porcelain", directory=project.work) == ""
    lines = [line.split("\t") for line in project.log.read_text().splitlines()]
    assert lines[0] == ["commit", "val_bpb", "memory_gb", "status", "description"] and len(lines) == 26
    for one, (commit, value, memory, status, description) in zip(rows, lines[1:], strict=True):
        assert one.commit.startswith(commit) and status == one.status and description == one.description
        assert value == "-" if one.value is None else float(value) == one.value
    assert list(itertools.chain(*project.nights())) == project.experiments


@pytest.mark.parametrize("seed", first_of(range(1, 9), 2))
def test_any_two_that_are_kept_conflict_when_they_are_merged_apart_from_each_other(tmp_path, seed):
    made = series.Series(tmp_path, seed)

    def alone(one):
        return git("commit-tree", "-p", made.tip, "-m", one.id, f"{one.commit}^{{tree}}", directory=made.work)

    kept = [alone(one) for one in made.experiments if one.improves]
    assert all(conflict(made.work, *pair) for pair in itertools.combinations(kept, 2))


@pytest.mark.parametrize("seed", first_of(range(1, 9), 1))
def test_what_is_kept_passes_its_tests(tmp_path, seed):
    for one in [one for one in series.plan(seed) if one.status == "keep"]:
        (tmp_path / "train.py").write_text(one.text)
        (tmp_path / "test_train.py").write_text(training.TESTS)
        done = subprocess.run(["/usr/bin/python3", "-B", "-m", "unittest"], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, f"{one.id}: {done.stderr}"


# ---- what is made of it ---------------------------------------------------------------------------


def judged(rows, best=None, improvement="promoted"):
    """What must become of the rows, and the best value then, in as few words as possible."""
    decisions = {}
    for one in rows:
        if one.status != "keep":
            decisions[one.id] = {"crash": "crashed", "discard": "discarded"}[one.status]
        elif best is not None and one.value >= best:
            decisions[one.id] = "discarded"
        else:
            decisions[one.id] = "baseline" if best is None else improvement
            best = best if decisions[one.id] == "failed" else one.value
    return decisions, best


def start(winnowd):
    """One daemon for all nights, which sees what a reviewer does while it runs."""
    return winnowd.configure(sources=[str(winnowd.forge.project.work)], forge={"poll": "1s"}).start()


def night(winnowd, rows):
    """A night's results, each in a file of its own; gives back what became of them."""
    for one in rows:
        winnowd.drop(one.result())
    for one in rows:
        winnowd.log.wait(experiment=one.id, decision=lambda word: word in DECISIONS)
    names = {one.id for one in rows}
    return {name: decision for name, decision in winnowd.log.decisions().items() if name in names}


def assert_nothing_is_lost(winnowd, rows, judged_anew=()):
    """Each result has got one decision, but for those that were judged anew, and each file is kept."""
    assert winnowd.stop() == 0
    assert winnowd.waiting() == [] and winnowd.rejected() == {}
    assert winnowd.archived() == sorted(f"{one.id}.json" for one in rows)
    told = [event["experiment"] for event in winnowd.log.events if event.get("decision") in DECISIONS]
    assert sorted(told) == sorted([*(one.id for one in rows), *judged_anew])


def facts_of(pull):
    return json.loads(re.search(r"^<!-- winnowd (\{.*\}) -->$", pull.body, re.MULTILINE)[1])


def assert_measured(forge, project, pulls, experiments, base=None, earlier=()):
    """The pull requests are of these, in this order, each one commit on the base with the tree that was measured.
    Earlier ones are open, too; what is in the base is not contained any more."""
    assert [pull.head for pull in pulls] == [f"experiment/{one.id}" for one in experiments]
    for pull, one in zip(pulls, experiments, strict=True):
        parents, tree = forge.show("-s", "--format=%P %T", pull.sha).split(" ")
        assert parents == (base or project.baseline.commit), pull.head
        assert tree == git("rev-parse", f"{one.commit}^{{tree}}", directory=project.work), pull.head
        facts = facts_of(pull)
        assert facts["measured"] == one.commit and facts["tree_is_measured"], pull.head
        # Each brings along those before it on the loop's line, the nearest one first.
        before = [other.id for other in [*earlier, *experiments] if other.number < one.number]
        assert facts["contained"] == before[::-1], pull.head
        # And what it changed itself over the nearest one, which is little.
        assert ("\n### What this experiment itself changed\n" in pull.body) == bool(before), pull.head
        if before:
            (nearest,) = [other for other in project.experiments if other.id == before[-1]]
            diff = git("diff", nearest.commit, one.commit, directory=project.work).splitlines()
            assert all(f"\n{line}\n" in pull.body for line in diff if line[:1] in ("+", "-")), pull.body


def improving(rows):
    return [one for one in rows if one.improves]


@pytest.mark.representative
@pytest.mark.parametrize("seed", first_of(range(1, 9), 1))
def test_a_night_promotes_exactly_what_beats_the_best_before_it(tmp_path, the_binary_is_there, seed):
    project = series.Series(tmp_path, seed)
    forge = harness.LocalForge(project, tmp_path)
    winnowd = harness.Winnowd(tmp_path, forge)
    start(winnowd)
    decisions = night(winnowd, project.rows)
    promoted = [name for name, decision in decisions.items() if decision == "promoted"]
    assert promoted == [one.id for one in improving(project.experiments)]
    assert decisions == judged(project.rows)[0]
    assert_measured(forge, project, forge.pulls(), improving(project.experiments))
    assert_nothing_is_lost(winnowd, project.rows)
    winnowd.check_promises()


def test_nights_whose_best_is_turned_down_each_morning(project, forge, winnowd):
    """The base never moves, so whatever is promoted is what was measured. What was not promoted only because of the
    one that was closed is promoted after all."""
    log, reviewer, known, closed, anew = start(winnowd), Reviewer(forge), [project.baseline], [], set()
    closed_before = {}  # by the number of each pull request: those that were closed when it was opened

    def expected():
        """The decisions as if those that were turned down had never been, except their own."""
        return judged([one for one in known if one not in closed])[0] | {one.id: "promoted" for one in closed}

    def note_what_is_closed():
        now = {pull.number for pull in forge.pulls() if pull.state == "closed"}
        closed_before.update({pull.number: now for pull in forge.pulls() if pull.number not in closed_before})

    for rows in project.nights():
        known += rows
        night(winnowd, known if rows == project.nights()[0] else rows)
        assert log.decisions() == expected()
        before = log.decisions()
        note_what_is_closed()
        newest = max((pull for pull in forge.pulls() if pull.state == "open"), key=lambda pull: pull.number)
        closed += [one for one in known if newest.head == f"experiment/{one.id}"]
        reviewer.close(newest.number)
        log.wait(msg="pull request closed unmerged; its value leaves the frontier", pull=newest.number)
        assert log.wait_until(lambda: log.decisions() == expected()), log.text
        anew |= {name for name, decision in expected().items() if before[name] != decision}
    assert len(closed) == 3 and anew, "nothing was judged anew"
    assert_nothing_is_lost(winnowd, project.rows, anew)
    heads = [pull.head.removeprefix("experiment/") for pull in forge.pulls()]
    assert sorted(heads) == sorted(name for name, decision in log.decisions().items() if decision == "promoted")
    by_name = {one.id: one for one in known}
    note_what_is_closed()
    # What stands on one that was closed by then says so, above all else.
    numbers = {pull.head.removeprefix("experiment/"): pull.number for pull in forge.pulls()}
    for pull in forge.pulls():
        turned_down = [one.id for one in closed if numbers[one.id] in closed_before[pull.number]]
        turned_down = [name for name in facts_of(pull)["contained"] if name in turned_down]
        assert facts_of(pull)["turned_down"] == turned_down, pull.head
        assert ("**Contains what was closed without being merged:**" in pull.body.split("### Metric")[0]) == bool(turned_down)
    assert any(facts_of(pull)["turned_down"] for pull in forge.pulls())
    assert_measured(forge, project, forge.pulls(), [by_name[name] for name in heads])


def nights_after_a_merge(winnowd, project, reviewer, number, way):
    """In the morning one of the first night's is merged. The base then holds what that one brought along,
    and nothing else. What comes on top of it in the next nights is the tree that was measured, and nothing
    conflicts."""
    log, forge = start(winnowd), winnowd.forge
    first, *others = project.nights()
    first = [project.baseline, *first]
    expected, best = judged(first)
    assert night(winnowd, first) == expected
    assert_measured(forge, project, forge.pulls(), improving(first))
    assert [pull.number for pull in forge.pulls()] == [1, 2, 3] and reviewer.conflicting() == []
    base = reviewer.merge(number, way)
    log.wait(msg="pull request merged", pull=number)
    for rows in others:
        expected, best = judged(rows, best)
        assert night(winnowd, rows) == expected
    later = [pull for pull in forge.pulls() if pull.number > 3]
    still_open = improving(first)[number:]
    assert_measured(forge, project, later, improving(itertools.chain(*others)), base, still_open)
    assert not {pull.number for pull in later} & set(reviewer.conflicting())
    assert_nothing_is_lost(winnowd, project.rows)


CASES = [(way, number) for number in (3, 2, 1) for way in WAYS]


@pytest.mark.parametrize("way, number", first_of(CASES))
def test_nights_after_a_merge_stand_on_what_was_merged(project, forge, winnowd, way, number):
    nights_after_a_merge(winnowd, project, Reviewer(forge), number, way)


@pytest.mark.parametrize("way, number", first_of([("squash", 3), ("merge", 2), ("rebase", 1)], 1))
def test_nights_after_a_merge_at_gitea(project, stand_in, gitea_winnowd, way, number):
    nights_after_a_merge(gitea_winnowd, project, StandInReviewer(stand_in), number, way)


@pytest.mark.parametrize("way", first_of(WAYS))
def test_nights_whose_newest_is_merged_each_morning(project, forge, winnowd, way):
    """Whatever way it is merged, each night stands on the nights before."""
    log, reviewer = start(winnowd), Reviewer(forge)
    base, best, known = project.baseline.commit, None, 0
    for rows in [[project.baseline, *project.nights()[0]], *project.nights()[1:]]:
        expected, best = judged(rows, best)
        assert night(winnowd, rows) == expected
        new = [pull for pull in forge.pulls() if pull.number > known]
        assert_measured(forge, project, new, improving(rows), base)
        known = new[-1].number
        base = reviewer.merge(known, way)
        log.wait(msg="pull request merged", pull=known)
    assert_nothing_is_lost(winnowd, project.rows)


# ---- mornings: a reviewer does as people do -------------------------------------------------------


def stale_of(winnowd):
    """number: why, of all that are stale."""
    listed = json.loads(winnowd.run_beside("--status", "--json")[1])["pulls"]
    return {pull["pull"]: pull["stale"] for pull in listed if pull["stale"]}


def in_the_base(reviewer):
    """The open ones that would change nothing if they were merged."""
    work, base = reviewer.project.work, reviewer.project.base
    tree = git("rev-parse", f"{base}^{{tree}}", directory=work)
    return [pull.number for pull in reviewer.still_open()
            if git("merge-tree", "--write-tree", base, pull.sha, directory=work, check=False) == tree]  # fmt: skip


def assert_morning(winnowd, reviewer, measured=()):
    """What is open merges, or is stale, and the base does not hold it; of `measured` the trees are as they were measured."""
    forge, project = reviewer.forge, reviewer.project

    def broken():
        trees = [one.id for one in measured for pull in reviewer.still_open() if pull.head == f"experiment/{one.id}"
                 and forge.show("-s", "--format=%T", pull.sha) != git("rev-parse", f"{one.commit}^{{tree}}", directory=project.work)]  # fmt: skip
        return in_the_base(reviewer), set(reviewer.conflicting()) - set(stale_of(winnowd)), trees

    assert winnowd.log.wait_until(lambda: broken() == ([], set(), [])), f"{broken()}\n{winnowd.log.text}"


MERGED, OPENED_AGAIN = "pull request merged", "pull request opened again; its value is back in the frontier"
CONTAINED = "pull request is contained in what was merged; its value is confirmed"


def mornings(winnowd, project, reviewer):
    """The middle one by a squash; the next with changes, while one was closed, and one has a commit by somebody else;
    a revert, and that taken back; two at once; one opened again."""
    forge, (first, second, third) = winnowd.forge, project.nights()
    log = start(winnowd.configure(validation={"command": ["true"], "sandbox": "none"}))
    night(winnowd, [project.baseline, *first])
    reviewer.merge(2, "squash")
    log.wait(msg=MERGED, pull=2)
    log.wait(msg=CONTAINED, pull=1)
    assert_morning(winnowd, reviewer, improving(first))

    night(winnowd, second)
    assert_morning(winnowd, reviewer, improving([*first, *second]))
    with_changes, closed, pushed, newest = [pull.number for pull in reviewer.still_open()]
    reviewer.close(closed)
    reviewer.push_to(pushed, {"notes.txt": "by hand\n"})
    tip = reviewer.pull(pushed).sha
    changed = reviewer.merge_changed(with_changes, {"README.md": "# Changed while it was merged\n"})
    log.wait(msg=lambda said: said in (MERGED, CONTAINED), pull=with_changes)
    assert_morning(winnowd, reviewer)

    night(winnowd, third)
    assert_morning(winnowd, reviewer)
    assert reviewer.pull(pushed).sha == tip and "somebody else moved" in stale_of(winnowd)[pushed]
    assert all("Changed while" in forge.show(f"{pull.sha}:README.md") for pull in forge.pulls() if pull.number > newest)
    reverted = reviewer.revert(changed, "-m", "1")
    assert_morning(winnowd, reviewer)
    left = [pull.number for pull in reviewer.still_open()]
    left.remove(pushed)  # it never had what was merged and taken back since, and merges again
    assert set(stale_of(winnowd)) == set(left) and len(left) == 4, "what stands on what was taken back"
    reviewer.revert(reverted)
    assert_morning(winnowd, reviewer)
    assert set(stale_of(winnowd)) == {pushed}

    reviewer.merge_both(left[0], left[-1])
    for number in left:
        # What the base held before its state was looked at is contained for a moment, and merged then.
        log.wait(msg=MERGED if number in (left[0], left[-1]) else CONTAINED, pull=number)
    reviewer.reopen(closed)  # so that no merge which contains it is yet to be noticed
    log.wait(msg=OPENED_AGAIN, pull=closed)
    # The base holds its change by now, as it is found to when it would be refreshed.
    log.wait(msg="pull request closed: another one contains it", pull=closed)
    assert_morning(winnowd, reviewer)
    assert [pull.number for pull in reviewer.still_open()] == [pushed] and reviewer.pull(pushed).sha == tip
    last = git("rev-parse", f"{improving(third)[-1].commit}:train.py", directory=project.work)
    assert git("rev-parse", f"{project.base}:train.py", directory=project.work) == last, "not what was measured last"
    assert winnowd.stop() == 0


def test_mornings_leave_nothing_open_that_conflicts_or_is_in_the_base(project, forge, winnowd):
    mornings(winnowd, project, Reviewer(forge))


class ByChance:
    """What a reviewer may do next, and what may happen to the daemon. One that is rough also changes, reverts and pushes."""

    KIND = ["merge", "merge", "squash", "say_later", "close", "reopen", "kill", "nothing"]
    ROUGH = [*KIND, "merge_changed", "revert", "push_to"]

    def __init__(self, winnowd, reviewer, seed, rough):
        self.winnowd, self.reviewer = winnowd, reviewer
        self.chance = random.Random(f"mornings {seed}")
        self.deeds = self.ROUGH if rough else self.KIND
        self.closed, self.unsaid, self.merges = [], [], []

    def morning(self):
        for _ in range(self.chance.randint(1, 3)):
            getattr(self, self.chance.choice(self.deeds))()
        for number in self.unsaid:
            self.reviewer.was_merged(number)
        self.unsaid = []

    def choose(self):
        """One that is open and can be merged; None: there is none."""
        conflicting = {*self.reviewer.conflicting(), *self.unsaid}
        numbers = [pull.number for pull in self.reviewer.still_open() if pull.number not in conflicting]
        return self.chance.choice(numbers) if numbers else None

    def bring_in(self, way, say=True):
        number = self.choose()
        if number is None:
            return
        self.reviewer.bring_in(number, way)
        if say:
            self.reviewer.was_merged(number)
        else:
            self.unsaid.append(number)

    def merge(self):
        self.bring_in("merge")

    def squash(self):
        self.bring_in("squash")

    def say_later(self):
        """Once the daemon has done what it does about the base that has moved."""
        self.bring_in("squash", say=False)
        self.winnowd.log.wait_until(lambda: {*self.reviewer.conflicting()} <= {*stale_of(self.winnowd)})

    def merge_changed(self):
        number = self.choose()
        if number is not None:
            self.merges.append(self.reviewer.merge_changed(number, {"README.md": f"# Changed with {number}\n"}))

    def revert(self):
        if self.merges:
            self.reviewer.revert(self.merges.pop(), "-m", "1")

    def push_to(self):
        number = self.choose()
        if number is not None:
            self.reviewer.push_to(number, {f"notes-{number}.txt": "by hand\n"})

    def close(self):
        number = self.choose()
        if number is not None:
            self.reviewer.close(number)
            self.closed.append(number)

    def reopen(self):
        if self.closed:
            self.reviewer.reopen(self.closed.pop())

    def kill(self):
        self.winnowd.kill()
        self.winnowd.start()

    def nothing(self):
        """Nobody does anything."""


@pytest.mark.exhaustive
@pytest.mark.parametrize("rough", [False, True], ids=["kind", "rough"])
@pytest.mark.parametrize("seed", range(12))
def test_mornings_by_chance(tmp_path, the_binary_is_there, seed, rough):
    """Where nobody changes or takes back anything while merging, nothing is ever stale in the end."""
    project = series.Series(tmp_path, seed)
    winnowd = harness.Winnowd(tmp_path, harness.LocalForge(project, tmp_path))
    start(winnowd.configure(validation={"command": ["true"], "sandbox": "none"}))
    by_chance = ByChance(winnowd, Reviewer(winnowd.forge), seed, rough)
    winnowd.drop(project.baseline.result())
    for rows in project.nights():
        night(winnowd, rows)
        by_chance.morning()
        assert_morning(winnowd, by_chance.reviewer)
        if not rough:
            assert winnowd.log.wait_until(lambda: not stale_of(winnowd)), winnowd.log.text
    assert winnowd.stop() == 0
    winnowd.check_promises()


# How each is dropped: a commit, a diff with its parent's experiment, or one without.
SHAPES = ["diff commit parent commit", "commit parent commit parent", "parent parent commit commit"]


def drop_as(winnowd, how, one, before):
    project, content = winnowd.forge.project, one.result()
    if how != "commit":
        diff = git("diff", "--binary", before.commit, one.commit, directory=project.work, whole=True)
        parent = None if how == "diff" else before.id if before.number else before.commit
        content = {**content, "commit": None, "diff": diff, "parent": parent}
    winnowd.drop({key: value for key, value in content.items() if value is not None})


@pytest.mark.parametrize("merged", first_of([3, 2, 1]))
@pytest.mark.parametrize("shape", first_of(SHAPES))
def test_a_line_of_work_whose_results_name_diffs_and_commits(project, forge, winnowd, shape, merged):
    """The loop's own commit of what came as a diff has another name, and the same tree."""
    log, reviewer = start(winnowd.configure(validation={"command": ["true"], "sandbox": "none"})), Reviewer(forge)
    rows = [project.baseline, *improving(project.experiments)[:4]]
    winnowd.drop(project.baseline.result())
    for how, before, one in zip(shape.split(), rows, rows[1:], strict=False):
        drop_as(winnowd, how, one, before)
        log.wait(experiment=one.id, decision="promoted")
    reviewer.merge(merged, "squash")
    log.wait(msg=MERGED, pull=merged)
    assert_morning(winnowd, reviewer, rows[1:])
    assert stale_of(winnowd) == {}
    states = {pull.number: pull.state for pull in forge.pulls()}
    assert states == {number: "closed" if number < merged else "merged" if number == merged else "open" for number in range(1, 5)}


@pytest.mark.parametrize("way", ["merge", "squash"])
def test_what_was_taken_back_and_is_tried_again(project, stand_in, gitea_winnowd, way):
    """A squash leaves no trailer: the pull request names its commit."""
    log, reviewer = start(gitea_winnowd.configure(validation={"command": ["true"], "sandbox": "none"})), StandInReviewer(stand_in)
    first, second, *_ = improving(project.experiments)
    gitea_winnowd.drop(project.baseline.result())
    gitea_winnowd.drop(first.result())
    log.wait(experiment=first.id, decision="promoted")
    merged = reviewer.merge(1, way)
    log.wait(msg=MERGED, pull=1)
    base = reviewer.revert(merged, *(["-m", "1"] if way == "merge" else []))
    again, _ = project.experiment({"train.py": first.text}, "Once more", base)
    later, _ = project.experiment({"train.py": second.text}, "And more", again)
    project.commit({"other.txt": "other\n"})
    reviewer.publish()
    gitea_winnowd.drop({**second.result(), "commit": later})
    assert log.wait(experiment=second.id, decision=lambda word: word in DECISIONS)["decision"] == "promoted", log.text
    assert stand_in.show(f"{reviewer.pull(2).sha}:train.py") == second.text.rstrip("\n"), "its own change is not whole"


@pytest.mark.real
@pytest.mark.exhaustive
def test_mornings_at_gitea(project, forge_of_kind, tmp_path, the_binary_is_there):
    forge = forge_of_kind("real")
    winnowd = harness.Winnowd(tmp_path, forge)
    mornings(winnowd, project, StandInReviewer(forge))
    winnowd.check_promises()


def test_after_a_lost_state_the_forge_says_what_was_merged(project, stand_in, gitea_winnowd):
    """A squash leaves no trailer. Another host, or one whose state was lost, finds it in the pull requests."""
    first, second, _ = project.nights()
    reviewer, winnowd = StandInReviewer(stand_in), gitea_winnowd
    start(winnowd)
    night(winnowd, [project.baseline, *first])
    base = reviewer.merge(3, "squash")
    assert winnowd.stop() == 0
    shutil.rmtree(winnowd.state)
    winnowd.state.mkdir()
    winnowd.start()
    night(winnowd, [improving(first)[-1], *second])
    later = [pull for pull in stand_in.pulls() if pull.number > 3]
    assert_measured(stand_in, project, later, improving(second), base)


def test_what_is_merged_between_two_rounds_of_looking_is_known(project, forge, winnowd):
    """Nothing has told the daemon of it when the next result comes."""
    first, second, _ = project.nights()
    winnowd.configure(sources=[str(project.work)], forge={"poll": "1h"}).start()
    night(winnowd, [project.baseline, *first])
    base = Reviewer(forge).merge(3, "squash")
    night(winnowd, second)
    later = [pull for pull in forge.pulls() if pull.number > 3]
    assert_measured(forge, project, later, improving(second), base)


def test_a_kill_while_it_is_composed_from_what_is_in(project, forge, winnowd, tmp_path):
    """Whatever git was at work, it is composed again as it would have been."""
    first, second, third = project.nights()
    later = improving([*second, *third])
    wrapper = winnowd.wrapper = harness.Wrapper(tmp_path / "wrapper")
    # The gits of a refresh are others, and so are those that look whether what is open can be merged.
    winnowd.configure(pulls={"refresh": "never"}, forge={"poll": "1h"})
    start(winnowd)
    night(winnowd, [project.baseline, *first])
    base = Reviewer(forge).merge(3, "squash")
    wrapper.reset()
    night(winnowd, later[:1])
    calls = wrapper.calls()
    # The history of the base, and what was merged of it; then the trees, the made-up commits, and the merge.
    # Gits that delete the branches of what is contained may be among them.
    walk = next(number for number, call in enumerate(calls) if "Measured-On" in call)
    merge = next(number for number, call in enumerate(calls) if " merge-tree " in call and "--stdin" not in call)

    def of(command):
        return [number for number in range(walk, merge) if f"repository.git {command} " in calls[number]]

    numbers = [walk, of("merge-base")[0], of("cat-file")[-1], of("fast-import")[-1], merge]
    assert of("rev-list")[0] == walk and numbers == sorted(numbers)
    for number, one in zip(numbers, later[1:], strict=True):
        assert winnowd.process.poll() is None
        wrapper.reset()
        wrapper.kill_at(number + 1, "after")
        winnowd.drop(one.result())
        winnowd.ended()
        wrapper.reset()
        winnowd.start().wait(experiment=one.id, decision="promoted")
    assert_measured(forge, project, [pull for pull in forge.pulls() if pull.number > 3], later, base)
