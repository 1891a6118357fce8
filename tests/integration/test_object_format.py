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
