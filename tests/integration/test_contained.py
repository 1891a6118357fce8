"""Promise: when a pull request is merged, the open ones that it contains are closed, say so, and lose their branches.

It makes no difference how it is merged. The project is like a real one (series.py): each experiment is on top of
the one before it, so the third pull request contains the first two.
"""

import json
import re
import sqlite3

import harness
import pytest
import series
from exhaustive import first_of, sample
from harness import result
from machine import eventually
from real_gitea import REAL
from reviewer import WAYS, Reviewer

SEED = 8
CLOSED = "pull request closed: another one contains it"
GONE = "branch deleted: what it changed was merged"
CONFIRMED = "pull request is contained in what was merged; its value is confirmed"  # the last of all
NO_REFRESH = {"pulls": {"refresh": "never"}}  # what stays open is not worked on when the test looks, or ends
BOTH = pytest.mark.parametrize("any_gitea", ["1.25", REAL], indirect=True)


@pytest.fixture
def project(tmp_path):
    return series.Series(tmp_path, SEED)


def promoted(winnowd, count=3, **sections):
    """A daemon that runs, and the experiments whose pull requests 1, 2, ... it has opened, each on top of the last."""
    project = winnowd.forge.project
    better = [one for one in project.experiments if one.improves][:count]
    quick = {"command": ["true"], "sandbox": "none"}
    log = winnowd.configure(sources=[str(project.work)], forge={"poll": "1s"}, validation=quick, **sections).start()
    winnowd.drop(project.baseline.result())
    for one in better:
        winnowd.drop(one.result())
        log.wait(experiment=one.id, decision="promoted")
    return log, better


def exported(winnowd):
    """experiment: what became of its pull request."""
    code, text, log = winnowd.run_beside("--export", "--json")
    assert code == 0, log
    rows = [json.loads(line) for line in text.splitlines()]
    return {row["experiment"]: row["pull_state"] for row in rows if row["pull"]}


def comments(forge):
    """number: what was said on it."""
    if forge.kind == "local":
        said = {path.stem: json.loads(path.read_text()).get("comments", []) for path in forge.outbox.glob("*.json")}
        return {int(number): [comment["text"] for comment in all_of_it] for number, all_of_it in said.items()}
    if hasattr(forge, "server"):
        return {pull.number: [comment["body"] for comment in forge.call("GET", f"/issues/{pull.number}/comments")]
                for pull in forge.pulls()}  # fmt: skip
    return {pull.number: [text for _, text in pull.comments] for pull in forge.gitea.pulls.values()}


def states(forge):
    return {pull.number: pull.state for pull in forge.pulls()}


def assert_contained(winnowd, better, merged, left_open=()):
    """All but the merged one and those that are open are closed, once and with its name, and their branches are gone."""
    forge, log, last = winnowd.forge, winnowd.log, better[merged - 1]
    numbers = set(range(1, len(better) + 1))
    gone = numbers - {merged, *left_open}
    for number in gone:
        log.wait(msg=GONE, pull=number)
        log.wait(msg=CONFIRMED, pull=number)
    assert states(forge) == {number: "closed" for number in gone} | {merged: "merged"} | {number: "open" for number in left_open}
    said = comments(forge)
    assert [number for number in numbers if said[number]] == sorted(gone)
    for number in gone:
        (comment,) = said[number]
        assert comment.startswith("Merged in ") and last.id in comment and str(merged) in comment
    ids = {f"experiment/{better[number - 1].id}" for number in numbers - gone}
    assert set(forge.branches()) == ids
    found = exported(winnowd)
    assert {one.id: found[one.id] for one in better} == {
        one.id: "merged" if number == merged else "open" if number in left_open else "contained"
        for number, one in enumerate(better, 1)
    }  # fmt: skip


@pytest.mark.parametrize("way", first_of(WAYS))
def test_the_newest_is_merged(winnowd, forge, way):
    log, better = promoted(winnowd)
    Reviewer(forge).merge(3, way)
    assert_contained(winnowd, better, 3)
    # Its value counts as that of a merged one: nothing is judged anew, and what is worse than the best stays so.
    assert not log.all(msg="pull request closed unmerged; its value leaves the frontier")
    log.wait(msg=CONFIRMED, pull=1)
    winnowd.drop(result("worse", better[1].value, metric=series.METRIC, commit=better[1].commit))
    log.wait(experiment="worse", decision="discarded")


@pytest.mark.parametrize("way", first_of(WAYS[1:]))
def test_the_middle_one_is_merged(winnowd, forge, way):
    _, better = promoted(winnowd, **NO_REFRESH)
    Reviewer(forge).merge(2, way)
    assert_contained(winnowd, better, 2, left_open=[3])


def test_two_are_merged_at_once(winnowd, forge):
    """Two are merged between two looks at the forge. Each of the others is closed once."""
    _, better = promoted(winnowd, 4, **NO_REFRESH)
    winnowd.stop()
    reviewer = Reviewer(forge)
    reviewer.merge(1, "merge")
    forge.set_state(3, "merged")  # brought in by hand
    winnowd.start().wait(msg=CONFIRMED, pull=2)
    winnowd.log.wait(msg=GONE, pull=2)
    assert states(forge) == {1: "merged", 2: "closed", 3: "merged", 4: "open"}
    (comment,) = comments(forge)[2]
    assert better[2].id in comment and not comments(forge)[1]
    assert exported(winnowd)[better[1].id] == "contained"


def test_what_a_person_had_a_hand_in_stays(winnowd, forge, project):
    """One that somebody pushed to stays open, one that was closed stays closed, and one that was opened again stays open."""
    log, better = promoted(winnowd, 4)
    names = [f"experiment/{one.id}" for one in better]
    forge.set_state(1, "closed")
    log.wait(msg="pull request closed unmerged; its value leaves the frontier", pull=1)
    pushed, _ = project.experiment({"by-hand.txt": "by hand\n"}, parent=project.tip)
    harness.git("push", "-q", "-f", "origin", f"{pushed}:refs/heads/{names[1]}", directory=project.work)
    forge.foreign.add(names[1])
    Reviewer(forge).merge(4, "squash")
    log.wait(msg="pull request stays open, though another one contains it", pull=2)
    log.wait(msg=GONE, pull=3)
    assert states(forge) == {1: "closed", 2: "open", 3: "closed", 4: "merged"}
    assert set(forge.branches()) == set(names) - {names[2]}
    forge.set_state(3, "open")
    log.wait(msg="pull request opened again; its value is back in the frontier", pull=3)
    winnowd.drop(result("later", 99.0, metric=series.METRIC))
    log.wait(experiment="later", decision="discarded")
    assert states(forge)[3] == "open" and [len(said) for _, said in sorted(comments(forge).items())] == [0, 0, 1, 0]
    path = forge.outbox / "2.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha": pushed}))


@pytest.mark.few_at_a_real_one
@BOTH
def test_at_a_gitea(any_winnowd, any_gitea):
    """For each there is one look, one comment and one change of state, and no other request."""
    log, better = promoted(any_winnowd)
    any_gitea.gitea.merge_pull(3, "squash")
    log.wait(msg=GONE, pull=2)
    assert_contained(any_winnowd, better, 3)
    records = any_gitea.gitea.records

    def closed(number):
        return [record.body for record in records.matching("PATCH", f"/pulls/{number}") if "state" in record.body]

    for number in (1, 2):
        assert len(records.matching("POST", f"/issues/{number}/comments")) == 1
        assert closed(number) == [{"state": "closed"}]
        assert not records.matching("GET", f"/issues/{number}/comments")
    assert not closed(3) and not records.matching("POST", "/issues/3/comments")


@pytest.mark.parametrize("stand_in", ["1.25"], indirect=True)
def test_one_that_may_not_be_touched_holds_up_no_other(gitea_winnowd, stand_in):
    """As Gitea answers who is not its author and has no right to others'. When that is mended, the next round closes it."""
    _, better = promoted(gitea_winnowd, **NO_REFRESH)
    stand_in.gitea.faults.add(method="PATCH", path="/pulls/1$", status=403, body="", count=None)
    stand_in.gitea.merge_pull(3, "squash")
    told = gitea_winnowd.log.wait(msg="pull request could not be checked", pull=1)
    assert "rights of its user" in told["reason"]
    gitea_winnowd.log.wait(msg=CONFIRMED, pull=2)
    assert states(stand_in) == {1: "open", 2: "closed", 3: "merged"}
    stand_in.gitea.faults.clear()
    assert_contained(gitea_winnowd, better, 3)


MOMENTS = [
    {"method": "POST", "path": "/issues/[0-9]+/comments$", "at": "before"},
    {"method": "POST", "path": "/issues/[0-9]+/comments$", "at": "after"},
    {"method": "PATCH", "path": "/pulls/[1-9]+$", "at": "before"},
    {"method": "PATCH", "path": "/pulls/[1-9]+$", "at": "after"},
    {"method": "POST", "path": "/git-receive-pack$", "at": "before"},
    {"method": "POST", "path": "/git-receive-pack$", "at": "after"},
]


@pytest.mark.parametrize("stand_in", ["1.25"], indirect=True)
def test_killed_at_each_step(gitea_winnowd, stand_in):
    """Each life is ended at another moment; together they do everything once."""
    _, better = promoted(gitea_winnowd, 4)
    gitea, winnowd = stand_in.gitea, gitea_winnowd
    gitea.merge_pull(4)
    winnowd.kill()
    for moment in MOMENTS:
        gitea.faults.add("close", call=lambda record: winnowd.process.kill(), **moment)
        winnowd.start()
        winnowd.ended()
    log = winnowd.start()
    for number in (1, 2, 3):
        eventually(lambda number=number: f"experiment/{better[number - 1].id}" not in stand_in.branches())
    eventually(lambda: list(exported(winnowd).values()).count("contained") == 3)
    assert states(stand_in) == {1: "closed", 2: "closed", 3: "closed", 4: "merged"}
    assert {number: len(said) for number, said in comments(stand_in).items()} == {1: 1, 2: 1, 3: 1, 4: 0}
    assert not log.all(msg="pull request closed unmerged; its value leaves the frontier")


@pytest.mark.parametrize("stand_in", ["1.25"], indirect=True)
def test_a_comment_that_is_still_on_its_way_is_waited_for(gitea_winnowd, stand_in):
    """The daemon is long back when the server works on what an earlier life has sent."""
    gitea, winnowd = stand_in.gitea, gitea_winnowd
    clock = winnowd.clock.by_hand()
    promoted(winnowd, 2)
    gitea.merge_pull(2)
    gitea.faults.add("hang", method="POST", path="/issues/1/comments$", seconds=1.5, call=lambda record: winnowd.process.kill())
    winnowd.ended()
    gitea.records.clear()
    log = winnowd.start()
    eventually(lambda: gitea.records.matching("GET", "/pulls/1"))
    eventually(lambda: comments(stand_in)[1])
    clock.pass_by(11)
    log.wait(msg=CONFIRMED, pull=1)
    assert len(comments(stand_in)[1]) == 1 and not gitea.records.matching("POST", "/issues/1/comments")


@pytest.mark.parametrize("stand_in", ["1.25"], indirect=True)
def test_a_merge_that_is_seen_after_the_comment_is_not_told_as_well(gitea_winnowd, stand_in):
    """An earlier life has seen the base before the pull request that was merged into it. It died at its comment on that,
    which stands."""
    gitea, winnowd = stand_in.gitea, gitea_winnowd
    promoted(winnowd, 2)
    assert winnowd.stop() == 0
    with sqlite3.connect(winnowd.state / "winnowd.db") as store:
        store.execute("INSERT INTO closings (result, container, kind, step) SELECT id, 0, 'merged', 'comment' FROM results WHERE pull = 1")
    gitea.comment(gitea.pulls[1], "winnowd", HOLDS)
    gitea.merge_pull(2)
    log = winnowd.start()
    log.wait(msg=CONFIRMED, pull=1)
    assert comments(stand_in)[1] == [HOLDS]


# What the base holds by itself.

HOLDS = "The base has the change of this one. Its value is confirmed."


def test_what_the_base_has_got_by_itself_is_closed(winnowd, forge, project):
    """No measured commit says that it was merged: somebody made the same change by hand, beside others. The other open
    pull requests stay open."""
    log = winnowd.configure(forge={"poll": "1s"}, validation={"command": ["true"], "sandbox": "none"}).start()
    for name, after in (("deep", 0.9), ("wide", 0.8), ("pushed", 0.7)):
        diff = f"--- /dev/null\n+++ b/{name}.txt\n@@ -0,0 +1 @@\n+{name}\n"
        winnowd.drop(result(name, after, metric=series.METRIC, metric_before=1.0, diff=diff))
        log.wait(experiment=name, decision="promoted")
    pushed, _ = project.experiment({"pushed.txt": "pushed\n", "more.txt": "more\n"}, parent=project.tip)
    harness.git("push", "-q", "-f", "origin", f"{pushed}:refs/heads/experiment/pushed", directory=project.work)
    forge.foreign.add("experiment/pushed")
    project.advance({"deep.txt": "deep\n", "pushed.txt": "pushed\n", "more.txt": "more\n", "other.txt": "other\n"})
    log.wait(msg=CONFIRMED, pull=1)
    log.wait(msg=GONE, pull=1)
    assert states(forge) == {1: "closed", 2: "open", 3: "open"} and comments(forge) == {1: [HOLDS], 2: [], 3: []}
    assert exported(winnowd) == {"deep": "contained", "wide": "open", "pushed": "open"}
    assert set(forge.branches()) == {"experiment/wide", "experiment/pushed"}
    path = forge.outbox / "3.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sha": pushed}))


def test_what_an_earlier_version_opened_is_closed_as_well(winnowd, forge):
    """It wrote down neither where it left the branch nor what a pull request contains. The branch is kept then."""
    log, better = promoted(winnowd, 4)
    winnowd.stop()
    with sqlite3.connect(winnowd.state / "winnowd.db") as store:
        store.execute("UPDATE results SET head = '', base = '', title_digest = '', body_digest = ''")
        store.execute("DELETE FROM contained")
    Reviewer(forge).merge(3, "squash")
    log = winnowd.start()
    for number in (1, 2):
        log.wait(msg=CONFIRMED, pull=number)
        log.wait(msg="branch kept: it does not point where this job left it", pull=number)
    log.wait(msg="pull request cannot be refreshed: it stays as it is", pull=4)
    assert states(forge) == {1: "closed", 2: "closed", 3: "merged", 4: "open"}
    said = comments(forge)
    assert said[1] == said[2] == [HOLDS] and not said[3] and "an earlier version" in said[4][0]
    assert set(forge.branches()) == {f"experiment/{one.id}" for one in better}


# The order of the morning.


def lines(forge):
    """number: what it says of those that contain each other."""
    found = {pull.number: re.findall(r"^\*\*Line of work:\*\* (.*)$", pull.body, re.MULTILINE) for pull in forge.pulls()}
    assert all(len(said) <= 1 for said in found.values())
    return {number: re.sub(r"\[`|`\]\([^)]*\)", "", said[0]) if said else "" for number, said in found.items()}


@pytest.mark.few_at_a_real_one
@BOTH
def test_each_says_which_contain_it(any_winnowd, any_gitea):
    """In each round, with a request only where something changed, and never where a person has edited the text."""
    _, better = promoted(any_winnowd)
    a, b, c = (one.id for one in better)
    wanted = {1: f"contained in {b}, {c}", 2: f"contains {a}; contained in {c}", 3: f"contains {b}, {a}"}
    eventually(lambda: lines(any_gitea) == wanted)
    (work,) = json.loads(any_winnowd.run_beside("--status", "--json")[1])["lines_of_work"]
    assert work == {"on": None, "pulls": [{"pull": number, "experiment": one, "state": "open"} for number, one in ((3, c), (2, b), (1, a))]}
    body = next(pull.body for pull in any_gitea.pulls() if pull.number == 3)
    assert body.index("**Line of work:**") < body.index("### Metric")
    # Two rounds later nothing was asked but which changed.
    any_gitea.gitea.records.clear()
    eventually(lambda: len(any_gitea.gitea.records.matching("GET", "/pulls")) >= 3)
    assert not [record for record in any_gitea.gitea.records if record.kind == "api" and (record.method != "GET" or re.search("/pulls/[0-9]+$", record.path))]
    edited = body.replace("### Metric", "A person's words.\n\n### Metric")
    any_gitea.gitea.edit_pull(3, edited)
    any_gitea.gitea.merge_pull(1)
    eventually(lambda: lines(any_gitea)[2] == f"contained in {c}")
    assert next(pull.body for pull in any_gitea.pulls() if pull.number == 3) == edited


# One line of work, one pull request.

SUPERSEDES = {"pulls": {"supersede": True}}
AGAIN = "pull request opened again: the one that contained it was closed unmerged"


def superseded(winnowd, **sections):
    """Of three on top of each other the newest is open."""
    log, better = promoted(winnowd, **SUPERSEDES, **sections)
    eventually(lambda: states(winnowd.forge) == {1: "closed", 2: "closed", 3: "open"})
    log.wait(msg=CLOSED, pull=2)
    return log, better


@pytest.mark.few_at_a_real_one
@BOTH
def test_a_new_one_supersedes_what_it_contains(any_winnowd, any_gitea):
    """Their decisions and values stay, their branches until it is merged."""
    log, better = superseded(any_winnowd)
    assert set(any_gitea.branches()) == {f"experiment/{one.id}" for one in better}
    said = comments(any_gitea)
    assert [len(said[number]) for number in (1, 2, 3)] == [1, 1, 0]
    assert all(text.startswith("Contained in ") and "/pulls/" in text for text in said[1] + said[2])
    found = exported(any_winnowd)
    assert [found[one.id] for one in better] == ["contained", "contained", "open"]
    a, b, c = (one.id for one in better)
    assert f"\nline of work: #3 contains those below it\n  #3     {c}\n  #2     {b}  contained\n  #1     {a}  contained\n\n" in any_winnowd.status()
    assert not log.all(msg="pull request closed unmerged; its value leaves the frontier")
    any_gitea.gitea.merge_pull(3, "squash")
    for number in (1, 2):
        log.wait(msg=GONE, pull=number)
        log.wait(msg="pull request is contained in what was merged; its value is confirmed", pull=number)
    assert set(any_gitea.branches()) == {f"experiment/{better[2].id}"}
    assert len(comments(any_gitea)[2]) == 1


def test_what_was_superseded_is_opened_again(winnowd, forge):
    log, better = superseded(winnowd)
    forge.set_state(3, "closed")
    log.wait(msg=AGAIN, pull=2)
    opened = {int(event["pull"]) for event in log.all(msg=AGAIN)}
    assert states(forge)[2] == "open" and states(forge)[3] == "closed"
    assert all(states(forge)[number] == "open" for number in opened)
    assert comments(forge)[2][1].startswith("Contained in ") and better[2].id in comments(forge)[2][1]
    assert exported(winnowd)[better[1].id] == "open"


EACH_WAY = ["rebase-merge", "fast-forward", "rebase", "squash", "merge"]  # the first and the last every time


@pytest.mark.real
def test_one_line_of_work_after_the_other(project, forge_of_kind, tmp_path, the_binary_is_there):
    """Two experiments and a morning, again and again, each with another way to merge; at first the newer one is closed,
    so that the older one comes back, and opened again: what has come back stays until that one is merged."""
    forge = forge_of_kind("real")
    winnowd, gitea, better = harness.Winnowd(tmp_path, forge), forge.gitea, [one for one in project.experiments if one.improves]
    log, _ = promoted(winnowd, 0, **SUPERSEDES)
    merged = []
    for place, way in enumerate(sample(EACH_WAY, 2)):
        pair = better[2 * place : 2 * place + 2]
        numbers = []
        for one in pair:
            winnowd.drop(one.result())
            numbers.append(int(log.wait(experiment=one.id, decision="promoted")["pull"]))
        *older, newest = numbers
        for number in older:
            log.wait(msg=CLOSED, pull=number)
        if way == EACH_WAY[0]:
            closed_and_opened_again(winnowd, *older, newest)
        head = next(pull.sha for pull in forge.pulls() if pull.number == newest)
        gitea.merge_pull(newest, way)
        merged.append(newest)
        for number in older:
            log.wait(msg=GONE, pull=number)
            log.wait(msg=CONFIRMED, pull=number)
        harness.git("fetch", "-q", gitea.remote, project.base, head, directory=project.work)
        for commit in (head, "FETCH_HEAD"):
            assert harness.git("diff", pair[-1].commit, commit, directory=project.work) == "", f"{way}: not what was measured"
    assert states(forge) == {number: "merged" if number in merged else "closed" for number in states(forge)}
    assert log.all(msg="pull request cannot be refreshed: it stays as it is") == []
    winnowd.check_promises()


def closed_and_opened_again(winnowd, older, newest):
    log, forge = winnowd.log, winnowd.forge
    forge.gitea.close_pull(newest)
    log.wait(msg=AGAIN, pull=older)
    forge.gitea.reopen_pull(newest)
    log.wait(msg="pull request opened again; its value is back in the frontier", pull=newest)
    forge.gitea.records.clear()
    eventually(lambda: len(forge.gitea.records.matching("GET", "/pulls")) >= 3)
    assert states(forge) == {older: "open", newest: "open"} and len(comments(forge)[older]) == 2
