#pragma once

/*
 * Finds the summaries of test runners in the output of a run. Pure.
 *
 * It knows pytest (with pytest-sugar, too), unittest and nose2, nox, go test (with -json, too), cargo test and
 * nextest, ctest, make and pre-commit. A summary counts only as a whole line in the runner's own form, so the
 * name of a test or a word in a traceback is none. The output is read as it comes, in pieces of any size,
 * with bounded memory. The tests wrote the text: it can turn a pass into a failure, but never a failure into
 * a pass.
 */

#include "daemon/validation/test-report.h"

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#define RUNNER_LINE_SIZE 1024 /* bytes of a line; a longer line is no summary */

/* Begins as zeros, except for `expect`. */
struct runner {
    const regex_t *expect; /* a line must match it; NULL: none has to */

    size_t length;
    char line[RUNNER_LINE_SIZE];
    bool too_long;
    bool ended; /* the line, by a CR: what follows overwrites it, unless that is a LF */
    bool matched;

    /* A summary of unittest has two lines; the second says how many were skipped. One of pytest-sugar has a
     * line for each of its words. */
    bool awaits_result, awaits_sugar;
    bool in_session, session_works; /* of nox: inside one, and it has printed something */

    unsigned summaries;
    unsigned empty;
    uint64_t tests;
    uint64_t passed;
    char name[REPORT_NAME_SIZE];
    char said[REPORT_NAME_SIZE];

    uint64_t reruns; /* failed tests that pytest says it runs again */

    uint64_t ran; /* of unittest */
    char ran_line[REPORT_NAME_SIZE];

    uint64_t sugar_tests, sugar_passed;
    char sugar_said[REPORT_NAME_SIZE];

    /* These are about a part only. Their meaning is known at the end. */
    unsigned sessions_done, sessions_skipped; /* nox */
    unsigned hooks_done, hooks_skipped;       /* pre-commit */
    unsigned hooks_failed;                    /* in its latest run */
    char first_hook[REPORT_NAME_SIZE];
    unsigned targets_idle; /* make's targets of tests that had nothing to do */
    bool target_waits;     /* another target had something to do, and nothing was printed
                                               * since */
    unsigned ctest_skipped, ctest_disabled; /* tests since its last summary */
    bool ctest_begun;                       /* and has given no summary yet */
    unsigned go_named;                      /* names of tests right above this line */
    unsigned go_ran, go_skipped;            /* with -v or -json; since the last package */
    bool go_warned;                         /* warned that there are no tests to run; likewise */
    char session_said[REPORT_NAME_SIZE], hook_said[REPORT_NAME_SIZE], target_said[REPORT_NAME_SIZE];

    /* In a traceback that is not indented; its innermost file so far is tox's. */
    bool traced, tox_traced;
    bool tox_raised; /* that traceback has ended, and nothing was printed after it */
};

/* Reads a piece of output. */
void runner_read(struct runner *runner, const char *bytes, size_t length);

/* The output has ended: fills in what `report` has of it. */
void runner_end(struct runner *runner, struct test_report *report);

/* Returns, after runner_end(), whether the last lines are a traceback of tox's own. */
bool runner_tox_broke(const struct runner *runner);
