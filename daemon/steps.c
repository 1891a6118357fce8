#include "daemon/steps.h"

#include "common/log.h"
#include "common/memory.h"
#include "daemon/document.h"
#include "daemon/events.h"
#include "daemon/job.h"
#include "daemon/job/findings.h"
#include "daemon/store/job.h"
#include "daemon/store/pull.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define FORGE (ROW_NEEDS_API | ROW_NEEDS_GIT)

/* clang-format off */
static const struct step rows[] = {
    {.name = "base", .doing = "running the tests on the base for", .start = step_base_start,
     .is_due = step_base_is_due, .leaves = &finding_base,
     .needs = ROW_NEEDS_GIT, .runs = ROW_RUNS_BASE, .early = true},
    {.name = "recheck", .doing = "looking again at", .start = step_recheck_start, .early = true, .quiet = true},
    {.name = "branch", .doing = "branching", .start = step_branch_start,
     .undo = step_branch_undo, .undo_is_due = step_branch_undo_is_due, .leaves = &finding_branch,
     .needs = FORGE, .undo_needs = ROW_NEEDS_GIT, .tells = ROW_TELLS_BRANCH, .early = true},
    {.name = "compose", .doing = "composing", .start = step_compose_start,
     .undo = step_compose_undo, .leaves = &finding_compose,
     .needs = FORGE | ROW_NEEDS_SOURCES, .early = true},
    {.name = "validate", .doing = "validating", .start = step_validate_start,
     .undo = step_validate_undo, .leaves = &finding_validate, .runs = ROW_RUNS_TESTS},
    {.name = "judge", .doing = "judging", .start = step_judge_start, .quiet = true},
    {.name = "push", .doing = "pushing", .start = step_push_start, .leaves = &finding_push,
     .needs = ROW_NEEDS_GIT}, /* undone with the branch */
    {.name = "confirm", .doing = "judging", .start = step_confirm_start, .quiet = true},
    {.name = "describe", .doing = "describing", .start = step_describe_start,
     .leaves = &finding_describe, .back = "compose", .quiet = true},
    {.name = "pull", .doing = "opening the pull request of", .start = step_pull_start,
     .undo = step_pull_undo, .undo_is_due = step_pull_undo_is_due, .leaves = &finding_pull,
     .needs = FORGE, .undo_needs = FORGE, .tells = ROW_TELLS_PULL_URL, .opens = true},
    {.name = "label", .doing = "labelling", .start = step_label_start, .needs = ROW_NEEDS_API},
    {.name = "status", .doing = "setting the commit status of", .start = step_status_start, .needs = ROW_NEEDS_API},
    {.name = "review", .doing = "asking the reviewers of", .start = step_review_start, .needs = ROW_NEEDS_API},
};

static const struct step refresh_rows[] = {
    {.name = "look", .doing = "looking again at", .start = step_refresh_look_start,
     .undo = step_refresh_look_undo, .undo_is_due = step_refresh_look_undo_is_due, .leaves = &finding_tip,
     .needs = FORGE, .undo_needs = ROW_NEEDS_API},
    {.name = "base", .doing = "running the tests on the base for", .start = step_refresh_base_start,
     .is_due = step_base_is_due, .needs = ROW_NEEDS_GIT, .runs = ROW_RUNS_BASE},
    {.name = "compose", .doing = "composing again", .start = step_compose_start,
     .undo = step_compose_undo, .leaves = &finding_compose,
     .needs = FORGE | ROW_NEEDS_SOURCES},
    {.name = "validate", .doing = "validating again", .start = step_validate_start,
     .undo = step_validate_undo, .leaves = &finding_validate, .runs = ROW_RUNS_TESTS},
    {.name = "push", .doing = "pushing", .start = step_push_start, .leaves = &finding_push,
     .needs = ROW_NEEDS_GIT, .forward = true},
    {.name = "describe", .doing = "describing", .start = step_refresh_describe_start,
     .leaves = &finding_describe, .quiet = true, .forward = true},
    {.name = "edit", .doing = "editing the pull request of", .start = step_refresh_edit_start,
     .leaves = &finding_edit, .needs = ROW_NEEDS_API, .forward = true, .optional = true},
    {.name = "status", .doing = "setting the commit status of", .start = step_status_start,
     .needs = ROW_NEEDS_API, .forward = true, .optional = true},
    {.name = "comment", .doing = "commenting on", .start = step_refresh_comment_start,
     .leaves = &finding_comment, .needs = ROW_NEEDS_API, .forward = true, .optional = true},
};
/* clang-format on */

static_assert(sizeof(rows) / sizeof(rows[0]) + sizeof(refresh_rows) / sizeof(refresh_rows[0]) <=
                  COUNTERS_STEP_LIMIT,
              "each step is counted");

static void tell_end(const struct job *job, enum decision decision, const char *reason)
{
    const struct store_job *record = &job->record;
    bool failed = decision == DECISION_FAILED, promoted = decision == DECISION_PROMOTED;

    counters_job(job->services->counters, decision, failed ? record->failed_step : NULL);
    log_event(&event_result_decided, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("metric", job->row->metric), LOG_NUMBER("before", record->reference),
              LOG_NUMBER("after", job->row->claim.after.mean),
              LOG_TEXT("decision", decision_name(decision)),
              LOG_TEXT("step", failed ? record->failed_step : NULL),
              LOG_NUMBER("pull", record->pull && promoted ? (double)record->pull : NAN),
              LOG_TEXT("url", promoted && *record->pull_url ? record->pull_url : NULL),
              LOG_TEXT("branch", job->branch), LOG_TEXT("reason", *reason ? reason : NULL));
}

/* All of it is undone, and nothing is decided: it begins again, without its findings. */
static int queue_again(struct job *job, const char *reason, struct error *error)
{
    if (store_requeue_job(job->services->store, &job->record, error) < 0)
        return -1;
    log_event(&event_job_back, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("step", rows[0].name), LOG_NUMBER("before", job->record.reference),
              LOG_TEXT("reason", reason));
    return 0;
}

static int end(struct job *job, enum decision decision, const char *reason, struct error *error)
{
    const struct store_job *record = &job->record;
    const struct repository_change *change = &job->found.change;
    bool turned_down = decision == DECISION_DISCARDED || decision == DECISION_SUPERSEDED;
    CLEANUP_FREE char *full = decision == DECISION_FAILED
                                  ? memory_format("%s: %s", record->failed_step, reason)
                                  : memory_copy(reason);
    struct store_job_end end = {
        .decision = {.decision = decision,
                     .reason = full,
                     .reference = record->reference,
                     .reference_result = turned_down ? record->turned_down_by : 0},
        .measured = *change->measured ? change->measured : change->commit,
        .pull_state = job->settled ? job->settled_as : PULL_OPEN,
        .left = document_left(job),
        .contained = job->found.change.contained,
        .contained_count = job->found.change.contained_count,
        .supersedes = job->services->config->pulls.supersede,
    };

    /* First, as nobody does it once the job is over in the store. */
    repository_forget(job->services->repository, job->branch);
    if (decision == DECISION_QUEUED)
        return queue_again(job, reason, error);
    if (store_end_job(job->services->store, record, &end, error) < 0)
        return -1;
    tell_end(job, decision, reason);
    return 0;
}

const struct step_table promotion_steps = {rows, sizeof(rows) / sizeof(rows[0]), end};

/* ---- refreshes ---------------------------------------------------------------------------------- */

static void tell_refresh(const struct job *job, enum decision decision, const char *reason)
{
    const struct log_event *event = decision == DECISION_PROMOTED ? &event_pull_refreshed
                                    : decision == DECISION_FAILED ? &event_pull_stale
                                                                  : &event_refresh_given_up;

    log_event(event, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_INTEGER("pull", job->record.pull), LOG_TEXT("branch", job->branch),
              LOG_TEXT("reason", *reason ? reason : NULL));
}

/* A text that a person has edited keeps the digest of ours, so that it is still known as edited. */
static int read_left(const struct job *job, struct store_left *left, struct error *error)
{
    struct store_left before;
    char opened_on[GIT_HASH_SIZE];

    if (store_get_left(job->services->store, job->row->id, &before, opened_on, error) < 0)
        return -1;
    *left = document_left(job);
    if (job->found.refresh.title_stays || !job->found.refresh.edited)
        memcpy(left->title, before.title, sizeof(left->title));
    if (job->found.refresh.body_stays || !job->found.refresh.edited)
        memcpy(left->body, before.body, sizeof(left->body));
    return 0;
}

/* A pull request that was noted as merged meanwhile may be what a conflict came from: it counts for another try. */
static int find_stale_base(const struct job *job, const char **base, struct error *error)
{
    unsigned merged;

    if (store_count_merged_pulls(job->services->store, &merged, error) < 0)
        return -1;
    *base = merged == job->found.refresh.merged ? job->found.branch.base : "";
    return 0;
}

static int end_refresh(struct job *job, enum decision decision, const char *reason,
                       struct error *error)
{
    bool failed = decision == DECISION_FAILED;
    struct store_refresh_end end = {
        .refreshed = decision == DECISION_PROMOTED,
        .stale = failed || decision == DECISION_DISCARDED ? reason : NULL,
        .empty_on = decision == DECISION_DISCARDED ? job->found.branch.base : "",
    };

    if (find_stale_base(job, &end.stale_on, error) < 0 ||
        (end.refreshed && read_left(job, &end.left, error) < 0))
        return -1;
    /* First, as nobody does it once the job is over in the store. */
    repository_forget(job->services->repository, job->branch);
    if (store_end_refresh(job->services->store, &job->record, &end, error) < 0)
        return -1;
    tell_refresh(job, decision, reason);
    return 0;
}

const struct step_table refresh_steps = {
    refresh_rows, sizeof(refresh_rows) / sizeof(refresh_rows[0]), end_refresh};

const struct step *step_of(const struct store_job *record)
{
    const struct step_table *table = record->kind == JOB_REFRESH ? &refresh_steps
                                                                 : &promotion_steps;

    for (size_t i = 0; i < table->count; i++) {
        if (strcmp(table->rows[i].name, record->step) == 0)
            return &table->rows[i];
    }
    return NULL;
}
