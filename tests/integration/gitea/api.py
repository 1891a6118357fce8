"""The API below /api/v1: one function for each call, one table that names them, Gitea's answers.

Where 1.15 and 1.25 differ, the function says so. Calls that no well-behaved daemon makes (an issue, say) work,
too: otherwise they could not be recorded.
"""

import dataclasses
import json
import re
import time
import urllib.parse

from proxy.wire import Response

from .state import Pull

DEFAULT_PAGE, LONGEST_PAGE = 30, 50


@dataclasses.dataclass
class Call:
    """An API call as the functions below see it."""

    method: str
    path: str  # below /api/v1, percent-encoded as it came
    query: dict
    json: object
    json_error: str = ""
    signed_in: bool = False
    bad_token: bool = False

    def number(self, name, otherwise):
        try:
            return int(self.query.get(name, [""])[0])
        except ValueError:
            return otherwise

    def word(self, name):
        return self.query.get(name, [""])[0]


class Refusal(Exception):
    """An answer that is an error; `glued` bodies follow the first one without a separator."""

    def __init__(self, status, message, *glued):
        super().__init__(message)
        self.status = status
        self.messages = (message, *glued)


def json_response(status, value, **headers):
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    return Response(status, body, {"Content-Type": "application/json;charset=utf-8"} | headers)


def not_found():
    return Refusal(404, "The target couldn't be found.")


class Api:
    def __init__(self, forge, shapes, bad_token_answer, version, scopes=None):
        self.forge = forge
        self.shapes = shapes
        self.bad_token_answer = bad_token_answer  # 401, 404 or empty
        self.version = version
        self.scopes = scopes  # None: the token may do everything

    # The way of a call

    def handle(self, call):
        try:
            return self._dispatch(call)
        except Refusal as refusal:
            return self._refuse(refusal)

    def _refuse(self, refusal):
        body = b""
        for message in refusal.messages:
            value = {"message": message, "url": f"{self.shapes.url}/api/swagger"}
            if refusal.status == 404 and message == str(not_found()):
                value = {"errors": [], **value}
                if self.forge.new:
                    value |= {"errors": None, "message": "not found"}
            body += json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        return Response(refusal.status, body, {"Content-Type": "application/json;charset=utf-8"})

    def _dispatch(self, call):
        if call.bad_token and self.bad_token_answer == "401":
            raise Refusal(401, "invalid username, password or token")
        for method, pattern, function, needs in ROUTES:
            found = re.fullmatch(pattern, call.path)
            if found is None or method != call.method:
                continue
            places = [urllib.parse.unquote(part) for part in found.groups()]
            if call.path.startswith("/repos/"):
                redirect = self._enter_repository(call, places[0], places[1], needs)
                if redirect is not None:
                    return redirect
                places = places[2:]
            self._check_scope(call)
            self._check_reach(call)
            return function(self, call, *places)
        raise not_found()

    def _enter_repository(self, call, owner, repo, needs):
        """Everything Gitea looks at before a call within a repository is worked on."""
        forge = self.forge
        if owner.lower() != forge.owner.lower() or forge.gone:
            raise not_found()
        if repo.lower() != forge.repo.lower():
            if repo.lower() in (name.lower() for name in forge.former_names):
                return self._redirect(call, repo)
            raise not_found()
        if not call.signed_in and forge.private:
            if self.bad_token_answer == "empty" and call.method == "GET" and needs == "list":
                return json_response(200, [], **{"X-Total-Count": "0"})
            raise not_found()
        if call.method == "GET":
            if forge.shows_empty() and "/pulls" in call.path:
                raise not_found()
            return None
        if not call.signed_in:
            raise Refusal(401, "token is required")
        if forge.archived and needs in ("code", "archive") and forge.new:
            raise Refusal(423, f"{forge.owner}/{forge.repo} is archived")
        if forge.archived and not forge.new:
            raise not_found()
        if needs in ("push", "code") and not forge.permissions["push"]:
            raise Refusal(403, "user should have a permission to write to a repo")
        if call.json_error:
            raise Refusal(422, call.json_error)
        if forge.shows_empty() and "/pulls" in call.path:
            raise not_found()
        return None

    def _redirect(self, call, old):
        target = call.path.replace(f"/{old}", f"/{urllib.parse.quote(self.forge.repo)}", 1)
        query = urllib.parse.urlencode(call.query, doseq=True)
        place = f"{self.shapes.url}/api/v1{target}{'?' + query if query else ''}"
        path = urllib.parse.urlsplit(place)._replace(scheme="", netloc="").geturl()
        return Response(301, b"", {"Location": path})

    def _check_scope(self, call):
        if not call.signed_in:
            return
        if call.path.startswith("/user"):
            area = "user"
        elif call.path.startswith("/orgs"):
            area = "organization"
        elif re.match(r"/repos/[^/]+/[^/]+/(issues|labels)\b", call.path):
            area = "issue"
        elif call.path.startswith("/repos"):
            area = "repository"
        else:
            return
        level = "read" if call.method == "GET" else "write"
        if self.may(level, area):
            return
        raise Refusal(
            403, "token does not have at least one of required scope(s), "
            f"required=[{level}:{area}], token scope={','.join(self.scopes)}",
        )  # fmt: skip

    def _check_reach(self, call):
        if call.signed_in and self.forge.barred:
            raise Refusal(403, self.forge.barred)
        hidden = self.forge.pulls_off or self.forge.pulls_out_of_reach
        if hidden and re.match(r"/repos/[^/]+/[^/]+/pulls\b", call.path):
            raise not_found()

    def may(self, level, area):
        """Whether the token has the scope; the older kind has none."""
        scopes = self.scopes
        return scopes is None or not self.forge.new or bool({f"write:{area}", f"{level}:{area}"} & set(scopes))

    def _page(self, call, items, shape, nulls=0):
        """One page of a list, with the headers that tell of the others."""
        limit = call.number("limit", DEFAULT_PAGE)
        limit = DEFAULT_PAGE if limit <= 0 else min(limit, LONGEST_PAGE)
        page = max(call.number("page", 1), 1)
        shown = [shape(item) for item in items[(page - 1) * limit : page * limit]]
        headers = {"X-Total-Count": str(len(items))}
        last = max((len(items) + limit - 1) // limit, 1)
        link = self._links(call, min(page, last), last)
        if link:
            headers["Link"] = link
        return json_response(200, [None] * nulls + shown, **headers)

    def _links(self, call, page, last):
        def place(number):
            query = {key: values[0] for key, values in call.query.items()} | {"page": number}
            return f"<{self.shapes.url}/api/v1{call.path}?{urllib.parse.urlencode(query)}>"

        links = []
        if page < last:
            links += [f'{place(page + 1)}; rel="next"', f'{place(last)}; rel="last"']
        if page > 1:
            links += [f'{place(1)}; rel="first"', f'{place(page - 1)}; rel="prev"']
        return ",".join(links)

    # Server, users, organisations

    def get_version(self, call):
        return json_response(200, {"version": self.version})

    def get_settings(self, call):
        sizes = {"max_response_items": LONGEST_PAGE, "default_paging_num": DEFAULT_PAGE}
        return json_response(200, sizes)

    def get_me(self, call):
        if not call.signed_in:
            raise Refusal(401, "token is required")
        return json_response(200, self.shapes.user(self.forge.user))

    def get_user(self, call, login):
        user = self.forge.find_user(login)
        if user is None:
            raise Refusal(404, f"user redirect does not exist [name: {login.lower()}]")
        return json_response(200, self.shapes.user(user.login))

    def _organisation(self, call, name):
        forge = self.forge
        if not forge.organisation or name.lower() != forge.owner.lower():
            raise not_found()
        if forge.private and not call.signed_in:
            raise not_found()

    def get_organisation(self, call, name):
        self._organisation(call, name)
        return json_response(200, self.shapes.organisation())

    def list_organisation_labels(self, call, name):
        self._organisation(call, name)
        labels = [label for label in self.forge.labels if label.organisation]
        return self._page(call, labels, self.shapes.label)

    # The repository and who works on it

    def get_repository(self, call):
        return json_response(200, self.shapes.repository())

    def list_collaborators(self, call):
        users = [user for user in self.forge.users.values() if user.collaborator]
        return self._page(call, users, lambda user: self.shapes.user(user.login))

    def list_reviewers(self, call):
        users = [user for user in self.forge.users.values() if user.collaborator]
        return json_response(200, [self.shapes.user(user.login) for user in users])

    def get_collaborator(self, call, login):
        user = self.forge.find_user(login)
        if user is None:
            raise Refusal(422, f"user does not exist [uid: 0, name: {login}]")
        if not user.collaborator:
            raise not_found()
        return Response(204)

    def get_permission(self, call, login):
        user = self.forge.find_user(login)
        if user is None:
            raise not_found()
        level = "write" if user.collaborator else "none"
        shape = {"permission": level, "role_name": level, "user": self.shapes.user(user.login)}
        return json_response(200, shape)

    # Branches

    def list_branches(self, call):
        branches = sorted(self.forge.shown_branches().items())
        return self._page(call, branches, lambda item: self.shapes.branch(*item))

    def get_branch(self, call, name):
        sha = self.forge.shown_branches().get(name)
        if sha is None or self.forge.shows_empty():
            raise not_found()
        return json_response(200, self.shapes.branch(name, sha))

    def create_branch(self, call):
        forge, wanted = self.forge, call.json or {}
        name = wanted.get("new_branch_name", "")
        if forge.empty or forge.shows_empty():
            raise Refusal(404, "Git Repository is empty.")
        if not is_branch_name(name) or len(name) > 100:
            raise Refusal(422, f"[BranchName]: {'GitRefName' if len(name) <= 100 else 'MaxSize'}")
        if forge.is_protected(name):
            raise Refusal(500, "")
        with forge.lock:
            sha = self._start_of_branch(wanted)
            self._refuse_taken_name(name)
            forge.git.set_ref(f"refs/heads/{name}", sha, "0" * 40)
            forge.branch_created(name)
        return json_response(201, self.shapes.branch(name, sha))

    def _start_of_branch(self, wanted):
        """The commit to start from. 1.25 takes any reference or hash, 1.15 knows branches only."""
        forge = self.forge
        if forge.new and wanted.get("old_ref_name"):
            sha = forge.git.commit_id(forge.branches_from or wanted["old_ref_name"])
            if sha is None:
                raise Refusal(500, "")
            return sha
        old = wanted.get("old_branch_name") or forge.base
        sha = forge.git.tip(old)
        if sha is None and forge.new:
            raise Refusal(404, "The old branch does not exist")
        if sha is None:  # 1.15 forgets to return after the first answer
            raise Refusal(
                404, "The old branch does not exist", f"branch does not exist [name: {old}]"
            )
        return sha

    def _refuse_taken_name(self, name):
        branches = self.forge.git.branches()
        if f"refs/tags/{name}" in self.forge.git.refs("refs/tags"):
            raise Refusal(409, "The branch with the same tag already exists.")
        if name in branches:
            raise Refusal(409, "The branch already exists.")
        for other in branches:
            if other.startswith(name + "/") or name.startswith(other + "/"):
                raise Refusal(409, "The branch with the same name already exists.")

    def delete_branch(self, call, name):
        forge = self.forge
        with forge.lock:
            if forge.git.tip(name) is None:
                if forge.delete_missing_status == 204:
                    return Response(204)
                if forge.delete_missing_status == 404:
                    raise not_found()
                text = f"DeleteBranch: exit status 1 - error: branch '{name}' not found."
                raise Refusal(500, text)
            if name == forge.base:
                raise Refusal(403, "can not delete default or pull request target branch")
            if forge.is_protected(name):
                raise Refusal(403, "branch protected")
            forge.branch_removed_by_api(name)
        return Response(204)

    # Pull requests

    def _pull(self, number):
        pull = self.forge.pulls.get(int(number))
        if pull is None:
            raise not_found()
        return pull

    def _answer_pull(self, status, pull):
        return json_response(status, self.shapes.pull(pull, self.forge.shown_branches()))

    def list_pulls(self, call):
        forge, state = self.forge, call.word("state")
        pulls = sorted(forge.pulls.values(), key=lambda pull: pull.number)
        if state in ("open", "closed"):
            pulls = [pull for pull in pulls if pull.state == state]
        if forge.new and call.word("base_branch"):
            pulls = [pull for pull in pulls if pull.base == call.word("base_branch")]
        if forge.new and call.word("poster"):
            poster = call.word("poster").lower()
            pulls = [pull for pull in pulls if pull.author.lower() == poster]
        if call.word("sort") != "oldest":
            pulls.reverse()
        if call.word("sort") == "recentupdate":
            pulls.sort(key=lambda pull: pull.updated_at, reverse=True)
        branches = forge.shown_branches()
        shape = lambda pull: self.shapes.pull(pull, branches)  # noqa: E731
        return self._page(call, pulls, shape, forge.null_in_lists)

    def get_pull(self, call, number):
        return self._answer_pull(200, self._pull(number))

    def get_pull_of(self, call, base, head):
        """Since 1.22. Asks neither for the state nor for an order: an old closed one may answer."""
        if not self.forge.new:
            raise not_found()
        head = head.split(":", 1)[-1]
        for pull in sorted(self.forge.pulls.values(), key=lambda pull: pull.number):
            if (pull.base, pull.head) == (base, head):
                return self._answer_pull(200, pull)
        raise not_found()

    def create_pull(self, call):
        forge, wanted = self.forge, call.json or {}
        title, body = wanted.get("title", ""), wanted.get("body", "")
        base, head = wanted.get("base", ""), wanted.get("head", "").split(":", 1)[-1]
        for name, value in (("Head", head), ("Base", base), ("Title", title)):
            if not value.strip():
                raise Refusal(422, f"[{name}]: Required")
        if head == base:
            text = "Invalid PullRequest: There are no changes between the head and the base"
            raise Refusal(422, text)
        self._check_ends(base, head)
        unknown = [name for name in wanted.get("reviewers") or [] if not forge.find_user(name)]
        if unknown:
            raise Refusal(404, f"User '{unknown[0]}' not exist")
        self._refuse_second_pull(base, head)
        if forge.open_pull_takes:  # Gitea looks and inserts without a lock
            time.sleep(forge.open_pull_takes)
        if forge.new:
            title = title if len(title) <= 255 else title[:254] + "\u2026"
        pull = forge.insert_pull(title, body, head, base, forge.user)
        pull.labels = [label for label in forge.labels if label.id in (wanted.get("labels") or [])]
        return self._answer_pull(201, pull)

    def _check_ends(self, base, head):
        forge = self.forge
        if forge.is_lagging(head):
            if forge.lag_answer == "404":
                raise not_found()
            if forge.lag_answer == "422":
                text = "Invalid PullRequest: There are no changes between the head and the base"
                raise Refusal(422, text)
        if base not in forge.git.branches() or head not in forge.shown_branches():
            raise not_found()

    def _refuse_second_pull(self, base, head):
        for pull in self.forge.open_pulls_of(head, base):
            raise Refusal(
                409,
                f"pull request already exists for these targets [id: {pull.id}, "
                f"issue_id: {pull.number}, head_repo_id: 7, base_repo_id: 7, "
                f"head_branch: {head}, base_branch: {base}]",
            )

    def edit_pull(self, call, number):
        pull, wanted = self._pull(number), call.json or {}
        pull.title = wanted.get("title") or pull.title
        if isinstance(wanted.get("body"), str) and (wanted["body"] or self.forge.new):
            pull.body = wanted["body"]
        self._change_state(pull, wanted)
        return self._answer_pull(201, pull)

    def _change_state(self, pull, wanted):
        if "state" not in wanted:
            return
        if wanted["state"] not in ("open", "closed"):
            raise Refusal(422, f"unknown state: {wanted['state']}")
        if pull.merged:
            text = "cannot change state of this pull request, it was already merged"
            raise Refusal(412, text)
        self.forge.change_pull_state(pull, wanted["state"])

    def list_reviews(self, call, number):
        pull = self._pull(number)
        shape = lambda login: self.shapes.review_request(pull, login)  # noqa: E731
        return self._page(call, pull.reviewers, shape)

    def request_review(self, call, number):
        forge, pull = self.forge, self._pull(number)
        names = (call.json or {}).get("reviewers") or []
        for name in names:
            if forge.find_user(name) is None:
                raise Refusal(404, f"User '{name}' not exist")
        asked = []
        for name in names:
            user = forge.find_user(name)
            if user.login.lower() == pull.author.lower():
                raise Refusal(422, f"poster of pr can't be reviewer [user_id: {user.id}]")
            if forge.private and not user.collaborator:
                raise Refusal(422, f"Reviewer can't read [user_id: {user.id}, repo_id: 7]")
            if forge.new and not pull.is_open and user.login in pull.reviewed:
                raise Refusal(403, "cannot request a re-review on a closed or merged PR")
            if user.login not in pull.reviewers:
                pull.reviewers.append(user.login)
                asked.append(user.login)
        return json_response(201, [self.shapes.review_request(pull, login) for login in asked])

    # Labels and issues

    def list_labels(self, call):
        labels = [label for label in self.forge.labels if not label.organisation]
        return self._page(call, sorted(labels, key=lambda label: label.name), self.shapes.label)

    def create_label(self, call):
        wanted = call.json or {}
        name, color = wanted.get("name", ""), wanted.get("color", "")
        if not name.strip():
            raise Refusal(422, "[Name]: Required")
        if not color:
            raise Refusal(422, "[Color]: Required")
        if not re.fullmatch(r"#?[0-9a-fA-F]{6}", color):
            raise Refusal(422, f"invalid color: {color}")
        label = self.forge.add_label(name, color.lstrip("#"), wanted.get("description", ""), exclusive=bool(wanted.get("exclusive")))
        return json_response(201, self.shapes.label(label))

    def _labelled(self, number):
        found = self.forge.pulls.get(int(number)) or self.forge.issues.get(int(number))
        if found is None:
            raise not_found()
        return found

    def list_issue_labels(self, call, number):
        return json_response(200, [self.shapes.label(one) for one in self._labelled(number).labels])

    def add_labels(self, call, number):
        """Ids, and on newer ones names; what is not known is dropped without a word."""
        issue, wanted = self._labelled(number), (call.json or {}).get("labels") or []
        if not self.forge.permissions["push"]:
            raise Refusal(403, "write permission is required")
        named = [one for one in wanted if isinstance(one, str)]
        if named and not self.forge.new:
            text = "[]: json: cannot unmarshal string into Go struct field .labels of type int64"
            raise Refusal(422, text)
        if named and len(named) != len(wanted):
            raise Refusal(400, "labels should be an array of strings or integers")
        for label in self.forge.labels:
            if (label.id in wanted or label.name in named) and label not in issue.labels:
                issue.labels[:] = [other for other in issue.labels if not label.excludes(other)]
                issue.labels.append(label)
        return self.list_issue_labels(call, number)

    def create_status(self, call, sha):
        wanted = call.json or {}
        if self.forge.git.commit_id(sha) is None:
            raise Refusal(404, f"object does not exist [id: {sha}, rel_path: ]")
        made = {"id": len(self.forge.statuses) + 1, "status": wanted.get("state", ""), "context": wanted.get("context", "default"),
                "description": wanted.get("description", ""), "target_url": wanted.get("target_url", ""), "sha": sha}
        self.forge.statuses.append(made)
        return json_response(201, made)

    def list_issues(self, call):
        forge, kind, state = self.forge, call.word("type"), call.word("state") or "open"
        items = list(forge.pulls.values()) if kind != "issues" else []
        items += list(forge.issues.values()) if kind != "pulls" else []
        items = [item for item in items if state == "all" or item.state == state]
        return self._page(call, sorted(items, key=lambda item: -item.number), self._issue_shape)

    def _issue_shape(self, item):
        shape = self.shapes.pull_as_issue if isinstance(item, Pull) else self.shapes.issue
        return shape(item)

    def get_issue(self, call, number):
        return json_response(200, self._issue_shape(self._labelled(number)))

    def create_issue(self, call):
        wanted = call.json or {}
        if not wanted.get("title", "").strip():
            raise Refusal(422, "[Title]: Required")
        issue = self.forge.insert_issue(wanted["title"], wanted.get("body", ""), self.forge.user)
        return json_response(201, self.shapes.issue(issue))

    def edit_issue(self, call, number):
        item, wanted = self._labelled(number), call.json or {}
        item.title = wanted.get("title") or item.title
        if isinstance(item, Pull):
            self._change_state(item, wanted)
        else:
            item.state = wanted.get("state", item.state)
        return json_response(201, self._issue_shape(item))

    def _commented(self, number):
        try:
            return self._labelled(number)
        except Refusal:
            raise (Refusal(500, "") if self.forge.new else not_found()) from None

    def list_comments(self, call, number):
        """All in one answer, whatever page is asked for."""
        return json_response(200, [self.shapes.comment(place, *said) for place, said in enumerate(self._commented(number).comments, 1)])

    def create_comment(self, call, number):
        item, body = self._commented(number), (call.json or {}).get("body", "")
        if not body:
            raise Refusal(422, "[Body]: Required")
        self.forge.comment(item, self.forge.user, body)
        return json_response(201, self.shapes.comment(len(item.comments), *item.comments[-1]))

    def put_file(self, call, path):
        """Gitea's other way to write to a branch; here to be seen, the commit is not made."""
        raise Refusal(403, "the stand-in keeps no files by this way")


def is_branch_name(name):
    """git's rules for the name of a branch, as far as Gitea holds them."""
    if not isinstance(name, str) or not name or name.startswith("-") or name.endswith((".", "/")):
        return False
    if re.search(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//", name) or name == "@":
        return False
    return not any(
        part.startswith(".") or part.endswith(".lock") or not part for part in name.split("/")
    )


REPO = r"/repos/([^/]+)/([^/]+)"

# method, path, function, what Gitea asks for: a list answers [] to an unknown token in one mood,
# push needs the permission to write; archive is refused in an archive, code is both.
ROUTES = [
    ("GET", "/version", Api.get_version, ""),
    ("GET", "/settings/api", Api.get_settings, ""),
    ("GET", "/user", Api.get_me, ""),
    ("GET", "/users/([^/]+)", Api.get_user, ""),
    ("GET", "/orgs/([^/]+)", Api.get_organisation, ""),
    ("GET", "/orgs/([^/]+)/labels", Api.list_organisation_labels, ""),
    ("GET", REPO, Api.get_repository, ""),
    ("GET", REPO + "/collaborators", Api.list_collaborators, "list"),
    ("GET", REPO + "/collaborators/([^/]+)", Api.get_collaborator, ""),
    ("GET", REPO + "/collaborators/([^/]+)/permission", Api.get_permission, ""),
    ("GET", REPO + "/reviewers", Api.list_reviewers, "list"),
    ("GET", REPO + "/assignees", Api.list_reviewers, "list"),
    ("GET", REPO + "/branches", Api.list_branches, "list"),
    ("GET", REPO + "/branches/(.+)", Api.get_branch, ""),
    ("POST", REPO + "/branches", Api.create_branch, "code"),
    ("DELETE", REPO + "/branches/(.+)", Api.delete_branch, "code"),
    ("GET", REPO + "/pulls", Api.list_pulls, "list"),
    ("GET", REPO + "/pulls/([0-9]+)", Api.get_pull, ""),
    ("GET", REPO + "/pulls/([0-9]+)/reviews", Api.list_reviews, "list"),
    ("GET", REPO + "/pulls/([^/]+)/(.+)", Api.get_pull_of, ""),
    ("POST", REPO + "/pulls", Api.create_pull, "archive"),
    ("PATCH", REPO + "/pulls/([0-9]+)", Api.edit_pull, "push"),
    ("POST", REPO + "/pulls/([0-9]+)/requested_reviewers", Api.request_review, "push"),
    ("GET", REPO + "/labels", Api.list_labels, "list"),
    ("POST", REPO + "/labels", Api.create_label, "push"),
    ("GET", REPO + "/issues", Api.list_issues, "list"),
    ("GET", REPO + "/issues/([0-9]+)", Api.get_issue, ""),
    ("POST", REPO + "/issues", Api.create_issue, "archive"),
    ("PATCH", REPO + "/issues/([0-9]+)", Api.edit_issue, ""),
    ("GET", REPO + "/issues/([0-9]+)/labels", Api.list_issue_labels, "list"),
    ("POST", REPO + "/issues/([0-9]+)/labels", Api.add_labels, ""),
    ("GET", REPO + "/issues/([0-9]+)/comments", Api.list_comments, ""),
    ("POST", REPO + "/issues/([0-9]+)/comments", Api.create_comment, ""),
    ("POST", REPO + "/statuses/([0-9a-f]+)", Api.create_status, "push"),
    ("PUT", REPO + "/contents/(.+)", Api.put_file, "push"),
    ("POST", REPO + "/contents/(.+)", Api.put_file, "push"),
]
