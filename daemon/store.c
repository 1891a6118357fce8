#include "daemon/store.h"

#include "common/file.h"
#include "common/loop.h"
#include "daemon/store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define STORE_FILE "winnowd.db"

/* Takes two locks on one file, which no crash leaves behind. The first belongs to the process and says who
 * the daemon is. (Nothing else may open this file: closing it would end that lock.) Children inherit the
 * second: a child that was forked just before the daemon was killed has it until its exec. So the owner of
 * the second lock knows that no such child is left, which would look like ours. `note` gets the note of the
 * last daemon when it stopped. The note is removed from the disk before anything is written to the store. */
static int take_lock(struct store *store, const char *state, char note[static STORE_NOTE_SIZE],
                     struct error *error)
{
    CLEANUP_FREE char *path = file_join(state, STORE_LOCK_FILE);
    char holder[32] = "";
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->lock < 0)
        return error_set(error, ERROR_PERMANENT, "%s: %s", path, strerror(errno));
    if (fcntl(store->lock, F_SETLK, &whole) == 0) {
        while (flock(store->lock, LOCK_EX) < 0 && errno == EINTR)
            ;
        (void)!pread(store->lock, note, STORE_NOTE_SIZE - 1, 0);
        if (ftruncate(store->lock, 0) < 0 || dprintf(store->lock, "%d\n", (int)getpid()) < 0 ||
            fdatasync(store->lock) < 0)
            return error_set(error, ERROR_PERMANENT, "%s: %s", path, strerror(errno));
        return 0;
    }
    if (errno != EAGAIN && errno != EACCES)
        return error_set(error, ERROR_PERMANENT, "%s: %s", path, strerror(errno));
    if (pread(store->lock, holder, sizeof(holder) - 1, 0) > 0)
        holder[strcspn(holder, "\n")] = '\0';
    return error_set(error, ERROR_PERMANENT, "%s is in use by another winnowd (process %s)", state,
                     *holder ? holder : "unknown");
}

static int prepare_writer(struct store *store, struct error *error)
{
    if (store_check_version(store, true, error) < 0)
        return -1;
    if (sqlite3_exec(store->database,
                     "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                     "PRAGMA journal_size_limit = 4194304;",
                     NULL, NULL, NULL) != SQLITE_OK)
        return store_failed(store, "opening", error);
    return store_migrate(store, error);
}

/* Finds the last number of a decision. Those in the history and those in the rows are numbered together. */
static int count_decided(struct store *store, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(
        store, error,
        "SELECT max(coalesce((SELECT max(decided) FROM results), 0),"
        " coalesce((SELECT max(id) FROM decisions), 0))",
        "");

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    store->decided = sqlite3_column_int64(statement, 0);
    return 0;
}

/* Nobody asks SQLite how much memory it uses, and counting takes a lock for each allocation. SQLite refuses this
 * if it was used before, which does no harm. */
static void configure_library(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int open_database(struct store *store, const char *path, int flags, struct error *error)
{
    configure_library();
    if (sqlite3_open_v2(path, &store->database, flags | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK) {
        error_set(error, ERROR_PERMANENT, "%s: %s", path,
                  store->database ? sqlite3_errmsg(store->database) : "out of memory");
        return -1;
    }
    sqlite3_busy_timeout(store->database, flags & SQLITE_OPEN_READONLY ? 2000 : 200);
    store_keep_as_found(store, true);
    if (sqlite3_exec(store->database,
                     "PRAGMA cache_size = -1000; PRAGMA temp_store = MEMORY;"
                     "PRAGMA trusted_schema = OFF;",
                     NULL, NULL, NULL) != SQLITE_OK)
        return store_failed(store, "opening", error);
    return 0;
}

/* SQLite would apply a write-ahead log without its store to the new store. And that log may be all that is left
 * of the old one. */
static int refuse_foreign_log(const char *path, struct error *error)
{
    CLEANUP_FREE char *log = memory_format("%s-wal", path);
    struct stat status;

    if (lstat(log, &status) < 0 || status.st_size == 0)
        return 0;
    return error_set(error, ERROR_PERMANENT,
                     "%s is there without its store: move it aside as well, or restore %s", log,
                     path);
}

static int make_new(const char *path, struct error *error)
{
    CLEANUP(store_freep) struct store *made = memory_new(sizeof(*made));

    made->lock = -1;
    if (open_database(made, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, error) < 0 ||
        prepare_writer(made, error) < 0)
        return -1;
    store_keep_as_found(made, false);
    return 0;
}

/* Makes an empty store under another name, and renames it once it is whole. So a store without content
 * is never ours: SQLite would take it for a new one and throw away its write-ahead log. */
static int create(const char *path, struct error *error)
{
    static const char *const endings[] = {"", "-journal", "-wal", "-shm"};
    CLEANUP_FREE char *beside = memory_format("%s.new", path);

    if (refuse_foreign_log(path, error) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        CLEANUP_FREE char *left = memory_format("%s%s", beside, endings[i]);

        unlink(left);
    }
    if (make_new(beside, error) < 0)
        return -1;
    if (rename(beside, path) < 0)
        return error_set(error, ERROR_TRANSIENT, "%s: %s", path, strerror(errno));
    return 0;
}

static int find_or_create(const char *path, struct error *error)
{
    struct stat status;

    if (lstat(path, &status) < 0)
        return errno == ENOENT ? create(path, error)
                               : error_set(error, ERROR_PERMANENT, "%s: %s", path, strerror(errno));
    if (status.st_size > 0)
        return 0;
    return store_set_damaged(error, path, "it is empty");
}

/* Unless it would take long, all of the store is checked before anything is written, since the queries of a start
 * may miss a damaged page. A damaged store stays as it was found. */
static int open_writer(struct store *store, const char *state, const char *path,
                       struct error *error)
{
    char note[STORE_NOTE_SIZE] = "";
    bool whole;

    if (file_make_directories(state, 0750, error) < 0 || take_lock(store, state, note, error) < 0 ||
        find_or_create(path, error) < 0)
        return -1;
    whole = store_is_as_closed(note, path);
    if (open_database(store, path, SQLITE_OPEN_READWRITE, error) < 0)
        return -1;
    store->unchecked = !whole && !store_is_small(path);
    if (!whole && !store->unchecked && store_check_integrity(store, error) < 0)
        return -1;
    if (prepare_writer(store, error) < 0 || count_decided(store, error) < 0)
        return -1;
    store_keep_as_found(store, store->unchecked);
    store->writing = true;
    return 0;
}

int store_open(struct store **store, const char *state, bool read_only, struct error *error)
{
    CLEANUP(store_freep) struct store *opened = memory_new(sizeof(*opened));
    CLEANUP_FREE char *path = file_join(state, STORE_FILE);

    opened->lock = -1;
    if (!read_only) {
        if (open_writer(opened, state, path, error) < 0)
            return -1;
    } else {
        CLEANUP_FREE char *uri = store_reader_uri(state, path);

        if (open_database(opened, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, error) < 0 ||
            store_check_version(opened, false, error) < 0)
            return -1;
    }
    *store = TAKE(opened);
    return 0;
}

void store_free(struct store *store)
{
    if (!store)
        return;
    CLEANUP_FREE char *path = store->writing
                                  ? memory_copy(sqlite3_db_filename(store->database, "main"))
                                  : NULL;

    for (int i = 0; i < STORE_STATEMENT_LIMIT; i++)
        sqlite3_finalize(store->statements[i].statement);
    for (int i = 0; i < STORE_WAITING_LIMIT; i++)
        free(store->waiting_experiments[i]);
    if (sqlite3_close(store->database) == SQLITE_OK && path && !store->unchecked && !store->damaged)
        store_note_closed(store->lock, path);
    if (store->lock >= 0)
        close(store->lock);
    free(store);
}

void store_freep(struct store **store)
{
    store_free(*store);
}

int store_check_main(int argc, char **argv)
{
    CLEANUP(store_freep) struct store *store = NULL;
    struct error error;

    if (argc != 2)
        return EX_USAGE;
    if (store_open(&store, argv[1], true, &error) == 0 && store_check_integrity(store, &error) == 0)
        return EX_OK;
    fprintf(stderr, "%s", error.message);
    return store && store->damaged ? EX_DATAERR : EX_IOERR;
}
