#pragma once

/*
 * What the files of the store share: the connection, cached statements, and how a statement is run. All
 * functions fail as those of store.h do.
 *
 * A string describes the parameters, one letter each: i (int64_t), t (const char *, NULL is NULL), r (double,
 * NaN is NULL), b (const void *, size_t; NULL is NULL). T is t, but SQLite makes a copy of the text. A '-'
 * before the letters says that the statement does not touch rows that wait (see store_let_wait()).
 */

#include "common/memory.h"
#include "daemon/store.h"

#include <sqlite3.h>

#define STORE_LOCK_FILE       "lock"
#define STORE_STATEMENT_LIMIT 128
#define STORE_WAITING_LIMIT   16

struct store {
    sqlite3 *database;
    int lock;        /* descriptor; -1: a reader */
    bool writing;    /* it was opened for writing, and is in order */
    bool unchecked;  /* it has not been checked yet */
    bool damaged;    /* a check found damage */
    int64_t decided; /* the number of the last decision */

    /* Rows that are bound to one INSERT and not written yet, and the experiment_ids that they reserve. */
    unsigned waiting;
    const char *waiting_sql;
    int64_t waiting_first; /* id of the first; those of the others follow */
    char *waiting_experiments[STORE_WAITING_LIMIT];

    struct {
        const char *sql; /* compared as a pointer: every text is a literal */
        sqlite3_stmt *statement;
    } statements[STORE_STATEMENT_LIMIT];
};

/* Returns the URI with which a reader opens the database at `path`; the caller frees it. If nobody writes to
 * it and no crash left a file, it is opened without making one. */
char *store_reader_uri(const char *state, const char *path);

/* store_note_closed() writes a note to the lock file when the store was closed. store_is_as_closed() returns
 * whether the store at `path`, which nobody has open, is as it was then. */
#define STORE_NOTE_SIZE 128
bool store_is_as_closed(const char *note, const char *path);
void store_note_closed(int lock, const char *path);

/* Returns whether the store is so small that a full check takes no time, even on a slow disk. */
#define STORE_SMALL (4LL * 1024 * 1024)
bool store_is_small(const char *path);

/* Checks all of the store. Fails (permanent) if something is damaged. */
int store_check_integrity(struct store *store, struct error *error);
int store_set_damaged(struct error *error, const char *path, const char *how);

/* Makes the next close leave the -wal file as it is, or remove it as usual. */
void store_keep_as_found(struct store *store, bool keep);

/* Checks that this winnowd knows the version of the store. `migrates`: it may be an older one. */
int store_check_version(struct store *store, bool migrates, struct error *error);

/* Makes the tables of a new store, or migrates an older one to the present version, each step in a
 * transaction of its own. */
int store_migrate(struct store *store, struct error *error);

/* The statements that make the tables of a new store, then NULL (tables.c). */
extern const char *const store_tables[];

/* The migrations, each from the version that is its index to the next one; and their number, which is the
 * present version (migrations.c). */
extern const char *const store_migrations[];
extern const int store_version;

/* Adds the SQL function canonical(file name, bytes), which migrations use. */
int store_add_canonical(struct store *store, struct error *error);

/* Turns SQLite's last error into ours. Returns -1. */
int store_failed(struct store *store, const char *what, struct error *error);

/* Runs a statement that gives no rows. */
int store_run(struct store *store, struct error *error, const char *sql, const char *types, ...);

/* Returns a statement that gives rows, bound and ready for store_row(), or NULL on failure. Reset it
 * with the cleanup helper before the same SQL is used again. */
sqlite3_stmt *store_query(struct store *store, struct error *error, const char *sql,
                          const char *types, ...);

/* Steps to the next row of a statement. Returns 1; 0: there are no more. */
int store_row(struct store *store, sqlite3_stmt *statement, struct error *error);

/* Finds the count that a query without parameters, a literal, gives. */
int store_count_rows(struct store *store, const char *sql, unsigned *count, struct error *error);

/* Rows that wait are written together: with many indexes, an INSERT of many rows costs little more than one
 * of a single row. store_let_wait() adds a row. `sql` inserts STORE_WAITING_LIMIT rows, and its last
 * parameter is a LIMIT; `types` are those of one row. The rows are written when they are that many, and
 * before any other statement whose parameters do not begin with '-', COMMIT included. store_rollback() drops
 * them. */
int store_let_wait(struct store *store, struct error *error, const char *sql, const char *types,
                   ...);

/* Writes the rows that wait. */
int store_write_waiting(struct store *store, struct error *error);

static inline void store_resetp(sqlite3_stmt **statement)
{
    if (*statement)
        sqlite3_reset(*statement);
}
#define CLEANUP_RESET CLEANUP(store_resetp)

/* Appends an element to an array, and points at it. */
#define STORE_GROW(items, count)                                                                   \
    ((items) = memory_resize((items), ((count) + 1) * sizeof(*(items))), &(items)[(count)++])

/* What an UPDATE of results sets to queue a decided result again. */
#define STORE_QUEUED_AGAIN                                                                         \
    "decision = 'queued', decided = 0, reason = '', reference_result = 0, saving = has_change"

/* The two halves of store_decide(): write the decision, and delete the content if nobody needs it again. */
int store_write_decision(struct store *store, int64_t id, const struct store_decision *decision,
                         struct error *error);
int store_let_go_of_content(struct store *store, int64_t id, struct error *error);

/* Writes the new state of a pull request that a person settled or opened again. */
int store_write_settled(struct store *store, int64_t result, enum pull_state state,
                        struct error *error);

/* Writes the closings that follow from that: of the pull requests that it contains, and of those closed in
 * its favour. */
int store_write_followers(struct store *store, int64_t result, enum pull_state state,
                          struct error *error);

/* Writes the measured commits that the pull request of a result contains. */
int store_write_contained(struct store *store, int64_t result, char *const *measured, size_t count,
                          struct error *error);

/* Writes what follows from a new pull request. `supersedes`: the open ones that it contains are closed in its
 * favour. It is closed itself if a merged one contains it. */
int store_write_opened(struct store *store, int64_t result, bool supersedes, struct error *error);

/* Return the value of a column. NULL is "" as text and NaN as a number. */
const char *store_text(sqlite3_stmt *statement, int column);
double store_real(sqlite3_stmt *statement, int column);

/* Reads two columns, and returns them as metric and scope. The caller frees the strings. */
struct store_lane store_read_lane(sqlite3_stmt *statement);

/* Reads the one row of a query for STORE_RESULT_COLUMNS; `*result` is NULL if there is none. `statement`
 * NULL: the query has failed already. */
int store_read_one(struct store *store, sqlite3_stmt *statement, struct store_result **result,
                   struct error *error);
#define STORE_RESULT_COLUMNS                                                                       \
    "id, experiment_id, scope, metric, status, after, before, has_change, file_name, "             \
    "modified_ns, digest, decision, reason, received_ms, archived, "                               \
    "after_runs, before_runs, measured, log, line, unfinished, named, saving "
