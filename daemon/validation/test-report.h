#pragma once

/*
 * The report of a run: how it ended, what is in tox's own report, and what the runners said in the output. It
 * is plain data of bounded size, so that runs can be compared, kept and copied. verdict.h decides whether it
 * is a pass.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPORT_NAME_SIZE    64 /* bytes of the name of an environment or a runner, with its NUL */
#define REPORT_COMMANDS_MAX 64 /* commands that are kept; all are counted */

/* Whether there is a report of tox's own. */
enum report_source {
    REPORT_NOT_ASKED, /* the command is not tox */
    REPORT_READ,
    REPORT_MISSING,   /* tox was asked for a report and wrote none */
    REPORT_UNUSABLE,  /* it is cut off, or not a report of tox */
    REPORT_SET_ASIDE, /* tox failed because of it, and the command ran again without it */
};

/* One command of an environment. */
struct report_command {
    char environment[REPORT_NAME_SIZE];
    unsigned place; /* its place in the environment, from 0 */
    int retcode;
};

struct test_report {
    bool ended_well; /* the command's exit status was 0 */
    enum report_source tox;

    /* From tox's report, if `tox` is REPORT_READ. tox's own environments (.pkg, .tox) are left out. */
    unsigned environments;
    unsigned skipped;                    /* of them */
    unsigned failed;                     /* of them */
    unsigned commands;                   /* commands that were run, without setup */
    unsigned succeeded;                  /* of them, with retcode 0 */
    char first_failed[REPORT_NAME_SIZE]; /* name of an environment; "": none */
    struct report_command kept[REPORT_COMMANDS_MAX];
    size_t kept_count;

    /* From the output. A runner prints a summary at its end. An empty one says that nothing ran. */
    unsigned summaries;
    unsigned empty;                /* of them */
    uint64_t tests;                /* tests that ran, in all summaries */
    uint64_t passed;               /* of them */
    char runner[REPORT_NAME_SIZE]; /* of the first summary; "": none */
    char said[REPORT_NAME_SIZE];   /* the first empty summary, in the runner's words; "": none */

    bool expects; /* validation.expect is set, */
    bool matched; /* and a line of the output matched it */
    bool unshown; /* the output lacks some of this: it is in tox's report only */
};

/* How many tests a run had. */
struct test_count {
    bool known; /* the runners said how many; else all is 0 */
    uint64_t ran;
    uint64_t passed;               /* of them */
    char runner[REPORT_NAME_SIZE]; /* of the first summary */
};

/* Returns the report as one JSON object; the caller frees it. */
char *test_report_write(const struct test_report *report);

/* Reads a report that test_report_write() returned. A missing number is 0, and so is all of a text that is no
 * JSON. Never fails. */
void test_report_read(struct test_report *report, const char *json);
