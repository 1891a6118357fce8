"""Promise: the checkout that is tested is a repository like the project's own.

Its refs, history and tags, as `git describe` and what asks it see them.
"""

import harness
import pytest
from exhaustive import first_of
from harness import git, improved

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
    """The base, by its name and as a branch of origin's; nothing of ours, and no way to it."""
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
    """The nearest tag lies further back than the history, and beyond a merge of what was begun before it."""
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
    """So many commits where there is no tag, and all of them for 0."""
    grow(project, 60)
    publish(project)
    said = look(winnowd, history=history)
    assert f"commits: {count}" in said, said


def test_tags_follow_the_forge(winnowd, project, forge):
    """One that was moved or deleted there is so in the next checkout."""
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
