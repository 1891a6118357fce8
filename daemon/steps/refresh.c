/*
 * Steps of a refresh: an open pull request is brought onto a base that has moved.
 *
 *   look      where base and branch are, and that the branch is where we left it
 *   base      the tests on the new base, before anything is composed on it
 *   compose   (as in a promotion) the change on the new base, as a merge of the base into the branch
 *   validate  (as in a promotion) runs the tests on that merge
 *   push      (as in a promotion) moves the branch to it; from here on nothing is undone
 *   describe  writes title and body again
 *   edit      gives them to the pull request, unless a person has edited them
 *   status    (as in a promotion)
 *   comment   says what was done
 *
 * The undo of `look` comes last, and comments why there is no refresh.
 */

#include "common/loop.h"
#include "common/memory.h"
#include "daemon/document.h"
#include "daemon/job.h"
#include "daemon/lane.h"
#include "daemon/steps.h"
#include "daemon/store/job.h"
#include "daemon/store/pull.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_AGAIN_MS 500

/* ---- look --------------------------------------------------------------------------------------- */

static void fail_moved(struct job *job, const char *branch)
{
    struct error moved;

    error_set(&moved, ERROR_PERMANENT, "somebody else moved branch %s to %s", job->branch, branch);
    job_failed_itself(job, &moved);
}

static void on_looked(void *data, const struct repository_refs *refs, const struct error *error)
{
    struct job *job = data;
    struct store_pull pull;
    struct error failed;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
        return;
    }
    if (store_get_pull(job->services->store, job->row->id, &pull, &failed) < 0 ||
        store_count_merged_pulls(job->services->store, &job->found.refresh.merged, &failed) < 0) {
        job_later(job, &failed, -1);
        return;
    }
    job->record.pull = pull.number;
    job->found.refresh.told = pull.stale;
    snprintf(job->found.branch.base, sizeof(job->found.branch.base), "%s", refs->base);
    /* It is not known where an earlier version left the branch. */
    job->found.refresh.stays = !*pull.head;
    snprintf(job->found.refresh.tip, sizeof(job->found.refresh.tip), "%s",
             *pull.head ? pull.head : refs->branch);
    if (pull.state != PULL_OPEN || !*refs->branch)
        job_turned_down(job, DECISION_SUPERSEDED, 0, "its pull request is not open any more");
    else if (strcmp(refs->branch, job->found.refresh.tip) != 0)
        fail_moved(job, refs->branch);
    else
        job_done(job);
}

void step_refresh_look_start(struct job *job)
{
    job->found.refresh.base_read_ms = clock_now_ms();
    job->operation = repository_look(job->services->repository, job->branch, on_looked, job);
}

/* ---- base --------------------------------------------------------------------------------------- */

/* A base that fails stops no refresh: the change may mend it. */
static void on_base_found(void *data, const struct base_verdict *verdict, const char *waits,
                          const struct error *error)
{
    struct job *job = data;

    (void)verdict;
    job->operation = NULL;
    if (error)
        job_failed(job, error);
    else if (waits)
        job_waits(job, waits);
    else
        job_done(job);
}

void step_refresh_base_start(struct job *job)
{
    if (!step_base_is_due(job))
        job_done(job); /* a reload says so while it waited */
    else
        job->operation = base_find(job->services->base, job->found.branch.base, 0, on_base_found,
                                   job);
}

/* ---- comments ----------------------------------------------------------------------------------- */

/* A refused comment does no harm: the refresh goes on without it. */
static void on_commented(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error && !(job_undoing(job) && error->kind == ERROR_PERMANENT && !reply->unauthorized))
        job_forge_failed(job, reply, error);
    else
        job_done(job);
}

static void send_comment(void *data)
{
    struct job *job = data;
    struct forge *forge = job->services->forge;
    bool again = job->found.refresh.commented_ms != 0;

    job->operation = NULL;
    if (again && forge_may_still_appear(&job->found.refresh.commented_ms)) {
        job_pause(job, LOOK_AGAIN_MS, send_comment);
        return;
    }
    job->found.refresh.commented_ms = clock_now_ms();
    if (job_save(job))
        job->operation = forge->functions->comment_pull(
            forge, job->record.pull, job->found.refresh.comment, again, on_commented, job);
}

/* Takes over `text`. The same text is never posted twice: if an answer was lost, the comment is looked for
 * when it can no longer be on its way. */
static void comment(struct job *job, char *text)
{
    if (job->found.refresh.comment)
        free(text);
    else
        job->found.refresh.comment = text;
    send_comment(job);
}

/* Only once, whatever prevents a refresh later. */
bool step_refresh_look_undo_is_due(const struct job *job)
{
    return job->record.outcome == DECISION_FAILED && job->record.pull && !job->found.refresh.told;
}

static void on_looked_at_pull(void *data, const struct forge_reply *reply,
                              const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error && (error->kind == ERROR_TRANSIENT || reply->unauthorized))
        job_forge_failed(job, reply, error);
    else if (error || reply->pulls[0].state != PULL_OPEN)
        job_done(job); /* nobody wants to know any more */
    else
        comment(job, document_stale(job));
}

void step_refresh_look_undo(struct job *job)
{
    struct forge *forge = job->services->forge;

    job->operation = forge->functions->look_pull(forge, job->record.pull, on_looked_at_pull, job);
}

void step_refresh_comment_start(struct job *job)
{
    comment(job, document_refreshed(job));
}

/* ---- describe, edit ----------------------------------------------------------------------------- */

/* The "before" is the best of all that was decided earlier and still counts. */
static int judge(struct job *job, struct error *error)
{
    const struct config_metric *metric = job_metric(job);

    if (!metric)
        return error_set(error, ERROR_PERMANENT, "its metric is not configured any more");
    if (lane_judge_before(job->services->store, metric, job->row, &job->verdict, error) < 0)
        return -1;
    job->record.reference = job->verdict.reference;
    return 0;
}

void step_refresh_describe_start(struct job *job)
{
    struct store_left left;
    struct error error;

    if (judge(job, &error) < 0 ||
        store_get_left(job->services->store, job->row->id, &left, job->opened_on, &error) < 0 ||
        document_write(job, &error) < 0)
        job_failed(job, &error);
    else
        job_done(job);
}

/* Whether it is neither what we last wrote nor what we are about to write. */
static bool is_edited(const char *found, const char *wrote, const char *write)
{
    char digest[DIGEST_HEX_SIZE];

    document_digest(digest, found);
    return strcmp(digest, wrote) != 0 && strcmp(found, write) != 0;
}

static void on_edited(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    job->found.refresh.edited = !error;
    if (error)
        job_forge_failed(job, reply, error);
    else
        job_done(job);
}

static void edit(struct job *job, const struct forge_pull *pull, const struct store_left *left)
{
    struct forge *forge = job->services->forge;
    struct job_findings *found = &job->found;

    if (pull->state != PULL_OPEN) { /* whoever settled it saw what was there */
        found->refresh.title_stays = found->refresh.body_stays = true;
        job_done(job);
        return;
    }
    found->refresh.title_stays = is_edited(pull->title, left->title, found->text.title);
    found->refresh.body_stays = is_edited(pull->body, left->body, found->text.body);
    if (found->refresh.title_stays && found->refresh.body_stays) {
        job_done(job);
        return;
    }
    if (!job_save(job))
        return;
    job->operation = forge->functions->edit_pull(
        forge, job->record.pull, found->refresh.title_stays ? NULL : found->text.title,
        found->refresh.body_stays ? NULL : found->text.body, on_edited, job);
}

static void on_looked_for_edit(void *data, const struct forge_reply *reply,
                               const struct error *error)
{
    struct job *job = data;
    struct store_left left;
    char opened_on[GIT_HASH_SIZE];
    struct error failed;

    job->operation = NULL;
    if (error)
        job_forge_failed(job, reply, error);
    else if (store_get_left(job->services->store, job->row->id, &left, opened_on, &failed) < 0)
        job_later(job, &failed, -1);
    else
        edit(job, &reply->pulls[0], &left);
}

static void look_for_edit(struct job *job)
{
    struct forge *forge = job->services->forge;

    job->operation = forge->functions->look_pull(forge, job->record.pull, on_looked_for_edit, job);
}

static void on_noted(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error)
        job_forge_failed(job, reply, error);
    else
        look_for_edit(job);
}

void step_refresh_edit_start(struct job *job)
{
    struct forge *forge = job->services->forge;

    if (forge->functions->note_head)
        job->operation = forge->functions->note_head(forge, job->record.pull,
                                                     job->found.change.commit, on_noted, job);
    else
        look_for_edit(job);
}
