"""git over HTTP: `git http-backend` as CGI. Pushes are noted in the state."""

import functools
import gzip
import os
import subprocess
import tempfile

from proxy.wire import Response


@functools.cache
def backend():
    """The program that `git http-backend` would start."""
    told = subprocess.run(["git", "--exec-path"], stdout=subprocess.PIPE, check=True, text=True)
    return os.path.join(told.stdout.strip(), "git-http-backend")


# What a server of protocol 2 says first is what it can do. It names no refs, and so is the same each time.
GREETING = ("GET", "service=git-upload-pack", "version=2")
greetings = {}


def serve(forge, method, service_path, query, headers, body):
    """Answers one request as the backend does; a greeting as it did the first time."""
    asked = (method, query, headers.get("Git-Protocol"))
    response = greetings.get(asked) or run(forge, method, service_path, query, headers, body)
    if asked == GREETING and response.status == 200:
        greetings[asked] = response
    return response


def run(forge, method, service_path, query, headers, body):
    """Runs the backend for one request; what it wrote ends up in the forge's state."""
    pushing = service_path == "/git-receive-pack"
    if headers.get("Content-Encoding", "") == "gzip":
        body = gzip.decompress(body)
    with tempfile.TemporaryDirectory(prefix="stand-in-push-") as directory:
        told = os.path.join(directory, "told")
        protected = os.path.join(directory, "protected")
        with open(protected, "w", encoding="utf-8") as file:
            file.writelines(f"refs/heads/{branch}\n" for branch in forge.protected)
        environment = forge.git.environment() | {
            "GIT_PROJECT_ROOT": str(forge.git.path),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": service_path,
            "REQUEST_METHOD": method,
            "QUERY_STRING": query,
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": forge.user,
            "REMOTE_ADDR": "127.0.0.1",
            "STAND_IN_PUSH": told,
            "STAND_IN_PROTECTED": protected,
        }
        if headers.get("Git-Protocol"):
            environment["GIT_PROTOCOL"] = headers["Git-Protocol"]
        done = subprocess.run(
            [backend()], input=body, stdout=subprocess.PIPE, env=environment, check=False
        )
        if pushing:
            note_pushes(forge, told)
    return from_cgi(done.stdout)


def note_pushes(forge, told):
    """Reads what the hook said. Called once the backend has ended."""
    if not os.path.exists(told):
        return
    with open(told, encoding="utf-8", errors="replace") as file:
        lines = [line.rstrip("\n").split(" ", 2) for line in file]
    for old, new, ref in lines:
        if ref.startswith("refs/heads/"):
            forge.branch_written(ref.removeprefix("refs/heads/"), old, new, "daemon")


def from_cgi(output):
    head, _, body = output.partition(b"\r\n\r\n")
    status, headers = 200, {}
    for line in head.decode("latin-1").split("\r\n"):
        name, _, value = line.partition(": ")
        if name == "Status":
            status = int(value.split()[0])
        elif name:
            headers[name] = value
    if not output:
        return Response(500, b"git http-backend said nothing\n")
    return Response(status, body, headers)
