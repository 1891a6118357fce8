"""Promise: a fault of the installation holds the queue, and is charged to no experiment."""

import glob
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
from exhaustive import first_of
from harness import StandIn, git, improved, result
from machine import eventually

CONFIGURATION, UNREACHABLE, UNUSABLE = 78, 69, 74


def wrong_reviewer(daemon, forge, project):
    forge.gitea.add_user("Bob", collaborator=False)
    daemon.configure(forge={"reviewers": ["Bob"]})
    return lambda: forge.gitea.add_user("Bob", collaborator=True)


def organisation(daemon, forge, project):
    forge.gitea.add_user("lab")  # an organisation's name is known as a user's, too
    daemon.configure(forge={"reviewers": ["lab"]})
    return lambda: daemon.configure(forge={"reviewers": []})


def no_label(daemon, forge, project):
    daemon.configure(forge={"labels": ["wanted"], "create_labels": False})
    return lambda: daemon.configure(forge={"create_labels": True})


def archived(daemon, forge, project):
    forge.gitea.archived = True

    def mend():
        forge.gitea.archived = False

    return mend


def broken_git(daemon, script):
    folder = daemon.directory / "programs"
    folder.mkdir()
    git_of_test = folder / "git"
    git_of_test.write_text(f"#!/bin/sh\n{script}\n")
    git_of_test.chmod(0o755)
    daemon.environment["PATH"] = f"{folder}:{daemon.environment['PATH']}"
    return lambda: git_of_test.write_text(f'#!/bin/sh\nexec {shutil.which("git", path="/usr/bin:/bin")} "$@"\n')


def crashing(daemon, forge, project):
    return broken_git(daemon, "kill -SEGV $$")


def no_library(daemon, forge, project):
    return broken_git(daemon, "echo 'git: error while loading shared libraries: libpcre2-8.so.0' >&2; exit 127")


def no_git_url(daemon, forge, project):
    daemon.configure(forge={"git_url": f"{forge.gitea.url}/lab/nothing.git"})
    return lambda: daemon.configure(forge={"git_url": None})


def other_git_url(daemon, forge, project):
    """A repository that is there, and has a main branch, but is another one."""
    other = daemon.directory / "other.git"
    git("clone", "-q", "--bare", project.bare, other)
    work = daemon.directory / "other"
    git("clone", "-q", other, work)
    git("commit", "-q", "--allow-empty", "-m", "Elsewhere", directory=work)
    git("push", "-q", "origin", project.base, directory=work)
    daemon.configure(forge={"git_url": f"file://{other}"})
    return lambda: daemon.configure(forge={"git_url": None})


def no_command(daemon, forge, project):
    program = daemon.home / "check"
    daemon.configure(validation={"command": [str(program)]})

    def mend():
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)

    return mend


def no_interpreter(daemon, forge, project):
    """As after an upgrade of Python: the program is there, and its interpreter is not. Other programs start it."""
    program = daemon.home / "nose2"
    program.write_text("#!/no/such/python3\nimport nose2\n")
    program.chmod(0o755)
    daemon.configure(validation={"command": ["env", "X=1", "nice", str(program)]})
    report = '{"testenvs":{"unit":{"test":[{"command":["true"],"retcode":0}]}}}'
    return lambda: program.write_text(f"""#!/bin/sh\n[ "$1" != --result-json ] || echo '{report}' >"$2"\n""")


def empty(daemon, forge, project):
    """As after a full disk. A shell would run it, and succeed."""
    mend = no_command(daemon, forge, project)
    mend()
    (daemon.home / "check").write_text("")
    daemon.configure(validation={"base": "never"})
    return mend


def of_another_machine(daemon, forge, project):
    if glob.glob("/proc/sys/fs/binfmt_misc/[!rs]*"):
        pytest.skip("this machine may run programs of others")
    mend = no_command(daemon, forge, project)
    mend()
    head = bytearray(pathlib.Path("/bin/true").read_bytes())
    head[18] ^= 0x40
    (daemon.home / "check").write_bytes(head)
    daemon.configure(validation={"base": "never"})
    return mend


def no_script(daemon, forge, project):
    """What an interpreter runs is installed as well, if its path is absolute."""
    program = daemon.home / "check.py"
    daemon.configure(validation={"command": ["nice", "python3", "-B", str(program), "all"], "sandbox": "none"})
    return lambda: program.write_text("")


def no_script_behind_options(daemon, forge, project):
    program = daemon.home / "check.pl"
    daemon.configure(validation={"command": ["perl", "-I", "lib", "-w", str(program)], "base": "never", "sandbox": "none"})
    return lambda: program.write_text("")


def no_launcher(daemon, forge, project):
    daemon.configure(validation={"launcher": ["no-such-launcher"]})
    return lambda: daemon.configure(validation={"launcher": ["nice"]})


FAULTS = {
    "git: it ": [crashing, no_library],
    "forge.reviewers": [wrong_reviewer, organisation],
    "forge.labels": [no_label],
    "forge.owner": [archived],
    "forge.git_url": [no_git_url, other_git_url],
    "validation.command": [no_command, no_interpreter, no_script, no_script_behind_options, empty, of_another_machine],
    "validation.launcher": [no_launcher],
}
CASES = [pytest.param(key, fault, id=fault.__name__) for key, faults in FAULTS.items() for fault in faults]


@pytest.fixture
def stand_in(project):
    made = StandIn(project, "1.25", owner="lab", organisation=True)
    yield made
    made.stop()


def held(key):
    return {"level": "error", "reason": lambda reason: key in reason}


@pytest.mark.parametrize("key, fault", CASES)
def test_it_holds_the_queue_until_it_is_mended(gitea_winnowd, stand_in, project, key, fault):
    daemon, at_forge = gitea_winnowd, fault is archived
    mend = fault(daemon, stand_in, project)
    daemon.drop(improved(project))
    daemon.write_configuration()
    status, said, log = daemon.run("--check-config")
    assert status == (UNREACHABLE if at_forge else CONFIGURATION) and key in log.text, log.text
    assert "lets winnowd do what it needs" not in said
    log = daemon.once(status=UNREACHABLE if at_forge else CONFIGURATION)
    assert log.wait_until(lambda: log.all(**held(key))) and log.decisions() == {}
    assert re.search(f"(?m)^held     when it last ran: .*{re.escape(key)}", daemon.status()), daemon.status()
    assert stand_in.branches() == {} and not stand_in.pulls()
    log = daemon.start()
    log.wait(**held(key))
    mend()
    if key == "forge.git_url":  # which only a restart applies
        assert daemon.stop() == 0
        log = daemon.start()
    else:
        daemon.write_configuration()
        daemon.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted")
    assert daemon.stop() == 0
    assert log.decisions() == {"exp-1": "promoted"} and not log.all(msg="step failed")
    assert daemon.run("--check-config")[0] == 0


@pytest.mark.parametrize("script", ["kill -SEGV $$", "exit 127"])
def test_a_git_that_breaks_under_a_job(winnowd, project, script):
    mend = broken_git(winnowd, script)
    mend()
    winnowd.configure(queue={"retry_for": "10ms"})
    log = winnowd.start()
    log.wait(msg="forge answers")
    (winnowd.directory / "programs/git").write_text(f"#!/bin/sh\n{script}\n")
    winnowd.drop(improved(project))
    log.wait(key="git", **held("git: it "))
    eventually(lambda: re.search("(?m)^held     git: it ", winnowd.status()))  # written a moment after the log
    mend()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted")
    assert winnowd.stop() == 0 and log.decisions() == {"exp-1": "promoted"}


def test_what_only_shows_in_the_step_is_recognised_there(gitea_winnowd, stand_in, project):
    """The forge changes its mind about a reviewer after the check. The pull request stays, and the hold is said once."""
    asks = {"method": "POST", "path": "/requested_reviewers$"}
    refusal = stand_in.gitea.faults.add(status=422, body='{"message":"Reviewer can\'t read"}', count=None, **asks)
    gitea_winnowd.configure(forge={"reviewers": ["Alice"]})
    gitea_winnowd.drop(improved(project))
    gitea_winnowd.drop(improved(project, "exp-2", 0.8))
    log = gitea_winnowd.once(status=CONFIGURATION)
    assert log.all(**held("forge.reviewers: Alice")) and log.decisions() == {}
    assert [pull.state for pull in stand_in.pulls()] == ["open"]
    log = gitea_winnowd.start()
    log.wait(**held("forge.reviewers: Alice"))
    struck, waits = refusal.struck, {"msg": "step waits: the installation is to blame"}
    waited = len(log.all(**waits))
    gitea_winnowd.process.send_signal(signal.SIGHUP)  # in vain: it is tried, and held again
    assert log.wait_until(lambda: len(log.all(**waits)) > waited), log.text
    assert refusal.struck > struck
    assert len(log.all(**held("forge.reviewers: Alice"))) == len(log.all(msg="forge answers")) == 1, log.text
    stand_in.gitea.faults.clear()
    gitea_winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-2", decision="promoted")
    assert gitea_winnowd.stop() == 0 and len(log.all(msg="forge answers")) == 2
    assert log.decisions() == {"exp-1": "promoted", "exp-2": "promoted"}
    assert [(pull.head, pull.state, pull.reviewers) for pull in stand_in.pulls()] == [
        ("experiment/exp-1", "open", ["Alice"]), ("experiment/exp-2", "open", ["Alice"]),
    ]  # fmt: skip


@pytest.mark.parametrize("status", [404, 422])
@pytest.mark.parametrize("what", ["put labels on pull request 1", "created"])
def test_labels_that_are_refused_hold(gitea_winnowd, stand_in, project, what, status):
    """No experiment is to blame, even if --check-config finds nothing."""
    path = r"/model/labels$" if what == "created" else r"/issues/[1-9]\d*/labels$"
    stand_in.gitea.faults.add(status=status, body='{"message":"not this label"}', method="POST", path=path, count=None)
    gitea_winnowd.drop(improved(project))
    log = gitea_winnowd.once(status=CONFIGURATION)
    assert log.all(level="error", reason=lambda text: "forge.labels: " in text and what in text), log.text
    assert log.decisions() == {}
    assert [pull.state for pull in stand_in.pulls()] == ["open"]
    stand_in.gitea.faults.clear()
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    assert [(pull.state, pull.labels) for pull in stand_in.pulls()] == [("open", ["experiment"])]


def test_a_right_that_the_forge_denies_without_a_word_holds(gitea_winnowd, stand_in, project):
    """As Forgejo answers who has no right to pull requests: no check finds that."""
    stand_in.gitea.faults.add(status=403, body="", method="POST", path=r"/issues/[1-9]\d*/labels$", count=None)
    gitea_winnowd.drop(improved(project))
    log = gitea_winnowd.once(status=CONFIGURATION)
    assert log.all(level="error", reason=lambda text: "rights of its user" in text) and log.decisions() == {}, log.text
    stand_in.gitea.faults.clear()
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}
    assert [(pull.state, pull.labels) for pull in stand_in.pulls()] == [("open", ["experiment"])]


def add_to_base(project, path, content):
    git("checkout", "-q", project.base, directory=project.work)
    project.write({path: content})
    (project.work / path).chmod(0o755)
    project.commit({})
    project.publish()


# The command, the file of the project that makes it whole, and what `--once` ends with until then.
UNFIT = {
    "no module of Python": (["python3", "-m", "check"], "check.py", "", CONFIGURATION),
    "no script of a shell": (["sh", "check.sh"], "check.sh", "", CONFIGURATION),
    "no script of Python": (["python3", "check.py"], "check.py", "", CONFIGURATION),
    "no script of Perl": (["perl", "-I", "lib", "-w", "check.pl"], "check.pl", "", CONFIGURATION),
    "no program in a script": (["sh", "-c", "cd . && ./check.sh"], "check.sh", "#!/bin/sh\n", CONFIGURATION),
    "no program": (["./check.sh"], "check.sh", "#!/bin/sh\n", UNREACHABLE),
    "no program behind another": (["env", "X=1", "./check.sh"], "check.sh", "#!/bin/sh\n", UNREACHABLE),
    "no program where the tests see it": (["/run/checkout/source/check.sh"], "check.sh", "#!/bin/sh\n", UNREACHABLE),
    "no interpreter": (["./check.sh"], "check.sh", "#!/bin/sh\n", UNREACHABLE),
    "nothing in it": (["./check.sh"], "check.sh", "#!/bin/sh\n", UNREACHABLE),
}


@pytest.mark.parametrize("what", first_of(UNFIT))
def test_without_a_run_on_the_base_what_cannot_begin_there_holds(winnowd, project, what):
    """The tests cannot begin on the base either, so no experiment is to blame. But an experiment is, if it removed what the
    base has."""
    command, path, content, status = UNFIT[what]
    if what == "no interpreter":
        add_to_base(project, path, "#!/usr/bin/env no-such-python3\n")
    if what == "nothing in it":
        add_to_base(project, path, "")
    winnowd.configure(validation={"command": command, "base": "never"})
    winnowd.drop(improved(project))
    log = winnowd.once(status=status)
    assert log.decisions() == {} and log.all(**held("validation.command: ")), log.text
    assert path.removesuffix(".py") in log.all(**held("validation.command: "))[0]["reason"]
    add_to_base(project, path, content)
    assert winnowd.once().decisions() == {"exp-1": "promoted"}
    winnowd.drop(result("exp-2", 0.5, diff=project.experiment({path: None})[1]))
    assert winnowd.once().decisions() == {"exp-2": "failed"}


# Sources.


def missing(place, project):
    return lambda: git("clone", "-q", project.work, place)


def no_repository(place, project):
    place.mkdir()
    return lambda: git("clone", "-q", project.work, place)


def unreadable(place, project):
    git("clone", "-q", project.work, place)
    place.chmod(0)
    return lambda: place.chmod(0o755)


def unreadable_objects(place, project):
    git("clone", "-q", project.work, place)
    (place / ".git/objects").chmod(0)
    return lambda: (place / ".git/objects").chmod(0o755)


BAD = [missing, no_repository] + ([unreadable, unreadable_objects] if os.geteuid() else [])


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_source_holds_the_jobs_that_need_it(winnowd, forge, project, bad):
    place = winnowd.directory / "bad"
    commits = {name: project.experiment({f"{name}.txt": name})[0] for name in ("first", "second", "third")}
    for name, sha in commits.items():
        git("update-ref", f"refs/heads/{name}", sha, directory=project.work)
    mend = bad(place, project)
    winnowd.configure(sources=[str(place), str(project.work)])

    def drop(name, after, repository):
        winnowd.drop(result(name, after, metric_before=1.0, commit=commits[name], repository=repository))

    drop("first", 0.9, "bad")
    drop("second", 0.8, "work")
    drop("third", 0.7, "bad")
    try:
        status, _, log = winnowd.run("--check-config")
        assert status == CONFIGURATION and f"sources: {place}" in log.text, log.text
        log = winnowd.once(status=CONFIGURATION)
        assert log.all(key="sources", **held(f"sources: {place}"))
        assert log.decisions() == {"second": "promoted"}
        assert set(forge.branches()) == {"experiment/second"}
        log = winnowd.start()
        log.wait(key="sources", **held(f"sources: {place}"))
        eventually(lambda: f"held     sources: {place}" in winnowd.status())  # written a moment after the log
    finally:
        mend()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="third", decision="promoted")
    assert winnowd.stop() == 0
    # Others went before it meanwhile, and it is judged as it would be now.
    assert log.decisions() == {"first": "superseded", "third": "promoted"} and not log.all(msg="step failed")


def test_the_only_source_holds_all_that_name_a_commit(winnowd, forge, project):
    sha, _ = project.experiment({"a.txt": "a"})
    place = winnowd.directory / "gone"
    winnowd.configure(sources=[str(place)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    winnowd.drop(improved(project, "exp-2", 0.8))
    assert winnowd.once(status=CONFIGURATION).decisions() == {"exp-2": "promoted"}
    assert f"held     when it last ran: sources: {place}: " in winnowd.status()
    git("clone", "-q", project.work, place)
    git("fetch", "-q", project.work, sha, directory=place)
    winnowd.drop(result("exp-3", 0.7, metric_before=1.0, commit=sha))
    assert winnowd.once().decisions() == {"exp-1": "superseded", "exp-3": "promoted"}


def test_without_any_source_what_names_a_commit_waits_for_one(winnowd, forge, project):
    sha, _ = project.experiment({"a.txt": "a"})
    winnowd.configure(sources=[])
    winnowd.drop(result("exp-1", 0.7, metric_before=1.0, commit=sha, repository="model"))
    winnowd.drop(result("exp-2", 0.6, metric_before=1.0, diff=NEW_FILE, parent=sha[:9]))
    winnowd.drop(improved(project, "exp-3", 0.9))
    log = winnowd.once(status=CONFIGURATION)
    assert log.decisions() == {"exp-3": "promoted"}
    for says in ("the repositories with the commits that results name", f"a repository that commit {sha[:9]} is in"):
        assert log.all(key="sources", **held(f"expected {says}, found none configured")), log.text
    assert "experiment/exp-1" not in forge.branches()  # nothing is begun that cannot go on
    source = winnowd.directory / "model"
    git("clone", "-q", project.work, source)
    git("fetch", "-q", project.work, sha, directory=source)
    winnowd.configure(sources=[str(source)])
    assert winnowd.once().decisions() == {"exp-1": "promoted", "exp-2": "promoted"}


@pytest.mark.parametrize("digits", [7, 40])
def test_a_parent_that_the_base_has_needs_no_source(winnowd, project, digits):
    project.advance({"later.txt": "later"})
    winnowd.configure(sources=[])
    parent = project.tip[:digits]
    project.advance({"latest.txt": "latest"})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, diff=NEW_FILE, parent=parent))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


@pytest.mark.parametrize("key", ["commit", "parent"])
@pytest.mark.parametrize("what", ["main:train.py", "main^{tree}"])
def test_the_name_of_another_object_is_the_results_fault(winnowd, project, key, what):
    winnowd.configure(sources=[str(project.work)])
    name = git("rev-parse", what, directory=project.work)
    digits = name if key == "commit" else name[:9]
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, **{key: digits}, **({"diff": NEW_FILE} if key == "parent" else {})))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"}
    kind = "blob" if "train" in what else "tree"
    assert log.all(msg="step failed")[0]["reason"].endswith(f"expected a commit, found {name}, which is a {kind}"), log.text


def test_no_source_makes_a_commit_of_what_the_base_has_as_a_file(winnowd, project):
    """A few digits may also be those of a commit in a source that is not configured yet."""
    winnowd.unfinished = True
    winnowd.configure(sources=[])
    name = git("rev-parse", "main:train.py", directory=project.work)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, parent=name, diff=NEW_FILE))
    winnowd.drop(result("exp-2", 0.8, metric_before=1.0, parent=name[:9], diff=NEW_FILE))
    log = winnowd.once(status=CONFIGURATION)
    assert log.decisions() == {"exp-1": "failed"}
    assert log.all(key="sources", **held(f"expected a repository that commit {name[:9]} is in, found none configured")), log.text


def test_what_holds_a_job_is_logged_once_however_many_follow(winnowd, project):
    winnowd.unfinished = True
    winnowd.configure(sources=[str(project.work)])
    commits = [project.experiment({f"{number}.txt": f"{number}"})[0] for number in range(8)]
    for number, sha in enumerate(commits):
        git("update-ref", f"refs/heads/exp-{number}", sha, directory=project.work)
        loose(project, f"{sha}:{number}.txt").unlink()
        winnowd.drop(result(f"exp-{number}", 0.9 - number / 100, metric_before=1.0, commit=sha))
    log = winnowd.once(status=CONFIGURATION)
    for sha in commits:
        assert len(log.all(msg="jobs wait until this is mended", **held(f"commit {sha[:16]}"))) == 1, log.text


def cut(pack):
    pack.write_bytes(pack.read_bytes()[:-30])


def turn_bits(pack):
    content = bytearray(pack.read_bytes())
    content[60:64] = b"XXXX"
    pack.write_bytes(content)


DAMAGES = {
    "no index": lambda pack: pack.with_suffix(".idx").unlink(),
    "no pack": lambda pack: pack.unlink(),
    "an end that is cut off": cut,
    "bits that were turned": turn_bits,
}


@pytest.mark.parametrize("what", DAMAGES)
def test_check_config_finds_a_source_that_is_damaged(winnowd, project, what):
    """Its newest commits can still be read."""
    source = winnowd.directory / "source"
    git("clone", "-q", "--no-hardlinks", project.work, source)
    git("repack", "-a", "-d", "-q", directory=source)
    git("commit", "-q", "--allow-empty", "-m", "An experiment", directory=source)
    winnowd.configure(sources=[str(source), str(project.work)])
    assert winnowd.run("--check-config")[0] == 0
    (pack,) = (source / ".git/objects/pack").glob("*.pack")
    for path in pack.parent.iterdir():
        path.chmod(0o644)
    DAMAGES[what](pack)
    status, _, log = winnowd.run("--check-config")
    assert status == CONFIGURATION and f"sources: {source}: " in log.text and str(project.work) not in log.text, log.text


HARMLESS = {
    "refs/remotes/origin/HEAD": "ref: refs/remotes/origin/renamed\n",
    "index": "cut off",
    "objects/info/commit-graph": "cut off",
    "objects/pack/multi-pack-index": "cut off",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_a_source_from_which_all_can_be_had_is_not_damaged(winnowd, project, name):
    """What only a person's git reads there, or what git does without, holds no job."""
    sha, _ = project.experiment({"a.txt": "a"})
    git("update-ref", "refs/heads/exp-1", sha, directory=project.work)
    path = project.work / ".git" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HARMLESS[name])
    winnowd.configure(sources=[str(project.work)])
    status, _, log = winnowd.run("--check-config")
    assert status == 0, log.text
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


@pytest.mark.parametrize("what", ["is gone", "lacks a blob"])
def test_a_commit_is_found_in_another_source(winnowd, project, what):
    """Each is tried before anything is held."""
    sha, _ = project.experiment({"a.txt": "a"})
    git("update-ref", "refs/heads/a", sha, directory=project.work)
    bad = winnowd.directory / "bad"
    if what == "lacks a blob":
        git("clone", "-q", project.work, bad)
        blob = git("rev-parse", f"{sha}:a.txt", directory=bad)
        (bad / ".git/objects" / blob[:2] / blob[2:]).unlink()
    winnowd.configure(sources=[str(bad), str(project.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


def test_a_source_that_goes_away_in_the_middle(winnowd, forge, project):
    """That is found when a commit is looked for in it. The branch is there already, and other jobs go on."""
    sha, _ = project.experiment({"a.txt": "a"})
    place, away = winnowd.directory / "source", winnowd.directory / "away"
    git("clone", "-q", project.work, place)
    git("fetch", "-q", project.work, sha, directory=place)
    winnowd.configure(sources=[str(place)])
    log = winnowd.start()
    log.wait(msg="forge answers")
    place.rename(away)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    log.wait(key="sources", level="error")
    winnowd.drop(improved(project, "exp-2", 0.95))
    log.wait(experiment="exp-2", decision="promoted")
    away.rename(place)
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted")
    assert winnowd.stop() == 0 and set(forge.branches()) == {"experiment/exp-1", "experiment/exp-2"}


def loose(project, name):
    """The file of an object. An experiment can remove it, and a disk can lose it."""
    sha = git("rev-parse", name, directory=project.work).strip()
    return project.work / ".git/objects" / sha[:2] / sha[2:]


def reads_with_errors(winnowd, project):
    """While this file is away, nothing can be read from the source: the disk does not answer."""
    programs = winnowd.directory / "programs"
    programs.mkdir()
    (programs / "well").touch()
    (programs / "git").write_text(
        f'#!/bin/sh\ncase "$*" in *" fetch "*{project.work}*) [ -e {programs}/well ] ||'
        f' {{ echo "error: Input/output error" >&2; exit 128; }};; esac\nexec {shutil.which("git")} "$@"\n'
    )
    (programs / "git").chmod(0o755)
    winnowd.environment["PATH"] = f"{programs}:{winnowd.environment['PATH']}"
    return programs / "well"


LOST = {
    "a blob": lambda winnowd, project, sha: loose(project, f"{sha}:exp-1.txt"),
    "the commit, which a branch names": lambda winnowd, project, sha: loose(project, sha),
    "a tree, and the commit is a parent": lambda winnowd, project, sha: loose(project, f"{sha}^{{tree}}"),
    "all, for a while": lambda winnowd, project, sha: reads_with_errors(winnowd, project),
}
NEW_FILE = "--- /dev/null\n+++ b/new.txt\n@@ -0,0 +1 @@\n+new\n"


@pytest.mark.parametrize("what", first_of(list(LOST), 2))
def test_a_source_that_fails_though_it_is_found_well(winnowd, forge, project, what):
    """A partial clone does that. It holds only those jobs that need what it lacks, until it is mended."""
    bad, _ = project.experiment({"exp-1.txt": "exp-1"})
    good, diff = project.experiment({"exp-2.txt": "exp-2"})
    for name, sha in (("bad", bad), ("good", good)):
        git("update-ref", f"refs/heads/{name}", sha, directory=project.work)
    place = LOST[what](winnowd, project, bad)
    away = place.rename(winnowd.directory / "away")
    winnowd.configure(sources=[str(project.work)], queue={"retry_for": "10ms"})
    change = {"parent": bad, "diff": NEW_FILE} if "parent" in what else {"commit": bad}
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, **change))
    other = {"patch": "exp-2.patch"} if "all" in what else {"commit": good}
    winnowd.drop(result("exp-2", 0.95, metric_before=1.0, **other), patch=("exp-2.patch", diff))
    log = winnowd.once(status=CONFIGURATION)
    assert log.decisions() == {"exp-2": "promoted"}
    doing = "looking for" if "branch" in what else "fetching"
    assert log.all(key="sources", **held(f"sources: {project.work}: {doing} commit {bad[:16]}")), log.text
    if "all" not in what:
        status, _, log = winnowd.run("--check-config")
        assert status == CONFIGURATION and f"sources: {project.work}: " in log.text, log.text
    log = winnowd.start()
    for times in (1, 2, 3):  # it is tried again when somebody says that it was mended, and fails nobody
        log.wait_until(lambda: len(log.all(msg="step waits: the installation is to blame", experiment="exp-1")) >= times)
        winnowd.process.send_signal(signal.SIGHUP)
    away.rename(place)
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="promoted")
    log.wait(msg="jobs go on: what held them is mended")
    assert winnowd.stop() == 0 and log.decisions() == {"exp-1": "promoted"}


def lacks_some(winnowd, says):
    """Most results need nothing of that, so it is only a warning."""
    status, _, log = winnowd.run("--check-config")
    assert status == 0 and says in log.text, log.text


def test_a_partial_clone_as_a_source(winnowd, forge, project):
    """It lacks the files that nobody needed there, which is said with the way to get them."""
    sha, _ = project.experiment({"exp-1.txt": "exp-1"})
    git("update-ref", "refs/heads/exp-1", sha, directory=project.work)
    git("config", "uploadpack.allowFilter", "true", directory=project.work)
    place = winnowd.directory / "partial"
    git("clone", "-q", "--no-checkout", "--filter=blob:none", f"file://{project.work}", place)
    winnowd.configure(sources=[str(place)], queue={"retry_for": "10ms"})
    lacks_some(winnowd, f"sources: {place}: it is a partial clone, and lacks some of it: 'git fetch --refetch --no-filter' in it")
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    log = winnowd.once(status=CONFIGURATION)
    says = f"sources: {place}: fetching commit {sha[:16]}: it is a partial clone, and lacks some of it: 'git fetch --refetch --no-filter' in it"
    assert log.all(key="sources", **held(says)), log.text
    git("fetch", "-q", "--refetch", "--no-filter", directory=place)
    assert "it is a " not in winnowd.run("--check-config")[2].text
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


def shallow_clone(winnowd, project, commit):
    git("branch", "-f", "shown", commit, directory=project.work)
    place = winnowd.directory / "shallow"
    git("clone", "-q", "--depth=1", "--branch=shown", f"file://{project.work}", place)
    winnowd.configure(sources=[str(place)], queue={"retry_for": "10ms"})
    return place


def test_a_shallow_clone_as_a_source(winnowd, project):
    """Its history ends at a commit of the base: the forge has the rest."""
    project.advance({"later.txt": "later"})
    place = shallow_clone(winnowd, project, project.tip)
    (place / "exp-1.txt").write_text("exp-1")
    git("add", "-A", directory=place)
    git("commit", "-q", "-m", "An experiment", directory=place)
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=git("rev-parse", "HEAD", directory=place)))
    winnowd.drop(improved(project, "exp-2", 0.8))
    assert winnowd.once().decisions() == {"exp-1": "promoted", "exp-2": "promoted"}


def test_a_shallow_clone_without_the_way_to_the_base(winnowd, project):
    """It is to blame, and holds what needs it only; what to do is said."""
    earlier, _ = project.experiment({"exp-1.txt": "exp-1"})
    sha, _ = project.experiment({"exp-2.txt": "exp-2"}, parent=earlier)
    place = shallow_clone(winnowd, project, sha)
    lacks_some(winnowd, f"sources: {place}: it is a shallow clone, and lacks earlier commits: 'git fetch --unshallow' in it")
    winnowd.drop(result("exp-1", 0.7, metric_before=1.0, commit=sha))
    winnowd.drop(improved(project, "exp-2", 0.8))
    log = winnowd.once(status=CONFIGURATION)
    says = f"sources: {place}: fetching commit {sha[:16]}: it is a shallow clone, and lacks earlier commits: 'git fetch --unshallow' in it"
    assert log.all(key="sources", **held(says)) and log.decisions() == {"exp-2": "promoted"}, log.text
    git("fetch", "-q", "--unshallow", directory=place)
    assert "it is a " not in winnowd.run("--check-config")[2].text
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


NO_ANSWER = {
    "the branches": lambda place, sha: place / "packed-refs",
    "all": lambda place, sha: place / "HEAD",  # as a dead mount
    "an object": lambda place, sha: place / "objects" / sha[:2] / sha[2:],
}


@pytest.mark.parametrize("what", first_of(NO_ANSWER))
def test_a_source_that_does_not_answer(winnowd, project, what):
    """A part of it is a FIFO, so no child that reads it ends. Other jobs go on, and the log names the source."""
    commits = {name: project.experiment({f"{name}.txt": name}) for name in ("bad", "good", "other")}
    for name, (sha, _) in commits.items():
        git("update-ref", f"refs/heads/{name}", sha, directory=project.work)
    place = winnowd.directory / "bad"
    git("clone", "-q", "--mirror", project.work, place)
    hangs = NO_ANSWER[what](place, commits["bad"][0])
    away = hangs.rename(winnowd.directory / "away")
    os.mkfifo(hangs)
    clock = winnowd.clock.by_hand()
    winnowd.configure(sources=[str(place), str(project.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=commits["bad"][0], repository="bad"))
    winnowd.drop(result("exp-2", 0.8, metric_before=1.0, commit=commits["good"][0], repository="work"))
    winnowd.drop(result("exp-3", 0.7, metric_before=1.0, diff=commits["other"][1]))
    log = winnowd.start()
    log.wait(experiment="exp-3", decision="queued")

    def time_passes(condition):
        eventually(lambda: clock.pass_by(0.3) or condition())

    time_passes(lambda: log.all(key="sources", level="error", reason=lambda reason: f"sources: {place}" in reason))
    time_passes(lambda: {"exp-2": "promoted", "exp-3": "promoted"}.items() <= log.decisions().items())
    assert "did nothing for 10 s" in log.wait(key="sources")["reason"]
    # What does not need it has not waited until git gave it up.
    said = [event for event in log.events if event["msg"] == "step started" or event.get("key") == "sources"]
    assert said[0]["msg"] == "step started", log.text
    hangs.unlink()
    away.rename(hangs)
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(experiment="exp-1", decision="superseded")
    assert winnowd.stop() == 0


def test_a_commit_that_git_does_not_take_is_no_fault_of_its_source(winnowd, project):
    sha, _ = project.experiment({"a.txt": "a"})
    text = git("cat-file", "commit", sha, directory=project.work)
    text = re.sub("(?m)^(committer .*> )", r"\g<1>0", text)  # a date that begins with a zero
    sha = git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", directory=project.work, text=text).strip()
    winnowd.configure(sources=[str(project.work)])
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "failed"} and "fsck error" in log.wait(decision="failed")["reason"], log.text


def test_once_does_not_end_for_a_held_source_while_others_wait_for_the_forge(gitea_winnowd, stand_in, project):
    daemon, gitea = gitea_winnowd, stand_in.gitea
    daemon.clock.by_hand()
    sha, diff = project.experiment({"a.txt": "a"})
    daemon.configure(sources=[str(daemon.directory / "gone")])
    daemon.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    daemon.drop(result("exp-2", 0.8, metric_before=1.0, patch="exp-2.patch"))
    log = daemon.start("--once")
    log.wait(key="sources", level="error")
    gitea.faults.add("bad_gateway", count=None)
    daemon.process.send_signal(signal.SIGHUP)  # it is asked again
    log.wait(msg="forge cannot be used now; jobs wait")
    (daemon.spool / "exp-2.patch").write_text(diff)
    log.wait(experiment="exp-2", decision="queued")
    gitea.faults.clear()
    log.wait(experiment="exp-2", decision="promoted")
    assert daemon.ended() == CONFIGURATION and log.decisions() == {"exp-2": "promoted"}


AWAY = {
    "a source": ("compose", "*--disambiguate=????????*", "echo 'fatal: not a git repository' >&2; exit 128"),
    "the program": ("validate", "*/checkouts/*", "mv check check.away"),
}


@pytest.mark.parametrize("what", AWAY)
def test_what_is_back_before_anybody_looks_failed_nobody(winnowd, project, what):
    """It is missing when git first needs it, and is mounted or installed again before the check."""
    step, asked, away = AWAY[what]
    sha, _ = project.experiment({"a.txt": "a"})
    queued = f"*--batch-check*|*{sha}^*" if step == "compose" else "-"  # when the result is queued it is away as well
    git("update-ref", "refs/heads/exp-1", sha, directory=project.work)
    programs = winnowd.directory / "programs"
    programs.mkdir()
    (programs / "check").write_text("#!/bin/sh\n")
    (programs / "git").write_text(
        f"#!/bin/sh\nHERE=$PWD; cd {programs}\n"
        f'case "$*" in {queued}) [ -e once ] || {{ {away}; }};; esac\n'
        # Whether the source is a repository is not asked for the step.
        f'case "$*" in *--git-path*) ;; {asked}) [ -e once ] || {{ touch once; {away}; }};; *) [ ! -e check.away ] || mv check.away check;; esac\n'
        f'cd "$HERE"; exec {shutil.which("git")} "$@"\n'
    )  # fmt: skip
    for name in ("check", "git"):
        (programs / name).chmod(0o755)
    winnowd.environment["PATH"] = f"{programs}:{winnowd.environment['PATH']}"
    winnowd.configure(sources=[str(project.work)], validation={"command": [str(programs / "check")], "sandbox": "none"})
    winnowd.drop(result("exp-1", 0.9, metric_before=1.0, commit=sha))
    log = winnowd.once()
    assert log.decisions() == {"exp-1": "promoted"}
    assert log.all(msg="step could not be done now; trying again", step=step), log.text


def test_the_setting_that_opens_a_home_is_named(winnowd):
    winnowd.configure(sources=["/home/nobody-at-all/model"])
    status, _, log = winnowd.run("--check-config")
    assert status == CONFIGURATION
    assert "ProtectHome= hides it: BindReadOnlyPaths=/home/nobody-at-all/model opens it" in log.text


def test_a_file_in_place_of_a_source_is_called_so(winnowd):
    file = winnowd.directory / "file"
    file.touch(0o600)
    winnowd.configure(sources=[str(file)])
    status, _, log = winnowd.run("--check-config")
    assert status == CONFIGURATION
    assert f"sources: {file}: expected a directory with a git repository, found a file" in log.text, log.text


# What holds nothing, but is found.


def test_check_config_finds_a_missing_spool(winnowd):
    winnowd.spool.rmdir()
    status, said, log = winnowd.run("--check-config")
    assert status == UNUSABLE and f"spool: {winnowd.spool}" in log.text
    winnowd.once(status=UNUSABLE)


@pytest.mark.parametrize("engine", ["local", "slurm"])
def test_a_directory_of_the_runs_that_cannot_be_made(winnowd, project, engine):
    """The start ends, and --check-config had found it, both by its key."""
    taken = winnowd.directory / "file"
    taken.touch()
    winnowd.configure(validation={"directory": f"{taken}/runs", "engine": engine})
    winnowd.drop(improved(project))
    said = f"validation.directory: {taken}/runs"
    status, _, log = winnowd.run("--check-config")
    assert status == CONFIGURATION and f"winnowd: {said}: expected a directory, found a file at {taken}" in log.text, log.text
    log = winnowd.once(status=CONFIGURATION)
    assert log.all(msg="winnowd could not start", reason=lambda text: text.startswith(said)), log.text
    assert log.decisions() == {}
    winnowd.configure(validation={"directory": None, "engine": "local"})
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


@pytest.mark.parametrize("key", ["token_file", "ca_file"])
def test_a_file_for_the_forge_that_is_missing(gitea_winnowd, project, key):
    """The start ends, and --check-config had found it, both by its key."""
    gitea_winnowd.configure(forge={key: "/no/such/file"})
    gitea_winnowd.drop(improved(project))
    said = f"forge.{key}: "
    status, _, log = gitea_winnowd.run("--check-config")
    assert status == CONFIGURATION and re.search(f"(?m)^winnowd: {said}.*/no/such/file.*No such file", log.text), log.text
    log = gitea_winnowd.once(status=CONFIGURATION)
    assert log.all(msg="winnowd could not start", reason=lambda text: text.startswith(said)), log.text
    gitea_winnowd.configure(forge={key: None})
    assert gitea_winnowd.once().decisions() == {"exp-1": "promoted"}


def test_an_outbox_that_cannot_be_made_though_it_looks_well(winnowd, forge, project):
    """The rights of root let it look so. Only the step can tell."""
    winnowd.configure(forge={"outbox": "/proc/outbox"})
    winnowd.drop(improved(project))
    log = winnowd.once(status=CONFIGURATION)
    assert log.decisions() == {} and log.all(**held("forge.outbox: ")), log.text
    winnowd.configure(forge={"outbox": str(forge.outbox)})
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


def test_check_config_tells_all_places_that_are_wrong(winnowd, project):
    """So nobody has to run it once for each of them."""
    gone = winnowd.directory / "gone"
    taken = winnowd.directory / "file"
    taken.touch()
    unmounted = winnowd.directory / "unmounted"
    unmounted.symlink_to(gone)
    winnowd.spool.rmdir()
    emptied, lender, borrower = (winnowd.directory / name for name in ("emptied", "lender", "borrower"))
    git("clone", "-q", project.work, emptied)
    shutil.rmtree(emptied / ".git/objects")
    (emptied / ".git/objects").mkdir()
    git("clone", "-q", project.work, lender)
    git("clone", "-q", "--shared", lender, borrower)
    lender.rename(winnowd.directory / "moved")
    winnowd.configure(
        forge={"base": "nothing", "outbox": f"{taken}/outbox"},
        sources=[f"{gone}/source-1", f"{gone}/source-2", str(emptied), str(borrower)],
        logs=[{"path": f"{gone}/results.tsv"}],
        validation={"read_only": [f"{gone}/data-1", f"{gone}/data-2"], "sandbox": "auto",
                    "launcher": ["no-launcher"], "command": ["no-command"], "directory": f"{unmounted}/runs",
                    "requires": ["http://127.0.0.1:1/"]},
        status={"textfile": f"{gone}/winnowd.prom"},
        state=f"{taken}/state",
    )  # fmt: skip
    status, _, log = winnowd.run("--check-config")
    assert status == CONFIGURATION
    for said in ("forge.base: ", f"forge.outbox: {taken}/outbox: expected a directory, found a file at {taken}",
                 f"state: {taken}/state: expected a directory, found a file at {taken}", f"sources: {gone}/source-1", f"sources: {gone}/source-2",
                 f"sources: {emptied}: expected the objects of its branches in ",
                 f"sources: {borrower}: its objects are also in {lender}/.git/objects (objects/info/alternates), which does not exist",
                 f"warning: logs: {gone}/results.tsv: No such file", "validation.requires: http://127.0.0.1:1/: ",
                 f"validation.read_only: {gone}/data-1", f"validation.read_only: {gone}/data-2",
                 f"validation.directory: {unmounted}/runs: expected a directory, found a link to nothing at {unmounted}",
                 "validation.launcher: no-launcher", "validation.command: no-command",
                 f"spool: {winnowd.spool}", f"warning: status.textfile: {gone}"):  # fmt: skip
        assert f"winnowd: {said}" in log.text, log.text
    winnowd.spool.mkdir()


def test_without_git_everything_waits_for_it(winnowd, project):
    """That is a fault of the installation, whatever the forge says: exit status 78."""
    tools = winnowd.directory / "tools"
    tools.mkdir()
    for name in ("sh", "prlimit", "bwrap"):
        if shutil.which(name):
            (tools / name).symlink_to(shutil.which(name))
    path, winnowd.environment["PATH"] = winnowd.environment.get("PATH"), str(tools)
    winnowd.drop(improved(project))
    winnowd.write_configuration()
    status, _, log = winnowd.run("--check-config")
    assert status == CONFIGURATION and "winnowd: git: no such program" in log.text, log.text
    log = winnowd.once(status=CONFIGURATION)
    assert log.decisions() == {} and log.all(**held("git: ")), log.text
    winnowd.environment["PATH"] = path
    assert winnowd.once().decisions() == {"exp-1": "promoted"}


def test_what_holds_nothing_is_a_warning(winnowd):
    """A module may be the project's own, and a textfile is for others."""
    winnowd.configure(status={"textfile": str(winnowd.directory / "nowhere/winnowd.prom")})
    winnowd.configure(validation={"command": ["nice", "python3", "-m", "no_such_module.main"]})
    before = sorted(winnowd.directory.rglob("*"))
    winnowd.write_configuration()
    status, said, log = winnowd.run("--check-config")
    assert "warning: validation.command: no module no_such_module.main is installed" in log.text
    assert status == 0 and "warning: status.textfile: " in log.text and "lets winnowd do what it needs" in said
    assert sorted(set(winnowd.directory.rglob("*")) - {winnowd.file}) == before, "it touched something"
    assert winnowd.once().all(level="warning", msg=lambda text: text.startswith("status could not be written"))


# validation.requires.


@pytest.fixture
def service(project):
    made = StandIn(project, "1.25")
    yield made
    made.stop()


def test_what_is_required_ends_once_after_a_minute(winnowd, project, service):
    """--once exits with 69, and the job stays queued for cron's next run. A look at the forge is no progress."""
    winnowd.configure(forge={"poll": "20s"}, validation={"requires": [f"{service.gitea.url}/api/v1/version"]}, queue={"retry_for": "1s"})
    winnowd.drop(improved(project))
    assert winnowd.once().decisions() == {"exp-1": "promoted"}  # to be looked at
    clock = winnowd.clock.by_hand()
    service.gitea.down()
    winnowd.drop(result("exp-2", 0.5, diff=project.experiment({"second.txt": "a"})[1]))
    winnowd._launch(("--once",), stdout=subprocess.DEVNULL)
    for attempt, seconds in ((3, 30), (4, 31)):
        winnowd.log.wait(experiment="exp-2", attempt=attempt, reason=lambda text: text.startswith("validation.requires: "))
        clock.pass_in_pause(seconds)
    assert winnowd.ended() == UNREACHABLE and winnowd.log.decisions() == {}
    service.gitea.up()
    assert winnowd.once().decisions() == {"exp-2": "promoted"}


def test_what_is_required_is_waited_for_and_never_fails(winnowd, project, service):
    """Longer than queue.retry_for, with the forge well; a minute at a time, or until the configuration is read again."""
    clock = winnowd.clock.by_hand()
    winnowd.configure(
        validation={"requires": [f"{service.gitea.url}/api/v1/version"]}, queue={"retry_for": "1s"},
    )  # fmt: skip
    service.gitea.down()
    winnowd.drop(improved(project))
    log = winnowd.start()
    for attempt in range(1, 11):
        waits = log.wait(experiment="exp-1", step="validate", attempt=attempt, reason=lambda text: text.startswith("validation.requires: "))
        if attempt < 10:
            clock.pass_in_pause(60)
    assert 45000 <= int(waits["next_ms"]) <= 60000, "more than a minute"
    service.gitea.up()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(30, experiment="exp-1", decision="promoted")
    assert winnowd.stop() == 0 and not log.all(msg="step failed")


# No more slots than there are.


def test_those_that_stood_aside_take_turns_after_a_restart(winnowd, project):
    place, alone = winnowd.directory / "source", winnowd.directory / "alone"
    script = f"mkdir {alone} && sleep 0.3 && rmdir {alone}"  # fails beside another one
    winnowd.configure(sources=[str(place)], validation={"command": ["sh", "-c", script], "sandbox": "none"})
    for number in range(1, 4):
        sha, _ = project.experiment({f"{number}.txt": "a"})
        git("update-ref", f"refs/heads/exp-{number}", sha, directory=project.work)
        winnowd.drop(result(f"exp-{number}", 1 - number / 10, metric_before=1.0, commit=sha))
    assert winnowd.once(status=CONFIGURATION).decisions() == {}
    place.symlink_to(project.work)
    assert winnowd.once().decisions() == {f"exp-{number}": "promoted" for number in range(1, 4)}


def test_fewer_slots_than_jobs_that_wait_for_what_arrived_late(winnowd, project):
    """Each waits for an older result of its metric, and none may keep its slot from the other."""
    go = winnowd.directory / "go"
    winnowd.configure(
        queue={"parallel": 2},
        validation={"command": ["sh", "-c", f"while [ ! -e {go} ]; do sleep 0.02; done"], "sandbox": "none"},
    )
    log = winnowd.start()
    for metric, after, before in (("val_bpb", 0.8, 1.0), ("accuracy", 0.8, 0.5)):
        winnowd.drop(improved(project, f"late-{metric}", after, metric=metric, metric_before=before), age=100)
        log.wait(experiment=f"late-{metric}", msg="step started", step="validate")
    winnowd.configure(queue={"parallel": 1}).write_configuration()
    winnowd.process.send_signal(signal.SIGHUP)
    log.wait(msg="configuration reloaded")
    for metric, after, before in (("val_bpb", 0.9, 1.0), ("accuracy", 0.7, 0.5)):
        winnowd.drop(improved(project, f"early-{metric}", after, metric=metric, metric_before=before), age=200)
        log.wait(experiment=f"early-{metric}", decision="queued")
    go.touch()
    for metric in ("val_bpb", "accuracy"):
        log.wait(experiment=f"late-{metric}", decision="promoted")
    assert winnowd.stop() == 0 and set(log.decisions().values()) == {"promoted"} and len(log.decisions()) == 4
