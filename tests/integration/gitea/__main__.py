"""The stand-in as a program: `python3 tests/integration/gitea --dialect 1.15`.

Prints one line of JSON (address, token, git path, control address; also to --ready-file) once it
answers, and runs until SIGTERM, SIGINT or POST /stop at the control address.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import sys

if not __package__:  # started by path: make the directory above importable
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
    from gitea.control import Control
    from gitea.server import VERSIONS, Gitea
else:
    from .control import Control
    from .server import VERSIONS, Gitea


def arguments():
    parser = argparse.ArgumentParser(prog="gitea", description="A Gitea that can be broken.")
    parser.add_argument("--dialect", choices=sorted(VERSIONS), default="1.25")
    parser.add_argument("--owner", default="lab")
    parser.add_argument("--repo", default="model")
    parser.add_argument("--base", default="main")
    parser.add_argument("--user", default="winnowd", help="whom the token belongs to")
    parser.add_argument("--users", nargs="*", default=["Timmy"], help="collaborators")
    parser.add_argument("--token", help="default: one is made up")
    parser.add_argument("--sub-path", default="")
    parser.add_argument("--tls", choices=("good", "wrong_name", "expired"))
    parser.add_argument("--organisation", action="store_true", help="the owner is one")
    parser.add_argument("--public", action="store_true")
    parser.add_argument("--files", metavar="REPOSITORY", help="git repository to begin with")
    parser.add_argument("--root", help="where to keep things; default: a temporary directory")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--ready-file", help="written (atomically) once the server answers")
    return parser.parse_args()


def main():
    wanted = arguments()
    gitea = Gitea(
        dialect=wanted.dialect,
        owner=wanted.owner,
        repo=wanted.repo,
        base=wanted.base,
        user=wanted.user,
        users=wanted.users,
        token=wanted.token,
        sub_path=wanted.sub_path,
        tls=True if wanted.tls == "good" else wanted.tls or False,
        organisation=wanted.organisation,
        private=not wanted.public,
        files=wanted.files,
        root=wanted.root,
        port=wanted.port,
    )
    # A signal may arrive in any thread, where it would not wake an Event; it does wake a socket.
    stopped, stop = socket.socketpair()
    stop.setblocking(False)
    signal.set_wakeup_fd(stop.fileno())
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    with gitea:
        control = Control(gitea, wanted.control_port, lambda: stop.send(b"!")).start()
        line = json.dumps(control.about())
        if wanted.ready_file:
            pathlib.Path(wanted.ready_file + ".tmp").write_text(line + "\n")
            os.replace(wanted.ready_file + ".tmp", wanted.ready_file)
        print(line, flush=True)
        stopped.recv(1)
        control.stop()


main()
