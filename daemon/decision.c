#include "daemon/decision.h"

#include <string.h>

static const char *const names[DECISION_COUNT] = {
    [DECISION_QUEUED] = "queued",         [DECISION_BASELINE] = "baseline",
    [DECISION_PROMOTED] = "promoted",     [DECISION_DISCARDED] = "discarded",
    [DECISION_SUPERSEDED] = "superseded", [DECISION_CRASHED] = "crashed",
    [DECISION_DUPLICATE] = "duplicate",   [DECISION_REJECTED] = "rejected",
    [DECISION_FAILED] = "failed",
};

const char *decision_name(enum decision decision)
{
    return names[decision];
}

enum decision decision_parse(const char *name)
{
    for (int i = 0; i < DECISION_COUNT; i++) {
        if (strcmp(names[i], name) == 0)
            return (enum decision)i;
    }
    return DECISION_QUEUED;
}
