/*
 * The store's moves of files.
 */

#include "common/loop.h"
#include "daemon/store/internal.h"

#include <string.h>

int store_add_move(struct store *store, const struct spool_move *move, int64_t result, int64_t *id,
                   struct error *error)
{
    if (store_run(store, error,
                  "INSERT INTO moves (result, name, inode, place, day, reason, patch)"
                  " VALUES (?, ?, ?, ?, ?, ?, ?)",
                  "ibiittt", result, (const void *)move->name, strlen(move->name),
                  (int64_t)move->inode, (int64_t)move->place, move->day, move->reason,
                  move->patch) < 0)
        return -1;
    *id = sqlite3_last_insert_rowid(store->database);
    return 0;
}

int store_end_move(struct store *store, int64_t id, const char *archived, struct error *error)
{
    if (archived && store_run(store, error,
                              "UPDATE results SET archived = ? WHERE id = (SELECT result FROM moves"
                              " WHERE id = ?)",
                              "ti", archived, id) < 0)
        return -1;
    return store_run(store, error, "DELETE FROM moves WHERE id = ?", "i", id);
}

int store_has_move(struct store *store, const char *name, uint64_t inode, bool *has,
                   struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error, "SELECT 1 FROM moves WHERE name = ? AND inode = ?", "bi", (const void *)name,
        strlen(name), (int64_t)inode);
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *has = row;
    return 0;
}

int store_each_move(struct store *store, unsigned limit, store_move_callback callback, void *data,
                    struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT id, name, inode, place, day, reason, patch FROM moves ORDER BY id LIMIT ?", "i",
        (int64_t)limit);
    int row = -1;

    while (statement && (row = store_row(store, statement, error)) > 0) {
        CLEANUP_FREE char *name = memory_copy_bytes(sqlite3_column_blob(statement, 1),
                                                    (size_t)sqlite3_column_bytes(statement, 1));
        struct spool_move move = {
            .name = name,
            .inode = (uint64_t)sqlite3_column_int64(statement, 2),
            .place = (enum spool_place)sqlite3_column_int(statement, 3),
            .day = (const char *)sqlite3_column_text(statement, 4),
            .reason = (const char *)sqlite3_column_text(statement, 5),
            .patch = (const char *)sqlite3_column_text(statement, 6),
        };

        callback(data, sqlite3_column_int64(statement, 0), &move);
    }
    return row;
}
