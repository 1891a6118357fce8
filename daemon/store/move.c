/*
 * Moves of files in the store: which rows' files may still be in the spool.
 */

#include "daemon/store/internal.h"

#include <stdlib.h>
#include <string.h>

/* Notes it without an fsync. If a power cut undoes the note, the next start marks rows whose files were moved
 * already, and finds that. */
static int note_soon(struct store *store, struct error *error)
{
    int noted;

    /* It is not cached, since this PRAGMA takes effect when it is compiled. */
    if (sqlite3_exec(store->database, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL) != SQLITE_OK)
        return store_failed(store, "noting moves", error);
    noted = store_note_moved(store, false, error);
    if (sqlite3_exec(store->database, "PRAGMA synchronous = FULL", NULL, NULL, NULL) != SQLITE_OK)
        return store_failed(store, "noting moves", error);
    return noted;
}

int store_note_moved(struct store *store, bool soon, struct error *error)
{
    if (soon)
        return note_soon(store, error);
    return store_run(store, error,
                     "UPDATE intake SET first = (SELECT coalesce(max(id), 0) + 1 FROM results)",
                     "");
}

static int recall_moves(struct store *store, struct error *error)
{
    if (store_run(store, error,
                  "UPDATE results SET moving = 1 WHERE id >= (SELECT first FROM intake)"
                  " AND log = 0",
                  "") < 0)
        return -1;
    return store_note_moved(store, false, error);
}

int store_recall_moves(struct store *store, struct error *error)
{
    if (store_begin(store, error) < 0)
        return -1;
    return store_end(store, recall_moves(store, error), error);
}

int store_leave_move(struct store *store, int64_t id, struct error *error)
{
    return store_run(store, error, "UPDATE results SET moving = 1 WHERE id = ?", "i", id);
}

int store_end_move(struct store *store, int64_t id, const char *archived, struct error *error)
{
    return store_run(store, error, "UPDATE results SET archived = ?, moving = 0 WHERE id = ?", "ti",
                     archived, id);
}

int store_has_move(struct store *store, const char *name, uint64_t inode, bool *has,
                   struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT 1 FROM results INDEXED BY results_moving"
        " WHERE moving = 1 AND file_name = ? AND inode = ?",
        "ti", name, (int64_t)inode);
    int row = statement ? store_row(store, statement, error) : -1;

    if (row < 0)
        return -1;
    *has = row;
    return 0;
}

static struct store_move read_move(sqlite3_stmt *statement)
{
    return (struct store_move){
        .id = sqlite3_column_int64(statement, 0),
        .name = memory_copy(store_text(statement, 1)),
        .inode = (uint64_t)sqlite3_column_int64(statement, 2),
        .modified_ns = sqlite3_column_int64(statement, 3),
        .received_ms = sqlite3_column_int64(statement, 4),
        .archived = memory_copy((const char *)sqlite3_column_text(statement, 5)),
        .rejected = decision_parse(store_text(statement, 6)) == DECISION_REJECTED,
        .reason = memory_copy(store_text(statement, 7)),
        .patch = memory_copy((const char *)sqlite3_column_text(statement, 8)),
    };
}

int store_list_moves(struct store *store, unsigned limit, struct store_move **moves, size_t *count,
                     struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT id, file_name, inode, modified_ns, received_ms, archived, decision, reason, patch"
        " FROM results INDEXED BY results_moving WHERE moving = 1 ORDER BY id LIMIT ?",
        "i", (int64_t)limit);
    int row = -1;

    *moves = NULL;
    *count = 0;
    while (statement && (row = store_row(store, statement, error)) > 0)
        *STORE_GROW(*moves, *count) = read_move(statement);
    return row;
}

void store_moves_free(struct store_move *moves, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(moves[i].name);
        free(moves[i].archived);
        free(moves[i].reason);
        free(moves[i].patch);
    }
    free(moves);
}
