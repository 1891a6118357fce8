/*
 * The store's jobs: what they have done and are about to do, and their documents.
 */

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

/* The new row's id is known before its columns are: they are written by the same statement as ever
 * after, in the same transaction. */
static int add_job(struct store *store, struct store_job *job, struct error *error)
{
    if (store_run(store, error,
                  "INSERT INTO jobs (result, state, step, started, attempt, faulty_since_ms,"
                  " branch_posted_ms, base_then, base, composed, measured, push_sent,"
                  " pull_posted_ms, pull, close_posted_ms, outcome)"
                  " VALUES (?, 0, 0, 0, 0, 0, 0, '', '', '', '', 0, 0, 0, 0, 'failed')",
                  "i", job->result) < 0)
        return -1;
    job->id = sqlite3_last_insert_rowid(store->database);
    if (store_run(store, error, "UPDATE results SET job = ? WHERE id = ?", "ii", job->id,
                  job->result) < 0)
        return -1;
    return store_save_job(store, job, error);
}

int store_add_job(struct store *store, struct store_job *job, struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    if (add_job(store, job, error) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, error);
}

int store_save_job(struct store *store, const struct store_job *job, struct error *error)
{
    return store_run(
        store, error,
        "UPDATE jobs SET state = ?, step = ?, started = ?, attempt = ?,"
        " faulty_since_ms = ?, branch_posted_ms = ?, base_then = ?, base = ?,"
        " composed = ?, measured = ?, push_sent = ?, pull_posted_ms = ?, pull = ?,"
        " close_posted_ms = ?, reference = ?, outcome = ?, reason = ?,"
        " failed_step = ?, turned_down_by = ?, tried_ms = ?, pull_url = ?, merge_base = ?"
        " WHERE id = ?",
        "iiiiiittttiiiirtttiitti", (int64_t)job->state, (int64_t)job->step, (int64_t)job->started,
        (int64_t)job->attempt, job->faulty_since_ms, job->branch_posted_ms, job->base_then,
        job->base, job->commit, job->measured, (int64_t)job->push_sent, job->pull_posted_ms,
        job->pull, job->close_posted_ms, job->reference, decision_name(job->outcome), job->reason,
        job->failed_step, job->turned_down_by, job->tried_ms, job->pull_url, job->merge_base,
        job->id);
}

int store_add_step(struct store *store, int64_t job, const char *step, const char *what,
                   unsigned attempt, const char *reason, struct error *error)
{
    return store_run(store, error,
                     "INSERT INTO steps (job, step, what, attempt, reason, at_ms)"
                     " VALUES (?, ?, ?, ?, ?, ?)",
                     "ittiti", job, step, what, (int64_t)attempt, reason, clock_now_ms());
}

static int rewind_job(struct store *store, const struct store_job *job, struct error *error)
{
    if (store_run(store, error, "DELETE FROM documents WHERE job = ?", "i", job->id) < 0)
        return -1;
    return store_save_job(store, job, error);
}

int store_rewind_job(struct store *store, const struct store_job *job, struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    if (rewind_job(store, job, error) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, error);
}

/* The pull request of what turned it down was closed while it was undone. */
static int requeue_if_unfounded(struct store *store, int64_t result, struct error *error)
{
    return store_run(store, error,
                     "UPDATE results SET decision = 'queued', decided = 0, reason = '',"
                     " reference_result = 0"
                     " WHERE id = ? AND decision IN ('discarded', 'superseded')"
                     " AND reference_result IN (SELECT id FROM results"
                     " WHERE pull_state IN ('closing', 'closed'))",
                     "i", result);
}

static int end_job(struct store *store, const struct store_job *job,
                   const struct store_decision *decision, struct error *error)
{
    bool promoted = decision->decision == DECISION_PROMOTED;

    if (store_save_job(store, job, error) < 0 ||
        store_run(store, error, "UPDATE jobs SET state = ? WHERE id = ?", "ii", (int64_t)JOB_OVER,
                  job->id) < 0 ||
        store_run(store, error, "DELETE FROM documents WHERE job = ?", "i", job->id) < 0)
        return -1;
    if (promoted &&
        store_run(store, error,
                  "UPDATE results SET pull = ?, pull_url = ?, pull_state = ?, measured = ?"
                  " WHERE id = ?",
                  "ittti", job->pull, job->pull_url, "open", job->measured, job->result) < 0)
        return -1;
    if (store_write_decision(store, job->result, decision, error) < 0 ||
        requeue_if_unfounded(store, job->result, error) < 0)
        return -1;
    return store_let_go_of_content(store, job->result, error);
}

int store_end_job(struct store *store, const struct store_job *job,
                  const struct store_decision *decision, struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    if (end_job(store, job, decision, error) < 0) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, error);
}

static void copy_hash(char hash[static GIT_HASH_SIZE], sqlite3_stmt *statement, int column)
{
    snprintf(hash, GIT_HASH_SIZE, "%s", store_text(statement, column));
}

static void read_job(sqlite3_stmt *statement, struct store_job *job)
{
    *job = (struct store_job){0};
    job->id = sqlite3_column_int64(statement, 0);
    job->result = sqlite3_column_int64(statement, 1);
    job->state = (enum job_state)sqlite3_column_int(statement, 2);
    job->step = sqlite3_column_int(statement, 3);
    job->started = sqlite3_column_int(statement, 4);
    job->attempt = (unsigned)sqlite3_column_int(statement, 5);
    job->faulty_since_ms = sqlite3_column_int64(statement, 6);
    job->branch_posted_ms = sqlite3_column_int64(statement, 7);
    copy_hash(job->base_then, statement, 8);
    copy_hash(job->base, statement, 9);
    copy_hash(job->commit, statement, 10);
    copy_hash(job->measured, statement, 11);
    job->push_sent = sqlite3_column_int(statement, 12);
    job->pull_posted_ms = sqlite3_column_int64(statement, 13);
    job->pull = sqlite3_column_int64(statement, 14);
    job->close_posted_ms = sqlite3_column_int64(statement, 15);
    job->reference = store_real(statement, 16);
    job->outcome = decision_parse(store_text(statement, 17));
    job->reason = memory_copy((const char *)sqlite3_column_text(statement, 18));
    job->failed_step = memory_copy((const char *)sqlite3_column_text(statement, 19));
    job->turned_down_by = sqlite3_column_int64(statement, 20);
    job->tried_ms = sqlite3_column_int64(statement, 21);
    snprintf(job->pull_url, sizeof(job->pull_url), "%s", store_text(statement, 22));
    copy_hash(job->merge_base, statement, 23);
}

int store_list_jobs(struct store *store, struct store_job **jobs, size_t *count,
                    struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT j.id, j.result, state, step, started, attempt, faulty_since_ms, branch_posted_ms,"
        " base_then, base, composed, j.measured, push_sent, pull_posted_ms, j.pull,"
        " close_posted_ms, j.reference, outcome, j.reason, failed_step,"
        " turned_down_by, tried_ms, j.pull_url, j.merge_base"
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

void store_jobs_free(struct store_job *jobs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        store_job_clear(&jobs[i]);
    free(jobs);
}

int store_set_document(struct store *store, int64_t job, const char *title, const char *body,
                       struct error *error)
{
    return store_run(store, error,
                     "INSERT OR REPLACE INTO documents (job, title, body) VALUES (?, ?, ?)", "itt",
                     job, title, body);
}

int store_get_document(struct store *store, int64_t job, char **title, char **body,
                       struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT title, body FROM documents WHERE job = ?", "i", job);
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *title = row ? memory_copy(store_text(statement, 0)) : NULL;
    *body = row ? memory_copy(store_text(statement, 1)) : NULL;
    return 0;
}
