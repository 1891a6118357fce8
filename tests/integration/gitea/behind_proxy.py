"""The stand-in behind the proxy: what most tests use.

    with Gitea(dialect="1.15", owner="lab", repo="model", token="secret") as gitea:
        gitea.faults.add("locked", method="POST", path="/labels$")
        ... run the daemon against gitea.url ...
        gitea.merge_pull(1)
        gitea.assert_governed("experiment/", "main")
"""

from proxy import Proxy

from .server import Server

# Attributes of the stand-in's state that read and write as its own here.
FORGE_NAMES = (
    "pulls", "labels", "issues", "permissions", "api_lag", "lag_answer", "null_in_lists",
    "closes_on_git_delete", "delete_missing_status", "open_pull_takes", "empty", "private",
    "archived", "gone", "branches_from",
)  # fmt: skip


class Gitea(Proxy):
    """Faults, records, TLS and a sub-path are the proxy's; what persons do, and moods, state.Forge's."""

    def __init__(self, tls=False, sub_path="", **wanted):
        self.server = Server(**wanted).start()
        super().__init__(self.server.url, self.server, tls, sub_path)

    def __getattr__(self, name):
        if name.startswith("_") or name == "server":
            raise AttributeError(name)
        return getattr(self.server.forge, name)

    def __setattr__(self, name, value):
        if name in FORGE_NAMES:
            setattr(self.server.forge, name, value)
        else:
            super().__setattr__(name, value)

    def up(self):
        super().up()
        self.server.public_url = self.url

    def stop(self):
        super().stop()
        self.server.stop()

    @property
    def forge(self):
        return self.server.forge

    @property
    def dialect(self):
        return self.forge.dialect

    @property
    def token(self):
        return self.server.token

    @token.setter
    def token(self, token):
        self.server.token = token

    @property
    def git_url(self):
        """The address git uses, with the token in it: for tests only."""
        plain = f"{self.url}/{self.forge.owner}/{self.forge.repo}.git"
        return plain.replace("://", f"://token:{self.token}@")

    @property
    def git_path(self):
        return self.server.git_path

    @property
    def branches(self):
        return self.server.branches()
