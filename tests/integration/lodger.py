"""A daemon as an installation runs it: as a user of its own, outside of the directories that the sandbox hides.

If the tests run as root, they take a user id that nobody has; otherwise they take their own user.
"""

import os
import pathlib
import pwd
import shutil
import tempfile

import harness

ROOT = os.geteuid() == 0


def number_of_nobody():
    """Tests that run side by side need different ones, since a limit of processes counts all processes of a user."""
    number = 20000 + os.getpid() % 40000
    while number in {user.pw_uid for user in pwd.getpwall()}:
        number += 1
    return number


USER = number_of_nobody()


class Lodger(harness.Winnowd):
    """Winnowd, whose processes belong to another user."""

    def __init__(self, directory, forge):
        super().__init__(directory, forge)
        # Build directories are not open to everybody.
        self.program = self.directory / "winnowd"
        shutil.copy(harness.BINARY, self.program)
        self.program.chmod(0o755)
        for path in (self.directory, self.spool, self.state, self.home, self.program):
            belong(path)

    def command(self, *arguments):
        prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--"] if ROOT else []
        return [*prefix, str(self.program), "-c", str(self.file), *arguments]

    def output_of(self, experiment_id):
        """All that the tests printed."""
        return (self.state / "validation" / f"{experiment_id}.log").read_text(encoding="utf-8", errors="replace")


def belong(path):
    if ROOT:
        os.chown(path, USER, USER)


def belong_all(folder):
    for place, folders, files in os.walk(folder):
        for name in [".", *folders, *files]:
            if ROOT:
                os.chown(os.path.join(place, name), USER, USER, follow_symlinks=False)


def make_directory():
    """A directory that everybody can enter, if possible outside of all directories that a sandbox hides."""
    directory = pathlib.Path(tempfile.mkdtemp(prefix="winnowd-tests-", dir="/srv" if ROOT and os.path.isdir("/srv") else None))
    directory.chmod(0o755)
    return directory


def processes_with(word):
    """The numbers of processes that have this word in their arguments."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if word.encode() in pathlib.Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0"):
                found.append(int(name))
        except OSError:
            continue  # it has ended meanwhile
    return found
