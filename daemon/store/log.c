/*
 * The logs of many experiments in the store, and their rows.
 */

#include "daemon/store/log.h"
#include "daemon/store/internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Reads the columns id, copy, last_line, modified_ns, decision. */
static struct store_log read_log(sqlite3_stmt *statement)
{
    return (struct store_log){
        .id = sqlite3_column_int64(statement, 0),
        .copy = (unsigned)sqlite3_column_int64(statement, 1),
        .last_line = (uint64_t)sqlite3_column_int64(statement, 2),
        .modified_ns = sqlite3_column_int64(statement, 3),
        .decision = sqlite3_column_int(statement, 4),
    };
}

int store_find_log(struct store *store, const struct store_log_key *key, struct store_log *log,
                   struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT id, copy, last_line, modified_ns, decision FROM logs"
        " WHERE stem = ? AND name = ? AND header = ? AND first = ?"
        " UNION ALL SELECT 0, coalesce(max(copy), 0) + 1, 0, 0, -1 FROM logs WHERE stem = ?"
        " LIMIT 1",
        "ttttt", key->stem, key->name, key->header, key->first, key->stem);

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *log = read_log(statement);
    return 0;
}

int store_add_log(struct store *store, const struct store_log_key *key, struct store_log *log,
                  struct error *error)
{
    if (store_run(store, error,
                  "INSERT INTO logs (stem, copy, name, header, first) VALUES (?, ?, ?, ?, ?)",
                  "tittt", key->stem, (int64_t)log->copy, key->name, key->header, key->first) < 0)
        return -1;
    log->id = sqlite3_last_insert_rowid(store->database);
    return 0;
}

int store_save_log(struct store *store, const struct store_log *log, struct error *error)
{
    return store_run(
        store, error, "UPDATE logs SET last_line = ?, modified_ns = ?, decision = ? WHERE id = ?",
        "iiii", (int64_t)log->last_line, log->modified_ns, (int64_t)log->decision, log->id);
}

void store_place_clear(struct store_place *place)
{
    free(place->settings);
    free(place->reader);
    *place = (struct store_place){0};
}

int store_find_place(struct store *store, const char *path, struct store_place *place,
                     struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT id, copy, last_line, modified_ns, decision, inode, offset, line, digest, settings,"
        " reader FROM places JOIN logs ON logs.id = places.log WHERE path = ?",
        "t", path);
    int row = statement ? store_row(store, statement, error) : -1;

    *place = (struct store_place){0};
    if (row <= 0)
        return row;
    place->log = read_log(statement);
    place->inode = (uint64_t)sqlite3_column_int64(statement, 5);
    place->offset = (uint64_t)sqlite3_column_int64(statement, 6);
    place->line = (uint64_t)sqlite3_column_int64(statement, 7);
    snprintf(place->digest, sizeof(place->digest), "%s", store_text(statement, 8));
    place->settings = memory_copy(store_text(statement, 9));
    place->reader = memory_copy(store_text(statement, 10));
    return 0;
}

int store_save_place(struct store *store, const char *path, const struct store_place *place,
                     struct error *error)
{
    return store_run(store, error,
                     "INSERT OR REPLACE INTO places (path, log, inode, offset, line, digest,"
                     " settings, reader) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                     "tiiiittt", path, place->log.id, (int64_t)place->inode, (int64_t)place->offset,
                     (int64_t)place->line, place->digest, place->settings, place->reader);
}

int store_find_row(struct store *store, int64_t log, uint64_t line, struct store_result **row,
                   struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error,
                                                        "SELECT " STORE_RESULT_COLUMNS
                                                        "FROM results INDEXED BY results_line"
                                                        " WHERE log <> 0 AND log = ? AND line = ?",
                                                        "ii", log, (int64_t)line);

    return store_read_one(store, statement, row, error);
}

int store_find_named(struct store *store, const struct store_result *row, uint64_t *line,
                     struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;

    *line = 0;
    if (row->log == 0 || !row->named)
        return 0;
    statement = store_query(
        store, error,
        "SELECT coalesce(min(line), 0) FROM results INDEXED BY results_named"
        " WHERE named IS NOT NULL AND log = ?1 AND substr(named, 1, 7) = substr(?2, 1, 7)"
        " AND line < ?3 AND (substr(named, 1, length(?2)) = ?2 OR substr(?2, 1, length(named)) = "
        "named)",
        "iti", row->log, row->named, row->line);
    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *line = (uint64_t)sqlite3_column_int64(statement, 0);
    return 0;
}

int store_lane_busy(struct store *store, const char *metric, const char *scope, bool *busy,
                    struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT EXISTS (SELECT 1 FROM results INDEXED BY results_queued WHERE decision = 'queued'"
        "  AND job = 0 AND metric = ?1 AND scope = ?2)"
        " OR EXISTS (SELECT 1 FROM jobs JOIN results ON results.id = jobs.result"
        "  WHERE jobs.state <> 2 AND metric = ?1 AND scope = ?2)",
        "tt", metric, scope);

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *busy = sqlite3_column_int(statement, 0);
    return 0;
}
