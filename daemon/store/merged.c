/*
 * The measured commits whose pull requests were merged, in the store. Another winnowd may have promoted them:
 * what it promoted is in the base, even if its store is lost.
 */

#include "daemon/store/internal.h"
#include "daemon/store/pull.h"

#include <stdio.h>

int store_get_merged_until(struct store *store, int64_t *at_ms, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error,
                                                        "SELECT merged_ms FROM looking", "");

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *at_ms = sqlite3_column_int64(statement, 0);
    return 0;
}

int store_set_merged_until(struct store *store, int64_t at_ms, struct error *error)
{
    return store_run(store, error, "UPDATE looking SET merged_ms = ?", "i", at_ms);
}

int store_add_merged(struct store *store, const char *measured, const char *commit, int64_t at_ms,
                     struct error *error)
{
    return store_run(store, error,
                     "INSERT OR IGNORE INTO merged (measured, merge_commit, at_ms)"
                     " VALUES (?, ?, ?)",
                     "tti", measured, commit, at_ms);
}

int store_list_merged(struct store *store, unsigned limit, struct store_merged **merged,
                      size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT measured, merge_commit, at_ms FROM merged ORDER BY at_ms DESC, measured LIMIT ?",
        "i", (int64_t)limit);
    int row = -1;

    *merged = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        struct store_merged *one = STORE_GROW(*merged, *count);

        snprintf(one->measured, sizeof(one->measured), "%s", store_text(statement, 0));
        snprintf(one->commit, sizeof(one->commit), "%s", store_text(statement, 1));
        one->at_ms = sqlite3_column_int64(statement, 2);
    }
    return row;
}

int store_find_measured_of(struct store *store, const char *experiment_id, int64_t pull,
                           char measured[static GIT_HASH_SIZE], struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT measured FROM results WHERE experiment_id = ? AND pull = ?"
        " AND pull_state IS NOT NULL",
        "ti", experiment_id, pull);
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    snprintf(measured, GIT_HASH_SIZE, "%s", row ? store_text(statement, 0) : "");
    return 0;
}
