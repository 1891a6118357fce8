#pragma once

/*
 * What happened since the daemon started, counted: for those who draw curves of it. Pure.
 */

#include "daemon/decision.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COUNTERS_STEP_LIMIT 24

enum counters_end { COUNTERS_DONE, COUNTERS_FAILED, COUNTERS_LATER, COUNTERS_END_COUNT };

struct counters_tries {
    uint64_t count;
    uint64_t milliseconds;
};

/* What is counted of a step. */
struct counters_step {
    const char *name; /* static */
    bool listed;      /* there from the beginning, for those who ask for a rate */
    struct counters_tries starts[COUNTERS_END_COUNT];
    struct counters_tries undos[COUNTERS_END_COUNT];
    uint64_t failed_jobs; /* that ended because it failed */
};

struct counters {
    struct counters_step steps[COUNTERS_STEP_LIMIT]; /* in the order in which they were named */
    size_t step_count;
    uint64_t jobs[DECISION_COUNT]; /* that are over without a step that failed, by outcome */
    uint64_t forge_errors;         /* calls and checks that the forge did not answer as needed */
};

/* "done", "failed", "later" */
const char *counters_end_name(enum counters_end end);

/* A step that is counted from now on, unless it is already; `name` must outlive the counters. One that is
 * not named is not counted. */
void counters_add_step(struct counters *counters, const char *name, bool listed);

/* A try of a step, or of its undo, ended. */
void counters_try(struct counters *counters, const char *step, bool undo, enum counters_end end,
                  uint64_t duration_ms);

/* A job is over; `failed_step` is the name of the step that failed, or NULL. */
void counters_job(struct counters *counters, enum decision outcome, const char *failed_step);
