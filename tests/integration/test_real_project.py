"""Promise: a project as people have it is validated: tox 4, poetry and fifty dependencies, on a base that is red at first.

No experiment is charged for that base, and what the base's run installed is kept. What the tests fetch goes through a proxy that counts it. Without the package index: skipped.
"""

import os
import pathlib
import socket
import subprocess
import threading

import harness
import pytest
from harness import result

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(1800)]

# Small ones that are not compiled. What each of them needs is among them.
DEPENDENCIES = """
asgiref==3.8.1 attrs==24.2.0 blinker==1.8.2 cachetools==5.5.0 certifi==2024.8.30 click==8.1.7 cloudpickle==3.1.0 colorama==0.4.6
decorator==5.1.1 defusedxml==0.7.1 distlib==0.3.9 docutils==0.21.2 filelock==3.16.1 fsspec==2024.9.0 h11==0.14.0 humanize==4.11.0
idna==3.10 importlib-metadata==8.5.0 inflection==0.5.1 iniconfig==2.0.0 invoke==2.2.0 itsdangerous==2.2.0 jmespath==1.0.1
more-itertools==10.5.0 mypy-extensions==1.0.0 nodeenv==1.9.1 oauthlib==3.2.2 packaging==25.0 parso==0.8.4 pathspec==0.12.1
platformdirs==4.3.6 pluggy==1.5.0 ptyprocess==0.7.0 pure-eval==0.2.3 pyasn1==0.6.1 pycparser==2.22 pygments==2.18.0 pyparsing==3.2.0
pytest==8.3.3 python-dateutil==2.9.0.post0 pytz==2024.2 six==1.16.0 sniffio==1.3.1 sortedcontainers==2.4.0 soupsieve==2.6
sqlparse==0.5.1 tabulate==0.9.0 termcolor==2.5.0 threadpoolctl==3.5.0 toml==0.10.2 toolz==1.0.0 tqdm==4.66.5
typing-extensions==4.12.2 tzdata==2024.2 urllib3==2.2.3 wcwidth==0.2.13 zipp==3.20.2
""".split()
TOX = """[tox]
requires = tox>=4
env_list = unit
[testenv:unit]
skip_install = true
allowlist_externals = poetry
commands_pre = poetry sync --no-interaction
commands = pytest tests -k "{chosen}"
"""
PROJECT = """[project]
name = "trainer"
version = "1.0"
requires-python = ">=3.11,<4"
dependencies = [{dependencies}]
[tool.poetry]
packages = [{{include = "trainer"}}]
[[tool.poetry.source]]
name = "index"
url = "{index}"
priority = "primary"
[build-system]
requires = ["poetry-core>=2"]
build-backend = "poetry.core.masonry.api"
"""
FILES = {
    "trainer/__init__.py": "STEPS = 100\n",
    "tests/test_steps.py": "import trainer\n\n\ndef test_there_are_steps():\n    assert trainer.STEPS > 0\n",
}


class CountingProxy:
    """Lets connections through, and counts the bytes that come back."""

    def __init__(self):
        self.bytes = 0
        self.lock = threading.Lock()
        self.listening = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client:
            head = b""
            while b"\r\n\r\n" not in head:
                if not (more := client.recv(4096)):
                    return
                head += more
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                there = threading.Thread(target=self.copy, args=(client, server, False), daemon=True)
                there.start()
                self.copy(server, client, True)
                there.join()

    def copy(self, source, target, counted):
        try:
            while data := source.recv(65536):
                with self.lock:
                    self.bytes += len(data) if counted else 0
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def take(self):
        """The megabytes since it was last asked."""
        with self.lock:
            taken, self.bytes = self.bytes / 2**20, 0
        return taken

    def stop(self):
        self.listening.close()


@pytest.fixture
def proxy():
    made = CountingProxy()
    yield made
    made.stop()


def index_of(python):
    """The package index that pip asks. A mirror may have that and nothing else of what poetry would ask."""
    code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
    return os.environ.get("PIP_INDEX_URL") or subprocess.check_output([python, "-c", code], text=True).strip()


def locked(project, poetry):
    """The project with a lock file, as poetry writes it."""
    index = index_of(pathlib.Path(poetry).with_name("python"))
    needed = ", ".join(f'"{one}"' for one in DEPENDENCIES)
    files = {**FILES, "pyproject.toml": PROJECT.format(dependencies=needed, index=index), "tox.ini": TOX.format(chosen="no_such_test")}
    project.write(files)
    done = subprocess.run([poetry, "lock", "--no-interaction"], cwd=project.work, capture_output=True, text=True, timeout=600,
                          env={**os.environ, "HOME": str(project.directory / "home"), "POETRY_VIRTUALENVS_CREATE": "false"})  # fmt: skip
    if done.returncode:
        pytest.skip(f"the package index cannot be reached: {(done.stdout + done.stderr)[-300:]}")
    project.commit({}, "A package with its dependencies")
    project.publish()


def test_a_package_with_fifty_dependencies(project, winnowd, proxy, tox_4, poetry):
    if any(name in os.environ for name in ("https_proxy", "HTTPS_PROXY", "ALL_PROXY")):
        pytest.skip("the package index is behind a proxy, and ours leads to none")
    locked(project, poetry)
    winnowd.clock.by_hand()
    certificates = {name: os.environ[name] for name in ("PIP_CERT", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE") if name in os.environ}
    winnowd.environment["PATH"] = ":".join([os.path.dirname(tox_4), os.path.dirname(poetry), harness.PATH])
    winnowd.configure(validation={
        "command": ["tox", "-e", "unit"], "base": "once", "cache": True, "sandbox": "bubblewrap", "timeout": "20m",
        "environment": {"HTTPS_PROXY": proxy.address, **certificates},
    })  # fmt: skip

    def improve(number, after):
        change = {"trainer/__init__.py": f"STEPS = 2{number}0\n"}
        winnowd.drop(result(f"exp-{number}", after, metric_before=1.0, diff=project.experiment(change)[1]))

    def promoted(number):
        """What was fetched meanwhile, in megabytes."""
        log = winnowd.once(seconds=1200)
        said = (winnowd.state / f"validation/exp-{number}.log").read_text()
        assert log.decisions() == {f"exp-{number}": "promoted"} and "1 passed" in said, log.text
        return proxy.take()

    # The only test is chosen by nobody: the base is red, and no experiment fails.
    improve(1, 0.9)
    log = winnowd.once(69, seconds=1200)
    assert log.decisions() == {} and "1 deselected" in log.all(level="error")[-1]["reason"], log.text
    proxy.take()
    project.advance({"tox.ini": TOX.format(chosen="steps")})
    first = promoted(1)  # the base's run fetches, and the experiment's finds what that has left
    improve(2, 0.8)
    second = promoted(2)
    # poetry asks for the pages of the index each time, of all that it needs: two megabytes, here. No package comes again.
    assert second < first / 4, f"{first:.1f} MiB were fetched, and {second:.1f} again"
