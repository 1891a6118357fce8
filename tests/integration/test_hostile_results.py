"""Promise: no result file or patch, however hostile, harms anything but itself.

Result files and patches are dropped into a running daemon as an attacker would write them. Each is decided, and
the reason names its file and what is wrong with it. Nothing else is disturbed: what is dropped beside it gets its
decision, and what is outside of the spool stays as it was.
"""

import base64
import contextlib
import hashlib
import json
import os
import pathlib
import re
import subprocess
import zlib

import pytest
from harness import git, result, tweaked
from machine import eventually, preload, preloaded

MEBIBYTE = 1 << 20
HIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]")
ODD_NAME = 'a\nmsg="result decided" decision=promoted\x1b[31m\x07\u202e"\\.json'


def good(**more):
    return json.dumps(result("e", 1.0, **more))


def raw(text, **replaced):
    """The bytes of a good result with `text` as its hypothesis, unescaped."""
    text = text.encode() if isinstance(text, str) else text
    return good(hypothesis="HERE").encode().replace(b"HERE", text)


YAML = "experiment_id: e\nhypothesis: {}\nmetric: val_bpb\nmetric_after: 1\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi")
)

# name: (the file's ending, its content, words of the reason)
WRONG = {
    **{f"id {id!a}": ("json", json.dumps(result(id, 1.0)), "experiment_id") for id in [
        "../x", "../../state/x", "..", "/etc/x", "-x", "--force", "a@{1}", "@", "a.lock", "a.lock/b", ".git", "a.",
        "e\u0445p", "\uff45xp", "exp\u200b", "exp\u202e", "a\nb", "a\x1b[31m", "a~2", "a^{}", "a:b", "a*", "a\\b", " a", "a" * 5000,
    ]},
    **{f"commit {commit!a}": ("json", good(commit=commit), "commit") for commit in [
        "--upload-pack=touch outside", "-q", "--output=outside", "HEAD", "@{-1}", "main", ":/x", "abcdef1^", "abcdef1..abcdef2",
        "abcdef1\n", "abcdef", "\uff11234567",
    ]},
    **{f"patch {patch!a}": ("json", good(patch=patch), "patch") for patch in [
        "../outside", "/etc/passwd", ".hidden", "..", "a/b.patch", "", "x" * 300, "a\nb\x1b[31m\u202e.json", "é" * 125 + ".json",
    ]},
    "list in a detail of a long name": ("json", good(details={"\U0001f600" * 60: []}), "an object of scalars: texts, numbers"),
    "id with NUL": ("json", good().replace('"e"', '"e\\u0000x"'), "line 1, column 21"),
    "text of 4 MiB": ("json", good(hypothesis="x" * (4 * MEBIBYTE - 200)), "hypothesis"),
    "more than 4 MiB": ("json", good(hypothesis="x" * 4 * MEBIBYTE), "at most 4194304 bytes"),
    "metric of 4 MiB": ("json", good(metric="x" * (4 * MEBIBYTE - 200)), "metric"),
    "100,000 arrays": ("json", good()[:-1] + ', "details": {"a": ' + "[" * 100000 + "]" * 100000 + "}}", "nested"),
    "100,000 open arrays": ("json", "[" * 100000, "nested"),
    "100,000 objects": ("json", '{"a":' * 100000 + "1" + "}" * 100000, "nested"),
    "100,000 arrays in YAML": ("yaml", YAML.format("x") + "details: " + "[" * 100000 + "]" * 100000, "nested"),
    "100,000 blocks in YAML": ("yaml", YAML.format("x") + "details:\n " + "- " * 100000 + "x\n", "nested"),
    "many values": ("json", good()[:-1] + ', "metric_before": [' + "1," * 300000 + "1]}", "values"),
    "a key twice": ("json", good()[:-1] + ', "metric_after": 0.1}', "metric_after"),
    "a key twice, escaped": ("json", good()[:-1] + ', "metric_\\u0061fter": 0.1}', "metric_after"),
    "a key twice in YAML": ("yaml", YAML.format("x") + "'metric_after': 0.1\n", "metric_after"),
    "byte order mark": ("json", b"\xef\xbb\xbf" + good().encode(), "byte order mark"),
    "byte order mark in YAML": ("yaml", b"\xef\xbb\xbf" + YAML.format("x").encode(), "byte order mark"),
    **{f"{code} as {kind}": (kind, text.encode(code), words)
       for code, words in (("utf-16", "UTF-"), ("utf-16-le", "NUL"), ("utf-16-be", "NUL"), ("utf-32", "UTF-")) for kind, text in (("json", good()), ("yaml", YAML.format("x")))},
    **{f"{bytes!a} as {kind}": (kind, content, "UTF-8")
       for bytes in (b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xff", b"\xe2\x82")
       for kind, content in (("json", raw(bytes)), ("yaml", YAML.encode().replace(b"{}", bytes)))},
    "NUL": ("json", raw("a\0b"), "NUL"),
    "NUL, escaped": ("json", raw("a\\u0000b"), "\\u0000 is not taken"),
    "NUL in YAML": ("yaml", YAML.format("a\0b"), "NUL"),
    "NUL, escaped, in YAML": ("yaml", YAML.format('"a\\0b"'), "NUL"),
    "half a pair": ("json", raw("\\ud800"), "surrogate"),
    "alias bomb": ("yaml", BOMB + YAML.format("x"), "anchor"),
    "alias": ("yaml", YAML.format("*a"), "alias"),
    "merge key": ("yaml", YAML.format("x") + "<<: {metric_after: 0.1}\n", "merging"),
    "python object": ("yaml", YAML.format('!!python/object/apply:os.system ["touch outside"]'), "tag"),
    "binary": ("yaml", YAML.format("!!binary aGVsbG8="), "tag"),
    "own tag": ("yaml", "%TAG ! tag:evil.example,2026:\n---\n" + YAML.format("!x y"), "tag"),
    "two documents": ("yaml", YAML.format("x") + "---\n" + YAML.format("y"), "document"),
    "not a number": ("yaml", YAML.format("x").replace("metric_after: 1", "metric_after: .nan"), "metric_after"),
}  # fmt: skip


class Bystanders:
    """What must not be disturbed: a file outside, the base, and results that are dropped in between."""

    def __init__(self, winnowd, project, log):
        self.winnowd, self.project, self.log = winnowd, project, log
        self.tip = project.tip
        self.outside = winnowd.directory / "outside"
        self.outside.write_text(json.dumps(result("stolen", 0.1)))
        self.inode = self.outside.stat().st_ino
        self.count = 0

    def check(self):
        self.count += 1
        name = f"bystander-{self.count}"
        self.winnowd.drop(result(name, 5.0, status="discard"))
        self.log.wait(experiment=name, decision="discarded")
        assert self.outside.stat().st_ino == self.inode and self.outside.stat().st_size == len(json.dumps(result("stolen", 0.1)))
        assert not self.log.all(experiment="stolen")
        assert git("rev-parse", f"refs/heads/{self.project.base}", directory=self.project.bare) == self.tip


@pytest.fixture
def bystanders(winnowd, project):
    winnowd.configure(sources=[str(project.work)])
    return Bystanders(winnowd, project, winnowd.start())


@pytest.mark.representative
def test_files_that_are_refused(winnowd, bystanders):
    """One daemon meets them all."""
    log, wrong = bystanders.log, []
    for number, (what, (ending, content, words)) in enumerate(WRONG.items()):
        name = f"wrong-{number}.{ending}"
        winnowd.drop(content, name=name)
        event = log.wait(file=name, decision=True)
        eventually(lambda name=name: not (winnowd.spool / name).exists())
        reason = event["reason"]
        if event["decision"] != "rejected" or words not in reason or len(reason) > 1000 or HIDDEN.search(reason) or winnowd.rejected().get(name) != reason + "\n":
            wrong.append((what, words, event))
        if number % 10 == 0:
            bystanders.check()
    bystanders.check()
    assert not wrong, "\n".join(map(str, wrong))
    eventually(lambda: winnowd.waiting() == [])
    assert len(winnowd.rejected()) == len(WRONG)
    assert winnowd.archived() == sorted(f"bystander-{number}.json" for number in range(1, bystanders.count + 1))
    assert not log.all(msg="step started")
    assert not (winnowd.directory / "outside.json").exists() and "\x1b" not in log.text


def test_reasons_that_quote_are_cut_between_characters(winnowd, bystanders):
    words = ["x" * shift + "\u00e9\u20ac\U0001f600" * 300 for shift in range(4)]
    for number, word in enumerate(words):
        winnowd.drop(result(f"exp-{number}", 1.0, status=word))
        bystanders.log.wait(experiment=f"exp-{number}", decision="discarded")
        winnowd.drop(result(f"exp-{number}", 2.0, status=word))
        reason = bystanders.log.wait(experiment=f"exp-{number}", decision="rejected")["reason"]
        assert f"exp-{number} is taken by another result, which is discarded: status is {word[:20]}" in reason
        assert "\ufffd" not in reason and not reason.endswith("?")
    bystanders.check()
    assert all("\u2026" in text for text in winnowd.rejected().values())
    assert "\ufffd" not in bystanders.log.text
    # run_beside() reads what is printed as strict UTF-8.
    assert len(json.loads(winnowd.run_beside("--status", "--json")[1])["decisions"]) == 9


# Put before the daemon's own openat(): what is called swapped.* is replaced, once, after it was looked at and before
# it is opened; and that something called odd.* is opened at all leaves a trace.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void swap(int directory, const char *name)
{
    char other[64], done[64];

    if (strncmp(name, "odd.", 4) == 0)
        mkdirat(directory, ".opened", 0700);
    if (strncmp(name, "swapped", 7) != 0 || strlen(name) > 32)
        return;
    snprintf(other, sizeof(other), ".%s.other", name);
    snprintf(done, sizeof(done), ".%s.done", name);
    if (renameat2(directory, name, directory, other, RENAME_EXCHANGE) == 0)
        renameat(directory, other, directory, done);
}

#define OPEN(function) \
    int function(int directory, const char *name, int flags, ...) \
    { \
        int (*real)(int, const char *, int, ...) = dlsym(RTLD_NEXT, #function); \
        va_list arguments; \
        va_start(arguments, flags); \
        mode_t mode = va_arg(arguments, mode_t); \
        va_end(arguments); \
        swap(directory, name); \
        return real(directory, name, flags, mode); \
    }
OPEN(openat)
OPEN(openat64)
"""


@pytest.fixture
def shim(winnowd):
    """To be asked for before the daemon is started."""
    preload(winnowd.environment, preloaded(SHIM))


def make_device(path):
    try:
        os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5))  # /dev/zero has no end
    except PermissionError:
        pytest.skip("only root makes devices")


NO_FILES = {
    "link": (lambda path, outside: path.symlink_to(outside), "a symbolic link"),
    "link to nowhere": (lambda path, outside: path.symlink_to("/nonexistent"), "a symbolic link"),
    "link to a device": (lambda path, outside: path.symlink_to("/dev/zero"), "a symbolic link"),
    "link to itself": (lambda path, outside: path.symlink_to(path.name), "a symbolic link"),
    "FIFO": (lambda path, outside: os.mkfifo(path), "a FIFO"),
    "directory": (lambda path, outside: (path / "a.json").mkdir(parents=True), "a directory"),
    "device": (lambda path, outside: make_device(path), "a device"),
}


@pytest.mark.parametrize("what", NO_FILES)
def test_what_is_no_file(shim, winnowd, bystanders, what):
    make, words = NO_FILES[what]
    make(winnowd.spool / "odd.json", bystanders.outside)
    make(winnowd.spool / "odd.patch", bystanders.outside)
    event = bystanders.log.wait(file="odd.json", decision=True)
    assert event["decision"] == "rejected" and words in event["reason"]
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, patch="odd.patch"))
    event = bystanders.log.wait(experiment="exp-1", decision=True)
    assert event["decision"] == "rejected" and words in event["reason"] and "odd.patch" in event["reason"]
    assert not (winnowd.spool / ".opened").exists(), "it was opened"
    bystanders.check()


def test_a_hard_link_is_a_file_and_the_other_name_stays(winnowd, bystanders):
    other = winnowd.directory / "other.json"
    other.write_text(json.dumps(result("linked", 1.0)))
    os.link(other, winnowd.spool / "linked.json")
    assert bystanders.log.wait(experiment="linked", decision=lambda word: word != "queued")["decision"] == "baseline"
    bystanders.check()
    assert json.loads(other.read_text())["experiment_id"] == "linked"


SWAPS = {
    "link": NO_FILES["link"][0],
    "endless link": NO_FILES["link to a device"][0],
    "FIFO": NO_FILES["FIFO"][0],
    "directory": NO_FILES["directory"][0],
    "other file": lambda path, outside: path.write_text(outside.read_text().replace("stolen", "other")),
}


@pytest.mark.parametrize("what", SWAPS)
def test_a_name_that_changes_hands_between_look_and_open(shim, winnowd, bystanders, what):
    SWAPS[what](winnowd.spool / ".swapped.json.other", bystanders.outside)
    winnowd.drop(result("first", 5.0, status="discard"), name="swapped.json")
    event = bystanders.log.wait(file="swapped.json", decision=True)
    if what == "other file":
        # What counts is what was opened: its bytes are judged, and it is what moves.
        bystanders.log.wait(experiment="other", decision="baseline")
        eventually(lambda: winnowd.archived() == ["swapped.json"])
        (archived,) = winnowd.spool.glob(".archive/*/swapped.json")
        assert json.loads(archived.read_text())["experiment_id"] == "other"
    else:
        words = NO_FILES.get(what, ("", "a symbolic link"))[1]
        assert event["decision"] == "rejected" and re.search(f"{words}|Too many levels of symbolic links", event["reason"]), event
    assert (winnowd.spool / ".swapped.json.done").is_file(), "nothing was swapped"
    bystanders.check()


@pytest.mark.parametrize("what", SWAPS)
def test_a_patch_that_changes_hands_between_look_and_open(shim, winnowd, bystanders, what):
    SWAPS[what](winnowd.spool / ".swapped.patch.other", bystanders.outside)
    (winnowd.spool / "swapped.patch").write_text(bystanders.project.tweak(WIDTH=65))
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, patch="swapped.patch"))
    event = bystanders.log.wait(experiment="exp-1", decision=lambda word: word != "queued")
    # The other file is judged as what it is, and is no diff.
    assert event["decision"] == ("failed" if what == "other file" else "rejected"), event
    assert "patch" in event["reason"]
    assert (winnowd.spool / ".swapped.patch.done").is_file(), "nothing was swapped"
    bystanders.check()


def test_names_that_would_write_the_log(winnowd, bystanders):
    winnowd.drop("nonsense", name=ODD_NAME)
    event = bystanders.log.wait(decision="rejected")
    assert event["file"].startswith("a") and "forged" not in event["reason"]
    bystanders.check()
    assert not bystanders.log.all(decision="promoted")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202e]", bystanders.log.text)
    assert all("msg=" in line for line in bystanders.log.text.splitlines())
    eventually(lambda: list(winnowd.rejected()) == [ODD_NAME])


# Patches.


def new_file(name, content="evil", mode="100644"):
    return (f"diff --git a/{name} b/{name}\nnew file mode {mode}\n--- /dev/null\n+++ b/{name}\n@@ -0,0 +1 @@\n"
            f"+{content}\n\\ No newline at end of file\n")  # fmt: skip


def quoted(name):
    """As git writes a name that is not plain."""
    name = "".join(f"\\{byte:03o}" if byte < 32 or byte > 126 or byte in b'"\\' else chr(byte) for byte in name.encode())
    return (f'diff --git "a/{name}" "b/{name}"\nnew file mode 100644\n--- /dev/null\n+++ "b/{name}"\n@@ -0,0 +1 @@\n'
            "+evil\n")  # fmt: skip


def moved(kind, source, target):
    return f"diff --git a/{source} b/{target}\nsimilarity index 100%\n{kind} from {source}\n{kind} to {target}\n"


DOT_GIT = [
    ".git/config", ".GIT/config", ".Git/hooks/post-checkout", "a/.git/config", ".git", ".git./config", ".git /config", "git~1/config",
    "GIT~1/config", ".g\u200cit/config", ".gi\u200dt/config", ".git\u206f/config", "\ufeff.git/config", ".git::$INDEX_ALLOCATION/config",
    "a\\.git\\config", ".git\\config",
]  # fmt: skip

# name: (the diff, words of the reason)
EVIL = {
    **{f"new {name!a}": (quoted(name), HIDDEN.sub(lambda one: f"U+{ord(one[0]):04X}", name)) for name in DOT_GIT},
    "above": (new_file("../outside"), "outside"),
    "above, deeper": (new_file("a/../../outside"), "outside"),
    "absolute": (new_file("/tmp/winnowd-outside"), "outside"),
    "to outside": (moved("rename", "train.py", "../outside"), "outside"),
    "from outside": (moved("copy", "../../outside", "x"), "outside"),
    "from .git": (moved("copy", ".git/config", "x"), ".git/config"),
    "through a new link": (new_file("l", "/tmp", "120000") + new_file("l/outside"), "l/outside"),
    "link, absolute": (new_file("l", "/etc/passwd", "120000"), "l"),
    "link, up": (new_file("a/l", "../../outside", "120000"), "a/l"),
    "link into .git": (new_file("l", ".git/hooks", "120000"), "l"),
    "link in place of the tests": (new_file("tox.ini.d/../tox.ini", "/etc/passwd", "120000"), "tox.ini"),
    "submodule": (new_file("m", "Subproject commit " + "1" * 40, "160000"), "m"),
    "submodule of a name": (quoted("m\n\x1b[31m").replace("100644", "160000").replace("evil", "Subproject commit " + "1" * 40), "mU+000A"),
    "as many hunks as there is room for": ("--- a/train.py\n+++ b/train.py\n" + "@@ -1 +1 @@\n-a\n+b\n" * 180000, "train.py"),
}  # fmt: skip


def packed(size, digest="1" * 40):
    """A binary diff of a file of so many zeros, which are a thousandth of that when packed."""
    packer = zlib.compressobj(9)
    first = packer.compress(bytes(MEBIBYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(MEBIBYTE)) + packer.flush(zlib.Z_FULL_FLUSH)
    check = (size % 65521 << 16 | 1).to_bytes(4, "big")
    data = first + block * (size // MEBIBYTE - 1) + b"\x03\x00" + check
    lines = "".join(f"{chr(len(piece) + 64) if len(piece) <= 26 else chr(len(piece) + 70)}{base64.b85encode(piece, pad=True).decode()}\n"
                    for piece in (data[at:at + 52] for at in range(0, len(data), 52)))  # fmt: skip
    return (f"diff --git a/zeros b/zeros\nnew file mode 100644\nindex {'0' * 40}..{digest}\nGIT binary patch\n"
            f"literal {size}\n{lines}\nliteral 0\nHcmV?d00001\n\n")  # fmt: skip


def test_patches_that_are_refused(winnowd, bystanders):
    log, wrong = bystanders.log, []
    for number, (what, (diff, words)) in enumerate(EVIL.items()):
        winnowd.drop(result(f"exp-{number}", 0.9, metric_before=1.0, diff=diff))
        event = log.wait(experiment=f"exp-{number}", decision=lambda word: word not in ("queued",))
        if event["decision"] != "failed" or words not in event["reason"]:
            wrong.append((what, words, event))
    bystanders.check()
    assert not wrong, "\n".join(map(str, wrong))
    assert not log.all(step="validate") and winnowd.forge.branches() == {} and winnowd.forge.pulls() == []
    assert not pathlib.Path("/tmp/winnowd-outside").exists()
    assert not any(winnowd.state.glob("repository.git/hooks/*[!e]")), "a hook was put into the repository"


def test_attributes_change_nothing_that_is_protected(winnowd, project, forge):
    """git changes files on their way into a checkout as the tree's .gitattributes say."""
    names = ["tox.ini", "a b/c.txt", "d/e/f", "pyproject.toml", "train.py"]
    project.advance({name: f"# $Id$\n# {name} +\n" for name in names[1:-1]})
    rules = ["* text", "* eol=crlf", "* ident", "* working-tree-encoding=UTF-16"]
    diff = "diff --git a/.gitattributes b/.gitattributes\nnew file mode 100644\n--- /dev/null\n+++ b/.gitattributes\n"
    diff += f"@@ -0,0 +1,{len(rules)} @@\n" + "".join(f"+{rule}\n" for rule in rules)
    winnowd.configure(change={"protect": ["tox.ini", "a b/*.txt", "d"]}, validation={"command": ["git", "hash-object", "--no-filters", *names]})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=diff))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    (pull,) = forge.pulls()
    was = [git("rev-parse", f"{pull.sha}:{name}", directory=project.bare) for name in names]
    assert [hash in pull.body for hash in was] == [True, True, True, True, False]


def test_a_small_patch_of_a_large_file_is_bounded(winnowd, bystanders):
    diff = packed(1280 * MEBIBYTE)
    assert len(diff) < 4 * MEBIBYTE
    (winnowd.spool / "exp-1.patch").write_text(diff)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, patch="exp-1.patch"))
    event = bystanders.log.wait(experiment="exp-1", decision=lambda word: word != "queued")
    assert event["decision"] == "failed" and "too much memory" in event["reason"], event
    # What is small is taken, packed or not.
    winnowd.configure(validation={"command": ["true"]})
    assert winnowd.stop() == 0
    bystanders.log = winnowd.start()
    size = 8 * MEBIBYTE
    digest = hashlib.sha1(b"blob %d\0" % size + bytes(size)).hexdigest()
    winnowd.drop(result("exp-2", 0.9, metric_before=1.0, diff=packed(size, digest)))
    assert bystanders.log.wait(experiment="exp-2", decision=lambda word: word != "queued")["decision"] == "promoted"


def test_a_commit_of_few_trees_and_many_files(winnowd, bystanders):
    """Ten trees, each of which has the one before ten times: 10,000,000,000 files in some kilobytes."""
    work = bystanders.project.work
    listing = "".join(f"100644 blob {git('rev-parse', 'HEAD:tox.ini', directory=work)}\tf{number}\n" for number in range(10))
    for _ in range(9):
        tree = git("mktree", directory=work, text=listing)
        listing = "".join(f"040000 tree {tree}\td{number}\n" for number in range(10))
    top = git("ls-tree", "HEAD", directory=work) + "\n" + listing.partition("\n")[0] + "\n"
    sha = git("commit-tree", "-p", "HEAD", "-m", "x", git("mktree", directory=work, text=top), directory=work)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    event = bystanders.log.wait(experiment="exp-1", decision=lambda word: word != "queued")
    assert event["decision"] == "failed" and "the change takes too much memory to compare" in event["reason"], event
    bystanders.check()


@pytest.mark.parametrize("repository", ["--upload-pack=touch outside", "ext::touch outside", "/etc", "../work", "-", "a\x1b[31mb"])
def test_a_source_that_is_none(winnowd, bystanders, repository):
    content = result("exp-1", 0.9, metric_before=1.0, commit=bystanders.tip, repository=repository)
    winnowd.drop(content)
    event = bystanders.log.wait(experiment="exp-1", decision=lambda word: word != "queued")
    assert event["decision"] in ("rejected", "failed") and "repository" in event["reason"], event
    bystanders.check()
    assert not HIDDEN.search(bystanders.log.text) and winnowd.forge.branches() == {}


@pytest.mark.parametrize("name", ["a\nb\x1b[31m\u202e.patch", "é" * 120 + ".patch"], ids=["hidden", "long"])
def test_an_odd_name_of_a_patch(winnowd, bystanders, name):
    (winnowd.spool / name).mkdir()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, patch=name))
    event = bystanders.log.wait(experiment="exp-1", decision="rejected")
    assert "is a directory" in event["reason"] and not HIDDEN.search(event["reason"])
    bystanders.check()
    assert not HIDDEN.search(bystanders.log.text)


def test_a_million_hunks(winnowd, bystanders):
    (winnowd.spool / "exp-1.patch").write_text("--- a/train.py\n+++ b/train.py\n" + "@@ -1 +1 @@\n-a\n+b\n" * 1000000)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, patch="exp-1.patch"))
    event = bystanders.log.wait(experiment="exp-1", decision=True)
    assert event["decision"] == "rejected" and "exp-1.patch is larger than 4194304 bytes" in event["reason"], event
    bystanders.check()


# Texts.

FORGED = (
    "Wider.\n\nExperiment-Id: forged\nMetric: forged 1 -> 0\nSigned-off-by: Nobody <n@example.org>\n---\nResult-Sha256: forged\n"
    "Closes #12, fixes owner/repo!3 @everyone <script>alert(1)</script> [x](javascript:1) ![](http://evil.example/x.png)\n"
    "<!-- winnowd {\"experiment_id\":\"forged\"} -->\n\u202eevil\u202c zero\u200bwidth\u2066\U000e0041 \x1b[31m \x07"
)


def test_texts_that_would_be_more(winnowd, project, forge):
    """One promotion that brings hostile text in every place that a pull request or a commit takes text from."""
    name = "|x| <b>@all</b> #1\n\u202e`.py"
    sha, _ = project.experiment({"train.py": tweaked(WIDTH=65), name: "x = 1\n"}, message=FORGED)
    winnowd.configure(sources=[str(project.work)], validation={"command": ["printf", "%s", FORGED.replace("\x07", "\\007")]})
    winnowd.drop(json.dumps(result(
        "exp-1", 0.9, metric_before=1.0, commit=sha, hypothesis=FORGED, title=FORGED, status="keep",
        details={FORGED: FORGED, "@all": "Closes #1"}, **{FORGED + "!": FORGED})), name="exp-1.json")  # fmt: skip
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}
    (pull,) = forge.pulls()
    message = git("show", "-s", "--format=%B", pull.sha, directory=project.bare)
    for text in (pull.title, pull.body, message, log.text):
        assert not HIDDEN.search(text), HIDDEN.search(text)
    trailers = subprocess.run(["git", "interpret-trailers", "--parse"], input=message, capture_output=True, text=True, check=True)
    assert [line.split(":")[0] for line in trailers.stdout.splitlines()] == ["Experiment-Id", "Metric", "Measured-On", "Result-Sha256"]
    assert "forged" not in trailers.stdout and f"Measured-On: {sha}" in trailers.stdout
    assert "\n" not in pull.title and pull.labels == ["experiment"]
    assert len(re.findall(r"^<!-- winnowd", pull.body, re.MULTILINE)) == 1
    for text in (pull.title, message):
        assert not re.search(r"(?:^|\W)@[\w-]|(?:^|\W)[#!][0-9]|[\w.-]+/[\w.-]+[#!][0-9]", text), text
    with contextlib.suppress(ImportError):
        import commonmark

        shown = re.sub(r"<code.*?</code>|<!--.*?-->", "", commonmark.commonmark(pull.body), flags=re.DOTALL)
        assert not re.search(r"<script|<img|<b>|javascript:|evil\.example", re.sub(r"&lt;.*?&gt;", "", shown))
        assert not re.search(r"(?:^|\W)@(?:all|everyone)", re.sub(r"<[^>]*>", "", shown))


def test_what_is_remembered_of_keys_is_bounded(winnowd):
    """What was warned of is kept as long as the daemon runs: 64 keys of 4 MiB would be a quarter of a gigabyte."""
    for number in range(4):
        key = f"{number // 2}" + "k" * (3 * MEBIBYTE) + f"{number}"
        winnowd.drop(result(f"exp-{number}", 1.0, status="discard", **{key: 1}))
    log = winnowd.once()
    warned = log.all(msg="result has unknown keys; they are shown among its details")
    assert [event["keys"] for event in warned] == [f"{number}" + "k" * 98 + "\u2026" for number in range(2)]


def test_texts_that_are_too_long(winnowd, project, forge):
    """As much as a file may hold, in the places that have no bound of their own."""
    for number, more in enumerate([{"details": {"a": "@x" * (2 * MEBIBYTE - 10000)}}, {"details": {"k" * (4 * MEBIBYTE - 10000): 1}},
                                   {"k\x1b|" * 400000: "v"}, {"details": {f"k{n}": "v" * 400 for n in range(9000)}}]):  # fmt: skip
        winnowd.drop(result(f"exp-{number}", 0.9 - number / 10, metric_before=1.0, diff=project.tweak(WIDTH=65 + number), **more))
    log = winnowd.once()
    assert set(log.decisions().values()) == {"promoted"} and len(log.decisions()) == 4
    assert all(len(line) <= 64 * 1024 for line in log.text.splitlines()), max(map(len, log.text.splitlines()))
    for pull in forge.pulls():
        assert len(pull.body) < 65000 and "provenance" in pull.body.lower(), len(pull.body)
