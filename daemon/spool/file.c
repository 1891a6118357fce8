/*
 * One file of the spool: what it looks like, and its bytes.
 */

#include "common/memory.h"
#include "daemon/result.h"
#include "daemon/spool/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_SECOND   1000000000
#define SECONDS_PER_DAY (24 * 60 * 60)

static bool ends_with(const char *string, const char *ending)
{
    size_t length = strlen(string);
    size_t ending_length = strlen(ending);

    return length >= ending_length && strcmp(string + length - ending_length, ending) == 0;
}

bool spool_name_watched(const char *name)
{
    return name[0] != '.' && !ends_with(name, ".tmp") && !ends_with(name, ".part") &&
           !ends_with(name, "~") && result_format(name) != RESULT_FORMAT_NONE;
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

static int64_t arrival(const struct spool *spool, const struct stat *status)
{
    int64_t tomorrow = spool->listed_ns / NS_PER_SECOND + SECONDS_PER_DAY;
    bool sensible = status->st_mtim.tv_sec >= 0 && status->st_mtim.tv_sec <= tomorrow;

    return sensible ? (int64_t)spool_modified(status) : spool->listed_ns;
}

void spool_look(const struct spool *spool, struct spool_entry *entry, const struct stat *status)
{
    if (spool_looks_the_same(entry, status))
        return;
    entry->looked_ms = spool_now_ms();
    if (entry->met_ms == 0 || entry->inode != status->st_ino)
        entry->met_ms = entry->looked_ms;
    entry->inode = status->st_ino;
    entry->size = status->st_size;
    entry->mode = status->st_mode;
    entry->modified = spool_modified(status);
    entry->arrived_ns = arrival(spool, status);
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
    return memory_format("is %s, a regular file would do", S_ISLNK(mode)    ? "a symbolic link"
                                                           : S_ISDIR(mode)  ? "a directory"
                                                           : S_ISFIFO(mode) ? "a FIFO"
                                                           : S_ISSOCK(mode) ? "a socket"
                                                                            : "a device");
}

static char *describe_size(off_t size)
{
    return memory_format("is %jd bytes long, at most %u would do", (intmax_t)size,
                         RESULT_SIZE_LIMIT);
}

/* Of a file whose writer had a private umask, or which was moved here from elsewhere. */
static char *describe_refusal(int code)
{
    return memory_format("cannot be opened: %s%s", strerror(code),
                         code == EACCES ? "; make it readable for winnowd's group (chmod g+r, and "
                                          "the group that the spool has) before it is renamed"
                                        : "");
}

/* Whether an error of open() is about this file, which is rejected for it, and not about a name that
 * is gone or a system that is short of something. */
static bool is_about_file(int code)
{
    return code != ENOENT && code != EMFILE && code != ENFILE && code != ENOMEM;
}

/* Between look and open the name may have changed hands: what counts is what was opened. */
int spool_slot_open(struct spool *spool, struct spool_slot *slot)
{
    struct spool_entry *entry = slot->entry;
    struct stat status;

    if (fstatat(spool->directory, entry->name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return -1;
    if (S_ISREG(status.st_mode) && status.st_size <= RESULT_SIZE_LIMIT) {
        slot->descriptor = openat(spool->directory, entry->name,
                                  O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
        if (slot->descriptor < 0 && !is_about_file(errno))
            return -1;
        if (slot->descriptor < 0)
            slot->file.problem = describe_refusal(errno);
        else if (fstat(slot->descriptor, &status) < 0)
            return -1;
    }
    spool_look(spool, entry, &status);
    if (!S_ISREG(status.st_mode))
        slot->file.problem = describe_type(status.st_mode);
    else if (status.st_size > RESULT_SIZE_LIMIT)
        slot->file.problem = describe_size(status.st_size);
    if (slot->file.problem && slot->descriptor >= 0) {
        close(slot->descriptor);
        slot->descriptor = -1;
    }
    if (slot->descriptor >= 0)
        posix_fadvise(slot->descriptor, 0, status.st_size, POSIX_FADV_WILLNEED);
    return 0;
}

/* Reads up to `size` bytes; -1 with errno. */
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

    if (slot->descriptor < 0)
        return;
    bytes = memory_new(size + 1);
    length = read_bytes(slot->descriptor, bytes, size);
    if (length < 0) {
        /* A bad sector is there to stay: the file is rejected for it. */
        slot->file.problem = memory_format("cannot be read: %s", strerror(errno));
    } else {
        slot->file.length = length;
        slot->file.bytes = TAKE(bytes);
    }
    close(slot->descriptor);
    slot->descriptor = -1;
}
