"""Promise: an operator finds an explanation for everything, and can ask for it before anything is done.

Besides the log there are the message catalog, explanations on the command line, completion, and reloads.
"""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest
from events import PATIENCE
from harness import BINARY, ROOT, git, result

EVENT = re.compile(r'EVENT\((\w+),\s*\\?\s*"([^"]+)",\s*\\?\s*(\w+),\s*\\?\s*"([0-9a-f]{32})"\)')
COMPLETIONS = ROOT / "daemon/command-line"


# The journal's catalog.


def events():
    """identifier: message, of events.h"""
    found = EVENT.findall((ROOT / "daemon/events.h").read_text(encoding="utf-8"))
    assert len(found) == len(re.findall(r"^ +EVENT\(", (ROOT / "daemon/events.h").read_text(encoding="utf-8"), re.MULTILINE))
    assert len({identifier for *_, identifier in found}) == len(found), "an identifier twice"
    return {identifier: message for _, message, _, identifier in found}


def catalog():
    """identifier: (headers, text)"""
    text = (ROOT / "systemd/winnowd.catalog").read_text(encoding="utf-8")
    found = {}
    for entry in re.split(r"^-- ", text, flags=re.MULTILINE)[1:]:
        identifier, rest = entry.split("\n", 1)
        head, body = rest.split("\n\n", 1)
        assert identifier not in found
        found[identifier] = dict(line.split(": ", 1) for line in head.splitlines()), body.strip()
    return found


def test_the_catalog_has_every_event():
    entries = catalog()
    assert {identifier: headers["Subject"].lower() for identifier, (headers, _) in entries.items()} == {
        identifier: message.lower() for identifier, message in events().items()
    }
    for headers, body in entries.values():
        assert headers["Defined-By"] == "winnowd" and len(body) > 40, headers


def calls(text, function="log_event"):
    """The arguments of every call in C text, each a list of them."""
    for begin in re.finditer(rf"\b{function}\(", text):
        arguments, depth, quoted, at = [""], 1, False, begin.end()
        while depth:
            letter = text[at]
            quoted ^= letter == '"' and text[at - 1] != "\\"
            depth += 0 if quoted else {"(": 1, "[": 1, ")": -1, "]": -1}.get(letter, 0)
            if letter == "," and depth == 1 and not quoted:
                arguments.append("")
            elif depth:
                arguments[-1] += letter
            at += 1
        yield [" ".join(argument.split()) for argument in arguments]


def events_meant(argument, text):
    """The names of events that a call's first argument can stand for. It is an address, a choice of two, a
    row of a table, what a function returns, a variable, or a parameter of the function around the call."""
    function = re.fullmatch(r"(\w+)\(.*\)", argument)
    if function:
        argument = re.search(rf"^static .*\b{function[1]}\([^;]*?\)\n\{{\n(.*?)^\}}", text, re.DOTALL | re.MULTILINE)[1]
    given = re.search(rf"^static .*\b(\w+)\([^)]*\bstruct log_event \*{argument}\b", text, re.MULTILINE)
    if given:
        argument = " ".join(re.findall(rf"\b{given[1]}\(([^;]*);", text))
    elif re.fullmatch(r"\w+", argument):
        argument = " ".join(re.findall(rf"\b{argument} = ([^;]*);", text))
    table = re.fullmatch(r"(\w+)\[.*\]", argument)
    if table:
        argument = re.search(rf"\b{table[1]}\[.*?\] = \{{(.*?)\}};", text, re.DOTALL)[1]
    return re.findall(r"&event_(\w+)", argument)


def fields_of_events():
    """name of an event: the fields that each of its call sites names"""
    found = {}
    for path in sorted((ROOT / "daemon").rglob("*.c")):
        text = path.read_text(encoding="utf-8")
        for event, *fields in calls(text):
            names = events_meant(event, text)
            assert names, f"{path}: which event is {event}?"
            named = {re.match(r'LOG_(?:TEXT|INTEGER|NUMBER)\("(\w+)"', field)[1] for field in fields}
            for name in names:
                found[name] = found.get(name, named) & named
    return found


def test_the_catalog_names_only_what_every_event_of_its_kind_carries():
    """journalctl -x leaves a placeholder standing whose field is missing. Every field that a call names
    is there in the journal, empty at least: tests/unit/test-log.c."""
    always = fields_of_events()
    names = {identifier: name for name, _, _, identifier in EVENT.findall((ROOT / "daemon/events.h").read_text(encoding="utf-8"))}
    assert set(names.values()) <= set(always), "an event that nobody logs"
    for identifier, (headers, body) in catalog().items():
        told = {field.lower() for field in re.findall(r"@WINNOWD_(\w+)@", body)}
        assert told <= always[names[identifier]], headers["Subject"]


def test_no_sentence_of_the_catalog_needs_what_may_be_empty():
    """A result may be without an identifier, and a promotion without a reason."""
    (body,) = [body for headers, body in catalog().values() if headers["Subject"] == "Result decided"]
    assert "@WINNOWD_EXPERIMENT@" not in body
    assert re.search(r"@WINNOWD_DECISION@\. @WINNOWD_REASON@\n", body)


@pytest.mark.skipif(not shutil.which("journalctl"), reason="there is no journalctl")
def test_the_journal_takes_the_catalog(tmp_path):
    place = tmp_path / "usr/lib/systemd/catalog"
    place.mkdir(parents=True)
    shutil.copy(ROOT / "systemd/winnowd.catalog", place)
    journal = ["journalctl", f"--root={tmp_path}"]
    subprocess.run([*journal, "--update-catalog"], check=True, timeout=PATIENCE)
    listed = subprocess.run([*journal, "--list-catalog"], check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert {line.split(" ")[0] for line in listed.stdout.splitlines()} == set(events())


# --check-result.


def check(winnowd, content, name="exp-9.json"):
    path = winnowd.directory / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    status, text, said = winnowd.run_beside("--check-result", str(path))
    assert said == ""
    return status, text


def line(text, word):
    (found,) = [row for row in text.splitlines() if row.startswith(f"{word}: ")]
    return found


def test_a_promotion_is_explained(winnowd, project):
    winnowd.configure(
        metrics={"val_bpb": {"direction": "minimize", "min_delta": 0.001, "min_relative": "1e-2"}},
        forge={"labels": ["experiment", "night"], "reviewers": ["Timmy"]}, validation={"launcher": ["nice"]},
    )  # fmt: skip
    winnowd.drop(result("exp-1", 1.0))
    winnowd.once()
    diff = project.experiment({
        "train.py": "def loss():\n    return 1\n", "tox.ini": "[tox]\n", "results.tsv": "x\n", "new.bin": b"\0\1",
    })[1]  # fmt: skip
    before = sorted(winnowd.state.rglob("*"))
    status, text = check(winnowd, result("exp-9", [0.8, 0.9, 0.85], metric_before=1.5, diff=diff))
    assert status == 65
    assert text.startswith("exp-9: queued, would fail at compose: the change touches protected files (change.protect): tox.ini\n")
    assert "cannot be made one commit on main, as it is in " in line(text, "Trial")
    assert "val_bpb 0.85, the mean of 3 runs from 0.8 to 0.9; lower is better" in line(text, "Measured")
    assert "1, the frontier, set by exp-1; metric_before is 1.5, which is not better" in line(text, "Reference")
    assert "by more than 0.01 (min_delta 0.001, min_relative 0.01 of the reference: 0.01)" in line(text, "Threshold")
    assert "it is better by 0.15 (15 %)" in line(text, "Threshold")
    assert "0.1 apart (standard deviation 0.05)" in line(text, "Noise") and "5.2 times" in line(text, "Noise")
    assert "4 files" in line(text, "Change")
    assert re.search(r"^  tox.ini \(\+0 -\d+\): protected", text, re.MULTILINE)
    assert re.search(r"^  results.tsv \(\+1 -1\): left out", text, re.MULTILINE)
    assert re.search(r"^  train.py \(\+\d+ -\d+\)$", text, re.MULTILINE)
    assert re.search(r"^  new.bin \(binary\)$", text, re.MULTILINE)
    for word in ("experiment/exp-9 from main", "nice sh check", "experiment, night", "Timmy", "undone"):
        assert word in line(text, "Job"), word
    assert sorted(winnowd.state.rglob("*")) == before


def test_what_a_judgement_depends_on_is_said(winnowd):
    winnowd.configure(metrics={"a": {"direction": "maximize", "baseline": 5}, "b": {"direction": "maximize", "reference": "before"}})
    _, text = check(winnowd, result("x", 4, metric="a"))
    assert text.startswith("x: discarded")
    assert "configured as metrics.a.baseline" in line(text, "Reference") and "worse by 1 (20 %)" in line(text, "Threshold")
    assert "measured once" in line(text, "Noise") and "Job" not in text
    _, text = check(winnowd, result("x", [6, 8], metric="a", metric_before=5.5))
    assert "5.5, measured by the experimenter (metric_before); the frontier is 5, configured" in line(text, "Reference")
    assert "may well be chance" in line(text, "Noise")
    assert "would be rejected: it would be promoted, but has no change" in text.splitlines()[0] and "there is none" in line(text, "Change")
    _, text = check(winnowd, result("x", 6, metric="b", metric_before=5, commit="1234567"))
    assert "metrics.b.reference asks for this one only" in line(text, "Reference")
    assert "commit 1234567" in line(text, "Change") and "none are configured" in line(text, "Change")
    _, text = check(winnowd, result("x", 6, metric="b"))
    assert "Job: none; later results are compared with this one." in text


def test_the_files_of_a_commit_are_looked_up(winnowd, project):
    winnowd.configure(sources=[str(winnowd.directory / "gone"), str(project.work)])
    first, _ = project.experiment({"train.py": "def loss():\n    return 1\n"})
    second, _ = project.experiment({"tox.ini": "[tox]\n"}, parent=first)
    git("config", "diff.external", f"touch {winnowd.directory}/ran;", directory=project.work)

    def said(commit, **more):
        status, text = check(winnowd, result("x", 0.9, metric_before=1.0, commit=commit, **more))
        assert (status == 0) == text.startswith("x: queued, would be promoted: "), text
        return text

    text = said(second[:9])
    assert f"it cannot be read in {winnowd.directory}/gone: " in text
    assert f"Change: that of commit {second[:9]} in {project.work} since main, as it is known there: it touches 2 files:\n" in text
    assert re.search(r"^  train.py \(\+\d+ -\d+\)$", text, re.MULTILINE)
    assert re.search(r"^  tox.ini \(\+\d+ -\d+\): protected", text, re.MULTILINE)
    assert "gone" not in said(second, repository="work")
    assert "a repository that is none of `sources`" in said(second, repository="other")
    assert "is in no source that can be read from here" in line(said("1234567", repository="work"), "Change")
    git("branch", "-q", "-f", "1234567", first, directory=project.work)
    assert "is in no source" in line(said("1234567", repository="work"), "Change")

    assert "is part of main already" in line(said(project.tip, repository="work"), "Change")

    # An experimenter who commits on the base: then it is the parent that it is compared with.
    base = project.tip
    git("update-ref", "-d", "refs/remotes/origin/main", directory=project.work)
    git("update-ref", "refs/heads/main", second, directory=project.work)
    text = said(second, repository="work")
    git("update-ref", "refs/heads/main", base, directory=project.work)
    assert "since its parent, as main is not known there: it touches 1 file:" in text and "train.py" not in text
    assert not (winnowd.directory / "ran").exists()


def test_results_that_wait_are_said(winnowd, project):
    winnowd.configure(forge={"base": "nothing"})
    winnowd.unfinished = True
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-1", decision="queued")
    _, text = check(winnowd, result("exp-9", 0.8, metric_before=1.0, diff=project.tweak(WIDTH=66)))
    assert line(text, "Queue").startswith("Queue: 1 result waits;")


@pytest.mark.parametrize(
    "diff, said",
    [
        ("--- a/x\n+++ b/x\n@@ ... @@\n-a\n", 'line 3 of the patch, "@@ ... @@"'),
        ("diff --git a/x b/x --- a/x +++ b/x @@ -1 +1 @@ -a +b\n", "the patch is no diff"),
        ("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\nOnly in new: y\n", "Only in new: y"),
    ],
)
def test_a_patch_that_cannot_be_taken(winnowd, diff, said):
    status, text = check(winnowd, result("exp-9", 0.9, metric_before=1.0, diff=diff))
    assert status == 65 and text.startswith("exp-9: queued, would fail at compose: ") and said in text.split("\n")[0]
    assert said in line(text, "Change")


def test_a_change_is_tried_on_the_base_as_it_was_fetched_last(winnowd, project):
    winnowd.configure(sources=[str(project.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    winnowd.once()
    before = {path: path.stat().st_mtime_ns for path in sorted(winnowd.state.rglob("*"))}
    protected = project.experiment({"tox.ini": "[tox]\n"})[1]
    commit = project.experiment({"train.py": "RATE = 1\n"})[0]
    conflict = project.tweak(DEPTH=13).replace("-DEPTH = 12", "-DEPTH = 11")
    project.bare.rename(project.bare.with_name("gone.git"))  # the forge is asked nothing
    for change, reason in (
        ({"diff": project.tweak(DEPTH=13)}, None),
        ({"commit": commit}, None),
        ({"diff": conflict}, "does not apply to train.py"),
        ({"diff": protected}, "tox.ini"),
        ({"diff": "nothing of the kind"}, "no diff"),
        ({"commit": "1234567"}, "1234567"),
    ):
        status, text = check(winnowd, result("exp-9", 0.8, metric_before=1.0, **change))
        first = text.splitlines()[0]
        if reason is None:
            assert status == 0 and first.startswith("exp-9: queued, would be promoted: "), text
            assert line(text, "Trial") == "Trial: it fits main, as it was fetched last."
        else:
            assert status == 65 and first.startswith("exp-9: queued, would fail at compose: "), text
            assert reason in first and reason in line(text, "Trial")
    project.bare.with_name("gone.git").rename(project.bare)
    assert {path: path.stat().st_mtime_ns for path in sorted(winnowd.state.rglob("*"))} == before


@pytest.mark.parametrize("what", ["is gone", "lacks a blob"])
def test_a_source_that_cannot_be_read_holds_and_fails_nobody(winnowd, project, what):
    """The result is not to blame, and the exit status is that of the installation."""
    commit = project.experiment({"train.py": "RATE = 1\n"})[0]
    git("update-ref", "refs/heads/rate", commit, directory=project.work)
    source = winnowd.directory / "source"
    if what != "is gone":
        git("clone", "-q", project.work, source)
        blob = git("rev-parse", f"{commit}:train.py", directory=source)
        (source / ".git/objects" / blob[:2] / blob[2:]).unlink()
    winnowd.configure(sources=[str(source)])
    status, text = check(winnowd, result("exp-9", 0.8, metric_before=1.0, commit=commit))
    assert status == 78 and text.startswith(f"exp-9: queued, would be held: sources: {source}"), text
    assert "fail at compose" not in text
    winnowd.configure(sources=[str(source), str(project.work)]).write_configuration()  # another one has it
    status, text = check(winnowd, result("exp-9", 0.8, metric_before=1.0, commit=commit))
    assert status == 0 and text.startswith("exp-9: queued, would be promoted: "), text
    winnowd.configure(validation={"command": ["nice", "no-such-program"]}).write_configuration()
    status, text = check(winnowd, result("exp-9", 0.8, metric_before=1.0, commit=commit))
    held = "exp-9: queued, would be held: validation.command: no-such-program"
    assert status == 78 and text.startswith(held), text


def staged(project, *entries, parent="main"):
    """A commit of such entries (mode, content or hash, path) that is in `work` alone, and its diff."""
    git("checkout", "-q", "--detach", parent, directory=project.work)
    for mode, content, path in entries:
        name = content if mode == "160000" else git("hash-object", "-w", "--stdin", text=content, directory=project.work)
        git("update-index", "--add", "--cacheinfo", f"{mode},{name},{path}", directory=project.work)
    git("commit", "-q", "-m", "An experiment", directory=project.work)
    diff = git("diff", "HEAD^", "HEAD", directory=project.work, whole=True)
    commit = git("rev-parse", "HEAD", directory=project.work)
    git("checkout", "-q", "-f", "main", directory=project.work)
    git("clean", "-qfdx", directory=project.work)
    return commit, diff


@pytest.mark.parametrize("known", ["local forge", "origin of a source", "nowhere"])
def test_a_change_is_tried_before_the_base_was_ever_fetched(winnowd, project, known):
    """A fault of the change alone is found without the base."""
    forge = {"kind": "gitea", "url": "http://127.0.0.1:1", "owner": "o", "repo": "r"}
    winnowd.configure(**({} if known == "local forge" else {"forge": forge}), sources=[] if known == "nowhere" else [str(project.work)])
    if known == "nowhere":
        winnowd.config["forge"].pop("path"), winnowd.config["forge"].pop("outbox")
    submodule = ("160000", project.tip, "lib")
    link = ("120000", "../../etc/shadow", "data")
    for name, (commit, diff), reason in (
        ("a submodule", staged(project, submodule), "the change touches a submodule: lib"),
        ("a link", staged(project, link), "a symbolic link that leaves the tree: data"),
        ("a link inside", staged(project, ("120000", "train.py", "data")), None),
        ("a renamed file", (None, "diff --git a/tox.ini b/t.ini\nsimilarity index 100%\nrename from tox.ini\nrename to t.ini\n"), "tox.ini"),
        ("a conflict", (None, project.tweak(DEPTH=13).replace("-DEPTH = 12", "-DEPTH = 11")), "does not apply to train.py"),
    ):
        for change in ({"diff": diff}, {"commit": commit}):
            if None in change.values() or (known == "nowhere" and ("commit" in change or name == "a conflict")):
                continue
            status, text = check(winnowd, result("exp-9", 0.8, metric_before=1.0, **change))
            first = text.splitlines()[0]
            assert (status, reason or "would be promoted") == (65 if reason else 0, reason or "would be promoted"), (name, text)
            assert (reason or "would be promoted") in first, (name, change.keys(), text)
            assert {"local forge": ", as it is in ", "nowhere": "was not fetched yet"}.get(known, f", as it is known in {project.work}") in line(text, "Trial")
    assert list(winnowd.state.iterdir()) == []


def test_the_files_of_a_commit_are_checked_where_the_base_is_not_known(winnowd, project):
    """A source without the base: the commit's own files are what can be looked at."""
    winnowd.configure(forge={"base": "trunk"}, sources=[str(project.work)])
    for entry, reason in ((("160000", project.tip, "lib"), "a submodule: lib"), (("120000", "/etc/shadow", "data"), "leaves the tree: data")):
        status, text = check(winnowd, result("exp-9", 0.8, metric_before=1.0, commit=staged(project, entry)[0]))
        assert status == 65 and reason in text.splitlines()[0] and "was not fetched yet" in line(text, "Trial")


def test_keys_that_are_not_known_are_named(winnowd):
    status, text = check(winnowd, result("x", 1.0, gpu_hours=3, phase="late"))
    assert status == 0
    assert "\nUnknown keys, shown among the details: gpu_hours, phase.\n" in text


@pytest.mark.parametrize("name", ["A.JSON", "x.txt", ".x.json", "x.json.tmp"])
def test_a_name_that_is_never_looked_at(winnowd, name):
    status, text = check(winnowd, result("x", 1.0), name)
    assert status == 65 and "rejected: the name: expected one that ends in .json, .yaml, .yml, .tsv or .jsonl" in text


def test_what_would_be_promoted_without_a_change_is_wrong(winnowd):
    status, text = check(winnowd, result("x", 0.9, metric_before=1.0))
    assert status == 65 and text.startswith("x: queued, would be rejected: ")


@pytest.mark.parametrize(
    "name, content, place, marked",
    [
        ("a.json", '{"experiment_id": "x",\n "metric" 3}', "2:11", "3"),
        ("a.json", '{"experiment_id": "x", "hypothesis": "ä", "metric": "val_bpb",\n  "metric_after": "fast"}', "2:19", '"fast"'),
        ("a.json", '{"experiment_id": "x", "hypothesis": "h", "metric": "nope", "metric_after": 1}', "1:53", '"nope"'),
        ("a.yaml", "experiment_id: x\nhypothesis: h\nmetric: nope\nmetric_after: 1\n", "3:9", "nope"),
        ("a.yaml", "experiment_id: x\nhypothesis: *h\n", "2:13", "*h"),
        ("a.yaml", "experiment_id: ä\n", "1:16", "ä"),
    ],
)
def test_a_rejection_has_its_caret(winnowd, name, content, place, marked):
    status, text = check(winnowd, content, name)
    assert status == 65
    sentence, where, shown, below = text.rstrip("\n").split("\n")
    assert "rejected: " in sentence and where == f"{winnowd.directory / name}:{place}"
    at = below.index("^")
    assert shown[at:at + len(marked)] == marked
    assert below[at:] == "^" + "~" * (len(marked) - 1)


def test_a_rejection_without_a_place(winnowd):
    status, text = check(winnowd, '{"experiment_id": "x"}')
    assert status == 65 and text.count("\n") == 1


# --check-config.


def test_every_error_of_a_configuration_has_its_caret(winnowd):
    lines = ["spool: relative", "metrics:", "  val_bpb: {direction: down}", "quue: {parallel: 2}", "forge: {kind: local, path: /x}"]
    winnowd.write_configuration("\n".join(lines) + "\n")
    status, _, said = winnowd.run_beside("--check-config")
    assert status == 78
    told = said.rstrip("\n").split("\n")
    assert len(told) == 9
    for sentence, shown, below, marked in zip(told[::3], told[1::3], told[2::3], ("relative", "down", "quue")):
        number, column = map(int, re.match(r"[^:]*:(\d+):(\d+): ", sentence).groups())
        assert shown.endswith(f"{number} | {lines[number - 1]}")
        assert lines[number - 1][column - 1:].startswith(marked)
        assert below.endswith(" " * (column - 1) + "^" + "~" * (len(marked) - 1))


# Completion.


def complete(shell_file, *words):
    """What bash offers for the last word."""
    script = f"""
        source {shell_file}
        COMP_WORDS=({' '.join(f"'{word}'" for word in words)})
        COMP_CWORD={len(words) - 1}
        $(complete -p winnowd | sed 's/.*-F \\([^ ]*\\) .*/\\1/') winnowd
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    script = script.replace("$(complete -p winnowd | sed 's/.*-F \\([^ ]*\\) .*/\\1/') winnowd", "_winnowd")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
    return [word for word in done.stdout.split("\n") if word]


def options_of_help():
    text = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"^ +(?:(-\w), )?(--[\w-]+)", text, re.MULTILINE)), text


def test_bash_completes_options_and_files(tmp_path):
    script = COMPLETIONS / "winnowd.bash"
    known = {word for pair in options_of_help()[0] for word in pair if word}
    assert set(complete(script, "winnowd", "")) == set(complete(script, "winnowd", "-")) == known
    assert complete(script, "winnowd", "--check-") == ["--check-config", "--check-result"]
    assert complete(script, "winnowd", "--nothing") == []
    for name in ("a b.yaml", "ab.json", "other"):
        (tmp_path / name).touch()
    found = [f"{tmp_path}/a b.yaml", f"{tmp_path}/ab.json"]
    for words in (["-c"], ["--config"], ["--config", "="], ["--check-result"], ["--once", "-c"]):
        assert sorted(complete(script, "winnowd", *words, f"{tmp_path}/a")) == found, words


def test_zsh_offers_every_option_with_its_help():
    known, text = options_of_help()
    script = (COMPLETIONS / "_winnowd").read_text(encoding="utf-8")
    assert script.startswith("#compdef winnowd\n")
    offered = re.findall(r"\)(--?[\w-]+)=?\[(.*)\](?::\w+:\w*)?'", script)
    assert {name for name, _ in offered} == {word for pair in known for word in pair if word}
    for _, help_words in offered:
        assert help_words.replace("\\", "") in re.sub(r"\n {2,}", " ", text), help_words
    assert script.count(":file:_files") == 3


@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh")
def test_zsh_completes(tmp_path):
    shutil.copy(COMPLETIONS / "_winnowd", tmp_path)
    script = f"""
        fpath=({tmp_path} $fpath)
        autoload -Uz compinit && compinit -u -d {tmp_path}/dump
        zmodload zsh/zpty
        zpty shell 'zsh -f -i'
        zpty -w shell 'PS1=; fpath=({tmp_path} $fpath); autoload -Uz compinit; compinit -u -d {tmp_path}/dump; LISTMAX=1000; print ready'
        zpty -r shell line '*ready*ready*'
        zpty -n -w shell 'winnowd --check-'$'\\t'$'\\t'
        zpty -r shell line '*--check-result*'
        print -r -- "$line"
    """
    done = subprocess.run(["zsh", "-f", "-c", script], capture_output=True, text=True, timeout=PATIENCE, env={**os.environ, "TERM": "dumb", "HOME": str(tmp_path)})  # fmt: skip
    assert "--check-config" in done.stdout and "--check-result" in done.stdout, done


def test_help_fits_a_terminal():
    pairs, text = options_of_help()
    assert len(pairs) >= 8 and max(map(len, text.splitlines())) <= 90


# SIGHUP.


def test_a_reload_says_what_needs_a_restart_and_applies_the_rest(winnowd, project):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    winnowd.configure(
        state=str(winnowd.directory / "elsewhere"), forge={"base": "other", "labels": ["new"]},
        metrics={"val_bpb": {"direction": "minimize", "min_delta": 0.5}}, change={"author": "Somebody <some@body>"},
        log={"status_every": "200ms"}, queue={"order": "best"},
    )  # fmt: skip
    winnowd.write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    keys = log.wait(msg=lambda text: "only a restart" in text)["keys"]
    assert set(keys.split(", ")) == {"state", "forge.base"}
    log.wait(msg="configuration reloaded")
    log.wait(msg="status")  # status_every
    winnowd.drop(result("exp-2", 0.6, diff=project.tweak(WIDTH=65)))
    assert "by more than 0.5" in log.wait(experiment="exp-2", decision="discarded")["reason"]
    winnowd.drop(result("exp-3", 0.4, diff=project.tweak(WIDTH=66)))
    log.wait(experiment="exp-3", decision="promoted")
    (pull,) = winnowd.forge.pulls()
    assert pull.labels == ["new"] and pull.base == "main"
    assert "Somebody <some@body>" in winnowd.forge.show("-s", "--format=%an <%ae>", pull.sha)


# The output of the tests.


@pytest.mark.parametrize("level", ["debug", "info"])
def test_what_the_tests_print_is_logged_at_debug(winnowd, project, level):
    winnowd.configure(log={"level": level}, validation={"command": ["printf", "%s\\n", 'one "1"', "msg=fake\033[2J", "two"]})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log = winnowd.once()
    said = [event["output"] for event in log.all(msg="output of a validation", experiment="exp-1")]
    assert said == (['one "1"', "msg=fake\033[2J", "two"] if level == "debug" else [])
