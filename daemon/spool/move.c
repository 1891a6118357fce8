/*
 * Moves files out of the spool, to .archive or .rejected.
 *
 * Experimenters may put anything into the spool, even a link in place of .archive. So every directory on the
 * way is opened without following links, and no name is ever overwritten.
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
#define NUMBERS          (1u << 30)
#define ON_THE_WAY_LIMIT 4096
#define REASON_ENDING    ".reason"

static const struct log_event event_swapped = {
    .message = "a file in the spool was replaced while it was moved",
    .level = LOG_LEVEL_WARNING,
};

static int fail(struct error *error, const char *doing, const char *name)
{
    int code = errno;

    error_set(error, ERROR_TRANSIENT, "cannot %s %s: %s", doing, name, strerror(code));
    return -1;
}

/* Opens directory/name, and makes it if it is missing. */
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

static int open_archive(struct spool *spool, const char *day, struct error *error)
{
    int archive = open_below(spool->directory, ".archive", error);
    int descriptor;

    if (archive < 0)
        return -1;
    descriptor = open_below(archive, day, error);
    close(archive);
    return descriptor;
}

/* Returns the directory, opened if need be. It stays open until a slice was moved. */
static struct spool_directory *open_place(struct spool *spool, enum spool_place which,
                                          const char *day, struct error *error)
{
    struct spool_directory *place = &spool->places[which];
    char path[sizeof(place->path)];

    if (which == SPOOL_REJECT)
        snprintf(path, sizeof(path), ".rejected");
    else
        snprintf(path, sizeof(path), ".archive/%.32s", day);
    if (place->open && strcmp(place->path, path) == 0)
        return place;
    spool_close_place(place);
    place->descriptor = which == SPOOL_REJECT ? open_below(spool->directory, ".rejected", error)
                                              : open_archive(spool, day, error);
    if (place->descriptor < 0)
        return NULL;
    memcpy(place->path, path, sizeof(path));
    place->open = true;
    return place;
}

/* Closes the directories, unless a slice is being moved: its end closes them. */
static void close_places_soon(struct spool *spool)
{
    if (!spool->handing_on)
        spool_close_places(spool);
}

/* Writes the name for the n-th number: NAME, NAME~2, NAME~3 and so on. It is shortened if it would be too
 * long, with `reserve` bytes kept free after it, and no character is cut in two. */
static void make_name(char *buffer, size_t size, const char *name, unsigned number, size_t reserve)
{
    char suffix[SUFFIX_LIMIT] = "";
    size_t keep = strlen(name);
    size_t room;

    if (number > 1)
        snprintf(suffix, sizeof(suffix), "~%u", number);
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

static bool is_taken(const struct spool_directory *place, const char *name, unsigned number,
                     size_t reserve)
{
    char candidate[NAME_LIMIT + 1];
    struct stat status;

    make_name(candidate, sizeof(candidate), name, number, reserve);
    return fstatat(place->descriptor, candidate, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Returns the first number whose name is free. Numbers are used in order, so it is found by bisection. If
 * somebody has removed files, it is still free, though perhaps not the first. */
static unsigned first_free(const struct spool_directory *place, const char *name, size_t reserve)
{
    unsigned taken = 0, free = 1;

    while (free < NUMBERS && is_taken(place, name, free, reserve)) {
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

/* Not every file system has RENAME_NOREPLACE. Only the daemon writes to where these moves go. */
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

/* Whether a file has exactly this content: then it is a reason that was written before a crash. */
static bool says(int directory, const char *name, const char *text)
{
    CLEANUP_FREE char *bytes = NULL;
    size_t length = 0;
    struct error ignored;

    return file_read(&bytes, &length, directory, name, strlen(text), &ignored) == 0 &&
           length == strlen(text) && memcmp(bytes, text, length) == 0;
}

/* Writes NEW_NAME.reason. Returns 1 if something else has that name, such as a patch. There is no sync:
 * what it says is also in the log and in the store. */
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

enum attempt { MOVED, GONE, TAKEN, FAILED };

/* Whether a name exists, as far as can be seen. */
static bool is_there(int directory, const char *name)
{
    struct stat status;

    return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Moves directory/name to one name in `place`. Writes its reason first, if there is one. */
static enum attempt try_name(int directory, const char *name, const struct spool_directory *place,
                             const char *new_name, const char *reason, struct error *error)
{
    int code, written = reason ? write_reason(place->descriptor, new_name, reason, error) : 0;

    if (written != 0)
        return written < 0 ? FAILED : TAKEN;
    if (rename_to_free(directory, name, place->descriptor, new_name) == 0)
        return MOVED;
    code = errno;
    if (code == EEXIST)
        return TAKEN;
    if (code == ENOENT && !is_there(directory, name)) {
        if (reason)
            remove_reason(place->descriptor, new_name);
        return GONE;
    }
    errno = code;
    fail(error, "move", name);
    return FAILED;
}

/* Moves directory/name to the wanted name in `place`, or to one that is free. Returns 1 if there is no
 * such file. On 0 the caller frees `*new_name`. */
static int move_to_free(int directory, const char *name, const struct spool_directory *place,
                        const char *wanted, const char *reason, char **new_name,
                        struct error *error)
{
    size_t reserve = reason ? strlen(REASON_ENDING) : 0;
    enum attempt end = TAKEN;
    char candidate[NAME_LIMIT + 1];

    if (wanted) {
        snprintf(candidate, sizeof(candidate), "%s", wanted);
        end = try_name(directory, name, place, candidate, reason, error);
    }
    for (unsigned number = end == TAKEN ? first_free(place, name, reserve) : 0;
         end == TAKEN && number < NUMBERS; number++) {
        make_name(candidate, sizeof(candidate), name, number, reserve);
        if (!is_there(place->descriptor, candidate))
            end = try_name(directory, name, place, candidate, reason, error);
    }
    if (end == TAKEN) {
        errno = EEXIST;
        return fail(error, "move", name);
    }
    if (end == MOVED)
        *new_name = memory_copy(candidate);
    return end == MOVED ? 0 : end == GONE ? 1 : -1;
}

/* Finds a file that was moved before a crash, when its place could not be noted. It is among the last files
 * that were moved under its name, since at most two slices are on the way. */
static char *find_moved(struct spool *spool, const struct spool_move *move)
{
    const struct spool_directory *place;
    char candidate[NAME_LIMIT + 1];
    struct stat status;
    struct error ignored;
    unsigned free;

    if (move->target &&
        fstatat(spool->directory, move->target, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        status.st_ino == move->inode)
        return memory_copy(move->target);
    place = open_place(spool, move->place, move->day, &ignored);
    if (!place || move->place != SPOOL_ARCHIVE)
        return NULL;
    free = first_free(place, move->name, 0);
    for (unsigned number = free - 1; number > 0 && free - number <= ON_THE_WAY_LIMIT; number--) {
        make_name(candidate, sizeof(candidate), move->name, number, 0);
        if (fstatat(place->descriptor, candidate, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
            status.st_ino == move->inode)
            return memory_format("%s/%s", place->path, candidate);
    }
    return NULL;
}

/* Whether the file of that name is still the one that was handed on. */
static bool is_that_file(const struct spool *spool, const struct spool_move *move,
                         const struct stat *status)
{
    const struct spool_entry *entry = spool_known_find(&spool->known, move->name);
    int64_t arrival = spool_arrival(spool, status);

    if (status->st_ino != move->inode)
        return false;
    if (!S_ISREG(status->st_mode))
        return true;
    if (entry && entry->handed && entry->inode == move->inode)
        return entry->size == status->st_size && entry->modified == spool_modified(status);
    /* A modification time that cannot be true proves nothing. */
    return move->modified_ns == 0 || arrival == move->modified_ns || arrival == spool->listed_ns;
}

/* Forgets the file that was handed on under a name. A scan finds the file that has the name now. */
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

/* Another file took the name between the look and the rename: moves it back. */
static void undo_swap(struct spool *spool, const struct spool_move *move,
                      const struct spool_directory *place, char **new_name)
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

/* Moves the patch first: once the result file is gone, the move counts as done. */
static int move_all(struct spool *spool, const struct spool_move *move, char **moved_to,
                    struct error *error)
{
    const struct spool_directory *place = open_place(spool, move->place, move->day, error);
    const char *reason = move->place == SPOOL_REJECT ? move->reason : NULL;
    const char *wanted = move->target ? strrchr(move->target, '/') + 1 : NULL;
    CLEANUP_FREE char *patch = NULL;
    CLEANUP_FREE char *new_name = NULL;

    if (!place)
        return -1;
    if (move->patch &&
        move_to_free(spool->directory, move->patch, place, NULL, NULL, &patch, error) < 0)
        return -1;
    if (move_to_free(spool->directory, move->name, place, wanted, reason, &new_name, error) < 0)
        return -1;
    if (new_name)
        undo_swap(spool, move, place, &new_name);
    forget(spool, move, new_name == NULL);
    if (moved_to && new_name)
        *moved_to = memory_format("%s/%s", place->path, new_name);
    return 0;
}

static int move_one(struct spool *spool, const struct spool_move *move, char **moved_to,
                    struct error *error)
{
    struct stat status;

    if (spool->directory < 0)
        return error_set(error, ERROR_TRANSIENT, "the spool %s is not there", spool->path);
    if (fstatat(spool->directory, move->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno != ENOENT)
            return fail(error, "look at", move->name);
        forget(spool, move, false);
        if (moved_to)
            *moved_to = find_moved(spool, move);
        return 0;
    }
    if (is_that_file(spool, move, &status))
        return move_all(spool, move, moved_to, error);
    forget(spool, move, true);
    return 0;
}

int spool_move(struct spool *spool, const struct spool_move *move, char **moved_to,
               struct error *error)
{
    int result;

    if (moved_to)
        *moved_to = NULL;
    result = move_one(spool, move, moved_to, error);
    close_places_soon(spool);
    return result < 0 ? error_wrap(error, "spool %s", spool->path) : 0;
}

int spool_choose(struct spool *spool, enum spool_place place, const char *day, const char *name,
                 char **target, struct error *error)
{
    const struct spool_directory *directory;
    size_t reserve = place == SPOOL_REJECT ? strlen(REASON_ENDING) : 0;
    char candidate[NAME_LIMIT + 1];

    if (spool->directory < 0)
        return error_set(error, ERROR_TRANSIENT, "the spool %s is not there", spool->path);
    directory = open_place(spool, place, day, error);
    if (!directory)
        return error_wrap(error, "spool %s", spool->path);
    make_name(candidate, sizeof(candidate), name, first_free(directory, name, reserve), reserve);
    *target = memory_format("%s/%s", directory->path, candidate);
    close_places_soon(spool);
    return 0;
}

/* Opens the directory of a path like .archive/2026-01-31/exp.json. Returns 1 if it is missing. */
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

static int reject_archived(struct spool *spool, int from, const char *name, const char *reason,
                           char **moved_to, struct error *error)
{
    const struct spool_directory *place;
    CLEANUP_FREE char *new_name = NULL;
    struct stat status;

    if (fstatat(from, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail(error, "look at", name);
    place = open_place(spool, SPOOL_REJECT, NULL, error);
    if (!place || move_to_free(from, name, place, NULL, reason, &new_name, error) < 0)
        return -1;
    if (new_name)
        *moved_to = memory_format("%s/%s", place->path, new_name);
    return 0;
}

int spool_reject_archived(struct spool *spool, const char *archived, const char *reason,
                          char **moved_to, struct error *error)
{
    CLEANUP_DESCRIPTOR int from = -1;
    const char *name = NULL;
    int result;

    *moved_to = NULL;
    if (spool->directory < 0)
        return error_set(error, ERROR_TRANSIENT, "the spool %s is not there", spool->path);
    result = open_parent(spool, archived, &name, &from, error);
    if (result == 0)
        result = reject_archived(spool, from, name, reason, moved_to, error);
    close_places_soon(spool);
    return result < 0 ? -1 : 0;
}

/* Whether a patch is not complete yet: its writer has not closed it, or it came after its result and
 * nothing says that it is complete. */
static bool is_on_its_way(struct spool *spool, const char *name, const struct stat *status)
{
    const struct spool_entry *entry = spool_known_find(&spool->known, name);

    if (!entry || entry->closed || !S_ISREG(status->st_mode))
        return false;
    return entry->written || (entry->created && status->st_size == 0) ||
           (entry->looked_ms &&
            !(spool_is_steady(spool, entry) && spool_looks_the_same(entry, status)));
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
    /* If somebody has begun to write to it, the event has come by now. */
    spool_watch_drain(spool);
    if (is_on_its_way(spool, name, &status))
        return 1;
    *bytes = TAKE(read);
    return 0;
}
