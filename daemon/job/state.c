/*
 * Where a job is in its table, how that is stored, and how it moves on. The walking is reached through
 * job.go_on, so all files of the job may use this one.
 */

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/job/internal.h"
#include "daemon/lane.h"
#include "daemon/store/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNDO_LIMIT 8 /* jobs of a list that are undone at a time */

bool job_undoing(const struct job *job)
{
    return job->record.state == JOB_UNDOING;
}

bool job_refreshes(const struct job *job)
{
    return job->record.kind == JOB_REFRESH;
}

const struct step *job_row(const struct job *job)
{
    const struct step_table *steps = job->owner->steps;

    return job->at >= 0 && job->at < (int)steps->count ? &steps->rows[job->at] : NULL;
}

bool job_opening(const struct job *job)
{
    const struct step *row = job_row(job);

    if (job_undoing(job))
        return false;
    for (int i = 0; i < job->at; i++) {
        if (job->owner->steps->rows[i].opens)
            return true;
    }
    return row && row->opens && job->record.started;
}

bool job_early(const struct job *job)
{
    return !job_row(job) ? job->at < 0 : job_row(job)->early;
}

bool job_runs_tests(const struct job *job)
{
    return job_row(job) && job_row(job)->runs != ROW_RUNS_NOTHING;
}

unsigned jobs_undos_left(const struct job *jobs)
{
    unsigned busy = 0;

    for (const struct job *job = jobs; job; job = job->next)
        busy += job->undo_busy;
    return busy < UNDO_LIMIT ? UNDO_LIMIT - busy : 0;
}

bool job_takes_its_time(const struct job *job)
{
    uint64_t ran = uv_now(job->services->loop) - job->step_began;

    if (!job_runs_tests(job) || job->waits != JOB_GOES_ON)
        return false;
    if (job_undoing(job))
        return job->undo_busy;
    /* After a fault: the command runs only when the requirements have answered. */
    return (job->record.faulty_since_ms == 0 && !job->requires) ||
           ran > job->services->config->forge.timeout_ms;
}

const char *job_step_name(const struct job *job)
{
    const struct step *row = job_row(job);

    return row ? row->name : "end";
}

const char *job_doing(const struct job *job)
{
    const struct step *row = job_row(job);

    return row ? row->doing : "ending";
}

const struct config_metric *job_metric(const struct job *job)
{
    return lane_metric(job->services->config, job->row->metric, job->row->scope);
}

/* ---- writing it down ---------------------------------------------------------------------------- */

void job_move(struct job *job, int at)
{
    if (job->at != at)
        free(TAKE(job->scratch));
    job->at = at;
    snprintf(job->record.step, sizeof(job->record.step), "%s", job_step_name(job));
}

void *job_scratch(struct job *job, size_t size)
{
    if (!job->scratch)
        job->scratch = memory_new(size);
    return job->scratch;
}

/* Returns whether a job passes this row without stopping there. */
static bool is_passed_over(const struct job *job, const struct step *row)
{
    return row->quiet || (row->is_due && !row->is_due(job));
}

void job_step_back(struct job *job)
{
    int at = job->at;

    if (job_undoing(job) || job->record.started)
        return;
    while (at > 0 && is_passed_over(job, &job->owner->steps->rows[at - 1]))
        at--;
    job_move(job, at);
}

int job_write_with(struct job *job, const struct step *row, struct error *error)
{
    CLEANUP_FREE char *json = row && row->leaves ? job_finding_write(row->leaves, &job->found)
                                                 : NULL;
    struct store_finding found = {.step = row ? (char *)row->name : NULL, .json = json};

    return store_save_job(job->services->store, &job->record, json ? &found : NULL, error);
}

static bool write_or_tell(struct job *job, const struct step *row)
{
    struct error error;

    if (job_write_with(job, row, &error) == 0)
        return true;
    log_event(&event_store_failed, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("reason", error.message));
    return false;
}

bool job_write(struct job *job)
{
    return write_or_tell(job, job_row(job));
}

void job_note(struct job *job, const char *what, const char *reason)
{
    struct error ignored;

    (void)store_add_step(job->services->store, job->record.id, job_step_name(job), what,
                         job->record.attempt, reason, &ignored);
}

void job_count_attempt(struct job *job, enum counters_end end)
{
    const struct step *row = job_row(job);

    if (row && !row->quiet)
        counters_try(job->services->counters, row->name, job_undoing(job), end,
                     uv_now(job->services->loop) - job->step_began);
}

/* ---- moving on ---------------------------------------------------------------------------------- */

void job_pause(struct job *job, uint64_t delay_ms, void (*callback)(void *data))
{
    job->operation = loop_after(job->services->loop, delay_ms, callback, job);
}

void job_schedule(struct job *job, uint64_t delay_ms)
{
    job_pause(job, delay_ms, job->go_on);
}

void job_end_trouble(struct job *job)
{
    job->record.faulty_since_ms = 0;
    job->record.tried_ms = 0;
}

void job_end_holds(struct job *job)
{
    if (job->held)
        health_mended(job->services->health);
    if (job->source_bad)
        health_source_mended(job->services->health, job->record.id);
    job->held = job->requires = job->source_failed = job->source_bad = false;
    job->doubted = 0;
}

void job_begin_undo(struct job *job, const char *reason, enum decision outcome)
{
    free(job->record.reason);
    free(job->record.failed_step);
    job->record.reason = memory_copy(reason);
    job->record.failed_step = memory_copy(job_step_name(job));
    job->record.outcome = outcome;
    job->record.state = JOB_UNDOING;
    job->record.attempt = 0;
    job_end_trouble(job);
    /* If this is not written, the step is tried again after a crash and fails again. */
    (void)job_write(job);
    job->owner->progress(job->owner->data);
    job_schedule(job, 0);
}

void job_step_over(struct job *job)
{
    const struct step *row = job_row(job);

    job_move(job, job->at + (job_undoing(job) ? -1 : 1));
    job->record.started = false;
    job->record.attempt = 0;
    job_end_holds(job);
    job_end_trouble(job);
    /* If this is not written, the step is repeated after a crash and finds itself done. */
    (void)write_or_tell(job, row);
    job->owner->progress(job->owner->data);
    job_schedule(job, 0);
}

static int find_back(const struct job *job)
{
    const struct step_table *steps = job->owner->steps;
    const char *name = steps->rows[job->at].back;
    int at = job->at;

    while (strcmp(steps->rows[at].name, name) != 0)
        at--;
    return at;
}

void job_back(struct job *job, const char *reason)
{
    int back = find_back(job);

    log_event(&event_job_back, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("step", job->owner->steps->rows[back].name),
              LOG_NUMBER("before", job->record.reference), LOG_TEXT("reason", reason));
    job_move(job, back);
    job->record.started = false;
    job->record.attempt = 0;
    /* If this is not written, the step comes to the same end after a crash. */
    (void)write_or_tell(job, NULL);
    job_schedule(job, 0);
}
