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

void counters_step(struct counters *counters, int step, bool undo, enum counters_end end,
                   uint64_t duration_ms)
{
    struct counters_tries *tries;

    if (step < 0 || step >= STEP_COUNT)
        return;
    tries = undo ? &counters->undos[step][end] : &counters->steps[step][end];
    tries->count++;
    tries->milliseconds += duration_ms;
}

void counters_job(struct counters *counters, enum decision outcome, const char *failed_step)
{
    int step = 0;

    while (step < STEP_COUNT && (!failed_step || strcmp(steps[step].name, failed_step) != 0))
        step++;
    counters->jobs[outcome][step]++;
}
