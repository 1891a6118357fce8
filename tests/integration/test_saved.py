"""Promise: a result whose commit was there when it was queued does not fail because git has removed it since.

A loop resets its branch, and git removes commits that are in no branch. So the commit of a queued result is
fetched at once, and kept until nobody needs it. It makes no difference whether the result came in a file or as a
row of a log.
"""

import contextlib
import time

import pytest
from harness import PATIENCE, git, result
from test_logs import log_of, row


@pytest.fixture
def work(winnowd):
    return winnowd.forge.project.work


def commits(project, count):
    """One on top of the other, as a loop makes them."""
    made = [project.base]
    for number in range(count):
        made.append(project.experiment({f"idea_{number}.py": f"VALUE = {number}\n"}, parent=made[-1])[0])
    return made[1:]


def forget(work):
    """What a loop and git do to commits that were tried."""
    git("reflog", "expire", "--expire=now", "--all", directory=work)
    git("gc", "-q", "--prune=now", directory=work)


def saved(winnowd):
    folder = winnowd.state / "repository.git/refs/winnowd/queued"
    found = {}
    for path in folder.iterdir() if folder.exists() else ():
        with contextlib.suppress(FileNotFoundError):  # it was dropped just now
            found[path.name] = path.read_text().strip()
    return found


def wait_until_saved(winnowd, expected):
    deadline = time.monotonic() + PATIENCE
    while saved(winnowd) != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    assert saved(winnowd) == expected


def test_what_git_forgot_since_is_promoted(winnowd, work):
    project = winnowd.forge.project
    first, second, third = commits(project, 3)
    alone, _ = project.experiment({"other.py": "VALUE = 9\n"})
    # A branch that is called like the digits of a commit does not stand for it.
    git("branch", third[:8], first, directory=work)
    winnowd.configure(sources=[str(work)], queue={"max_open_pulls": 1}, forge={"poll": "1s"})
    winnowd.drop(result("b", 0.6, metric_before=1.0, commit=alone[:9]))
    winnowd.drop(log_of(row(1.0), row(0.9, commit=first[:7]), row(0.8, commit=second), row(0.7, commit=third[:8])), name="a.tsv")
    log = winnowd.start()
    log.wait(experiment="b", decision="promoted")
    log.wait(experiment="a-0005", decision="queued")
    needed = {"b": alone, "a-0003": first, "a-0004": second, "a-0005": third}
    wait_until_saved(winnowd, needed)
    git("branch", "-D", third[:8], directory=work)
    forget(work)
    assert not any(git("rev-parse", "-q", "--verify", f"{commit}^{{commit}}", directory=work, check=False) for commit in needed.values())
    winnowd.kill()
    log = winnowd.start()
    for number, experiment in enumerate(list(needed)[1:], start=1):
        winnowd.forge.set_state(number, "merged")
        log.wait(experiment=experiment, decision="promoted")
        # What was merged is needed no more.
        del needed[list(needed)[0]]
        wait_until_saved(winnowd, needed)
    assert winnowd.stop() == 0


def test_what_a_change_was_made_on_is_kept_as_well(winnowd, work):
    """`parent` names a commit, or an experiment whose change was made on one."""
    project = winnowd.forge.project
    first, second, third = commits(project, 3)
    diffs = [git("diff", f"{commit}^", commit, directory=work, whole=True) for commit in (second, third)]
    alone, _ = project.experiment({"other.py": "VALUE = 9\n"})
    winnowd.configure(sources=[str(work)], queue={"max_open_pulls": 1}, forge={"poll": "1s"})
    winnowd.drop(result("a", 0.9, metric_before=1.0, commit=alone))
    winnowd.drop(result("b", 0.8, diff=diffs[0], parent=first[:9]))
    winnowd.drop(result("c", 0.7, diff=diffs[1], parent="b"))
    log = winnowd.start()
    log.wait(experiment="a", decision="promoted")
    wait_until_saved(winnowd, {"a": alone, "b": first})
    forget(work)
    winnowd.forge.set_state(1, "merged")
    log.wait(experiment="b", decision="promoted")
    winnowd.forge.set_state(2, "merged")
    assert log.wait(experiment="c", decision="promoted")
    wait_until_saved(winnowd, {})
    assert winnowd.stop() == 0


def test_what_is_missing_fails_at_compose_and_holds_nobody_up(winnowd, work):
    there, _ = winnowd.forge.project.experiment({"idea.py": "VALUE = 1\n"})
    winnowd.configure(sources=[str(work)])
    winnowd.drop(log_of(row(1.0), row(0.9, commit="1234567"), row(0.8, commit=there[:7])), name="a.tsv")
    log = winnowd.once()
    assert log.decisions() == {"a-0002": "baseline", "a-0003": "failed", "a-0004": "promoted"}
    assert "commit 1234567 is missing: no source has it" in log.reasons()["a-0003"]
    assert saved(winnowd) == {"a-0004": there}


def test_a_source_that_comes_back_is_asked_again(winnowd, work, tmp_path):
    there, _ = winnowd.forge.project.experiment({"idea.py": "VALUE = 1\n"})
    work.rename(tmp_path / "away")
    winnowd.configure(sources=[str(work)])
    winnowd.drop(result("a", 0.9, metric_before=1.0, commit=there))
    log = winnowd.start()
    log.wait(msg="jobs wait until this is mended")
    (tmp_path / "away").rename(work)
    log.wait(experiment="a", decision="promoted")
    assert winnowd.stop() == 0
