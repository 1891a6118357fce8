/*
 * Queued results whose commit is still to be fetched into our own repository.
 */

#include "daemon/store/internal.h"

#include <stdlib.h>

int store_list_unsaved(struct store *store, int64_t after, unsigned limit,
                       struct store_unsaved **items, size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT id, experiment_id, parsed FROM results INDEXED BY results_saving"
        " JOIN contents ON contents.result = id WHERE saving = 1 AND id > ? ORDER BY id LIMIT ?",
        "ii", after, (int64_t)limit);
    int row = -1;

    *items = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        *STORE_GROW(*items, *count) = (struct store_unsaved){
            .id = sqlite3_column_int64(statement, 0),
            .experiment_id = memory_copy(store_text(statement, 1)),
            .parsed = memory_copy(store_text(statement, 2)),
        };
    }
    return row;
}

void store_unsaved_free(struct store_unsaved *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i].experiment_id);
        free(items[i].parsed);
    }
    free(items);
}

int store_end_saving(struct store *store, int64_t id, struct error *error)
{
    return store_run(store, error, "UPDATE results SET saving = 0 WHERE id = ?", "i", id);
}

int store_list_released(struct store *store, unsigned limit, struct store_released **items,
                        size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT released.result, coalesce(experiment_id, '') FROM released"
        " LEFT JOIN results ON results.id = released.result ORDER BY released.result LIMIT ?",
        "i", (int64_t)limit);
    int row = -1;

    *items = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0) {
        *STORE_GROW(*items, *count) = (struct store_released){
            .id = sqlite3_column_int64(statement, 0),
            .experiment_id = memory_copy(store_text(statement, 1)),
        };
    }
    return row;
}

void store_released_free(struct store_released *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(items[i].experiment_id);
    free(items);
}

int store_end_released(struct store *store, int64_t id, struct error *error)
{
    return store_run(store, error, "DELETE FROM released WHERE result = ?", "i", id);
}

int store_needs_commit(struct store *store, const char *experiment_id, bool *needs,
                       struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT EXISTS (SELECT 1 FROM results JOIN contents ON contents.result = results.id"
        " WHERE experiment_id = ? AND decision NOT IN ('rejected', 'duplicate'))",
        "t", experiment_id);

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *needs = sqlite3_column_int(statement, 0);
    return 0;
}

int store_list_parents(struct store *store, int64_t *at, unsigned limit,
                       struct config_list *parents, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT result, coalesce(json_extract(parsed, '$.parent'), '') FROM contents"
        " WHERE result > ? ORDER BY result LIMIT ?",
        "ii", *at, (int64_t)limit);
    unsigned count = 0;
    int row = -1;

    while (statement && (row = store_row(store, statement, error)) > 0) {
        *at = sqlite3_column_int64(statement, 0);
        count++;
        if (*store_text(statement, 1))
            config_list_append(parents, memory_copy(store_text(statement, 1)));
    }
    return row < 0 ? -1 : count == limit;
}
