"""Promise: foreign text in a pull request stays text, whatever a renderer, a forge or git does with it.

The body is rendered, and then looked at as a forge does: outside of code, Gitea makes links of mentions,
references, hashes, addresses and emoji. Foreign text must leave none of these there.
"""

import html.parser
import json
import os
import pathlib
import re
import subprocess

import harness
import pytest

commonmark = pytest.importorskip("commonmark")

PRINTER = pathlib.Path(harness.BINARY).resolve().parent.parent / "tests/unit/print-description"
HASH = "0123456789abcdef0123456789abcdef01234567"

NASTY = [
    "@Timmy @everyone @org/team and mail@example.org, `@Timmy`",
    "closes #12, fixes !1, resolves owner/repo#1 owner/repo!3 and (#4) [#5] '#6' \"#7\" #8.",
    "Fixes: #1\nCloses #2\r\nreopens #3\rresolves #4",
    f"commit {HASH}, {HASH[:7]}, owner/repo@{HASH[:10]}",
    "http://evil.example https://evil.example/a#1 www.evil.example ftp://evil.example mailto:a@b.c",
    "<http://evil.example> <a@b.example> [link](http://evil.example) ![image](http://evil.example/x.png)",
    "[reference][1]\n\n[1]: http://evil.example\n\n[[wiki|link]] [^1]\n\n[^1]: a footnote",
    "<script>alert(1)</script><img src=x onerror=alert(1)><!-- hidden --><details>\n<b>bold",
    "--> <!-- winnowd {\"experiment_id\":\"forged\"} -->\n<!-- winnowd {",
    "# Heading\n## Another\n\nSetext\n===\n\n---\n***\n\n> quote\n* list\n1. list\n- [x] task",
    "| a | b |\n| --- | --- |\n| c | d |",
    "```\nclosed\n```\n~~~\n````` `` ` ``` `",
    "```mermaid\n%%{init: {'securityLevel': 'loose'}}%%\nclick a href \"javascript:alert(1)\"\n```",
    "**bold** __bold__ *em* _em_ ~~gone~~ $x$ $$x$$ \\(x\\) \\[x\\] :tada: :100: <br> &lt;b&gt; &#64;Timmy &amp;",
    "\\@Timmy \\#1 \\`code\\` \\\\ line\\\nnext  \nline",
    "\u202ebidi\u200b \u2066isolate\u2069 \ufeff soft\u00adhyphen \u2028line\u2029 \U000e0041tag \x1b[31mred\x1b[0m \x07",
    "    indented code\n\ttab\n\n\n\n   spaces   ",
    "`", "``", "` `", "``` x", "x ```", "\\", "|", "a|b|`|``|", "||||", "\\|", "-->", "--!>", "\n`\n`\n",
    "\n---\nExperiment-Id: forged\nMetric: forged\nSigned-off-by: Nobody <n@example.org>",
    "Co-authored-by: Nobody <n@example.org>\n\nResult-Sha256: forged",
    "%M measured %s %n %%",
    "\u00e9" * 3000, "x" * 9000, "`" * 9990, "|" * 9990, "@a " * 3000, "\u202e" * 9990, "\n".join("ab" * 1500),
]  # fmt: skip

# What Gitea (1.15 to 1.25) looks for in the text outside of code, in words of our own.
ALIVE = {
    "mention": r"(?:^|\W)@[\w-]",
    "reference": r"(?:^|\W)[#!][0-9]",
    "cross reference": r"[\w.-]+/[\w.-]+[#!@][0-9a-f]",
    "hash": r"(?:^|\W)[0-9a-f]{7,64}(?:\W|$)",
    "address": r"://|www\.|\w@\w",
    "wiki link": r"\[\[",
    "emoji": r":[\w+-]+:",
}
OURS = {"h2", "h3", "p", "blockquote", "code", "pre", "br", "hr", "ul", "li", "a", "details", "summary"}


class Page(html.parser.HTMLParser):
    """The tags of a page, its text in code, and the pieces of its text outside of code."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.links, self.code, self.text, self.comments, self.depth = [], [], [""], [], [], 0
        self.quoted, self.in_quote = "", 0  # the last quotation: a long one has a short one before it
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("href", "src")]
        if tag == "code":
            self.depth += 1
        if tag == "blockquote":
            self.in_quote += 1
            self.quoted = ""
        if tag == "br" and self.in_quote:
            self.quoted += "\n"

    def handle_endtag(self, tag):
        if tag == "code":
            self.depth -= 1
            self.code.append("")
        if tag == "blockquote":
            self.in_quote -= 1

    def handle_data(self, data):
        if self.in_quote:
            self.quoted += data
        if self.depth:
            self.code[-1] += data
        else:
            self.text.append(data)

    def handle_comment(self, data):
        self.comments.append(data)


def result(**more):
    return {"experiment_id": "exp-042", "hypothesis": "Wider", "metric": "val_bpb", "metric_after": 0.975524} | more


def documents(result, **more):
    assert os.access(PRINTER, os.X_OK), f"{PRINTER} is not there: build it, or set WINNOWD"
    given = {"result": result, "reference": 0.978784, "base": HASH, "commit": HASH, "digest": HASH} | more
    done = subprocess.run([PRINTER], input=json.dumps(given), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rendered(body):
    return Page(commonmark.commonmark(body))


def visible(text):
    """The letters that are meant to be seen: hidden ones as U+202E, blanks aside."""
    hidden = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]"
    return re.sub(r"\s", "", re.sub(hidden, lambda one: f"U+{ord(one[0]):04X}", text.replace("\r", "\n")))


def check_dead(page, links=()):
    assert set(page.tags) <= OURS, set(page.tags) - OURS
    assert page.links == list(links)
    for piece in page.text:
        for kind, pattern in ALIVE.items():
            assert not re.search(pattern, piece), f"{kind} in {piece!r}"


def check_readable(text):
    assert not re.search("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]", text)


@pytest.mark.representative
@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_the_hypothesis_shows_its_letters_and_does_nothing(nasty):
    hypothesis = "x " + nasty
    body = documents(result(hypothesis=hypothesis))["body"]
    page = rendered(body)
    check_dead(page)
    check_readable(body)
    shown, expected = re.sub(r"\s", "", page.quoted), visible(hypothesis)
    if len(shown) >= len(expected):
        assert shown == expected
    else:
        assert shown.endswith("\u2026") and expected.startswith(shown[:-1]) and len(body) > 3000
    assert len(page.comments) == 1 and len(body.encode()) <= 60000


@pytest.mark.representative
@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_everything_else_does_nothing_either(nasty):
    nasty = nasty.replace("\n", " ").replace("\r", " ")[:2000]
    hidden_from_git = nasty.replace("\0", "")
    given = result(title=nasty, details={nasty: nasty, "b": nasty}) | {"x" + nasty: [nasty]}
    made = documents(given, files=[[hidden_from_git, 1, 2], ["a/" + nasty, -1, -1]], command=nasty, host=nasty,
                     base_branch=nasty, frontier=[[nasty, 1.0]], contained=[[nasty, 0]], measured=nasty)  # fmt: skip
    page = rendered(made["body"])
    # This renderer knows no tables: a row's code is code all the same.
    check_dead(page)
    check_readable(made["body"])
    assert len(made["body"].encode()) <= 60000
    for row in re.findall(r"^\|.*$", made["body"], re.MULTILINE):
        assert row.count("|") in (3, 4), row
    facts = json.loads(page.comments[0].strip().removeprefix("winnowd "))
    if len(nasty) < 300:
        assert facts["details"] == {nasty: nasty, "b": nasty}


@pytest.mark.representative
@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_the_output_cannot_leave_its_block(nasty):
    output = f"first\n{nasty}\nlast"
    made = documents(result(), output=output)
    page = rendered(made["body"])
    check_dead(page)
    check_readable(made["body"])
    (block,) = [code for code in page.code if code.rstrip("\n").endswith("last")]
    if len(nasty) < 2000:
        plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
        assert re.sub(r"\s", "", block) == visible(plain)
        # Leading blanks stay, too; what is split has one more.
        if not re.search("loses #|[\r\u0080-\U0010ffff\x00-\x08\x0b-\x1f]", nasty):
            assert block == output + "\n"
    assert len(page.comments) == 1
    assert made["body"].count(made["marker"]) == 1
    assert len(re.findall(r"^<!-- winnowd", made["body"], re.MULTILINE)) == 1


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_the_title_is_one_dead_line(nasty):
    for given in ({"title": nasty}, {"hypothesis": "x " + nasty}):
        title = documents(result(**given))["title"]
        assert title.startswith("experiment: ") and len(title) <= 255
        assert "\n" not in title and "`" not in re.sub("`[0-9a-f]{7,64}`", "", title)
        check_readable(title)
        for kind, pattern in ALIVE.items():
            if kind in ("mention", "reference", "wiki link", "emoji"):
                assert not re.search(pattern, title), f"{kind} in {title!r}"
        assert "://" not in title


@pytest.mark.parametrize("nasty", NASTY, ids=range(len(NASTY)))
def test_the_commit_message_has_our_trailers_only(nasty):
    made = documents(result(hypothesis="x " + nasty, title=nasty), measured="%M")
    message = made["message"]
    done = subprocess.run(["git", "interpret-trailers", "--parse"], input=message, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "Experiment-Id: exp-042",
        "Metric: val_bpb 0.975524",
        "Measured-On: %M",
        f"Result-Sha256: {HASH}",
    ]
    subject, blank, *lines = message.split("\n")
    assert subject.startswith("experiment: ") and len(subject) <= 72 and blank == ""
    foreign = "\n".join(lines[: lines.index("Experiment-Id: exp-042")])
    assert all(line == "" or line.startswith("    ") for line in foreign.split("\n"))
    assert "%M" not in foreign + subject
    check_readable(message)
    for kind in ("mention", "reference", "wiki link", "emoji"):
        assert not re.search(ALIVE[kind], foreign), kind
        assert not re.search(ALIVE[kind], subject), kind
    assert not re.search(r"(?:^|\s)[0-9a-f]{7,64}(?:\s|$)", foreign)


# What Gitea takes for an order in a commit's message, in code or not.
CLOSING = re.compile(
    r"(?:\s|^|\(|\[)(?:close[sd]?|fix(?:es|ed)?|resolve[sd]?|reopen(?:s|ed)?):? "
    r"(?:(?:[\w.-]+/[\w.-]+)?[#!]|https?://\S+/(?:issues|pulls)/)[0-9]", re.IGNORECASE)  # fmt: skip
SKIP = re.compile(r"\[(?:skip ci|ci skip|no ci|skip actions|actions skip|ci-skip|skip_ci)\]", re.IGNORECASE)


def test_nothing_gives_orders_from_the_message_of_a_merge():
    """Gitea offers the whole body as the message of a squashed merge."""
    closing = ("x closes #12 y (Fixes: owner/repo!3 ) RESOLVED http://forge.example/git/o/r/issues/4 now reopens https://f/o/r/pulls/5 z "
              "[skip ci] [ci skip] [no ci] [Skip Actions] [actions skip] [CI-skip] [skip_ci] fixed o/r#6 end")  # fmt: skip
    assert len(CLOSING.findall(closing)) == 5 and len(SKIP.findall(closing)) == 7
    for hypothesis in (closing, closing.replace(" ", "\n", 1) * 40):
        made = documents(result(hypothesis=hypothesis, title=closing, details={closing: closing, "b": closing}) | {"x" + closing: [closing]},
                         files=[[closing, 1, 2]], command=closing, host=closing, base_branch=closing, output=f"{closing}\n{closing}")  # fmt: skip
        for text in (made["title"], made["body"], made["message"]):
            assert not CLOSING.search(text), CLOSING.search(text)
            assert not SKIP.search(text), SKIP.search(text)
        facts = json.loads(rendered(made["body"]).comments[0].strip().removeprefix("winnowd "))
        assert facts["details"]["b"] == closing and facts["command"].startswith(closing[:100])
    # What closes nothing stays as it is.
    harmless = "see #12, issue #3: close the gap; [x] [ski] prefixes #1 [circle 1]"
    assert f"> `{harmless}`\n" in documents(result(hypothesis=harmless))["body"]


def test_no_measured_commit_no_trailer():
    assert "Measured-On" not in documents(result())["message"]


def test_our_own_links_work():
    base = "http://forge.example/git/o/r"
    body = documents(result(), web_url=base, contained=[["exp-1", 12], ["exp-2", 0]])["body"]
    check_dead(rendered(body), [f"{base}/commit/{HASH}", f"{base}/commit/{HASH}", f"{base}/pulls/12"])


def test_links_lead_to_where_a_file_surely_is():
    base = "http://forge.example/git/o/r"
    older, newer = "a" * 40, "b" * 40
    body = documents(result(), web_url=base, base=older, commit=newer, files=[
        ["new file.py", 3, 0], ["gone.py", 0, 9], ["mode.sh", 0, 0], ["picture.png", -1, -1],
        ["ü>)](<x>.py", 1, 1], ["d/" + "é" * 250, 1, 1]])["body"]  # fmt: skip
    check_dead(rendered(body), [
        f"{base}/src/commit/{newer}/new%20file.py", f"{base}/src/commit/{older}/gone.py",
        f"{base}/src/commit/{newer}/%C3%BC%3E%29%5D%28%3Cx%3E.py", f"{base}/commit/{older}", f"{base}/commit/{newer}",
    ])  # fmt: skip


def test_the_measured_commit_is_left_to_the_forge():
    """It links a bare hash that it has, and no other."""
    measured = "e" * 40
    body = documents(result(), web_url="http://forge.example/o/r", measured=measured)["body"]
    assert f"- Measured commit: {measured}, " in body
    assert f"- Measured commit: `{measured}`, " in documents(result(), measured=measured)["body"]
    assert "- Measured commit: `@a`, " in documents(result(), web_url="http://f/o/r", measured="@a")["body"]


@pytest.mark.parametrize("part, short, long, summary", [
    ("result", {"hypothesis": "a\nb"}, {"hypothesis": "a\n" * 12}, "All of it: 24 characters"),
    ("result", {"hypothesis": "w " * 250}, {"hypothesis": "w " * 400}, "All of it: 800 characters"),
    ("result", {"details": {"a": 1}}, {"details": {str(i): i for i in range(9)}}, "What the experimenter noted"),
    ("output", "a\nb", "a\n" * 9, "The last lines of its output"),
    ("files", [["a", 1, 1]], [[f"{i}", 1, 1] for i in range(9)], "9 files"),
], ids=["lines", "letters", "details", "output", "files"])  # fmt: skip
def test_what_is_long_is_folded(part, short, long, summary):
    def folds(value):
        given = (result(**value),) if part == "result" else (result(),)
        body = documents(*given, **({} if part == "result" else {part: value}))["body"]
        page = rendered(body)
        assert page.tags.count("details") == page.tags.count("summary")
        check_dead(page)
        # Without the blank lines a renderer takes what is inside for HTML.
        assert body.count("<details>\n<summary>") == body.count("</summary>\n\n") == body.count("\n\n</details>\n")
        return re.findall("<summary>(.*)</summary>", body)

    assert folds(short) == []
    assert folds(long) == [summary]


def test_hash_and_numbers_stand_in_code():
    page = rendered(documents(result(metric_after=[1234567, 12345678]), reference=99999999)["body"])
    check_dead(page)
    assert "1234567" in page.code and "99999999" in page.code


def test_escape_sequences_of_terminals_are_dropped():
    output = "\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x1b\\link\x1b]8;;\x07 \x1b(B\x1b[?25lx\x1b"
    assert "red link x\n" in rendered(documents(result(), output=output)["body"]).code


def test_long_parts_are_shortened():
    files = [["directory/" + "é" * 200 + f"{i}.py", i, i] for i in range(500)]
    details = {f"detail {i}": "value " * 100 for i in range(200)}
    output = "\n".join("line %d of the output " % i + "`" * (i % 7) for i in range(5000))
    runs = [0.97 + i / 1e6 for i in range(3000)]
    frontier = [[f"experiment-{i}", 2 - i / 1000] for i in range(300)]
    body = documents(result(hypothesis="word " * 2000, metric_after=runs, details=details), files=files, output=output,
                     frontier=frontier, contained=[["e" * 100, 7]] * 1000)["body"]  # fmt: skip
    assert len(body.encode()) <= 60000
    assert "line 4999 of the output" in body and "line 1 of the output" not in body
    assert re.search(r"and \d+ more files", body) and re.search(r"and \d+ more details", body)
    assert "and 2980 more" in body and "line [1.749, 1.748, " in body
    check_dead(rendered(body))


def test_at_most_a_hundred_files():
    body = documents(result(), files=[[f"f{i}", 1, 0] for i in range(130)])["body"]
    assert "`f99`" in body and "`f100`" not in body and "and 30 more files" in body


def test_the_parts_in_order():
    made = documents(result(details={"seeds": 3}), output="100 passed", files=[["train.py", 1, 1]])
    words = ["Wider", "| Metric | `val_bpb`", "```mermaid", "`tox -e unit` passed in 12.3 s", "100 passed", "`train.py`",
             "`seeds`", HASH, made["marker"]]  # fmt: skip
    places = [made["body"].index(word) for word in words]
    assert places == sorted(places)
    assert made["body"].endswith("} -->\n")


def chart_of(body):
    return body.split("```mermaid\n")[1].split("```")[0]


def test_the_chart_names_points_only_where_there_is_room():
    few = chart_of(documents(result(), frontier=[["a", 2], ["b", 1]])["body"])
    assert 'x-axis ["a", "b", "exp-042"]' in few
    alike = chart_of(documents(result(), frontier=[["x" * 24 + "1", 2], ["x" * 24 + "2", 1]])["body"])
    assert 'x-axis "the last of 3 is exp-042" ["1", "2", "3"]' in alike
    many = chart_of(documents(result(), frontier=[[f"e{i}", 2 - i / 100] for i in range(70)])["body"])
    assert 'x-axis "the last of 50 is exp-042" 1 --> 50' in many
    first, level = re.findall(r"line \[(.*)\]", many)
    assert len(first.split(", ")) == 50 and first.endswith(", 0.975524")
    assert set(level.split(", ")) == {"0.975524"}


@pytest.mark.parametrize("value", [1e-12, 0, -3, 1e14, 1.5e-5, -2e-9])
def test_the_chart_has_numbers_that_mermaid_reads(value):
    body = documents(result(metric_after=value), frontier=[["a", value * 2 + 1]])["body"]
    chart = body.split("```mermaid\n")[1].split("```")[0]
    assert re.search(r"^    line \[(-?\d+(\.\d+)?, )*-?\d+(\.\d+)?\]$", chart, re.MULTILINE), chart
    assert re.search(r'^    y-axis " " -?\d+(\.\d+)? --> -?\d+(\.\d+)?$', chart, re.MULTILINE), chart
