"""Promise: the binary is built with the protections that the compiler and the linker have.

They are read from the binary itself.
"""

import json
import os
import re
import shutil
import subprocess

import harness
import pytest
from events import PATIENCE


def readelf(*options):
    done = subprocess.run(["readelf", "--wide", *options, harness.BINARY], capture_output=True, text=True,
                          env={**os.environ, "LC_ALL": "C"}, timeout=PATIENCE, check=True)  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def plain_binary(the_binary_is_there):
    if not shutil.which("readelf"):
        pytest.skip("readelf is not there")
    # Sanitizers bring checks of their own, and none of FORTIFY's.
    if "__asan_" in readelf("--syms"):
        pytest.skip("the binary is built with sanitizers")


def test_it_can_lie_anywhere():
    assert re.search(r"Type:\s+DYN", readelf("--file-header")), "no position-independent executable"
    assert "PIE" in readelf("--dynamic")


def test_relocations_are_done_before_it_runs():
    assert "GNU_RELRO" in readelf("--segments")
    dynamic = readelf("--dynamic")
    assert "BIND_NOW" in dynamic and re.search(r"FLAGS_1.*\bNOW\b", dynamic)
    assert "(JMPREL)" not in dynamic or ".got.plt" not in readelf("--sections"), "a writable table is left"


def test_no_data_is_run():
    (stack,) = [line for line in readelf("--segments").splitlines() if "GNU_STACK" in line]
    assert "RWE" not in stack and "RW" in stack
    for line in readelf("--segments").splitlines():
        if line.strip().startswith("LOAD"):
            assert "WE" not in line.replace(" ", ""), f"writable and executable: {line}"


def test_it_looks_for_libraries_where_the_system_has_them():
    assert not re.search(r"\((RPATH|RUNPATH)\)", readelf("--dynamic"))
    assert "TEXTREL" not in readelf("--dynamic")


def test_stacks_are_guarded():
    assert "__stack_chk_fail" in readelf("--syms", "--dyn-syms")


def test_sizes_are_checked():
    """FORTIFY: at least the calls whose bounds a compiler cannot see go through their checked twins."""
    symbols = set(re.findall(r"\b(__\w+_chk)\b", readelf("--dyn-syms"))) - {"__stack_chk_fail"}
    assert {"__snprintf_chk", "__vsnprintf_chk"} <= symbols, symbols


def test_fortification_is_of_the_third_level():
    """Level 3 alone knows sizes that are known only when it runs, as of memory that was just allocated."""
    commands = os.path.join(os.path.dirname(os.path.dirname(harness.BINARY)), "compile_commands.json")
    if not os.path.exists(commands):
        pytest.skip("the build directory of the binary is not there")
    with open(commands, encoding="utf-8") as file:
        text = file.read()
    ours = [row["command"] for row in json.loads(text)
            if re.match(r"(common/libcommon|config/libconfig|daemon/libdaemon|daemon/winnowd)\b", row["output"])]  # fmt: skip
    assert len(ours) > 50
    for line in ours:
        assert "-D_FORTIFY_SOURCE=3" in line and re.search(r" -O[123s] ", line), line


def test_jumps_land_where_they_may():
    """CET: each function that can be jumped to says so. The linker writes the note that switches it on, but
    only if the C library's own start files have it, too. Those of Debian 12 do not."""
    if os.uname().machine != "x86_64":
        pytest.skip("not for this processor")
    with open(harness.BINARY, "rb") as file:
        marks = file.read().count(b"\xf3\x0f\x1e\xfa")  # endbr64
    assert marks > 500, marks
    start = subprocess.run(["cc", "-print-file-name=Scrt1.o"], capture_output=True, text=True).stdout.strip() if shutil.which("cc") else ""
    if start and os.path.exists(start):
        theirs = subprocess.run(["readelf", "--wide", "--notes", start], capture_output=True, text=True).stdout
        if "SHSTK" in theirs:
            assert "IBT" in readelf("--notes") and "SHSTK" in readelf("--notes")
