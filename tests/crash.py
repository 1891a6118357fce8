"""The random kills behind tests/crash.

A world is a project, a forge and a daemon (crashes.py). In a night a handful of results is dropped,
some while the daemon runs, and the daemon dies again and again; the last life of a night is left
alone. What every result must come to is known when it is dropped: judged one after the other, in
order of arrival, against the frontier of its metric.
"""

import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "integration"))

import crashes  # noqa: E402

KINDS = ("1.25", "local", "1.15")
NIGHTS = 8  # in one world, then a fresh one
METRICS = {"val_bpb": -1, "accuracy": 1}  # which way is better


class Sleeper:
    """One world after the other, and chance."""

    def __init__(self, directory, kind, seed, count):
        self.directory, self.kind, self.count = directory, kind, count
        self.chance = random.Random(seed)
        self.worlds = 0
        self.world = None

    def fresh_world(self):
        self.worlds += 1
        world = self.world = crashes.World(self.directory / f"world-{self.worlds}", self.kind)
        world.winnowd.clock.by_hand()  # what is on its way when it is killed arrives in its own time
        world.winnowd.configure(
            metrics={name: {"direction": "minimize" if way < 0 else "maximize", "reference": "best"}
                     for name, way in METRICS.items()},
            queue={"parallel": 3},
            # Long enough to die in, and for the others to be under way beside it.
            validation={"command": ["sh", "-c", "sleep 0.1; test ! -e fails"]},
        )  # fmt: skip
        self.frontier, self.patched = {}, set()

    def run(self):
        try:
            while self.count.goes_on():
                self.fresh_world()
                for _ in range(NIGHTS):
                    if not self.count.goes_on():
                        break
                    self.night()
                self.world.stop()
                shutil.rmtree(self.world.directory)
        except Exception as error:  # noqa: BLE001: whatever it is, it is told and ends the others
            self.count.broke(self.world, repr(error))
        finally:
            self.world.stop()

    def night(self):
        world, chance = self.world, self.chance
        before = len(world.files)
        world.refuse_labels(world.gitea is not None and chance.random() < 0.2)
        for _ in range(chance.randint(1, 6)):
            self.drop()
        for _ in range(chance.randint(3, 30)):
            if not self.count.goes_on():
                break
            self.short_life()
        log = world.live()
        broken = world.check()
        self.count.night(len(world.files) - before, world.expected, broken)
        if broken:
            self.count.broke(world, "\n".join(broken) + "\n" + log.text)

    def short_life(self):
        world, chance = self.world, self.chance
        place = chance.random()
        point = None
        if place < 0.15:
            point = crashes.Point("rename", chance.randint(1, 30), chance.choice(("before", "after")))
        elif place < 0.3:
            point = crashes.Point("sync", chance.randint(1, 80), "after")
        world.arm(point)
        if world.gitea:
            world.gitea.forge.open_pull_takes = chance.choice((0.0, 0.0, 0.1, 0.4))
        winnowd = world.winnowd
        winnowd.start()
        ends = chance.choice((0.03, 0.15, 0.5, 1.5)) * chance.random() if point is None else 1.0
        if chance.random() < 0.3:
            lives(winnowd.process, ends / 2)
            self.drop()
        lives(winnowd.process, ends)
        status = winnowd.kill()
        winnowd.output.clear()
        assert status == -9, f"it ended by itself, with {status}:\n{winnowd.log.text}"
        self.count.kill()

    def drop(self):
        """One more result, and what must become of it."""
        world, chance = self.world, self.chance
        metric, way = chance.choice(list(METRICS.items()))
        frontier = self.frontier.get(metric)
        scenario = chance.choices(("promoted", "patched", "failing", "empty", "broken", "again"), (60, 10, 15, 5, 3, 7))[0]
        if scenario == "again":
            settled = [name for name, decision in world.expected.items()
                       if decision in ("promoted", "discarded", "baseline") and name not in self.patched]  # fmt: skip
            if settled:
                world.drop_again(chance.choice(settled))
            return
        after = round((frontier or 100.0) + way * chance.uniform(-0.3, 1.0), 6)
        better = frontier is None or (after - frontier) * way > 0
        outcome = self.outcome(scenario, frontier, better)
        world.drop(scenario, outcome, metric=metric, metric_after=after, metric_before=None)
        if scenario == "patched":
            self.patched.add(f"exp-{world.made}")  # whoever drops it again needs the patch, too
        if outcome == "promoted":
            world.befores[f"exp-{world.made}"] = frontier
        if outcome in ("promoted", "baseline"):
            self.frontier[metric] = after

    def outcome(self, scenario, frontier, better):
        if scenario == "broken":
            return "rejected"
        if frontier is None:
            return "baseline"
        if not better:
            return "discarded"
        if scenario == "empty":
            return "rejected"
        return "failed" if scenario == "failing" or self.world.labels_refused else "promoted"


def lives(process, seconds):
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        pass


class Count:
    """What all of them have come to; they stop when the rounds are done, or something is broken."""

    def __init__(self, rounds, minutes):
        self.rounds, self.until = rounds, time.monotonic() + minutes * 60
        self.lock = threading.Lock()
        self.kills = self.nights = self.files = 0
        self.failures = []

    def goes_on(self):
        return self.kills < self.rounds and not self.failures and time.monotonic() < self.until

    def kill(self):
        with self.lock:
            self.kills += 1
            if self.kills % 500 == 0:
                print(f"{self.kills} kills, {self.files} results decided in {self.nights} nights", flush=True)

    def night(self, files, expected, broken):
        with self.lock:
            self.nights += 1
            self.files += files

    def broke(self, world, text):
        with self.lock:
            self.failures.append((world.directory, text))


def main():
    parser = argparse.ArgumentParser(prog="tests/crash")
    parser.add_argument("--rounds", type=int, default=1000, metavar="N", help="how many kills (1000)")
    parser.add_argument("--seed", type=int, help="for the same choices again; moments still differ")
    parser.add_argument("--worlds", type=int, default=4, metavar="N", help="how many daemons side by side (4)")
    parser.add_argument("--minutes", type=float, default=24 * 60, metavar="N", help="end earlier than after all rounds")
    parser.add_argument("--keep", action="store_true", help="keep what is left in the end, and say where")
    wanted = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if wanted.seed is None else wanted.seed
    directory = pathlib.Path(tempfile.mkdtemp(prefix="winnowd-crash-"))
    count = Count(wanted.rounds, wanted.minutes)
    sleepers = [Sleeper(directory / f"sleeper-{number}", KINDS[number % len(KINDS)], seed + number, count)
                for number in range(wanted.worlds)]  # fmt: skip
    threads = [threading.Thread(target=sleeper.run) for sleeper in sleepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for where, text in count.failures:
        print(f"{where}:\n{text}")
    if count.failures or wanted.keep:
        print(f"kept: {directory}")
    else:
        shutil.rmtree(directory)
    print(f"{count.kills} kills in {count.nights} nights, {count.files} files decided, "
          f"{len(count.failures)} broken (seed {seed})")  # fmt: skip
    return 1 if count.failures else 0


if __name__ == "__main__":
    sys.exit(main())
