/*
 * Makes a job, makes it again after a restart, and frees it.
 */

#include "common/log.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/job/internal.h"
#include "daemon/store/job.h"

#include <stdlib.h>
#include <string.h>

static struct job *make(const struct services *services, const struct job_owner *owner,
                        struct store_result *row)
{
    struct job *job = memory_new(sizeof(*job));

    job->services = services;
    job->owner = owner;
    job->go_on = job_go_on;
    job->row = row;
    job->branch = memory_format("%s%s", services->config->forge.branch_prefix, row->experiment_id);
    job->step_began = uv_now(services->loop);
    job_move(job, 0);
    return job;
}

static void give_up(struct job *job)
{
    job->row = NULL; /* still the caller's */
    job_free(job);
}

int job_new(struct job **job, const struct services *services, const struct job_owner *owner,
            struct store_result *row, const struct gate_verdict *verdict, struct error *error)
{
    struct job *made = make(services, owner, row);

    made->verdict = *verdict;
    made->record.result = row->id;
    made->record.kind = owner->kind;
    made->record.reference = verdict->reference;
    made->record.outcome = DECISION_FAILED;
    if (store_add_job(services->store, &made->record, error) < 0) {
        give_up(made);
        return -1;
    }
    job_schedule(made, 0);
    *job = made;
    return 0;
}

/* Finds the row of the step that the store names. */
static int find_row(struct job *job, struct error *error)
{
    const struct step_table *steps = job->owner->steps;
    int count = (int)steps->count, at = 0;

    if (strcmp(job->record.step, "end") == 0) {
        job->at = job_undoing(job) ? -1 : count;
        return 0;
    }
    while (at < count && strcmp(steps->rows[at].name, job->record.step) != 0)
        at++;
    if (at == count)
        return error_set(error, ERROR_PERMANENT,
                         "store: the job of %s is at step '%s', which this winnowd does not know",
                         job->row->experiment_id, job->record.step);
    job->at = at;
    job_step_back(job);
    return 0;
}

static const struct step *find_finder(const struct job *job, const char *name)
{
    const struct step_table *steps = job->owner->steps;

    for (size_t i = 0; i < steps->count; i++) {
        if (steps->rows[i].leaves && strcmp(steps->rows[i].name, name) == 0)
            return &steps->rows[i];
    }
    return NULL;
}

static int read_findings(struct job *job, struct error *error)
{
    struct store_finding *findings;
    size_t count;
    int read = store_list_findings(job->services->store, job->record.id, &findings, &count, error);

    for (size_t i = 0; read == 0 && i < count; i++) {
        const struct step *row = find_finder(job, findings[i].step);

        if (row)
            read = job_finding_read(row->leaves, &job->found, findings[i].json, error);
        if (read < 0)
            error_wrap(error, "store: finding of step %s of the job of %s", row->name,
                       job->row->experiment_id);
    }
    store_findings_free(findings, count);
    return read;
}

static int resume(struct job **job, const struct services *services, const struct job_owner *owner,
                  struct store_result *row, const struct store_job *record, struct error *error)
{
    struct job *made = make(services, owner, row);

    made->record = *record;
    made->record.reason = memory_copy(record->reason);
    made->record.failed_step = memory_copy(record->failed_step);
    made->record.attempt = 0;
    made->verdict.reference = record->reference;
    if (find_row(made, error) < 0 || read_findings(made, error) < 0) {
        give_up(made);
        return -1;
    }
    log_event(&event_job_resumed, LOG_TEXT("experiment", row->experiment_id),
              LOG_TEXT("step", job_step_name(made)),
              LOG_TEXT("reason", job_undoing(made) ? "being undone" : NULL));
    job_schedule(made, 0);
    *job = made;
    return 0;
}

struct records {
    struct store_job *items;
    size_t count;
};

static void records_clear(struct records *records)
{
    store_jobs_free(records->items, records->count);
}

int jobs_resume(const struct services *services, const struct job_owner *owner,
                void (*take)(void *data, struct job *job), struct error *error)
{
    CLEANUP(records_clear) struct records records = {0};

    if (store_list_jobs(services->store, &records.items, &records.count, error) < 0)
        return -1;
    for (size_t i = 0; i < records.count; i++) {
        CLEANUP(store_result_freep) struct store_result *row = NULL;
        struct job *job;

        if (records.items[i].kind != owner->kind)
            continue;
        if (store_load(services->store, records.items[i].result, &row, error) < 0 ||
            resume(&job, services, owner, row, &records.items[i], error) < 0)
            return -1;
        row = NULL;
        take(owner->data, job);
    }
    return 0;
}

void jobs_remove(struct job **jobs, struct job *job)
{
    struct job **place = jobs;

    while (*place != job)
        place = &(*place)->next;
    *place = job->next;
}

void jobs_stop(struct job **jobs)
{
    while (*jobs) {
        struct job *job = *jobs;

        *jobs = job->next;
        if (job->waits != JOB_GOES_ON)
            job_stop_waiting(job);
        job_free(job);
    }
}

void job_free(struct job *job)
{
    if (!job)
        return;
    operation_clear(&job->operation);
    store_job_clear(&job->record);
    job_findings_clear(&job->found);
    store_result_free(job->row);
    result_free(job->result);
    free(job->branch);
    free(job->patch);
    free(job->doubt);
    free(job->scratch);
    free(job);
}
