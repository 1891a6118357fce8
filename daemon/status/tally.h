#pragma once

/*
 * What happened since the daemon started, counted: for those who draw curves of it. Pure.
 */

#include "daemon/decision.h"
#include "daemon/steps.h"

#include <stdbool.h>
#include <stdint.h>

enum tally_end { TALLY_DONE, TALLY_FAILED, TALLY_LATER, TALLY_END_COUNT };

struct tally_tries {
    uint64_t count;
    uint64_t milliseconds;
};

struct tally {
    struct tally_tries steps[STEP_COUNT][TALLY_END_COUNT];
    struct tally_tries undos[STEP_COUNT][TALLY_END_COUNT];
    /* Jobs that are over, by outcome and by the step that failed; STEP_COUNT: none did. */
    uint64_t jobs[DECISION_COUNT][STEP_COUNT + 1];
    uint64_t forge_errors; /* calls and checks that the forge did not answer as needed */
};

/* "done", "failed", "later" */
const char *tally_end_name(enum tally_end end);

/* A try of a step, or of its undo, ended. */
void tally_step(struct tally *tally, int step, bool undo, enum tally_end end, uint64_t duration_ms);

/* A job is over; `failed_step` is the name of the step that failed, or NULL. */
void tally_job(struct tally *tally, enum decision outcome, const char *failed_step);
