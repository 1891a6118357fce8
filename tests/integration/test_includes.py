"""Promise: each part of the source includes only parts below it: common, then config, then daemon.

The tables in daemon/README.md say who may include whom. They are read here, and the code is checked against them.
Within a part, no two files need each other.
"""

import fnmatch
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "daemon/README.md").read_text(encoding="utf-8")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+("[^"]+"|<[^>]+>)', re.MULTILINE)
NO_CODE = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
NAME = re.compile(r"(?<!struct )(?<!enum )\b\w+")
MADE = re.compile(r"^(static )?[a-z][^;{}()=]*?\b(\w+)(?:\([^;{}]*\)\n\{|(?:\[[^]]*\])? = \{)", re.MULTILINE)


def table(title):
    """The first column of a table with what the second allows it."""
    rows = re.search(rf"^\| {title} \|.*\n\| --- .*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)[1]
    cells = [row.strip("|\n ").split(" | ") for row in rows.splitlines()]
    return {first.strip("`"): re.findall("`([^`]+)`", second) for first, second, *_ in cells}


MAY_INCLUDE = table("Directory")
SEEN_BY = table("Header")
FLOORS = table("Floor")
FLOOR_OF = {part: int(floor) for floor, parts in FLOORS.items() for part in parts}
PURE = re.findall("`([a-z/-]+)`", re.search(r"These are pure.*?\n\n", PAGE, re.DOTALL)[0].split(":", 1)[1])
IMPURE = re.compile(r'<uv\.h>|"daemon/(store|job|queue)[a-z/-]*\.h"')


def includes(root, layer):
    """(file, what it includes), as they are written."""
    for path in sorted((root / layer).rglob("*.[ch]")):
        for included in INCLUDE.findall(path.read_text(encoding="utf-8")):
            yield path.relative_to(root).as_posix(), included


def problems(root, layer):
    found = []
    for file, included in includes(root, layer):
        name = included.strip('"<>')
        if included.startswith("<"):
            continue
        if name.split("/")[0] not in MAY_INCLUDE[layer]:
            found.append(f"{file} includes {name}")
        elif not (root / name).exists():
            found.append(f"{file} includes {name}, which is not there")
    return found


def part_of(name):
    """A directory below the top, or a name in daemon/ with its .c, its .h and its directory."""
    layer, *below = name.split("/")
    return re.sub(r"\.[ch]$", "", below[0]) if layer == "daemon" else layer


def arrows(root):
    """(part, included part, file): who includes something of another part."""
    for layer in MAY_INCLUDE:
        for file, included in includes(root, layer):
            if not included.startswith("<") and not included.endswith('.def"'):
                part, other = part_of(file), part_of(included.strip('"'))
                if part != other:
                    yield part, other, file


def not_downward(root):
    """Includes of a part that is not on a lower floor. Every circle has one."""
    found = set()
    for part, other, file in arrows(root):
        for name in {part, other} - set(FLOOR_OF):
            found.add(f"{name} stands on no floor: add it to the table of daemon/README.md")
        if {part, other} <= set(FLOOR_OF) and FLOOR_OF[other] >= FLOOR_OF[part]:
            found.add(f"{file}: {part} (floor {FLOOR_OF[part]}) includes {other} (floor {FLOOR_OF[other]})")
    return sorted(found)


def intruders(root):
    found = []
    for layer in MAY_INCLUDE:
        for file, included in includes(root, layer):
            allowed = SEEN_BY.get(included.strip('"'))
            if allowed is not None and not any(fnmatch.fnmatch(file, pattern) for pattern in allowed):
                found.append(f"{file} includes {included}")
            part = re.sub(r"\.[ch]$", "", file.removeprefix("daemon/"))
            if any(part == name or part.startswith((f"{name}-", f"{name}/")) for name in PURE) and IMPURE.match(included):
                found.append(f"{file} includes {included}")
    return found


def needs(root):
    """Each file with those of its part that make a function or a table that it names."""
    words, makers = {}, {}
    for layer in MAY_INCLUDE:
        for path in sorted((root / layer).rglob("*.c")):
            file = path.relative_to(root).as_posix()
            code = NO_CODE.sub("", path.read_text(encoding="utf-8"))
            made = MADE.findall(code)
            words[file] = set(NAME.findall(code)) - {name for _, name in made}
            makers |= {(part_of(file), name): file for static, name in made if not static}
    return {file: {makers.get((part_of(file), name), file) for name in words[file]} - {file} for file in words}


def in_circles(below):
    """The files that need each other, be it by way of others."""
    found = []
    for file in below:
        seen, waiting = set(), [file]
        while waiting:
            more = below[waiting.pop()] - seen
            seen |= more
            waiting += more
        if file in seen:
            found.append(file)
    return found


def test_the_page_has_its_tables():
    assert set(MAY_INCLUDE) == {"common", "config", "daemon"}
    assert MAY_INCLUDE["common"] == ["common"] and len(SEEN_BY) > 5 and len(PURE) > 3
    for name in PURE:
        assert (ROOT / f"daemon/{name}.c").exists(), name


def test_no_two_files_of_a_part_need_each_other():
    below = needs(ROOT)
    assert sum(len(files) for files in below.values()) > 100
    assert in_circles(below) == []


@pytest.mark.parametrize("layer", MAY_INCLUDE)
def test_includes_point_one_way(layer):
    assert problems(ROOT, layer) == []


def test_every_part_includes_lower_floors_only():
    assert not_downward(ROOT) == []


def test_the_table_of_floors_names_each_part_once():
    named = [part for parts in FLOORS.values() for part in parts]
    assert len(named) == len(set(named)) > 20
    files = [path.relative_to(ROOT).as_posix() for layer in MAY_INCLUDE for path in (ROOT / layer).rglob("*.[ch]")]
    assert set(named) == {part_of(file) for file in files}


def test_nobody_sees_what_is_not_theirs():
    assert intruders(ROOT) == []


@pytest.mark.parametrize("header", SEEN_BY)
def test_what_the_page_names_is_so(header):
    """A header that is seen by nobody, or a pattern that stands for nobody, is a line to be mended."""
    seen = {file for layer in MAY_INCLUDE for file, included in includes(ROOT, layer) if included.strip('"') == header}
    for pattern in SEEN_BY[header]:
        assert fnmatch.filter(seen, pattern), f"{pattern} does not include {header}"


def test_an_include_upward_is_found(tmp_path):
    for layer in MAY_INCLUDE:
        (tmp_path / layer).mkdir()
    (tmp_path / "daemon/job.h").write_text("")
    (tmp_path / "common/a.c").write_text('#include "daemon/job.h"\n')
    (tmp_path / "config/b.c").write_text('  #  include "../daemon/job.h"\n#include "common/no.h"\n')
    assert problems(tmp_path, "common") == ["common/a.c includes daemon/job.h"]
    assert len(problems(tmp_path, "config")) == 2


@pytest.mark.parametrize(
    "included, told",
    [
        ("daemon/forge.h", ["daemon/git/git.h: git (floor 3) includes forge (floor 4)"]),
        ("daemon/gate.h", ["daemon/git/git.h: git (floor 3) includes gate (floor 3)"]),
        ("daemon/novel.h", ["novel stands on no floor: add it to the table of daemon/README.md"]),
        ("daemon/claim.h", []),
        ("daemon/git/hash.h", []),
    ],
    ids=["up", "sideways", "unknown", "down", "own"],
)
def test_an_arrow_up_and_a_circle_are_found(tmp_path, included, told):
    for directory in ["common", "config", "daemon/git", "daemon/forge"]:
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "daemon/forge/local.c").write_text('#include "daemon/git/lock.h"\n')
    (tmp_path / "daemon/git/git.h").write_text(f'#include "{included}"\n')
    assert not_downward(tmp_path) == told


@pytest.mark.parametrize(
    "code, told",
    [
        ("    spool_drain();\n", ["daemon/spool/move.c", "daemon/spool/watch.c"]),
        ("    later(spool_drain);\n", ["daemon/spool/move.c", "daemon/spool/watch.c"]),
        ('    say("spool_drain"); /* see spool_drain() */\n', []),
        ("    struct spool_drain drain;\n", []),
        ("}\n\nstatic void spool_drain(void)\n{\n", []),
    ],
    ids=["called", "handed on", "named", "a type", "its own"],
)
def test_a_circle_within_a_part_is_found(tmp_path, code, told):
    for directory in ["common", "config", "daemon/spool"]:
        (tmp_path / directory).mkdir(parents=True)
    (tmp_path / "daemon/spool/move.c").write_text(f"int spool_close(void)\n{{\n{code}}}\n")
    (tmp_path / "daemon/spool/watch.c").write_text("void\nspool_drain(void)\n{\n    spool_close();\n}\n")
    (tmp_path / "daemon/spool.c").write_text("void spool_look(void)\n{\n    spool_close();\n    spool_drain();\n}\n")
    assert in_circles(needs(tmp_path)) == told


def test_an_intruder_is_found(tmp_path):
    for layer in MAY_INCLUDE:
        (tmp_path / layer).mkdir()
    (tmp_path / "daemon/queue.c").write_text("#include <sqlite3.h>\n")
    (tmp_path / "daemon/gate.c").write_text("#include <uv.h>\n")
    for directory in ("store", "validation"):
        (tmp_path / "daemon" / directory).mkdir()
    (tmp_path / "daemon/validation/tox-report.c").write_text('#include "daemon/store/job.h"\n')
    (tmp_path / "daemon/store/job.c").write_text('#include "daemon/store/internal.h"\n')
    assert intruders(tmp_path) == [
        "daemon/gate.c includes <uv.h>",
        "daemon/queue.c includes <sqlite3.h>",
        'daemon/validation/tox-report.c includes "daemon/store/job.h"',
    ]


def test_the_steps_are_those_of_the_code():
    text = (ROOT / "daemon/steps.c").read_text(encoding="utf-8")
    promotion, refresh = text.split("refresh_rows[] = {")
    assert list(table("Step")) == re.findall(r'\{\.name = "(\w+)"', promotion)
    assert list(table("Step of a refresh")) == re.findall(r'\{\.name = "(\w+)"', refresh)


# How a header reads.

HEADERS = sorted(path for layer in MAY_INCLUDE for path in (ROOT / layer).rglob("*.h"))
DECLARED = re.compile(r"^(?!typedef|static|extern)([a-z][\w ]*[ *]+)(\w+)\(([^;{}]*)\)[^;{}()]*(?:\(.*\))?;(.*)$", re.MULTILINE)

# A sentence of an opening comment about all functions of its header.
SHARED = re.compile(r"[^.]*\b(?:functions?|of them)\b[^.]*\.")


def unsaid(text):
    """The functions of a header that do not say what they return or when they fail, or say nothing at all."""
    opening = SHARED.findall(re.match(r"#pragma once\n\n/\*.*?\*/|", text, re.DOTALL)[0])
    for declared in DECLARED.finditer(text):
        returned, name, takes, behind = declared.groups()
        fails = re.search(r"(?<!const )struct error \*", takes) and returned.strip() == "int"
        block = text[: declared.start()].rsplit("\n\n", 1)[-1] + behind
        word = "fail|returns -1" if fails else "return" if returned.strip() not in ("void", "struct operation *") else ""
        if "/*" not in block or not re.search(word, f"{opening} {block}", re.IGNORECASE):
            yield name


def test_each_function_says_what_it_returns_and_how_it_fails():
    found = {path.relative_to(ROOT).as_posix(): list(unsaid(path.read_text(encoding="utf-8"))) for path in HEADERS}
    assert len(found) > 100 and {header: names for header, names in found.items() if names} == {}


@pytest.mark.parametrize(
    "declared, found",
    [
        ("int f(void);", ["f"]),
        ("/* Counts. */\nint f(void);", ["f"]),
        ("/* Returns how many there are. */\nint f(void);\nint g(void);", []),
        ("/* Returns the first. */\nint f(void);\n\n/* The next one. */\nint g(void);", ["g"]),
        ("int f(void); /* returns how many there are */", []),
        ("/* Writes it. */\nint f(const char *path,\n      struct error *error);", ["f"]),
        ("/* Writes it. Fails if the disk does. */\nint f(struct error *error);", []),
        ("/* Sets an error. Returns -1. */\nint f(struct error *error);", []),
        ("/* Logs it. */\nvoid f(const struct error *error);", []),
        ("/* Asks. */\nstruct operation *f(void (*callback)(void *data), void *data);", []),
        ("void f(void);", ["f"]),
        ("/* Asks. */\nbool f(bool (*wants)(void *data));", ["f"]),
        ("/* Prints. */\nint f(const char *format, ...) __attribute__((format(printf, 1, 2)));", ["f"]),
    ],
)
def test_what_is_not_said_is_found(declared, found):
    assert list(unsaid(f"#pragma once\n\n/*\n * A part. A test fails without it.\n */\n\n{declared}\n")) == found
    assert list(unsaid(f"#pragma once\n\n/*\n * Its functions return a number, and fail as the disk does.\n */\n\n/* f */\n{declared}\n")) == []
