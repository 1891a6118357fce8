"""Promise: open pull requests stay mergeable: when the base moves, those that conflict are brought onto it, or stale.

The project is like a real one (series.py): if any experiment of a night is merged by a squash, all others conflict.
"""

import json
import os
import signal

import crashes
import exhaustive
import harness
import pytest
import series
from events import DECISIONS
from exhaustive import sample
from harness import git
from real_gitea import REAL
from reviewer import Reviewer, StandInReviewer

SEED = 8
REFRESHED = "pull request refreshed: it merges with the base as it is now"
STALE = "pull request cannot be refreshed: it stays as it is"
GIVEN_UP = "refresh given up"
MERGES_AGAIN = "pull request merges with the base again"
TRUE = {"command": ["true"], "sandbox": "none"}


@pytest.fixture
def project(tmp_path):
    return series.Series(tmp_path, SEED)


def night(winnowd, rows, **more):
    """Drops a night's results and gives back those that were promoted."""
    winnowd.configure(sources=[str(winnowd.forge.project.work)], forge={"poll": "1s"}, validation=TRUE, **more)
    log = winnowd.start()
    for one in rows:
        winnowd.drop(one.result())
    for one in rows:
        log.wait(experiment=one.id, decision=lambda word: word in DECISIONS)
    return [one for one in rows if one.improves]


def first_night(winnowd, project, **more):
    return night(winnowd, [project.baseline, *project.nights()[0]], **more)


def comments(forge, number):
    """What was said below a pull request."""
    if forge.kind == "local":
        facts = json.loads((forge.outbox / f"{number}.json").read_text(encoding="utf-8"))
        return [comment["text"] for comment in facts.get("comments", [])]
    if hasattr(forge, "call"):
        return [comment["body"] for comment in forge.call("GET", f"/issues/{number}/comments")]
    return [text for _, text in forge.gitea.pulls[number].comments]


def stale_of(winnowd):
    """number: why, of all that are stale."""
    code, text, error = winnowd.run_beside("--status", "--json")
    assert code == 0, error
    return {pull["pull"]: pull["stale"] for pull in json.loads(text)["pulls"] if pull["stale"]}


def assert_refreshed(forge, project, pull, one, before, base):
    """Its branch has a merge of the base into what it was, with the tree that was measured; its text says so."""
    assert forge.show("-s", "--format=%P", pull.sha) == f"{before.sha} {base}"
    measured = git("rev-parse", f"{one.commit}^{{tree}}", directory=project.work)
    assert forge.show("-s", "--format=%T", pull.sha) == measured
    assert f'"base":"{base}","opened_on":"{project.baseline.commit}","commit":"{pull.sha}"' in pull.body
    (comment,) = comments(forge, pull.number)
    assert comment.startswith(f"Brought onto `main` at `{base}`.") and "Nothing was measured again." in comment


def refreshed_after_a_merge(winnowd, project, reviewer):
    """The oldest is merged by a squash: the newest goes first, since it contains the other one."""
    forge = winnowd.forge
    promoted = first_night(winnowd, project)
    log = winnowd.log
    before = {pull.number: pull for pull in forge.pulls()}
    assert [pull.head for pull in before.values()] == [f"experiment/{one.id}" for one in promoted]
    base = reviewer.merge(1, "squash")
    assert reviewer.conflicting() == [2, 3]
    for number in (3, 2):
        log.wait(msg=REFRESHED, pull=number)
    assert [int(event["pull"]) for event in log.all(msg=REFRESHED)] == [3, 2]
    for number, one in zip((2, 3), promoted[1:], strict=True):
        assert_refreshed(forge, project, reviewer.pull(number), one, before[number], base)
    assert reviewer.conflicting() == [] and stale_of(winnowd) == {}


def test_what_a_squash_leaves_in_conflict_is_refreshed(project, forge, winnowd):
    refreshed_after_a_merge(winnowd, project, Reviewer(forge))


def test_what_cannot_be_refreshed_is_tried_again_once_a_merge_is_known(project, forge, winnowd):
    """A person who merges by hand moves the base, and says so in the pull request later."""
    reviewer = Reviewer(forge)
    first_night(winnowd, project)
    project.advance({"other.txt": "other\n"})  # or the base would have the tree that was measured
    reviewer.bring_in(1, "squash")
    for number in (3, 2):
        winnowd.log.wait(msg=STALE, pull=number)
    reviewer.was_merged(1)
    for number in (3, 2):
        winnowd.log.wait(msg=REFRESHED, pull=number)
    assert reviewer.conflicting() == [] and stale_of(winnowd) == {}
    assert [len(comments(forge, number)) for number in (2, 3)] == [2, 2]


@pytest.mark.parametrize("kind", ["1.25", REAL])
def test_what_a_squash_leaves_in_conflict_is_refreshed_at_gitea(project, forge_of_kind, tmp_path, the_binary_is_there, kind):
    """What was refreshed can be merged there."""
    forge = forge_of_kind(kind)
    winnowd, reviewer = harness.Winnowd(tmp_path, forge), StandInReviewer(forge)
    refreshed_after_a_merge(winnowd, project, reviewer)
    assert "Both ways to rebase are refused (409)" in comments(forge, 3)[0]
    base = reviewer.merge(3, "merge")
    (newest,) = [one for one in project.experiments if f"experiment/{one.id}" == reviewer.pull(3).head]
    assert git("diff", newest.commit, base, directory=project.work) == ""
    winnowd.check_promises()


def test_what_a_person_has_edited_or_pushed_stays(project, stand_in, gitea_winnowd):
    winnowd, reviewer, gitea = gitea_winnowd, StandInReviewer(stand_in), stand_in.gitea
    first_night(winnowd, project)
    gitea.pulls[3].title = "Deeper"
    pushed = gitea.push_to_branch("experiment/exp-04", {"notes.txt": "mine\n"})
    body = gitea.pulls[3].body
    reviewer.merge(1, "squash")
    winnowd.log.wait(msg=REFRESHED, pull=3)
    winnowd.log.wait(msg=STALE, pull=2)
    assert gitea.pulls[3].title == "Deeper" and gitea.pulls[3].body != body
    assert "Somebody has edited the title: it stays as it is." in comments(stand_in, 3)[0]
    assert stand_in.branches()["experiment/exp-04"] == pushed
    (comment,) = comments(stand_in, 2)
    assert "somebody else moved" in comment and "somebody else moved" in stale_of(winnowd)[2]


def test_what_cannot_be_refreshed_is_stale_and_said_once(project, forge, winnowd):
    reviewer, work = Reviewer(forge), forge.project.work
    promoted = first_night(winnowd, project)
    log = winnowd.log
    before = {pull.number: pull.sha for pull in forge.pulls()}
    # Somebody changes what all of them change: nobody but a person can say what is meant.
    git("checkout", "-q", project.base, directory=work)
    lines = git("diff", "--unified=0", project.baseline.commit, promoted[0].commit, directory=work).splitlines()
    (old, *_) = [line[1:] for line in lines if line.startswith("-") and not line.startswith("---")]
    text = (work / "train.py").read_text()
    project.advance({"train.py": text.replace(f"{old}\n", f"{old.split(' = ')[0]} = 99  # by hand\n")})
    for number in (3, 2, 1):
        log.wait(msg=STALE, pull=number)
    assert all("the change conflicts with the base in train.py" in why for why in stale_of(winnowd).values())
    assert [len(comments(forge, number)) for number in (1, 2, 3)] == [1, 1, 1]
    assert "the change conflicts with the base in train.py" in comments(forge, 1)[0]
    # Once more, and it is tried once more, but not said once more.
    base = project.advance({"other.txt": "other\n"})
    assert log.wait_until(lambda: len(log.all(msg=STALE)) == 6), log.text
    assert [len(comments(forge, number)) for number in (1, 2, 3)] == [1, 1, 1] and len(stale_of(winnowd)) == 3
    # What merges again is not stale any more, and nothing has to be done for it.
    project.advance({"train.py": text})
    for number in (3, 2, 1):
        log.wait(msg=MERGES_AGAIN, pull=number)
    assert stale_of(winnowd) == {}
    # Tests that fail with what the base has by now.
    winnowd.configure(validation={"command": ["sh", "-c", "test ! -e fails"], "base": "never"}).write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    project.advance({"fails": "yes\n"})
    base = reviewer.merge(1, "squash")
    assert log.wait_until(lambda: len(log.all(msg=STALE)) == 8), log.text
    assert all("exited with status 1" in why for why in stale_of(winnowd).values()) and list(stale_of(winnowd)) == [3, 2]
    assert [len(comments(forge, number)) for number in (1, 2, 3)] == [1, 2, 2]
    assert f"Not brought onto `main` at `{base}`: `sh -c \'test ! -e fails\' exited" in comments(forge, 3)[1]
    assert {pull.number: pull.sha for pull in forge.pulls()} == before and log.all(msg=REFRESHED) == []


def test_a_base_that_moves_meanwhile_is_the_one(project, forge, winnowd, tmp_path):
    """What was begun for an earlier one is undone as a whole."""
    fifo, reviewer = tmp_path / "fifo", Reviewer(forge)
    os.mkfifo(fifo)
    promoted = first_night(winnowd, project)
    log, before = winnowd.log, {pull.number: pull for pull in forge.pulls()}
    winnowd.configure(validation={"command": ["sh", "-c", f"read line <{fifo}"]}).write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    reviewer.merge(1, "squash")
    log.wait(msg="step started", step="validate", experiment=promoted[2].id, attempt=1)
    assert log.wait_until(lambda: len(log.all(msg="step started", step="validate", experiment=promoted[2].id)) == 2)
    assert reviewer.pull(3).sha == before[3].sha
    base = project.advance({"other.txt": "other\n"})
    log.wait(msg=GIVEN_UP, pull=3, reason="the base has moved again")
    assert log.wait_until(lambda: len(log.all(msg="step started", step="validate", experiment=promoted[2].id)) == 3)
    for number in (3, 2):
        fifo.write_text("go\n")
        log.wait(msg=REFRESHED, pull=number)
        assert forge.show("-s", "--format=%P", reviewer.pull(number).sha) == f"{before[number].sha} {base}"
        assert len(comments(forge, number)) == 1
    assert reviewer.conflicting() == []


def test_the_base_is_run_before_what_is_brought_onto_it(project, forge, winnowd):
    """A refresh that fails on a base which fails, too, is put off until the base has moved, and nobody is told."""
    reviewer, quick = Reviewer(forge), {"command": ["sh", "-c", "test ! -e fails && echo 3 passed in 0.01s"], "sandbox": "none"}
    first_night(winnowd, project)
    log = winnowd.log
    winnowd.configure(validation=quick | {"base": "once"}).write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    project.advance({"fails": "yes\n"})
    reviewer.merge(1, "squash")
    red = project.tip
    for number in (3, 2):
        log.wait(msg=GIVEN_UP, pull=number)
    (held,) = log.all(level="error", key="validation.base")
    assert red in held["reason"] and stale_of(winnowd) == {} and log.all(msg=REFRESHED) == []
    git("rm", "-q", "fails", directory=project.work)
    base = project.advance({"other.txt": "other\n"})
    for number in (3, 2):
        log.wait(msg=REFRESHED, pull=number)
        assert f"Brought onto `main` at `{base}`." in comments(forge, number)[0] and len(comments(forge, number)) == 1
    runs = [event["commit"] for event in log.all(msg="base passes its tests")]
    assert runs == [base] and [event["commit"] for event in log.all(msg="base fails its tests")] == [red]


# ---- whatever moves, and kills -------------------------------------------------------------------


class World(crashes.World):
    """A pull request that each life brings onto a base which has moved a little."""

    def __init__(self, directory, kind):
        super().__init__(directory, kind)
        self.winnowd.configure(forge={"poll": "1h"}, pulls={"refresh": "always"})
        self.moved = 0
        self.drop("promoted")
        self.live()

    def move_base(self, mood="green"):
        self.moved += 1
        self.before, files = self.forge.pulls()[0].sha, {f"moved-{self.moved}.txt": "moved\n", "mood": f"{mood} {self.moved}\n"}
        return self.gitea.move_base(files) if self.gitea else self.project.advance(files)

    def broken_refresh(self, base):
        (pull,) = self.forge.pulls()
        parents = self.forge.show("-s", "--format=%P", pull.sha)
        if parents != f"{self.before} {base}":
            yield f"expected a merge of {base} into {self.before}, found one of {parents}"
        if f'"base":"{base}"' not in pull.body:
            yield f"the body does not say {base}"
        said = comments(self.forge, pull.number)
        if len(said) != self.moved or base not in said[-1]:
            yield f"expected {self.moved} comments, the last on {base}, found {said}"


    def broken_refusal(self, base):
        """The tests have failed on what it would have become."""
        (pull,) = self.forge.pulls()
        if pull.sha != self.before or f'"base":"{base}"' in pull.body:
            yield f"expected {self.before} as before, found {pull.sha}"
        said, why = comments(self.forge, pull.number), stale_of(self.winnowd).get(pull.number, "")
        if len(said) != self.moved or not said[-1].startswith(f"Not brought onto `main` at `{base}`: ") or "exited with status" not in why:
            yield f"expected {self.moved} comments, the last on {base}, and a stale one, found {said} and {why!r}"


@pytest.fixture
def new_world(tmp_path, the_binary_is_there):
    made = []

    def new(kind):
        made.append(World(tmp_path / "world", kind))
        return made[-1]

    yield new
    for world in made:
        world.stop()
        world.winnowd.check_token()


def suffer(world, point, mood="green"):
    """One death at the point of a refresh, one life after it; the sentences about what is broken."""
    world.winnowd.clock.at_pace(1 if point.when == "late" else crashes.Clock.PACE)
    base = world.move_base(mood)
    try:
        world.live(point)
        world.live()
    except AssertionError as error:
        return [f"{point}: {error}"]
    return [f"{point}: {sentence}\n{world.winnowd.log.text}" for sentence in [*(world.broken_refresh if mood == "green" else world.broken_refusal)(base), *world.check()]]


@pytest.mark.slow
@pytest.mark.parametrize("kind, where", [("1.25", "request"), ("local", "git"), exhaustive.rarely(("1.25", "git")),
                                         exhaustive.rarely(("local", "rename"))])  # fmt: skip
def test_a_kill_at_every_step_of_a_refresh(new_world, kind, where):
    world = new_world(kind)
    for _ in range(2):  # a first life asks for more
        base = world.move_base()
        world.live()
    points = sample([point for point in world.points_of_life() if point.where == where], 3)
    assert not list(world.broken_refresh(base)) and len(points) >= 3, world.winnowd.log.text
    broken = [sentence for point in points for sentence in suffer(world, point)]
    assert not broken, f"{len(broken)} of {len(points)} points:\n" + "\n".join(broken)
    # And nothing at all where it is not wanted.
    world.winnowd.configure(pulls={"refresh": "never"})
    world.move_base()
    log = world.live()
    assert log.all(msg=REFRESHED) == [] and log.all(msg="step started") == []


@pytest.mark.slow
@pytest.mark.parametrize("kind, where", [("1.25", "request"), exhaustive.rarely(("local", "git")), exhaustive.rarely(("1.25", "git")),
                                         exhaustive.rarely(("local", "rename"))])  # fmt: skip
def test_a_kill_at_every_step_of_a_refresh_that_is_undone(new_world, kind, where):
    """Its tests fail on what it would become: that is said once, and once the base is green again it is brought onto it."""
    world = new_world(kind)
    world.winnowd.configure(validation={"command": ["sh", "-c", "! grep -q red mood"], "sandbox": "none", "base": "never"})
    for mood in ("red", "green", "red"):  # a first life asks for more
        base = world.move_base(mood)
        world.live()
    points = [point for point in world.points_of_life() if point.where == where]
    assert not list(world.broken_refusal(base)) and len(points) >= 3, world.winnowd.log.text
    broken = []
    for point in sample(points, 2):
        world.move_base()
        world.live()
        broken += suffer(world, point, "red")
    assert not broken, f"{len(broken)} of {len(points)} points:\n" + "\n".join(broken)


def test_one_that_was_closed_and_opened_again(winnowd, project):
    """The store has let go of its content, and our repository of its commit: the archive has one, the source the other."""
    winnowd.configure(sources=[str(project.work)], validation=TRUE)
    one, other = [row for row in project.experiments if row.improves][:2]
    for row in (project.baseline, one, other):
        winnowd.drop(row.result())
    winnowd.once()
    person = Reviewer(winnowd.forge)
    for state, merged in (("closed", None), ("open", 1)):
        winnowd.forge.set_state(2, state)
        if merged:
            person.merge(merged, "squash")
        log = winnowd.once()
    assert log.all(msg=REFRESHED, experiment=other.id), log.text
    assert person.conflicting() == []
