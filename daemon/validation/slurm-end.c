/*
 * The ends of a run, and when the runs are looked at again.
 */

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/validation/slurm-internal.h"

#include <stdlib.h>

bool slurm_is_under_way(const struct squeue_job *job)
{
    return job->state == SQUEUE_PENDING || job->state == SQUEUE_RUNNING;
}

bool slurm_run_is_over(const struct slurm_run *run)
{
    return run->answered && (run->absent || !slurm_is_under_way(&run->seen));
}

void slurm_look_soon(struct slurm *slurm, uint64_t delay_ms)
{
    operation_clear(&slurm->tick);
    slurm->tick = loop_after(slurm->loop, delay_ms, slurm->on_tick, slurm);
}

static void run_free(struct slurm_run *run)
{
    struct slurm_run **place = &run->slurm->runs;

    while (*place && *place != run)
        place = &(*place)->next;
    if (*place)
        *place = run->next;
    operation_clear(&run->step);
    slurm_record_clear(&run->record);
    free(run->name);
    free(run->directory);
    free(run);
}

/* The daemon stops, or nobody wants the verdict any more. Then the run is cancelled next. */
void slurm_run_discard(struct operation *operation)
{
    struct slurm_run *run = (struct slurm_run *)operation;

    if (run->record.state == SLURM_SUBMITTED)
        log_event(&event_run_left, LOG_TEXT("experiment", run->order.experiment_id),
                  LOG_INTEGER("slurm_job", run->record.id),
                  LOG_INTEGER("attempt", run->record.attempt));
    run_free(run);
}

void slurm_run_end(struct slurm_run *run, const struct process_result *result)
{
    slurm_look_soon(run->slurm, SLURM_LOOK_EACH_MS);
    if (result)
        config_list_append(&run->slurm->judged, memory_copy(run->order.experiment_id));
    run->callback(run->data, result, result ? NULL : &run->error);
    run_free(run);
}

bool slurm_run_save(struct slurm_run *run)
{
    if (slurm_record_write(&run->record, run->slurm->store, run->order.experiment_id,
                           &run->error) == 0)
        return true;
    slurm_run_end(run, NULL);
    return false;
}

void slurm_run_blame_installation(struct slurm_run *run)
{
    run->error.kind = ERROR_PERMANENT;
    run->error.installation = run->error.holds = true;
}

void slurm_run_hold(struct slurm_run *run)
{
    slurm_run_blame_installation(run);
    slurm_run_end(run, NULL);
}
