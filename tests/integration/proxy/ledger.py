"""What the daemon made at the forge, by its requests and the forge's true answers.

Everything else at the forge was made by a person. Unlike the records, this is never cleared.
"""

import json
import re
import urllib.parse

REPO = r"/api/v1/repos/[^/]+/[^/]+"


class Ledger:
    def __init__(self):
        self.tips = set()  # (branch, commit): where a branch was left
        self.bare = set()  # branches that were made and not pushed to
        self.opened = {}  # number of a pull request: its branch
        self.empty = set()  # numbers of those whose branch held nothing of its own
        self.closed = set()  # numbers of those that it closed, or whose branch it deleted
        self.commented = set()  # numbers of those that it said something on

    def wrote(self, branch, commit):
        """A push was taken."""
        self.tips.add((branch, commit))
        self.bare.discard(branch)

    def created(self, branch, commit):
        self.tips.add((branch, commit))
        self.bare.add(branch)

    def has(self, branch, commit):
        return (branch, commit) in self.tips

    def note(self, record, response):
        """A request and how it was really answered, whatever the daemon is told."""
        for push in record.pushes:
            if push.taken and push.kind == "delete":
                self.closed |= {number for number, branch in self.opened.items() if branch == push.branch}
            elif push.taken and push.ref.startswith("refs/heads/"):
                self.wrote(push.branch, push.new)
        place = re.sub(REPO, "", record.path, count=1)
        if record.kind != "api" or response.status != 201 or not isinstance(record.body, dict):
            return
        if (record.method, place) == ("POST", "/branches"):
            made = json.loads(response.body)
            self.created(made["name"], made["commit"]["id"])
        elif (record.method, place) == ("POST", "/pulls"):
            number, branch = json.loads(response.body)["number"], record.body["head"].split(":")[-1]
            self.opened[number] = branch
            if branch in self.bare:
                self.empty.add(number)
        elif record.method == "POST" and place.endswith("/comments"):
            self.commented.add(int(urllib.parse.unquote(place).split("/")[2]))
        elif record.method == "PATCH" and record.body.get("state") == "closed":
            self.closed.add(int(urllib.parse.unquote(place).rsplit("/", 1)[1]))
