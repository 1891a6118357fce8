/*
 * Checks whether the store is whole, and how a clean stop spares the next start this check.
 *
 * The owner of the lock notes in the lock file how it left the store: which file, how large, and when the
 * system last changed it. If that is still true, the store is as its last writer closed it.
 */

#include "daemon/store/internal.h"

#include "common/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTE_FORMAT "closed %llu %lld %lld.%09ld"

/* Describes a store that nobody has open. Returns false if it has a write-ahead log, or cannot be looked
 * at. */
static bool describe(char *note, size_t size, const char *path)
{
    CLEANUP_FREE char *log = memory_format("%s-wal", path);
    struct stat status;

    if (stat(log, &status) == 0 && status.st_size > 0)
        return false;
    if (stat(path, &status) < 0)
        return false;
    snprintf(note, size, NOTE_FORMAT, (unsigned long long)status.st_ino, (long long)status.st_size,
             (long long)status.st_ctim.tv_sec, status.st_ctim.tv_nsec);
    return true;
}

bool store_is_as_closed(const char *note, const char *path)
{
    char now[STORE_NOTE_SIZE];

    return describe(now, sizeof(now), path) && strcmp(now, note) == 0;
}

/* If a crash comes before this is on the disk, it costs one check of the whole store. */
void store_note_closed(int lock, const char *path)
{
    char note[STORE_NOTE_SIZE];

    if (describe(note, sizeof(note), path) && ftruncate(lock, 0) == 0)
        (void)!pwrite(lock, note, strlen(note), 0);
}

bool store_is_small(const char *path)
{
    CLEANUP_FREE char *log = memory_format("%s-wal", path);
    struct stat status;
    long long bytes = 0;

    bytes += stat(path, &status) == 0 ? status.st_size : 0;
    bytes += stat(log, &status) == 0 ? status.st_size : 0;
    return bytes <= STORE_SMALL;
}

int store_check_integrity(struct store *store, struct error *error)
{
    CLEANUP_RESET sqlite3_stmt *statement = store_query(store, error, "PRAGMA quick_check(1)", "");
    const char *verdict;

    if (!statement || store_row(store, statement, error) < 0)
        return -1;
    verdict = store_text(statement, 0);
    if (strcmp(verdict, "ok") == 0)
        return 0;
    store->damaged = true;
    return store_set_damaged(error, sqlite3_db_filename(store->database, "main"), verdict);
}

bool store_is_unchecked(const struct store *store)
{
    return store->unchecked;
}

void store_trust(struct store *store)
{
    store->unchecked = false;
    store_keep_as_found(store, false);
}
