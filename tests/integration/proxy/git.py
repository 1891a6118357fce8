"""Pushes as they go over the wire (gitprotocol-pack), and what git itself says of their commits."""

import gzip
import os
import pathlib
import re
import subprocess
import tempfile

from .records import Push

NOBODY = "0" * 40
COMMAND = re.compile(rb"([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([^\0\n]+)")


def environment():
    """git's surroundings: nothing of the caller's configuration."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
    return kept | {
        "HOME": "/nonexistent",
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }


def status_of(directory, *arguments, text=b""):
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(command, input=text, capture_output=True, env=environment(), check=False).returncode


def packets(data):
    """The packets up to the first flush, and what follows it."""
    found = []
    while size := int(data[:4] or b"0", 16):
        found.append(data[4:size])
        data = data[max(size, 4) :]
    return found, data[4:]


def pushes(request, git_path):
    """What a request to git-receive-pack asks for. `git_path`: the repository, as it is before the push."""
    body = request.body
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    lines, pack = packets(body)
    found = []
    for old, new, ref in (match.groups() for match in map(COMMAND.match, lines) if match):
        old, new, ref = old.decode(), new.decode(), ref.decode(errors="replace")
        found.append(Push(ref, old, new, kind_of(old, new, pack, git_path)))
    return found


def kind_of(old, new, pack, git_path):
    if not old.strip("0"):
        return "create"
    if not new.strip("0"):
        return "delete"
    return "forward" if is_ancestor(old, new, pack, git_path) else "forced"


def is_ancestor(old, new, pack, git_path):
    """Whether `new`, of which some commits may be in the pack alone, is built upon `old`."""
    with tempfile.TemporaryDirectory(prefix="proxy-push-") as folder:
        place = pathlib.Path(folder)
        for name in ("objects/info", "refs"):
            (place / name).mkdir(parents=True)
        (place / "HEAD").write_text("ref: refs/heads/none\n")
        (place / "objects/info/alternates").write_text(f"{git_path}/objects\n")
        if pack:
            status_of(place, "index-pack", "--stdin", "--fix-thin", text=pack)
        return status_of(place, "merge-base", "--is-ancestor", old, new) == 0


def taken(body):
    """The references that an answer of git-receive-pack reports as updated."""
    lines = packets(body)[0]
    if lines and lines[0][:1] in (b"\1", b"\2", b"\3"):  # the report is packets within packets
        lines = packets(b"".join(line[1:] for line in lines if line[:1] == b"\1"))[0]
    return {line[3:].strip().decode(errors="replace") for line in lines if line.startswith(b"ok ")}
