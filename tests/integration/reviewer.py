"""A reviewer: merges and closes pull requests as a person does in the morning, and checks which can still be merged."""

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

    @property
    def source(self):
        """The address from which a person fetches."""
        return self.project.bare

    def pull(self, number):
        (found,) = [pull for pull in self.forge.pulls() if pull.number == number]
        return found

    def bring_in(self, number, way):
        """Merges it into the base in one of WAYS, and does not say so in the pull request."""
        assert way in WAYS
        pull, base = self.pull(number), self.project.base
        self.fetch(pull)
        self.work("checkout", "-q", base)
        if way == "merge":
            self.work("merge", "-q", "--no-ff", "-m", f"Merge pull request {number}: {pull.title}", pull.sha)
        elif way == "squash":
            self.work("merge", "-q", "--squash", pull.sha)
            self.work("commit", "-q", "-m", f"{pull.title} ({number})")
        else:
            self.work("rebase", "-q", base, pull.sha)
            self.work("checkout", "-q", "-B", base)
        self.publish()

    def merge(self, number, way="merge"):
        """Merges it into the base in one of WAYS, and returns the base's new tip."""
        self.bring_in(number, way)
        self.was_merged(number)
        return self.project.tip

    def merge_changed(self, number, files):
        """Merges it, and changes files while doing so."""
        pull = self.pull(number)
        self.fetch(pull)
        self.work("checkout", "-q", self.project.base)
        self.work("merge", "-q", "--no-ff", "--no-commit", pull.sha)
        tip = self.project.commit(files, f"Merge pull request {number} with changes")
        self.publish()
        self.was_merged(number)
        return tip

    def merge_both(self, older, newer):
        """One right after the other; what the newer one has, the older one is part of."""
        self.merge(newer, "squash")
        self.forge.set_state(older, "merged")

    def revert(self, commit, *options):
        """Reverts a commit of the base, and returns the base's new tip."""
        self.work("checkout", "-q", self.project.base)
        self.work("revert", "--no-edit", *options, commit)
        self.publish()
        return self.project.tip

    def push_to(self, number, files):
        """Commits on top of its branch."""
        pull = self.pull(number)
        self.fetch(pull)
        pushed, _ = self.project.experiment(files, parent=pull.sha)
        self.work("push", "-q", "origin", f"{pushed}:refs/heads/{pull.head}")
        self.forge.foreign.add(pull.head)
        self.forge.set_fact(number, "sha", pushed)

    def close(self, number):
        self.forge.set_state(number, "closed")

    def reopen(self, number):
        self.forge.set_state(number, "open")

    def was_merged(self, number):
        """What a person who merged by hand says in the pull request."""
        self.forge.set_state(number, "merged")

    def fetch(self, pull):
        self.work("fetch", "-q", self.source, pull.head)

    def publish(self):
        self.project.publish()

    def still_open(self):
        """The open pull requests, and their commits in the clone."""
        found = [pull for pull in self.forge.pulls() if pull.state == "open"]
        self.work("fetch", "-q", self.source, *(pull.sha for pull in found))
        return found

    def conflicting(self):
        """Numbers of the open pull requests that do not merge into the base any more."""
        return [pull.number for pull in self.still_open() if conflict(self.project.work, self.project.base, pull.sha)]


class StandInReviewer(Reviewer):
    """At the stand-in or a real Gitea, by its API. The clone then fetches the base."""

    @property
    def source(self):
        return getattr(self.forge.gitea, "remote", None) or self.forge.gitea.git_path

    def merge(self, number, way="merge"):
        self.forge.gitea.merge_pull(number, style=way)
        self.work("checkout", "-q", self.project.base)
        self.work("pull", "-q", "--ff-only", self.source, self.project.base)
        return self.project.tip

    def merge_both(self, older, newer):
        """The second one once the forge says that it can be merged."""
        self.merge(older, "merge")
        self.merge(newer, "squash")

    def push_to(self, number, files):
        self.forge.gitea.push_to_branch(self.pull(number).head, files)

    def close(self, number):
        self.forge.gitea.close_pull(number)

    def reopen(self, number):
        self.forge.gitea.reopen_pull(number)

    def was_merged(self, number):
        """There is no way to say so: what the base holds is the daemon's to find out."""

    def publish(self):
        self.work("push", "-q", self.source, f"{self.project.base}:refs/heads/{self.project.base}")



def conflict(repository, one, other):
    """Whether git cannot merge the two commits."""
    answer = git("merge-tree", "--write-tree", one, other, directory=repository, check=False)
    assert re.match("[0-9a-f]{40}", answer), f"{one} and {other} cannot be merged at all: {answer}"
    return "\nCONFLICT " in answer
