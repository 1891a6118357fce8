/*
 * The results in the store: intake, decisions, frontier, queue, and what pull requests do to them.
 */

#include "common/loop.h"
#include "daemon/gate.h"
#include "daemon/result-log.h"
#include "daemon/store/internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void store_result_free(struct store_result *result)
{
    if (!result)
        return;
    free(result->experiment_id);
    free(result->scope);
    free(result->metric);
    claim_clear(&result->claim);
    free(result->file_name);
    free(result->reason);
    free(result->archived);
    free(result->named);
    free(result);
}

void store_result_freep(struct store_result **result)
{
    store_result_free(*result);
}

/* Returns the row in the columns of STORE_RESULT_COLUMNS, from column 0. The caller frees it. */
static struct store_result *read_result(sqlite3_stmt *statement)
{
    struct store_result *result = memory_new(sizeof(*result));

    result->id = sqlite3_column_int64(statement, 0);
    result->experiment_id = memory_copy(store_text(statement, 1));
    result->scope = memory_copy(store_text(statement, 2));
    result->metric = memory_copy(store_text(statement, 3));
    claim_set_status(&result->claim, store_text(statement, 4));
    result->claim.after = measurement_read(store_real(statement, 5),
                                           (const char *)sqlite3_column_text(statement, 15));
    result->claim.before = measurement_read(store_real(statement, 6),
                                            (const char *)sqlite3_column_text(statement, 16));
    result->has_change = sqlite3_column_int(statement, 7);
    result->file_name = memory_copy(store_text(statement, 8));
    result->modified_ns = sqlite3_column_int64(statement, 9);
    snprintf(result->digest, sizeof(result->digest), "%s", store_text(statement, 10));
    result->decision = decision_parse(store_text(statement, 11));
    result->reason = memory_copy(store_text(statement, 12));
    result->received_ms = sqlite3_column_int64(statement, 13);
    result->archived = memory_copy((const char *)sqlite3_column_text(statement, 14));
    snprintf(result->measured, sizeof(result->measured), "%s", store_text(statement, 17));
    result->log = sqlite3_column_int64(statement, 18);
    result->line = sqlite3_column_int64(statement, 19);
    result->unfinished = sqlite3_column_int(statement, 20);
    result->named = memory_copy((const char *)sqlite3_column_text(statement, 21));
    result->saving = sqlite3_column_int(statement, 22);
    return result;
}

int store_read_one(struct store *store, sqlite3_stmt *statement, struct store_result **result,
                   struct error *error)
{
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *result = row ? read_result(statement) : NULL;
    return 0;
}

static bool is_waiting(const struct store *store, const char *experiment_id)
{
    for (unsigned i = 0; i < store->waiting; i++) {
        if (strcmp(store->waiting_experiments[i], experiment_id) == 0)
            return true;
    }
    return false;
}

int store_find(struct store *store, const char *experiment_id, struct store_result **result,
               struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;

    if (is_waiting(store, experiment_id) && store_write_waiting(store, error) < 0)
        return -1;
    statement = store_query(store, error,
                            "SELECT " STORE_RESULT_COLUMNS "FROM results WHERE experiment_id = ?"
                            " AND decision NOT IN ('rejected', 'duplicate')",
                            "-t", experiment_id);
    return store_read_one(store, statement, result, error);
}

int store_load(struct store *store, int64_t id, struct store_result **result, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT " STORE_RESULT_COLUMNS "FROM results WHERE id = ?", "i", id);

    return store_read_one(store, statement, result, error);
}

static int set_content(struct store *store, int64_t id, const struct store_content *content,
                       struct error *error)
{
    return store_run(store, error,
                     "INSERT OR REPLACE INTO contents (result, patch, parsed) VALUES (?, ?, ?)",
                     "-ibt", id, content->patch, content->patch_length, content->parsed);
}

/* Queries find a baseline by the word "baseline", whatever the experimenter wrote. */
static const char *status_word(const struct claim *claim)
{
    return claim->status == CLAIM_BASELINE ? "baseline" : claim->status_word;
}

/* Whether a value counts for the frontier. A baseline of a log may have none. */
static bool counts(enum decision decision, double after)
{
    return (decision == DECISION_BASELINE || decision == DECISION_PROMOTED) && !isnan(after);
}

/* Keeps the content only if store_let_go_of_content() would not delete it. */
static int add_content(struct store *store, int64_t id, bool has_change,
                       const struct store_content *content, const struct store_decision *decision,
                       struct error *error)
{
    if (decision->decision == DECISION_QUEUED || decision->decision == DECISION_PROMOTED ||
        (decision->decision == DECISION_BASELINE && has_change))
        return set_content(store, id, content, error);
    if (decision->reference_result == 0 ||
        (decision->decision != DECISION_DISCARDED && decision->decision != DECISION_SUPERSEDED))
        return 0;
    return store_run(store, error,
                     "INSERT INTO contents (result, patch, parsed) SELECT ?, ?, ?"
                     " FROM results WHERE id = ? AND pull_state = 'open'",
                     "-ibti", id, content->patch, content->patch_length, content->parsed,
                     decision->reference_result);
}

#define ROW                                                                                        \
    "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define FOUR_ROWS ROW ", " ROW ", " ROW ", " ROW
#define ROWS      FOUR_ROWS ", " FOUR_ROWS ", " FOUR_ROWS ", " FOUR_ROWS /* STORE_WAITING_LIMIT */

/* Finds the id of the next row, counting those that wait. */
static int next_id(struct store *store, int64_t *id, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;

    if (store->waiting == 0) {
        statement = store_query(store, error, "SELECT coalesce(max(id), 0) + 1 FROM results", "");
        if (!statement || store_row(store, statement, error) < 0)
            return -1;
        store->waiting_first = sqlite3_column_int64(statement, 0);
    }
    *id = store->waiting_first + store->waiting;
    return 0;
}

static int add_row(struct store *store, int64_t id, const struct store_result *result,
                   const char *patch, const struct store_decision *decision, struct error *error)
{
    const struct claim *claim = &result->claim;
    CLEANUP_FREE char *after_runs = measurement_write(&claim->after);
    CLEANUP_FREE char *before_runs = measurement_write(&claim->before);
    bool queued = decision->decision == DECISION_QUEUED;
    int64_t now = clock_now_ms();

    free(store->waiting_experiments[store->waiting]);
    store->waiting_experiments[store->waiting] = memory_copy(result->experiment_id);
    return store_let_wait(
        store, error,
        "INSERT INTO results (id, experiment_id, scope, metric, status, after, before, after_runs,"
        " before_runs, has_change, file_name, inode, modified_ns, digest, patch, archived,"
        " received_ms, decision, reason, decided_ms, decided, counts, reference, reference_result,"
        " log, line, unfinished, named, saving) SELECT * FROM (VALUES " ROWS ") LIMIT ?",
        "iTTTTrrTTiTiiTTTiTTiiiriiiiTi", id, result->experiment_id, result->scope, result->metric,
        status_word(claim), claim->after.mean, claim->before.mean, after_runs, before_runs,
        (int64_t)result->has_change, result->file_name, (int64_t)result->inode, result->modified_ns,
        result->digest, patch, result->archived, now, decision_name(decision->decision),
        decision->reason, queued ? (int64_t)0 : now, queued ? (int64_t)0 : ++store->decided,
        (int64_t)counts(decision->decision, claim->after.mean), decision->reference,
        decision->reference_result, result->log, result->line, (int64_t)result->unfinished,
        result->named, (int64_t)(queued && result->has_change));
}

/* The row waits, unless later results are compared with its value. */
int store_add(struct store *store, const struct store_result *result,
              const struct store_content *content, const struct store_decision *decision,
              int64_t *id, struct error *error)
{
    static const struct store_decision queued = {
        .decision = DECISION_QUEUED, .reason = "", .reference = NAN};

    if (!decision)
        decision = &queued;
    if (next_id(store, id, error) < 0 ||
        add_row(store, *id, result, content->patch_name, decision, error) < 0 ||
        add_content(store, *id, result->has_change, content, decision, error) < 0)
        return -1;
    /* Outside of a transaction no row waits, since the call is a transaction of its own. */
    return counts(decision->decision, result->claim.after.mean) ||
                   sqlite3_get_autocommit(store->database)
               ? store_write_waiting(store, error)
               : 0;
}

int store_replace(struct store *store, int64_t id, const struct store_result *result,
                  const struct store_content *content, const struct store_decision *decision,
                  struct error *error)
{
    const struct claim *claim = &result->claim;

    if (store_run(store, error,
                  "UPDATE results SET scope = ?, metric = ?, status = ?, after = ?, before = ?,"
                  " has_change = ?, saving = ?6, digest = ?, unfinished = ?, named = ?,"
                  " decision = 'queued',"
                  " decided = 0, reason = '', counts = 0, job = 0, measured = '' WHERE id = ?",
                  "tttrrititi", result->scope, result->metric, status_word(claim),
                  claim->after.mean, claim->before.mean, (int64_t)result->has_change,
                  result->digest, (int64_t)result->unfinished, result->named, id) < 0 ||
        set_content(store, id, content, error) < 0)
        return -1;
    return decision ? store_decide(store, id, decision, error) : 0;
}

int store_retry(struct store *store, int64_t id, const struct store_result *result,
                const struct store_content *content, struct error *error)
{
    if (store_run(store, error,
                  "UPDATE results SET decision = 'queued', decided = 0, reason = '', job = 0,"
                  " saving = has_change, file_name = ?, inode = ?, modified_ns = ?, patch = ?, "
                  "received_ms = ?,"
                  " archived = ?, moving = 1, measured = '' WHERE id = ?",
                  "tiititi", result->file_name, (int64_t)result->inode, result->modified_ns,
                  content->patch_name, clock_now_ms(), result->archived, id) < 0)
        return -1;
    return set_content(store, id, content, error);
}

int store_find_patch(struct store *store, const char *name, char **experiment_id, bool *pending,
                     struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT (SELECT coalesce(nullif(experiment_id, ''), file_name) FROM results WHERE patch = ?"
        " ORDER BY id DESC LIMIT 1),"
        " EXISTS (SELECT 1 FROM results WHERE patch = ? AND id >= (SELECT first FROM intake))"
        " OR EXISTS (SELECT 1 FROM results WHERE patch = ? AND moving = 1)",
        "ttt", name, name, name);

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *experiment_id = memory_copy((const char *)sqlite3_column_text(statement, 0));
    *pending = sqlite3_column_int(statement, 1);
    return 0;
}

/* Returns NULL if there is none. */
static char *copy_blob(sqlite3_stmt *statement, int column, size_t *length)
{
    *length = (size_t)sqlite3_column_bytes(statement, column);
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NULL
               : memory_copy_bytes(sqlite3_column_blob(statement, column), *length);
}

int store_load_content(struct store *store, int64_t id, char **parsed, char **patch,
                       size_t *patch_length, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT parsed, patch FROM contents WHERE result = ?", "i", id);
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    if (row == 0)
        return error_set(error, ERROR_PERMANENT, "its content is not kept any more");
    *parsed = memory_copy(store_text(statement, 0));
    *patch = copy_blob(statement, 1, patch_length);
    return 0;
}

/* Content may be needed again: while its pull request is open, while the value that beat it may leave the
 * frontier, for a baseline on which others may be made, and to retry a failed row of a log, which has no file
 * of its own. */
int store_let_go_of_content(struct store *store, int64_t id, struct error *error)
{
    return store_run(store, error,
                     "DELETE FROM contents WHERE result = ? AND result NOT IN ("
                     " SELECT r.id FROM results r LEFT JOIN results f ON f.id = r.reference_result"
                     " WHERE r.id = ? AND (r.decision IN ('queued', 'promoted') OR"
                     " (r.decision = 'baseline' AND r.has_change = 1) OR"
                     " (r.decision = 'failed' AND r.log <> 0) OR"
                     " (r.decision IN ('discarded', 'superseded') AND f.pull_state = 'open')))",
                     "ii", id, id);
}

int store_write_decision(struct store *store, int64_t id, const struct store_decision *decision,
                         struct error *error)
{
    bool rejected = decision->decision == DECISION_REJECTED;

    return store_run(
        store, error,
        "UPDATE results SET decision = ?, reason = ?, decided_ms = ?, decided = ?,"
        " counts = ? AND after IS NOT NULL, reference = ?, reference_result = ?,"
        " job = 0, saving = 0, moving = iif(log = 0, max(moving, ?), moving) WHERE id = ?",
        "ttiiiriii", decision_name(decision->decision), decision->reason, clock_now_ms(),
        ++store->decided, (int64_t)counts(decision->decision, 0), decision->reference,
        decision->reference_result, (int64_t)rejected, id);
}

int store_decide(struct store *store, int64_t id, const struct store_decision *decision,
                 struct error *error)
{
    if (store_write_decision(store, id, decision, error) < 0)
        return -1;
    return store_let_go_of_content(store, id, error);
}

/* Selects what was decided before a result; 0: all. */
#define DECIDED_BEFORE "(? = 0 OR decided < (SELECT decided FROM results WHERE id = ?))"

/* There are two statements, since each direction reads its own end of the index. Rows that wait need not be
 * written first: none of them counts. */
static sqlite3_stmt *query_best(struct store *store, const struct config_metric *metric,
                                const char *scope, int64_t before, struct error *error)
{
    if (metric->direction == METRIC_MINIMIZE)
        return store_query(store, error,
                           "SELECT id, after, modified_ns, file_name, pull_state FROM results"
                           " WHERE counts = 1 AND metric = ? AND scope = ? AND " DECIDED_BEFORE
                           " ORDER BY after ASC, id ASC LIMIT 1",
                           "-ttii", metric->name, scope, before, before);
    return store_query(store, error,
                       "SELECT id, after, modified_ns, file_name, pull_state FROM results"
                       " WHERE counts = 1 AND metric = ? AND scope = ? AND " DECIDED_BEFORE
                       " ORDER BY after DESC, id ASC LIMIT 1",
                       "-ttii", metric->name, scope, before, before);
}

struct store_frontier store_configured_frontier(const struct config_metric *metric,
                                                const char *scope)
{
    return (struct store_frontier){
        .known = metric->has_baseline && !result_log_scope_begins_anew(scope),
        .value = metric->baseline,
    };
}

int store_frontier(struct store *store, const struct config_metric *metric, const char *scope,
                   struct store_frontier *frontier, struct error *error)
{
    return store_frontier_before(store, metric, scope, 0, frontier, error);
}

int store_frontier_before(struct store *store, const struct config_metric *metric,
                          const char *scope, int64_t result, struct store_frontier *frontier,
                          struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = query_best(store, metric, scope, result, error);
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *frontier = store_configured_frontier(metric, scope);
    if (row == 0 || (frontier->known &&
                     !gate_better(metric->direction, store_real(statement, 1), metric->baseline)))
        return 0;
    frontier->known = true;
    frontier->result = sqlite3_column_int64(statement, 0);
    frontier->value = store_real(statement, 1);
    frontier->modified_ns = sqlite3_column_int64(statement, 2);
    snprintf(frontier->file_name, sizeof(frontier->file_name), "%s", store_text(statement, 3));
    frontier->revocable = strcmp(store_text(statement, 4), "open") == 0;
    return 0;
}

int store_frontier_history(struct store *store, const char *metric, const char *scope,
                           int64_t before, unsigned limit, struct store_point **points,
                           size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT experiment_id, after, decision FROM (SELECT experiment_id, after, decision,"
        " decided_ms, id FROM results WHERE counts = 1 AND metric = ? AND scope = ?"
        " AND " DECIDED_BEFORE " ORDER BY decided_ms DESC, id DESC LIMIT ?)"
        " ORDER BY decided_ms, id",
        "ttiii", metric, scope, before, before, (int64_t)limit);
    int row = -1;

    *points = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        *STORE_GROW(*points, *count) = (struct store_point){
            .experiment_id = memory_copy(store_text(statement, 0)),
            .value = store_real(statement, 1),
            .baseline = decision_parse(store_text(statement, 2)) == DECISION_BASELINE,
        };
    }
    return row;
}

void store_points_free(struct store_point *points, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(points[i].experiment_id);
    free(points);
}

/* Finds the next lane by the index, without reading the other results of this one. */
static sqlite3_stmt *query_lane_after(struct store *store, const char *metric, const char *scope,
                                      struct error *error)
{
    return store_query(store, error,
                       "SELECT metric, scope FROM results INDEXED BY results_queued"
                       " WHERE decision = 'queued' AND job = 0 AND (metric, scope) > (?, ?)"
                       " ORDER BY metric, scope LIMIT 1",
                       "tt", metric, scope);
}

int store_list_lanes(struct store *store, struct store_lane **lanes, size_t *count,
                     struct error *error)
{
    *lanes = NULL;
    *count = 0;
    for (;;) {
        const struct store_lane *last = *count ? &(*lanes)[*count - 1] : NULL;
        CLEANUP_RESET sqlite3_stmt *statement = query_lane_after(store, last ? last->metric : "",
                                                                 last ? last->scope : "", error);
        int row = statement ? store_row(store, statement, error) : -1;

        if (row <= 0)
            return row;
        *STORE_GROW(*lanes, *count) = store_read_lane(statement);
    }
}

struct store_lane store_read_lane(sqlite3_stmt *statement)
{
    return (struct store_lane){
        .metric = memory_copy(store_text(statement, 0)),
        .scope = memory_copy(store_text(statement, 1)),
    };
}

void store_lanes_free(struct store_lane *lanes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(lanes[i].metric);
        free(lanes[i].scope);
    }
    free(lanes);
}

#define BUT " AND id NOT IN (SELECT value FROM json_each(?))"

static sqlite3_stmt *query_queued(struct store *store, const char *metric, const char *scope,
                                  enum store_next next, const char *but, struct error *error)
{
    switch (next) {
    case STORE_NEXT_BASELINE:
        return store_query(store, error,
                           "SELECT " STORE_RESULT_COLUMNS "FROM results INDEXED BY results_baseline"
                           " WHERE decision = 'queued' AND job = 0 AND status = 'baseline' AND "
                           "metric = ? AND scope = ?" BUT
                           " ORDER BY modified_ns, file_name, id LIMIT 1",
                           "ttt", metric, scope, but);
    case STORE_NEXT_LOWEST:
        return store_query(store, error,
                           "SELECT " STORE_RESULT_COLUMNS "FROM results INDEXED BY results_lowest"
                           " WHERE decision = 'queued' AND job = 0 AND metric = ? AND scope = ?" BUT
                           " ORDER BY after ASC, modified_ns, file_name, id LIMIT 1",
                           "ttt", metric, scope, but);
    case STORE_NEXT_HIGHEST:
        return store_query(store, error,
                           "SELECT " STORE_RESULT_COLUMNS "FROM results INDEXED BY results_highest"
                           " WHERE decision = 'queued' AND job = 0 AND metric = ? AND scope = ?" BUT
                           " ORDER BY after DESC, modified_ns, file_name, id LIMIT 1",
                           "ttt", metric, scope, but);
    case STORE_NEXT_ARRIVED:
        break;
    }
    return store_query(store, error,
                       "SELECT " STORE_RESULT_COLUMNS "FROM results INDEXED BY results_queued"
                       " WHERE decision = 'queued' AND job = 0 AND metric = ? AND scope = ?" BUT
                       " ORDER BY modified_ns, file_name, id LIMIT 1",
                       "ttt", metric, scope, but);
}

int store_next_queued(struct store *store, const char *metric, const char *scope,
                      enum store_next next, const char *but, struct store_result **result,
                      struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = query_queued(store, metric, scope, next, but, error);

    return store_read_one(store, statement, result, error);
}
