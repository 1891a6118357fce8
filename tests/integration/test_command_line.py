"""Promise: the command line takes, prints and exits with what its manual page says."""

import signal
import subprocess

import harness
import pytest
from harness import result

OK, USAGE, REJECTED, UNREACHABLE, UNUSABLE, CONFIGURATION = 0, 64, 65, 69, 74, 78


def test_version(winnowd):
    status, text, _ = winnowd.run("--version")
    assert status == OK
    assert text.startswith("winnowd ") and text.count("\n") == 1


def test_output_that_cannot_be_written_is_said(winnowd):
    with open("/dev/full", "w") as full:
        done = subprocess.run(winnowd.command("--version"), stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == UNUSABLE and "No space left on device" in done.stderr


def test_help_names_every_option(winnowd):
    status, text, _ = winnowd.run("--help")
    assert status == OK
    for option in ("-c", "--once", "--check-config", "--check-result", "--status", "--version"):
        assert option in text


@pytest.mark.parametrize(
    "arguments",
    [["--no-such-option"], ["stray"], ["--check-result"], ["--once", "--status"], ["-c"]],
    ids=" ".join,
)
def test_wrong_usage(winnowd, arguments):
    status, _, log = winnowd.run(*arguments)
    assert status == USAGE
    assert log.text.strip(), "it does not say what is wrong"


@pytest.mark.parametrize("mode", [[], ["--once"], ["--check-config"], ["--status"]], ids=str)
def test_missing_configuration(winnowd, mode):
    status, text, log = winnowd.run(*mode, configuration=False)
    assert status == CONFIGURATION
    assert str(winnowd.file) in text + log.text


def test_once_with_nothing_to_do(winnowd):
    winnowd.once()
    assert winnowd.waiting() == []


@pytest.mark.parametrize("which", ["spool", "state"])
def test_a_folder_that_cannot_be_used(winnowd, which):
    # Root may write everywhere, so the folder's place is taken by a file.
    folder = winnowd.spool if which == "spool" else winnowd.state
    folder.rmdir()
    folder.write_text("not a directory")
    winnowd.once(status=UNUSABLE)


def test_a_state_directory_that_is_not_there_yet(winnowd):
    """A start makes it, so --check-config finds nothing wrong and leaves that to the start."""
    winnowd.state = winnowd.directory / "not/yet"
    winnowd.configure(state=str(winnowd.state))
    assert winnowd.run("--check-config")[0] == OK and not winnowd.state.parent.exists()
    winnowd.once()
    assert (winnowd.state / "winnowd.db").exists()
    assert winnowd.state.stat().st_mode & 0o027 == 0


def test_a_repository_that_is_not_there(winnowd):
    winnowd.configure(forge={"path": str(winnowd.directory / "nothing.git")})
    status, text, log = winnowd.run("--check-config")
    assert status in (UNREACHABLE, CONFIGURATION)
    assert "nothing.git" in text + log.text


def test_check_config_touches_nothing(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    status, text, _ = winnowd.run("--check-config")
    assert status == OK
    assert "val_bpb" in text
    assert winnowd.waiting() == ["exp-1.json"]
    assert list(winnowd.state.iterdir()) == []


@pytest.mark.parametrize(
    "content, status, word",
    [
        (result("exp-1", 1.0), OK, "baseline"),
        (result("exp-1", 0.9, metric_before=1.0, diff="--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n"), OK, "promot"),
        (result("exp-1", 1.1, metric_before=1.0), OK, "discarded"),
        (result("exp-1", status="crash"), OK, "crashed"),
        (result("exp-1", 1.0, metric="unknown"), REJECTED, "unknown"),
        ("{", REJECTED, "line 1"),
    ],
    ids=["baseline", "promoted", "discarded", "crashed", "metric", "syntax"],
)
def test_check_result(winnowd, content, status, word):
    path = winnowd.drop(content, name="exp-1.json")
    found, text, log = winnowd.run("--check-result", str(path))
    assert found == status, text + log.text
    assert word in text + log.text
    assert winnowd.waiting() == ["exp-1.json"]
    assert list(winnowd.state.iterdir()) == []


def test_check_result_judges_by_the_state(winnowd):
    winnowd.drop(result("exp-1", 1.0))
    winnowd.once()
    path = winnowd.directory / "exp-2.json"
    path.write_text(harness.json.dumps(result("exp-2", 1.5)))
    status, text, _ = winnowd.run("--check-result", str(path))
    assert status == OK
    assert "discarded" in text


def test_status_of_a_state_that_is_not_there_yet(winnowd):
    status, _, _ = winnowd.run("--status")
    assert status == OK
    assert list(winnowd.state.iterdir()) == []


def test_status_beside_a_running_daemon(winnowd, project):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    winnowd.drop(result("exp-2", 0.9, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-2", decision="promoted")
    text = winnowd.status()
    assert "exp-1" in text and "baseline" in text
    assert "exp-2" in text and "promoted" in text
    assert "val_bpb" in text and "0.9" in text


def test_a_second_daemon_on_the_same_state(winnowd):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    status, _, said = winnowd.run_beside("--once")
    assert status == UNUSABLE
    assert said.strip()


@pytest.mark.representative
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it(winnowd, number):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    assert winnowd.stop(number) == OK


def test_a_signal_ends_the_running_validation(winnowd, project):
    winnowd.configure(validation={"command": ["sleep", "1000"], "timeout": "1h"})
    winnowd.unfinished = True
    log = winnowd.start()
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=project.tweak(WIDTH=65)))
    log.wait(experiment="exp-1", step="validate")
    assert winnowd.stop(seconds=10) == OK
    assert "exp-1" not in log.decisions()


def test_hangup_reads_the_configuration_again(winnowd):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    winnowd.configure(metrics={"speed": {"direction": "maximize"}})
    winnowd.write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg=lambda text: "configuration" in text and "refused" not in text)
    winnowd.drop(result("exp-2", 1.0, metric="speed"))
    log.wait(experiment="exp-2", decision="baseline")


def test_hangup_with_a_wrong_configuration_changes_nothing(winnowd):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.0))
    log.wait(experiment="exp-1", decision="baseline")
    winnowd.write_configuration("spool: [\n")
    winnowd.process.send_signal(signal.SIGHUP)
    refused = log.wait(level=lambda level: level in ("warning", "error"), reason=True)
    assert "winnowd.yaml" in refused["reason"] or "line" in refused["reason"]
    winnowd.drop(result("exp-2", 1.1))
    log.wait(experiment="exp-2", decision="discarded")


def test_user_signal_writes_the_status_to_the_log(winnowd):
    log = winnowd.start()
    winnowd.drop(result("exp-1", 1.25))
    log.wait(experiment="exp-1", decision="baseline")
    before = len(log.events)
    winnowd.process.send_signal(signal.SIGUSR1)
    log.wait(msg=lambda text: "status" in text or "frontier" in text)
    assert len(log.events) > before
