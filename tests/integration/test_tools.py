"""Promise: what PATH leads to is there in the sandbox, and can be started.

Trees of tools, as pipx, pip, pyenv, uv and rustup make them, lie in a home that the sandbox hides. Each is tried in
a real bubblewrap.
"""

import json
import os
import stat

import harness
import lodger
import pytest
from exhaustive import first_of
from test_sandbox import house, judge, needs_bubblewrap  # noqa: F401

pytestmark = needs_bubblewrap
PYTHON = "/usr/bin/python3"


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


def link(path, target):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


def module(site, name, text="WORD = 'here'\n"):
    site.mkdir(parents=True, exist_ok=True)
    (site / f"{name}.py").write_text(text)


def environment(place, python=PYTHON):
    """A virtual environment without pip, as venv makes it; gives back where its packages lie."""
    link(place / "bin/python3", python)
    link(place / "bin/python", "python3")
    (place / "pyvenv.cfg").write_text("home = /usr/bin\ninclude-system-site-packages = false\nversion = 3\n")
    version = harness.subprocess.run([PYTHON, "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"],
                                     capture_output=True, text=True, check=True).stdout.strip()  # fmt: skip
    site = place / "lib" / version / "site-packages"
    site.mkdir(parents=True)
    return site


def checked(house, command, *path, said="here", **more):
    lodger.belong_all(house.home)
    house.environment["PATH"] = ":".join([*map(str, path), harness.PATH])
    log = judge(house, command, sandbox="bubblewrap", **more)
    assert said in house.output_of("exp-1").split(), house.output_of("exp-1")
    return log


def test_pipx(house):
    """There is a link in ~/.local/bin, an environment for each program, and libraries that they share by a .pth file."""
    venv, shared = house.home / ".local/pipx/venvs/check", house.home / ".local/pipx/shared"
    site = environment(venv)
    common = environment(shared)
    (site / "pipx_shared.pth").write_text(f"# what all have in common\n{common}\nimport sys\n")
    module(common, "packaging_of_all")
    program(venv / "bin/check", f"#!{venv}/bin/python\nimport packaging_of_all\nprint(packaging_of_all.WORD)\n")
    checked(house, ["check"], link(house.home / ".local/bin/check", venv / "bin/check").parent)


def test_a_path_file_with_a_relative_line(house):
    venv = house.home / "venv"
    site = environment(venv)
    (site / "more.pth").write_text("../../../elsewhere\r\n/nonexistent\n")
    module(venv / "elsewhere", "mine")
    program(venv / "bin/check", f"#!{venv}/bin/python\nimport mine\nprint(mine.WORD)\n")
    checked(house, [str(venv / "bin/check")])


def test_links_to_links(house):
    """As poetry's installer makes it, with one more in between, and a directory that is a link."""
    real = program(house.home / ".local/share/poetry-2/venv/bin/poetry", "#!/bin/sh\ncat ${0%/*}/../lib/word\n")
    (real.parents[1] / "lib").mkdir()
    program(house.home / ".local/bin/poetry", "").unlink()
    link(house.home / ".local/share/poetry", "poetry-2")
    link(house.home / "tools/poetry", "../.local/share/poetry/venv/bin/poetry")
    link(house.home / ".local/bin/poetry", house.home / "tools/poetry")
    link(house.home / "lib", "nowhere")
    (real.parents[1] / "lib/word").write_text("here\n")
    said = 'test -L {0} && test "$(readlink -f {0})" = {1} && sh {1}'.format(house.home / ".local/bin/poetry", real)
    checked(house, ["sh", "-c", said], house.home / ".local/bin")


def test_a_link_from_a_place_in_sight(house):
    """The directory of PATH is not hidden. The target of the link is."""
    venv = house.home / "venv"
    module(environment(venv), "mine")
    program(venv / "bin/check", f"#!{venv}/bin/python\nimport mine\nprint(mine.WORD)\n")
    checked(house, ["check"], link(house.directory / "open/check", venv / "bin/check").parent)


def test_a_script_whose_interpreter_is_elsewhere(house):
    venv = house.home / "deep/venv"
    module(environment(venv), "mine")
    program(house.home / "scripts/check", f"#!{venv}/bin/python\nimport mine\nprint(mine.WORD)\n")
    checked(house, ["check"], house.home / "scripts")


def test_an_environment_that_is_a_copy(house):
    """Its python is no link: only pyvenv.cfg says where the library is."""
    base, venv = house.home / "pythons/3", house.home / "venv"
    program(base / "bin/python3", "#!/bin/sh\necho unused\n")
    (base / "lib").mkdir()
    (base / "lib/word").write_text("here\n")
    program(venv / "bin/check", f"#!/bin/sh\ncat {base}/lib/word\n")
    (venv / "pyvenv.cfg").write_text(f"home = {base}/bin\n")
    checked(house, ["check"], venv / "bin")


@pytest.mark.parametrize("mark, place", first_of([("pyvenv.cfg", "share/word"), ("conda-meta/history", "x86_64-conda-linux-gnu/word"),
                                                 ("pyvenv.cfg", "etc/word"), ("conda-meta/history", "ssl/word"), ("conda-meta/history", "share/word")], 2))  # fmt: skip
def test_the_data_of_an_environment(house, mark, place):
    """As kernels of Jupyter, certificates and compilers of conda."""
    venv = house.home / "venv"
    program(venv / "bin/check", f"#!/bin/sh\ncat {venv}/{place}\n")
    for name, text in ((mark, "home = /usr/bin\n"), (place, "here\n")):
        (venv / name).parent.mkdir(exist_ok=True)
        (venv / name).write_text(text)
    checked(house, ["check"], venv / "bin")


def test_pip_install_user(house):
    """The script lies in ~/.local/bin, its module in ~/.local/lib, which HOME does not lead to any more."""
    site = environment(house.home / "unused").relative_to(house.home / "unused")
    module(house.home / ".local" / site, "mine")
    program(house.home / ".local/bin/check", f"#!{PYTHON}\nimport mine\nprint(mine.WORD)\n")
    checked(house, ["check"], house.home / ".local/bin")


SHIM = """#!/bin/sh
export PYENV_ROOT={root}
exec {root}/libexec/pyenv exec "${{0##*/}}" "$@"
"""
PYENV = """#!/bin/sh
shift
version=$(cat "$PYENV_ROOT/version")
program=$1
shift
exec "$PYENV_ROOT/versions/$version/bin/$program" "$@"
"""


def test_pyenv(house):
    """A shim starts the program of the version that was chosen; the version is a link to another place."""
    root = house.home / ".pyenv"
    program(root / "shims/check", SHIM.format(root=root))
    program(root / "libexec/pyenv", PYENV)
    (root / "version").write_text("3.99\n")
    real = house.home / "pythons/3.99"
    program(real / "bin/check", f"#!/bin/sh\ncat {root}/versions/3.99/lib/word\n")
    (real / "lib").mkdir()
    (real / "lib/word").write_text("here\n")
    link(root / "versions/3.99", real)
    checked(house, ["check"], root / "shims")


def test_a_version_of_pyenv_that_is_an_environment(house):
    """As pyenv-virtualenv makes it; its python is a link to one elsewhere."""
    root, base = house.home / ".pyenv", house.home / "pythons/3.99"
    program(root / "shims/check", SHIM.format(root=root))
    program(root / "libexec/pyenv", PYENV)
    (root / "version").write_text("mine\n")
    program(base / "bin/python3", f"#!/bin/sh\ncat {base}/lib/word\n")
    (base / "lib").mkdir()
    (base / "lib/word").write_text("here\n")
    environment(root / "versions/mine", base / "bin/python3")
    program(root / "versions/mine/bin/check", f"#!/bin/sh\nexec {root}/versions/mine/bin/python\n")
    checked(house, ["check"], root / "shims")


def test_rustup(house):
    """cargo is a link to rustup, which finds the real one in ~/.rustup."""
    program(house.home / ".cargo/bin/rustup", "#!/bin/sh\nexec ${RUSTUP_HOME:-$HOME/.rustup}/toolchains/stable/bin/${0##*/} \"$@\"\n")
    link(house.home / ".cargo/bin/cargo", "rustup")
    program(house.home / ".rustup/toolchains/stable/bin/cargo", "#!/bin/sh\necho here\n")
    checked(house, ["cargo", "test"], house.home / ".cargo/bin")


def test_what_is_not_led_to_is_hidden(house):
    for name in ("id_rsa", ".local/secret", ".local/share/keyring", "scripts.d/secret", "pythons/secret"):
        path = house.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("the-secret")
    (house.home / ".local/bin").mkdir(parents=True)
    (house.home / ".local/pyvenv.cfg").touch()
    link(house.home / ".local/bin/all", house.home)
    link(house.home / ".local/bin/key", house.home / "nothing")
    script = f"grep -rs the-secret {house.home} /run && exit 1; echo here"
    checked(house, ["sh", "-c", script], house.home / ".local/bin")


# One that leads to another program.


def test_the_program_that_was_found_is_the_one_that_runs(house):
    """By its path: not another one of that name, which a change of PATH on the way would prefer."""
    first = program(house.home / "first/check", "#!/bin/sh\necho $0\n")
    checked(house, ["check"], first.parent, said=str(first))


# It is tried before the first job.


def test_which_program_it_is_is_said(house):
    first = program(house.home / "first/check", "#!/bin/sh\nexit 0\n")
    lodger.belong_all(house.home)
    house.environment["PATH"] = f"{first.parent}:{harness.PATH}"
    log = judge(house, ["check"], sandbox="bubblewrap")
    (event,) = log.all(msg="program that runs the tests")
    assert event["path"] == str(first) and "version" not in event
    log = judge(house, ["python3", "-m", "unittest"], "exp-2", 0.8)
    (event,) = log.all(msg="program that runs the tests")
    assert event["path"] == "/usr/bin/python3" and event["version"].startswith("Python 3.")
    status, said, _ = house.run("--check-config")
    assert status == 0 and "run by /usr/bin/python3: Python 3." in said


# As much of a tox as is asked for: its version, and a report of what it ran.
TOX = """import json, sys, {module}
if "--version" in sys.argv:
    print("4.99.0 from here")
else:
    print({module}.WORD)
    ran = {{"testenvs": {{"unit": {{"test": [{{"command": ["true"], "retcode": 0, "output": ""}}]}}}}}}
    json.dump(ran, open(sys.argv[sys.argv.index("--result-json") + 1], "w"))
"""


def test_a_program_that_cannot_be_started(house):
    """Its module lies where nothing leads to: the queue holds, no experiment is charged, and the key opens it."""
    module(house.home / "secret/place", "packaging_of_all")
    path = program(house.home / "bin/tox", f"#!{PYTHON}\nimport sys\nsys.path.append('{house.home}/secret/place')\n" + TOX.format(module="packaging_of_all"))
    lodger.belong_all(house.home)
    house.environment["PATH"] = f"{path.parent}:{harness.PATH}"
    house.configure(validation={"command": ["tox"], "sandbox": "bubblewrap"})
    house.drop(harness.improved(house.forge.project))
    log = house.once(status=78)
    (event,) = log.all(msg="jobs wait until this is mended")
    for part in (str(path), "in the sandbox", "No module named 'packaging_of_all'", "validation.read_only"):
        assert part in event["reason"]
    assert not log.all(msg="step started") and event["key"] == "validation.command"
    status, _, log = house.run("--check-config")
    assert status == 78 and "No module named 'packaging_of_all'" in log.text
    house.configure(validation={"read_only": [str(house.home / "secret/place")]})
    log = house.once()
    assert log.decisions() == {"exp-1": "promoted"}, log.text
    (event,) = log.all(msg="program that runs the tests")
    assert event["version"] == "4.99.0 from here"


def test_a_program_that_dies_when_it_is_tried(house):
    """Nor is the forge to blame, which may well be used."""
    path = program(house.home / "bin/tox", "#!/bin/sh\nkill -9 $$\n")
    lodger.belong_all(house.home)
    house.environment["PATH"] = f"{path.parent}:{harness.PATH}"
    house.configure(validation={"command": ["tox"], "sandbox": "none"})
    house.drop(harness.improved(house.forge.project))
    log = house.once(status=78)
    (event,) = log.all(msg="jobs wait until this is mended")
    assert event["key"] == "validation.command" and f"{path} could not be tried: it was killed by signal 9" in event["reason"]
    assert not log.all(msg="forge cannot be used now") and not log.all(msg="step started")


def test_a_program_that_is_not_there(house):
    house.configure(validation={"command": ["no-such-program"], "sandbox": "bubblewrap"})
    house.drop(harness.improved(house.forge.project))
    log = house.once(status=78)
    (event,) = log.all(msg="jobs wait until this is mended")
    assert event["key"] == "validation.command" and "no-such-program: no such program on the PATH" in event["reason"]


def test_a_launcher_starts_nothing_beforehand(house):
    path = program(house.home / "bin/launch", f'#!/bin/sh\necho x >>{house.directory}/launches\nexec "$@"\n')
    lodger.belong_all(house.home)
    house.configure(validation={"command": ["python3", "--version"], "launcher": [str(path)], "sandbox": "bubblewrap"})
    house.write_configuration()
    status, said, _ = house.run("--check-config")
    assert status == 0 and "/usr/bin/python3.\n" in said and not (house.directory / "launches").exists()


# What is configured reaches the tests.

SHOW = "import os; print('GOT', [os.environ.get(name) for name in ('GIVEN', 'LOGNAME')])"
COMMAND = f'python -c "{SHOW}"'
ARRAY = json.dumps([["python", "-c", SHOW]])


def layouts():
    found = {}
    for own in ("no", "environment", "base"):
        one, base = ("pass_env = LOGNAME\n" if own == "environment" else ""), ("[testenv]\npass_env = LOGNAME\n" if own == "base" else "")
        ini = f"[tox]\nno_package = true\n{base}[testenv:unit]\n{one}commands = {COMMAND}\n"
        factor = "pass_env =\n    a: LOGNAME\n" if own == "environment" else "pass_env = LOGNAME\n" if own == "base" else ""
        one = 'pass_env = ["LOGNAME"]\n' if own == "environment" else ""
        toml = {prefix: "no_package = true\n" + (f'[{prefix}env_run_base]\npass_env = ["LOGNAME"]\n' if own == "base" else "")
                + f"[{prefix}env.unit]\n{one}commands = {ARRAY}\n" for prefix in ("", "tool.tox.")}  # fmt: skip
        found[f"ini-{own}"] = "unit", {"tox.ini": ini}
        found[f"older-spelling-{own}"] = "unit", {"tox.ini": ini.replace("pass_env", "passenv")}
        found[f"generative-{own}"] = "unit-a", {"tox.ini": ini.replace("unit", "unit-{a,b}")}
        found[f"factor-{own}"] = "unit-a", {"tox.ini": f"[tox]\nno_package = true\nenv_list = unit-{{a,b}}\n[testenv]\n{factor}commands = {COMMAND}\n"}
        found[f"setup.cfg-{own}"] = "unit", {"setup.cfg": ini.replace("[tox]", "[tox:tox]")}
        found[f"legacy-{own}"] = "unit", {"pyproject.toml": f"[tool.tox]\nlegacy_tox_ini = '''\n{ini}'''\n"}
        found[f"native-{own}"] = "unit", {"pyproject.toml": f"[tool.tox]\n{toml['tool.tox.']}"}
        found[f"tox.toml-{own}"] = "unit", {"tox.toml": toml[""]}
    return found


FIRST = [("tox_4", "tox.toml-base"), ("tox_4_25", "native-environment")]


@pytest.mark.slow
@pytest.mark.parametrize("tox, layout", first_of(FIRST + sorted({(tox, layout) for tox in ("tox_4", "tox_4_25") for layout in layouts()} - set(FIRST)), 2))
def test_variables_reach_the_tests_of_tox_4(request, winnowd, project, tox, layout):
    """Behind another program, so that nobody knows which tox it is: 4.25 takes additions otherwise than today's."""
    name, files = layouts()[layout]
    project.commit({"tox.ini": None, **files}, "Another layout")
    project.publish()
    winnowd.environment["PATH"] = f"{os.path.dirname(request.getfixturevalue(tox))}:{harness.PATH}"
    winnowd.environment["LOGNAME"] = "own"
    winnowd.configure(validation={"command": ["env", "X=1", "tox", "-e", name], "environment": {"GIVEN": "given"}, "sandbox": "bubblewrap"})
    winnowd.drop(harness.improved(project))
    log = winnowd.once()
    said = (winnowd.state / "validation/exp-1.log").read_text()
    assert log.decisions() == {"exp-1": "promoted"}, said
    assert "GOT ['given', " in said and ("GOT ['given', None]" in said) == layout.endswith("-no"), said


@pytest.mark.parametrize("layout", ["setup.cfg-environment", "legacy-environment", "native-base", "tox.toml-environment"])
def test_a_tox_behind_another_program_is_told_what_to_let_through(winnowd, project, tmp_path, layout):
    """As behind uvx or `poetry run`."""
    name, files = layouts()[layout]
    project.advance({"tox.ini": None, **files})
    program(tmp_path / "bin/tox", f"#!{PYTHON}\n" + TOX.format(module="os").replace("os.WORD", "os.environ['TOX_OVERRIDE']"))
    program(tmp_path / "bin/uvx", '#!/bin/sh\nexec "$@"\n')
    winnowd.environment["PATH"] = f"{tmp_path}/bin:{harness.PATH}"
    judge(winnowd, ["uvx", "tox", "-e", name], environment={"GIVEN": "given"}, sandbox="none")
    told = (winnowd.state / "validation/exp-1.log").read_text()
    section = {"setup.cfg-environment": "testenv:unit", "legacy-environment": "testenv:unit", "native-base": "tool.tox.env_run_base", "tox.toml-environment": "env.unit"}[layout]
    assert f"{section}.pass_env+=GIVEN" in told and ("unit" in told) == layout.endswith("environment"), told


@pytest.mark.parametrize("version, variables, warned", [("4.11.4", {"GIVEN": "1"}, True), ("4.12.1", {"GIVEN": "1"}, False), ("4.11.4", {}, False), ("3.28.0", {"GIVEN": "1"}, False)])
def test_what_a_tox_cannot_do_is_said(house, version, variables, warned):
    path = program(house.home / "bin/tox", f"#!/bin/sh\necho {version} from here\necho 'registered plugins:\n    tox-uv-1.0 at there'\n")
    lodger.belong_all(house.home)
    house.environment["PATH"] = f"{path.parent}:{harness.PATH}"
    house.configure(validation={"command": ["tox", "-re", "unit"], "environment": variables, "sandbox": "bubblewrap"})
    house.write_configuration()
    status, said, log = house.run("--check-config")
    assert status == 0 and f"{version} from here" in said
    assert ("pass_env = GIVEN into [testenv:unit]" in log.text) == warned, log.text


# Keys.


def test_directories_to_read(house):
    place = house.home / "wheels"
    place.mkdir()
    (place / "word").write_text("here\n")
    link(house.home / "shortcut", "wheels")
    script = f"cat {house.home}/shortcut/word && ! touch {place}/more && test \"$(ls {house.home} | wc -l)\" = 2"
    checked(house, ["sh", "-c", script], read_only=[str(house.home / "shortcut")])


@pytest.mark.parametrize("name, said", [("nowhere", "No such file"), ("file", "not a directory"), (".", "hidden as a whole")])
def test_directories_that_cannot_be_read(house, name, said):
    (house.home / "file").touch()
    house.configure(validation={"read_only": [str(house.home / name)]})
    house.drop(harness.improved(house.forge.project))
    log = house.once(status=78)
    (event,) = log.all(msg="jobs wait until this is mended")
    assert event["key"] == "validation.read_only" and said in event["reason"] and "validation.read_only" in event["reason"]
    status, _, log = house.run("--check-config")
    assert status == 78 and said in log.text


NETWORK = """
import socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
socket.create_connection(listener.getsockname()).close()
print("interfaces", *(name for _, name in socket.if_nameindex()))
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2).close()
    print("REACHED")
except OSError:
    print("here")
"""


@pytest.mark.parametrize("network, said", [("none", "here"), ("host", "REACHED")])
def test_the_network(house, network, said):
    with harness.subprocess.Popen([PYTHON, "-c", "import socket, sys\nlistener = socket.create_server(('127.0.0.1', 0))\n"
                                   "print(listener.getsockname()[1], flush=True)\nsys.stdin.read()"],
                                  stdin=-1, stdout=-1, text=True) as server:  # fmt: skip
        port = server.stdout.readline().strip()
        try:
            log = checked(house, [PYTHON, "-c", NETWORK, port], said=said, network=network)
        finally:
            server.stdin.close()
    (event,) = log.all(msg="sandbox")
    assert ("loopback of their own" in event["reason"]) == (network == "none")
    if network == "none":
        assert "interfaces lo\n" in house.output_of("exp-1")


def test_no_network_needs_the_sandbox(house):
    house.configure(validation={"sandbox": "none", "network": "none"})
    house.write_configuration()
    status, _, log = house.run("--once")
    assert status == 78 and "validation.network" in log.text


# The checkout.


def test_one_short_path(house):
    """However long the name of the experiment: sockets of multiprocessing have to fit, too."""
    house.configure(validation={"sandbox": "bubblewrap", "command": [PYTHON, "-c", (
        "import multiprocessing, os, tempfile\n"
        "print(os.getcwd(), os.environ['HOME'], tempfile.gettempdir())\n"
        "with multiprocessing.Manager() as manager:\n    print(manager.list([1]))\n"
        "assert os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize == 1 << 30\n")]})  # fmt: skip
    name = "e" * 80
    house.drop(harness.improved(house.forge.project, name))
    log = house.once()
    assert log.decisions()[name] == "promoted", log.text + house.output_of(name)
    assert "/run/checkout/source /run/checkout/home /run/checkout/tmp\n" in house.output_of(name)


def test_a_script_by_the_path_that_the_tests_see(winnowd, project):
    """It is a file of the checkout, and not missing on the host."""
    project.advance({"check.sh": "test -e train.py\n"})
    winnowd.configure(validation={"command": ["sh", "/run/checkout/source/check.sh"], "sandbox": "bubblewrap"})
    winnowd.write_configuration()
    status, _, log = winnowd.run("--check-config")
    assert status == 0, log.text
    winnowd.drop(harness.improved(project))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}, log.text
