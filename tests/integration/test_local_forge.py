"""A promotion end to end on the local forge, and every way in which it can go wrong."""

import json
import re

import pytest
from harness import FILES, TOX, git, result, tweaked


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
    assert trailers["Metric"] == "val_bpb 1 -> 0.9"
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


def test_a_commit_whose_base_has_moved(winnowd, project, forge):
    winnowd.configure(sources=[str(project.work)])
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65)})
    tip = project.advance({"README.md": "# Moved on\n"})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = forge.pulls()
    assert git("rev-parse", f"{pull.sha}^", directory=project.bare) == tip
    assert git("diff", "--name-only", tip, pull.sha, directory=project.bare) == "train.py"


@pytest.mark.parametrize("commit", ["abcdef1", "f" * 40])
def test_a_commit_that_is_nowhere(winnowd, project, commit):
    winnowd.configure(sources=[str(project.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=commit))
    assert_failed(winnowd, winnowd.once(), commit)


def test_a_tag_that_looks_like_a_hash_is_no_commit(winnowd, project):
    winnowd.configure(sources=[str(project.work)])
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65)})
    name = "abcdef1" if not sha.startswith("abcdef1") else "abcdef2"
    git("tag", name, sha, directory=project.work)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=name))
    assert_failed(winnowd, winnowd.once())


def test_two_sources_and_a_name(winnowd, project):
    other = project.directory / "other"
    git("clone", "-q", project.work, other)
    winnowd.configure(sources=[str(other), str(project.work)])
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65)})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha, repository=str(project.work)))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


# What fails, and is undone.


@pytest.mark.representative
def test_failing_tests(winnowd, project, forge):
    winnowd.configure(validation={"command": ["tox", "-e", "unit"]})
    log = promote(winnowd, project.tweak(BATCH=33))
    assert_failed(winnowd, log)
    assert log.all(step="validate") and not log.all(step="pull")
    assert list(winnowd.state.rglob("train.py")) == [], "the checkout is still there"


@pytest.mark.parametrize(
    "command, word",
    [
        (["false"], "status 1"),
        (["sh", "-c", "exit 3"], "status 3"),
        (["sh", "-c", "kill -9 $$"], ""),
        (["no-such-program"], "no-such-program"),
        (["sleep", "60"], "1 s"),
    ],
    ids=["false", "status", "signal", "missing", "timeout"],
)
def test_a_validation_that_does_not_pass(winnowd, project, command, word):
    winnowd.configure(validation={"command": command, "timeout": "1s"})
    assert_failed(winnowd, promote(winnowd, project.tweak(WIDTH=65)), word)


def test_grandchildren_do_not_outlive_the_validation(winnowd, project):
    marker = winnowd.directory / "alive"
    script = f"(trap '' TERM HUP; sleep 3; echo alive >{marker}) & exit 0"
    winnowd.configure(validation={"command": ["sh", "-c", script], "sandbox": "none"})
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    event = log.wait(experiment="exp-1", decision="promoted", seconds=20)
    assert event
    # A result that takes longer than the grandchild would have lived.
    winnowd.configure(validation={"command": ["sleep", "4"]})
    winnowd.stop()
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    assert winnowd.once().decisions() == {"exp-2": "promoted"}
    assert not marker.exists()


def test_a_conflict_names_its_files(winnowd, project):
    diff = project.tweak(WIDTH=65)
    project.advance({"train.py": tweaked(WIDTH=100)})
    assert_failed(winnowd, promote(winnowd, diff), "train.py")


def test_a_conflict_of_a_commit(winnowd, project):
    winnowd.configure(sources=[str(project.work)])
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65)})
    project.advance({"train.py": tweaked(WIDTH=100)})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    assert_failed(winnowd, winnowd.once(), "train.py")


def test_a_change_that_the_base_has_already(winnowd, project):
    winnowd.configure(sources=[str(project.work)])
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65)})
    project.advance({"train.py": tweaked(WIDTH=65)})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    assert_failed(winnowd, winnowd.once(), "empty")


def test_the_base_itself_is_an_empty_change(winnowd, project):
    winnowd.configure(sources=[str(project.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=project.tip))
    assert_failed(winnowd, winnowd.once(), "empty")


@pytest.mark.parametrize(
    "name, content",
    [
        ("tox.ini", TOX.replace("unittest", "this")),
        (".gitea/workflows/x.yaml", "on: push\n"),
        (".github/workflows/deep/x.yaml", "on: push\n"),
        ("pyproject.toml", "[tool.tox]\nlegacy_tox_ini = ''\n"),
        ("setup.cfg", "[tox:tox]\nenvlist = none\n"),
    ],
)
def test_an_experiment_does_not_grade_itself(winnowd, project, name, content):
    _, diff = project.experiment({name: content, "train.py": tweaked(WIDTH=65)})
    assert_failed(winnowd, promote(winnowd, diff), name)


def test_removing_a_protected_file(winnowd, project):
    _, diff = project.experiment({"tox.ini": None})
    assert_failed(winnowd, promote(winnowd, diff), "tox.ini")


def test_renaming_a_protected_file(winnowd, project):
    _, diff = project.experiment({"tox.ini": None, "other.ini": TOX})
    assert_failed(winnowd, promote(winnowd, diff), "tox.ini")


def test_a_pyproject_without_orders_for_tox_is_no_harm(winnowd, project):
    _, diff = project.experiment({"pyproject.toml": "[project]\nname = 'x'\n"})
    assert promote(winnowd, diff).decisions() == {"exp-1": "promoted"}


def test_excluded_files_stay_as_they_are_on_the_base(winnowd, project, forge):
    _, diff = project.experiment({
        "train.py": tweaked(WIDTH=65), "results.tsv": "all mine\n", "autoresearch.jsonl": "{}\n", ".auto/deep/x": "x\n",
    })  # fmt: skip
    assert promote(winnowd, diff).decisions() == {"exp-1": "promoted"}
    (pull,) = forge.pulls()
    assert git("diff", "--name-only", project.tip, pull.sha, directory=project.bare) == "train.py"


def test_a_change_of_excluded_files_alone_is_empty(winnowd, project):
    _, diff = project.experiment({"results.tsv": "all mine\n"})
    assert_failed(winnowd, promote(winnowd, diff), "empty")


def patch_of(name, mode="100644", content="evil", kind="new file mode"):
    return (f"diff --git a/{name} b/{name}\n{kind} {mode}\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n"
            f"+{content}\n\\ No newline at end of file\n")  # fmt: skip


EVIL = {
    "parent": patch_of("../outside"),
    "absolute": patch_of("/tmp/outside"),
    "dot git": patch_of(".git/config"),
    "dot git deeper": patch_of("a/.git/hooks/pre-commit", "100755"),
    "dot git in capitals": patch_of(".GIT/config"),
    "dot git, zero width": patch_of(".g\u200cit/config"),
    "git~1": patch_of("git~1/config"),
    "link outside": patch_of("link", "120000", "/etc/passwd"),
    "link up": patch_of("link", "120000", "../../outside"),
    "submodule": patch_of("module", "160000", "Subproject commit " + "1" * 40),
    "not a diff": "this is no diff at all\n",
    "empty": "\n",
    "missing file": "--- a/nothing.py\n+++ b/nothing.py\n@@ -1 +1 @@\n-a\n+b\n",
    "cut": "--- a/train.py\n+++ b/train.py\n@@ -1,5 +1,5 @@\n-a\n",
}


@pytest.mark.representative
@pytest.mark.parametrize("what", EVIL)
def test_evil_patches(winnowd, what):
    log = promote(winnowd, EVIL[what])
    assert set(log.decisions().values()) <= {"failed", "rejected"} and log.decisions()
    assert winnowd.forge.branches() == {} and winnowd.forge.pulls() == []


def test_a_missing_last_line_end_is_added(winnowd, project):
    assert promote(winnowd, project.tweak(WIDTH=65).rstrip("\n")).decisions() == {"exp-1": "promoted"}


def test_a_format_patch(winnowd, project):
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65)})
    diff = git("format-patch", "-1", "--stdout", sha, directory=project.work) + "\n"
    assert promote(winnowd, diff).decisions() == {"exp-1": "promoted"}


def test_a_binary_patch(winnowd, project, forge):
    _, diff = project.experiment({"weights.bin": bytes(range(256)) * 8})
    assert promote(winnowd, diff).decisions() == {"exp-1": "promoted"}


def test_a_link_inside_the_tree(winnowd, project):
    assert promote(winnowd, patch_of("link", "120000", "train.py")).decisions() == {"exp-1": "promoted"}


def test_a_branch_that_exists_is_left_alone(winnowd, project, forge):
    forge.create_branch("experiment/exp-1")
    before = forge.branches()
    log = promote(winnowd, project.tweak(WIDTH=65))
    assert log.decisions() == {"exp-1": "failed"}
    assert forge.branches() == before and forge.pulls() == []


# The pull request.

NASTY = "@everyone fixes #1 and !2 <script>alert(1)</script> [x](javascript:1) `` ``` ````\n\n# Heading\n---\n| a | b |\n\u202eevil\u200b <!-- x --> ![](http://tracker/x.png)"


@pytest.mark.representative
def test_foreign_text_is_inert(winnowd, project, forge):
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


def test_a_closed_pull_request_leaves_the_frontier(winnowd, project, forge):
    winnowd.configure(forge={"poll": "1s"})
    log = winnowd.start()
    winnowd.drop(result("first", 1.0))
    winnowd.drop(result("exp-1", 0.5, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-1", decision="promoted")
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    log.wait(experiment="exp-2", decision="discarded")
    before = len(log.events)
    forge.set_state(1, "closed")
    log.wait(pull="1", msg=lambda text: "closed" in text)
    assert len(log.events) > before
    log.wait(experiment="exp-2", decision="promoted")  # judged anew, by 1.0
    winnowd.drop(result("exp-3", 0.7, diff=project.tweak(RATE=0.002)))
    log.wait(experiment="exp-3", decision="promoted")


def test_a_merged_pull_request_keeps_its_place(winnowd, project, forge):
    winnowd.configure(forge={"poll": "1s"})
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.5, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-1", decision="promoted")
    forge.set_state(1, "merged")
    log.wait(pull="1", msg=lambda text: "merged" in text)
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    log.wait(experiment="exp-2", decision="discarded")


def test_the_limit_of_open_pull_requests(winnowd, project, forge):
    winnowd.configure(queue={"max_open_pulls": 1}, forge={"poll": "1s"})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    winnowd.drop(result("exp-2", 0.8, diff=project.tweak(DEPTH=13)))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}
    assert "max_open_pulls" in log.text
    forge.set_state(1, "merged")
    assert winnowd.once().decisions() == {"exp-2": "promoted"}


# What the code under test gets to see.


def test_the_validation_sees_a_scrubbed_environment(winnowd, project, forge):
    winnowd.environment |= {"GITEA_TOKEN": "0123456789abcdef0123", "SECRET": "hidden", "PASSED": "through"}
    winnowd.configure(validation={"command": ["env"], "environment": {"GIVEN": "a value"}, "pass_environment": ["PASSED"],
                                  "output_lines": 200})  # fmt: skip
    promote(winnowd, project.tweak(WIDTH=65))
    (pull,) = forge.pulls()
    assert "GIVEN=a value" in pull.body and "PASSED=through" in pull.body
    assert "SECRET" not in pull.body and "0123456789abcdef0123" not in pull.body


def test_environment_reaches_the_tests_through_tox(winnowd, project, forge):
    test = TOX.replace("python -m unittest -v", "python -c \"import os; print('GOT', os.environ['GIVEN'])\"")
    project.advance({"tox.ini": test})
    winnowd.configure(validation={"command": ["tox", "-e", "unit"], "environment": {"GIVEN": "a-value"}})
    assert promote(winnowd, project.tweak(WIDTH=65)).decisions() == {"exp-1": "promoted"}
    assert "GOT a-value" in forge.pulls()[0].body


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


def test_the_project_keeps_its_files(winnowd, project, forge):
    promote(winnowd, project.tweak(WIDTH=65))
    names = git("ls-tree", "-r", "--name-only", forge.pulls()[0].sha, directory=project.bare).splitlines()
    assert sorted(names) == sorted(FILES)
