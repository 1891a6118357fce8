"""Promise: a patch is taken whole or not at all.

These are inputs that people really made. They are kept outside of the repository (WINNOWD_CASES), each with what
must become of it.
"""

import os
import pathlib
import re
import shutil
import subprocess
import types

import harness
import pytest
import yaml

FOLDER = os.environ.get("WINNOWD_CASES")
pytestmark = pytest.mark.skipif(not FOLDER, reason="WINNOWD_CASES is not set")

# What the log, and for some the file or the pull request, has to say. A change is (path, what stands in it afterwards).
LR = ("train.py", "LR = 0.2")
PROMOTED = {
    "U0": [LR],
    "aider-udiff-edit": [("src/model.py", "LR = 0.2")],
    "bom-newfile": [("run.sh", "echo")],
    "crlf-base-lf-patch": [("train.py", "LR = 0.2\r\n")],
    "crlf-delete-mode": [],
    "crlf-empty-new": [("e.py", "")],
    "difflib-sub": [("src/model.py", "LR = 0.2")],
    "llm-count-too-small": [("train.py", "CLIP = 1.0\n\nWARMUP = 100\n")],
    "llm-count-too-small-2hunks": [("train.py", "CLIP = 1.0"), ("train.py", "main(); print()")],
    "llm-hunk-count": [LR],
    "newfile-count-too-small": [("foo.py", "A = 1\nB = 2\nC = 3\nD = 4\n")],
    # The base has the file at exactly this path, whatever the directory in which the patch was made.
    "noprefix-sub": [("src/model.py", "LR = 0.2")],
    "noprefix-top": [LR],
    "offset2": [("m.py", "# old layer\n\n\nclass L:\n    p = 0.2\n"), ("m.py", "# new layer\n\n\nclass L:\n    p = 0.1\n")],
    "powershell-utf8bom-crlf": [("train.py", "LR = 0.2\n")],
    "real-noprefix": [LR],
    # A new file at the top looks like this, too: that it was made in a directory stands nowhere.
    "relative-newfile": [("new.py", "x")],
    "series-create-rename-edit": [("m.py", "")],
    "svn-diff": [("src/model.py", "LR = 0.2")],
}
FAILED = {
    "a-dotslash": r'invalid path: it has a part "\."',
    "abs-newfile": "absolute path",
    "aider-udiff-newfile": "cannot be placed.*--src-prefix=a/ --dst-prefix=b/",
    "annotated-names": r"train.py \(original\).*does not exist on the base",
    "ansi-colour": "coloured",
    "backslash-edit": "backslash",
    "backslash-newfile": "backslash",
    "bom-2files": "run.py does not exist on the base",  # its base lacks the file; the mark is skipped
    "combined-only": "combined diff",
    "combined-plus-plain": "combined diff",
    "comment-line-between-files": "line 8 of the patch.*Now the second file:",
    "diff-absolute": "absolute path.*git diff with",
    "diff-ru": "Only in new: notes.txt",
    "diff-ru-binary": "orig/w.bin and new/w.bin differ.*Only in new/src: extra.py",
    "double-slash": "does not exist on the base",
    "git-binary-nobinary": "cannot apply binary patch to w.bin.*without full index line.*--binary",
    "indented-second": r"line 13 of the patch.*diff --git a/src/model.py",
    "irreversible-delete": "pkg/a.py: removal patch leaves file contents",
    "llm-bare-at": "line 3 of the patch.*without line numbers",
    "llm-no-numbers": "line 3 of the patch.*without line numbers",
    "mail-base64": "encoded",
    "mail-qp": "encoded",
    "mixed-codex": r"\*\*\* Begin Patch",
    "nfd-name": "does not exist on the base",
    "no-index-absolute": "home/me/lab/orig/train.py.*does not exist on the base",
    "no-index-dirs": "orig/train.py.*does not exist on the base",
    "noprefix-newfile": "cannot be placed",
    "noprefix-wrongfile": "may be old/train.py or train.py",
    "powershell-utf16": "UTF-16",
    "relative": "a.py does not exist on the base",
    "submodule-log": "submodule",
    "yaml-diff-folded": "lost its line ends.*the patch is no diff",
}
MENDED = {  # what the pull request says of it
    "crlf-base-lf-patch": "CRLF",
    "llm-hunk-count": "hunk at line 3",
    "powershell-utf8bom-crlf": "CRLF",
}
# What the log says of results that are no patches.
SAID = {
    "command-missing": r"hold|wait.*validation\.command",
    "details-nested": r"decision=rejected.*details.*scalars",
    "git-describe": r"decision=promoted",
    "lfs-pointer": r"level=error.*(data/w\.bin.* git LFS: .*remote missing object|git-lfs is not installed)",
    "nan-after-crashed": r"decision=crashed",
    "nan-before": r"decision=rejected.*null",
    "nan-in-details": r"decision=rejected.*grad_norm.*null",
    # It has no change, or else the word would have promoted it.
    "status-words": r"decision=queued reason=\"0.9 is below 1[^\n]*\n(.*\n)*.*decision=rejected.*would be promoted",
    "surrogate-json": r"decision=rejected.*surrogate pair.*patch file",
    "upper-case-ending": r"A\.JSON",
    "utf16-json": r"decision=rejected.*UTF-16",
}
COMMANDS = {"command-missing": ["no-such-program"], "git-describe": ["python3", "t.py"],
            "lfs-pointer": ["python3", "t.py"]}  # fmt: skip
# They need more than a local forge and a moment: a server that refuses, the network, a second repository, a spool that is watched.
ELSEWHERE = {
    "base-is-red", "forge-gave-up-message", "metric-names", "reviewer-cannot-read", "rsync-order", "submodule-in-base", "tox-charm-template",
    "tox-minversion-4", "tox-requires-plugin", "tox-skip-missing-interp",
}  # fmt: skip


def case(name):
    return pathlib.Path(FOLDER) / name


class Repository:
    """What a forge serves: the content of a case's base, on top of what it was when it was measured."""

    base = "main"
    tests = ("true",)

    def __init__(self, directory, name):
        self.bare, work = directory / "project.git", directory / "work"
        harness.git("init", "-q", "--bare", "--initial-branch=main", self.bare)
        harness.git("init", "-q", "--initial-branch=main", work)
        for folder in ("base-when-measured", "base"):
            if (case(name) / folder).exists():
                for path in work.iterdir():
                    if path.name != ".git":
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                shutil.copytree(case(name) / folder, work, dirs_exist_ok=True)
                for path in [work, *work.rglob("*")]:
                    path.chmod(path.stat().st_mode | 0o200)
            harness.git("add", "-A", directory=work)
            harness.git("commit", "-q", "--allow-empty", "-m", folder, directory=work)
        harness.git("tag", "v1.0", directory=work)
        harness.git("push", "-q", self.bare, "main", "v1.0", directory=work)

    @property
    def tip(self):
        return harness.git("rev-parse", "refs/heads/main", directory=self.bare)


def content_of(name):
    """Cases of the same content can share a daemon."""
    found = []
    for folder in ("base-when-measured", "base"):
        root = case(name) / folder
        for path in sorted(root.rglob("*")):
            if path.is_file():
                found.append((folder, str(path.relative_to(root)), path.read_bytes()))
    return tuple(found)


def drop(winnowd, name, number):
    """Drops the case as it is, with another id, and with a value that beats those before it."""
    (source,) = [path for path in case(name).iterdir() if path.stem == "x1" and path.suffix in (".json", ".yaml")]
    result = yaml.safe_load(source.read_text(encoding="utf-8"))
    result.update(experiment_id=name, metric_after=0.9 - number / 1000)
    if "patch" in result:
        shutil.copy(case(name) / result["patch"], winnowd.spool / f"{name}.patch")
        (winnowd.spool / f"{name}.patch").chmod(0o644)
        result["patch"] = f"{name}.patch"
    winnowd.drop(result)


def run_group(directory, names):
    directory.mkdir()
    repository = Repository(directory, names[0])
    forge = harness.LocalForge(repository, directory)
    winnowd = harness.Winnowd(directory, forge)
    winnowd.configure(validation={"command": ["true"], "sandbox": "none"})
    for number, name in enumerate(names):
        drop(winnowd, name, number)
    log = winnowd.once()
    winnowd.check_promises()
    pulls = {pull.head.removeprefix("experiment/"): pull for pull in forge.pulls()}
    decided = {event["experiment"]: event for event in log.events if event["msg"] == "result decided"}
    return {
        name: types.SimpleNamespace(
            forge=forge, decision=decided[name]["decision"], reason=decided[name].get("reason", ""), pull=pulls.get(name), log=log,
        ) for name in names
    }  # fmt: skip


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory, the_binary_is_there):
    """What became of each case. One daemon serves all cases with the same base."""
    groups = {}
    for name in [*PROMOTED, *FAILED]:
        groups.setdefault(content_of(name), []).append(name)
    found = {}
    for number, names in enumerate(groups.values()):
        found |= run_group(tmp_path_factory.mktemp("cases") / str(number), names)
    return found


def test_every_case_is_listed():
    there = {path.name for path in pathlib.Path(FOLDER).iterdir() if path.is_dir()}
    assert there == {*PROMOTED, *FAILED, *SAID, *ELSEWHERE}


@pytest.mark.xdist_group("cases")
@pytest.mark.parametrize("name", PROMOTED)
def test_a_patch_is_taken_whole(outcomes, name):
    outcome = outcomes[name]
    assert outcome.decision == "promoted", outcome.reason
    for path, content in PROMOTED[name]:
        found = harness.git("cat-file", "blob", f"{outcome.pull.sha}:{path}", directory=outcome.forge.project.bare, whole=True)
        assert content.replace("\r\n", "\n") in found.replace("\r\n", "\n"), path


@pytest.mark.xdist_group("cases")
@pytest.mark.parametrize("name", FAILED)
def test_or_not_at_all(outcomes, name):
    outcome = outcomes[name]
    assert outcome.decision == "failed"
    assert re.search(FAILED[name], outcome.reason), outcome.reason
    assert outcome.pull is None


@pytest.mark.xdist_group("cases")
@pytest.mark.parametrize("name", MENDED)
def test_what_was_mended_is_said(outcomes, name):
    outcome = outcomes[name]
    assert MENDED[name] in outcome.pull.body
    said = [event for event in outcome.log.events if event["msg"].startswith("patch mended") and event["experiment"] == name]
    assert len(said) == 1 and MENDED[name] in said[0]["reason"]


@pytest.mark.xdist_group("cases")
@pytest.mark.parametrize("name", [name for name, lines in PROMOTED.items() for _, content in lines if "\r" in content])
def test_line_ends_of_the_base_are_kept(outcomes, name):
    outcome = outcomes[name]
    for path, content in PROMOTED[name]:
        bare = outcome.forge.project.bare
        whole = subprocess.run(["git", "-C", bare, "show", f"{outcome.pull.sha}:{path}"], capture_output=True, check=True).stdout
        assert content.encode() in whole and whole.count(b"\n") == whole.count(b"\r\n")


def check_said(directory, name, pattern):
    repository = Repository(directory, name)
    winnowd = harness.Winnowd(directory, harness.LocalForge(repository, directory))
    winnowd.configure(validation={"command": COMMANDS.get(name, ["true"]), "sandbox": "none"})
    for path in case(name).iterdir():
        if path.is_file() and path.name not in ("expected.txt", "how.txt"):
            shutil.copy(path, winnowd.spool / path.name)
    winnowd.write_configuration()
    _, _, log = winnowd.run("--once")
    assert re.search(pattern, log.text), log.text


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name, tmp_path, the_binary_is_there):
    check_said(tmp_path, name, SAID[name])
