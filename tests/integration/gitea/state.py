"""What the stand-in knows besides the repository: pull requests, labels, issues, users, and how it misbehaves.

Two sides write here: the daemon over HTTP (api.py, git_http.py), and persons through the methods of Forge that
are named after what they do: merge_pull, close_pull, push_to_branch and so on.
"""

import dataclasses
import datetime
import fnmatch
import pathlib
import threading
import time

from proxy.git import NOBODY

from .repository import BareRepository

PULL_ID_OFFSET = 700  # a pull request's id is not its number, and mixing them up shall show
FIRST_LABEL_ID = 41

FIRST_FILES = {
    "README.md": "# Model\n",
    "train.py": "DEPTH = 8\nRATE = 0.04\n\n\ndef train():\n    return DEPTH * RATE\n",
}


def now():
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclasses.dataclass
class User:
    id: int
    login: str
    collaborator: bool = True
    visible: bool = True
    administrator: bool = False  # of the whole forge


@dataclasses.dataclass
class Label:
    id: int
    name: str
    color: str
    description: str = ""
    organisation: bool = False
    exclusive: bool = False

    def excludes(self, other):
        scope, slash, _ = self.name.rpartition("/")
        return bool(slash) and self.exclusive and other.exclusive and other.name.rpartition("/")[0] == scope


@dataclasses.dataclass
class Issue:
    number: int
    title: str
    body: str
    author: str
    state: str = "open"
    labels: list = dataclasses.field(default_factory=list)
    created_at: str = dataclasses.field(default_factory=now)


@dataclasses.dataclass
class Pull:
    number: int
    title: str
    body: str
    author: str
    head: str
    base: str
    state: str = "open"
    merged: bool = False
    head_sha: str = ""  # what refs/pull/N/head holds
    merge_base: str = ""
    merge_commit: str = ""
    labels: list = dataclasses.field(default_factory=list)
    reviewers: list = dataclasses.field(default_factory=list)
    comments: list = dataclasses.field(default_factory=list)  # (who, what)
    reviewed: list = dataclasses.field(default_factory=list)  # who has said something
    created_at: str = dataclasses.field(default_factory=now)
    updated_at: str = dataclasses.field(default_factory=now)
    closed_at: str | None = None

    @property
    def id(self):
        return self.number + PULL_ID_OFFSET

    @property
    def git_ref(self):
        return f"refs/pull/{self.number}/head"

    @property
    def is_open(self):
        return self.state == "open"


class Forge:
    """The state of one repository at one forge. All of it is guarded by `lock`."""

    def __init__(self, root, dialect, owner, repo, base, user, private, organisation, files):
        self.lock = threading.RLock()
        self.dialect = dialect
        self.new = dialect != "1.15"
        self.owner, self.repo, self.base = owner, repo, base
        self.private, self.organisation = private, organisation
        self.user = user
        self.person = "Alice"
        self.permissions = {"admin": False, "push": True, "pull": True}
        self.former_names = []
        self.archived = self.gone = self.empty = False
        self.protected = set()  # patterns of branches
        self.refuses_deletion = False  # of protected ones: who may push may not delete either
        self.statuses = []
        self.users, self.pulls, self.issues = {}, {}, {}
        self.labels = []
        self.next_number = 1
        self.next_label = FIRST_LABEL_ID
        # Moods, for a test to change.
        self.api_lag = 0.0
        self.lag_answer = "stale"  # stale, 404, 422 or empty
        self.null_in_lists = 0
        self.closes_on_git_delete = self.new
        self.delete_missing_status = 404 if self.new else 500
        self.open_pull_takes = 0.0
        self.pulls_off = False  # for everybody
        self.pulls_out_of_reach = False  # of the team of the token's user
        self.barred = ""  # why the token's user may do nothing at all
        self.branches_from = ""  # the commit that new branches are made from, whatever is asked for
        self._lagging = {}  # branch: (what the API still shows, until when)
        self._lag_ends = 0.0

        for login in ([user] if organisation else [user, owner]) + [self.person]:
            self.add_user(login)
        self.git = BareRepository(pathlib.Path(root) / owner / f"{repo}.git")
        self.git.create(base)
        self._seed(files)

    def _seed(self, files):
        if isinstance(files, dict) or files is None:
            first = self.git.commit([], files or FIRST_FILES, "Begin\n")
            self.git.set_ref(f"refs/heads/{self.base}", first)
        else:
            self.git.take_over(pathlib.Path(files))

    # Users

    def add_user(self, login, collaborator=True, visible=True):
        key = login.lower()
        if key not in self.users:
            self.users[key] = User(len(self.users) + 1, login)
        self.users[key].collaborator = collaborator
        self.users[key].visible = visible
        return self.users[key]

    def find_user(self, login):
        user = self.users.get(login.lower())
        return user if user is not None and user.visible else None

    # Branches as the API shows them

    def shown_branches(self):
        """Branches and commits as the API sees them, which may be a moment behind."""
        branches = self.git.branches()
        with self.lock:
            moment = time.monotonic()
            for branch, (shown, until) in list(self._lagging.items()):
                if moment >= until:
                    del self._lagging[branch]
                elif self.lag_answer != "empty" and shown is None:
                    branches.pop(branch, None)
                elif self.lag_answer != "empty":
                    branches[branch] = shown
        return branches

    def is_lagging(self, branch):
        return branch in self._lagging and time.monotonic() < self._lagging[branch][1]

    def shows_empty(self):
        return self.lag_answer == "empty" and time.monotonic() < self._lag_ends

    # What a write leaves behind

    def branch_created(self, branch):
        with self.lock:
            self._lagging.pop(branch, None)

    def branch_written(self, branch, old, new, maker):
        """After a write by git: the pull requests of the branch follow it."""
        with self.lock:
            if self.api_lag > 0 and maker == "daemon":
                until = time.monotonic() + self.api_lag
                self._lagging[branch] = (None if old == NOBODY else old, until)
                self._lag_ends = until
            for pull in self.open_pulls_of(branch):
                if new == NOBODY:
                    if self.closes_on_git_delete:
                        self._close(pull)
                else:
                    pull.head_sha = new
                    pull.updated_at = now()
                    self.git.set_ref(pull.git_ref, new)

    def branch_removed_by_api(self, branch):
        """The API deletes a branch and closes its pull requests with it."""
        with self.lock:
            self.git.delete_ref(f"refs/heads/{branch}")
            for pull in self.open_pulls_of(branch):
                self._close(pull)

    # Pull requests, labels, issues

    def take_number(self):
        with self.lock:
            number, self.next_number = self.next_number, self.next_number + 1
            return number

    def open_pulls_of(self, branch, base=None):
        with self.lock:
            return [
                pull for pull in self.pulls.values()
                if pull.is_open and pull.head == branch and base in (None, pull.base)
            ]  # fmt: skip

    def insert_pull(self, title, body, head, base, author):
        branches = self.git.branches()
        with self.lock:
            pull = Pull(self.take_number(), title, body, author, head, base)
            pull.head_sha = branches[head]
            pull.merge_base = self.git.merge_base(branches[base], branches[head])
            self.git.set_ref(pull.git_ref, pull.head_sha)
            self.pulls[pull.number] = pull
            return pull

    def _close(self, pull):
        pull.state = "closed"
        pull.closed_at = pull.updated_at = now()

    def change_pull_state(self, pull, state):
        with self.lock:
            if state == "closed" and pull.is_open:
                self._close(pull)
            elif state == "open" and not pull.is_open:
                pull.state, pull.closed_at = "open", None
                pull.updated_at = now()

    def comment(self, item, who, text):
        with self.lock:
            item.comments.append((who, text))
            item.updated_at = now()

    def add_label(self, name, color="00aabb", description="", organisation=False, exclusive=False):
        with self.lock:
            label = Label(self.next_label, name, color, description, organisation, exclusive)
            self.next_label += 1
            self.labels.append(label)
            return label

    def insert_issue(self, title, body, author):
        with self.lock:
            issue = Issue(self.take_number(), title, body, author)
            self.issues[issue.number] = issue
            return issue

    # What persons do

    def merge_pull(self, number, style="merge", delete_branch=False):
        """A person merges: style is merge, squash or fast-forward. Gives back the base's tip."""
        with self.lock:
            pull = self.pulls[number]
            if not pull.is_open:
                raise ValueError(f"pull request {number} is {pull.state}")
            base, head = self.git.tip(pull.base), pull.head_sha
            if style == "fast-forward":
                new = head
            else:
                tree = self.git.merged_tree(base, head)
                parents = [base, head] if style == "merge" else [base]
                text = f"Merge pull request '{pull.title}' (#{number})\n"
                new = self.git.commit_tree(tree, parents, text)
            self._person_writes(pull.base, base, new)
            self._close(pull)
            pull.merged, pull.merge_commit = True, new
            if delete_branch:
                self.delete_branch(pull.head)
            return new

    def close_pull(self, number):
        self.change_pull_state(self.pulls[number], "closed")

    def edit_pull(self, number, body):
        with self.lock:
            self.pulls[number].body, self.pulls[number].updated_at = body, now()

    def reopen_pull(self, number):
        self.change_pull_state(self.pulls[number], "open")

    def approve(self, number, reviewer="Timmy"):
        with self.lock:
            pull = self.pulls[number]
            pull.reviewed.append(reviewer)
            if reviewer in pull.reviewers:
                pull.reviewers.remove(reviewer)

    def open_pull(self, head, title="By hand", body="", base=None):
        return self.insert_pull(title, body, head, base or self.base, self.person)

    def open_issue(self, title, body=""):
        return self.insert_issue(title, body, self.person)

    def push_to_branch(self, branch, files=None, message="By hand\n", force=False):
        """A person commits on a branch (made from the base if need be), or rewrites its tip."""
        with self.lock:
            old = self.git.tip(branch)
            parent = old or self.git.tip(self.base)
            if force and old:
                status, before = self.git.run("rev-parse", "--verify", "--quiet", f"{old}^")
                parent = before.strip() if status == 0 else None
            files = files or {f"by-hand-{time.monotonic_ns()}.txt": "by hand\n"}
            new = self.git.commit([parent] if parent else [], files, message)
            self._person_writes(branch, old or NOBODY, new)
            return new

    def make_branch(self, branch, at=None):
        """A person makes a branch at a revision (the base's tip if none is named)."""
        with self.lock:
            new = self.git.commit_id(at or self.base)
            self._person_writes(branch, self.git.tip(branch) or NOBODY, new)
            return new

    def move_base(self, files=None):
        return self.push_to_branch(self.base, files, "The base moves\n")

    def force_push_base(self, files=None):
        return self.push_to_branch(self.base, files, "The base is another\n", force=True)

    def delete_branch(self, branch):
        """A person deletes a branch through the web page, which closes its pull requests."""
        with self.lock:
            self.git.delete_ref(f"refs/heads/{branch}")
            for pull in self.open_pulls_of(branch):
                self._close(pull)

    def _person_writes(self, branch, old, new):
        self.git.set_ref(f"refs/heads/{branch}", new)
        self.branch_written(branch, old, new, "person")

    def protect(self, branch):
        self.protected.add(branch)

    def is_protected(self, branch):
        return any(fnmatch.fnmatchcase(branch, pattern.replace("**", "*")) for pattern in self.protected)

    def turn_pulls(self, on):
        self.pulls_off = not on

    def let_reach_pulls(self, may):
        self.pulls_out_of_reach = not may

    def let_push(self, may):
        self.permissions["push"] = may

    def bar(self, why="You must change your password. Change it at: /user/change_password"):
        self.barred = why

    def unbar(self):
        self.barred = ""

    def unprotect(self, branch):
        self.protected.discard(branch)

    def archive(self, archived=True):
        self.archived = archived

    def rename(self, repo):
        """The repository gets another name; the old one redirects. On disk it stays in place."""
        with self.lock:
            self.former_names.append(self.repo)
            self.repo = repo

    def delete_repository(self):
        self.gone = True
