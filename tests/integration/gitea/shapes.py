"""The JSON objects of Gitea's API, built from the stand-in's state."""


class Shapes:
    """Builds the objects; `url` is the server's address with its sub-path."""

    def __init__(self, forge, url):
        self.forge = forge
        self.url = url

    @property
    def api_url(self):
        return f"{self.url}/api/v1/repos/{self.forge.owner}/{self.forge.repo}"

    @property
    def html_url(self):
        return f"{self.url}/{self.forge.owner}/{self.forge.repo}"

    def user(self, login):
        user = self.forge.users.get(login.lower())
        return {
            "id": user.id if user else 0,
            "login": user.login if user else login,
            "full_name": "",
            "email": f"{login.lower()}@noreply.example.org",
            "avatar_url": f"{self.url}/user/avatar/{login}/-1",
            "language": "",
            "is_admin": bool(user and user.administrator),  # as an administrator's token sees it; to others it is False
            "created": "2021-06-01T08:00:00Z",
            "active": True,
            "username": user.login if user else login,
        }

    def owner(self):
        if self.forge.organisation:
            return self.user(self.forge.owner) | {"id": 90}
        return self.user(self.forge.owner)

    def organisation(self):
        return {
            "id": 90,
            "username": self.forge.owner,
            "name": self.forge.owner,
            "full_name": "",
            "avatar_url": f"{self.url}/avatars/90",
            "description": "",
            "visibility": "private" if self.forge.private else "public",
        }

    def repository(self):
        forge = self.forge
        return {
            "id": 7,
            "owner": self.owner(),
            "name": forge.repo,
            "full_name": f"{forge.owner}/{forge.repo}",
            "description": "",
            "empty": forge.empty or forge.shows_empty(),
            "private": forge.private,
            "fork": False,
            "template": False,
            "parent": None,
            "mirror": False,
            "size": 28,
            "html_url": self.html_url,
            "clone_url": f"{self.html_url}.git",
            "ssh_url": f"git@127.0.0.1:{forge.owner}/{forge.repo}.git",
            "default_branch": forge.base,
            "archived": forge.archived,
            "open_issues_count": sum(i.state == "open" for i in forge.issues.values()),
            "open_pr_counter": sum(pull.is_open for pull in forge.pulls.values()),
            "permissions": dict(forge.permissions),
            "has_issues": True,
            "has_pull_requests": not forge.pulls_off,
            "allow_merge_commits": True,
        }

    def commit(self, sha):
        shown = self.forge.git.show(sha)
        person = {"name": shown["name"], "email": shown["email"], "username": ""}
        return {
            "id": sha,
            "message": shown["message"],
            "url": f"{self.html_url}/commit/{sha}",
            "author": person,
            "committer": person,
            "verification": {"verified": False, "reason": "gpg.error.not_signed_commit"},
            "timestamp": shown["date"],
            "added": None,
            "removed": None,
            "modified": None,
        }

    def branch(self, name, sha):
        protected = self.forge.is_protected(name)
        return {
            "name": name,
            "commit": self.commit(sha),
            "protected": protected,
            "required_approvals": 0,
            "enable_status_check": False,
            "status_check_contexts": [],
            "user_can_push": self.forge.permissions["push"] and not protected,
            "user_can_merge": self.forge.permissions["push"],
            "effective_branch_protection_name": name if protected else "",
        }

    def label(self, label):
        if label.organisation:
            place = f"{self.url}/api/v1/orgs/{self.forge.owner}/labels"
        else:
            place = f"{self.api_url}/labels"
        shape = {
            "id": label.id,
            "name": label.name,
            "color": label.color,
            "description": label.description,
            "url": f"{place}/{label.id}",
        }
        if self.forge.new:
            shape |= {"exclusive": label.exclusive, "is_archived": False}
        return shape

    def comment(self, number, login, body):
        return {"id": number, "user": self.user(login), "body": body, "html_url": "", "pull_request_url": ""}

    def pull(self, pull, branches):
        """A pull request; `branches` is what the API shows of the branches at this moment."""
        shape = {
            "id": pull.id,
            "url": f"{self.html_url}/pulls/{pull.number}",
            "number": pull.number,
            "user": self.user(pull.author),
            "title": pull.title,
            "body": pull.body,
            "labels": [self.label(label) for label in pull.labels],
            "milestone": None,
            "assignee": None,
            "assignees": None,
            "state": pull.state,
            "is_locked": False,
            "comments": 0,
            "html_url": f"{self.html_url}/pulls/{pull.number}",
            "diff_url": f"{self.html_url}/pulls/{pull.number}.diff",
            "patch_url": f"{self.html_url}/pulls/{pull.number}.patch",
            "mergeable": pull.is_open,
            "merged": pull.merged,
            "merged_at": pull.closed_at if pull.merged else None,
            "merge_commit_sha": pull.merge_commit or None,
            "merged_by": self.user(self.forge.person) if pull.merged else None,
            "base": self.pull_end(pull.base, pull.base, branches.get(pull.base, "")),
            "head": self.pull_head(pull, branches),
            "merge_base": pull.merge_base,
            "due_date": None,
            "created_at": pull.created_at,
            "updated_at": pull.updated_at,
            "closed_at": pull.closed_at,
        }
        if self.forge.new:
            reviewers = [self.user(login) for login in pull.reviewers]
            draft = pull.title.upper().startswith(("WIP:", "[WIP]"))
            shape |= {"requested_reviewers": reviewers, "draft": draft}
        return shape

    def pull_head(self, pull, branches):
        if pull.head in branches:
            return self.pull_end(pull.head, pull.head, branches[pull.head])
        if pull.head in self.forge.git.branches():  # there, but the API lags
            return self.pull_end(pull.head, pull.head, pull.head_sha)
        return self.pull_end(pull.head, pull.git_ref, pull.head_sha)

    def pull_end(self, label, ref, sha):
        return {
            "label": label,
            "ref": ref,
            "sha": sha,
            "repo_id": 7,
            "repo": self.repository(),
        }

    def issue(self, issue):
        return {
            "id": issue.number + 300,
            "url": f"{self.api_url}/issues/{issue.number}",
            "html_url": f"{self.html_url}/issues/{issue.number}",
            "number": issue.number,
            "user": self.user(issue.author),
            "title": issue.title,
            "body": issue.body,
            "labels": [self.label(label) for label in issue.labels],
            "state": issue.state,
            "created_at": issue.created_at,
            "pull_request": None,
        }

    def pull_as_issue(self, pull):
        return {
            "id": pull.id,
            "url": f"{self.api_url}/issues/{pull.number}",
            "html_url": f"{self.html_url}/pulls/{pull.number}",
            "number": pull.number,
            "user": self.user(pull.author),
            "title": pull.title,
            "body": pull.body,
            "labels": [self.label(label) for label in pull.labels],
            "state": pull.state,
            "created_at": pull.created_at,
            "pull_request": {"merged": pull.merged, "merged_at": None},
        }

    def review_request(self, pull, login):
        return {
            "id": pull.number * 100 + pull.reviewers.index(login),
            "user": self.user(login),
            "team": None,
            "state": "REQUEST_REVIEW",
            "body": "",
            "commit_id": "",
            "stale": False,
            "official": False,
            "html_url": f"{self.html_url}/pulls/{pull.number}",
        }
