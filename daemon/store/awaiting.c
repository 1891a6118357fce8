/*
 * The files in the spool that wait for the patch that they name. They are few, and each waits a minute.
 */

#include "daemon/store/internal.h"

static int forget_old(struct store *store, int64_t now_ms, struct error *error)
{
    return store_run(store, error, "DELETE FROM awaiting WHERE since_ms < ?", "i",
                     now_ms - STORE_AWAITING_MS);
}

int store_await(struct store *store, const char *file_name, uint64_t inode, int64_t modified_ns,
                int64_t now_ms, int64_t *since_ms, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = NULL;

    if (forget_old(store, now_ms, error) < 0 ||
        store_run(store, error,
                  "INSERT INTO awaiting (file_name, inode, modified_ns, since_ms)"
                  " VALUES (?, ?, ?, ?) ON CONFLICT (file_name) DO UPDATE"
                  " SET inode = excluded.inode, modified_ns = excluded.modified_ns,"
                  " since_ms = excluded.since_ms"
                  " WHERE inode <> excluded.inode OR modified_ns <> excluded.modified_ns"
                  " OR since_ms > excluded.since_ms",
                  "tiii", file_name, (int64_t)inode, modified_ns, now_ms) < 0)
        return -1;
    statement = store_query(store, error, "SELECT since_ms FROM awaiting WHERE file_name = ?", "t",
                            file_name);
    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *since_ms = sqlite3_column_int64(statement, 0);
    return 0;
}

int store_end_await(struct store *store, const char *file_name, struct error *error)
{
    return store_run(store, error, "DELETE FROM awaiting WHERE file_name = ?", "t", file_name);
}
