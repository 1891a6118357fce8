"""A reviewer: merges and closes pull requests as a person does in the morning, and looks which still merge."""

import functools
import re

from harness import git

WAYS = ("merge", "squash", "rebase")


class Reviewer:
    """On the `local` forge: by plain git in a clone, and a word in the pull request's file."""

    def __init__(self, forge):
        self.forge = forge
        self.project = forge.project
        self.work = functools.partial(git, directory=self.project.work)

    def pull(self, number):
        (found,) = [pull for pull in self.forge.pulls() if pull.number == number]
        return found

    def merge(self, number, way="merge"):
        """Brings it into the base in one of WAYS; gives back the base's new tip."""
        assert way in WAYS
        pull, base = self.pull(number), self.project.base
        self.work("fetch", "-q", "origin", pull.head)
        self.work("checkout", "-q", base)
        if way == "merge":
            self.work("merge", "-q", "--no-ff", "-m", f"Merge pull request {number}: {pull.title}", pull.sha)
        elif way == "squash":
            self.work("merge", "-q", "--squash", pull.sha)
            self.work("commit", "-q", "-m", f"{pull.title} ({number})")
        else:
            self.work("rebase", "-q", base, pull.sha)
            self.work("checkout", "-q", "-B", base)
        self.project.publish()
        self.forge.set_state(number, "merged")
        return self.project.tip

    def merge_changed(self, number, files):
        """Merges it, and changes files while doing so."""
        pull = self.pull(number)
        self.work("fetch", "-q", "origin", pull.head)
        self.work("checkout", "-q", self.project.base)
        self.work("merge", "-q", "--no-ff", "--no-commit", pull.sha)
        tip = self.project.commit(files, f"Merge pull request {number} with changes")
        self.project.publish()
        self.forge.set_state(number, "merged")
        return tip

    def revert(self, commit, *options):
        """Takes a commit of the base back; gives back the base's new tip."""
        self.work("checkout", "-q", self.project.base)
        self.work("revert", "--no-edit", *options, commit)
        self.project.publish()
        return self.project.tip

    def close(self, number):
        self.forge.set_state(number, "closed")

    def conflicting(self):
        """Numbers of the open pull requests that do not merge into the base any more."""
        return [pull.number for pull in self.forge.pulls() if pull.state == "open"
                and conflict(self.project.bare, self.project.base, pull.sha)]  # fmt: skip


class StandInReviewer(Reviewer):
    """At the stand-in or a real one, by what a person does there; what the base has then is fetched into the clone."""

    @property
    def source(self):
        return getattr(self.forge.gitea, "remote", None) or self.forge.gitea.git_path

    def merge(self, number, way="merge"):
        self.forge.gitea.merge_pull(number, style=way)
        self.work("checkout", "-q", self.project.base)
        self.work("pull", "-q", "--ff-only", self.source, self.project.base)
        return self.project.tip

    def close(self, number):
        self.forge.gitea.close_pull(number)

    def conflicting(self):
        still_open = [pull for pull in self.forge.pulls() if pull.state == "open"]
        self.work("fetch", "-q", self.source, *(pull.sha for pull in still_open))
        return [pull.number for pull in still_open if conflict(self.project.work, self.project.base, pull.sha)]


def conflict(repository, one, other):
    """Whether git cannot merge the two commits."""
    answer = git("merge-tree", "--write-tree", one, other, directory=repository, check=False)
    assert re.match("[0-9a-f]{40}", answer), f"{one} and {other} cannot be merged at all: {answer}"
    return "\nCONFLICT " in answer
