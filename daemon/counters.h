#pragma once

/*
 * What happened since the daemon started, counted: for those who draw curves of it. Pure.
 */

#include "daemon/decision.h"
#include "daemon/steps.h"

#include <stdbool.h>
#include <stdint.h>

enum counters_end { COUNTERS_DONE, COUNTERS_FAILED, COUNTERS_LATER, COUNTERS_END_COUNT };

struct counters_tries {
    uint64_t count;
    uint64_t milliseconds;
};

struct counters {
    struct counters_tries steps[STEP_COUNT][COUNTERS_END_COUNT];
    struct counters_tries undos[STEP_COUNT][COUNTERS_END_COUNT];
    /* Jobs that are over, by outcome and by the step that failed; STEP_COUNT: none did. */
    uint64_t jobs[DECISION_COUNT][STEP_COUNT + 1];
    uint64_t forge_errors; /* calls and checks that the forge did not answer as needed */
};

/* "done", "failed", "later" */
const char *counters_end_name(enum counters_end end);

/* A try of a step, or of its undo, ended. */
void counters_step(struct counters *counters, int step, bool undo, enum counters_end end,
                   uint64_t duration_ms);

/* A job is over; `failed_step` is the name of the step that failed, or NULL. */
void counters_job(struct counters *counters, enum decision outcome, const char *failed_step);
