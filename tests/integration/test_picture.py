"""Promise: a reviewer can read a pull request on a phone.

Chromium draws it, with the chart library of the forge. The test needs `chromium` on the PATH, and
WINNOWD_NODE_MODULES: a directory with the npm packages mermaid and marked, made anywhere by
`npm install --ignore-scripts mermaid marked`. Without either it is skipped. WINNOWD_PICTURE names a file to which
the picture is written, such as tests/pull-request.png, which README.md shows.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from test_description import HASH, documents

MODULES = pathlib.Path(os.environ.get("WINNOWD_NODE_MODULES") or "/nonexistent")
MERMAID = MODULES / "mermaid/dist/mermaid.min.js"
MARKED = MODULES / "marked/lib/marked.umd.js"
CHROMIUM = shutil.which("chromium")
PAGE = pathlib.Path(__file__).with_name("picture.html")
PICTURE = PAGE.parent.parent / "pull-request.png"

browser = pytest.mark.skipif(
    not (CHROMIUM and MERMAID.exists() and MARKED.exists()),
    reason="chromium, or mermaid and marked below WINNOWD_NODE_MODULES, are not there",
)
WIDTH = 390

OUTPUT = """unit: commands[0]> python -m unittest -v
test_batch_is_a_power_of_two (test_train.Training.test_batch_is_a_power_of_two) ... ok
test_loss_is_positive (test_train.Training.test_loss_is_positive) ... ok

----------------------------------------------------------------------
Ran 2 tests in 0.004s

OK
  unit: OK (2.31=setup[2.10]+cmd[0.21] seconds)
  congratulations :) (2.36 seconds)"""


def experiment(points=49, name="exp-{:03}"):
    """A body such as a night of experiments ends in."""
    values, value = [], 1.0124
    for i in range(points):
        value -= [0.0004, 0.0011, 0.0002, 0.0007][i % 4] * (4 if i == 20 else 1)
        values.append([name.format(i + 1), round(value, 6)])
    return documents(
        {
            "experiment_id": name.format(points + 1), "metric": "val_bpb",
            "metric_after": [0.97, 0.9703, 0.9697], "title": "Warm up over 300 steps, halve the weight decay",
            "hypothesis": "The loss still jumps in the first hundred steps. A longer warmup should take that away, "
                          "and then less weight decay is enough.",
            "details": {"memory_gb": 5.5, "model": "depth 12", "seeds": 3},
        },
        reference=values[-1][1], frontier=values, output=OUTPUT, web_url="https://git.example.org/lab/model",
        files=[["train.py", 4, 3], ["model/schedule.py", 11, 2]], measured=HASH[::-1],
        contained=[[name.format(points), 41]],
    )  # fmt: skip


def chromium(tmp_path, url, *arguments):
    done = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
         f"--user-data-dir={tmp_path / 'profile'}", "--host-resolver-rules=MAP * ~NOTFOUND",
         "--allow-file-access-from-files", "--virtual-time-budget=10000", *arguments, url],
        capture_output=True, text=True, timeout=120, env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def page_of(tmp_path, given, theme):
    dark = theme == "dark"
    words = {
        "BACKGROUND": "#171e26" if dark else "#fff", "COLOUR": "#d1d5da" if dark else "#1f2328",
        "MARKED": MARKED.as_uri(), "MERMAID": MERMAID.as_uri(),
        "GIVEN": json.dumps({**given, "theme": theme}).replace("<", "\\u003c"),
    }  # fmt: skip
    text = re.sub("@([A-Z]+)@", lambda word: words.get(word[1], word[0]), PAGE.read_text(encoding="utf-8"))
    path = tmp_path / f"{theme}.html"
    path.write_text(text, encoding="utf-8")
    return path.as_uri()


def look(tmp_path, given, theme="neutral"):
    """What the page says of itself, once drawn."""
    page = page_of(tmp_path, given, theme)
    said = re.search(r'<script type="application/json" id="report">(.*?)</script>',
                     chromium(tmp_path, page, "--dump-dom"))  # fmt: skip
    assert said, "the page was not drawn to its end"
    return json.loads(said[1]), page


@browser
@pytest.mark.parametrize("theme", ["neutral", "dark"])
def test_a_phone_shows_it(tmp_path, theme):
    report, page = look(tmp_path, experiment(), theme)
    assert report["problem"] is None
    assert report["charts"] == 1 and report["lines"] == 2
    assert not report["wide"], "it is wider than a phone"
    assert not report["cut"], "letters reach out of the chart"
    assert not report["overlap"] and report["labels"] > 3, "names below the chart run into each other"
    picture = tmp_path / "picture.png"
    chromium(tmp_path, page, f"--screenshot={picture}", f"--window-size={WIDTH},{report['height']}",
             "--force-device-scale-factor=2")  # fmt: skip
    assert picture.read_bytes().startswith(b"\x89PNG")
    if os.environ.get("WINNOWD_PICTURE") and theme == "neutral":
        shutil.copy(picture, os.environ["WINNOWD_PICTURE"])


@browser
@pytest.mark.parametrize("points, name", [(0, "e{}"), (1, "e{}"), (4, "exp-{:03}"), (9, "a-rather-long-name-{}"),
                                          (19, "exp-{:03}"), (49, "x"), (49, "%%{{init}}%% \"];--> {}")],
                         ids=["none", "one", "few", "long", "twenty", "same", "hostile"])  # fmt: skip
def test_every_chart_can_be_drawn(tmp_path, points, name):
    given = experiment(max(points, 1), name if points > 5 and "%" not in name else "exp-{:03}")
    if points == 0 or "%" in name or name == "x":
        frontier = [[name.format(i), 2 - i / 100] for i in range(points)]
        given = documents({"experiment_id": "exp-042", "hypothesis": "x", "metric": name.format(0)[:50],
                           "metric_after": 0.97}, frontier=frontier)  # fmt: skip
    report, _ = look(tmp_path, given)
    assert report["problem"] is None and report["charts"] == 1
    assert report["lines"] == 2 and not report["overlap"] and not report["wide"]


@browser
def test_a_chart_that_cannot_be_drawn_is_noticed(tmp_path):
    given = experiment()
    broken = {**given, "body": given["body"].replace("    line [", "    line [low, ")}
    assert look(tmp_path, broken)[0]["problem"]


def test_the_picture_in_readme_is_one():
    header = PICTURE.read_bytes()[:24]
    assert header.startswith(b"\x89PNG") and int.from_bytes(header[16:20], "big") == 2 * WIDTH
