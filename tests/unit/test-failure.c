/* Promise: when tests fail, the line of their output is shown that a person would look for. */

#include "daemon/validation/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* In pieces of several sizes: where a read ends must not matter. */
static void assert_found(const char *output, const char *expected)
{
    static const size_t pieces[] = {1, 2, 3, 7, 64, SIZE_MAX};
    size_t length = strlen(output);

    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        CLEANUP_TEXT struct text text = {0};
        struct failure failure = {0};

        for (size_t at = 0; at < length;) {
            size_t piece = length - at < pieces[i] ? length - at : pieces[i];

            failure_read(&failure, output + at, piece);
            at += piece;
        }
        failure_end(&failure, &text, 200);
        assert_string_equal(text_string(&text), expected);
    }
}

static const char pytest_begin[] =
    "F.                                                                       [100%]\n"
    "=================================== FAILURES ===================================\n"
    "_________________________________ TestA.test_b _________________________________\n"
    "\n"
    "self = <test_a.TestA object at 0x7f13df2d3340>\n"
    "\n"
    "    def test_b(self):\n"
    ">       assert loss() == 4, \"the loss is not four\"\n"
    "E       AssertionError: the loss is not four\n"
    "E       assert 3 == 4\n"
    "E        +  where 3 = loss()\n"
    "\n"
    "test_a.py:7: AssertionError\n"
    "=========================== short test summary info ============================\n";

static void assert_pytest(const char *summary, const char *expected)
{
    CLEANUP_TEXT struct text output = {0};

    text_append_format(&output, "%s%s\n1 failed, 1 passed in 0.01s\n", pytest_begin, summary);
    assert_found(text_string(&output), expected);
}

static void test_pytest(void **state)
{
    assert_pytest("FAILED test_a.py::TestA::test_b - AssertionError: the loss is not four",
                  "FAILED test_a.py::TestA::test_b - AssertionError: the loss is not four");
    /* Cut to a terminal's width, to nothing even. */
    assert_pytest("FAILED test_a.py::TestA::test_b - AssertionError: the lo...",
                  "FAILED test_a.py::TestA::test_b: AssertionError: the loss is not four");
    assert_pytest("FAILED test_a.py::TestA::test_b",
                  "FAILED test_a.py::TestA::test_b: AssertionError: the loss is not four");
    /* Another test's reason is none. */
    assert_pytest("FAILED test_a.py::TestA::test_c - AssertionErr...",
                  "FAILED test_a.py::TestA::test_c - AssertionErr...");
    assert_pytest("\033[31mFAILED\033[0m test_a.py::TestA::\033[1mtest_b\033[0m - oh",
                  "FAILED test_a.py::TestA::test_b - oh");
    /* -rN */
    assert_pytest("", "AssertionError: the loss is not four");
}

static void test_pytest_that_cannot_collect(void **state)
{
    assert_found(
        "==================================== ERRORS ====================================\n"
        "______________________ ERROR collecting tests/test_a.py ______________________\n"
        "ImportError while importing test module '/x/tests/test_a.py'.\n"
        "Traceback:\n"
        "tests/test_a.py:1: in <module>\n"
        "    import nothing\n"
        "E   ModuleNotFoundError: No module named 'nothing'\n"
        "=========================== short test summary info ==========================\n"
        "ERROR tests/test_a.py\n"
        "!!!!!!!!!!!!!!!!!!!! Interrupted: 1 error during collection !!!!!!!!!!!!!!!!!!\n",
        "ERROR tests/test_a.py: ModuleNotFoundError: No module named 'nothing'");
    assert_found("ERROR: file or directory not found: tests\n\n\nno tests ran in 0.00s\n",
                 "ERROR: file or directory not found: tests");
}

static void test_unittest(void **state)
{
    assert_found("F.\n"
                 "======================================================================\n"
                 "FAIL: test_b (test_a.A.test_b)\n"
                 "What it is about.\n"
                 "----------------------------------------------------------------------\n"
                 "Traceback (most recent call last):\n"
                 "  File \"/x/test_a.py\", line 7, in test_b\n"
                 "    self.assertEqual(3, 4)\n"
                 "AssertionError: 3 != 4\n"
                 "\n"
                 "----------------------------------------------------------------------\n"
                 "Ran 2 tests in 0.001s\n"
                 "\n"
                 "FAILED (failures=1)\n",
                 "FAIL: test_b (test_a.A.test_b): AssertionError: 3 != 4");
    assert_found("FAILED (failures=1)\n", "FAILED (failures=1)");
}

static void test_tox(void **state)
{
    /* tox 3 says last, in red, what its command has said before. */
    assert_found(
        "unit run-test: commands[0] | python check.py\n"
        "Traceback (most recent call last):\n"
        "  File \"/x/check.py\", line 1, in <module>\n"
        "    import nothing\n"
        "ModuleNotFoundError: No module named 'nothing'\n"
        "ERROR: InvocationError for command python check.py (exited with code 1)\n"
        "___________________________________ summary ____________________________________\n"
        "ERROR:   unit: commands failed\n",
        "ModuleNotFoundError: No module named 'nothing'");
    assert_found("ERROR: InvocationError for command false (exited with code 1)\n"
                 "ERROR:   unit: commands failed\n",
                 "ERROR: InvocationError for command false (exited with code 1)");
    assert_found("ERROR: Could not find a version that satisfies the requirement nothing (from "
                 "versions: none)\n",
                 "ERROR: Could not find a version that satisfies the requirement nothing (from "
                 "versions: none)");
}

static void test_go(void **state)
{
    assert_found("--- FAIL: TestA (0.00s)\n"
                 "    --- FAIL: TestA/part (0.00s)\n"
                 "        a_test.go:7: got 3, want 4\n"
                 "--- FAIL: TestB (0.00s)\n"
                 "    a_test.go:9: later\n"
                 "FAIL\n"
                 "FAIL\texample.org/a\t0.002s\n",
                 "--- FAIL: TestA/part (0.00s): a_test.go:7: got 3, want 4");
    assert_found("FAIL\texample.org/a [build failed]\n", "FAIL example.org/a [build failed]");
}

static void test_cargo(void **state)
{
    assert_found(
        "test tests::works ... FAILED\n"
        "\n"
        "---- tests::works stdout ----\n"
        "thread 'tests::works' panicked at src/lib.rs:5:9:\n"
        "assertion `left == right` failed\n"
        "  left: 3\n"
        " right: 4\n"
        "error: test failed, to rerun pass `--lib`\n",
        "thread 'tests::works' panicked at src/lib.rs:5:9: assertion `left == right` failed");
    assert_found("thread 'tests::works' panicked at 'no', src/lib.rs:5:9\nnote: run with\n",
                 "thread 'tests::works' panicked at 'no', src/lib.rs:5:9");
    assert_found(
        "error[E0308]: mismatched types\n --> src/lib.rs:2:5\nerror: could not compile `a`\n",
        "error[E0308]: mismatched types");
}

static void test_compilers_and_make(void **state)
{
    assert_found("cc -c a.c\n"
                 "a.c:3:5: error: expected ';' before 'return'\n"
                 "make: *** [Makefile:2: a.o] Error 1\n",
                 "a.c:3:5: error: expected ';' before 'return'");
    assert_found("sh check\nmake: *** [Makefile:2: check] Error 1\n",
                 "make: *** [Makefile:2: check] Error 1");
    assert_found("make[1]: *** [Makefile:2: check] Error 1\nmake: *** [all] Error 2\n",
                 "make[1]: *** [Makefile:2: check] Error 1");
    assert_found("[ RUN      ] A.b\n[  FAILED  ] A.b (0 ms)\n[  FAILED  ] 1 test, listed below:\n",
                 "[ FAILED ] A.b (0 ms)");
}

static void test_nose2(void **state)
{
    assert_found("FAIL: test_a.test_f\n"
                 "----------------------------------------------------------------------\n"
                 "Traceback (most recent call last):\n"
                 "  File \"/x/test_a.py\", line 7, in test_f\n"
                 "    def test_f(): assert 1 == 2\n"
                 "                         ^^^^^^\n"
                 "AssertionError\n"
                 "Ran 4 tests in 0.000s\n\nFAILED (failures=2, skipped=1)\n",
                 "FAIL: test_a.test_f: AssertionError");
    assert_found("ERROR: train (unittest.loader._FailedTest.train)\n"
                 "Traceback (most recent call last):\n  File \"x\"\nImportError: no\n",
                 "ERROR: train (unittest.loader._FailedTest.train): ImportError: no");
}

static void test_tox_4(void **state)
{
    assert_found("unit: commands[0]> python check.py\n"
                 "unit: exit 1 (0.03 seconds) /x> python check.py pid=12\n"
                 "  unit: FAIL code 1 (0.40=setup[0.37]+cmd[0.03] seconds)\n"
                 "  evaluation failed :( (0.46 seconds)\n",
                 "unit: exit 1 (0.03 seconds) /x> python check.py pid=12");
    assert_found("unit: skipped because could not find python interpreter with spec(s): py34\n"
                 "  unit: SKIP (0.01 seconds)\n",
                 "unit: skipped because could not find python interpreter with spec(s): py34");
}

static void test_nox(void **state)
{
    assert_found("nox > Running session bad\n"
                 "nox > sh -c 'exit 3'\n"
                 "nox > Command sh -c 'exit 3' failed with exit code 3\n"
                 "nox > Session bad failed.\n",
                 "nox > Command sh -c 'exit 3' failed with exit code 3");
    assert_found("nox > Session err aborted: no good.\n", "nox > Session err aborted: no good.");
    assert_found("nox > Session a raised exception RuntimeError('x')\n"
                 "Traceback (most recent call last):\n  File \"x\"\nRuntimeError: x\n",
                 "nox > Session a raised exception RuntimeError('x')");
}

static void test_ctest(void **state)
{
    assert_found("1/2 Test #1: good .............................   Passed    0.01 sec\n"
                 "    Start 2: bad\n"
                 "2/2 Test #2: bad ..............................***Failed    0.01 sec\n"
                 "some words\n"
                 "50% tests passed, 1 tests failed out of 2\n"
                 "The following tests FAILED:\n\t  2 - bad (Failed)\n",
                 "2/2 Test #2: bad ...***Failed 0.01 sec");
    assert_found(
        "4/7 Test #4: crash ............................***Exception: SegFault  0.00 sec\n",
        "4/7 Test #4: crash ...***Exception: SegFault 0.00 sec");
    assert_found("6/7 Test #6: off ..............................***Not Run (Disabled)   0.00 sec\n"
                 "7/7 Test #7: slow .............................***Timeout   1.02 sec\n",
                 "7/7 Test #7: slow ...***Timeout 1.02 sec");
    /* Another runner below it knows the part that failed. */
    assert_found("2/2 Test #2: bad ..............................***Failed    0.01 sec\n"
                 "[  FAILED  ] A.b (0 ms)\n",
                 "[ FAILED ] A.b (0 ms)");
}

static void test_pre_commit(void **state)
{
    assert_found(
        "a good one...............................................................Passed\n"
        "a bad one................................................................Failed\n"
        "- hook id: bad\n- exit code: 1\n\na.py:1: E501\na.py:2: E501\n"
        "another..................................................................Failed\n",
        "a bad one...Failed: a.py:1: E501");
    assert_found(
        "modifies.................................................................Failed\n"
        "- hook id: mod\n- files were modified by this hook\n"
        "nothing to do........................................(no files to check)Skipped\n",
        "modifies...Failed: - files were modified by this hook");
    assert_found("silent...................................................................Failed\n"
                 "- hook id: s\n- duration: 0.1s\n- exit code: 1\n"
                 "other....................................................................Failed\n"
                 "- hook id: o\n- exit code: 1\n\nwords\n",
                 "silent...Failed");
}

static void test_go_compiler(void **state)
{
    assert_found(
        "# example.org/a [example.org/a.test]\n"
        "./a.go:2:23: cannot use \"x\" (untyped string constant) as int value\n"
        "FAIL\texample.org/a [build failed]\n",
        "# example.org/a [example.org/a.test]: ./a.go:2:23: cannot use \"x\" (untyped string "
        "constant) as int value");
}

static void test_scripts_of_all_kinds(void **state)
{
    assert_found("step 1\nFAIL: loss is 3.1, limit 2.0\n", "FAIL: loss is 3.1, limit 2.0");
    assert_found("2026-01-01 10:00:00 ERROR train: loss is nan\n",
                 "2026-01-01 10:00:00 ERROR train: loss is nan");
    assert_found("torch.cuda.OutOfMemoryError: CUDA out of memory\n",
                 "torch.cuda.OutOfMemoryError: CUDA out of memory");
    assert_found(
        "tests/test_a.py Fatal Python error: no\nFatal Python error: Segmentation fault\n\n"
        "Current thread 0x1 (most recent call first):\n  File \"a.py\", line 2 in f\n"
        "Segmentation fault (core dumped)\n",
        "Fatal Python error: Segmentation fault");
    assert_found("epoch 1\nKilled\n", "Killed");
    assert_found("run.sh: line 3:    12 Killed                  python train.py\n",
                 "run.sh: line 3: 12 Killed python train.py");
    assert_found("run.sh: line 3:    12 Aborted                 ./bench\nValueError: no\n",
                 "run.sh: line 3: 12 Aborted ./bench");
    assert_found("Bus error\n", "Bus error");
    assert_found("ok\n==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x1\n"
                 "    #0 0x1 in main a.c:3\n==12==ABORTING\n",
                 "==12==ERROR: AddressSanitizer: heap-use-after-free on address 0x1");
    assert_found("a.c:3:5: runtime error: signed integer overflow\nok\n",
                 "a.c:3:5: runtime error: signed integer overflow");
    assert_found("Killed 3 stale workers\nFAILED test_a.py::test_b\n", "FAILED test_a.py::test_b");
    assert_found("sh: line 1:    12 Segmentation fault      ./bench\n",
                 "sh: line 1: 12 Segmentation fault ./bench");
    assert_found("bench: line 3:  7 Aborted                 (core dumped) ./bench\n",
                 "bench: line 3: 7 Aborted (core dumped) ./bench");
    assert_found("/x/a.js:1\nx.f()\n  ^\n\nTypeError: x.f is not a function\n    at /x/a.js:1:3\n",
                 "TypeError: x.f is not a function");
    assert_found("ReferenceError: y is not defined\n", "ReferenceError: y is not defined");
    assert_found("SyntaxError: Unexpected token ')'\n", "SyntaxError: Unexpected token ')'");
    assert_found("sh: 1: nosuchprogram: not found\n", "sh: 1: nosuchprogram: not found");
    assert_found(
        "error in a log: x\n/bin/sh: 1: nosuch: not found\nmake: *** [Makefile:2: a] Error 127\n",
        "/bin/sh: 1: nosuch: not found");
    assert_found("./x.sh: 2: nosuch: not found\nmake: *** [Makefile:2: a] Error 3\n",
                 "./x.sh: 2: nosuch: not found");
    assert_found("rm: cannot remove 'd': Is a directory\nmake: *** [Makefile:6: c] Error 1\n",
                 "rm: cannot remove 'd': Is a directory");
    assert_found("cp: x: Permission denied\nFAILED test_a.py::test_a - assert 0\n",
                 "FAILED test_a.py::test_a - assert 0");
    assert_found("bash: line 1: nosuch: command not found\n",
                 "bash: line 1: nosuch: command not found");
    assert_found("1..3\nok 1 - a\nnot ok 2 - b # TODO later\nnot ok 3 - c\n", "not ok 3 - c");
    assert_found("FAIL src/b.test.js\n  \xe2\x97\x8f adds numbers\n", "\xe2\x97\x8f adds numbers");
    assert_found("a.ts(3,5): error TS2322: Type 'string'\n",
                 "a.ts(3,5): error TS2322: Type 'string'");
}

static void test_first_of_its_kind(void **state)
{
    assert_found("FAILED a.py::a - first\nFAILED a.py::b - second\n", "FAILED a.py::a - first");
    assert_found(
        "error: one\nerror: two\nTraceback (most recent call last):\n  File\nValueError: 3\n",
        "ValueError: 3");
    /* One behind the other: what began it all. */
    assert_found(
        "Traceback (most recent call last):\n  File\nKeyError: 'a'\n\nDuring handling of the above "
        "exception, another exception occurred:\n\nTraceback (most recent call last):\n  File\n"
        "ValueError: b\n",
        "KeyError: 'a'");
}

static void test_nothing_looks_like_it(void **state)
{
    assert_found("", "");
    assert_found("all is well\n3 passed\ntest_x.py::test_FAILED PASSED\nno errors: 0\n", "");
    assert_found("___\n____\n___ ___\n_______\n    \n\n", "");
}

static void test_foreign_text(void **state)
{
    assert_found("progress 1%\rprogress 2%\rFAILED a.py::a - b\r\n", "FAILED a.py::a - b");
    assert_found("error: \xff \xe2\x80\xae end", "error: \xef\xbf\xbd U+202E end");
    assert_found("error: \033[", "error:");
}

/* A line without an end costs no more than its beginning. */
static void test_long_lines(void **state)
{
    CLEANUP_TEXT struct text text = {0};
    struct failure failure = {0};
    char piece[4096];

    memset(piece, 'x', sizeof(piece));
    failure_read(&failure, "error: ", 7);
    for (int i = 0; i < 1000; i++)
        failure_read(&failure, piece, sizeof(piece));
    failure_read(&failure, "\nFAILED a.py::a\n", 16);
    failure_end(&failure, &text, 10);
    assert_string_equal(text_string(&text), "FAILED a.…");
}

static void test_of_start(void **state)
{
    static const struct {
        const char *output;
        bool of_start;
    } rows[] = {
        {"/usr/bin/python3: No module named nose2\n", true},
        {"python3: can't open file '/x/check.py': [Errno 2] No such file or directory\n", true},
        {"/usr/bin/sh: 0: cannot open check.sh: No such file\n", true},
        {"Can't open perl script \"check.pl\": No such file or directory\n", true},
        {"ruby: No such file or directory -- check.rb (LoadError)\n", true},
        {"Error: Cannot find module '/run/checkout/source/check.js'\n    at x\n", true},
        {"Error: Cannot find module './helper'\n", false},
        {"Could not open input file: check.php\n", true},
        {"Fatal error: cannot open file 'check.R': No such file or directory\n", true},
        {"ERROR: SystemError: opening file \"/x/check.jl\": No such file or directory\n", true},
        {"Traceback (most recent call last):\n  File \"a.py\", line 1\n"
         "ModuleNotFoundError: No module named 'torch'\n",
         false},
        {"cat: x: No such file or directory\n", false},
        {"error: ours\npython3: No module named nose2\n", false},
        {"ld.lld: error: cannot open crt1.o: No such file or directory\n", false},
        {"ERROR: ModuleNotFoundError: No module named 'torch'\n", false},
        {"", false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        CLEANUP_TEXT struct text text = {0};
        struct failure failure = {0};

        failure_read(&failure, rows[i].output, strlen(rows[i].output));
        failure_end(&failure, &text, 200);
        assert_int_equal(failure.not_there, rows[i].of_start);
    }
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_start),
        cmocka_unit_test(test_pytest),
        cmocka_unit_test(test_pytest_that_cannot_collect),
        cmocka_unit_test(test_unittest),
        cmocka_unit_test(test_tox),
        cmocka_unit_test(test_go),
        cmocka_unit_test(test_cargo),
        cmocka_unit_test(test_compilers_and_make),
        cmocka_unit_test(test_nose2),
        cmocka_unit_test(test_tox_4),
        cmocka_unit_test(test_nox),
        cmocka_unit_test(test_ctest),
        cmocka_unit_test(test_pre_commit),
        cmocka_unit_test(test_go_compiler),
        cmocka_unit_test(test_scripts_of_all_kinds),
        cmocka_unit_test(test_first_of_its_kind),
        cmocka_unit_test(test_nothing_looks_like_it),
        cmocka_unit_test(test_foreign_text),
        cmocka_unit_test(test_long_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
