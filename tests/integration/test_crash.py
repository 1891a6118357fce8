"""Promise: nothing is lost, doubled or orphaned by kill -9 before or after any request, git, tox or file move.

One run without a kill shows where the daemon can die. Then it is killed at each of these places (at some of them
without --exhaustive), with a result of its own for each. One more run has to put everything right.
"""

import concurrent.futures
import datetime
import itertools
import re

import crashes
import exhaustive
import harness
import pytest
from exhaustive import EXHAUSTIVE, first_of, sample

WORLDS = 3  # side by side in one test: a life waits for the forge more than it works
SAMPLE = 4  # points, where not all are taken, in two worlds: their first lives cost more than the points


@pytest.fixture
def new_world(tmp_path, the_binary_is_there):
    made, numbers = [], itertools.count()

    def new(kind, scenario="promoted", **more):
        world = crashes.World(tmp_path / f"world-{next(numbers)}", kind, **more)
        world.refuse_labels(scenario == "label")
        made.append(world)
        return world

    yield new
    for world in made:
        world.stop()
        world.winnowd.check_token()


def points_of(world, scenario, where):
    """Where a life passes through."""
    world.drop(scenario)
    world.live()
    found = [point for point in world.points_of_life() if point.where == where]
    broken = world.check()
    assert not broken, broken
    # A tree is removed by moving its parts up one by one: the first stands for all of them.
    parts = [point for point in found if re.fullmatch("[0-9]+", point.what)]
    # What was written is with the kernel before it is synced: before one is the same as after it. And
    # what comes before a child is the same as after what was before it.
    return [point for point in found if point not in parts[2:] and (where in ("sync", "spawn")) <= (point.when == "after")]


def suffer_all(new_world, kind, scenario, where, what="", every=1):
    worlds = [new_world(kind, scenario) for _ in range(WORLDS if exhaustive.everything else 2)]
    for world in worlds:
        points_of(world, scenario, where)  # a first life makes what is made only once
    points = [point for point in points_of(worlds[0], scenario, where) if re.match(what, point.what)][::every]
    points = sample(points, SAMPLE)
    assert points, f"nothing to die at: {where}"

    def suffer_some(first):
        return [broken for point in points[first :: len(worlds)] for broken in crashes.suffer(worlds[first], scenario, point)]

    with concurrent.futures.ThreadPoolExecutor(len(worlds)) as pool:
        broken = list(itertools.chain.from_iterable(pool.map(suffer_some, range(len(worlds)))))
    assert not broken, f"{len(broken)} of {len(points)} points:\n" + "\n".join(broken)


@pytest.mark.parametrize("scenario", first_of(["label", "failing", "promoted"]))
def test_at_every_request(new_world, scenario):
    suffer_all(new_world, "1.25", scenario, "request")


@pytest.mark.parametrize("when", first_of(["late", "before", "after"]))
def test_a_push_that_was_sent_is_not_judged_before_it_is_done(new_world, when):
    """It may have arrived or not: turned down now, the branch might stay where nobody expects it."""
    world = new_world("1.25")
    world.drop("promoted")
    (push,) = [point for point in points_of(new_world("1.25"), "promoted", "request")
               if point.when == when and point.what.endswith("/git-receive-pack")]  # fmt: skip
    world.live(push)
    world.winnowd.config["metrics"] = {"accuracy": {"direction": "maximize"}}
    world.live()
    # First it is pushed for certain; then, before its pull request is opened, it is judged, and all of it undone.
    log = world.winnowd.log
    told = [(event["msg"], event.get("step")) for event in log.all(experiment="exp-1")]
    assert told.index(("step ended", "push")) < told.index(("undo started", "branch")), log.text
    assert log.decisions() == {"exp-1": "failed"}
    assert world.forge.branches() == {} and world.forge.pulls() == []


@EXHAUSTIVE
def test_at_every_writing_request_to_an_older_forge(new_world):
    suffer_all(new_world, "1.15", "label", "request", what=crashes.WRITES)


@pytest.mark.parametrize("kind, scenario", first_of([("1.25", "failing"), ("local", "promoted"), ("local", "failing"),
                                                     ("1.25", "promoted"), ("1.25", "label")], 2))  # fmt: skip
def test_at_every_git(new_world, kind, scenario):
    suffer_all(new_world, kind, scenario, "git")


@pytest.mark.parametrize("kind, scenario", first_of([("local", "promoted"), ("local", "failing"), ("1.25", "label")]))
def test_at_every_file_move(new_world, kind, scenario):
    suffer_all(new_world, kind, scenario, "rename")


@pytest.mark.parametrize("where", first_of(["git", "rename", "spawn", "sync"]))
def test_in_a_run_on_the_base(new_world, where):
    suffer_all(new_world, "local", "moved", where, every=1 if where == "git" else 3)


def test_at_the_first_and_the_last_status(new_world):
    """How many there are in between is a matter of time."""
    world = new_world("local")
    points = points_of(world, "promoted", "status")
    assert len(points) >= 4  # before and after each
    broken = [sentence for point in points[:4] for sentence in crashes.suffer(world, "promoted", point)]
    assert not broken, broken


@pytest.mark.parametrize("scenario", ["patched", "empty", "broken"])
def test_at_every_move_out_of_the_spool(new_world, scenario):
    suffer_all(new_world, "local", scenario, "rename", what="exp-")


@pytest.mark.parametrize("kind, scenario", first_of([("local", "promoted"), ("1.25", "label"), ("local", "empty")]))
def test_at_every_other_sync(new_world, kind, scenario):
    suffer_all(new_world, kind, scenario, "sync", every=2)


@pytest.mark.parametrize("kind, scenario", first_of([("1.25", "label"), ("local", "promoted")]))
def test_at_every_child(new_world, kind, scenario):
    suffer_all(new_world, kind, scenario, "spawn")


# tox: its start and its end are those of the program, its middle is a test that waits.

HOLD = """import os
import pathlib
import time
import unittest


class Hold(unittest.TestCase):
    def test_hold(self):
        if "HOLD" in os.environ:
            pathlib.Path("begun").touch()
            time.sleep(60)
        self.assertFalse(os.path.exists("fails"))
"""


def die_in_the_middle(world):
    """Kills the daemon while tox runs the tests."""
    world.winnowd.configure(validation={"environment": {"HOLD": "1"}})
    world.arm()
    log = world.winnowd.start()
    begun = world.winnowd.state / "checkouts" / f"exp-{world.made}" / "source/begun"
    assert log.wait_until(lambda: log.all(step="validate"))
    assert harness.appears(begun) and world.winnowd.process.poll() is None, log.text
    world.winnowd.kill()
    world.winnowd.configure(validation={"environment": {}})


@pytest.mark.slow
@pytest.mark.parametrize("place, scenario", first_of([
    ("middle, sandboxed", "promoted"), ("end", "label"), ("start", "failing"),
    ("start", "promoted"), ("start", "label"), ("middle", "promoted"), ("middle", "failing"), ("middle", "label"),
    ("end", "promoted"), ("end", "failing"),
]))  # fmt: skip
def test_in_tox(new_world, scenario, place):
    world = new_world("1.25", scenario, programs=("tox",))
    world.winnowd.configure(validation={"command": ["tox", "-e", "unit"],
                                        "sandbox": "auto" if "sandboxed" in place else "none", "base": "never"})  # fmt: skip
    world.drop(scenario, changes=crashes.new_file("test_hold.py", *HOLD.splitlines()))
    if "middle" in place:
        die_in_the_middle(world)
    else:
        world.live(crashes.Point("git", 2, "before" if place == "start" else "after", "tox"))  # first, it is asked its version
    assert not list(world.forge.pulls())
    log = world.live()
    runs = [re.sub(" --result-json .*/", " ", call) for call in world.wrapper.calls() if call != "tox --version"]
    assert runs == ["tox winnowd-tox.json -e unit"] or "sandboxed" in place
    broken = world.check()
    assert not broken, f"{broken}\n{log.text}"


def test_moves_that_could_not_be_made_are_made_up_for(new_world):
    """More than are taken in one go: none of them looks like a second drop."""
    world = new_world("local")
    today = datetime.datetime.now(datetime.timezone.utc)
    days = [world.winnowd.spool / f".archive/{today + datetime.timedelta(later):%Y-%m-%d}" for later in (0, 1)]
    days[0].parent.mkdir()
    for day in days:
        day.touch()  # where its directory should be
    for number in range(700):
        world.drop("promoted", outcome="crashed", status="crash")
    world.arm()
    log = world.winnowd.start()
    assert log.wait_until(lambda: len(log.all(decision="crashed")) == 700)
    world.winnowd.kill()
    for day in days:
        day.unlink()
    world.live()
    broken = world.check()
    assert not broken, broken
