#include "daemon/counters.h"

#include <string.h>

static const char *const end_names[COUNTERS_END_COUNT] = {
    [COUNTERS_DONE] = "done",
    [COUNTERS_FAILED] = "failed",
    [COUNTERS_LATER] = "later",
};

const char *counters_end_name(enum counters_end end)
{
    return end_names[end];
}

static struct counters_step *find(struct counters *counters, const char *name)
{
    for (size_t i = 0; name && i < counters->step_count; i++) {
        if (strcmp(counters->steps[i].name, name) == 0)
            return &counters->steps[i];
    }
    return NULL;
}

void counters_add_step(struct counters *counters, const char *name, bool listed)
{
    if (counters->step_count < COUNTERS_STEP_LIMIT && !find(counters, name))
        counters->steps[counters->step_count++] = (struct counters_step){.name = name,
                                                                         .listed = listed};
}

void counters_try(struct counters *counters, const char *step, bool undo, enum counters_end end,
                  uint64_t duration_ms)
{
    struct counters_step *found = find(counters, step);
    struct counters_attempts *attempts;

    if (!found)
        return;
    attempts = undo ? &found->undos[end] : &found->starts[end];
    attempts->count++;
    attempts->milliseconds += duration_ms;
}

void counters_job(struct counters *counters, enum decision outcome, const char *failed_step)
{
    struct counters_step *found = find(counters, failed_step);

    if (found && outcome == DECISION_FAILED)
        found->failed_jobs++;
    else
        counters->jobs[outcome]++;
}
