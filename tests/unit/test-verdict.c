/* Promise: green means tested: a run passes if it ended with 0 and tested something, as tox's report and the output say. */

#include "common/memory.h"
#include "common/text.h"
#include "daemon/validation/runner.h"
#include "daemon/validation/tox-report.h"
#include "daemon/validation/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof(*(rows)))
#define RULE        "----------------------------------------------------------------------\n"

static struct test_report read_output(const char *output, size_t piece)
{
    struct runner runner = {0};
    struct test_report report = {.ended_well = true};
    size_t length = strlen(output);

    for (size_t at = 0; at < length; at += piece)
        runner_read(&runner, output + at, length - at < piece ? length - at : piece);
    runner_end(&runner, &report);
    return report;
}

/* What go test -json says of a package, and a session of nox in which this is said. */
#define JSON(package, output)                                                                      \
    "{\"Time\":\"2026-11-28T06:41:13.8Z\",\"Action\":\"output\",\"Package\":\"" package            \
    "\",\"Output\":\"" output "\"}\n"
#define LISTED "sessions marked with * are selected, sessions marked with - are skipped.\n"
#define SESSION(name, said)                                                                        \
    "nox > Running session " name "\n" said "nox > Session " name " was successful.\n"

/* What runners print at their end, each in its own form, and what looks like it. */
static const struct {
    const char *output;
    const char *runner; /* "" where there is no summary */
    unsigned summaries;
    unsigned empty;
    uint64_t tests;
    uint64_t passed;
} outputs[] = {
    {"..\n" RULE "Ran 2 tests in 0.001s\n\nOK\n", "unittest", 1, 0, 2, 2},
    {"\n" RULE "Ran 0 tests in 0.000s\n\nOK\n", "unittest", 1, 1, 0, 0},
    {"\n" RULE "Ran 0 tests in 0.000s\n\nNO TESTS RAN\n", "unittest", 1, 1, 0, 0},
    {"ss\n" RULE "Ran 2 tests in 0.001s\n\nOK (skipped=2)\n", "unittest", 1, 1, 0, 0},
    {"s.\n" RULE "Ran 2 tests in 0.001s\n\nOK (skipped=1)\n", "unittest", 1, 0, 1, 1},
    {"x.\n" RULE "Ran 2 tests in 0.001s\n\nOK (expected failures=1)\n", "unittest", 1, 0, 2, 2},
    {"FE.\n" RULE "Ran 3 tests in 0.001s\n\nFAILED (failures=1, errors=1)\n", "unittest", 1, 0, 3,
     1},
    {"u.\n" RULE "Ran 2 tests in 0.001s\n\nFAILED (unexpected successes=1)\n", "unittest", 1, 0, 2,
     1},
    {"u.\n" RULE "Ran 2 tests in 0.001s\n\nOK (unexpected successes=1)\n", "unittest", 1, 0, 2,
     2}, /* nose2 */
    {"Ran 1 test in 0.000s\r\n\r\nOK\r\n", "unittest", 1, 0, 1, 1},
    {"Ran 3 tests in 0.1s\n\nOK\nRan 0 tests in 0.000s\n\nOK\n", "unittest", 2, 1, 3, 3},
    {"Ran 3 tests in 0.1s\nsomething else\n", "unittest", 1, 0, 3, 3},
    {"Ran 3 tests in 0.1s", "unittest", 1, 0, 3, 3},
    {"test_a (t.Ran 0 tests in 0.000s) ... ok\n", "", 0, 0, 0, 0},

    {"=========== 3 passed in 0.12s ===========\n", "pytest", 1, 0, 3, 3},
    {"\033[32m===== \033[32m\033[1m2 passed\033[0m, \033[33m1 skipped\033[0m\033[32m in "
     "0.01s\033[0m"
     "\033[32m =====\033[0m\n",
     "pytest", 1, 0, 2, 2},
    {"3 passed in 0.12s\n", "pytest", 1, 0, 3, 3},
    {"1 failed, 2 passed, 1 warning, 1 error in 61.20s (0:01:01)\n", "pytest", 1, 0, 4, 2},
    {"==== 1 xfailed, 1 xpassed in 1.00 seconds ====\n", "pytest", 1, 0, 2, 2},
    {"==== 2 passed, 1 snapshot updated in 1.00s ====\n", "pytest", 1, 0, 2, 2},
    {"1 flaky, 2 passed in 1.00s\n", "pytest", 1, 0, 2, 2},
    {"1 apple, 2 pears in 1.00s\n", "", 0, 0, 0, 0},
    {"5 miles in 10s\n", "", 0, 0, 0, 0},
    {"==== no tests ran in 0.01s ====\n", "pytest", 1, 1, 0, 0},
    {"no tests ran in 0.01s\n", "pytest", 1, 1, 0, 0},
    {"==== 5 deselected in 0.02s ====\n", "pytest", 1, 1, 0, 0},
    {"5 skipped, 2 warnings in 0.02s\n", "pytest", 1, 1, 0, 0},
    {"==== 3 tests collected in 0.02s ====\n", "pytest", 1, 1, 0, 0},
    {"1/3 tests collected (2 deselected) in 0.02s\n", "pytest", 1, 1, 0, 0},
    {"no tests collected (3 deselected) in 0.02s\n", "pytest", 1, 1, 0, 0},
    {"1 test collected in 0.02s\n", "pytest", 1, 1, 0, 0},
    {"test_a.py::test_no_tests_ran[no tests ran in 0.01s] PASSED\n", "", 0, 0, 0, 0},
    {"E   no tests ran in 0.01s\n", "", 0, 0, 0, 0},
    {"no tests ran in 0.01s, said nobody\n", "", 0, 0, 0, 0},
    {"progress 1\rprogress 2\r3 passed in 0.12s\n", "pytest", 1, 0, 3, 3},
    {"..\n", "", 0, 0, 0, 0},

    {"ok  \texample.org/a\t0.003s\n", "go test", 1, 0, 1, 1},
    {"ok  \texample.org/a\t(cached)\n", "go test", 1, 0, 1, 1},
    {"ok  \texample.org/a\t0.003s\tcoverage: 50.0% of statements\n", "go test", 1, 0, 1, 1},
    {"testing: warning: no tests to run\nPASS\nok  \texample.org/a\t0.003s [no tests to run]\n",
     "go test", 1, 1, 0, 0},
    {"?   \texample.org/a\t[no test files]\n", "go test", 1, 1, 0, 0},
    {"testing: warning: no tests to run\nPASS\nok  \texample.org/a\t0.003s\n", "go test", 1, 1, 0,
     0},
    {"testing: warning: no tests to run\nPASS\nok  \ta\t0.003s\nok  \tb\t0.003s\n", "go test", 2, 1,
     1, 1},
    {"=== RUN   TestA\n--- SKIP: TestA (0.00s)\nPASS\nok  \ta\t0.003s\n", "go test", 1, 1, 0, 0},
    {"--- SKIP: TestA (0.00s)\n--- PASS: TestB (0.00s)\nPASS\nok  \ta\t0.003s\n", "go test", 1, 0,
     1, 1},
    {"--- SKIP: TestA (0.00s)\n--- FAIL: TestB (0.00s)\nFAIL\nFAIL\ta\t0.003s\n", "go test", 1, 0,
     1, 0},
    {JSON("x/a\",\"Test\":\"TestA", "--- SKIP: TestA (0.00s)\\n")
         JSON("x/a", "ok  \\tx/a\\t0.006s\\n"),
     "go test", 1, 1, 0, 0},
    {"--- FAIL: TestB (0.00s)\nFAIL\nFAIL\texample.org/a\t0.003s\n", "go test", 1, 0, 1, 0},
    {"TestA\nExampleB\nok  \ta\t0.003s\n", "go test", 1, 1, 0, 0}, /* -list */
    {JSON("x/a", "TestA\\n") JSON("x/a", "FuzzB\\n") JSON("x/a", "ok  \\tx/a\\t0.006s\\n"),
     "go test", 1, 1, 0, 0},
    {"TestA\nExampleB\nok  \ta\t0.003s\nok  \tb\t0.003s\n", "go test", 2, 1, 1, 1},
    {"TestA\nok  \ta\t0.003s\n", "go test", 1, 0, 1,
     1}, /* `echo TestA; go test -run TestA ./...` */
    {"TestA\nTestB\nPASS\nok  \ta\t0.003s\n", "go test", 1, 0, 1, 1},
    {"ok  \twhatever\n", "", 0, 0, 0, 0},
    {JSON("x/a", "ok  \\tx/a\\t0.006s\\n") JSON(
         "x/b", "?   \\tx/b\\t[no test files]\\n") "{\"Time\":\"2026-11-28T06:41:13Z\",\"Action\":"
                                                   "\"pass\",\"Package\":\"x/a\"}\n",
     "go test", 2, 1, 1, 1},
    {JSON("x/a", "ok  \\tx/a\\t0.006s [no tests to run]\\n"), "go test", 1, 1, 0, 0},
    {JSON("x/a\",\"Test\":\"TestA", "ok  \\tx/a\\t0.006s\\n"), "", 0, 0, 0, 0},
    {JSON("x/a", "ok  \\tx/a\\t0.006s"), "", 0, 0, 0, 0},
    {"{\"Time\":\"ok  \\tx/a\\t0.006s\\n\n", "", 0, 0, 0, 0},

    {"test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in "
     "0.00s\n",
     "cargo test", 1, 0, 3, 3},
    {"test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in "
     "0.00s\n",
     "cargo test", 1, 0, 3, 1},
    {"test result: \033[32mok\033(B\033[m. 0 passed; 0 failed; 0 ignored; 0 measured; 4 filtered "
     "out\n",
     "cargo test", 1, 1, 0, 0},

    {"     Summary [   0.006s] 3 tests run: 3 passed (1 slow, 1 flaky), 2 skipped\n",
     "cargo nextest", 1, 0, 3, 3},
    {"     \033[32;1mSummary\033[0m [   0.120s] \033[1m2/5\033[0m tests run: \033[1m1\033[0m "
     "passed, "
     "\033[1m1\033[0m failed, \033[1m0\033[0m skipped\n",
     "cargo nextest", 1, 0, 2, 1},
    {"     Summary [   0.001s] 1 test run: 1 passed, 0 skipped\n", "cargo nextest", 1, 0, 1, 1},
    {"     Summary [   0.000s] 0 tests run: 0 passed, 3 skipped\n", "cargo nextest", 1, 1, 0, 0},
    {"     Summary [   0.006s] 3 tests run: 3 passed, 0 skipped\n"
     "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in "
     "0.00s\n",
     "cargo nextest", 2, 1, 3, 3},
    {"Summary [0.1s] 0 tests run: 0 passed, 3 skipped, I think\n", "", 0, 0, 0, 0},

    {"\nResults (0.23s):\n       1 passed\n       1 failed\n         - test_a.py:5 test_c\n"
     "       1 skipped\n",
     "pytest", 1, 0, 2, 1},
    {"\nResults (0.26s):\n       3 deselected\n", "pytest", 1, 1, 0, 0},
    {"\nResults (0.26s):\n       1 skipped\n       2 deselected\nmore\n       1 passed\n", "pytest",
     1, 1, 0, 0},
    {"Results (0.01s):\n", "pytest", 1, 1, 0, 0},
    {"Results (0.01s): fine\n       1 passed\n", "", 0, 0, 0, 0},

    {"100% tests passed, 0 tests failed out of 5\n", "ctest", 1, 0, 5, 5},
    {"Test project /x/build\n  Test #1: a\n\nTotal Tests: 1\n", "ctest", 1, 1, 0, 0}, /* -N */
    {"Test project /x/build\n1: Total Tests: 2\n100% tests passed, 0 tests failed out of 1\n"
     "Total Tests: 2\n",
     "ctest", 1, 0, 1, 1},
    {"Total Tests: 2\n", "", 0, 0, 0, 0},
    {"* tests\n\n" LISTED, "nox", 1, 1, 0, 0},
    {"* tests\n\n" LISTED SESSION("tests", "nox > true\n"), "", 0, 0, 0, 0},
    {"50% tests passed, 1 tests failed out of 2\n", "ctest", 1, 0, 2, 1},
    {"No tests were found!!!\n", "ctest", 1, 1, 0, 0},
    {"1/2 Test #1: a ................   Passed    0.01 sec\n"
     "2/2 Test #5: b ................***Skipped   0.02 sec\n\n"
     "100% tests passed, 0 tests failed out of 2\n",
     "ctest", 1, 0, 1, 1},
    {"1/1 Test #5: b ................***Skipped   0.02 sec\n\n"
     "100% tests passed, 0 tests failed out of 1\n",
     "ctest", 1, 1, 0, 0},
    {" 1/1 Test #6: b ................***Not Run (Disabled)   0.00 sec\n", "ctest", 1, 1, 0, 0},

    {SESSION("empty", "nox > uv binary not found.\n\n"), "nox", 1, 1, 0, 0},
    {SESSION("venv", "nox > Creating virtual environment (virtualenv) using python3 in .nox/venv\n"
                     "nox > python -m pip install six\n"),
     "nox", 1, 1, 0, 0},
    {SESSION("later", "nox > Skipping true run, as --install-only is set.\n"), "nox", 1, 1, 0, 0},
    {SESSION("full", "nox > true \n"), "", 0, 0, 0, 0},
    {SESSION("quiet", "out\n"), "", 0, 0, 0, 0},
    {SESSION("empty", "") SESSION("full", "nox > true \n"), "", 0, 0, 0, 0},
    {SESSION("full", "nox > true \n") SESSION("empty", ""), "", 0, 0, 0, 0},
    {SESSION("full", "nox > pytest\n3 passed in 0.12s\n"), "pytest", 1, 0, 3, 3},
    {"nox > Session tests skipped: Python interpreter 3.6 not found.\n", "nox", 1, 1, 0, 0},
    {"nox > Session a skipped: x.\nnox > Session b was successful in 2 seconds.\n", "", 0, 0, 0, 0},
    {"Ran 0 tests in 0.000s\n\nOK\nnox > Session b was successful.\n", "unittest", 1, 1, 0, 0},

    {"check yaml...........................................(no files to check)Skipped\n"
     "check json...........................................(no files to check)Skipped\n",
     "pre-commit", 1, 1, 0, 0},
    {"check yaml...........................................(no files to check)Skipped\n"
     "trim trailing whitespace.................................................Passed\n",
     "pre-commit", 1, 0, 1, 1},
    {"a..............Failed\n- hook id: a\n- exit code: 1\nb..............Passed\n", "pre-commit",
     1, 0, 2, 1},
    {"a..............Failed\n- hook id: a\nb..............Passed\n" /* pre-commit run || pre-commit run */
     "a..............Passed\nb..............Passed\n",
     "pre-commit", 1, 0, 4, 4},
    {"a..............Passed\nb..............Failed\n- hook id: b\n"
     "a..............Passed\nb..............Failed\n- hook id: b\n",
     "pre-commit", 1, 0, 4, 3},

    {"make: Nothing to be done for 'test'.\n", "make", 1, 1, 0, 0},
    {"make: 'test' is up to date.\n", "make", 1, 1, 0, 0},
    {"make[1]: Nothing to be done for 'all'.\n", "", 0, 0, 0, 0},
    {"make: Nothing to be done for 'all'.\n3 passed in 0.12s\n", "pytest", 1, 0, 3, 3},
    {"make: Nothing to be done for 'all'.\n./check\nall is well\n", "", 0, 0, 0, 0},
    {"cc a.c\nmake: Nothing to be done for 'all'.\nmake: Leaving directory '/x'\n", "make", 1, 1, 0,
     0},
    {"make: Nothing to be done for 'check'.\ndone\n", "make", 1, 1, 0, 0},
    {"make: 'a' is up to date.\nmake: 'tests' is up to date.\ndone\n", "make", 1, 1, 0, 0},
    {"run-last-failure: rerun previous 1 failure\n1 passed in 0.1s\n", "pytest", 1, 0, 1, 1},
    {"1 failed, 3 passed in 0.1s\nrun-last-failure: rerun previous 1 failure\n1 passed in 0.1s\n",
     "pytest", 2, 0, 4, 4},
    {"1 failed, 3 passed in 0.1s\nrun-last-failure: rerun previous 1 failure first\n"
     "4 passed in 0.1s\n",
     "pytest", 2, 0, 7, 7},
    {"2 failed in 0.1s\nrun-last-failure: rerun previous 2 failures\n1 failed, 1 passed in 0.1s\n",
     "pytest", 2, 0, 3, 1},
    {"1 failed, 3 passed in 0.1s\n1 passed in 0.1s\n", "pytest", 2, 0, 5, 4},
};

static void test_outputs(void **state)
{
    for (size_t i = 0; i < COUNT(outputs); i++) {
        const char *output = outputs[i].output;
        struct test_report whole = read_output(output, strlen(output));
        struct test_report pieces = read_output(output, 1);

        if (strcmp(whole.runner, outputs[i].runner) != 0 ||
            whole.summaries != outputs[i].summaries || whole.empty != outputs[i].empty ||
            whole.tests != outputs[i].tests || whole.passed != outputs[i].passed)
            fail_msg("%s: %s, %u summaries, %u empty, %u tests, %u passed", output, whole.runner,
                     whole.summaries, whole.empty, (unsigned)whole.tests, (unsigned)whole.passed);
        assert_memory_equal(&whole, &pieces, sizeof(whole));
    }
}

static void test_what_was_said(void **state)
{
    assert_string_equal(read_output("==== no tests ran in 0.01s ====\n", 5).said,
                        "no tests ran in 0.01s");
    assert_string_equal(read_output("Ran 0 tests in 0.000s\n\nOK\n", 5).said, "Ran 0 tests");
    assert_string_equal(read_output("Ran 2 tests in 0.000s\n\nOK (skipped=2)\n", 5).said,
                        "OK (skipped=2)");
    assert_string_equal(read_output("make: '\xff\xe2\x80\xae' is up to date.\n", 5).said,
                        "'\xef\xbf\xbdU+202E' is up to date.");
    assert_string_equal(read_output("?   \ta\t[no test files]\n", 5).said, "[no test files]");
}

/* A line may be as long as it wants. */
static void test_long_line(void **state)
{
    struct text text = {0};

    for (int i = 0; i < 5000; i++)
        text_append(&text, "=");
    text_append(&text, " 3 passed in 0.01s\n3 passed in 0.01s\n");
    assert_int_equal(read_output(text_string(&text), 7).summaries, 1);
    text_free(&text);
}

static void test_expect(void **state)
{
    static const struct {
        const char *output;
        bool matched;
    } rows[] = {
        {"a\nchecked 12 files\nb\n", true},
        {"checked 12 files", true},
        {"\033[1mchecked \033[32m12\033[0m files\033[0m\n", true},
        {"checked no files\n", false},
        {"not checked 12 files\n", false},
        {"", false},
    };
    regex_t expect;

    assert_int_equal(regcomp(&expect, "^checked [0-9]+ files$", REG_EXTENDED | REG_NOSUB), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct runner runner = {.expect = &expect};
        struct test_report report = {.ended_well = true};
        char reason[300];

        runner_read(&runner, rows[i].output, strlen(rows[i].output));
        runner_end(&runner, &report);
        assert_true(report.expects);
        assert_int_equal(report.matched, rows[i].matched);
        assert_int_equal(verdict_of(&report, NULL, reason, sizeof(reason)),
                         rows[i].matched ? VERDICT_GREEN : VERDICT_UNTESTED);
    }
    regfree(&expect);
}

/* The end of tox 3.28 on output that is no UTF-8, and tracebacks of the tests. */
static void test_tox_broke(void **state)
{
    static const char tox[] =
        "Traceback (most recent call last):\n"
        "  File \"/usr/bin/tox\", line 33, in <module>\n    sys.exit(cmdline())\n"
        "  File \"/usr/lib/python3/dist-packages/tox/session/__init__.py\", line 44, in cmdline\n"
        "    main(args)\n"
        "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position 0\n";
    static const char tests[] = "Traceback (most recent call last):\n"
                                "  File \"/srv/x/test_a.py\", line 3, in <module>\nValueError: x\n";
    struct runner runner = {0};
    struct test_report report = {0};

    runner_read(&runner, tests, strlen(tests));
    runner_end(&runner, &report);
    assert_false(runner_tox_broke(&runner));
    runner_read(&runner, tox, strlen(tox));
    runner_end(&runner, &report);
    assert_true(runner_tox_broke(&runner));
    runner_read(&runner, "ERROR: unit failed\n", 19);
    assert_false(runner_tox_broke(&runner));
}

/* ---- tox's report ----------------------------------------------------------------------------- */

#define TOX3(environments)                                                                         \
    "{\"reportversion\":\"1\",\"toxversion\":\"3.28.0\",\"testenvs\":{" environments "}}"
#define TEST(codes) "\"test\":[" codes "]"
#define RET(code)   "{\"command\":[\"a\"],\"output\":\"\",\"retcode\":" code "}"
#define RESULT(success, skipped)                                                                   \
    "\"result\":{\"success\":" success ",\"exit_code\":0,\"duration\":1.5,\"skipped\":" skipped "}"

static const struct {
    const char *json;
    enum report_source tox;
    unsigned environments, skipped, failed, commands, succeeded;
    enum verdict verdict; /* with exit status 0 and no base */
} reports[] = {
    /* tox 3: passed; no commands; a platform that is another; `- command` beside one that passed, and alone */
    {TOX3("\"unit\":{\"setup\":[" RET("0") "]," TEST(RET("0")) "}"), REPORT_READ, 1, 0, 0, 1, 1,
     VERDICT_GREEN},
    {TOX3("\"unit\":{\"setup\":[" RET("0") "]," TEST("") "}"), REPORT_READ, 1, 0, 0, 0, 0,
     VERDICT_UNTESTED},
    {TOX3("\"unit\":{}"), REPORT_READ, 1, 0, 0, 0, 0, VERDICT_UNTESTED},
    {TOX3(""), REPORT_READ, 0, 0, 0, 0, 0, VERDICT_UNTESTED},
    {TOX3("\"unit\":{" TEST(RET("0") "," RET("1")) "}"), REPORT_READ, 1, 0, 0, 2, 1, VERDICT_GREEN},
    {TOX3("\"unit\":{" TEST(RET("1")) "}"), REPORT_READ, 1, 0, 0, 1, 0, VERDICT_UNTESTED},
    /* tox 4: passed; skipped; ignore_outcome; no commands; packaging beside it */
    {TOX3("\"unit\":{" RESULT("true", "false") "," TEST(RET("0")) "}"), REPORT_READ, 1, 0, 0, 1, 1,
     VERDICT_GREEN},
    {TOX3("\"unit\":{" RESULT("true", "true") "}"), REPORT_READ, 1, 1, 0, 0, 0, VERDICT_UNTESTED},
    {TOX3("\"unit\":{" RESULT("false", "false") "," TEST(RET("1")) "}"), REPORT_READ, 1, 0, 1, 1, 0,
     VERDICT_RED},
    {TOX3("\"unit\":{" RESULT("true", "false") "}"), REPORT_READ, 1, 0, 0, 0, 0, VERDICT_UNTESTED},
    {TOX3("\".pkg\":{" RESULT("true", "false") "," TEST(
         RET("0")) "},"
                   "\".tox\":{" TEST(RET("0")) "},\"unit\":{" RESULT("true", "false") "}"),
     REPORT_READ, 1, 0, 0, 0, 0, VERDICT_UNTESTED},
    /* what tests may have written */
    {"", REPORT_UNUSABLE, 0, 0, 0, 0, 0, VERDICT_GREEN},
    {"{\"testenvs\": {\"unit\": {\"te", REPORT_UNUSABLE, 0, 0, 0, 0, 0, VERDICT_GREEN},
    {"[]", REPORT_UNUSABLE, 0, 0, 0, 0, 0, VERDICT_GREEN},
    {"{\"testenvs\": []}", REPORT_UNUSABLE, 0, 0, 0, 0, 0, VERDICT_GREEN},
    {TOX3("\"unit\":[],\"b\":{\"test\":{},\"result\":1},\"c\":{\"test\":[null,1,{},{\"retcode\":"
          "null}]}"),
     REPORT_READ, 2, 0, 0, 0, 0, VERDICT_UNTESTED},
    {TOX3("\"unit\":{" TEST(RET("\"0\"") "," RET("\"x\"") "," RET("4294967296") "," RET("-1")) "}"),
     REPORT_READ, 1, 0, 0, 4, 1, VERDICT_GREEN},
};

static void test_reports(void **state)
{
    for (size_t i = 0; i < COUNT(reports); i++) {
        struct test_report report = {.ended_well = true};
        char reason[300];

        tox_report_read(&report, reports[i].json, strlen(reports[i].json));
        if (report.tox != reports[i].tox || report.environments != reports[i].environments ||
            report.skipped != reports[i].skipped || report.failed != reports[i].failed ||
            report.commands != reports[i].commands || report.succeeded != reports[i].succeeded)
            fail_msg("%s: %d, %u environments, %u skipped, %u failed, %u commands, %u succeeded",
                     reports[i].json, report.tox, report.environments, report.skipped,
                     report.failed, report.commands, report.succeeded);
        if (verdict_of(&report, NULL, reason, sizeof(reason)) != reports[i].verdict)
            fail_msg("%s: %s", reports[i].json, reason);
        report.ended_well = false;
        assert_int_equal(verdict_of(&report, NULL, reason, sizeof(reason)), VERDICT_RED);
    }
}

/* What commands printed stands in the report: all of it is passed over, in pieces of every size. */
static void test_output_in_reports(void **state)
{
    static const char *const printed[] = {
        "\\u0000", "\\udcff", "\\\\", "\\\"", "a\\\"}]}}", "\xc3\xa4", "\\\\\\\"[",
    };

    for (size_t i = 0; i < COUNT(printed); i++) {
        for (size_t times = 1; times < 1000000; times *= 99) {
            CLEANUP_TEXT struct text json = {0};
            struct tox_report_reader reader = {0};
            struct test_report report = {0};
            size_t piece = times < 1000 ? 1 : 65536;

            text_append(&json, "{\"testenvs\":{\"unit\":{\"test\":[{\"output\":\"");
            for (size_t j = 0; j < times; j++)
                text_append(&json, printed[i]);
            text_append(&json, "\",\"retcode\":0}]}}}");
            for (size_t at = 0; at < json.length; at += piece)
                tox_report_take(&reader, text_string(&json) + at,
                                json.length - at < piece ? json.length - at : piece);
            assert_true(reader.kept.length < 500);
            tox_report_end(&reader, &report);
            tox_report_clear(&reader);
            assert_int_equal(report.tox, REPORT_READ);
            assert_int_equal(report.succeeded, 1);
            tox_report_read(&report, text_string(&json), json.length - 30); /* cut off */
            assert_int_equal(report.tox, REPORT_UNUSABLE);
        }
    }
}

/* All are counted, some kept. */
static void test_many_commands(void **state)
{
    struct text text = {0};
    struct test_report report = {0};

    text_append(&text, "{\"testenvs\":{\"unit\":{\"test\":[");
    for (int i = 0; i < 1000; i++)
        text_append_format(&text, "%s{\"retcode\":0}", i ? "," : "");
    text_append(&text, "]}}}");
    tox_report_read(&report, text_string(&text), text.length);
    assert_int_equal(report.commands, 1000);
    assert_int_equal(report.kept_count, REPORT_COMMANDS_MAX);
    text_free(&text);
}

/* ---- compared with the base ------------------------------------------------------------------- */

static struct test_report tox_run(int first, int second)
{
    struct test_report report = {.ended_well = true, .tox = REPORT_READ};
    CLEANUP_FREE char *json = memory_format("{\"testenvs\":{\"unit\":{\"test\":[{\"retcode\":%d},"
                                            "{\"retcode\":%d}]}}}",
                                            first, second);

    tox_report_read(&report, json, strlen(json));
    return report;
}

static void test_against_base(void **state)
{
    struct test_report good = tox_run(0, 0), half = tox_run(0, 1), other = tox_run(1, 0);
    struct test_report few = read_output("3 passed in 0.1s\n", 1);
    struct test_report many = read_output("5 passed in 0.1s\n", 1);
    struct test_report silent = read_output("...\n", 1);
    struct test_report red = read_output("1 failed, 3 passed in 0.1s\n", 1);
    struct test_report missing = {.ended_well = true, .tox = REPORT_MISSING};
    struct test_count counts[3];
    struct test_report aside = {.ended_well = true, .tox = REPORT_SET_ASIDE};
    const struct {
        const struct test_report *run;
        const struct test_report *base;
        enum verdict verdict;
        const char *reason;
    } rows[] = {
        {&good, &good, VERDICT_GREEN, ""},
        {&half, &half, VERDICT_GREEN, ""}, /* `- command` fails on the base, too */
        {&good, &half, VERDICT_GREEN, ""},
        {&half, &good, VERDICT_RED, "command 2 of environment unit passed on the base"},
        {&other, &half, VERDICT_RED, "command 1 of environment unit"},
        {&missing, &good, VERDICT_UNTESTED, "no report"},
        {&aside, &good, VERDICT_GREEN, ""},
        {&few, &many, VERDICT_GREEN, ""},
        {&silent, &many, VERDICT_UNTESTED, "on the base 5 did (pytest)"},
        {&silent, &silent, VERDICT_GREEN, ""},
        {&few, &silent, VERDICT_GREEN, ""},
        {&red, &few, VERDICT_RED, "1 of 4 tests failed (pytest)"}, /* `pytest || true` */
        {&red, &red, VERDICT_GREEN, ""},
        {&red, &silent, VERDICT_GREEN, ""},
        {&red, NULL, VERDICT_GREEN, ""},
    };

    for (size_t i = 0; i < COUNT(rows); i++) {
        char reason[300];
        enum verdict verdict = verdict_of(rows[i].run, rows[i].base, reason, sizeof(reason));

        if (verdict != rows[i].verdict || !strstr(reason, rows[i].reason))
            fail_msg("row %zu: %d, %s", i, verdict, reason);
    }
    counts[0] = test_count_of(&few);
    counts[1] = test_count_of(&many);
    counts[2] = test_count_of(&silent);
    assert_true(test_count_fewer(&counts[0], &counts[1]));
    assert_false(test_count_fewer(&counts[1], &counts[0]));
    assert_false(test_count_fewer(&counts[2], &counts[1]));
    assert_false(test_count_fewer(&counts[0], &counts[2]));
}

/* ---- commands --------------------------------------------------------------------------------- */

#define WORDS(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})

static void test_commands(void **state)
{
    assert_int_equal(tox_report_place(WORDS("tox", "-e", "unit")), 0);
    assert_int_equal(tox_report_place(WORDS("/opt/x/bin/tox", "run")), 0);
    assert_int_equal(tox_report_place(WORDS("python3", "-m", "tox")), 2);
    assert_int_equal(tox_report_place(WORDS("uv", "run", "tox", "-e", "tox")), 2);
    assert_int_equal(tox_report_place(WORDS("pytest", "tests/toxic")), -1);
    assert_int_equal(tox_report_place(WORDS("sh", "-c", "tox -e unit")), -1);
    /* A target, a script, a test, a marker. */
    assert_int_equal(tox_report_place(WORDS("make", "tox")), -1);
    assert_int_equal(tox_report_place(WORDS("env", "A=1", "make", "-j2", "tox")), -1);
    assert_int_equal(tox_report_place(WORDS("sh", "ci/tox")), -1);
    assert_int_equal(tox_report_place(WORDS("sh", "-c", "tox")), -1);
    assert_int_equal(tox_report_place(WORDS("sh", "-c", "exec \"$@\"", "sh", "tox")), 4);
    assert_int_equal(tox_report_place(WORDS("python3", "-m", "pytest", "tests/tox")), -1);
    assert_int_equal(tox_report_place(WORDS("pytest", "-mtox")), -1);
    assert_int_equal(tox_report_place(WORDS("python3", "-mtox", "-e", "unit")), 1);
    assert_int_equal(tox_report_place(WORDS("python3", "bin/tox")), 1);
    assert_int_equal(tox_report_place(WORDS("conda", "run", "-n", "go", "tox")), 4);
    /* A package of that name is not the program. */
    assert_int_equal(tox_report_place(WORDS("uv", "run", "--with", "tox", "tox", "-e", "a")), 4);
    assert_int_equal(tox_report_place(WORDS("uv", "run", "--with", "tox", "--with", "x", "tox")),
                     6);
    assert_int_equal(tox_report_place(WORDS("uv", "run", "--with", "tox", "--", "tox")), 5);
    assert_int_equal(tox_report_place(WORDS("uv", "run", "--with", "tox", "python", "-mtox")), 5);
    assert_int_equal(tox_report_place(WORDS("uv", "run", "--with", "tox", "pytest")), -1);
    assert_int_equal(tox_report_place(WORDS("uv", "run", "--locked", "tox", "-e", "tox")), 3);
    assert_int_equal(tox_report_place(WORDS("uv", "run", "--locked", "tox", "--", "pytest")), 3);
    assert_int_equal(tox_report_place(WORDS("env", "-i", "tox", "--", "tests/tox")), 2);
    assert_int_equal(tox_report_place(WORDS("x", "--level=3", "tox", "--", "tests/tox")), 2);
    assert_null(tox_report_path(WORDS("tox", "-e", "unit")));
    assert_string_equal(tox_report_path(WORDS("tox", "--result-json", "a.json")), "a.json");
    assert_string_equal(tox_report_path(WORDS("tox", "--result-json=b", "-e")), "b");
    assert_null(tox_report_path(WORDS("tox", "--", "--result-json=b")));
    assert_null(tox_report_path(WORDS("tox", "--result-json")));
    assert_null(tox_report_path(WORDS("make", "--result-json=b")));
}

/* The whole report of a run on the base is kept. */
/* Colours, a name that looks like the end of the string, and a setup that tests nothing. */
static void test_what_commands_printed(void **state)
{
    static const char json[] =
        "{\"testenvs\": {\"unit\": {\"setup\": [{\"output\": \"fine\", \"retcode\": 0}], \"test\": "
        "[{\"command\": [\"3 passed in 0.1s\"], \"output\": \"\\u001b[1m2 passed\\u001b[0m in "
        "0.12s\\r\\n"
        "\\\"output\\\": \\\\\\n\", \"err\": \"Ran 0 tests in 0.000s\\n\\nOK\", \"retcode\": "
        "0}]}}}";
    struct test_report report = {0};

    (void)state;
    tox_report_read(&report, json, strlen(json));
    assert_int_equal(report.tox, REPORT_READ);
    assert_int_equal(report.summaries, 2);
    assert_int_equal(report.empty, 1);
    assert_int_equal(report.passed, 2);
}

static void test_report_is_kept(void **state)
{
    struct test_report report = {
        .ended_well = true,
        .tox = REPORT_READ,
        .environments = 3,
        .skipped = 1,
        .failed = 1,
        .commands = 2,
        .succeeded = 1,
        .first_failed = "py\"311",
        .summaries = 2,
        .empty = 1,
        .tests = UINT64_C(1) << 40,
        .passed = 7,
        .runner = "pytest",
        .said = "no tests ran",
        .expects = true,
        .matched = true,
    };
    struct test_report read;
    CLEANUP_FREE char *json = NULL;

    for (unsigned i = 0; i < REPORT_COMMANDS_MAX; i++)
        report.kept[report.kept_count++] = (struct report_command){"unit", i, i % 2 ? -1 : 0};
    json = test_report_write(&report);
    test_report_read(&read, json);
    assert_memory_equal(&read, &report, sizeof(report));
    report = (struct test_report){.tox = REPORT_SET_ASIDE};
    free(json);
    json = test_report_write(&report);
    test_report_read(&read, json);
    assert_memory_equal(&read, &report, sizeof(report));
    test_report_read(&read, "{\"kept\": [1, [\"a\"], [1, 2, 3]], \"tests\": \"x\"}");
    assert_int_equal(read.kept_count, 1);
    test_report_read(&read, "[}");
    report = (struct test_report){0};
    assert_memory_equal(&read, &report, sizeof(report));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_commands_printed),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_what_was_said),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_expect),
        cmocka_unit_test(test_tox_broke),
        cmocka_unit_test(test_reports),
        cmocka_unit_test(test_output_in_reports),
        cmocka_unit_test(test_many_commands),
        cmocka_unit_test(test_against_base),
        cmocka_unit_test(test_report_is_kept),
        cmocka_unit_test(test_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
