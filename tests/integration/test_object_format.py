"""Promise: a repository with SHA-256 hashes works like any other."""

import harness
import pytest
from harness import improved, result


@pytest.fixture
def project(tmp_path):
    return harness.Project(tmp_path, object_format="sha256")


def test_commits_and_diffs_are_promoted(winnowd, forge, project):
    commit, _ = project.experiment({"train.py": harness.tweaked(DEPTH=24)})
    assert len(commit) == 64
    winnowd.configure(sources=[str(project.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=commit))
    winnowd.drop(improved(project, "exp-2", 0.8))
    assert winnowd.once().decisions() == {"exp-1": "promoted", "exp-2": "promoted"}
    pulls = forge.pulls()
    assert sorted(pull.head for pull in pulls) == ["experiment/exp-1", "experiment/exp-2"]
    assert all(len(pull.sha) == 64 for pull in pulls)
    assert forge.branches() == {pull.head: pull.sha for pull in pulls}


@pytest.mark.parametrize("ours", ["sha1", "sha256"])
def test_a_source_with_hashes_of_the_other_kind(tmp_path, ours):
    """Nothing can be fetched from it, which is charged to no experiment."""
    theirs = {"sha1": "sha256", "sha256": "sha1"}[ours]
    (tmp_path / "other").mkdir()
    other = harness.Project(tmp_path / "other", object_format=theirs)
    commit, _ = other.experiment({"train.py": harness.tweaked(DEPTH=24)})
    winnowd = harness.Winnowd(tmp_path, harness.LocalForge(harness.Project(tmp_path, object_format=ours), tmp_path))
    winnowd.configure(sources=[str(other.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=commit))
    says = f"sources: {other.work}: expected a repository with object names by {ours}, as the forge's has, found one with {theirs}"
    log = winnowd.once(status=78)
    assert log.decisions() == {} and says in log.all(level="error")[0]["reason"], log.text
    status, _, log = winnowd.run("--check-config")
    assert status == 78 and says in log.text, log.text
    winnowd.unfinished = True
    winnowd.check_promises()
