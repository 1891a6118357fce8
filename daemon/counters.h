#pragma once

/*
 * Counts what happened since the daemon started, for Prometheus. Pure.
 */

#include "daemon/decision.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERS_STEP_LIMIT 24 /* at least the number of steps in steps.c */

enum counters_end { COUNTERS_DONE, COUNTERS_FAILED, COUNTERS_LATER, COUNTERS_END_COUNT };

struct counters_attempts {
    uint64_t count;
    uint64_t milliseconds;
};

/* The counts of one step. */
struct counters_step {
    const char *name; /* static */
    bool listed;      /* shown from the start, as zeros: a rate needs a first value */
    struct counters_attempts starts[COUNTERS_END_COUNT];
    struct counters_attempts undos[COUNTERS_END_COUNT];
    uint64_t failed_jobs; /* jobs that ended because this step failed */
};

struct counters {
    struct counters_step steps[COUNTERS_STEP_LIMIT]; /* in the order in which they were added */
    size_t step_count;
    uint64_t jobs[DECISION_COUNT]; /* jobs that ended without a failed step, by decision */
    uint64_t forge_errors;         /* calls and checks that failed because of the forge */
};

/* Returns "done", "failed" or "later". It is static. */
const char *counters_end_name(enum counters_end end);

/* Counts a step from now on, unless it was added before. A step that was not added is not counted. `name`
 * must outlive the counters. */
void counters_add_step(struct counters *counters, const char *name, bool listed);

/* Counts an attempt at a step, or at its undo, that ended after `duration_ms`. */
void counters_try(struct counters *counters, const char *step, bool undo, enum counters_end end,
                  uint64_t duration_ms);

/* Counts a job that is over. `failed_step` is the name of the step that failed, or NULL. */
void counters_job(struct counters *counters, enum decision outcome, const char *failed_step);
