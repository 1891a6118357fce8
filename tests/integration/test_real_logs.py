"""Promise: logs that real loops have written are read, and exactly the rows that beat the frontier can be promoted.

The test calculates the frontier by itself. It shares only the rules with the daemon, and no code.
"""

import json
import re

import pytest

CRASHED = {"crash", "crashed", "fail", "failed", "timeout", "oom", "killed", "invalid"}
DISCARDED = {"discard", "discarded", "reject", "rejected", "revert", "reverted", "rollback", "skip", "skipped", "noop", "not"}
KEPT = {"ok", "keep", "kept", "accept", "accepted", "approve", "approved", "improve", "improved", "best", "success",
        "succeeded", "finished", "complete", "completed", "done"}  # fmt: skip
ALONE = {"yes": "kept", "true": "kept", "1": "kept", "no": "discarded", "false": "discarded", "0": "discarded",
         "neutral": "discarded", "error": "crashed"}  # fmt: skip

# file: (metric, direction, columns of value, status and commit, further settings)
TABLES = {
    "trainrtx.tsv": ("val_bpb", "minimize", (1, 9, 0), {}),
    "zero_order.tsv": ("val_fid", "minimize", (1, 3, 0), {}),
    "miolini__autoresearch-macos__b8f5997.tsv": ("val_bpb", "minimize", (1, 3, 0), {}),
    "trevin-creator__autoresearch-mlx__f63575b.tsv": ("val_bpb", "minimize", (1, 3, 0), {}),
    "openai__parameter-golf__efa705e.tsv": ("val_bpb", "minimize", (1, 3, 0), {}),
    "openai__parameter-golf__895bb8a.tsv": ("val_bpb", "minimize", (2, 9, None), {}),
    "taikoxyz__taiko-mono__28df6cb.tsv": ("gas", "minimize", (2, 5, 1), {"metric": "gas"}),
    "Nunchi-trade__auto-researchtrading__632c6d8.tsv": ("val_bpb", "minimize", (1, 3, 0), {}),
    "golly-splorts__autoresearch-gollyx-js__3c02af6.tsv": ("generations_per_s", "maximize", (1, 2, 0), {}),
    "karpathy__autoresearch__d057dec.tsv": ("val_bpb", "minimize", (2, 4, 0), {"metric": "val_bpb"}),
    "RandyGaul__nudge__d77cc2f.tsv": ("ns", "minimize", (1, 2, None), {"metric": "ns"}),
}  # fmt: skip
WRITTEN_BADLY = {
    "NickFlach__kannaka-memory__3f46505.tsv": ("fitness", "line 7: expected text, found a NUL byte"),
    "danveloper__flash-moe__3601d41.tsv": ("tok_s", "line 1: expected a header, found data"),
}


def kind_of(status):
    words = [word for word in re.split("[^a-z0-9]+" if status.strip() in ("0", "1") else "[^a-z]+", status.lower()) if word]
    if len(words) == 1 and words[0] in ALONE:
        return ALONE[words[0]]
    for kind, known in (("crashed", CRASHED), ("discarded", DISCARDED), ("baseline", {"baseline"}), ("kept", KEPT)):
        if known & set(words):
            return kind
    return "unknown"


def number_of(cell):
    try:
        value = float(cell.rstrip("% "))
    except (AttributeError, ValueError):
        return None
    return value if value - value == 0 else None


def frontier(rows, direction, named):
    """Decisions of (line, value, status, commit), each but what is rejected for its form."""
    sign, best, decisions = 1 if direction == "minimize" else -1, None, {}
    for line, value, status, commit in rows:
        kind = kind_of(status)
        if kind in ("crashed", "discarded", "unknown"):
            decisions[line] = "discarded" if kind == "unknown" else kind
            continue
        if kind == "baseline":
            decisions[line], best = "baseline", value
        elif value is None:
            decisions[line] = "rejected"
        elif best is None:
            decisions[line], best = "baseline", value
        elif sign * value >= sign * best:
            decisions[line] = "discarded"
        elif not commit:
            decisions[line] = "rejected"
        elif any(other.startswith(commit) or commit.startswith(other) for other in named):
            decisions[line] = "discarded"
        else:
            decisions[line], best = "promoted", value
        if commit:
            named.append(commit)
    return decisions


def commit_of(cell):
    return cell.lower() if cell and re.fullmatch("[0-9a-fA-F]{7,64}", cell) else None


def rows_of_table(path, columns):
    value, status, commit = columns
    header = None
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        line = line.removesuffix("\r")
        cells = line.split("\t")
        if not line.strip() or line.startswith("#") or len(cells) < 2:
            continue
        if header is None or cells == header:
            header = header or cells
            continue
        if len(cells) > len(header) and kind_of(cells[status]) == "unknown":
            continue  # what stands behind the header's columns belongs to the last one, in a row that is one
        if len(cells) > max(value, status):
            yield number, number_of(cells[value]), cells[status], commit_of(cells[commit]) if commit is not None else None


def checked(winnowd, path):
    """What --check-result says: {line: decision}, and its status."""
    winnowd.write_configuration()
    status, text, said = winnowd.run("--check-result", str(path))
    found = re.findall(r"^\S+-(\d{4,}): (\w+)", text, re.MULTILINE)
    return status, {int(line): decision for line, decision in found}, text + said.text


@pytest.mark.parametrize("name", TABLES)
def test_the_rows_of_a_real_table(winnowd, real_logs, name):
    metric, direction, columns, settings = TABLES[name]
    winnowd.configure(metrics={metric: {"direction": direction}}, logs=[{"path": name, **settings}])
    status, decisions, text = checked(winnowd, real_logs / name)
    expected = frontier(rows_of_table(real_logs / name, columns), direction, [])
    assert status == 0, text
    different = {line: (decisions.get(line), wanted) for line, wanted in expected.items() if decisions.get(line) != wanted}
    assert not different, text
    assert set(decisions) - set(expected) == {line for line, decision in decisions.items() if line not in expected and decision == "rejected"}


@pytest.mark.parametrize("name", WRITTEN_BADLY)
def test_a_real_table_that_cannot_be_read(winnowd, real_logs, name):
    metric, reason = WRITTEN_BADLY[name]
    winnowd.configure(metrics={metric: {"direction": "maximize"}})
    status, decisions, text = checked(winnowd, real_logs / name)
    assert status == 65 and not decisions and reason in text


def segments_of(path):
    """(metric, direction, rows) of each segment of a log in JSON."""
    segment, said, found = None, None, []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        entry = json.loads(line) if line.startswith("{") else {}
        if "metric" in entry and isinstance(entry.get("status"), str):
            if segment is None:
                segment = (None, None, [])
                found.append(segment)
            value = entry["metric"]
            value = value if isinstance(value, (int, float)) and value - value == 0 else None
            segment[2].append((number, value, entry["status"], commit_of(entry.get("commit"))))
        elif entry.get("type") == "config":
            new = entry.get("name"), entry.get("metricName"), entry.get("bestDirection")
            if segment is None or new != said or segment[2]:
                segment, said = (new[1], "maximize" if new[2] == "higher" else "minimize", []), new
                found.append(segment)
    return found


@pytest.mark.parametrize("name", ["posthog.jsonl", "Shopify__liquid__bc60deb.jsonl", "Shopify__cli__efdc375.jsonl",
                                  "agentverus__agentverus-scanner__5b31042.jsonl", "egesabanci__sped__40fa1d8.jsonl"])  # fmt: skip
def test_the_runs_of_a_real_log_in_json(winnowd, real_logs, name):
    segments = segments_of(real_logs / name)
    directions = {metric or "score": direction or "maximize" for metric, direction, _ in segments}
    winnowd.config["metrics"] = {metric: {"direction": direction} for metric, direction in directions.items()}
    status, decisions, text = checked(winnowd, real_logs / name)
    expected, named = {}, []
    for metric, direction, rows in segments:
        if direction is None or direction == directions[metric]:
            expected |= frontier(rows, directions[metric or "score"], named)
        else:
            expected |= {line: "rejected" for line, *_ in rows}
    assert status == 0, text
    different = {line: (decisions.get(line), wanted) for line, wanted in expected.items() if decisions.get(line) != wanted}
    assert not different and set(decisions) == set(expected), text


@pytest.mark.parametrize("name", ["posthog.jsonl", "Shopify__liquid__bc60deb.jsonl", "Shopify__cli__efdc375.jsonl",
                                  "agentverus__agentverus-scanner__5b31042.jsonl"])  # fmt: skip
def test_a_real_log_in_json_says_itself_what_is_better(winnowd, real_logs, name):
    winnowd.config["metrics"] = {"*": {}}
    status, decisions, text = checked(winnowd, real_logs / name)
    expected, named = {}, []
    for metric, direction, rows in segments_of(real_logs / name):
        if metric is not None:
            expected |= frontier(rows, direction, named)
    assert status == 0 and expected, text
    assert {line: (decisions.get(line), wanted) for line, wanted in expected.items() if decisions.get(line) != wanted} == {}, text
    assert set(decisions) == set(expected)
