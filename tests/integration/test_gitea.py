"""Promise: a Gitea is reached at the configured address and with the configured token, or the reason is reported.

Addresses, certificates and tokens are tried, what --check-config says of them, and when --once gives up.

test_promotion.py has a promotion, its undos, lost answers and kills. test_outages.py has outages,
test_others_hands.py what others do. tests/unit/test-forge-gitea*.c say what each answer means.
"""

import os

import harness
import pytest
from harness import improved


GAVE_UP = "gave up: a minute without progress"


def assert_promoted_once(forge):
    (pull,) = forge.pulls()
    assert pull.state == "open"
    assert forge.branches() == {pull.head: pull.sha}


@pytest.mark.parametrize("stand_in", ["1.25"], indirect=True)
def test_once_gives_up_on_a_forge_that_stays_away(gitea_winnowd, stand_in, project):
    clock = gitea_winnowd.clock.by_hand()
    stand_in.gitea.down()
    gitea_winnowd.drop(improved(project))
    log = gitea_winnowd.start("--once")
    log.wait(experiment="exp-1", msg="result queued")
    log.wait(msg="forge cannot be used now; jobs wait")
    clock.pass_by(55)
    log.wait(msg="status")
    assert gitea_winnowd.process.poll() is None and not log.all(msg=GAVE_UP)
    clock.pass_by(10)
    assert gitea_winnowd.ended() == 69
    assert log.all(msg=GAVE_UP) and "exp-1" not in log.decisions()
    assert gitea_winnowd.archived() == ["exp-1.json"]
    stand_in.gitea.up()
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}


# Addresses and credentials.


@pytest.mark.parametrize("more", [{"tls": True}, {"sub_path": "git"}], ids=["tls", "sub-path"])
def test_other_addresses(project, tmp_path, the_binary_is_there, more):
    forge = harness.StandIn(project, "1.25", **more)
    winnowd = harness.Winnowd(tmp_path, forge)
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    assert_promoted_once(forge)
    winnowd.check_promises()
    forge.stop()


def test_a_certificate_of_nobody_we_know(project, tmp_path, the_binary_is_there):
    forge = harness.StandIn(project, "1.25", tls=True)
    winnowd = harness.Winnowd(tmp_path, forge)
    winnowd.config["forge"].pop("ca_file")
    status, text, log = winnowd.run("--check-config")
    assert status == 69
    assert "certificate" in (text + log.text).lower() or "ssl" in (text + log.text).lower()
    winnowd.check_promises()
    forge.stop()


@pytest.mark.parametrize("how", ["file", "credential", "environment"])
def test_where_the_token_comes_from(gitea_winnowd, stand_in, tmp_path, how):
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "gitea-token").write_text(stand_in.token + "\n")
    os.chmod(folder / "gitea-token", 0o600)
    if how != "environment":
        del gitea_winnowd.environment["GITEA_TOKEN"]
    if how == "file":
        gitea_winnowd.configure(forge={"token_file": str(folder / "gitea-token")})
    if how == "credential":
        gitea_winnowd.environment["CREDENTIALS_DIRECTORY"] = str(folder)
    status, text, log = gitea_winnowd.run("--check-config")
    assert status == 0, text + log.text
    assert any(record.token_ok for record in stand_in.gitea.records)


# What each answer means to it is held by tests/unit/test-forge-gitea.c; that it is told, here.


def test_check_config_looks_at_the_forge(any_winnowd):
    assert any_winnowd.run("--check-config")[0] == 0
    any_winnowd.configure(forge={"base": "no-such"})
    any_winnowd.write_configuration()
    status, text, log = any_winnowd.run("--check-config")
    assert status == 78 and "forge.base" in text + log.text


def test_a_bad_token_is_told_and_not_shown(any_winnowd):
    any_winnowd.environment["GITEA_TOKEN"] = "0123456789abcdef0123456789abcdef01234567"
    status, text, log = any_winnowd.run("--check-config")
    assert status in (69, 78)
    assert "token" in text + log.text
    assert "0123456789abcdef" not in text + log.text


def test_once_waits_until_what_the_tests_left_is_removed(winnowd, project):
    """Which takes long where they installed much. It is no minute without progress."""
    clock = winnowd.clock.by_hand()
    many = "import os\nfor n in range(100000): os.close(os.open(f'left-{n}', os.O_CREAT))\nraise SystemExit('the tests fail')"
    winnowd.configure(validation={"command": ["python3", "-c", many]})
    winnowd.drop(improved(project))
    log = winnowd.start("--once")
    log.wait(msg="undo started", step="validate")
    clock.pass_by(70)
    assert winnowd.ended() == 0
    assert log.decisions() == {"exp-1": "failed"} and not log.all(msg=GAVE_UP), log.text
