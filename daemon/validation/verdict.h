#pragma once

/*
 * Judges whether a run passes: it exited with 0 and tested something. Pure.
 *
 * It is compared with the run on the base, if there is one. A report can turn a pass into a failure, never a
 * failure into a pass.
 */

#include "daemon/validation/test-report.h"

enum verdict {
    VERDICT_GREEN,
    VERDICT_RED,      /* the command failed, or what passed on the base failed here */
    VERDICT_UNTESTED, /* it exited with 0, but tested nothing */
};

/* Judges a run, and returns the verdict. `base` is the report of the run on the base; NULL: there is none.
 * Sets `reason`, of `size` bytes, to what is missing, as the end of a sentence: "no command of tox's
 * environments was run". It is "" for a pass, and if the exit status says all. */
enum verdict verdict_of(const struct test_report *run, const struct test_report *base, char *reason,
                        size_t size);

/* Returns whether a run has summaries, and all say that no test ran. */
bool verdict_none_ran(const struct test_report *run);

/* Returns how many tests a run had. */
struct test_count test_count_of(const struct test_report *report);

/* Returns whether fewer tests ran than on the base, as far as both are known. */
bool test_count_fewer(const struct test_count *run, const struct test_count *base);
