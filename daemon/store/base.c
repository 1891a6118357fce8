/*
 * The runs on commits of the base, in the store.
 */

#include "daemon/store/base.h"
#include "daemon/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define BASES_KEPT 100

void store_base_clear(struct store_base *base)
{
    free(base->reason);
    free(base->log);
    free(base->report);
    *base = (struct store_base){0};
}

static int set_base(struct store *store, const struct store_base *base, struct error *error)
{
    if (store_run(store, error,
                  "INSERT OR REPLACE INTO bases (base, settings, passed, flaky, at_ms, duration_ms,"
                  " reason, log, report) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  "ttiiiittt", base->commit, base->settings, (int64_t)base->passed,
                  (int64_t)base->flaky, base->at_ms, base->duration_ms, base->reason, base->log,
                  base->report) < 0)
        return -1;
    return store_run(store, error,
                     "DELETE FROM bases WHERE at_ms < (SELECT at_ms FROM bases"
                     " ORDER BY at_ms DESC LIMIT 1 OFFSET ?)",
                     "i", (int64_t)BASES_KEPT - 1);
}

int store_set_base(struct store *store, const struct store_base *base, struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store, set_base(store, base, error), error);
}

#define BASE_COLUMNS                                                                               \
    "base, settings, passed, flaky, at_ms, duration_ms, reason, log, report FROM bases "

static int read_base(struct store *store, sqlite3_stmt *statement, struct store_base *base,
                     struct error *error)
{
    int row = statement ? store_row(store, statement, error) : -1;

    *base = (struct store_base){0};
    if (row <= 0)
        return row;
    snprintf(base->commit, sizeof(base->commit), "%s", store_text(statement, 0));
    snprintf(base->settings, sizeof(base->settings), "%s", store_text(statement, 1));
    base->passed = sqlite3_column_int(statement, 2);
    base->flaky = sqlite3_column_int(statement, 3);
    base->at_ms = sqlite3_column_int64(statement, 4);
    base->duration_ms = sqlite3_column_int64(statement, 5);
    base->reason = memory_copy(store_text(statement, 6));
    base->log = memory_copy((const char *)sqlite3_column_text(statement, 7));
    base->report = memory_copy(store_text(statement, 8));
    return 0;
}

int store_find_base(struct store *store, const char *commit, const char *settings,
                    struct store_base *base, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT " BASE_COLUMNS "WHERE base = ? AND settings = ?", "tt", commit,
        settings);

    return read_base(store, statement, base, error);
}

int store_last_base(struct store *store, struct store_base *base, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT " BASE_COLUMNS "ORDER BY at_ms DESC LIMIT 1", "");

    return read_base(store, statement, base, error);
}
