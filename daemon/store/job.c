/*
 * The jobs in the store: what they are about to do, and what their steps found.
 */

#include "daemon/store/job.h"
#include "common/loop.h"
#include "daemon/store/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_job_clear(struct store_job *job)
{
    free(job->reason);
    free(job->failed_step);
    job->reason = NULL;
    job->failed_step = NULL;
}

static int write_job(struct store *store, const struct store_job *job, struct error *error)
{
    return store_run(store, error,
                     "UPDATE jobs SET state = ?, step = ?, started = ?, attempt = ?,"
                     " faulty_since_ms = ?, tried_ms = ?, pull = ?, pull_url = ?, reference = ?,"
                     " outcome = ?, reason = ?, failed_step = ?, turned_down_by = ? WHERE id = ?",
                     "itiiiiitrtttii", (int64_t)job->state, job->step, (int64_t)job->started,
                     (int64_t)job->attempt, job->faulty_since_ms, job->tried_ms, job->pull,
                     job->pull_url, job->reference, decision_name(job->outcome), job->reason,
                     job->failed_step, job->turned_down_by, job->id);
}

/* Inserts a row for its id. The columns are then written by the same statement as later, in the same
 * transaction. */
static int add_job(struct store *store, struct store_job *job, struct error *error)
{
    if (store_run(store, error,
                  "INSERT INTO jobs (result, kind, state, step, started, attempt, faulty_since_ms,"
                  " pull, outcome) VALUES (?, ?, 0, '', 0, 0, 0, 0, 'failed')",
                  "ii", job->result, (int64_t)job->kind) < 0)
        return -1;
    job->id = sqlite3_last_insert_rowid(store->database);
    if (job->kind == JOB_PROMOTION &&
        store_run(store, error, "UPDATE results SET job = ? WHERE id = ?", "ii", job->id,
                  job->result) < 0)
        return -1;
    return write_job(store, job, error);
}

int store_add_job(struct store *store, struct store_job *job, struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store, add_job(store, job, error), error);
}

static int save_job(struct store *store, const struct store_job *job,
                    const struct store_finding *found, struct error *error)
{
    if (store_run(store, error,
                  "INSERT OR REPLACE INTO findings (job, step, finding) VALUES (?, ?, ?)", "itt",
                  job->id, found->step, found->json) < 0)
        return -1;
    return write_job(store, job, error);
}

int store_save_job(struct store *store, const struct store_job *job,
                   const struct store_finding *found, struct error *error)
{
    if (!found)
        return write_job(store, job, error);
    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store, save_job(store, job, found, error), error);
}

int store_list_findings(struct store *store, int64_t job, struct store_finding **findings,
                        size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT step, finding FROM findings WHERE job = ?", "i", job);
    int row = -1;

    *findings = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0)
        *STORE_GROW(*findings, *count) = (struct store_finding){
            .step = memory_copy(store_text(statement, 0)),
            .json = memory_copy(store_text(statement, 1)),
        };
    return row;
}

void store_findings_free(struct store_finding *findings, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(findings[i].step);
        free(findings[i].json);
    }
    free(findings);
}

int store_add_step(struct store *store, int64_t job, const char *step, const char *what,
                   unsigned attempt, const char *reason, struct error *error)
{
    return store_run(store, error,
                     "INSERT INTO steps (job, step, what, attempt, reason, at_ms)"
                     " VALUES (?, ?, ?, ?, ?, ?)",
                     "ittiti", job, step, what, (int64_t)attempt, reason, clock_now_ms());
}

/* Queues the result again if the value that it did not beat has left the frontier during the undo. */
static int requeue_if_unfounded(struct store *store, int64_t result, struct error *error)
{
    return store_run(store, error,
                     "UPDATE results SET " STORE_QUEUED_AGAIN
                     " WHERE id = ? AND decision IN ('discarded', 'superseded')"
                     " AND reference_result IN (SELECT id FROM results"
                     " WHERE pull_state IN ('closing', 'closed'))",
                     "i", result);
}

/* It is not stale any more, either. */
static int write_left(struct store *store, int64_t result, const struct store_left *left,
                      struct error *error)
{
    return store_run(store, error,
                     "UPDATE results SET head = ?, base = ?, title_digest = ?, body_digest = ?,"
                     " stale = NULL, line_digest = '', body_sent = '' WHERE id = ?",
                     "tttti", left->head, left->base, left->title, left->body, result);
}

static int write_pull(struct store *store, const struct store_job *job,
                      const struct store_job_end *end, struct error *error)
{
    if (store_run(store, error,
                  "UPDATE results SET pull = ?, pull_url = ?, pull_state = 'open', measured = ?,"
                  " opened_on = ? WHERE id = ?",
                  "ittti", job->pull, job->pull_url, end->measured, end->left.base,
                  job->result) < 0)
        return -1;
    return write_left(store, job->result, &end->left, error) < 0
               ? -1
               : store_write_contained(store, job->result, end->contained, end->contained_count,
                                       error);
}

static int write_over(struct store *store, const struct store_job *job, struct error *error)
{
    if (write_job(store, job, error) < 0 ||
        store_run(store, error, "UPDATE jobs SET state = ? WHERE id = ?", "ii", (int64_t)JOB_OVER,
                  job->id) < 0)
        return -1;
    return store_run(store, error, "DELETE FROM findings WHERE job = ?", "i", job->id);
}

static int end_job(struct store *store, const struct store_job *job,
                   const struct store_job_end *end, struct error *error)
{
    bool promoted = end->decision.decision == DECISION_PROMOTED;

    if (write_over(store, job, error) < 0)
        return -1;
    if (promoted && write_pull(store, job, end, error) < 0)
        return -1;
    if (store_write_decision(store, job->result, &end->decision, error) < 0 ||
        requeue_if_unfounded(store, job->result, error) < 0 ||
        store_let_go_of_content(store, job->result, error) < 0)
        return -1;
    if (!promoted)
        return 0;
    return end->pull_state == PULL_OPEN
               ? store_write_opened(store, job->result, end->supersedes, error)
               : store_write_settled(store, job->result, end->pull_state, error);
}

int store_end_job(struct store *store, const struct store_job *job, const struct store_job_end *end,
                  struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store, end_job(store, job, end, error), error);
}

static int end_refresh(struct store *store, const struct store_job *job,
                       const struct store_refresh_end *end, struct error *error)
{
    if (write_over(store, job, error) < 0)
        return -1;
    if (end->refreshed)
        return write_left(store, job->result, &end->left, error);
    if (!end->stale)
        return 0;
    return store_run(store, error,
                     "UPDATE results SET stale = ?, stale_on = ?, empty_on = ? WHERE id = ?",
                     "ttti", end->stale, end->stale_on, end->empty_on, job->result);
}

int store_end_refresh(struct store *store, const struct store_job *job,
                      const struct store_refresh_end *end, struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store, end_refresh(store, job, end, error), error);
}

static int requeue_job(struct store *store, const struct store_job *job, struct error *error)
{
    if (write_over(store, job, error) < 0)
        return -1;
    return store_run(store, error, "UPDATE results SET job = 0 WHERE id = ?", "i", job->result);
}

int store_requeue_job(struct store *store, const struct store_job *job, struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store, requeue_job(store, job, error), error);
}

static void read_job(sqlite3_stmt *statement, struct store_job *job)
{
    *job = (struct store_job){
        .id = sqlite3_column_int64(statement, 0),
        .result = sqlite3_column_int64(statement, 1),
        .state = (enum job_state)sqlite3_column_int(statement, 2),
        .started = sqlite3_column_int(statement, 4),
        .attempt = (unsigned)sqlite3_column_int(statement, 5),
        .faulty_since_ms = sqlite3_column_int64(statement, 6),
        .tried_ms = sqlite3_column_int64(statement, 7),
        .pull = sqlite3_column_int64(statement, 8),
        .reference = store_real(statement, 10),
        .outcome = decision_parse(store_text(statement, 11)),
        .reason = memory_copy((const char *)sqlite3_column_text(statement, 12)),
        .failed_step = memory_copy((const char *)sqlite3_column_text(statement, 13)),
        .turned_down_by = sqlite3_column_int64(statement, 14),
        .kind = (enum job_kind)sqlite3_column_int(statement, 15),
    };
    snprintf(job->step, sizeof(job->step), "%s", store_text(statement, 3));
    snprintf(job->pull_url, sizeof(job->pull_url), "%s", store_text(statement, 9));
}

int store_list_jobs(struct store *store, struct store_job **jobs, size_t *count,
                    struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT j.id, j.result, state, step, started, attempt, faulty_since_ms, tried_ms, j.pull,"
        " j.pull_url, j.reference, outcome, j.reason, failed_step, turned_down_by,"
        " kind"
        " FROM jobs j JOIN results r ON r.id = j.result WHERE state <> 2"
        " ORDER BY r.modified_ns, r.file_name, r.id",
        "");
    int row = -1;

    *jobs = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0)
        read_job(statement, STORE_GROW(*jobs, *count));
    return row;
}

int store_get_outcome(struct store *store, int64_t result, enum decision *outcome, char **reason,
                      struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT outcome, reason FROM jobs WHERE result = ? AND state = ? AND kind = ?", "iii",
        result, (int64_t)JOB_UNDOING, (int64_t)JOB_PROMOTION);
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *outcome = row ? decision_parse(store_text(statement, 0)) : DECISION_QUEUED;
    *reason = memory_copy(row ? store_text(statement, 1) : "");
    return 0;
}

void store_jobs_free(struct store_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_job_clear(&jobs[i]);
    free(jobs);
}
