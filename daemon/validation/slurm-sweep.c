/*
 * Ends runs that nobody waits for: at the start, and then each hour.
 *
 *     a job of Slurm that has a name of ours, and no record ▸ it is cancelled
 *     a record of a run, whose experiment has no job        ▸ the run is cancelled, its directory is removed
 */

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/validation/slurm-internal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EACH_MS ((uint64_t)60 * 60 * 1000)

struct slurm_sweep {
    struct operation *step;
    struct config_list names; /* of jobs that are yet to be cancelled */
    struct config_list left;  /* experiments whose runs are yet to be cancelled */
};

static void begin_sweep(void *data);
static void go_on(struct slurm *slurm);

static char *take_last(struct config_list *list)
{
    char *last = list->items[--list->count];

    list->items[list->count] = NULL;
    return last;
}

/* "winnowd-STATE-EXPERIMENT-ATTEMPT". Returns the attempt, and where the experiment is; 0: it is not ours. */
static int64_t read_name(const struct slurm *slurm, const char *name, char **experiment_id)
{
    CLEANUP_FREE char *prefix = memory_format("winnowd-%s-", slurm->id);
    const char *rest = name + strlen(prefix);
    const char *dash = strrchr(name, '-');

    if (strncmp(name, prefix, strlen(prefix)) != 0 || dash <= rest)
        return 0;
    *experiment_id = memory_copy_bytes(rest, (size_t)(dash - rest));
    return strtoll(dash + 1, NULL, 10);
}

/* Returns whether a record has this job. It is written before the job is submitted. */
static bool is_owned(const struct slurm *slurm, const char *experiment_id, int64_t attempt)
{
    CLEANUP(slurm_record_clear) struct slurm_record record = {0};
    struct error unread;

    if (slurm_record_read(&record, slurm->store, experiment_id, &unread) < 0)
        return true;
    return record.attempt == attempt &&
           (record.state == SLURM_SUBMITTING || record.state == SLURM_SUBMITTED);
}

static void take_job(struct slurm *slurm, const struct squeue_job *job)
{
    CLEANUP_FREE char *experiment_id = NULL;
    int64_t attempt = read_name(slurm, job->name, &experiment_id);

    if (attempt == 0 || !slurm_is_under_way(job) || is_owned(slurm, experiment_id, attempt))
        return;
    log_event(&event_run_unowned, LOG_TEXT("experiment", experiment_id),
              LOG_INTEGER("slurm_job", job->id), LOG_INTEGER("attempt", attempt));
    config_list_append(&slurm->sweep->names, memory_copy(job->name));
}

static void list_left(struct slurm *slurm)
{
    struct error unread; /* then the next sweep reads them */
    char **ids;
    size_t count;

    if (access(slurm->directory, F_OK) < 0)
        return; /* its file system is not mounted yet */
    if (store_list_left_runs(slurm->store, &ids, &count, &unread) == 0)
        for (size_t i = 0; i < count; i++)
            config_list_append(&slurm->sweep->left, memory_copy(ids[i]));
    store_left_runs_free(ids, count);
}

static void on_listed(void *data, const struct process_result *result)
{
    struct slurm *slurm = data;
    const char *output = result->output;
    struct squeue_job job;

    slurm->sweep->step = NULL;
    if (!process_succeeded(result)) {
        slurm->sweep->step = loop_after(slurm->loop, slurm->config->validation.slurm.poll_ms,
                                        begin_sweep, slurm);
        return;
    }
    while (squeue_next(&job, &output))
        take_job(slurm, &job);
    list_left(slurm);
    go_on(slurm);
}

static void begin_sweep(void *data)
{
    struct slurm *slurm = data;

    slurm->sweep->step = slurm_squeue_all(slurm, on_listed, slurm);
}

/* A job that could not be cancelled is found by the next sweep. */
static void on_job_cancelled(void *data, const struct process_result *result)
{
    struct slurm *slurm = data;

    (void)result;
    slurm->sweep->step = NULL;
    go_on(slurm);
}

static void on_run_cancelled(void *data, const struct error *error)
{
    struct slurm *slurm = data;

    slurm->sweep->step = NULL;
    if (error)
        log_event(&event_checkout_left, LOG_TEXT("reason", error->message));
    go_on(slurm);
}

static void go_on(struct slurm *slurm)
{
    struct slurm_sweep *sweep = slurm->sweep;
    CLEANUP_FREE char *next = NULL;

    if (sweep->names.count) {
        next = take_last(&sweep->names);
        sweep->step = slurm_scancel(slurm, next, on_job_cancelled, slurm);
    } else if (sweep->left.count) {
        next = take_last(&sweep->left);
        sweep->step = slurm_cancel(&slurm->engine, next, on_run_cancelled, slurm);
    } else {
        sweep->step = loop_after(slurm->loop, EACH_MS, begin_sweep, slurm);
    }
}

void slurm_sweep_start(struct slurm *slurm)
{
    slurm->sweep = memory_new(sizeof(*slurm->sweep));
    slurm->sweep->step = loop_after(slurm->loop, 0, begin_sweep, slurm);
}

void slurm_sweep_stop(struct slurm *slurm)
{
    if (!slurm->sweep)
        return;
    operation_clear(&slurm->sweep->step);
    config_list_clear(&slurm->sweep->names);
    config_list_clear(&slurm->sweep->left);
    free(TAKE(slurm->sweep));
}
