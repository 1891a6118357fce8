"""Checks that the daemon did only what it may do at a forge, by its requests and by what is left there.

What was asked counts, not what was granted: a forced push that the server refused is as wrong as one that
it took. What persons do does not go through the proxy, and is not charged to the daemon.
"""

import re
import subprocess
import urllib.parse

from .git import NOBODY, environment
from .ledger import REPO
from .records import Record

READS = [
    r"/api/v1/version",
    r"/api/v1/settings/api",
    r"/api/v1/user",
    r"/api/v1/users/[^/]+",
    r"/api/v1/orgs/[^/]+(/labels)?",
    REPO,
    REPO + r"/(branches|pulls|labels)(/.*)?",
    REPO + r"/(collaborators|reviewers|assignees)(/.*)?",
    REPO + r"/issues/[0-9]+(/labels|/comments)?",
]

WRITES = [
    ("POST", REPO + r"/branches"),
    ("POST", REPO + r"/pulls"),
    ("PATCH", REPO + r"/(pulls|issues)/[0-9]+"),
    ("POST", REPO + r"/labels"),
    ("POST", REPO + r"/issues/[0-9]+/labels"),
    ("POST", REPO + r"/issues/[0-9]+/comments"),
    ("POST", REPO + r"/pulls/[0-9]+/requested_reviewers"),
    ("POST", REPO + r"/statuses/[0-9a-f]{40,64}"),
]

# What a token may write is asked of number 0, which nothing has.
QUESTIONS = [("PATCH", REPO + r"/pulls/0", {}), ("POST", REPO + r"/issues/0/labels", {"labels": []})]


class Governor:
    """One look at what went through one proxy. `in_flight`: branches whose jobs are still under way."""

    def __init__(self, proxy, prefix, base, in_flight=()):
        self.records, self.ledger, self.forge = proxy.records, proxy.ledger, proxy.behind
        self.prefix = prefix
        self.base = base
        self.in_flight = set(in_flight)
        self.found = []

    def violations(self):
        for record in self.records:
            self._look_at(record)
        for branch, commit in list(self.ledger.tips):
            if branch == self.base:
                self._say(f"the base was written: {commit[:9]}")
        pulls = self.forge.pulls()
        self._look_at_branches(pulls)
        self._look_at_pulls(pulls)
        if self.forge.token in self._commits():
            self._say("the token is in a commit")
        return self.found

    def _say(self, text, record: Record | None = None):
        self.found.append(f"{text}: {record}" if record is not None else text)

    def _commits(self):
        command = ["git", "-C", self.forge.git_path, "log", "--all", "--format=%an %ae %cn %ce %B"]
        done = subprocess.run(command, stdout=subprocess.PIPE, env=environment(), check=True)
        return done.stdout.decode(errors="replace")

    # Requests

    def _look_at(self, record):
        token = self.forge.token
        if token in urllib.parse.unquote(record.target):
            self._say("the token is in an address", record)
        if token in str(record.body):
            self._say("the token is in a body", record)
        for push in record.pushes:
            self._look_at_push(push, record)
        if record.kind != "api":
            return
        if record.method == "GET":
            if not any(re.fullmatch(pattern, record.path) for pattern in READS):
                self._say("a call that is not needed", record)
        elif any((record.method, record.body) == (method, body) and re.fullmatch(path, record.path) for method, path, body in QUESTIONS):
            pass
        elif not any(
            record.method == method and re.fullmatch(pattern, record.path)
            for method, pattern in WRITES
        ):
            what = "an issue" if re.fullmatch(REPO + "/issues", record.path) else "a call"
            self._say(f"{what} that must not be", record)
        else:
            self._look_at_write(record)

    def _look_at_push(self, push, record):
        if push.kind == "forced":
            self._say("a push that is no fast-forward", record)
        if push.ref == f"refs/heads/{self.base}":
            self._say("a push to the base", record)
        elif not push.ref.startswith(f"refs/heads/{self.prefix}"):
            self._say("a push outside the prefix", record)
        if push.taken and push.old != NOBODY and not self.ledger.has(push.branch, push.old):
            self._say("a push to a branch where a person had left it", record)

    def _look_at_write(self, record):
        body = record.body if isinstance(record.body, dict) else {}
        place = urllib.parse.unquote(re.sub(REPO, "", record.path, count=1))
        if place == "/branches":
            self._within_prefix(body.get("new_branch_name"), "made", record)
        elif place == "/pulls":
            self._within_prefix(body.get("head"), "proposed", record)
            if body.get("base") != self.base:
                self._say("a pull request against another base", record)
        else:
            self._look_at_pull_write(record, body, place)

    def _within_prefix(self, branch, what, record):
        if not str(branch).split(":")[-1].startswith(self.prefix):
            self._say(f"a branch outside the prefix was {what}", record)

    def _look_at_pull_write(self, record, body, place):
        found = re.match(r"/(?:pulls|issues)/([0-9]+)", place)
        if found and int(found.group(1)) not in self.ledger.opened:
            self._say("a write to what is no pull request of the daemon's", record)
        if record.method == "PATCH" and (not body or set(body) - {"state", "title", "body"}):
            self._say("a pull request was changed otherwise than in its state and its text", record)
        if body.get("state") == "open" and found and int(found.group(1)) not in self.ledger.closed:
            self._say("a pull request was opened again that somebody else closed", record)

    # What is left

    def _look_at_branches(self, pulls):
        """A branch may be left if a person closed or deleted its pull request. If the daemon closed it, the branch may be left
        only if the daemon said why."""
        gone = self.ledger.closed - self.ledger.commented
        kept = {head for number, head in self.ledger.opened.items() if number not in gone}
        kept |= {pull.head for pull in pulls if pull.state in ("open", "merged")}
        for branch, tip in sorted(self.forge.branches().items()):
            # One that a person moved is theirs now.
            ours = branch.startswith(self.prefix) and self.ledger.has(branch, tip)
            if ours and branch not in kept | self.in_flight:
                self._say(f"the branch {branch} is left without a pull request")

    def _look_at_pulls(self, pulls):
        for number in sorted(self.ledger.empty):
            self._say(f"pull request {number} was opened without a change")
        heads = {}
        for pull in pulls:
            if pull.state == "open":
                heads.setdefault(pull.head, []).append(str(pull.number))
        for head, numbers in heads.items():
            if len(numbers) > 1:
                self._say(f"{head} has several open pull requests: {', '.join(numbers)}")
