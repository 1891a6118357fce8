/*
 * The version of a store, and how it gets the present one: a new store by the tables as they are now, an
 * older one by the migrations. `PRAGMA user_version` is the version of a file.
 */

#include "common/memory.h"
#include "daemon/store/internal.h"

static int run(struct store *store, const char *sql, struct error *error)
{
    if (sqlite3_exec(store->database, sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return store_failed(store, "making the tables", error);
}

/* Runs statements, up to a NULL, and sets the version, all in one transaction. */
static int make(struct store *store, const char *const *statements, int version,
                struct error *error)
{
    CLEANUP_FREE char *set = memory_format("PRAGMA user_version = %d", version);
    int status = store_begin(store, error);

    for (; status == 0 && *statements; statements++)
        status = run(store, *statements, error);
    return store_end(store, status == 0 ? run(store, set, error) : -1, error);
}

static int read_version(struct store *store, int *version, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error, "PRAGMA user_version", "");

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *version = sqlite3_column_int(statement, 0);
    return 0;
}

int store_check_version(struct store *store, bool migrates, struct error *error)
{
    int version;

    if (read_version(store, &version, error) < 0)
        return -1;
    if (version > store_version)
        return error_set(error, ERROR_PERMANENT,
                         "%s was written by a newer winnowd (schema %d, this one knows %d): "
                         "install that version again",
                         sqlite3_db_filename(store->database, "main"), version, store_version);
    if (version == store_version || migrates)
        return 0;
    return error_set(
        error, ERROR_PERMANENT,
        "%s was written by an older winnowd (schema %d, this one knows %d): the daemon "
        "of this version brings it along when it starts",
        sqlite3_db_filename(store->database, "main"), version, store_version);
}

int store_migrate(struct store *store, struct error *error)
{
    int version;

    if (read_version(store, &version, error) < 0)
        return -1;
    if (version == 0)
        return make(store, store_tables, store_version, error);
    if (version < store_version && store_add_canonical(store, error) < 0)
        return -1;
    for (; version < store_version; version++) {
        const char *const migration[] = {store_migrations[version], NULL};

        if (make(store, migration, version + 1, error) < 0)
            return -1;
    }
    return 0;
}
