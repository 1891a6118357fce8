#include "daemon/store/run.h"

#include "daemon/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

int store_find_run(struct store *store, const char *experiment_id, char **record,
                   struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT record FROM runs WHERE experiment_id = ?", "t", experiment_id);
    int row = statement ? store_row(store, statement, error) : -1;

    *record = row > 0 ? memory_copy(store_text(statement, 0)) : NULL;
    return row < 0 ? -1 : 0;
}

int store_set_run(struct store *store, const char *experiment_id, const char *record, bool over,
                  struct error *error)
{
    return store_run(store, error,
                     "INSERT OR REPLACE INTO runs (experiment_id, over, record) VALUES (?, ?, ?)",
                     "tit", experiment_id, (int64_t)over, record);
}

int store_list_left_runs(struct store *store, char ***ids, size_t *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT experiment_id FROM runs INDEXED BY runs_left WHERE over = 0"
        " AND substr(experiment_id, 1, 1) <> '_' AND NOT EXISTS"
        " (SELECT 1 FROM results r JOIN jobs j ON j.result = r.id AND j.state <> 2"
        "  WHERE r.experiment_id = runs.experiment_id AND r.decision NOT IN ('rejected', "
        "'duplicate'))",
        "");
    int row = -1;

    *ids = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0)
        *STORE_GROW(*ids, *count) = memory_copy(store_text(statement, 0));
    return row;
}

void store_left_runs_free(char **ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
}

int store_any_run(struct store *store, bool *any, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error, "SELECT 1 FROM runs LIMIT 1",
                                                        "");
    int row = statement ? store_row(store, statement, error) : -1;

    *any = row > 0;
    return row < 0 ? -1 : 0;
}

int store_run_id(struct store *store, char id[static STORE_RUN_ID_SIZE], struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error,
                                                        "SELECT id FROM run_id LIMIT 1", "");

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    snprintf(id, STORE_RUN_ID_SIZE, "%s", store_text(statement, 0));
    return 0;
}
