/*
 * Step `branch`: makes a branch of our own at the forge, from the base.
 *
 * If the tests ran on a commit of the base, the branch is made there. The API creates it. Older versions of
 * Gitea take no commit, and create it at the tip of the base. So git creates it if the base has moved since,
 * and a branch that was made elsewhere is deleted again.
 *
 * Before the branch is asked for, it must not exist. The commit of the base at that moment is stored with the
 * intent. If the answer is lost, the branch is looked for until it appears, or until ten seconds after it was
 * asked for. A branch that appears is ours if it points at a commit where the base was between then and now.
 */

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/git/hash.h"
#include "daemon/job.h"
#include "daemon/steps.h"

#include <stdio.h>
#include <string.h>

#define LOOK_AGAIN_MS 500

struct scratch {
    bool repeated; /* the branch was asked for again: the first answer was lost */
};

static struct scratch *scratch_of(struct job *job)
{
    return job_scratch(job, sizeof(struct scratch));
}

static void copy_hash(char to[static GIT_HASH_SIZE], const char *from)
{
    snprintf(to, GIT_HASH_SIZE, "%s", from);
}

static void fail_not_ours(struct job *job)
{
    struct error error;

    job->found.branch.posted_ms = 0;
    error_set(&error, ERROR_PERMANENT, "branch %s exists already and is not ours: it is left alone",
              job->branch);
    job_failed(job, &error);
}

/* ---- start -------------------------------------------------------------------------------------- */

static void look(void *data);

static void on_pushed(void *data, const struct error *error);

/* We made it a moment ago at a commit that was not tested. */
static void on_later_deleted(void *data, enum repository_deleted deleted, const char *points_at,
                             const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    job->found.branch.base[0] = '\0';
    if (error)
        job_failed(job, error);
    else
        job->operation = repository_create(job->services->repository, job->branch,
                                           job->found.branch.base_then, on_pushed, job);
}

/* The branch is ours, at a commit of the base. Is it the one that was tested, if any was? */
static void keep_tested(struct job *job)
{
    const char *const expected[] = {job->found.branch.base, NULL};

    if (!*job->found.base.commit || strcmp(job->found.branch.base, job->found.base.commit) == 0)
        job_done(job);
    else
        job->operation = repository_delete(job->services->repository, job->branch, expected,
                                           on_later_deleted, job);
}

/* We have just made it at something else than the base, such as a tag of the same name. It is deleted, and
 * the forge is to blame. */
static void on_foreign_deleted(void *data, enum repository_deleted deleted, const char *points_at,
                               const struct error *error)
{
    struct job *job = data;
    struct error foreign;

    job->operation = NULL;
    error_set_key(&foreign, ERROR_PERMANENT, "forge.base",
                  "the forge made branch %s at %s, where its base %s never was", job->branch,
                  job->found.branch.base, job->services->config->forge.base);
    foreign.installation = true;
    job->found.branch.base[0] = '\0';
    if (error) {
        job_failed(job, error);
        return;
    }
    job->found.branch.posted_ms = 0;
    job_failed(job, &foreign);
}

/* Asks whether the base was at the commit at which the branch was found. */
static void ask_whether_base_had(struct job *job, repository_base_had_callback callback)
{
    job->operation = repository_base_had(job->services->repository, job->found.branch.base,
                                         job->found.branch.base_then, callback, job);
}

/* Reads the answer. Returns false if there is none: the step has failed. */
static bool is_answered(struct job *job, const struct error *error)
{
    job->operation = NULL;
    if (!error)
        return true;
    job->found.branch.base[0] = '\0';
    job_failed(job, error);
    return false;
}

static void on_created_checked(void *data, bool had, const struct error *error)
{
    struct job *job = data;
    const char *const expected[] = {job->found.branch.base, NULL};

    if (!is_answered(job, error))
        return;
    if (had)
        keep_tested(job);
    else
        job->operation = repository_delete(job->services->repository, job->branch, expected,
                                           on_foreign_deleted, job);
}

/* The answer names a commit, where the base is or was. */
static void take_created(struct job *job, const char *sha)
{
    copy_hash(job->found.branch.base, sha);
    if (strcmp(sha, job->found.branch.base_then) == 0)
        job_done(job);
    else
        ask_whether_base_had(job, on_created_checked);
}

/* It was refused: nothing was made, unless an earlier attempt is still at work. An attempt without an answer
 * may be at work for as long after its connection ended as after it was sent. */
static void note_unmade(struct job *job, const struct error *error)
{
    if (error->kind != ERROR_TRANSIENT && !scratch_of(job)->repeated)
        job->found.branch.posted_ms = 0;
    else
        job->found.branch.posted_ms = clock_now_ms();
}

/* If the API answered 500, whatever it said, git makes the branch, or says why it cannot be made. */
static void on_pushed(void *data, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (!error) {
        copy_hash(job->found.branch.base, job->found.branch.base_then);
        job_done(job);
        return;
    }
    note_unmade(job, error);
    job_failed(job, error);
}

static void on_created(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (!error) {
        take_created(job, reply->sha);
    } else if (reply->unexplained) {
        job->operation = repository_create(job->services->repository, job->branch,
                                           job->found.branch.base_then, on_pushed, job);
    } else if (error->kind != ERROR_TRANSIENT && reply->conflict && scratch_of(job)->repeated) {
        look(job); /* the first attempt arrived after all, or somebody was faster */
    } else {
        note_unmade(job, error);
        job_forge_failed(job, reply, error);
    }
}

static void create(struct job *job, const char *tip)
{
    const char *base = *job->found.base.commit ? job->found.base.commit : tip;
    struct forge *forge = job->services->forge;

    scratch_of(job)->repeated = job->found.branch.posted_ms != 0;
    copy_hash(job->found.branch.base_then, base);
    job->found.branch.posted_ms = clock_now_ms();
    if (!job_save(job)) {
        job->found.branch.posted_ms = 0;
        return;
    }
    if (strcmp(base, tip) == 0)
        job->operation = forge->functions->create_branch(forge, job->branch, base, on_created, job);
    else
        job->operation = repository_create(job->services->repository, job->branch, base, on_pushed,
                                           job);
}

static void on_adoptable(void *data, bool had, const struct error *error)
{
    struct job *job = data;

    if (!is_answered(job, error))
        return;
    if (had) {
        keep_tested(job);
    } else {
        job->found.branch.base[0] = '\0';
        fail_not_ours(job);
    }
}

static void adopt(struct job *job, const char *points_at)
{
    copy_hash(job->found.branch.base, points_at);
    ask_whether_base_had(job, on_adoptable);
}

static void on_looked(void *data, const struct repository_refs *refs, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
    } else if (job->found.branch.posted_ms == 0) {
        if (*refs->branch)
            fail_not_ours(job);
        else
            create(job, refs->base);
    } else if (*refs->branch) {
        adopt(job, refs->branch);
    } else if (forge_may_still_appear(&job->found.branch.posted_ms)) {
        job_pause(job, LOOK_AGAIN_MS, look);
    } else {
        create(job, refs->base);
    }
}

static void look(void *data)
{
    struct job *job = data;

    job->operation = repository_look(job->services->repository, job->branch, on_looked, job);
}

void step_branch_start(struct job *job)
{
    if (*job->found.branch.base)
        job_done(job); /* an earlier attempt got that far */
    else
        look(job);
}

/* ---- undo --------------------------------------------------------------------------------------- */

static void tell_kept(const struct job *job, const char *points_at)
{
    CLEANUP_FREE char *reason = memory_format("it points at %s", points_at);

    log_event(&event_branch_kept, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("branch", job->branch), LOG_TEXT("reason", reason));
}

/* A rule or a hook of the server would refuse it for ever, and the decision must not wait. */
static void keep_refused(struct job *job, const struct error *error)
{
    CLEANUP_FREE char *before = TAKE(job->record.reason);

    job->record.reason = memory_format(
        "%s; branch %s is kept, as the forge refuses to delete it: %s", before ? before : "",
        job->branch, error->message);
    log_event(&event_branch_refused, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("branch", job->branch), LOG_TEXT("reason", error->message));
    job_done(job);
}

static void on_deleted(void *data, enum repository_deleted deleted, const char *points_at,
                       const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error && deleted == REPOSITORY_REFUSED) {
        keep_refused(job, error);
        return;
    }
    if (error) {
        job_failed(job, error);
        return;
    }
    if (deleted == REPOSITORY_MOVED)
        tell_kept(job, points_at);
    job_done(job);
}

static void delete (struct job *job)
{
    const char *expected[] = {
        job->found.push_sent ? job->found.change.commit : job->found.branch.base,
        job->found.push_sent ? job->found.branch.base : NULL,
        NULL,
    };

    job->operation = repository_delete(job->services->repository, job->branch, expected, on_deleted,
                                       job);
}

static void on_found_checked(void *data, bool had, const struct error *error)
{
    struct job *job = data;

    if (!is_answered(job, error))
        return;
    if (had) {
        delete (job);
    } else {
        tell_kept(job, job->found.branch.base);
        job_done(job);
    }
}

static void look_for_lost(void *data);

static void on_looked_for_lost(void *data, const struct repository_refs *refs,
                               const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
    } else if (*refs->branch) {
        copy_hash(job->found.branch.base, refs->branch);
        ask_whether_base_had(job, on_found_checked);
    } else if (forge_may_still_appear(&job->found.branch.posted_ms)) {
        job_pause(job, LOOK_AGAIN_MS, look_for_lost);
    } else {
        job_done(job);
    }
}

static void look_for_lost(void *data)
{
    struct job *job = data;

    job->operation = repository_look(job->services->repository, job->branch, on_looked_for_lost,
                                     job);
}

bool step_branch_undo_is_due(const struct job *job)
{
    return job->found.branch.posted_ms != 0;
}

void step_branch_undo(struct job *job)
{
    if (!*job->found.branch.base)
        look_for_lost(job);
    else
        delete (job);
}
