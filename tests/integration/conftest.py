"""Fixtures: a project, a forge, a daemon. At the end of each test they check what must always hold."""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import exhaustive
import harness
import pytest
import real_gitea
from exhaustive import first_of, rarely


def pytest_addoption(parser):
    parser.addoption("--exhaustive", action="store_true", help="take what is marked exhaustive, too")


def pytest_configure(config):
    exhaustive.everything = config.getoption("--exhaustive", False)
    # Git would copy a dozen samples of hooks into each of a thousand repositories.
    empty = tempfile.mkdtemp(prefix="winnowd-git-template.")
    for folder in ("hooks", "info"):
        os.mkdir(os.path.join(empty, folder))
    os.environ["GIT_TEMPLATE_DIR"] = empty
    config.add_cleanup(lambda: shutil.rmtree(empty))


FAILED = pytest.StashKey()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """Removes the files of a test that has passed. Those of all tests would be some 250,000."""
    report = (yield).get_result()
    item.stash[FAILED] = report.failed or item.stash.get(FAILED, False)
    if report.when == "teardown" and not item.stash[FAILED] and "tmp_path" in item.funcargs:
        shutil.rmtree(item.funcargs["tmp_path"], ignore_errors=True)


def pytest_collection_modifyitems(config, items):
    # The longest first: at the end no worker is left alone with one.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if exhaustive.everything:
        return
    left_out = [item for item in items if is_left_out(item)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if not is_left_out(item)]


def is_left_out(item):
    few, real = item.get_closest_marker("few_at_a_real_one"), item.get_closest_marker("real")
    return item.get_closest_marker("exhaustive") or (few and real)


def pytest_collection_finish(session):
    """Builds a real Gitea, if one is needed, before the time limit of any test runs."""
    if not session.config.option.collectonly and any(item.get_closest_marker("real") for item in session.items):
        real_gitea.built()


@pytest.fixture(scope="session")
def the_binary_is_there():
    assert os.access(harness.BINARY, os.X_OK), f"{harness.BINARY} is not there: build it, or set WINNOWD"


@pytest.fixture
def project(tmp_path):
    return harness.Project(tmp_path)


@pytest.fixture
def forge(project, tmp_path):
    return harness.LocalForge(project, tmp_path)


@pytest.fixture(params=first_of(["1.25", "1.15"]))
def stand_in(request, project):
    """A Gitea to break, of the newer and (with --exhaustive, or where a test says so) of the older kind."""
    made = harness.StandIn(project, request.param)
    yield made
    made.stop()


@pytest.fixture
def gitea(stand_in):
    """What is behind it: its faults, its records, its branches."""
    return stand_in.gitea


@pytest.fixture(scope="session")
def real_server():
    """There is one for each worker, since it starts within a second."""
    server = real_gitea.Server(real_gitea.program())
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.fixture
def forge_of_kind(request, project):
    """A function that makes a forge of a kind: 1.15 or 1.25, a stand-in, or "real"."""
    made = []

    def make(kind):
        if kind == "real":
            made.append(real_gitea.RealGitea(project, request.getfixturevalue("real_server")))
        else:
            made.append(harness.StandIn(project, kind))
        return made[-1]

    yield make
    for forge in made:
        forge.stop()


@pytest.fixture(params=[rarely("1.15"), "1.25", real_gitea.REAL])
def any_gitea(request, forge_of_kind):
    """The same, and a real server if one can be built."""
    return forge_of_kind(request.param)


def daemon_of(tmp_path, forge):
    daemon = harness.Winnowd(tmp_path, forge)
    yield daemon
    daemon.check_promises()


@pytest.fixture
def gitea_winnowd(tmp_path, stand_in, the_binary_is_there):
    yield from daemon_of(tmp_path, stand_in)


@pytest.fixture
def any_winnowd(tmp_path, any_gitea, the_binary_is_there):
    yield from daemon_of(tmp_path, any_gitea)


@pytest.fixture
def winnowd(tmp_path, forge, the_binary_is_there):
    yield from daemon_of(tmp_path, forge)


@pytest.fixture
def wrapper(tmp_path, winnowd):
    winnowd.wrapper = harness.Wrapper(tmp_path / "wrapper")
    return winnowd.wrapper


def from_the_index(name, requirement, program="tox"):
    """A program in a virtual environment, made once, by one worker."""
    home = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    place = pathlib.Path(home) / "winnowd-tests" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{place}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "bin" / program).exists():
            for command in ([sys.executable, "-m", "venv", place], [place / "bin/pip", "install", "-q", requirement]):
                done = subprocess.run(command, capture_output=True, text=True, timeout=300)
                if done.returncode:
                    pytest.skip(f"{requirement} cannot be had from the package index: {done.stderr[-300:]}")
    return str(place / "bin" / program)


@pytest.fixture(scope="session")
def tox_4():
    return from_the_index("tox-4", "tox>=4.67")


@pytest.fixture(scope="session")
def tox_4_25():
    return from_the_index("tox-4-25", "tox==4.25.0")


@pytest.fixture(scope="session")
def poetry():
    return from_the_index("poetry-2.2", "poetry==2.2.1", "poetry")


@pytest.fixture
def real_logs():
    """The folder of real experiment logs, where there is one."""
    folder = os.environ.get("WINNOWD_REAL_LOGS")
    if not folder:
        pytest.skip("WINNOWD_REAL_LOGS is not set")
    return pathlib.Path(folder)
