#pragma once

/*
 * What a run of the tests says of itself: how it ended, what tox's own report has in it, and what the
 * runners said in the output. Plain data of bounded size, so that two runs can be compared, kept and
 * copied. Whether that is a pass is for verdict.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_NAME_SIZE    64 /* bytes of the name of an environment or of a runner, NUL included */
#define REPORT_COMMANDS_MAX 64 /* commands kept; all are counted */

/* What became of tox's own report. */
enum report_source {
    REPORT_NOT_ASKED, /* the command is not tox */
    REPORT_READ,
    REPORT_MISSING,   /* tox was asked for a report and wrote none */
    REPORT_UNUSABLE,  /* it is cut off, or is none of tox's */
    REPORT_SET_ASIDE, /* tox itself failed over it, so the command was run again without one */
};

/* One command of an environment. */
struct report_command {
    char environment[REPORT_NAME_SIZE];
    unsigned place; /* in its environment, from 0 */
    int retcode;
};

struct test_report {
    bool ended_well; /* the command's exit status was 0 */
    enum report_source tox;

    /* Of tox's report, where `tox` is REPORT_READ; environments of its own (.pkg, .tox) left out. */
    unsigned environments;
    unsigned skipped;                    /* of them */
    unsigned failed;                     /* of them */
    unsigned commands;                   /* that were run, setup left out */
    unsigned succeeded;                  /* of them, with retcode 0 */
    char first_failed[REPORT_NAME_SIZE]; /* environment; "" */
    struct report_command kept[REPORT_COMMANDS_MAX];
    size_t kept_count;

    /* Of the output. A summary is what a runner says at its end; an empty one says that nothing ran. */
    unsigned summaries;
    unsigned empty;                /* of them */
    uint64_t tests;                /* that ran, all summaries together */
    uint64_t passed;               /* of them */
    char runner[REPORT_NAME_SIZE]; /* that gave the first summary; "" */
    char said[REPORT_NAME_SIZE];   /* the first empty summary, in the runner's words; "" */

    bool expects; /* validation.expect is set, */
    bool matched; /* and a line of the output matched it */
};

/* How many tests a run had. */
struct test_count {
    bool known; /* the runners said so; else all is 0 */
    uint64_t ran;
    uint64_t passed;               /* of them */
    char runner[REPORT_NAME_SIZE]; /* that gave the first summary */
};

/* The report as one JSON object; caller frees. */
char *test_report_write(const struct test_report *report);

/* Reads it back. What is missing, or no JSON at all, is 0; never fails. */
void test_report_read(struct test_report *report, const char *json);
