"""Did the daemon stay within what it may do at a forge? Read from the records and the state.

What was asked counts, not what was granted: a forced push that the server refused is as wrong as
one it took. Writes by persons (state.Forge's methods) are nobody's fault here.
"""

import re
import urllib.parse

from .records import Record

REPO = r"/api/v1/repos/[^/]+/[^/]+"

READS = [
    r"/api/v1/version",
    r"/api/v1/settings/api",
    r"/api/v1/user",
    r"/api/v1/users/[^/]+",
    r"/api/v1/orgs/[^/]+(/labels)?",
    REPO,
    REPO + r"/(branches|pulls|labels)(/.*)?",
    REPO + r"/(collaborators|reviewers|assignees)(/.*)?",
    REPO + r"/issues/[0-9]+(/labels)?",
]

WRITES = [
    ("POST", REPO + r"/branches"),
    ("DELETE", REPO + r"/branches/.+"),
    ("POST", REPO + r"/pulls"),
    ("PATCH", REPO + r"/(pulls|issues)/[0-9]+"),
    ("POST", REPO + r"/labels"),
    ("POST", REPO + r"/issues/[0-9]+/labels"),
    ("POST", REPO + r"/pulls/[0-9]+/requested_reviewers"),
]


class Governor:
    """One look at one stand-in. `in_flight`: branches whose jobs are still under way."""

    def __init__(self, gitea, prefix, base, in_flight=()):
        self.gitea = gitea
        self.prefix = prefix
        self.base = base
        self.in_flight = set(in_flight)
        self.found = []

    def violations(self):
        for record in self.gitea.records:
            self._look_at(record)
        for maker, old, new in self.gitea.forge.base_writes:
            if maker == "daemon":
                self._say(f"the base was written: {old[:9]}..{new[:9]}")
        self._look_at_branches()
        self._look_at_pulls()
        self._look_for_token()
        return self.found

    def _say(self, text, record: Record | None = None):
        self.found.append(f"{text}: {record}" if record is not None else text)

    # Requests

    def _look_at(self, record):
        if self.gitea.token in urllib.parse.unquote(record.target):
            self._say("the token is in an address", record)
        for push in record.pushes:
            self._look_at_push(push, record)
        if record.kind != "api":
            return
        if record.method == "GET":
            if not any(re.fullmatch(pattern, record.path) for pattern in READS):
                self._say("a call that is not needed", record)
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
        if push.taken and (push.branch, push.old) in self.gitea.forge.person_tips:
            self._say("a push to a branch where a person had left it", record)

    def _look_at_write(self, record):
        body = record.body if isinstance(record.body, dict) else {}
        place = urllib.parse.unquote(re.sub(REPO, "", record.path, count=1))
        if place == "/branches":
            self._within_prefix(body.get("new_branch_name"), "made", record)
        elif place.startswith("/branches/"):
            self._within_prefix(place.removeprefix("/branches/"), "deleted", record)
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
        if found is None:
            return
        pull = self.gitea.forge.pulls.get(int(found.group(1)))
        if pull is None:
            self._say("a write to what is no pull request", record)
        elif pull.author != self.gitea.forge.user:
            self._say("a write to another's pull request", record)
        if record.method == "PATCH" and body != {"state": "closed"}:
            self._say("a pull request was changed otherwise than by closing it", record)

    # What is left

    def _look_at_branches(self):
        forge = self.gitea.forge
        for branch, tip in sorted(self.gitea.branches_below(self.prefix).items()):
            if forge.branch_makers.get(branch) != "daemon" or branch in self.in_flight:
                continue
            if (branch, tip) in forge.person_tips:
                continue  # it is theirs now
            pulls = [pull for pull in forge.pulls.values() if pull.head == branch]
            if not any(p.is_open or p.merged or p.closed_by == "person" for p in pulls):
                self._say(f"the branch {branch} is left without a pull request")

    def _look_at_pulls(self):
        for branch, sha in self.gitea.forge.api_deletes:
            if (branch, sha) in self.gitea.forge.person_tips:
                self._say(f"the branch {branch} was deleted where a person had left it")
        for pull in self.gitea.pulls.values():
            if pull.opened_empty and pull.author == self.gitea.forge.user:
                self._say(f"pull request {pull.number} was opened without a change")
        heads = {}
        for pull in self.gitea.open_pulls():
            heads.setdefault(pull.head, []).append(str(pull.number))
        for head, numbers in heads.items():
            if len(numbers) > 1:
                self._say(f"{head} has several open pull requests: {', '.join(numbers)}")
        for issue in self.gitea.forge.issues.values():
            if issue.author == self.gitea.forge.user:
                self._say(f"the daemon opened issue {issue.number}: {issue.title}")

    def _look_for_token(self):
        token, forge = self.gitea.token, self.gitea.forge
        for pull in forge.pulls.values():
            if token in pull.title or token in pull.body:
                self._say(f"the token is in pull request {pull.number}")
        for label in forge.labels:
            if token in label.name or token in label.description:
                self._say(f"the token is in label {label.id}")
        if token in forge.git.git("log", "--all", "--format=%an %ae %cn %ce %B"):
            self._say("the token is in a commit's message")
