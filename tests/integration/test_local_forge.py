"""Promise: a promotion at the local forge is the whole change or fails, and an experiment does not grade itself.

The tests look at what gets into the branch and the pull request, and what does not. The ways to be refused are in
tests/unit/test-compose.c, test-change.c and test-validation.c, what comes after the pull request in
test_pull_life.py, hostile patches in test_hostile_results.py.
"""

import json
import re

import pytest
from harness import git, result, tweaked


def promote(winnowd, diff, experiment_id="exp-1", **more):
    """Drops one improvement; gives back the log of a run that works it off."""
    winnowd.drop(result(experiment_id, 0.9, metric_before=1.0, diff=diff, **more))
    return winnowd.once()


def assert_failed(winnowd, log, *words):
    """Failed for a reason that has these words, and nothing is left of it."""
    assert log.decisions() == {"exp-1": "failed"}, log.text
    for word in words:
        assert word in log.reasons()["exp-1"]
    assert winnowd.forge.branches() == {}
    assert [pull for pull in winnowd.forge.pulls() if pull.state == "open"] == []


@pytest.mark.representative
def test_a_promotion(winnowd, project, forge):
    winnowd.configure(validation={"command": ["tox", "-e", "unit"]}, forge={"reviewers": ["Timmy"], "labels": ["experiment", "night"]})
    base = project.tip
    log = promote(winnowd, project.tweak(WIDTH=65), title="A wider model")
    assert log.decisions() == {"exp-1": "promoted"}
    (pull,) = forge.pulls()
    assert (pull.number, pull.state, pull.title) == (1, "open", "experiment: A wider model")
    assert (pull.head, pull.base) == ("experiment/exp-1", "main")
    assert pull.labels == ["experiment", "night"] and pull.reviewers == ["Timmy"]
    assert forge.branches() == {"experiment/exp-1": pull.sha}
    assert git("rev-list", f"{base}..{pull.sha}", directory=project.bare) == pull.sha, "not one commit on the base"
    assert git("show", f"{pull.sha}:train.py", directory=project.bare) + "\n" == tweaked(WIDTH=65)
    assert git("diff", "--name-only", base, pull.sha, directory=project.bare) == "train.py"
    (event,) = log.all(experiment="exp-1", decision="promoted")
    assert event["pull"] == "1"


def test_the_commit(winnowd, project, forge):
    winnowd.configure(change={"author": "A Machine <machine@example.org>"})
    promote(winnowd, project.tweak(WIDTH=65))
    message = git("show", "-s", "--format=%an <%ae>%n%B", forge.pulls()[0].sha, directory=project.bare)
    assert message.startswith("A Machine <machine@example.org>\n")
    trailers = git("interpret-trailers", "--parse", text=message.split("\n", 1)[1] + "\n")
    trailers = dict(line.split(": ", 1) for line in trailers.splitlines())
    assert trailers["Experiment-Id"] == "exp-1"
    assert trailers["Metric"] == "val_bpb 0.9"
    assert re.fullmatch("[0-9a-f]{64}", trailers["Result-Sha256"])
    assert "Measured-On" not in trailers


def test_a_commit_of_a_source(winnowd, project, forge):
    winnowd.configure(sources=[str(project.work)])
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65), "new.py": "x = 1\n"})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha[:9]))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = forge.pulls()
    assert f"Measured-On: {sha}" in git("show", "-s", "--format=%B", pull.sha, directory=project.bare)
    assert git("diff", sha, pull.sha, directory=_both(project, pull)) == ""
    assert sha in pull.body


def _both(project, pull):
    """`work`, with the composed commit fetched into it."""
    git("fetch", "-q", "origin", pull.head, directory=project.work)
    return project.work


# What fails, and is undone.


@pytest.mark.representative
def test_failing_tests(winnowd, project, forge):
    winnowd.configure(validation={"command": ["tox", "-e", "unit"]})
    log = promote(winnowd, project.tweak(BATCH=33))
    assert_failed(winnowd, log)
    assert log.all(step="validate") and not log.all(step="pull")
    assert list(winnowd.state.rglob("train.py")) == [], "the checkout is still there"


NOISE = "for line in $(seq 100); do echo $line; done; "


@pytest.mark.representative
def test_a_failure_says_why_and_where_the_whole_output_is(winnowd, project):
    """The line stands far above the last ones that are kept."""
    script = f"echo 'FAILED tests/test_a.py::test_b - assert 3 == 4'; {NOISE} exit 1"
    winnowd.configure(validation={"command": ["sh", "-c", script], "output_lines": 5})
    log = promote(winnowd, project.tweak(WIDTH=65))
    output = winnowd.state / "validation/exp-1.log"
    assert_failed(winnowd, log, "FAILED tests/test_a.py::test_b - assert 3 == 4", f"the whole output: {output}")
    assert output.read_text(encoding="utf-8").startswith("FAILED tests/test_a.py") and "\n100\n" in output.read_text(encoding="utf-8")
    assert "assert 3 == 4" in winnowd.run_beside("--status")[1]


def test_a_pass_says_where_the_whole_output_is(winnowd, project, forge):
    winnowd.configure(validation={"command": ["sh", "-c", f"echo 'FAILED to fail'; {NOISE}"]})
    assert promote(winnowd, project.tweak(WIDTH=65)).decisions() == {"exp-1": "promoted"}
    (pull,) = forge.pulls()
    assert f"Its whole output: `{winnowd.state}/validation/exp-1.log` on `" in pull.body


def test_a_change_that_the_base_has_already(winnowd, project):
    winnowd.configure(sources=[str(project.work)])
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65)})
    project.advance({"train.py": tweaked(WIDTH=65)})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    assert_failed(winnowd, winnowd.once(), "empty")


def test_a_binary_patch(winnowd, project, forge):
    _, diff = project.experiment({"weights.bin": bytes(range(256)) * 8})
    assert promote(winnowd, diff).decisions() == {"exp-1": "promoted"}


# The pull request.

NASTY = "@everyone fixes #1 and !2 <script>alert(1)</script> [x](javascript:1) `` ``` ````\n\n# Heading\n---\n| a | b |\n\u202eevil\u200b <!-- x --> ![](http://tracker/x.png)"


@pytest.mark.representative
def test_foreign_text_does_nothing(winnowd, project, forge):
    commonmark = pytest.importorskip("commonmark")
    promote(winnowd, project.tweak(WIDTH=65), hypothesis=NASTY, title="@all closes #3\u202e\nsecond `line`", details={"@x": "#4 <b>"})
    (pull,) = forge.pulls()
    assert "\n" not in pull.title and "\u202e" not in pull.title + pull.body and "\u200b" not in pull.body
    assert not re.search(r"(^|[^\w`])[@#!](\w)", pull.title)
    html = commonmark.commonmark(pull.body)
    shown = re.sub(r"<code.*?</code>", "", html, flags=re.DOTALL)
    for tag in ("<script", "<img", "<h1>Heading", 'href="javascript'):
        assert tag not in shown
    # Outside of code nothing is left that Gitea would make a mention or a reference of.
    text = re.sub(r"<[^>]*>", "", re.sub(r"<!--.*?-->", "", shown, flags=re.DOTALL))
    assert not re.search(r"(?<![\w&])@(everyone|all|x)\b", text)
    assert not re.search(r"(?<![\w&])[#!][1-4]\b", text)
    message = git("show", "-s", "--format=%B", pull.sha, directory=project.bare)
    assert "\u202e" not in message and not re.search(r"(?<!\w)#[13]\b", message) and "@everyone" not in message


def test_the_body_has_its_parts_in_order(winnowd, project, forge):
    winnowd.configure(validation={"command": ["sh", "-c", "echo first; echo '````'; seq 1 100"]})
    winnowd.drop(result("first", 1.0))
    promote(winnowd, project.tweak(WIDTH=65), hypothesis="Wider is better", details={"seeds": 3})
    (pull,) = forge.pulls()
    body = pull.body
    places = [body.index(word) for word in ("Wider is better", "val_bpb", "mermaid", "seq 1 100", "train.py", "seeds", project.tip, "<!--")]
    assert places == sorted(places), places
    assert "minimize" in body and "\n100\n" in body and "\n51\n" in body and "\n50\n" not in body
    facts = json.loads(re.search(r"<!--.*?(\{.*\}).*?-->\s*\Z", body, re.DOTALL)[1])
    assert "exp-1" in json.dumps(facts) and "0.9" in json.dumps(facts)


# What the code under test gets to see.


def test_the_checkout_has_no_remote_and_no_history_to_spoil(winnowd, project, forge):
    winnowd.configure(validation={"command": ["sh", "-c", "git remote -v; git rev-parse HEAD; git log --oneline | wc -l"]})
    assert promote(winnowd, project.tweak(WIDTH=65)).decisions() == {"exp-1": "promoted"}
    (pull,) = forge.pulls()
    assert pull.sha in pull.body
    assert str(project.bare) not in pull.body


def test_what_a_validation_writes_does_not_reach_the_branch(winnowd, project, forge):
    winnowd.configure(validation={"command": ["sh", "-c", "echo spoiled >train.py; git commit -qam x; git push -f origin HEAD:main; true"]})
    promote(winnowd, project.tweak(WIDTH=65))
    (pull,) = forge.pulls()
    assert git("show", f"{pull.sha}:train.py", directory=project.bare) + "\n" == tweaked(WIDTH=65)
