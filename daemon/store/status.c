/*
 * What --status and --export read from the store: counts, decisions, holds.
 */

#include "daemon/store/status.h"
#include "common/text.h"
#include "daemon/store/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int store_snapshot(struct store *store, struct error *error)
{
    return store_run(store, error, "BEGIN", "");
}

/* The rows that are not discarded. The index has no others. */
#define KEPT_ROWS "results INDEXED BY results_decision WHERE decision <> 'discarded'"

int store_count(struct store *store, unsigned counts[static DECISION_COUNT], struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT decision, count(*) FROM " KEPT_ROWS " GROUP BY decision"
        " UNION ALL SELECT 'discarded', (SELECT count(*) FROM results) -"
        " (SELECT count(*) FROM " KEPT_ROWS ")",
        "");
    int row = -1;

    memset(counts, 0, DECISION_COUNT * sizeof(counts[0]));
    while (statement && (row = store_row(store, statement, error)) > 0)
        counts[decision_parse(store_text(statement, 0))] += (unsigned)sqlite3_column_int(statement,
                                                                                         1);
    return row;
}

int store_count_waiting(struct store *store, unsigned *count, struct error *error)
{
    return store_count_rows(store,
                            "SELECT count(*) FROM results INDEXED BY results_queued"
                            " WHERE decision = 'queued' AND job = 0",
                            count, error);
}

int store_count_decisions(struct store *store, int64_t *last,
                          uint64_t counts[static DECISION_COUNT], struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT decision, count(*), max(number) FROM"
        " (SELECT decision, decided AS number FROM results WHERE decided > ?"
        " UNION ALL SELECT decision, id FROM decisions WHERE id > ?) GROUP BY decision",
        "ii", *last, *last);
    int64_t newest = *last;
    int row = -1;

    while (statement && (row = store_row(store, statement, error)) > 0) {
        counts[decision_parse(store_text(statement, 0))] += (uint64_t)sqlite3_column_int64(
            statement, 1);
        if (sqlite3_column_int64(statement, 2) > newest)
            newest = sqlite3_column_int64(statement, 2);
    }
    *last = newest;
    return row;
}

int store_list_waiting(struct store *store, unsigned limit, struct store_waiting **waiting,
                       size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT experiment_id, metric, after, received_ms FROM results INDEXED BY results_queued"
        " WHERE decision = 'queued' AND job = 0 ORDER BY modified_ns, file_name, id LIMIT ?",
        "i", (int64_t)limit);
    int row = -1;

    *waiting = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        *STORE_GROW(*waiting, *count) = (struct store_waiting){
            .experiment_id = memory_copy(store_text(statement, 0)),
            .metric = memory_copy(store_text(statement, 1)),
            .value = store_real(statement, 2),
            .since_ms = sqlite3_column_int64(statement, 3),
        };
    }
    return row;
}

void store_waiting_free(struct store_waiting *waiting, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(waiting[i].experiment_id);
        free(waiting[i].metric);
    }
    free(waiting);
}

int store_list_awaiting(struct store *store, struct store_awaiting **awaiting, size_t *count,
                        struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT file_name, since_ms FROM awaiting ORDER BY since_ms, file_name", "");
    int row = -1;

    *awaiting = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        *STORE_GROW(*awaiting, *count) = (struct store_awaiting){
            .file_name = memory_copy(store_text(statement, 0)),
            .since_ms = sqlite3_column_int64(statement, 1),
        };
    }
    return row;
}

void store_awaiting_free(struct store_awaiting *awaiting, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(awaiting[i].file_name);
    free(awaiting);
}

int store_list_open_pulls(struct store *store, struct store_open_pull **pulls, size_t *count,
                          struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT experiment_id, metric, scope, after, reference, pull, pull_url,"
        " coalesce(mergeable, 0), decided_ms, stale FROM results INDEXED BY results_pull"
        " WHERE pull_state = 'open' ORDER BY decided_ms DESC, id DESC",
        "");
    int row = -1;

    *pulls = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        *STORE_GROW(*pulls, *count) = (struct store_open_pull){
            .experiment_id = memory_copy(store_text(statement, 0)),
            .metric = memory_copy(store_text(statement, 1)),
            .scope = memory_copy(store_text(statement, 2)),
            .value = store_real(statement, 3),
            .before = store_real(statement, 4),
            .number = sqlite3_column_int64(statement, 5),
            .url = memory_copy(store_text(statement, 6)),
            .mergeable = (enum forge_mergeable)sqlite3_column_int(statement, 7),
            .opened_ms = sqlite3_column_int64(statement, 8),
            .stale = memory_copy((const char *)sqlite3_column_text(statement, 9)),
        };
    }
    return row;
}

void store_open_pulls_free(struct store_open_pull *pulls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(pulls[i].experiment_id);
        free(pulls[i].metric);
        free(pulls[i].scope);
        free(pulls[i].url);
        free(pulls[i].stale);
    }
    free(pulls);
}

/* The name of a file may be any bytes. */
static char *shown_name(const char *file_name)
{
    CLEANUP_TEXT struct text shown = {0};

    text_append_repaired(&shown, file_name, strlen(file_name));
    return memory_copy(text_string(&shown));
}

static struct store_decided read_decided(sqlite3_stmt *statement)
{
    const char *experiment_id = store_text(statement, 0);

    return (struct store_decided){
        .experiment_id = memory_copy(*experiment_id ? experiment_id : NULL),
        .file_name = shown_name(store_text(statement, 1)),
        .metric = memory_copy(store_text(statement, 2)),
        .after = store_real(statement, 3),
        .before = store_real(statement, 4),
        .decision = decision_parse(store_text(statement, 5)),
        .reason = memory_copy(store_text(statement, 6)),
        .pull = sqlite3_column_int64(statement, 7),
        .at_ms = sqlite3_column_int64(statement, 8),
        .url = memory_copy(store_text(statement, 9)),
    };
}

/* The current decisions are in `results`, those that were replaced in `decisions`. */
int store_last_decisions(struct store *store, unsigned limit, unsigned told,
                         struct store_decided **decisions, size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "WITH chosen AS (SELECT * FROM"
        " (SELECT decided AS number FROM results WHERE decided > 0"
        "  UNION ALL SELECT id FROM decisions ORDER BY number DESC LIMIT ?)"
        " UNION SELECT * FROM"
        " (SELECT decided AS number FROM " KEPT_ROWS " AND decision = 'promoted'"
        "  UNION ALL SELECT decided FROM " KEPT_ROWS " AND decision = 'failed'"
        "  UNION ALL SELECT id FROM decisions INDEXED BY decisions_told"
        "  WHERE decision IN ('promoted', 'failed') ORDER BY number DESC LIMIT ?))"
        " SELECT experiment_id, file_name, metric, after, reference, decision, reason,"
        " iif(decision = 'promoted', pull, 0), decided_ms, iif(decision = 'promoted', pull_url, "
        "''),"
        " decided AS number FROM results WHERE decided IN (SELECT number FROM chosen)"
        " UNION ALL"
        " SELECT experiment_id, file_name, metric, after, reference, decision, reason,"
        " iif(decision = 'promoted', pull, 0), at_ms, iif(decision = 'promoted', pull_url, ''),"
        " id FROM decisions WHERE id IN (SELECT number FROM chosen)"
        " ORDER BY number DESC",
        "ii", (int64_t)limit, (int64_t)told);
    int row = -1;

    *decisions = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0)
        *STORE_GROW(*decisions, *count) = read_decided(statement);
    return row;
}

void store_decisions_free(struct store_decided *decisions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(decisions[i].experiment_id);
        free(decisions[i].file_name);
        free(decisions[i].metric);
        free(decisions[i].reason);
        free(decisions[i].url);
    }
    free(decisions);
}

int store_export(struct store *store, store_exported_callback callback, void *data,
                 struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT decided_ms, experiment_id, file_name, scope, metric, status, reference, after,"
        " decision, 1, reason, measured, pull, pull_state, digest, decided AS number FROM results"
        " WHERE decided > 0 UNION ALL"
        " SELECT at_ms, experiment_id, file_name, scope, metric, status, reference, after,"
        " decision, 0, reason, measured, pull, pull_state, digest, id FROM decisions"
        " ORDER BY number",
        "");
    int row = -1;

    while (statement && (row = store_row(store, statement, error)) > 0) {
        CLEANUP_FREE char *file_name = shown_name(store_text(statement, 2));
        struct store_exported exported = {
            .at_ms = sqlite3_column_int64(statement, 0),
            .experiment_id = store_text(statement, 1),
            .file_name = file_name,
            .scope = store_text(statement, 3),
            .metric = store_text(statement, 4),
            .status = store_text(statement, 5),
            .before = store_real(statement, 6),
            .after = store_real(statement, 7),
            .decision = store_text(statement, 8),
            .current = sqlite3_column_int(statement, 9),
            .reason = store_text(statement, 10),
            .measured = store_text(statement, 11),
            .pull = sqlite3_column_int64(statement, 12),
            .pull_state = store_text(statement, 13),
            .digest = store_text(statement, 14),
        };

        if (!callback(data, &exported))
            return 0;
    }
    return row;
}

int store_last_pull(struct store *store, int64_t *pull, char **experiment_id, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT pull, experiment_id FROM results INDEXED BY results_decision"
        " WHERE decision <> 'discarded' AND decision = 'promoted' AND pull_state IS NOT NULL"
        " ORDER BY decided DESC LIMIT 1",
        "");
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *pull = row ? sqlite3_column_int64(statement, 0) : 0;
    *experiment_id = row ? memory_copy(store_text(statement, 1)) : NULL;
    return 0;
}

int store_step_began(struct store *store, int64_t job, int64_t *at_ms, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT coalesce(max(at_ms), 0) FROM steps WHERE job = ? AND what IN ('start', 'undo')",
        "i", job);

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *at_ms = sqlite3_column_int64(statement, 0);
    return 0;
}

int store_step_waits(struct store *store, int64_t job, char **reason, bool *rests,
                     struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT (SELECT iif(what = 'later', reason, NULL) FROM steps WHERE job = ?1"
        " AND what IN ('later', 'end', 'failed', 'undone') ORDER BY id DESC LIMIT 1),"
        " (SELECT what FROM steps WHERE job = ?1 ORDER BY id DESC LIMIT 1) IS NOT 'start'",
        "i", job);
    int row = statement ? store_row(store, statement, error) : -1;

    *reason = row > 0 ? memory_copy((const char *)sqlite3_column_text(statement, 0)) : NULL;
    *rests = row > 0 && sqlite3_column_int(statement, 1) != 0;
    return row < 0 ? -1 : 0;
}

int store_set_hold(struct store *store, const char *reason, struct error *error)
{
    if (store_run(store, error, "DELETE FROM hold", "") < 0)
        return -1;
    return *reason ? store_run(store, error, "INSERT INTO hold VALUES (?)", "t", reason) : 0;
}

int store_read_hold(struct store *store, char **reason, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error, "SELECT reason FROM hold",
                                                        "");
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *reason = memory_copy(row > 0 ? store_text(statement, 0) : "");
    return 0;
}

int store_list_frontiers(struct store *store, struct store_lane **lanes, size_t *count,
                         struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT DISTINCT metric, scope FROM results WHERE counts = 1 ORDER BY metric, scope", "");
    int row = -1;

    *lanes = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0)
        *STORE_GROW(*lanes, *count) = store_read_lane(statement);
    return row;
}
