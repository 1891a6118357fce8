/*
 * The connection to the database: statements, transactions, and what an error of SQLite means.
 */

#include "daemon/store/internal.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#define CHECKPOINT_PAGES 1000 /* pages of the write-ahead log, SQLite's own default */

static enum error_kind kind_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ERROR_TRANSIENT;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERROR_PERMANENT;
    default:
        return ERROR_BUG;
    }
}

int store_set_damaged(struct error *error, const char *path, const char *how)
{
    return error_set(error, ERROR_PERMANENT,
                     "%s: the store is damaged (%s): move it aside, with its -wal file if there is "
                     "one, and start again, or bring both back from a backup",
                     path, how);
}

int store_failed(struct store *store, const char *what, struct error *error)
{
    int code = sqlite3_extended_errcode(store->database);

    store->damaged = store->damaged || kind_of(code) == ERROR_PERMANENT;
    if (kind_of(code) == ERROR_PERMANENT)
        return store_set_damaged(error, sqlite3_db_filename(store->database, "main"),
                                 sqlite3_errmsg(store->database));
    /* The INSERT of many rows is long, so only its beginning is shown. */
    return error_set(error, kind_of(code), "store: %.200s: %s", what,
                     sqlite3_errmsg(store->database));
}

static sqlite3_stmt *statement_of(struct store *store, const char *sql, struct error *error)
{
    int i = 0;

    while (i < STORE_STATEMENT_LIMIT && store->statements[i].sql && store->statements[i].sql != sql)
        i++;
    if (i == STORE_STATEMENT_LIMIT) {
        error_set(error, ERROR_BUG, "store: more than %d statements", STORE_STATEMENT_LIMIT);
        return NULL;
    }
    if (store->statements[i].sql)
        return store->statements[i].statement;
    if (sqlite3_prepare_v3(store->database, sql, -1, SQLITE_PREPARE_PERSISTENT,
                           &store->statements[i].statement, NULL) != SQLITE_OK) {
        store_failed(store, sql, error);
        return NULL;
    }
    store->statements[i].sql = sql;
    return store->statements[i].statement;
}

static int bind_one(sqlite3_stmt *statement, int index, char type, va_list *arguments)
{
    const void *bytes;
    double real;

    switch (type) {
    case 'i':
        return sqlite3_bind_int64(statement, index, va_arg(*arguments, int64_t));
    case 't':
        return sqlite3_bind_text(statement, index, va_arg(*arguments, const char *), -1,
                                 SQLITE_STATIC);
    case 'T':
        return sqlite3_bind_text(statement, index, va_arg(*arguments, const char *), -1,
                                 SQLITE_TRANSIENT);
    case 'r':
        real = va_arg(*arguments, double);
        return isnan(real) ? sqlite3_bind_null(statement, index)
                           : sqlite3_bind_double(statement, index, real);
    default:
        bytes = va_arg(*arguments, const void *);
        return sqlite3_bind_blob64(statement, index, bytes, va_arg(*arguments, size_t),
                                   SQLITE_STATIC);
    }
}

/* Binds the parameters from number `first` on. */
static sqlite3_stmt *bound(struct store *store, struct error *error, const char *sql, int first,
                           const char *types, va_list *arguments)
{
    sqlite3_stmt *statement = statement_of(store, sql, error);

    for (int i = 0; statement && types[i]; i++) {
        if (bind_one(statement, first + i, types[i], arguments) != SQLITE_OK) {
            store_failed(store, sql, error);
            return NULL;
        }
    }
    return statement;
}

/* Makes a statement ready to be run. */
static sqlite3_stmt *ready(struct store *store, struct error *error, const char *sql,
                           const char *types, va_list *arguments)
{
    if (*types == '-')
        types++;
    else if (store_write_waiting(store, error) < 0)
        return NULL;
    return bound(store, error, sql, 1, types, arguments);
}

/* Steps through a statement that gives no rows; NULL: it failed already. */
static int run(struct store *store, sqlite3_stmt *statement, struct error *error)
{
    int status;

    if (!statement)
        return -1;
    status = store_row(store, statement, error) < 0 ? -1 : 0;
    sqlite3_reset(statement);
    return status;
}

int store_run(struct store *store, struct error *error, const char *sql, const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list arguments;

    va_start(arguments, types);
    statement = ready(store, error, sql, types, &arguments);
    va_end(arguments);
    return run(store, statement, error);
}

sqlite3_stmt *store_query(struct store *store, struct error *error, const char *sql,
                          const char *types, ...)
{
    sqlite3_stmt *statement;
    va_list arguments;

    va_start(arguments, types);
    statement = ready(store, error, sql, types, &arguments);
    va_end(arguments);
    return statement;
}

/* ---- rows that wait ----------------------------------------------------------------------------- */

int store_write_waiting(struct store *store, struct error *error)
{
    unsigned count = store->waiting;
    sqlite3_stmt *statement;
    int limit;

    if (count == 0)
        return 0;
    store->waiting = 0;
    statement = statement_of(store, store->waiting_sql, error);
    limit = statement ? sqlite3_bind_parameter_count(statement) : 0;
    if (statement && sqlite3_bind_int64(statement, limit, count) != SQLITE_OK)
        return store_failed(store, store->waiting_sql, error);
    return run(store, statement, error);
}

int store_let_wait(struct store *store, struct error *error, const char *sql, const char *types,
                   ...)
{
    int first = (int)(store->waiting * strlen(types)) + 1;
    sqlite3_stmt *statement;
    va_list arguments;

    va_start(arguments, types);
    statement = bound(store, error, sql, first, types, &arguments);
    va_end(arguments);
    if (!statement)
        return -1;
    store->waiting_sql = sql;
    return ++store->waiting < STORE_WAITING_LIMIT ? 0 : store_write_waiting(store, error);
}

int store_row(struct store *store, sqlite3_stmt *statement, struct error *error)
{
    int code = sqlite3_step(statement);

    if (code == SQLITE_ROW)
        return 1;
    if (code == SQLITE_DONE)
        return 0;
    return store_failed(store, sqlite3_sql(statement), error);
}

int store_count_rows(struct store *store, const char *sql, unsigned *count, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error, sql, "");

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    *count = (unsigned)sqlite3_column_int(statement, 0);
    return 0;
}

const char *store_text(sqlite3_stmt *statement, int column)
{
    const unsigned char *text = sqlite3_column_text(statement, column);

    return text ? (const char *)text : "";
}

double store_real(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(statement, column);
}

int store_begin(struct store *store, struct error *error)
{
    return store_run(store, error, "BEGIN IMMEDIATE", "");
}

int store_commit(struct store *store, struct error *error)
{
    if (store_run(store, error, "COMMIT", "") == 0)
        return 0;
    store_rollback(store);
    return -1;
}

void store_rollback(struct store *store)
{
    struct error ignored = {0};

    store->waiting = 0;
    /* A failed COMMIT or a full disk may have rolled back already. */
    if (!sqlite3_get_autocommit(store->database))
        store_run(store, &ignored, "ROLLBACK", "");
}

int store_end(struct store *store, int status, struct error *error)
{
    if (status >= 0)
        return store_commit(store, error);
    store_rollback(store);
    return -1;
}

/* Until the store was checked, its write-ahead log is neither written into it nor removed: a person may
 * want to save both as they are. */
void store_keep_as_found(struct store *store, bool keep)
{
    sqlite3_wal_autocheckpoint(store->database, keep ? 0 : CHECKPOINT_PAGES);
    sqlite3_db_config(store->database, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)keep, NULL);
}
