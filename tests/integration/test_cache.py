"""Promise: each run sees what the run on the base left in ~/.cache, and none sees what another experiment wrote.

The command of these tests is a script of the repository. It says what it found in ~/.cache, and downloads a
wheel into it that is missing. Then it does there what the file `attack` of an experiment says.
"""

import os

import pytest
from exhaustive import first_of
from harness import Project, appears, result
from machine import eventually

CHECK = """
cache=$HOME/.cache/pip
if [ -e $cache/wheel ]; then echo "cached: $(cat $cache/wheel)"; else mkdir -p $cache; echo genuine >$cache/wheel; echo downloaded; fi
echo "a file system of its own: $([ $(stat -c %d $HOME/.cache) = $(stat -c %d $HOME) ] && echo no || echo yes)"
[ ! -e attack ] || . ./attack
[ ! -e red ] || exit 1
echo "1 passed in 0.01s"
"""
POISON = "echo poison >$cache/wheel; mkdir -m 0 $cache/shut; rm -rf $HOME/.cache/other; ls -a $HOME/.. ; "
FILES = {"check": CHECK}


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path, files=FILES)


@pytest.fixture
def cached(winnowd):
    """`base: once` with a sandbox, and the command above."""
    return winnowd.configure(validation={"command": ["sh", "check"], "base": "once", "sandbox": "bubblewrap"})


def new_file(path, text):
    lines = text.splitlines()
    return (f"diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1,{len(lines)} @@\n"
            + "".join(f"+{line}\n" for line in lines))  # fmt: skip


def drop(winnowd, name, after, attack):
    winnowd.drop(result(name, after, metric_before=1.0, diff=new_file("attack", attack)))


def output(winnowd, name):
    return (winnowd.state / "validation" / f"{name}.log").read_text()


def ways(log):
    return {event["experiment"]: event["way"] for event in log.all(msg="tests see the kept cache")}


def kept(winnowd):
    """The caches that are kept: their wheels."""
    return [path.read_text() for path in winnowd.state.glob("cache/[0-9]*/files/pip/wheel")]


WAYS = {
    "overlay": {},
    "copy": {"launcher": ["env"]},  # it may start the tests on another machine
    "no sandbox": {"sandbox": "none"},
}


@pytest.mark.parametrize("way", WAYS)
def test_runs_see_what_the_base_left_and_never_what_another_one_wrote(cached, way):
    cached.configure(validation=WAYS[way])
    drop(cached, "exp-1", 0.9, POISON)
    drop(cached, "exp-2", 0.8, "true")
    log = cached.once()
    assert log.decisions() == {"exp-1": "promoted", "exp-2": "promoted"}
    assert "downloaded" in output(cached, "_base")
    for name in ("exp-1", "exp-2"):
        assert "cached: genuine" in output(cached, name), output(cached, name)
        assert f"its own: {'yes' if way == 'overlay' else 'no'}" in output(cached, name)
    assert set(ways(log).values()) == {"overlay"} if way == "overlay" else set(ways(log).values()) <= {"copy", "reflink"}
    assert kept(cached) == ["genuine\n"]
    assert not list(cached.state.glob("checkouts/*")), "removed with the odd modes in it"
    assert "cache    " in cached.status() and "kept" in cached.status()


def test_tests_that_remove_it_pass_as_on_the_base(cached, project):
    """The mount point of an overlay cannot be removed, so these tests get a copy."""
    project.advance({"check": "rm -rf $HOME/.cache && mkdir $HOME/.cache || exit 1\n" + CHECK}, "One that cleans up")
    drop(cached, "exp-1", 0.9, "true")
    log = cached.once()
    assert log.decisions() == {"exp-1": "promoted"}
    assert "downloaded" in output(cached, "_base") and "downloaded" in output(cached, "exp-1")
    assert set(ways(log).values()) <= {"copy", "reflink"}


def test_runs_beside_each_other_and_a_base_that_moves_meanwhile(cached, project, tmp_path):
    """Each run sees, to its end, the cache that was kept when it began. A cache that nobody uses any more is removed."""
    doors = {name: tmp_path / "doors" / name for name in ("exp-1", "exp-2")}
    (tmp_path / "doors").mkdir()
    for name, door in doors.items():
        os.mkfifo(door)
        drop(cached, name, 1 - int(name[-1]) / 10, f'echo waits; read line <{door}; echo "late: $(cat $cache/wheel)"; {POISON}')
    # Each waits for the other one, however slow the machine is.
    cached.configure(validation={"read_only": [str(tmp_path / "doors")], "timeout": "10m"}, queue={"parallel": 3})
    log = cached.start()
    for name in doors:
        assert appears(cached.state / f"validation/{name}.log")
        eventually(lambda name=name: "waits" in output(cached, name))
    assert ways(log) == dict.fromkeys(doors, "overlay") and log.decisions() == {}
    doors["exp-2"].write_text("go\n")
    log.wait(msg="step ended", step="validate", experiment="exp-2")
    project.advance({"check": CHECK.replace("cached:", "$(echo newer >$cache/wheel) cached:")})
    drop(cached, "exp-3", 0.7, "true")
    log.wait(msg="step ended", step="validate", experiment="exp-3")
    assert sorted(kept(cached)) == ["genuine\n", "newer\n"]
    doors["exp-1"].write_text("go\n")
    log.wait(experiment="exp-3", decision="promoted")
    assert log.decisions() == dict.fromkeys([*doors, "exp-3"], "promoted")
    for name in doors:
        assert "cached: genuine" in output(cached, name) and "late: genuine" in output(cached, name)
    eventually(lambda: kept(cached) == ["newer\n"])
    assert cached.stop() == 0


TOX = """[tox]
skipsdist = true
[testenv:unit]
skip_install = true
allowlist_externals = sh
commands =
    sh -c "ls -d .tox/mark 2>/dev/null; touch .tox/mark"
    sh check
"""


@pytest.mark.parametrize("version", first_of(["tox 3", "tox 4"]))
def test_it_is_there_inside_of_tox_and_what_lies_in_dot_tox_is_not_kept(cached, project, request, version):
    program = "tox" if version == "tox 3" else request.getfixturevalue("tox_4")
    project.advance({"tox.ini": TOX})
    cached.configure(validation={"command": [program, "-e", "unit"]})
    drop(cached, "exp-1", 0.9, "true")
    log = cached.once()
    assert log.decisions() == {"exp-1": "promoted"} and ways(log) == {"exp-1": "overlay"}
    assert "downloaded" in output(cached, "_base") and "cached: genuine" in output(cached, "exp-1")
    assert ".tox/mark" not in output(cached, "exp-1").replace("touch .tox/mark", "").replace("ls -d .tox/mark", "")
    assert kept(cached) == ["genuine\n"] and not list(cached.state.glob("cache/[0-9]*/**/.tox"))


def test_a_kill_while_a_run_sees_it_leaves_nothing_behind(cached):
    drop(cached, "exp-1", 0.9, POISON + "[ -z $HANG ] || { echo hangs; exec tail -f /dev/null; }")
    cached.configure(validation={"environment": {"HANG": "yes"}})
    cached.start().wait(msg="tests see the kept cache", way="overlay")
    assert appears(cached.state / "validation/exp-1.log")
    eventually(lambda: "hangs" in output(cached, "exp-1"))
    (layer,) = cached.state.glob("checkouts/exp-1/layers/upper/pip/wheel")
    assert layer.read_text() == "poison\n"
    (cached.state / "cache/7").mkdir()  # not one that was kept
    cached.kill()
    cached.configure(validation={"environment": {}})
    log = cached.once()
    assert log.decisions() == {"exp-1": "promoted"}
    assert "cached: genuine" in output(cached, "exp-1") and kept(cached) == ["genuine\n"]
    assert [path.name for path in cached.state.glob("cache/*")] == ["1"]
    assert not list(cached.state.glob("checkouts/*")) and not list(cached.state.glob("*/.removed/*"))


def test_what_is_too_large_is_not_kept_and_the_next_run_on_the_base_begins_anew(cached, project):
    cached.configure(validation={"cache_limit": "1M"})
    drop(cached, "exp-1", 0.9, "true")
    cached.once()
    project.advance({"check": CHECK.replace("downloaded; fi", "downloaded; fi; head -c 2M /dev/zero >$cache/large")})
    drop(cached, "exp-2", 0.8, "true")
    log = cached.once()
    warning = log.wait(msg="what the run on the base left in its cache is not kept", level="warning")
    assert warning["key"] == "validation.cache_limit"
    assert "cached: genuine" in output(cached, "_base") and "cached: genuine" in output(cached, "exp-2")
    assert log.decisions() == {"exp-2": "promoted"} and kept(cached) == ["genuine\n"]
    project.advance({"check": CHECK})
    drop(cached, "exp-3", 0.7, "true")
    cached.once()
    assert "downloaded" in output(cached, "_base") and "cached: genuine" in output(cached, "exp-3")
    assert sorted(path.name for path in cached.state.glob("cache/*")) == ["2"]


def test_where_no_overlay_can_be_mounted_the_tests_see_a_copy(cached, tmp_path):
    """A profile of AppArmor, for example, lets bubblewrap make a name space, and no other program."""
    bubblewrap = tmp_path / "programs/bwrap"
    bubblewrap.parent.mkdir()
    bubblewrap.write_text(
        f'#!/bin/sh\n[ "$(readlink /proc/self/ns/user)" = "{os.readlink("/proc/self/ns/user")}" ] || exit 1\n'
        'exec /usr/bin/bwrap "$@"\n'
    )
    bubblewrap.chmod(0o755)
    cached.environment["PATH"] = f"{bubblewrap.parent}:{cached.environment['PATH']}"
    drop(cached, "exp-1", 0.9, POISON)
    drop(cached, "exp-2", 0.8, "true")
    log = cached.once()
    assert log.decisions() == {"exp-1": "promoted", "exp-2": "promoted"}
    assert [event["way"] for event in log.all(msg="tests see the kept cache", experiment="exp-1")][0] == "overlay"
    assert [event["way"] for event in log.all(msg="tests see the kept cache", experiment="exp-2")] in (["copy"], ["reflink"])
    assert "cached: genuine" in output(cached, "exp-1") and "cached: genuine" in output(cached, "exp-2")
    assert len(log.all(msg="kept cache is copied for each run: tests begin with a copy, and not with an overlay")) == 1


HOLES = """
file=$HOME/.cache/holes
[ -e $file ] || { truncate -s 64M $file; echo middle | dd of=$file bs=1M seek=32 conv=notrunc status=none; truncate -s 64M $file; }
echo "sum: $(cksum <$file)"
echo "blocks: $(($(stat -c '%b * %B' $file) / 1048576)) MiB"
"""


def test_a_copy_keeps_the_holes_of_a_file(cached, project):
    project.advance({"check": HOLES})
    cached.configure(validation={"sandbox": "none"})
    drop(cached, "exp-1", 0.9, "true")
    assert cached.once().decisions() == {"exp-1": "promoted"}
    assert output(cached, "exp-1") == output(cached, "_base") and "blocks: 0 MiB" in output(cached, "exp-1")


def test_without_it_nothing_is_kept(cached):
    drop(cached, "exp-1", 0.9, "true")
    cached.once()
    assert kept(cached)
    cached.configure(validation={"cache": False})
    drop(cached, "exp-2", 0.8, "true")
    log = cached.once()
    assert "downloaded" in output(cached, "exp-2") and not ways(log)
    assert not list(cached.state.glob("cache/*"))
