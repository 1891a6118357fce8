"""Promise: the daemon does nothing at a forge that it may not do.

Every request is recorded. The fixtures of all other tests check the records, too (proxy/governed.py): no issue, no
write to the base, no forced push, nothing outside the prefix. The tests here try to make the daemon do such things.
"""

import urllib.error
import urllib.request

import harness
import pytest
from exhaustive import at_a_real_one
from proxy.governed import WRITES
from harness import git, result

REFUSED = 78


def night(daemon, project):
    """A bit of everything: a baseline, promotions, failing tests, a conflict, a protected file."""
    daemon.drop(result("first", 1.0))
    daemon.drop(result("good", 0.9, diff=project.tweak(WIDTH=65)))
    daemon.drop(result("broken", 0.8, diff=project.tweak(BATCH=33)))
    daemon.drop(result("conflict", 0.7, diff=project.tweak(WIDTH=66).replace("-WIDTH = 64", "-WIDTH = 63")))
    daemon.drop(result("settings", 0.6, diff=project.experiment({"tox.ini": "[tox]\n"})[1]))
    daemon.drop(result("better", 0.5, diff=project.tweak(DEPTH=13)))
    assert daemon.once().decisions() == {
        "first": "baseline", "good": "promoted", "broken": "failed", "conflict": "failed", "settings": "failed",
        "better": "promoted",
    }  # fmt: skip


@pytest.mark.representative
@pytest.mark.parametrize("protected", [False, True], ids=["open base", "protected base"])
def test_a_night_stays_within_its_bounds(gitea_winnowd, stand_in, project, protected):
    gitea = stand_in.gitea
    if protected:
        gitea.protect(project.base)
    before = gitea.branches[project.base]
    night(gitea_winnowd, project)
    assert gitea.branches[project.base] == before == project.tip
    pushes = [push for record in gitea.records for push in record.pushes]
    assert {push.kind for push in pushes} <= {"forward", "delete", "create"} and pushes
    assert all(push.ref.startswith("refs/heads/experiment/") for push in pushes)
    assert not gitea.forge.issues
    assert not gitea.records.matching("PUT") and not [r for r in gitea.records.matching("POST") if r.path.endswith("/merge")]
    # The rules themselves name no call that could do more.
    assert not [path for method, path in WRITES if "merge" in path or path.endswith("/issues") or "contents" in path]


@pytest.mark.parametrize("trap", at_a_real_one(["base", "issue", "outside", "comment"]))
def test_the_records_would_tell(any_gitea, trap):
    """If a daemon did these things, the checks would notice."""
    path, body = {
        "issue": ("/issues", '{"title":"x"}'),
        "base": ("/branches", '{"new_branch_name":"main","old_branch_name":"main"}'),
        "outside": ("/branches", '{"new_branch_name":"feature/x","old_branch_name":"main"}'),
        "comment": ("/issues/1/comments", '{"body":"x"}'),
    }[trap]
    request = urllib.request.Request(
        f"{any_gitea.gitea.url}/api/v1/repos/lab/{any_gitea.configuration()['repo']}{path}", data=body.encode(), method="POST",
        headers={"Authorization": f"token {any_gitea.token}", "Content-Type": "application/json"},
    )  # fmt: skip
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError:
        pass  # asked is asked
    with pytest.raises(AssertionError, match="not governed"):
        any_gitea.check_promises()


def test_a_local_forge_stays_within_its_bounds_too(winnowd, project, forge):
    tip = project.tip
    night(winnowd, project)
    assert git("rev-parse", project.base, directory=project.bare) == tip
    assert set(forge.branches()) == {"experiment/good", "experiment/better"}
    assert git("tag", directory=project.bare) == "" and git("for-each-ref", "refs/pull", directory=project.bare) == ""


# Configurations with which it could not stay within them.


@pytest.mark.parametrize(
    "base, prefix",
    [
        ("main", ""),
        ("main", "main"),
        ("main", "m"),
        ("main", "main/"),
        ("main", "main/experiment-"),
        ("experiment/main", "experiment/"),
        ("experiment/", "experiment/"),
        ("experiment/a/b", "experiment/a"),
        ("main", "refs/heads/experiment/"),
        ("main", "/"),
        ("main", "-x/"),
        ("main", "a..b/"),
        ("main", "experiment/.x"),
        ("main", "exp eriment/"),
        ("main", "exp:main/"),
        ("main", "experiment/*"),
        ("-main", "experiment/"),
        ("main:x", "experiment/"),
    ],
)
@pytest.mark.parametrize("arguments", [["--once"], ["--check-config"]])
def test_a_prefix_that_takes_in_the_base(winnowd, project, base, prefix, arguments):
    winnowd.configure(forge={"base": base, "branch_prefix": prefix})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    winnowd.write_configuration()
    status, said, log = winnowd.run(*arguments)
    assert status == REFUSED
    assert "forge.b" in said + log.text
    assert winnowd.waiting() == ["exp-1.json"], "something was taken in"


def test_a_plus_sign_is_no_order_to_force(winnowd, project, forge):
    """git's sign for a forced push is the first character of a name, which is allowed there."""
    winnowd.configure(forge={"branch_prefix": "+experiment/"})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert set(forge.branches()) == {"+experiment/exp-1"}


@pytest.mark.representative
def test_a_prefix_that_hits_a_branch(gitea_winnowd, stand_in, project):
    """git cannot have both, and the branch that is there belongs to somebody else."""
    stand_in.gitea.make_branch("experiment")
    before = dict(stand_in.gitea.branches)
    gitea_winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log = gitea_winnowd.once(status=REFUSED)
    assert "forge.branch_prefix" in log.text and "branch experiment exists" in log.text
    assert stand_in.gitea.branches == before and not stand_in.gitea.records.matching("POST", "/branches")
    assert gitea_winnowd.run("--check-config")[0] == REFUSED


def test_a_prefix_that_hits_a_branch_of_a_local_forge(winnowd, project, forge):
    forge.create_branch("experiment")
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log = winnowd.once(status=REFUSED)
    assert "forge.branch_prefix" in log.text
    assert set(forge.branches()) == {"experiment"}


def assert_others_stay(daemon, project, make):
    for name in ("experiment/mine", "experiment/exp-1"):
        make(name)
    before = daemon.forge.branches()
    daemon.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    daemon.drop(result("exp-2", 0.8, metric_before=1.0, diff=project.tweak(BATCH=33)))
    assert daemon.once().decisions() == {"exp-1": "failed", "exp-2": "failed"}
    assert daemon.forge.branches() == before and len(before) == 2


def test_branches_of_others_below_the_prefix_stay(gitea_winnowd, stand_in, project):
    assert_others_stay(gitea_winnowd, project, stand_in.gitea.make_branch)


def test_branches_of_others_in_a_local_forge_stay(winnowd, project, forge):
    assert_others_stay(winnowd, project, forge.create_branch)


EVIL_IDS = [
    "../main", "-main", "a..b", "main.lock", "a@{1}", "a/../../main", "refs/heads/main", "+main", ":main", "main\nx", "m\u0430in", "a b", "",
    "x" * 101, ".hidden", "a.", "~1", "^main", "*", "--force", "\u202emain",
]  # fmt: skip


def test_ids_that_would_be_other_branches(winnowd, project):
    tip = project.tip
    for number, name in enumerate(EVIL_IDS):
        winnowd.drop(result(name, 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)), name=f"file-{number}.json")
    log = winnowd.once()
    assert len(winnowd.rejected()) == len(EVIL_IDS)
    assert not log.all(msg="step started")
    assert project.tip == tip and winnowd.forge.branches() == {}


@pytest.mark.parametrize("commit", ["--upload-pack=touch /tmp/x", "-x", "HEAD", "main", "refs/heads/main", "abc", "g" * 40, "a" * 65, "main@{1}"])
def test_commits_that_git_takes_for_options(winnowd, project, commit):
    winnowd.configure(sources=[str(project.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=commit), name="file.json")
    log = winnowd.once()
    assert len(winnowd.rejected()) == 1 and not log.all(msg="step started")


def test_the_forge_is_asked_for_nothing_when_nothing_is_to_be_done(gitea_winnowd, stand_in):
    gitea_winnowd.drop(result("first", 1.0))
    gitea_winnowd.drop(result("worse", 2.0))
    gitea_winnowd.once()
    # What the token may write is asked about number 0, which nothing has. It depends on the moment how far that came.
    changes = [record.path for record in stand_in.gitea.records if record.method != "GET"]
    assert all(path.endswith(("/pulls/0", "/issues/0/labels")) for path in changes), changes


def test_harness_sees_branches(project, forge):
    """The promise that is checked after each test can be broken."""
    git("update-ref", "refs/heads/experiment/left", project.tip, directory=project.bare)
    with pytest.raises(AssertionError, match="without a pull request"):
        forge.check_promises()
    assert isinstance(forge, harness.LocalForge)
