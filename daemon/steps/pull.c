/*
 * Step `pull`: opens the pull request once.
 *
 * A forge looks and inserts without a lock, and an answer can be lost. So after every attempt the open pull
 * requests of our branch are listed. The marker in the body tells which are ours. The lowest of these is
 * kept, and the others are closed. The kept one must have the commit that was validated.
 */

#include "daemon/store/pull.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/description.h"
#include "daemon/events.h"
#include "daemon/job.h"
#include "daemon/steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_MS 500

struct scratch {
    bool conflict_seen; /* the forge said that a pull request of our branch exists */
};

static struct scratch *scratch_of(struct job *job)
{
    return job_scratch(job, sizeof(struct scratch));
}

static bool is_ours(const struct job *job, const struct forge_pull *pull)
{
    CLEANUP_FREE char *marker = description_marker(job->row->experiment_id, job->row->digest);

    return pull->body && strstr(pull->body, marker);
}

/* Returns the lowest of ours in a list that is sorted by number, without `except`; NULL: there is none. */
static const struct forge_pull *first_of_ours(const struct job *job,
                                              const struct forge_reply *reply, int64_t except)
{
    for (size_t i = 0; i < reply->pull_count; i++) {
        if (reply->pulls[i].number != except && is_ours(job, &reply->pulls[i]))
            return &reply->pulls[i];
    }
    return NULL;
}

static const struct forge_pull *find_pull(const struct forge_reply *reply, int64_t number)
{
    for (size_t i = 0; i < reply->pull_count; i++) {
        if (reply->pulls[i].number == number)
            return &reply->pulls[i];
    }
    return NULL;
}

/* From now on it is this one. */
static void adopt(struct job *job, const struct forge_pull *pull)
{
    const char *url = pull->url ? pull->url : "";

    job->record.pull = pull->number;
    snprintf(job->record.pull_url, sizeof(job->record.pull_url), "%s",
             strlen(url) < sizeof(job->record.pull_url) ? url : "");
}

/* ---- start: the pull request is there ----------------------------------------------------------- */

static void list_after(struct job *job);

/* The forge may lag behind a push. Git knows. */
static void on_looked_at_branch(void *data, const struct repository_refs *refs,
                                const struct error *error)
{
    struct job *job = data;
    struct error moved;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
    } else if (strcmp(refs->branch, job->found.change.commit) == 0) {
        job_done(job);
    } else {
        error_set(&moved, ERROR_PERMANENT, "somebody else moved branch %s to %s", job->branch,
                  *refs->branch ? refs->branch : "nothing");
        job_failed(job, &moved);
    }
}

static void on_duplicate_closed(void *data, const struct forge_reply *reply,
                                const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error)
        job_forge_failed(job, reply, error);
    else
        list_after(job);
}

static void close_duplicate(struct job *job, int64_t number)
{
    struct forge *forge = job->services->forge;

    log_event(&event_pull_duplicate_closed, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_INTEGER("pull", number));
    job->operation = forge->functions->close_pull(forge, number, on_duplicate_closed, job);
}

static void on_listed_after(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;
    const struct forge_pull *lowest, *duplicate;
    const struct forge_pull *kept;

    job->operation = NULL;
    if (error) {
        job_forge_failed(job, reply, error);
        return;
    }
    lowest = first_of_ours(job, reply, 0);
    if (lowest && lowest->number < job->record.pull) {
        adopt(job, lowest);
        if (!job_save(job))
            return;
    }
    duplicate = first_of_ours(job, reply, job->record.pull);
    kept = find_pull(reply, job->record.pull);
    if (duplicate)
        close_duplicate(job, duplicate->number);
    else if (kept && strcmp(kept->sha, job->found.change.commit) != 0)
        job->operation = repository_look(job->services->repository, job->branch,
                                         on_looked_at_branch, job);
    else
        job_done(job); /* it is not listed: a person settled it, or the forge lags */
}

static void list_after(struct job *job)
{
    struct forge *forge = job->services->forge;

    job->operation = forge->functions->list_pulls(forge, job->branch, on_listed_after, job);
}

/* Only for people. A local forge knows nothing of merges: there the pull request was made on the base just
 * now, and refresh.c looks later. */
static void note_mergeable(const struct job *job, const struct forge_pull *pull)
{
    bool local = job->services->config->forge.kind == FORGE_LOCAL;
    struct error ignored;

    (void)store_set_mergeable(job->services->store, job->row->id,
                              local ? FORGE_MERGEABLE : pull->mergeable, &ignored);
}

/* ---- start: opening it -------------------------------------------------------------------------- */

static void look(void *data);

static void on_opened(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (!error) {
        adopt(job, &reply->pulls[0]);
        note_mergeable(job, &reply->pulls[0]);
        if (job_save(job))
            list_after(job);
    } else if (error->kind != ERROR_TRANSIENT && reply->conflict &&
               !scratch_of(job)->conflict_seen) {
        scratch_of(job)->conflict_seen = true;
        look(job); /* ours, from an attempt whose answer was lost, or somebody's */
    } else {
        if (error->kind != ERROR_TRANSIENT && !reply->conflict)
            job->found.pull.posted_ms = 0; /* refused: nothing was opened */
        job_forge_failed(job, reply, error);
    }
}

static void open_pull(struct job *job)
{
    struct forge *forge = job->services->forge;
    int64_t posted_before = job->found.pull.posted_ms;
    struct error error;

    if (!job->found.text.title) {
        error_set(&error, ERROR_BUG, "the pull request's text is not in the store");
        job_failed(job, &error);
        return;
    }
    job->found.pull.posted_ms = clock_now_ms();
    if (!job_save(job)) {
        job->found.pull.posted_ms = posted_before;
        return;
    }
    job->operation = forge->functions->open_pull(forge, job->branch, job->found.change.commit,
                                                 job->found.text.title, job->found.text.body,
                                                 on_opened, job);
}

static void fail_taken(struct job *job)
{
    struct error error;

    error_set(&error, ERROR_PERMANENT, "the forge has a pull request of branch %s that is not ours",
              job->branch);
    job_failed(job, &error);
}

static void on_looked(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;
    const struct forge_pull *ours;

    job->operation = NULL;
    if (error) {
        job_forge_failed(job, reply, error);
        return;
    }
    ours = first_of_ours(job, reply, 0);
    if (ours) {
        adopt(job, ours);
        if (job_save(job))
            list_after(job);
    } else if (scratch_of(job)->conflict_seen && reply->pull_count > 0) {
        fail_taken(job);
    } else if (forge_may_still_appear(&job->found.pull.posted_ms)) {
        job_pause(job, LOOK_AGAIN_MS, look);
    } else {
        open_pull(job);
    }
}

static void look(void *data)
{
    struct job *job = data;
    struct forge *forge = job->services->forge;

    job->operation = forge->functions->list_pulls(forge, job->branch, on_looked, job);
}

void step_pull_start(struct job *job)
{
    if (job->record.pull)
        list_after(job);
    else if (job->found.pull.posted_ms)
        look(job);
    else
        open_pull(job);
}

/* ---- undo --------------------------------------------------------------------------------------- */

static void list_for_undo(void *data);

/* It would be refused for ever, and the decision must not wait. */
static void keep_refused(struct job *job, const struct error *error)
{
    CLEANUP_FREE char *before = TAKE(job->record.reason);

    job->record.reason = memory_format("%s; pull request %" PRId64
                                       " is kept, as the forge refuses to close it: %s",
                                       before ? before : "", job->record.pull, error->message);
    log_event(&event_pull_refused, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_INTEGER("pull", job->record.pull), LOG_TEXT("reason", error->message));
    job_done(job);
}

static void on_closed(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error && reply->this_only)
        keep_refused(job, error);
    else if (error)
        job_forge_failed(job, reply, error);
    else
        list_for_undo(job); /* until none of ours is open */
}

static void close_ours(struct job *job, int64_t number)
{
    struct forge *forge = job->services->forge;

    job->record.pull = number;
    job->found.pull.close_posted_ms = clock_now_ms();
    if (job_save(job))
        job->operation = forge->functions->close_pull(forge, number, on_closed, job);
}

/* It is not open, and we have not closed it. So a person closed or merged it. */
static void on_looked_at_pull(void *data, const struct forge_reply *reply,
                              const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error && reply->gone)
        job_done(job);
    else if (error)
        job_forge_failed(job, reply, error);
    else if (reply->pulls[0].state == PULL_MERGED ||
             (reply->pulls[0].state == PULL_CLOSED && !job->found.pull.close_posted_ms))
        job_settled_by_person(job, reply->pulls[0].state);
    else if (reply->pulls[0].state == PULL_OPEN)
        close_ours(job, job->record.pull); /* the list lags behind */
    else
        job_done(job);
}

static void on_listed_for_undo(void *data, const struct forge_reply *reply,
                               const struct error *error)
{
    struct job *job = data;
    struct forge *forge = job->services->forge;
    const struct forge_pull *ours;

    job->operation = NULL;
    if (error) {
        job_forge_failed(job, reply, error);
        return;
    }
    ours = first_of_ours(job, reply, 0);
    if (ours)
        close_ours(job, ours->number);
    else if (job->record.pull)
        job->operation = forge->functions->look_pull(forge, job->record.pull, on_looked_at_pull,
                                                     job);
    else if (forge_may_still_appear(&job->found.pull.posted_ms))
        job_pause(job, LOOK_AGAIN_MS, list_for_undo);
    else
        job_done(job);
}

static void list_for_undo(void *data)
{
    struct job *job = data;
    struct forge *forge = job->services->forge;

    job->operation = forge->functions->list_pulls(forge, job->branch, on_listed_for_undo, job);
}

/* A commit that somebody pushed to our branch is theirs. The pull request stays open as well. */
static void on_looked_for_undo(void *data, const struct repository_refs *refs,
                               const struct error *error)
{
    struct job *job = data;
    bool ours = error || !*refs->branch || strcmp(refs->branch, job->found.change.commit) == 0 ||
                strcmp(refs->branch, job->found.branch.base) == 0;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
    } else if (!ours) {
        log_event(&event_pull_kept, LOG_TEXT("experiment", job->row->experiment_id),
                  LOG_TEXT("branch", job->branch), LOG_INTEGER("pull", job->record.pull));
        job_done(job);
    } else {
        list_for_undo(job);
    }
}

bool step_pull_undo_is_due(const struct job *job)
{
    return job->found.pull.posted_ms != 0;
}

void step_pull_undo(struct job *job)
{
    job->operation = repository_look(job->services->repository, job->branch, on_looked_for_undo,
                                     job);
}
