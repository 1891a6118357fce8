/*
 * Moves out of the spool: to the archive, to what was rejected.
 *
 * Who writes to the spool may put anything there, links in place of .archive included: every directory
 * on the way is opened without following links, and no name is ever overwritten.
 */

#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "daemon/spool/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_LIMIT       255
#define SUFFIX_LIMIT     16
#define TRIES            (1u << 30)
#define ON_THE_WAY_LIMIT 4096
#define REASON_ENDING    ".reason"

static const struct log_event event_swapped = {
    .message = "a file in the spool was replaced while it was moved",
    .level = LOG_LEVEL_WARNING,
};

/* A directory that files go to, and its path below the spool. */
struct place {
    int descriptor;
    char path[64];
};

static void close_place(struct place *place)
{
    if (place->descriptor >= 0)
        close(place->descriptor);
}

static int fail(struct error *error, const char *doing, const char *name)
{
    int code = errno;

    error_set(error, ERROR_TRANSIENT, "cannot %s %s: %s", doing, name, strerror(code));
    return -1;
}

/* Opens directory/name, which is made if need be. */
static int open_below(int directory, const char *name, struct error *error)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int descriptor = openat(directory, name, flags);

    if (descriptor < 0 && errno == ENOENT) {
        if (mkdirat(directory, name, 0755) < 0 && errno != EEXIST)
            return fail(error, "make", name);
        descriptor = openat(directory, name, flags);
    }
    if (descriptor < 0)
        return fail(error, "open", name);
    return descriptor;
}

static int open_place(struct place *place, struct spool *spool, enum spool_place which,
                      const char *day, struct error *error)
{
    int archive;

    if (which == SPOOL_REJECT) {
        snprintf(place->path, sizeof(place->path), ".rejected");
        place->descriptor = open_below(spool->directory, place->path, error);
        return place->descriptor < 0 ? -1 : 0;
    }
    archive = open_below(spool->directory, ".archive", error);
    if (archive < 0)
        return -1;
    snprintf(place->path, sizeof(place->path), ".archive/%.32s", day);
    place->descriptor = open_below(archive, day, error);
    close(archive);
    return place->descriptor < 0 ? -1 : 0;
}

/* The name for the n-th try: NAME, NAME~2, NAME~3 …, shortened where it would be too long, with
 * `reserve` bytes kept free behind it. A character is not cut in two. */
static void make_name(char *buffer, size_t size, const char *name, unsigned try, size_t reserve)
{
    char suffix[SUFFIX_LIMIT] = "";
    size_t keep = strlen(name);
    size_t room;

    if (try > 1)
        snprintf(suffix, sizeof(suffix), "~%u", try);
    room = NAME_LIMIT - reserve - strlen(suffix);
    if (keep > room) {
        keep = room;
        while (keep > 0 && ((unsigned char)name[keep] & 0xc0) == 0x80)
            keep--;
        if (keep == 0)
            keep = room;
    }
    snprintf(buffer, size, "%.*s%s", (int)keep, name, suffix);
}

static bool is_taken(const struct place *place, const char *name, unsigned try, size_t reserve)
{
    char candidate[NAME_LIMIT + 1];
    struct stat status;

    make_name(candidate, sizeof(candidate), name, try, reserve);
    return fstatat(place->descriptor, candidate, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The first try whose name is free: numbers are given one after the other, so that it is found by
 * halves. Where somebody has taken files away it is one that is free. */
static unsigned first_free(const struct place *place, const char *name, size_t reserve)
{
    unsigned taken = 0, free = 1;

    while (free < TRIES && is_taken(place, name, free, reserve)) {
        taken = free;
        free *= 2;
    }
    while (free - taken > 1) {
        unsigned middle = taken + (free - taken) / 2;

        if (is_taken(place, name, middle, reserve))
            taken = middle;
        else
            free = middle;
    }
    return free;
}

/* Not every file system knows RENAME_NOREPLACE; the daemon alone writes where these moves go. */
static int rename_to_free(int from, const char *name, int to, const char *new_name)
{
    struct stat status;

    if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL)
        return -1;
    if (fstatat(to, new_name, &status, AT_SYMLINK_NOFOLLOW) == 0) {
        errno = EEXIST;
        return -1;
    }
    return renameat(from, name, to, new_name);
}

/* Whether a file says just this: then it is a reason that was written before a crash. */
static bool says(int directory, const char *name, const char *text)
{
    CLEANUP_FREE char *bytes = NULL;
    size_t length = 0;
    struct error ignored;

    return file_read(&bytes, &length, directory, name, strlen(text), &ignored) == 0 &&
           length == strlen(text) && memcmp(bytes, text, length) == 0;
}

/* Writes NEW_NAME.reason; 1 if something else has that name, a patch that was called so for one. It is
 * not synced: what it says is in the log and in the store. */
static int write_reason(int directory, const char *new_name, const char *reason,
                        struct error *error)
{
    size_t length = strlen(reason);
    bool ended = length > 0 && reason[length - 1] == '\n';
    CLEANUP_FREE char *name = memory_format("%s%s", new_name, REASON_ENDING);
    CLEANUP_FREE char *text = memory_format("%s%s", reason, ended ? "" : "\n");
    int descriptor = openat(directory, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                            0644);
    bool written;

    if (descriptor < 0 && errno == EEXIST)
        return says(directory, name, text) ? 0 : 1;
    if (descriptor < 0)
        return fail(error, "write", name);
    written = write(descriptor, text, strlen(text)) == (ssize_t)strlen(text);
    if (!written) {
        fail(error, "write", name);
        unlinkat(directory, name, 0);
    }
    close(descriptor);
    return written ? 0 : -1;
}

static void remove_reason(int directory, const char *new_name)
{
    CLEANUP_FREE char *name = memory_format("%s%s", new_name, REASON_ENDING);

    unlinkat(directory, name, 0);
}

/* Moves directory/name to a free name in `place`, with its reason in front if there is one. 1 if there
 * is no such file. On 0 `*new_name` is the caller's. */
static int move_to_free(int directory, const char *name, const struct place *place,
                        const char *reason, char **new_name, struct error *error)
{
    size_t reserve = reason ? strlen(REASON_ENDING) : 0;
    char candidate[NAME_LIMIT + 1];

    for (unsigned try = first_free(place, name, reserve); try < TRIES; try++) {
        struct stat status;
        int taken = 0;

        make_name(candidate, sizeof(candidate), name, try, reserve);
        if (fstatat(place->descriptor, candidate, &status, AT_SYMLINK_NOFOLLOW) == 0)
            continue;
        if (reason)
            taken = write_reason(place->descriptor, candidate, reason, error);
        if (taken < 0)
            return -1;
        if (taken > 0)
            continue;
        if (rename_to_free(directory, name, place->descriptor, candidate) == 0) {
            *new_name = memory_copy(candidate);
            return 0;
        }
        if (errno == ENOENT) {
            if (reason)
                remove_reason(place->descriptor, candidate);
            return 1;
        }
        if (errno != EEXIST)
            return fail(error, "move", name);
    }
    errno = EEXIST;
    return fail(error, "move", name);
}

/* Where a file lies that was moved before a crash, and what became of it was not written down: among the
 * last that were moved under its name, as no more than a slice or two are ever on the way. */
static char *find_moved(struct spool *spool, const struct spool_move *move)
{
    CLEANUP(close_place) struct place place = {.descriptor = -1};
    char candidate[NAME_LIMIT + 1];
    struct stat status;
    struct error ignored;
    unsigned free;

    if (open_place(&place, spool, move->place, move->day, &ignored) < 0)
        return NULL;
    free = first_free(&place, move->name, 0);
    for (unsigned try = free - 1; try > 0 && free - try <= ON_THE_WAY_LIMIT; try--) {
        make_name(candidate, sizeof(candidate), move->name, try, 0);
        if (fstatat(place.descriptor, candidate, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_ino == move->inode)
            return memory_format("%s/%s", place.path, candidate);
    }
    return NULL;
}

/* Whether the file that has the name is still the one that was handed on. */
static bool is_that_file(const struct spool_entry *entry, const struct spool_move *move,
                         const struct stat *status)
{
    if (status->st_ino != move->inode)
        return false;
    if (!S_ISREG(status->st_mode) || !entry || !entry->handed || entry->inode != move->inode)
        return true;
    return entry->size == status->st_size && entry->modified == spool_modified(status);
}

/* Forgets the file that was handed on under a name; what has the name now is found by a scan. */
static void forget(struct spool *spool, const struct spool_move *move, bool look_again)
{
    struct spool_entry *entry = spool_known_find(&spool->known, move->name);

    if (entry && entry->handed && entry->inode == move->inode)
        spool_known_remove(&spool->known, entry);
    if (look_again) {
        spool->dirty = true;
        spool_wake(spool);
    }
}

/* Another file took the name between the look and the rename: it goes back where it was. */
static void undo_swap(struct spool *spool, const struct spool_move *move, const struct place *place,
                      char **new_name)
{
    struct stat status;

    if (fstatat(place->descriptor, *new_name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        status.st_ino == move->inode)
        return;
    log_event(&event_swapped, LOG_TEXT("file", move->name));
    if (rename_to_free(place->descriptor, *new_name, spool->directory, move->name) < 0)
        return;
    free(*new_name);
    *new_name = NULL;
}

/* The patch goes first: once the result file is gone, the move counts as done. */
static int move_all(struct spool *spool, const struct spool_move *move, char **moved_to,
                    struct error *error)
{
    CLEANUP(close_place) struct place place = {.descriptor = -1};
    CLEANUP_FREE char *patch = NULL;
    CLEANUP_FREE char *new_name = NULL;
    const char *reason = move->place == SPOOL_REJECT ? move->reason : NULL;

    if (open_place(&place, spool, move->place, move->day, error) < 0)
        return -1;
    if (move->patch && move_to_free(spool->directory, move->patch, &place, NULL, &patch, error) < 0)
        return -1;
    if (move_to_free(spool->directory, move->name, &place, reason, &new_name, error) < 0)
        return -1;
    if (new_name)
        undo_swap(spool, move, &place, &new_name);
    forget(spool, move, new_name == NULL);
    if (moved_to && new_name)
        *moved_to = memory_format("%s/%s", place.path, new_name);
    return 0;
}

int spool_move(struct spool *spool, const struct spool_move *move, char **moved_to,
               struct error *error)
{
    struct stat status;
    int result = 0;

    if (moved_to)
        *moved_to = NULL;
    if (spool->directory < 0)
        return error_set(error, ERROR_TRANSIENT, "the spool %s is not there", spool->path);
    if (fstatat(spool->directory, move->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return fail(error, "look at", move->name);
        forget(spool, move, false);
        if (moved_to && move->place == SPOOL_ARCHIVE)
            *moved_to = find_moved(spool, move);
    } else if (!is_that_file(spool_known_find(&spool->known, move->name), move, &status)) {
        forget(spool, move, true);
    } else {
        result = move_all(spool, move, moved_to, error);
    }
    return result < 0 ? error_wrap(error, "spool %s", spool->path) : 0;
}

/* Opens the directory that a path like .archive/2026-01-31/exp.json lies in; 1 if it is not there. */
static int open_parent(struct spool *spool, const char *path, const char **name, int *parent,
                       struct error *error)
{
    CLEANUP_FREE char *copy = memory_copy(path);
    char *component = copy;
    char *slash;

    *parent = fcntl(spool->directory, F_DUPFD_CLOEXEC, 0);
    if (*parent < 0)
        return fail(error, "open", spool->path);
    while ((slash = strchr(component, '/'))) {
        int next;

        *slash = '\0';
        next = openat(*parent, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(*parent);
        *parent = next;
        if (next < 0)
            return errno == ENOENT ? 1 : fail(error, "open", path);
        component = slash + 1;
    }
    *name = path + (component - copy);
    return 0;
}

int spool_reject_archived(struct spool *spool, const char *archived, const char *reason,
                          struct error *error)
{
    CLEANUP(close_place) struct place from = {.descriptor = -1};
    CLEANUP(close_place) struct place place = {.descriptor = -1};
    CLEANUP_FREE char *new_name = NULL;
    const char *name = NULL;
    struct stat status;
    int found;

    if (spool->directory < 0)
        return error_set(error, ERROR_TRANSIENT, "the spool %s is not there", spool->path);
    found = open_parent(spool, archived, &name, &from.descriptor, error);
    if (found != 0)
        return found < 0 ? -1 : 0;
    if (fstatat(from.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail(error, "look at", archived);
    if (open_place(&place, spool, SPOOL_REJECT, NULL, error) < 0)
        return -1;
    if (move_to_free(from.descriptor, name, &place, reason, &new_name, error) < 0)
        return -1;
    return 0;
}

/* Whether a patch is still on its way: its writer has not closed it, or it came after its result and
 * nothing tells that it is whole. */
static bool is_on_its_way(struct spool *spool, const char *name, const struct stat *status)
{
    const struct spool_entry *entry = spool_known_find(&spool->known, name);

    if (!entry || entry->closed || !S_ISREG(status->st_mode))
        return false;
    return entry->written || (entry->created && status->st_size == 0) ||
           (entry->looked_ms && !spool_settled(spool, entry));
}

int spool_read_patch(struct spool *spool, const char *name, size_t limit, char **bytes,
                     size_t *length, struct error *error)
{
    CLEANUP_FREE char *read = NULL;
    struct stat status = {0};

    if (spool->directory < 0)
        return error_set(error, ERROR_TRANSIENT, "the spool %s is not there", spool->path);
    if (strchr(name, '/') || *name == '.' || *name == '\0')
        return error_set(error, ERROR_PERMANENT, "'%s' is no name of a file in the spool", name);
    if (fstatat(spool->directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
        return 1;
    if (is_on_its_way(spool, name, &status))
        return 1;
    if (file_read(&read, length, spool->directory, name, limit, error) < 0)
        return -1;
    /* Who began to write to it meanwhile has told so by now. */
    spool_watch_drain(spool);
    if (is_on_its_way(spool, name, &status))
        return 1;
    *bytes = TAKE(read);
    return 0;
}
