#pragma once

/*
 * Whether a run is green: it ended with 0 and tested something. Pure.
 *
 * The measure is the run on the base, where there is one. A report can take a pass away, never give one.
 */

#include "daemon/validation/test-report.h"

enum verdict {
    VERDICT_GREEN,
    VERDICT_RED,      /* the command failed, or what passed on the base fails here */
    VERDICT_UNTESTED, /* it ended with 0, but tested nothing */
};

/* Judges a run. `base` is what the run on the base said, NULL where there was none. `reason`, of `size` bytes,
 * gets what is missing, as the end of a sentence: "no command of tox's environments was run"; "" for green, and
 * where the exit status says it all. Never fails. */
enum verdict verdict_of(const struct test_report *run, const struct test_report *base, char *reason,
                        size_t size);

/* Returns whether all summaries of a run say that no test ran. There is at least one. */
bool verdict_none_ran(const struct test_report *run);

/* Returns how many tests a run had. */
struct test_count test_count_of(const struct test_report *report);

/* Returns whether fewer tests ran than on the base, as far as both are known. */
bool test_count_fewer(const struct test_count *run, const struct test_count *base);
