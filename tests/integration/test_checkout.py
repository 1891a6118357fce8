"""Promise: the checkout that is tested is a repository like the project's own.

It has refs, history and tags, so `git describe`, and whatever calls it, works.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import time

import harness
import pytest
from exhaustive import first_of
from harness import git, improved, result

# What the tests can find out about the repository they are in.
LOOK = """
echo "describe: $(git describe)"
echo "describe of tags: $(git describe --tags --long --match '*[0-9]*')"
echo "parent: $(git rev-parse HEAD^)"
for ref in $(git for-each-ref --format='%(refname)'); do echo "$ref: $(git rev-parse "$ref^{commit}")"; done
echo "commits: $(git rev-list --count HEAD)"
git remote -v; git config --list --local | grep -i -e url -e winnowd
grep -rlF "$STATE" .git; cat .git/objects/info/alternates 2>/dev/null
git fsck --no-dangling 2>&1
git status --porcelain
exit 0
"""


def look(winnowd, **more):
    """What LOOK printed in the checkout of exp-1."""
    winnowd.configure(validation={"command": ["sh", "-c", LOOK], "environment": {"STATE": str(winnowd.state)}, **more})
    winnowd.drop(improved(winnowd.forge.project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}, log.text
    return (winnowd.state / "validation/exp-1.log").read_text().splitlines()


def grow(project, count, name="grow"):
    """Commits on what is checked out in `work`, without their files: made at once."""
    tree = git("rev-parse", "HEAD^{tree}", directory=project.work)
    tip = git("rev-parse", "HEAD", directory=project.work)
    lines = []
    for number in range(count):
        lines += ["commit refs/heads/grown", f"committer A <a@a> {1700000000 + number} +0000", f"data <<X\n{name} {number}\nX"]
        lines += [f"from {tip}"] if not number else []
        lines += [f"M 040000 {tree} "]
        lines += [""]
    git("fast-import", "--quiet", "--force", directory=project.work, text="\n".join(lines))
    git("reset", "-q", "--hard", "refs/heads/grown", directory=project.work)


def publish(project):
    project.publish()
    git("push", "-q", "--tags", "origin", directory=project.work)


@pytest.mark.parametrize("base", first_of(["trunk/next", "main"]))
def test_refs(base, tmp_path, the_binary_is_there):
    """There is the base, by its name and as a branch of origin. There are no refs of ours, and origin leads nowhere."""
    project = harness.Project(tmp_path, base)
    winnowd = harness.Winnowd(tmp_path, harness.LocalForge(project, tmp_path))
    said = look(winnowd, history=1)
    winnowd.check_promises()
    refs = {line.split(": ")[0]: line.split(": ")[1] for line in said if line.startswith("refs/")}
    head = refs.pop("refs/heads/experiment/exp-1")
    assert refs == dict.fromkeys([f"refs/heads/{base}", f"refs/remotes/origin/{base}"], project.tip)
    assert head == winnowd.forge.branches()["experiment/exp-1"] and f"parent: {project.tip}" in said
    assert said[-1] == "commits: 2", "the base at least"


def test_describe_as_in_the_project(winnowd, project):
    """The nearest tag is further back than the history, beyond a merge of a branch that began before it."""
    grow(project, 5)
    git("branch", "side", directory=project.work)
    grow(project, 70)
    git("tag", "-a", "-m", "A release", "v1.2.0", directory=project.work)
    grow(project, 30)
    git("tag", "nightly-7", directory=project.work)
    grow(project, 30)
    git("checkout", "-q", "side", directory=project.work)
    grow(project, 3, "side")
    git("checkout", "-q", project.base, directory=project.work)
    git("merge", "-q", "-s", "ours", "-m", "A merge", "side", directory=project.work)
    publish(project)
    said = look(winnowd, history=10)
    (pull,) = winnowd.forge.pulls()
    git("fetch", "-q", "origin", pull.sha, directory=project.work)
    for key, more in [("describe", []), ("describe of tags", ["--tags", "--long", "--match", "*[0-9]*"])]:
        assert f"{key}: {git('describe', *more, pull.sha, directory=project.work)}" in said, said


@pytest.mark.parametrize(("history", "count"), first_of([(40, 40), (0, 62)]))
def test_history(winnowd, project, history, count):
    """There are as many commits as configured if there is no tag, and all of them for 0."""
    grow(project, 60)
    publish(project)
    said = look(winnowd, history=history)
    assert f"commits: {count}" in said, said


def test_tags_follow_the_forge(winnowd, project, forge):
    """A tag that was moved or deleted at the forge is so in the next checkout."""
    git("tag", "v1", directory=project.work)
    git("tag", "v2", directory=project.work)
    publish(project)
    look(winnowd)
    project.advance({"more.txt": "More.\n"})
    git("push", "-q", "origin", ":refs/tags/v1", "+HEAD:refs/tags/v2", directory=project.work)
    winnowd.drop(improved(project, "exp-2", 0.8))
    assert winnowd.once().decisions() == {"exp-2": "promoted"}
    said = (winnowd.state / "validation/exp-2.log").read_text().splitlines()
    assert [line for line in said if line.startswith("refs/tags")] == [f"refs/tags/v2: {project.tip}"], said


# Submodules.


def library(path, files, modules=None):
    """A bare repository of one commit at `path`: its hash. `modules`: as for has_modules()."""
    work = path.with_suffix(".work")
    git("init", "-q", "--bare", "--initial-branch=main", path)
    git("init", "-q", "--initial-branch=main", work)
    for name, content in files.items():
        (work / name).write_text(content)
    if modules:
        name_modules(work, modules)
    git("add", "-A", directory=work)
    git("commit", "-q", "-m", "A library", directory=work)
    git("push", "-q", path, "main", directory=work)
    return git("rev-parse", "HEAD", directory=work)


def name_modules(work, modules):
    """path: (address, commit, further lines of .gitmodules)."""
    text = ""
    for path, (address, commit, *more) in modules.items():
        (work / path).mkdir(parents=True, exist_ok=True)
        git("update-index", "--add", "--cacheinfo", f"160000,{commit},{path}", directory=work)
        text += f'[submodule "the {path}"]\n' + "".join(f"\t{line}\n" for line in [f"path = {path}", f"url = {address}", *more])
    (work / ".gitmodules").write_text(text)


def has_modules(project, modules):
    name_modules(project.work, modules)
    project.advance({"with.txt": "With submodules.\n"})


SHOW = """
cat "libs/the inner/word.txt" "libs/the inner/deeper/word.txt"; ls libs/left
git status --porcelain; git submodule update --init --recursive "libs/the inner" >/dev/null 2>&1 && git submodule status --recursive
grep -rlF "$STATE" .git "libs/the inner/.git"; git -C "libs/the inner" remote -v
exit 0
"""


def test_submodules(winnowd, project, tmp_path):
    """Submodules inside of submodules as well, as the base names them. One that nobody checks out stays empty."""
    deeper = library(tmp_path / "deeper.git", {"word.txt": "deep\n"})
    inner = library(tmp_path / "inner.git", {"word.txt": "inner\n"}, {"deeper": ("../deeper.git", deeper)})
    git("commit", "-q", "--allow-empty", "-m", "Later", directory=tmp_path / "inner.work")
    git("push", "-q", tmp_path / "inner.git", "main", directory=tmp_path / "inner.work")
    foreign = ("https://example.org/left.git", inner, "update = none")
    has_modules(project, {"libs/the inner": ("../inner.git", inner), "libs/left": foreign})
    winnowd.configure(validation={"command": ["sh", "-c", SHOW], "environment": {"STATE": str(winnowd.state)}})
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}, log.text
    said = (winnowd.state / "validation/exp-1.log").read_text().splitlines()
    assert said == ["inner", "deep", f"-{inner} libs/left", f" {inner} libs/the inner ({inner[:7]})", f" {deeper} libs/the inner/deeper ({deeper[:7]})"]


@pytest.mark.parametrize(("address", "words"), [
    ("https://ada:s3cr3t@example.org/lib.git", "comes from example.org"),
    *first_of([("../missing.git", "missing.git"), ("../../../../../../../../../x", "leads nowhere")], 1),
])  # fmt: skip
def test_a_submodule_that_cannot_be_had(winnowd, project, tmp_path, address, words):
    """It holds the queue, by its name, and is charged to no experiment."""
    has_modules(project, {"libs/lib": (address, "1234567" * 5 + "12345")})
    winnowd.drop(improved(project))
    log = winnowd.once(78)
    winnowd.unfinished = True
    assert log.decisions() == {} and "s3cr3t" not in log.text, log.text
    held = log.all(level="error")[-1]["reason"]
    assert "libs/lib" in held and words in held, log.text


def test_submodules_that_are_outside_of_the_tree(winnowd, project, tmp_path):
    """The tree has no such place, so git checks none out there, and the others are there as ever."""
    inner = library(tmp_path / "inner.git", {"word.txt": "inner\n"})
    outside = ["../beside", "/srv/lib", "a/../../b", ":(glob)*", ":!x"]
    text = "".join(f'[submodule "{number}"]\n\tpath = "{path}"\n\turl = ../inner.git\n' for number, path in enumerate(outside))
    name_modules(project.work, {"lib": ("../inner.git", inner)})
    with open(project.work / ".gitmodules", "a") as file:
        file.write(text)
    project.advance({"with.txt": "With submodules.\n"})
    winnowd.configure(validation={"command": ["cat", "lib/word.txt"]})
    winnowd.drop(improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}, log.text


@pytest.mark.real
def test_a_private_submodule_at_a_real_gitea(tmp_path, project, forge_of_kind, the_binary_is_there):
    """Named as people clone it, by SSH: it is fetched with the token, which the tests do not get."""
    forge = forge_of_kind("real")
    name = f"{forge.repo}-lib"
    forge.server.call("POST", "/orgs/lab/repos", {"name": name, "private": True, "default_branch": "main"})
    commit = library(tmp_path / "lib.git", {"word.txt": "private\n"})
    git("push", "-q", forge.gitea.remote.replace(f"/{forge.repo}.git", f"/{name}.git"), "main", directory=tmp_path / "lib.work")
    name_modules(project.work, {"lib": (f"git@127.0.0.1:lab/{name}.git", commit)})
    forge.gitea.move_base()
    winnowd = harness.Winnowd(tmp_path, forge)
    winnowd.configure(validation={"command": ["sh", "-c", "cat lib/word.txt && ! env | grep -i git_config && ! grep -r url lib/.git"]})
    winnowd.drop(improved(project))
    log = winnowd.once()
    winnowd.check_promises()
    assert log.decisions() == {"exp-1": "promoted"}, log.text
    assert "private" in (winnowd.state / "validation/exp-1.log").read_text()


# Large files.

needs_lfs = pytest.mark.skipif(not shutil.which("git-lfs", path=harness.PATH), reason="git-lfs is not installed")
SUMS = 'sha256sum *.bin; stat -c %h *.bin; git status --porcelain; grep -rlF "$STATE" .git/config .git/lfs 2>/dev/null; exit 0'
OLD, NEW = b"old weights " * 1000, b"new weights " * 1000
CONFIGURED = {".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n", ".lfsconfig": "[lfs]\n\turl = https://example.org/lfs\n"}


def pointer(content):
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{hashlib.sha256(content).hexdigest()}\nsize {len(content)}\n"


def place(objects, content):
    name = hashlib.sha256(content).hexdigest()
    return pathlib.Path(objects) / name[:2] / name[2:4] / name


def put(objects, content, bytes_of_it=None):
    path = place(objects, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if bytes_of_it is None else bytes_of_it)


@pytest.fixture
def large(winnowd, project, monkeypatch):
    """A base with a large file, and an experiment that brings another one."""
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    project.advance({**CONFIGURED, "old.bin": pointer(OLD)})
    sha, _ = project.experiment({"new.bin": pointer(NEW), "like.txt": pointer(b"a text like a pointer")})
    winnowd.configure(
        sources=[str(project.work)], change={"protect": ["old.bin"]},
        validation={"command": ["sh", "-c", SUMS], "environment": {"STATE": str(winnowd.state)}},
    )  # fmt: skip
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    return winnowd


@needs_lfs
def test_large_files(large, project):
    """The tests have them, the forge gets what the change brings, and of .lfsconfig nothing counts."""
    put(project.bare / "lfs/objects", OLD)
    put(project.work / ".git/lfs/objects", NEW)
    ours = large.state / "lfs/lfs/objects"
    for content, days in ((b"used last year", 365), (b"used last week", 7)):
        put(ours, content)
        os.utime(place(ours, content), times=(time.time() - days * 86400,) * 2)
    log = large.once()
    assert log.decisions() == {"exp-1": "promoted"}, log.text
    assert not place(ours, b"used last year").exists() and place(ours, b"used last week").exists()
    said = (large.state / "validation/exp-1.log").read_text().splitlines()
    sums = [f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in [("new.bin", NEW), ("old.bin", OLD)]]
    assert said == [*sums, "1", "1"]
    assert place(project.bare / "lfs/objects", NEW).read_bytes() == NEW
    assert "example.org" not in log.text


@needs_lfs
def test_large_files_of_a_submodule(large, project, tmp_path):
    """They come from where it comes from; the queue is held, and says of what, while one is missing there."""
    put(project.bare / "lfs/objects", OLD)
    put(project.work / ".git/lfs/objects", NEW)
    theirs = b"weights of a library " * 1000
    inner = library(tmp_path / "inner.git", {**CONFIGURED, "theirs.bin": pointer(theirs)})
    has_modules(project, {"lib": ("../inner.git", inner)})
    large.configure(validation={"command": ["sh", "-c", "sha256sum lib/theirs.bin; git status --porcelain"]})
    log = large.once(78)
    assert "submodule lib of the base: the large file theirs.bin" in log.all(level="error")[0]["reason"], log.text
    put(tmp_path / "inner.git/lfs/objects", theirs)
    assert large.once().decisions() == {"exp-1": "promoted"}
    said = (large.state / "validation/exp-1.log").read_text().splitlines()
    assert said == [f"{hashlib.sha256(theirs).hexdigest()}  lib/theirs.bin"]


@needs_lfs
@pytest.mark.parametrize("bad", [False, True])
def test_a_large_file_that_is_nowhere(large, project, bad):
    """It is named. A file in a source with its name and other bytes is not taken for it."""
    put(project.bare / "lfs/objects", OLD)
    if bad:
        put(project.work / ".git/lfs/objects", NEW, b"bad weights " * 1000)
    log = large.once()
    assert log.decisions() == {"exp-1": "failed"}
    assert "new.bin" in log.all(decision="failed")[0]["reason"], log.text


@needs_lfs
def test_a_large_file_that_the_base_lacks(large, project):
    put(project.work / ".git/lfs/objects", NEW)
    log = large.once(78)
    large.unfinished = True
    assert log.decisions() == {} and "the large file old.bin of the base" in log.all(level="error")[0]["reason"], log.text


def test_without_git_lfs(large, project, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in os.listdir("/usr/bin"):
        if name != "git-lfs":
            (programs / name).symlink_to(f"/usr/bin/{name}")
    large.environment["PATH"] = str(programs)
    large.configure(validation={"sandbox": "none"})
    log = large.once(78)
    large.unfinished = True
    assert log.decisions() == {} and "git-lfs is not installed" in log.all(level="error")[0]["reason"], log.text


@pytest.mark.real
@needs_lfs
def test_large_files_at_a_real_gitea(tmp_path, project, forge_of_kind, the_binary_is_there, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    forge = forge_of_kind("real")
    put(project.work / ".git/lfs/objects", OLD)
    name = hashlib.sha256(OLD).hexdigest()
    subprocess.run(["git", "-c", "lfs.locksverify=false", "lfs", "push", "--object-id", forge.gitea.remote, name], cwd=project.work, check=True)
    forge.gitea.move_base({**CONFIGURED, "old.bin": pointer(OLD)})
    shutil.rmtree(project.work / ".git/lfs")
    put(project.work / ".git/lfs/objects", NEW)
    sha, _ = project.experiment({"new.bin": pointer(NEW)})
    winnowd = harness.Winnowd(tmp_path, forge)
    winnowd.configure(sources=[str(project.work)], validation={"command": ["sh", "-c", SUMS]})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    log = winnowd.once()
    winnowd.check_promises()
    assert log.decisions() == {"exp-1": "promoted"}, log.text
    assert hashlib.sha256(OLD).hexdigest() in (winnowd.state / "validation/exp-1.log").read_text()
    clone = tmp_path / "clone"
    (pull,) = forge.pulls()
    git("clone", "-q", "-b", pull.head, forge.gitea.remote, clone)
    subprocess.run(["git", "lfs", "install", "--local"], cwd=clone, check=True)
    subprocess.run(["git", "-c", f"lfs.url={forge.gitea.remote}/info/lfs", "lfs", "pull"], cwd=clone, check=True)
    assert (clone / "new.bin").read_bytes() == NEW


@needs_lfs
@pytest.mark.parametrize("whose", ["base", "change"])
def test_settings_of_large_files_that_cannot_be_read(large, project, whose):
    """git-lfs leaves the pointers then, and ends with 0. The base's hold the queue; an experiment's are its own fault."""
    put(project.bare / "lfs/objects", OLD)
    put(project.work / ".git/lfs/objects", NEW)
    if whose == "base":
        project.advance({".lfsconfig": "[lfs"})
    else:
        sha, _ = project.experiment({"new.bin": pointer(NEW), ".lfsconfig": "[lfs"})
        large.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    log = large.once(78 if whose == "base" else 0)
    large.unfinished = whose == "base"
    said = log.all(level="error") if whose == "base" else log.all(decision="failed")
    assert f".lfsconfig of the {whose}: git-lfs cannot read it" in said[0]["reason"], log.text
    assert "bad config line" in said[0]["reason"], log.text
