"""Promise: the systemd unit has no faults and is tight, with room in it for the sandbox."""

import json
import os
import re
import shlex
import shutil
import subprocess

import harness
import pytest
from events import PATIENCE

SYSTEMD = harness.ROOT / "systemd"
# Exposure as systemd-analyze counts it, times ten: 1.9 with a sandbox that works inside (tests/machine).
THRESHOLD = 20

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not there")


def analyze(*arguments):
    done = subprocess.run(["systemd-analyze", "--no-pager", *map(str, arguments)], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"}, timeout=PATIENCE)  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def unit(tmp_path, the_binary_is_there):
    """The unit as it is installed, with the daemon that is tested in it."""
    text = (SYSTEMD / "winnowd.service.in").read_text()
    text = text.replace("@bindir@/winnowd", harness.BINARY)
    text = re.sub("@(sysconfdir|docdir)@", "/etc", text)
    assert not re.search("@[a-z]+@", text), "something is not filled in"
    path = tmp_path / "winnowd.service"
    path.write_text(text)
    return path


def settings(path):
    """All values of each setting, in order."""
    found = {}
    for line in path.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def test_systemd_finds_nothing_wrong(unit):
    status, said = analyze("verify", "--man=no", unit)  # its pages may not be installed here
    assert (status, said) == (0, "")


def test_the_exposure_is_low(unit):
    status, said = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", unit)
    assert status == 0, said


def test_the_exposure_would_be_noticed(unit):
    """A unit that lost one of its stronger settings does not pass."""
    unit.write_text(unit.read_text().replace("\nCapabilityBoundingSet=\n", "\n"))
    status, _ = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", unit)
    assert status != 0


def test_each_loosening_has_its_reason(unit):
    """What the analysis holds against it is spoken of in a comment, or cannot be had for a daemon like this."""
    _, said = analyze("security", "--offline=true", "--json=short", unit)
    rows = [row for row in json.loads(said[said.index("["):]) if float(row["exposure"] or 0) > 0]
    assert rows
    comments = " ".join(line for line in unit.read_text().splitlines() if line.startswith("#"))
    words = {
        "SystemCallFilter_": "System calls:", "RestrictNamespaces_": "Name spaces:", "RestrictAddressFamilies_": "AF_UNIX",
        "PrivateNetwork": "The network:", "IPAddressDeny": "The network:", "RootDirectory": None, "DeviceAllow": "real-time clock",
        "ProtectHome": "BindReadOnlyPaths=", "UMask": "Not 0077",
    }  # fmt: skip
    for row in rows:
        field = row["json_field"] if "json_field" in row else row["json-field"]
        word = next((word for start, word in words.items() if field.startswith(start)), field)
        assert word is None or word in comments, f"no reason for {field}"


def test_what_bubblewrap_needs_is_allowed(unit):
    found = settings(unit)
    assert set(found["RestrictNamespaces"][-1].split()) == {"user", "pid", "ipc", "uts", "mnt", "net"}
    allowed, denied = found["SystemCallFilter"]
    assert {"@system-service", "mount", "umount2", "pivot_root"} == set(allowed.split())
    _, members = analyze("syscall-filter", "@system-service")
    assert "capset" in members
    assert denied.startswith("~")
    calls = set()
    for name in denied.removeprefix("~").split():
        calls |= set(analyze("syscall-filter", name)[1].split()) if name.startswith("@") else {name}
    # prlimit stands in front of the tests.
    assert "setpriority" in calls and not calls & {"capset", "prlimit64", "clone", "unshare", "setns", "prctl"}
    assert found.get("ProcSubset", ["all"]) == ["all"]


def test_the_token_comes_as_a_credential(unit):
    found = settings(unit)
    assert found["LoadCredential"] == ["gitea-token:winnowd.gitea-token"]
    assert not any("TOKEN" in value for values in found.values() for value in values)
    assert "Environment" not in found and "EnvironmentFile" not in found


def test_a_wrong_configuration_fails_the_reload(unit, winnowd):
    """What the unit runs first: quiet when all is well, and where the error is when it is not."""
    look, signal = settings(unit)["ExecReload"]
    assert signal == "/bin/sh -c 'kill -HUP $MAINPID'"
    words = shlex.split(look.replace("/etc/winnowd/winnowd.yaml", str(winnowd.file)).replace("$$", "$"))

    def reload():
        done = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE)
        return done.returncode, done.stdout, done.stderr

    winnowd.write_configuration()
    assert reload() == (0, "", "")
    winnowd.write_configuration("quue: {parallel: 2}\n")
    status, shown, said = reload()
    assert (status, shown) == (1, "") and f"{winnowd.file}:1:1: " in said
    winnowd.write_configuration()
    (winnowd.state / "winnowd.db").write_text("no store at all, which is another trouble")
    assert reload()[0] == 0


def test_the_collector_s_directory_can_be_written_to(unit):
    """That of Debian's node_exporter, which the configuration shows: it belongs to root there."""
    (path,) = re.findall(r"#textfile: (\S+)/[^/]+\.prom$", (harness.ROOT / "config/winnowd.yaml").read_text(), re.MULTILINE)
    assert f"-{path}" in settings(unit)["ReadWritePaths"], "where it is not there the service starts all the same"
    assert f"\ninstall -d -o winnowd {path}\n" in (harness.ROOT / "README.md").read_text()


def test_a_test_that_is_killed_does_not_stop_the_service(unit):
    found = settings(unit)
    assert found["OOMPolicy"] == ["continue"]
    assert int(found["TasksMax"][0]) > 4096


def test_local_only(unit, tmp_path):
    """The drop-in allows localhost alone, and nothing is wrong with it."""
    folder = tmp_path / "winnowd.service.d"
    folder.mkdir()
    shutil.copy(SYSTEMD / "local-only.conf", folder)
    found = settings(folder / "local-only.conf")
    assert found == {"IPAddressDeny": ["any"], "IPAddressAllow": ["localhost"]}
    # An offline analysis reads one file: the same text at its end.
    unit.write_text(unit.read_text() + (SYSTEMD / "local-only.conf").read_text())
    assert analyze("verify", "--man=no", unit) == (0, "")
    status, said = analyze("security", "--offline=true", f"--threshold={THRESHOLD - 1}", unit)
    assert status == 0, said
