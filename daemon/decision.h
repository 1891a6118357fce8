#pragma once

/*
 * The words for what became of a result: one vocabulary for code, store, log and documents.
 */

enum decision {
    DECISION_QUEUED, /* a state, not a decision: its turn has not come, or its job is under way */
    DECISION_BASELINE,
    DECISION_PROMOTED,
    DECISION_DISCARDED,
    DECISION_SUPERSEDED,
    DECISION_CRASHED,
    DECISION_DUPLICATE,
    DECISION_REJECTED,
    DECISION_FAILED,
};

#define DECISION_COUNT (DECISION_FAILED + 1)

/* "queued", "baseline", … */
const char *decision_name(enum decision decision);

/* The decision of that name; DECISION_QUEUED for a word that is none (the store checks its own). */
enum decision decision_parse(const char *name);
