"""Promise: `parent` says what a change was made on, and then the change is as good as a commit: exactly what was measured."""

import json
import os
import re
import shutil
import signal

import pytest
import series
from harness import git, result
from reviewer import Reviewer


class Patches(series.Series):
    """A series whose experiments come as diffs: `line` is what a loop kept, each made on the one before it."""

    def __init__(self, directory):
        super().__init__(directory, 8)
        self.line = [self.baseline]
        while len(self.line) < 6:
            last = self.line[-1].number
            self.line.append(next(one for one in self.experiments if one.parent == last and one.status == "keep"))

    def diff(self, one, names=False):
        """Mostly without the names of blobs, which would tell what it was made on."""
        text = git("diff", self.rows[one.parent].commit, one.commit, directory=self.work, whole=True)
        return text if names else re.sub(r"^index .*\n", "", text, flags=re.MULTILINE)

    def patch(self, one, parent=None, after=None, **more):
        """Better than all before it, whatever the loop says."""
        content = {"diff": self.diff(one), "parent": parent, **more}
        return result(content.pop("experiment_id", one.id), after or 1 - one.number / 100, **content)

    def broken_and_mended(self):
        """The diffs of two experiments: only with the second one, made on the first, is it in order."""
        broken, mended = self.experiment({"broken": "yes\n"})[0], self.experiment({"broken": "yes\n", "mended": "yes\n"})[0]
        return (git("diff", *pair, directory=self.work, whole=True) for pair in ((self.base, broken), (broken, mended)))

    def is_measured(self, forge, pull, one):
        """Whether it is exactly what was measured, and says so."""
        tree = git("rev-parse", f"{one.commit}^{{tree}}", directory=self.work)
        return (forge.show("-s", "--format=%T", pull.sha), facts_of(pull)["tree_is_measured"]) == (tree, True)


@pytest.fixture
def project(tmp_path):
    return Patches(tmp_path)


def facts_of(pull):
    return json.loads(re.search(r"^<!-- winnowd (\{.*\}) -->$", pull.body, re.MULTILINE)[1])


def decide(winnowd, content):
    """What becomes of it, and why."""
    winnowd.drop(content)
    log = winnowd.once()
    event = [event for event in log.events if event.get("experiment") == content["experiment_id"] and "decision" in event][-1]
    return event["decision"], event.get("reason", "")


def test_a_line_of_patches_is_a_line_of_commits(project, forge, winnowd):
    """After a squash the next one is what was measured all the same; each says what it contains, and what it changed itself."""
    winnowd.configure(sources=[str(project.work)])
    ground, first, second, third, fourth, fifth = project.line
    assert decide(winnowd, result(ground.id, 1.0, status="baseline", commit=ground.commit))[0] == "baseline"
    parents = {first: ground.id, second: first.id, third: second.commit[:12].upper(), fourth: third.id, fifth: fourth.id}
    # The third was made on a commit of the loop's own, which has the tree of the second.
    contained = {second: [first], third: [second, first], fourth: [third, second, first]}
    for number, (one, parent) in enumerate(parents.items(), 1):
        assert decide(winnowd, project.patch(one, parent)) == ("promoted", "")
        pull = forge.pulls()[-1]
        assert project.is_measured(forge, pull, one), one
        assert forge.show("-s", "--format=%P", pull.sha) == project.tip
        assert facts_of(pull)["contained"] == [other.id for other in contained.get(one, [])]
        assert facts_of(pull)["parent"] == parent and f"Measured: the change on `{parent}`" in pull.body
        own = [row for row in project.diff(one).splitlines()[4:] if row[:1] in ("+", "-")]
        assert not contained.get(one) or all(f"\n{row}\n" in pull.body.split("What this experiment itself changed")[1] for row in own)
        if one == fourth:
            Reviewer(forge).merge(number, "squash")


def test_a_parent_that_is_no_basis(project, forge, winnowd):
    winnowd.configure(sources=[str(project.work)])
    base, first, second, third, fourth, _ = project.line
    winnowd.drop(result("ground", 1.0, status="baseline"))
    winnowd.drop(project.patch(first, experiment_id="worse", after=2.0))
    assert winnowd.once().decisions() == {"ground": "baseline", "worse": "discarded"}

    def reason(parent, name, **more):
        decision, why = decide(winnowd, project.patch(second, parent, experiment_id=name, **more))
        assert decision == "failed"
        return why

    assert re.search("parent worse: .*discarded", reason("worse", "on-worse"))
    assert re.search("parent nowhere: .*no result", reason("nowhere", "on-nowhere"))
    assert re.search("abcdef0123 is missing", reason("abcdef0123", "on-missing"))
    # It is applied to the parent's files as they are: nothing is merged, though the blobs are known.
    why = reason(base.commit, "on-another", diff=project.diff(second, names=True))
    assert re.search(r"not made on the parent: its index line for train.py .* names blob", why), why
    why = reason(base.commit, "on-lines-of-its-own", diff=project.diff(first).replace("\n ", "\n x"))
    assert re.search("train.py .*are not in the parent's file", why) and "conflict" not in why, why
    # All that it names is there, but the end of the patch is missing.
    cut = project.diff(first, names=True).rsplit("\n+", 1)[0]
    why = reason(base.commit, "cut-off", diff=cut)
    assert re.search("ends in the middle of the hunk at its line [0-9]+: .* train.py does not become blob", why), why
    # A baseline without a change was measured on some base. Nothing is claimed, and what is made on top of it stands.
    assert decide(winnowd, project.patch(first, "ground")) == ("promoted", "")
    (pull,) = forge.pulls()
    assert not facts_of(pull)["tree_is_measured"]
    Reviewer(forge).merge(1, "squash")
    assert decide(winnowd, project.patch(second, first.id)) == ("promoted", "")
    assert project.is_measured(forge, forge.pulls()[1], second)
    # One that was edited, or that leaves changes out, is not what was measured, and neither is what is made on it.
    index = "the index line of train.py (line 1 of the patch and on) names another content than the patch makes"
    winnowd.drop(project.patch(third, second.id, diff=re.sub(r"^(index \w+\.\.)\w+", r"\g<1>1234567", project.diff(third, names=True), flags=re.M)))
    winnowd.drop(project.patch(fourth, third.id))
    log = winnowd.once()
    assert log.decisions() == {third.id: "promoted", fourth.id: "promoted"}
    doubts = log.all(msg="patch may not be what was measured")
    assert [(doubt["experiment"], doubt["level"]) for doubt in doubts] == [(third.id, "warning"), (fourth.id, "warning")]
    assert doubts[0]["reason"] == index and "its parent" in doubts[1]["reason"]
    for pull, says in zip(forge.pulls()[2:], doubts, strict=True):
        facts = facts_of(pull)
        assert not facts["tree_is_measured"] and "the measured one" not in pull.body
        assert f"`{says['reason']}`" in pull.body.split("### Metric")[0]
    assert facts["contained"] == [third.id, second.id]


def test_parents_that_are_under_way(project, forge, winnowd):
    """The last one is composed first, and finds what it needs. --check-result sees the same."""
    winnowd.configure(sources=[str(project.work)], queue={"order": "best"})
    base, first, second, third, fourth, _ = project.line
    winnowd.drop(result("ground", 1.0, status="baseline"))
    winnowd.drop(project.patch(first, base.commit))
    winnowd.drop(project.patch(second, first.id))
    winnowd.drop(project.patch(third, second.id))
    decided = {"ground": "baseline", third.id: "promoted", second.id: "superseded", first.id: "superseded"}
    assert winnowd.once().decisions() == decided
    (pull,) = forge.pulls()
    assert project.is_measured(forge, pull, third)
    path = winnowd.directory / "next.json"
    path.write_text(json.dumps(project.patch(fourth, third.id)))
    status, text, _ = winnowd.run("--check-result", str(path))
    assert status == 0 and "Trial: it fits main" in text, text
    path.write_text(json.dumps(project.patch(fourth, second.id)))
    status, text, _ = winnowd.run("--check-result", str(path))
    assert status == 65 and "found one that is superseded" in text, text


def test_a_parent_that_fails_beside_what_was_made_on_it(project, forge, winnowd, tmp_path):
    """What is made on it was composed by then, and is green. It ends as it would if it had come later."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check = f"if [ -e broken ]; then read word <{pipe}; exit 1; else echo word >{pipe}; fi"
    winnowd.configure(queue={"parallel": 2}, validation={"command": ["sh", "-c", check], "sandbox": "none", "base": "never"})
    broken, mended = project.experiment({"broken": "yes\n"})[0], project.experiment({"mended": "yes\n"})[0]
    first, second = (git("diff", *pair, directory=project.work, whole=True) for pair in ((project.base, broken), (broken, mended)))
    winnowd.drop(result("broken", 0.9, metric_before=1.0, diff=first))
    winnowd.drop(result("mended", 0.8, metric_before=1.0, diff=second, parent="broken"))
    log = winnowd.once()
    assert log.decisions() == {"broken": "failed", "mended": "failed"}, log.text
    assert "parent broken: " in log.all(decision="failed", experiment="mended")[0]["reason"], log.text
    assert forge.pulls() == []


def test_a_parent_of_another_metric_that_fails_last(project, forge, winnowd, tmp_path):
    """Nothing orders the two but that one was made on the other: it is opened when that has ended."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check = ["sh", "-c", f"[ ! -e broken ] || [ -e mended ] || {{ read word <{pipe}; exit 1; }}"]
    winnowd.configure(queue={"parallel": 3}, metrics={"time": {"direction": "minimize"}}, validation={"command": check, "sandbox": "none", "base": "never"})
    first, second = project.broken_and_mended()
    winnowd.drop(result("broken", 0.9, metric_before=1.0, diff=first))
    winnowd.drop(result("mended", 0.8, metric="accuracy", metric_before=0.7, diff=second, parent="broken"))
    log = winnowd.start()
    log.wait(msg="step started", step="validate", experiment="broken")
    log.wait(msg="step ended", step="validate", experiment="mended")
    winnowd.drop(result("other", 0.6, metric="time", metric_before=1.0, diff=project.experiment({"other": "yes\n"})[1]))
    log.wait(experiment="other", decision="promoted")  # the other one would have been, meanwhile
    pipe.write_text("word\n")
    for name in ("broken", "mended"):
        log.wait(experiment=name, decision=lambda decision: decision != "queued")
    assert winnowd.stop() == 0 and log.decisions() == {"broken": "failed", "mended": "failed", "other": "promoted"}, log.text
    assert "parent broken: " in log.all(decision="failed", experiment="mended")[0]["reason"], log.text
    assert len(forge.pulls()) == 1


@pytest.mark.parametrize("good", [False, True])
def test_a_parent_of_another_metric_that_has_not_begun(project, forge, winnowd, good):
    """The other metric has its turn first. The only slot is lent to the parent, and to what comes before it in its lane."""
    check = ["true"] if good else ["sh", "-c", "[ ! -e broken ] || [ -e mended ]"]
    winnowd.configure(queue={"parallel": 1}, validation={"command": check, "sandbox": "none", "base": "never"})
    first, second = project.broken_and_mended()
    winnowd.drop(result("before", 0.95, metric_before=1.0, diff=project.experiment({"other": "yes\n"})[1]))
    winnowd.drop(result("broken", 0.9, metric_before=1.0, diff=first))
    winnowd.drop(result("mended", 0.8, metric="accuracy", metric_before=0.7, diff=second, parent="broken"))
    log = winnowd.once()
    expected = "promoted" if good else "failed"
    assert log.decisions() == {"before": "promoted", "broken": expected, "mended": expected}, log.text
    heads = [pull.head for pull in sorted(forge.pulls(), key=lambda pull: pull.number)]
    assert heads == [f"experiment/{name}" for name in (("before", "broken", "mended") if good else ("before",))]


def test_a_parent_that_has_begun_goes_first_after_a_restart(project, gitea_winnowd, stand_in):
    """Two jobs shared a slot, and one goes on: the one that the other waits for."""
    gitea, winnowd = stand_in.gitea, gitea_winnowd
    check = ["sh", "-c", "[ ! -e broken ] || [ -e mended ]"]
    winnowd.configure(queue={"parallel": 1}, validation={"command": check, "sandbox": "none", "base": "never"})
    first, second = project.broken_and_mended()
    winnowd.drop(result("broken", 0.9, metric_before=1.0, diff=first))
    winnowd.drop(result("mended", 0.8, metric="accuracy", metric_before=0.7, diff=second, parent="broken"))
    gitea.faults.add("pass", method="POST", path="/branches$", nth=2, call=lambda record: winnowd.process.kill())
    log = winnowd.start()
    winnowd.ended()
    assert log.all(msg="step ended", step="validate", experiment="mended") and not log.all(msg="step ended", step="branch", experiment="broken")
    log = winnowd.start()
    for name in ("broken", "mended"):
        log.wait(experiment=name, decision=lambda decision: decision != "queued")
    assert log.decisions() == {"broken": "failed", "mended": "failed"} and stand_in.pulls() == [], log.text


def test_what_may_mend_the_base_waits_for_no_parent(project, winnowd):
    """Its parent waits behind one that the base holds."""
    winnowd.configure(queue={"parallel": 1}, validation={"command": ["sh", "-c", "[ -e fix ]"], "sandbox": "none", "base": "once"})
    other, fix = project.experiment({"other": "yes\n"})[1], project.experiment({"fix": "yes\n"})[1]
    winnowd.drop(result("other", 0.9, metric_before=1.0, diff=other))
    log = winnowd.start()
    log.wait(experiment="other", msg="job goes back to an earlier step")
    winnowd.drop(result("ground", 1.0, status="baseline", diff=other))
    winnowd.drop(result("fix", 0.8, metric="accuracy", metric_before=0.7, diff=fix, parent="ground"))
    log.wait(experiment="fix", decision="promoted")
    winnowd.unfinished = True


def test_a_parent_that_is_rejected_meanwhile(project, winnowd, tmp_path):
    """Its metric is taken out of the configuration while the other waits for it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    check = ["sh", "-c", f"[ ! -e other ] || read word <{pipe}"]
    winnowd.configure(queue={"parallel": 1}, validation={"command": check, "sandbox": "none", "base": "never"})
    before, ground, later = (project.experiment({f"{name}": "yes\n"})[1] for name in ("other", "ground", "later"))
    winnowd.drop(result("before", 0.95, metric_before=1.0, diff=before))
    winnowd.drop(result("ground", 0.9, metric_before=1.0, diff=ground))
    winnowd.drop(result("later", 0.8, metric="accuracy", metric_before=0.7, diff=later, parent="ground"))
    log = winnowd.start()
    log.wait(msg="step ended", step="validate", experiment="later")
    log.wait(msg="step started", step="validate", experiment="before")
    del winnowd.config["metrics"]["val_bpb"]
    winnowd.write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    pipe.write_text("word\n")
    decided = log.wait(experiment="later", decision=lambda decision: decision != "queued")
    log.wait(experiment="before", decision="failed")
    assert log.decisions()["ground"] == "rejected", log.text
    assert decided["decision"] == "failed" and decided["reason"].startswith("parent ground: expected an experiment that is known"), decided


def test_what_may_stand_beside_a_parent(project, forge, winnowd):
    one = project.line[1]
    winnowd.drop(project.patch(one, "exp-0", experiment_id="beside-commit", diff=None, commit=one.commit))
    winnowd.drop(project.patch(one, "exp-0", experiment_id="alone", diff=None))
    winnowd.drop(project.patch(one, "itself", experiment_id="itself"))
    winnowd.drop(project.patch(one, 7, experiment_id="number"))
    winnowd.drop(project.patch(one, experiment_id="repository-alone", repository="work"))
    winnowd.once()
    reasons = {name: text.split("\n")[0] for name, text in winnowd.rejected().items()}
    keys = {name: re.search("([a-z]+): expected", reason)[1] for name, reason in reasons.items()}
    assert keys.pop("repository-alone.json") == "repository"
    assert keys == dict.fromkeys(["alone.json", "beside-commit.json", "itself.json", "number.json"], "parent"), reasons


def kept(winnowd):
    """Experiments of which our repository keeps what they measured, or what was composed."""
    refs = winnowd.state / "repository.git/refs/winnowd"
    return {path.name for kind in ("measured", "composed") for path in (refs / kind).glob("*")}


@pytest.mark.parametrize("lost", [False, True], ids=["", "with a repository made anew"])
def test_a_parent_that_was_merged(project, forge, winnowd, lost):
    """What it measured is kept while anything open builds on it. Later it is made again, from the archive; of one that
    named no parent itself, what was in its pull request is taken."""
    winnowd.configure(sources=[str(project.work)])
    base, first, second, third, *_ = project.line
    text = ["", "a\nb\n", "a\nb\nc\n"]
    made = [project.experiment({"apart.txt": one})[0] for one in text[1:]]
    new, more = (git("diff", *pair, directory=project.work, whole=True) for pair in ((project.base, made[0]), made))
    more = re.sub(r"^index .*\n", "", more, flags=re.MULTILINE)
    winnowd.drop(result("ground", 1.0, status="baseline", commit=base.commit))
    winnowd.drop(project.patch(first, base.commit))
    winnowd.drop(project.patch(second, first.id))
    winnowd.drop(result("apart", 0.5, diff=new))
    assert set(winnowd.once().decisions().values()) == {"promoted", "baseline"}
    assert kept(winnowd) == {first.id, second.id, "apart"}
    person = Reviewer(forge)
    person.merge(1, "squash")
    winnowd.once()
    assert kept(winnowd) == {first.id, second.id, "apart"}
    person.merge(2, "squash")
    winnowd.once()
    assert kept(winnowd) == {"apart"}
    if lost:
        shutil.rmtree(winnowd.state / "repository.git")
    assert decide(winnowd, project.patch(third, second.id, after=0.4)) == ("promoted", "")
    assert project.is_measured(forge, forge.pulls()[-1], third)
    person.merge(3, "squash")
    winnowd.once()
    assert kept(winnowd) == {third.id}
    if lost:
        shutil.rmtree(winnowd.state / "repository.git")
    assert decide(winnowd, result("on-apart", 0.3, diff=more, parent="apart")) == ("promoted", "")
    assert forge.show(f"{forge.pulls()[-1].sha}:apart.txt") == text[2].rstrip()
