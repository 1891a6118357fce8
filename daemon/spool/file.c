/*
 * One file of the spool: its looks, and its bytes.
 */

#include "common/memory.h"
#include "daemon/result.h"
#include "daemon/spool/internal.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_SECOND   1000000000
#define SECONDS_PER_DAY (24 * 60 * 60)

enum spool_name spool_name(const char *name)
{
    if (!result_name_seen(name))
        return SPOOL_NAME_UNSEEN;
    return result_format(name) == RESULT_FORMAT_NONE ? SPOOL_NAME_BESIDE : SPOOL_NAME_TAKEN;
}

bool spool_name_shouted(const char *name)
{
    CLEANUP_FREE char *small = memory_copy(name);

    for (char *c = small; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return result_format(small) != RESULT_FORMAT_NONE;
}

/* A name that was made, is not empty and was never written to is a link to a file that was complete
 * elsewhere. */
bool spool_being_written(const struct spool_entry *entry)
{
    return entry->written || (entry->created && entry->size == 0);
}

bool spool_is_steady(const struct spool *spool, const struct spool_entry *entry)
{
    return entry->seen_ms - entry->looked_ms >= spool->steady_ms;
}

uint64_t spool_modified(const struct stat *status)
{
    return (uint64_t)status->st_mtim.tv_sec * NS_PER_SECOND + (uint64_t)status->st_mtim.tv_nsec;
}

bool spool_looks_the_same(const struct spool_entry *entry, const struct stat *status)
{
    return entry->looked_ms != 0 && entry->inode == status->st_ino &&
           entry->size == status->st_size && entry->mode == status->st_mode &&
           entry->modified == spool_modified(status);
}

int64_t spool_arrival(const struct spool *spool, const struct stat *status)
{
    int64_t tomorrow = spool->listed_ns / NS_PER_SECOND + SECONDS_PER_DAY;
    bool sensible = status->st_mtim.tv_sec >= 0 && status->st_mtim.tv_sec <= tomorrow;

    return sensible ? (int64_t)spool_modified(status) : spool->listed_ns;
}

void spool_look(const struct spool *spool, struct spool_entry *entry, const struct stat *status)
{
    bool same = spool_looks_the_same(entry, status);

    entry->seen_ms = spool_now_ms();
    if (same)
        return;
    entry->looked_ms = entry->seen_ms;
    if (entry->met_ms == 0 || entry->inode != status->st_ino) {
        entry->met_ms = entry->looked_ms;
        spool_known_forget_wait(entry);
    }
    entry->inode = status->st_ino;
    entry->size = status->st_size;
    entry->mode = status->st_mode;
    entry->modified = spool_modified(status);
    entry->arrived_ns = spool_arrival(spool, status);
}

void spool_slot_drop(struct spool_slot *slot)
{
    if (slot->descriptor >= 0)
        close(slot->descriptor);
    free(slot->file.bytes);
    free(slot->file.problem);
    *slot = (struct spool_slot){.descriptor = -1};
}

static char *describe_type(mode_t mode)
{
    return memory_format("expected a regular file, found %s", S_ISLNK(mode)    ? "a symbolic link"
                                                              : S_ISDIR(mode)  ? "a directory"
                                                              : S_ISFIFO(mode) ? "a FIFO"
                                                              : S_ISSOCK(mode) ? "a socket"
                                                                               : "a device");
}

static char *describe_size(off_t size)
{
    return memory_format("expected at most %u bytes, found %jd", RESULT_SIZE_LIMIT, (intmax_t)size);
}

/* Sets the problem by errno. Permission is missing if the writer had a private umask, or the file was
 * moved here from elsewhere. */
static void set_problem(struct spool_slot *slot, const char *what)
{
    int code = errno;

    slot->file.faulty = error_kind_of_errno(code) == ERROR_TRANSIENT;
    slot->file.problem = memory_format(
        "cannot be %s: %s%s", what, strerror(code),
        code == EACCES ? "; make it readable for winnowd's group (chmod g+r, "
                         "and the group that the spool has) before it is renamed"
                       : "");
}

bool spool_is_log(const struct spool_slot *slot)
{
    return result_format(slot->entry->name) == RESULT_FORMAT_LOG;
}

/* A log may have any size, since the taker reads it line by line. */
static bool is_too_large(const struct spool_slot *slot, const struct stat *status)
{
    return status->st_size > RESULT_SIZE_LIMIT && !spool_is_log(slot);
}

/* Opens a regular file that is not too large. Returns -1 if the name is gone. */
static int open_regular(struct spool *spool, struct spool_slot *slot, struct stat *status)
{
    if (!S_ISREG(status->st_mode) || is_too_large(slot, status))
        return 0;
    slot->descriptor = openat(spool->directory, slot->entry->name,
                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (slot->descriptor < 0 && errno == ENOENT)
        return -1;
    if (slot->descriptor < 0)
        set_problem(slot, "opened");
    else if (fstat(slot->descriptor, status) < 0)
        set_problem(slot, "looked at");
    return 0;
}

/* Between look and open the name may have passed to another file. The opened file counts. */
int spool_slot_open(struct spool *spool, struct spool_slot *slot)
{
    struct spool_entry *entry = slot->entry;
    struct stat status;

    if (fstatat(spool->directory, entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ENOENT)
            return -1;
        set_problem(slot, "looked at");
        return 0;
    }
    if (open_regular(spool, slot, &status) < 0)
        return -1;
    spool_look(spool, entry, &status);
    if (!slot->file.problem && !S_ISREG(status.st_mode))
        slot->file.problem = describe_type(status.st_mode);
    else if (!slot->file.problem && is_too_large(slot, &status))
        slot->file.problem = describe_size(status.st_size);
    if (slot->file.problem && slot->descriptor >= 0) {
        close(slot->descriptor);
        slot->descriptor = -1;
    }
    if (slot->descriptor >= 0 && !spool_is_log(slot))
        posix_fadvise(slot->descriptor, 0, status.st_size, POSIX_FADV_WILLNEED);
    return 0;
}

/* Reads up to `size` bytes. Returns -1 with errno. */
static ssize_t read_bytes(int descriptor, char *bytes, size_t size)
{
    size_t length = 0;

    while (length < size) {
        ssize_t got = read(descriptor, bytes + length, size - length);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        length += got;
    }
    return length;
}

void spool_slot_read(struct spool_slot *slot)
{
    size_t size = slot->entry->size;
    CLEANUP_FREE char *bytes = NULL;
    ssize_t length;

    if (slot->descriptor < 0 || spool_is_log(slot))
        return;
    bytes = memory_new(size + 1);
    length = read_bytes(slot->descriptor, bytes, size);
    if (length < 0) {
        set_problem(slot, "read");
    } else {
        slot->file.length = length;
        slot->file.bytes = TAKE(bytes);
    }
    close(slot->descriptor);
    slot->descriptor = -1;
}

bool spool_patch_ready(struct spool *spool, const char *name)
{
    struct spool_entry *entry;
    struct stat status;

    if (fstatat(spool->directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    entry = spool_known_get(&spool->known, name);
    entry->round = spool->round;
    spool_look(spool, entry, &status);
    return !S_ISREG(status.st_mode) || entry->closed ||
           (!spool_being_written(entry) && spool_is_steady(spool, entry));
}
