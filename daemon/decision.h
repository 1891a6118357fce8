#pragma once

/*
 * The words for decisions, the same in code, store, log and documentation.
 */

enum decision {
    DECISION_QUEUED, /* not decided yet: it waits for its turn, or its job is under way */
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

/* Returns the word: "queued", "baseline" and so on. It is static. */
const char *decision_name(enum decision decision);

/* Returns the decision of that name; DECISION_QUEUED if there is none. */
enum decision decision_parse(const char *name);
