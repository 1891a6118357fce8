"""Promise: no ordinary patch is refused: each form that git and diff make becomes the tree from which it was made."""

import os
import re
import subprocess
import types

import exhaustive
import harness
import pytest

LINES = "".join(f"line {number}\n" for number in range(1, 61))
REMARKS = "-- first\nselect 1;\n-- second\n++ not a remark\nselect 2;\n"
STORED = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n-- one\n-two\n+three\n"
BASE = {
    "code.py": LINES,
    "src/deep/code.py": LINES.replace("line", "deep"),
    "a b.txt": LINES.replace("line", "blank"),
    "tab\there.txt": "tab\n",
    "grün.txt": "grün\n",
    "crlf.txt": LINES.replace("\n", "\r\n"),
    "query.sql": REMARKS,
    "stored.patch": STORED,
    "nofinal.txt": "one\ntwo",
    "gone.txt": "gone\n",
    "emptied.txt": "emptied\n",
}
TEXT = {
    "code.py": LINES.replace("line 3\n", "line three\n").replace("line 50\n", "line fifty\nand more\n"),
    "src/deep/code.py": LINES.replace("line", "deep").replace("deep 60\n", ""),
    "a b.txt": LINES.replace("line", "blank").replace("blank 30\n", "blank\n"),
    "tab\there.txt": "tabs\n",
    "grün.txt": "grüner\n",
    "crlf.txt": LINES.replace("\n", "\r\n").replace("line 9\r\n", "line nine\r\n"),
    "query.sql": REMARKS.replace("-- second\n++ not a remark\n", "").replace("-- first\n", ""),
    "stored.patch": STORED.replace("-two\n+three\n", "+three\n-- \n2.39.5\n"),
    "nofinal.txt": "one\ntwo\nthree",
    "gone.txt": None,
    "emptied.txt": "",
    "new/file.py": "new\n",
    "ünder.txt": "x\n\n\ny\n",
}
SIMPLE = {"code.py": TEXT["code.py"], "src/deep/code.py": TEXT["src/deep/code.py"]}
BINARY = bytes(range(256)) * 8


def run(place, *command, status=(0,)):
    done = subprocess.run(command, cwd=place, capture_output=True, env={**os.environ, **harness.IDENTITY, "LC_ALL": "C.UTF-8"})
    assert done.returncode in status, (command, done.stderr)
    return done.stdout


class Forms:
    """Commits on one base, and the same trees as plain directories."""

    def __init__(self, directory):
        self.project = harness.Project(directory, files=BASE)
        work = self.work = self.project.work
        (work / "blob.bin").write_bytes(BINARY)
        (work / "moved.py").write_text(LINES.replace("line", "moved"))
        (work / "run.sh").write_text("#!/bin/sh\n")
        os.symlink("code.py", work / "link")
        harness.git("add", "-A", directory=work)
        harness.git("commit", "-q", "-m", "Odds and ends", directory=work)
        self.project.publish()
        self.base = harness.git("rev-parse", "HEAD", directory=work)
        self.commits = {
            "text": self.commit(lambda: self.project.write(TEXT)),
            "simple": self.commit(lambda: self.project.write(SIMPLE)),
            "all": self.commit(self.change_all),
            "moved": self.commit(self.move),
        }
        self.commits["series"] = self.make_series()
        for name in ("base", "text", "simple"):
            self.export(directory / "trees" / ("a" if name == "base" else f"b-{name}"), self.commits.get(name, self.base))

    def commit(self, change):
        harness.git("checkout", "-q", "--detach", self.base, directory=self.work)
        change()
        harness.git("add", "-A", directory=self.work)
        harness.git("commit", "-q", "-m", "A subject\n\nA message with\n\n    diff --git a/x b/x\n\nin it.\n", directory=self.work)
        return harness.git("rev-parse", "HEAD", directory=self.work)

    def move(self):
        (self.work / "src/there").mkdir()
        (self.work / "moved.py").rename(self.work / "src/there/moved.py")
        self.project.write({"src/there/moved.py": LINES.replace("line", "moved").replace("moved 7\n", "moved seven\n")})
        (self.work / "a b.txt").rename(self.work / "c d.txt")

    def change_all(self):
        self.project.write(TEXT)
        self.move_moved()
        (self.work / "blob.bin").write_bytes(BINARY[::-1])
        (self.work / "new.bin").write_bytes(b"\0new")
        (self.work / "run.sh").chmod(0o755)
        (self.work / "link").unlink()
        os.symlink("src/deep/code.py", self.work / "link")
        os.symlink("run.sh", self.work / "another")
        (self.work / "empty").touch()

    def move_moved(self):
        (self.work / "src/there").mkdir()
        (self.work / "moved.py").rename(self.work / "src/there/moved.py")

    def make_series(self):
        self.commit(lambda: self.project.write({"n.py": "a\nb\nc\nd\ne\n", "code.py": LINES.replace("line 3\n", "line three\n")}))
        for files in ({"code.py": LINES.replace("line 3\n", "line 3 again\n")}, None, {"m.py": "a\nB\nc\nd\ne\n"}):
            if files:
                self.project.write(files)
            else:
                harness.git("mv", "n.py", "m.py", directory=self.work)
            harness.git("add", "-A", directory=self.work)
            harness.git("commit", "-q", "-m", "One more", directory=self.work)
        return harness.git("rev-parse", "HEAD", directory=self.work)

    def export(self, place, commit):
        place.mkdir(parents=True)
        run(place, "sh", "-c", f"git -C '{self.work}' archive {commit} | tar x && rm -rf link")

    def git(self, commit, *arguments, config=()):
        """A form that git makes: BASE and TIP stand for the two commits."""
        words = [word.replace("BASE", self.base).replace("TIP", self.commits[commit]) for word in arguments]
        options = [option for pair in config for option in ("-c", pair)]
        return run(self.work, "git", *options, *words)

    def at(self, commit, *arguments, config=(), staged=False):
        """The same in a checkout of the base that was changed by hand."""
        harness.git("checkout", "-q", "--detach", self.base, directory=self.work)
        harness.git("read-tree", "-u", "--reset", self.commits[commit], directory=self.work)
        if not staged:
            harness.git("read-tree", self.base, directory=self.work)
            harness.git("add", "-N", ".", directory=self.work)
        made = self.git(commit, *arguments, config=config)
        harness.git("read-tree", "-u", "--reset", self.base, directory=self.work)
        harness.git("clean", "-qfd", directory=self.work)
        return made

    def diff(self, *arguments):
        return run(self.work.parent / "trees", "diff", *arguments, status=(1,))


def text(*arguments, **more):
    return "text", lambda shop: shop.git("text", *arguments, **more)


def everything(*arguments, **more):
    return "all", lambda shop: shop.git("all", *arguments, **more)


def moved(*arguments, **more):
    return "moved", lambda shop: shop.git("moved", *arguments, **more)


def series(*arguments, **more):
    return "series", lambda shop: shop.git("series", *arguments, **more)


def edited(pattern, by):
    """What others put where git has its own lines, file by file."""
    return "simple", lambda shop: re.sub(pattern, by, shop.git("simple", "diff", *BOTH), flags=re.MULTILINE)


GIT_LINES = rb"^diff --git a/(.*) b/.*\nindex .*\n"
PYCHARM = rb"Index: \1\nIDEA additional info:\nSubsystem: com.intellij.openapi.diff.impl.patch.CharsetEP\n<+>UTF-8\n" + b"=" * 67 + b"\n"
CHANGESET = b"# HG changeset patch\n# User A Person\n# Date 1760000000 0\n# Parent  0123456789012345678901234567890123456789\nA message\n\nof two lines\n\n"
BOTH = ("BASE", "TIP")
FORMS = {
    "diff": text("diff", *BOTH),
    "diff --full-index": text("diff", "--full-index", *BOTH),
    "diff --abbrev=40": text("diff", "--abbrev=40", *BOTH),
    "diff -U0": text("diff", "-U0", *BOTH),
    "diff -U1": text("diff", "-U1", *BOTH),
    "diff -U50": text("diff", "-U50", *BOTH),
    "diff -W": text("diff", "-W", *BOTH),
    "diff --histogram": text("diff", "--histogram", *BOTH),
    "diff --patience": text("diff", "--patience", *BOTH),
    "diff --inter-hunk-context": text("diff", "--inter-hunk-context=50", *BOTH),
    "diff --stat -p": text("diff", "--stat", "-p", *BOTH),
    "diff --stat=40 -p": text("diff", "--stat=40,20", "-p", *BOTH),
    "diff --shortstat -p": text("diff", "--shortstat", "-p", *BOTH),
    "diff --numstat -p": text("diff", "--numstat", "-p", *BOTH),
    "diff --dirstat -p": text("diff", "--dirstat", "-p", *BOTH),
    "diff --compact-summary -p": text("diff", "--compact-summary", "-p", *BOTH),
    "diff --summary -p": text("diff", "--summary", "-p", *BOTH),
    "diff --patch-with-raw": text("diff", "--patch-with-raw", *BOTH),
    "diff --text": text("diff", "--text", *BOTH),
    "diff -R": text("diff", "-R", "TIP", "BASE"),
    "diff with quotePath off": text("diff", *BOTH, config=["core.quotePath=false"]),
    "diff with prefixes": text("diff", "--src-prefix=old/", "--dst-prefix=new/", *BOTH),
    "diff --no-prefix": text("diff", "--no-prefix", *BOTH),
    "diff.noprefix and a rename": moved("diff", *BOTH, config=["diff.noprefix=true"]),
    "diff-tree -p": text("diff-tree", "-r", "-p", *BOTH),
    "diff-tree -p of a commit": text("diff-tree", "-r", "-p", "TIP"),
    "c/ w/": ("text", lambda shop: shop.at("text", "diff", "BASE", config=["diff.mnemonicPrefix=true"])),
    "i/ w/": ("simple", lambda shop: shop.at("simple", "diff", config=["diff.mnemonicPrefix=true"])),
    "c/ i/": ("text", lambda shop: shop.at("text", "diff", "--cached", config=["diff.mnemonicPrefix=true"], staged=True)),
    "--stat behind the diff": ("text", lambda shop: b"".join(shop.git("text", "diff", what, *BOTH) for what in ("-p", "--stat", "--summary"))),
    "diff --binary": everything("diff", "--binary", *BOTH),
    "diff --binary --no-renames": everything("diff", "--binary", "--no-renames", *BOTH),
    "diff --binary -M -C -C": everything("diff", "--binary", "-M", "-C", "-C", *BOTH),
    "diff --binary -B -M": everything("diff", "--binary", "-B", "-M", *BOTH),
    "diff --binary --stat -p": everything("diff", "--binary", "--stat", "--summary", "-p", *BOTH),
    "diff --submodule=log": everything("diff", "--binary", "--submodule=log", *BOTH),
    "show": text("show", "TIP"),
    "show --binary": everything("show", "--binary", "TIP"),
    "show --stat -p": text("show", "--stat", "-p", "TIP"),
    "show --format=raw": text("show", "--format=raw", "TIP"),
    "show --format=fuller": text("show", "--format=fuller", "TIP"),
    "show --format=email": text("show", "--format=email", "TIP"),
    "show --oneline": text("show", "--oneline", "TIP"),
    "show --format=": text("show", "--format=", "TIP"),
    "log -p -1": text("log", "-p", "-1", "TIP"),
    "log -p --decorate": text("log", "-p", "-1", "--decorate=full", "TIP"),
    "log -p of several": series("log", "-p", "BASE..TIP"),
    "log -p --reverse": series("log", "-p", "--reverse", "BASE..TIP"),
    "log --stat -p of several": series("log", "--stat", "-p", "BASE..TIP"),
    "log --oneline -p of several": series("log", "--oneline", "-p", "BASE..TIP"),
    "format-patch": text("format-patch", "--stdout", "BASE..TIP"),
    "format-patch of all": everything("format-patch", "--stdout", "BASE..TIP"),
    "format-patch -k --no-stat": text("format-patch", "--stdout", "-k", "--no-stat", "BASE..TIP"),
    "format-patch --no-signature": text("format-patch", "--stdout", "--no-signature", "BASE..TIP"),
    "format-patch --signature": series("format-patch", "--stdout", "--signature=A Person\nby hand", "BASE..TIP"),
    "format-patch --base": text("format-patch", "--stdout", "--base=BASE", "BASE..TIP"),
    "format-patch --attach": text("format-patch", "--stdout", "--attach", "BASE..TIP"),
    "format-patch --inline": text("format-patch", "--stdout", "--inline", "BASE..TIP"),
    "format-patch of several": series("format-patch", "--stdout", "BASE..TIP"),
    "format-patch --cover-letter": series("format-patch", "--stdout", "--cover-letter", "BASE..TIP"),
    "format-patch --no-renames": series("format-patch", "--stdout", "--no-renames", "BASE..TIP"),
    "format-patch of a rename": moved("format-patch", "--stdout", "-M", "BASE..TIP"),
    "diff -ru": ("simple", lambda shop: shop.diff("-ru", "a", "b-simple")),
    "diff -ruN": ("text", lambda shop: shop.diff("-ruN", "-x", "emptied.txt", "a", "b-text")),
    "diff -Naurp": ("simple", lambda shop: shop.diff("-Naurp", "a", "b-simple")),
    "diff -u of two files": ("code", lambda shop: shop.diff("-u", "a/code.py", "b-simple/code.py")),
    "diff -u ./": ("code", lambda shop: shop.diff("-u", "--label", "./code.py", "--label", "./code.py", "a/code.py", "b-simple/code.py")),
    "diff --no-index": ("simple", lambda shop: run(
        shop.work.parent / "trees", "git", "diff", "--no-index", "--no-prefix", "a", "b-simple", status=(1,))),
    "PyCharm": edited(GIT_LINES, PYCHARM + rb"diff --git a/\1 b/\1\n"),
    "hg export": edited(GIT_LINES, CHANGESET + rb"diff -r 012345678901 -r 123456789012 \1\n"),
    "bzr diff": edited(GIT_LINES + rb"--- .*\n\+\+\+ .*\n", rb"=== modified file '\1'\n--- \1\t2025-10-09 08:53:20 +0000\n+++ \1\t2025-10-09 08:53:20 +0000\n"),
    "read as CRLF": ("simple", lambda shop: shop.git("simple", "diff", *BOTH).replace(b"\n", b"\r\n")),
    "CRLF of a file lost": ("text", lambda shop: shop.git("text", "diff", *BOTH).replace(b"\r\n", b"\n")),
    "without its last line end": ("simple", lambda shop: shop.git("simple", "diff", *BOTH).rstrip(b"\n")),
    "counts off by one": ("simple", lambda shop: shop.git("simple", "diff", *BOTH).replace(b",6 +", b",7 +").replace(b",9 @@", b",7 @@")),
}  # fmt: skip

# One of each way through the code is in every run; the others say the same once more.
RARE = {
    "diff --full-index", "diff --abbrev=40", "diff -U1", "diff --histogram", "diff --patience", "diff --inter-hunk-context",
    "diff --stat=40 -p", "diff --shortstat -p", "diff --dirstat -p", "diff --compact-summary -p", "diff --summary -p", "diff --text",
    "diff-tree -p", "i/ w/", "diff --binary --no-renames", "diff --submodule=log", "show", "show --binary", "show --format=fuller",
    "show --format=email", "show --format=", "log -p -1", "log -p --decorate", "log -p --reverse", "log --stat -p of several",
    "format-patch", "format-patch -k --no-stat", "format-patch --no-signature", "format-patch --signature", "format-patch --inline", "format-patch of several",
    "format-patch --no-renames", "bzr diff", "diff -Naurp", "without its last line end",
}  # fmt: skip


def forms():
    return [name for name in FORMS if exhaustive.everything or name not in RARE]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    return Forms(tmp_path_factory.mktemp("forms"))


@pytest.fixture(scope="module")
def outcomes(shop, the_binary_is_there):
    """All of them through one daemon."""
    directory = shop.work.parent
    forge = harness.LocalForge(shop.project, directory)
    winnowd = harness.Winnowd(directory, forge)
    winnowd.configure(validation={"command": ["true"], "sandbox": "none"})
    winnowd.config["log"]["level"] = "info"
    for number, name in enumerate(forms()):
        _, make = FORMS[name]
        (winnowd.spool / f"{number}.patch").write_bytes(make(shop))
        winnowd.drop(harness.result(f"x{number}", 0.9 - number / 1000, metric_before=1.0, patch=f"{number}.patch"))
    log = winnowd.once()
    winnowd.check_promises()
    decided = {event["experiment"]: event for event in log.events if event["msg"] == "result decided"}
    pulls = {pull.head: pull for pull in forge.pulls()}
    return {
        name: types.SimpleNamespace(
            decision=decided[f"x{number}"]["decision"], reason=decided[f"x{number}"].get("reason"), pull=pulls.get(f"experiment/x{number}"),
        ) for number, name in enumerate(forms())
    }  # fmt: skip


def test_the_rare_ones_are_there():
    assert RARE < set(FORMS)


@pytest.mark.xdist_group("forms")
@pytest.mark.parametrize("name", [exhaustive.rarely(name) if name in RARE else name for name in FORMS])
def test_it_is_composed_to_what_it_was_made_of(shop, outcomes, name):
    outcome = outcomes[name]
    assert outcome.decision == "promoted", outcome.reason
    harness.git("fetch", "-q", shop.project.bare, outcome.pull.sha, directory=shop.work)
    kind = FORMS[name][0]

    def changed(commit):
        return harness.git("diff", "--name-only", commit, outcome.pull.sha, directory=shop.work)

    if kind == "code":
        assert changed(shop.base) == "code.py"
    else:
        assert changed(shop.commits[kind]) == ("emptied.txt" if name == "diff -ruN" else "")
