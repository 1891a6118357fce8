#include "daemon/status/tally.h"

#include <string.h>

static const char *const end_names[TALLY_END_COUNT] = {
    [TALLY_DONE] = "done",
    [TALLY_FAILED] = "failed",
    [TALLY_LATER] = "later",
};

const char *tally_end_name(enum tally_end end)
{
    return end_names[end];
}

void tally_step(struct tally *tally, int step, bool undo, enum tally_end end, uint64_t duration_ms)
{
    struct tally_tries *tries;

    if (step < 0 || step >= STEP_COUNT)
        return;
    tries = undo ? &tally->undos[step][end] : &tally->steps[step][end];
    tries->count++;
    tries->milliseconds += duration_ms;
}

void tally_job(struct tally *tally, enum decision outcome, const char *failed_step)
{
    int step = 0;

    while (step < STEP_COUNT && (!failed_step || strcmp(steps[step].name, failed_step) != 0))
        step++;
    tally->jobs[outcome][step]++;
}
