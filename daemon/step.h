#pragma once

/*
 * What a step of a job is: a row of a table. Whoever owns jobs says which table they walk; the runner
 * (job.h) knows no row by its name.
 *
 * A row's function gets a job whose findings say what an earlier, interrupted try may have done, and
 * ends it through job_done(), job_failed(), job_later() or job_back() (job.h), at once or from a callback.
 * An undo may find its step never begun, half done or undone already: all three end in job_done().
 */

#include "common/error.h"
#include "daemon/decision.h"

#include <stdbool.h>
#include <stddef.h>

struct job_finding;
struct job;

/* What a step, or its undo, cannot do without. It waits while the forge is not well. */
enum step_needs {
    STEP_NEEDS_NOTHING = 0,
    STEP_NEEDS_API = 1 << 0,     /* of the forge */
    STEP_NEEDS_GIT = 1 << 1,     /* at the forge */
    STEP_NEEDS_SOURCES = 1 << 2, /* of measured commits */
};

/* What the log says at the end of a step beside the usual. */
enum step_tells {
    STEP_TELLS_BRANCH = 1 << 0,
    STEP_TELLS_PULL_URL = 1 << 1,
};

struct step {
    const char *name;  /* in store, log, status and metrics; never changed without a migration */
    const char *doing; /* for a status: "validating" is followed by the experiment */
    void (*start)(struct job *job);
    void (*undo)(struct job *job);              /* NULL: nothing of its own to undo */
    bool (*undo_is_due)(const struct job *job); /* NULL: wherever the job came that far */
    bool (*is_due)(const struct job *job);      /* else it is passed over; NULL: always */
    const struct job_finding *leaves;           /* what of it survives a crash; NULL: nothing */
    const char *back;           /* the earlier row that job_back() goes to; NULL: none */
    unsigned needs, undo_needs; /* enum step_needs */
    unsigned tells;             /* enum step_tells */

    bool progress;   /* its end is progress: others may go on, --once is patient */
    bool early;      /* a job that came no further lets others go before it */
    bool runs_tests; /* takes as long as the configured command takes */
    bool opens;      /* once begun, the result is judged no more */

    /* Touches nothing but the store, at once. It is neither logged nor counted, and what it finds holds
     * for the moment: the row behind it begins in the same turn of the loop, and whoever comes to that
     * row later goes through this one again. */
    bool quiet;
};

struct step_table {
    const struct step *rows;
    size_t count;

    /* The last step is done, or all is undone: writes down what became of the result, and tells it.
     * Returns 0, or -1 where the store fails: it is called again later. */
    int (*end)(struct job *job, enum decision decision, const char *reason, struct error *error);
};
