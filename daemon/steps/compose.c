/*
 * Step `compose`: makes one commit of the change on the job's base, in our own repository.
 *
 * The date is that of the result; for a merge, the time at which the base was read. So composing again after
 * a crash makes the same commit.
 */

#include "common/log.h"
#include "common/memory.h"
#include "daemon/document.h"
#include "daemon/events.h"
#include "daemon/job.h"
#include "daemon/merged.h"
#include "daemon/parent.h"
#include "daemon/steps.h"
#include "daemon/store/pull.h"

#include <stdio.h>
#include <string.h>

/* The difference is for people. The pull request is complete without it. */
static void on_difference(void *data, const char *diff, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (!error)
        job->found.change.own_diff = memory_copy(diff);
    job_done(job);
}

/* If it contains earlier experiments, finds what this one changes over the nearest of them. */
static void find_own_change(struct job *job)
{
    const struct repository_change *change = &job->found.change;
    bool found = false;
    size_t i = 0;

    for (; i < change->contained_count && !found; i++) {
        CLEANUP_FREE char *experiment_id = NULL;
        struct error ignored;
        int64_t pull;
        bool closed;

        found = store_find_measured(job->services->store, change->contained[i], &experiment_id,
                                    &pull, &closed, &ignored) == 0 &&
                experiment_id;
    }
    if (found)
        job->operation = repository_difference(job->services->repository, change->contained[i - 1],
                                               change->measured, on_difference, job);
    else
        job_done(job);
}

/* An open pull request whose change is in the base is not refreshed, but closed. */
static void fail(struct job *job, const struct error *error)
{
    if (job_refreshes(job) && error->needless)
        job_turned_down(job, DECISION_DISCARDED, 0, error->message);
    else
        job_failed(job, error);
}

static void on_composed(void *data, const struct repository_change *change,
                        const struct error *error)
{
    struct job *job = data;
    struct error other;

    job->operation = NULL;
    if (error) {
        fail(job, error);
        return;
    }
    if (job->found.refresh.stays) {
        error_set(&other, ERROR_PERMANENT,
                  "an earlier version made branch %s: somebody else may have moved it since",
                  job->branch);
        job_failed_itself(job, &other);
        return;
    }
    if (job->found.push_sent && strcmp(change->commit, job->found.change.commit) != 0) {
        error_set(&other, ERROR_PERMANENT,
                  "composed again, it became another commit than %s, which was pushed already",
                  job->found.change.commit);
        job_failed(job, &other);
        return;
    }
    repository_change_clear(&job->found.change);
    repository_change_copy(&job->found.change, change);
    if (change->notes)
        log_event(&event_patch_mended, LOG_TEXT("experiment", job->row->experiment_id),
                  LOG_TEXT("reason", change->notes));
    if (change->doubt)
        log_event(&event_patch_doubted, LOG_TEXT("experiment", job->row->experiment_id),
                  LOG_TEXT("reason", change->doubt));
    find_own_change(job);
}

/* Returns when the base of the commit was read: just before its branch was asked for, or by the refresh. */
static int64_t base_read_ms(const struct job *job)
{
    return job_refreshes(job) ? job->found.refresh.base_read_ms : job->found.branch.posted_ms;
}

static struct operation *find_merged(void *data, repository_merged_callback callback,
                                     void *callback_data)
{
    struct job *job = data;
    const struct merged_question question = {
        .loop = job->services->loop,
        .config = job->services->config,
        .store = job->services->store,
        .forge = job->services->forge,
        .base_read_ms = base_read_ms(job),
    };

    return merged_find(&question, callback, callback_data);
}

static struct operation *find_parent(void *data, repository_parent_callback callback,
                                     void *callback_data)
{
    struct job *job = data;
    const struct parent_question question = {
        .loop = job->services->loop,
        .store = job->services->store,
        .repository = job->services->repository,
        .spool = job->services->config->spool,
        .base = job->found.branch.base,
        .result = job->result,
    };

    return parent_find(&question, callback, callback_data);
}

/* A merge comes later than what it merges. */
static int64_t date_of(const struct job *job)
{
    return (job_refreshes(job) ? base_read_ms(job) : job->row->received_ms) / 1000;
}

void step_compose_start(struct job *job)
{
    CLEANUP_FREE char *message = NULL;
    struct repository_compose compose;
    struct error error;

    if (!job_metric(job)) {
        error_set(&error, ERROR_PERMANENT, "metric %s is not configured any more",
                  job->row->metric);
        job_failed(job, &error);
        return;
    }
    if (job_load_result(job, &error) < 0) {
        job_failed(job, &error);
        return;
    }
    message = document_message(job);
    compose = (struct repository_compose){
        .base = job->found.branch.base,
        .branch = job->branch,
        .tip = job_refreshes(job) ? job->found.refresh.tip : NULL,
        .result = job->result,
        .patch = job->patch,
        .patch_length = job->patch_length,
        .message = message,
        .date = date_of(job),
        .find_merged = find_merged,
        .find_parent = find_parent,
        .find_data = job,
        /* Results that were merged since would change the commit. */
        .merge_base = *job->found.change.commit ? job->found.change.merge_base : "",
    };
    job->operation = repository_compose(job->services->repository, &compose, on_composed, job);
}

void step_compose_undo(struct job *job)
{
    repository_forget(job->services->repository, job->branch);
    repository_forget_kept(job->services->repository, job->row->experiment_id);
    job_done(job);
}
