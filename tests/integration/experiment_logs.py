"""Reads logs of experiments as rows. The demo and the tests drop these rows as result files."""

import json


def rows_of_log(path):
    """A log of experiments: (metric, direction or None, rows of (number or None, status, description))."""
    text = path.read_text(encoding="utf-8")
    return rows_of_jsonl(text) if path.suffix == ".jsonl" else rows_of_tsv(text)


def rows_of_tsv(text):
    lines = [line.rstrip("\r") for line in text.split("\n") if line.strip() and not line.startswith("#")]
    header = lines[0].split("\t")
    known = [name for name in header if name not in ("commit", "status", "description")]
    metric = next((name for name in known if name.startswith("val_")), known[0])
    rows = []
    for line in lines[1:]:
        row = dict(zip(header, line.split("\t")))
        rows.append((number(row.get(metric)), row.get("status") or "discard", row.get("description") or "(none)"))
    return metric, None, rows


def rows_of_jsonl(text):
    metric, direction, rows = "metric", None, []
    for line in text.splitlines():
        entry = json.loads(line)
        if entry.get("type") == "config":
            metric = entry["metricName"]
            direction = "maximize" if entry.get("bestDirection") == "higher" else "minimize"
        elif "run" in entry:
            words = (entry.get("asi") or {}).get("hypothesis") or entry.get("description") or "(none)"
            rows.append((number(entry.get("metric")), entry.get("status") or "discard", words))
    return metric, direction, rows


def number(word):
    try:
        value = float(word)
    except (TypeError, ValueError):
        return None
    return value if value - value == 0 else None
