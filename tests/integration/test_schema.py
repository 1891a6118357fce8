"""Promise: the JSON Schemas and the parsers give the same verdict on the same files."""

import json

import harness
import pytest
import yaml

jsonschema = pytest.importorskip("jsonschema")

GONE = object()
LEAST = {"experiment_id": "exp-1", "hypothesis": "x", "metric": "val_bpb", "metric_after": 1}
DIFF = "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n"

# key: (values that are fine, values that are not)
RESULT = {
    "experiment_id": (["a", "9.b_c-d", "x" * 100, "a.lockx"],
                      [GONE, None, 5, "", "x" * 101, "-a", ".a", "a..b", "a.", "a.lock", "a b", "ä", "a/b", "a\n"]),
    "hypothesis": (["x", " x ", "ä" * 10000, "a\nb"], [GONE, None, "", " \n", 5, ["x"], "ä" * 10001]),
    "title": ([None, "", "x", "a\nb"], [5, ["x"], {}]),
    "metric": (["val_bpb"], [GONE, None, "", " ", 5]),
    "metric_after": ([0, -1.5, 1e300, [1], [1, 2.5]], [GONE, None, "1", "fast", True, [], ["1"], [None], [1, "x"], {}, [[1]]]),
    "metric_before": ([GONE, None, 1, [1, 2]], ["1", [], [None], {}, False]),
    "status": ([None, "ok", "keep", "baseline"], ["", " ", 5, [], {}]),
    "commit": ([GONE, None, "0123abc", "A" * 40, "a" * 64], ["012345", "g123456", "a" * 65, 1234567, "", "HEAD", "0123abc\n"]),
    "patch": ([GONE, None, "a.patch", "a.diff", "jsonl"],
              ["", "a/b", ".a", "../a", "a.json", "a.yaml", "a.yml", "a.tsv", "a.jsonl", "a.tmp", "a.part", "a~", 5, "x" * 256]),
    "diff": ([GONE, None, DIFF], ["", " \n ", 5, [DIFF]]),
    "repository": ([GONE, None], ["/a"]),
    "parent": ([GONE, None], ["exp-0", 7]),
    "details": ([GONE, None, {}, {"a": 1, "b": "x", "c": None, "d": True, "e": 1.5}], [5, "x", [], {"a": []}, {"a": {}}]),
    "something_else": ([1, [[]], None], []),
}  # fmt: skip
TOGETHER = [
    ({"commit": "0123abc", "repository": "/a"}, True),
    ({"commit": "0123abc", "repository": " "}, False),
    ({"commit": None, "repository": "/a"}, False),
    ({"commit": "0123abc", "diff": DIFF}, False),
    ({"commit": "0123abc", "patch": "a.patch"}, False),
    ({"patch": "a.patch", "diff": DIFF}, False),
    ({"patch": None, "diff": DIFF}, True),
    ({"parent": "exp-0", "diff": DIFF}, True),
    ({"parent": "0123abc", "diff": DIFF, "repository": "/a"}, True),
    ({"parent": "a.b", "patch": "a.patch"}, True),
    ({"parent": "a b", "diff": DIFF}, False),
    ({"parent": 7, "diff": DIFF}, False),
    ({"parent": "a.lock", "diff": DIFF}, False),
    ({"parent": "x" * 101, "diff": DIFF}, False),
    ({"parent": "exp-0", "commit": "0123abc"}, False),
    ({"status": "crash", "metric_after": GONE}, True),
    ({"status": "crash", "metric_after": "fast", "metric_before": [None]}, True),
    ({"status": "discard", "metric_after": GONE}, True),
    ({"status": "Keep", "metric_after": GONE}, False),
    ({"status": "NEW_BEST", "metric_after": GONE}, False),
    ({"status": "yes!", "metric_after": GONE}, False),
    ({"status": "not the best", "metric_after": GONE}, True),
    ({"status": "OK, but OOM", "metric_after": GONE}, True),
    ({"status": "keeper", "metric_after": GONE}, True),
    ({"status": "yes it is", "metric_after": GONE}, True),
    ({"status": "keep", "metric_after": GONE}, False),
    ({"status": None, "metric_after": GONE}, False),
]


def with_changes(content, changes):
    return {key: value for key, value in {**content, **changes}.items() if value is not GONE}


RESULT_CASES = [
    (with_changes(LEAST, {key: value}), verdict)
    for key, (good, bad) in RESULT.items() for verdict, values in ((True, good), (False, bad)) for value in values
] + [(with_changes(LEAST, changes), verdict) for changes, verdict in TOGETHER] + [([], False), (5, False)]  # fmt: skip


def validator(path):
    schema = json.loads((harness.ROOT / path).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_a_result_is_judged_alike(winnowd):
    schema = validator("daemon/winnowd-result.schema.json")
    path = winnowd.directory / "case.json"
    (winnowd.directory / "a.patch").write_text(DIFF)
    winnowd.write_configuration()
    for content, verdict in RESULT_CASES:
        path.write_text(json.dumps(content), encoding="utf-8")
        status, said, complained = winnowd.run_beside("--check-result", str(path))
        # A commit that no source has, or a patch that is not there, is no matter of form.
        taken = status == 0 or "expected " not in said + complained
        assert schema.is_valid(content) == verdict, f"the schema on {content!r}"
        assert taken == verdict, f"the parser on {content!r}: {status} {said}{complained}"


def refuse(constant):
    raise ValueError(f"{constant} is no JSON")


def corpus():
    """Files of the fuzzer's corpus that any JSON parser reads alike."""
    for path in sorted((harness.ROOT / "tests/fuzz/corpus/result").iterdir()):
        if path.suffix == "":
            try:
                yield path, json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
            except ValueError:
                continue


def test_the_corpus_is_judged_alike(winnowd):
    schema = validator("daemon/winnowd-result.schema.json")
    winnowd.write_configuration()
    seen = set()
    for source, content in corpus():
        path = winnowd.directory / "case.json"
        # The name of the metric is the configuration's to know, and a missing patch no matter of form.
        if isinstance(content, dict) and isinstance(content.get("metric"), str):
            content["metric"] = "val_bpb"
        for name in ("patch", "commit", "repository"):
            if schema.is_valid(content):
                content.pop(name, None)
        path.write_text(json.dumps(content), encoding="utf-8")
        status, said, complained = winnowd.run_beside("--check-result", str(path))
        formed = status == 0 or ": queued, " in said.splitlines()[0]  # what is wrong then is no matter of form
        assert schema.is_valid(content) == formed, f"{source.name}: {status} {said}{complained}"
        seen.add(status)
    assert seen == {0, 65}


# The configuration: (section, key, values that are fine, values that are not).
CONFIGURATION = [
    ("forge", "kind", ["local", None], ["github", 5, [], ""]),
    ("forge", "url", ["http://h", "https://h:3000/git"], ["ftp://h", "h", "http://h/?a", 5]),
    ("forge", "base", ["trunk", None], ["", "a..b", "refs/heads/a", "-a", "a b", "a/"]),
    ("forge", "branch_prefix", ["a/", "a-"], ["", "a..b/", "/a", "refs/heads/x/"]),
    ("forge", "labels", [[], ["a", "b c"], None], ["a", [""], [["a"]], {}, ["x" * 51]]),
    ("forge", "reviewers", [[], ["Ada"]], [["-a"], ["a/b"], ["a b"], "Ada"]),
    ("forge", "create_labels", [True, False, None], ["yes", 1, "maybe"]),
    ("forge", "timeout", ["1ms", "30s", "1h", None], ["0s", "s", "30", 30, "1w", "-1s", "1.5s", [], 0]),
    ("forge", "poll", ["5m", "30d", "0", 0], ["5 m", "1y", "m", -1]),
    ("forge", "token_file", ["/a", None], ["a", "/", 5]),
    ("forge", "outbox", ["/a/b"], ["b", "//", []]),
    ("forge", "no_such_key", [], [1, None]),
    ("change", "protect", [[], ["tox.ini", "a/**"]], [["/a"], [":a"], ["../a"], ["a/.."], [""], "a"]),
    ("change", "author", ["A B <a@b>", None], ["nobody", "<a@b>", "A <a b>", "A <>", 5]),
    ("validation", "command", [["a", "b"]], [[], "a", {}, [["a"]]]),
    ("validation", "output_lines", [0, 10000], [-1, 10001, 1.5, "many", []]),
    ("validation", "environment", [{}, {"A": "b", "_c": None}], [{"1a": "b"}, {"A-B": "c"}, {"GITEA_TOKEN": "x"}, ["A"]]),
    ("validation", "pass_environment", [["A"]], [["1"], ["NOTIFY_SOCKET"], "A"]),
    ("validation", "expect", ["^[0-9]+ passed", None], ["", [], {}, "x" * 1001]),
    ("validation", "base", ["once", "on_failure", "never"], ["always", False, ["once"]]),
    ("validation", "sandbox", ["auto", "none"], ["docker", True]),
    ("validation", "requires", [["http://a/b?c"]], [["a"], "http://a"]),
    ("validation", "limits", [{}, None, {"processes": 5}, {"file_size": "16G", "memory": 0, "cpu_time": "2h"}],
     [{"memory": "1X"}, {"processes": "x"}, {"swap": 1}, {"cpu_time": 5}, 5, []]),
    ("queue", "parallel", [1, 64], [0, 65, "two", 1.5]),
    ("queue", "order", ["best"], ["random"]),
    ("log", "level", ["debug"], ["loud", ["info"]]),
    ("log", "format", ["json"], ["xml"]),
    ("metrics", "loss", [{"direction": "minimize"}, {"direction": "maximize", "min_delta": 0.5, "baseline": -1},
                         {"direction": "minimize", "reference": "before", "min_relative": 0}],
     [{}, None, {"direction": "down"}, {"direction": "minimize", "min_delta": -1}, {"direction": None},
      {"direction": "minimize", "colour": 1}, {"direction": "minimize", "baseline": "low"}, 5]),
    ("metrics", "a b", [], [{"direction": "minimize"}]),
    ("metrics", "loss/ä", [{"direction": "minimize"}], []),
    ("no_such_group", "a", [], [1]),
]  # fmt: skip


def test_a_configuration_is_judged_alike(winnowd):
    schema = validator("config/winnowd.schema.json")
    # A gitea that nobody listens for: only the file is looked at.
    plain = {**winnowd.config, "forge": {"kind": "local", "path": "/nonexistent.git"}}
    for group, key, good, bad in CONFIGURATION:
        for value, verdict in [*((value, True) for value in good), *((value, False) for value in bad)]:
            content = {**plain, group: {**plain.get(group, {}), key: value}}
            if group == "forge" and key == "kind" and value is None:
                content["forge"] |= {"owner": "o", "repo": "r", "url": "http://127.0.0.1:1"}
            winnowd.write_configuration(yaml.safe_dump(content, allow_unicode=True))
            _, _, said = winnowd.run_beside("--check-config")
            taken = f"{winnowd.file}:" not in said
            assert taken == verdict, f"the parser on {group}.{key}: {value!r}: {said}"
            assert schema.is_valid(content) == taken, f"the schema on {group}.{key}: {value!r}"


@pytest.mark.parametrize("change", [{"metrics": {}}, {"metrics": None}, {"forge": {"kind": "local"}}, {"spool": 5}, {"log": []},
                                    {"state": "a"}], ids=str)  # fmt: skip
def test_a_wrong_configuration_as_a_whole(winnowd, change):
    schema = validator("config/winnowd.schema.json")
    assert schema.is_valid(winnowd.config)
    winnowd.config |= change
    winnowd.write_configuration()
    status, _, said = winnowd.run_beside("--check-config")
    assert status == 78 and f"{winnowd.file}:" in said
    assert not schema.is_valid(winnowd.config)


def test_the_example_is_valid():
    schema = validator("config/winnowd.schema.json")
    schema.validate(yaml.safe_load((harness.ROOT / "config/winnowd.yaml").read_text(encoding="utf-8")))
