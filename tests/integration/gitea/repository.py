"""The bare repository behind the stand-in: plumbing only, no work tree, no user configuration.

Most requests ask where references are. They are read from their files, and what git said of a commit is
remembered: a process for each of these questions would take most of the time of the tests.
"""

import atexit
import functools
import os
import pathlib
import shutil
import subprocess
import tempfile

from proxy.git import NOBODY, environment

# The server names two files for each push: what is protected, for the first hook to look up, and one
# for the second to append to what was really updated.
PRE_RECEIVE = """#!/bin/sh
refused=0
while read -r old new ref; do
    [ -n "$STAND_IN_PROTECTED" ] || continue
    while read -r pattern; do
        case $ref in $pattern) ;; *) continue ;; esac
        echo "" >&2
        echo "Gitea: Not allowed to push to protected branch ${ref#refs/heads/}" >&2
        refused=1
    done <"$STAND_IN_PROTECTED"
done
exit $refused
"""

POST_RECEIVE = """#!/bin/sh
while read -r old new ref; do
    [ -z "$STAND_IN_PUSH" ] || echo "$old $new $ref" >>"$STAND_IN_PUSH"
done
"""


CONFIGURATION = """
[http]
    receivepack = true
[receive]
    advertisePushOptions = true
    autogc = false
[uploadpack]
    allowAnySHA1InWant = true
"""


@functools.cache
def template(base):
    """A new repository to be copied: git makes one for each base, not one for each stand-in."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="stand-in-template-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = BareRepository(folder)
    made.git("init", "--quiet", "--bare", f"--initial-branch={base}")
    with (folder / "config").open("a") as file:
        file.write(CONFIGURATION)
    for name, text in (("pre-receive", PRE_RECEIVE), ("post-receive", POST_RECEIVE)):
        hook = folder / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(text)
        hook.chmod(0o755)
    return folder


def packed_refs(path):
    try:
        lines = path.read_text().splitlines()
    except FileNotFoundError:
        return {}
    return {name: sha for sha, _, name in (line.partition(" ") for line in lines if line[0] not in "#^")}


def loose_refs(repository):
    """What is locked or goes away while it is looked at was not there, or not yet."""
    found = {}
    for folder, _, names in os.walk(repository / "refs"):
        for path in (pathlib.Path(folder, name) for name in names if not name.endswith(".lock")):
            try:
                found[str(path.relative_to(repository))] = path.read_text().strip()
            except FileNotFoundError:
                continue
    return found


class GitError(Exception):
    """git ended with another status than 0."""


class BareRepository:
    """A bare repository on disk and the few git commands the stand-in needs."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.shown = {}
        self.merge_bases = {}

    def create(self, base):
        shutil.copytree(template(base), self.path)

    def take_over(self, other):
        """All objects and branches of another repository, bare or not."""
        other = other / ".git" if (other / ".git").is_dir() else other
        for part in ("objects", "refs/heads"):
            shutil.copytree(other / part, self.path / part, dirs_exist_ok=True)
        if (other / "packed-refs").exists():
            shutil.copy(other / "packed-refs", self.path)

    def environment(self):
        """git's surroundings: nothing of the caller's configuration, a fixed identity."""
        return environment() | {
            "GIT_AUTHOR_NAME": "A Person",
            "GIT_AUTHOR_EMAIL": "person@example.org",
            "GIT_COMMITTER_NAME": "A Person",
            "GIT_COMMITTER_EMAIL": "person@example.org",
        }

    def run(self, *arguments, text=None, environment=None):
        """Runs git, gives back (status, output)."""
        done = subprocess.run(
            ["git", "-C", str(self.path), *arguments],
            input=text if isinstance(text, bytes) else (text or "").encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment() | (environment or {}),
            check=False,
        )
        if done.returncode != 0:
            return done.returncode, done.stderr.decode(errors="replace")
        return 0, done.stdout.decode(errors="replace")

    def git(self, *arguments, text=None, environment=None):
        """Runs git, gives back its output without the last line end; GitError where it fails."""
        status, output = self.run(*arguments, text=text, environment=environment)
        if status != 0:
            raise GitError(f"git {' '.join(arguments)}: {status}: {output.strip()}")
        return output.rstrip("\n")

    def refs(self, pattern="refs"):
        """Every reference (or those that are or lie below the pattern) with the object it points at."""
        found = packed_refs(self.path / "packed-refs") | loose_refs(self.path)
        return {name: sha for name, sha in sorted(found.items()) if f"{name}/".startswith(f"{pattern}/")}

    def branches(self):
        return {
            name.removeprefix("refs/heads/"): sha for name, sha in self.refs("refs/heads").items()
        }

    def tip(self, branch):
        """The commit a branch points at, None where there is no such branch."""
        return self.refs(f"refs/heads/{branch}").get(f"refs/heads/{branch}")

    def commit_id(self, revision):
        """The full hash of a branch, tag or hash; None where it is no commit here."""
        if not revision or revision.startswith("-"):
            return None
        status, output = self.run("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        return output.strip() if status == 0 else None

    def set_ref(self, name, sha, old=None):
        self.git("update-ref", name, sha, *([old] if old is not None else []))

    def delete_ref(self, name):
        self.git("update-ref", "-d", name)

    def is_ancestor(self, old, new):
        return self.run("merge-base", "--is-ancestor", old, new)[0] == 0

    def merge_base(self, one, other):
        """Two full hashes; what git says of them once stays so."""
        if (one, other) not in self.merge_bases:
            status, output = self.run("merge-base", one, other)
            if status != 0:
                return ""
            self.merge_bases[one, other] = output.strip()
        return self.merge_bases[one, other]

    def commit(self, parents, files, message):
        """A commit of the first parent's tree with `files` (path: text, None removes) put in."""
        with tempfile.TemporaryDirectory(prefix="stand-in-index-") as directory:
            index = {"GIT_INDEX_FILE": os.path.join(directory, "index")}
            if parents:
                self.git("read-tree", parents[0], environment=index)
            lines = []
            for path, content in files.items():
                if content is None:
                    lines.append(f"0 {NOBODY}\t{path}\n")
                else:
                    blob = self.git("hash-object", "-w", "--stdin", text=content)
                    lines.append(f"100644 {blob}\t{path}\n")
            self.git("update-index", "--index-info", text="".join(lines), environment=index)
            tree = self.git("write-tree", environment=index)
        return self.commit_tree(tree, parents, message)

    def commit_tree(self, tree, parents, message):
        before = [argument for parent in parents for argument in ("-p", parent)]
        return self.git("commit-tree", tree, *before, text=message)

    def merged_tree(self, one, other):
        """The tree of a merge without conflict; GitError where there is one."""
        return self.git("merge-tree", "--write-tree", one, other).splitlines()[0]

    def show(self, sha):
        """What a commit (its full hash) says: message, author, e-mail and time (ISO 8601)."""
        if sha not in self.shown:
            output = self.git("show", "--no-patch", "--format=%an%x00%ae%x00%cI%x00%B", sha)
            name, mail, when, message = output.split("\0", 3)
            self.shown[sha] = {"name": name, "email": mail, "date": when, "message": message}
        return dict(self.shown[sha])
