#pragma once

/*
 * A step of a job is a row of a table. The owner of the jobs chooses the table. The runner (job.h) knows no
 * row by its name.
 *
 * The function of a row gets the job. The job's findings say what an earlier, interrupted attempt may have
 * done. The function ends the step, at once or from a callback, with one of the calls in job.h. An undo may
 * find that its step never began, is half done, or is undone already: all three end in job_done().
 */

#include "common/error.h"
#include "daemon/decision.h"

#include <stdbool.h>
#include <stddef.h>

struct job_finding;
struct job;

/* What a step, or its undo, needs. It does not start while one of these cannot be used. */
enum step_needs {
    ROW_NEEDS_NOTHING = 0,
    ROW_NEEDS_API = 1 << 0,     /* the forge's API */
    ROW_NEEDS_GIT = 1 << 1,     /* git at the forge */
    ROW_NEEDS_SOURCES = 1 << 2, /* the repositories in `sources` */
};

/* What the log shows at the end of a step, besides the usual fields. */
enum step_tells {
    ROW_TELLS_BRANCH = 1 << 0,
    ROW_TELLS_PULL_URL = 1 << 1,
};

/* What a step runs. It takes as long as the configured command. */
enum step_runs {
    ROW_RUNS_NOTHING = 0,
    ROW_RUNS_TESTS, /* the tests on the composed commit, under the experiment's name */
    ROW_RUNS_BASE,  /* the tests on the base, which other jobs may wait for as well */
};

struct step {
    const char *name;  /* in store, log, status and metrics; a change needs a migration */
    const char *doing; /* for the status, before the experiment's name: "validating" */
    void (*start)(struct job *job);
    void (*undo)(struct job *job);              /* NULL: nothing to undo */
    bool (*undo_is_due)(const struct job *job); /* NULL: if the job came to this row */
    bool (*is_due)(const struct job *job); /* if false, the row is skipped; NULL: it never is */
    const struct job_finding *leaves;      /* its finding; NULL: none */
    const char *back;                      /* the earlier row that job_back() goes to; NULL: none */
    unsigned needs, undo_needs;            /* enum step_needs */
    unsigned tells;                        /* enum step_tells */
    enum step_runs runs;

    bool early; /* a job that is at this row may let others go first */
    bool opens; /* once it has begun, the result is not judged again */
    /* From here on nothing is undone. Transient faults are waited for as long as it takes. */
    bool forward;
    bool optional; /* if it fails, the job goes on without it */

    /* It touches nothing but the store, and may wait for its turn. Its end is neither logged nor counted, and
     * is no progress. Its finding is true for the moment only. So the next row begins in the same turn of the
     * loop, and this one waits for what the next one needs. A job that comes to that row later goes through
     * this one again. */
    bool quiet;
};

struct step_table {
    const struct step *rows;
    size_t count;

    /* The last step is done, or all is undone: writes the decision to the store and logs it. Fails if the
     * store does. Then it is called again later. */
    int (*end)(struct job *job, enum decision decision, const char *reason, struct error *error);
};
