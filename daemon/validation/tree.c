#include "daemon/validation/tree.h"

#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DEEPEST      200 /* directories in each other; each costs two descriptors */
#define LEAST_BYTES  4096
#define SPARED_BYTES (64 * 1024 * 1024) /* that a copy leaves free */
#define BUFFER_BYTES (128 * 1024)

struct walk {
    unsigned depth;
    uint64_t bytes, limit; /* measure */
    bool shares;           /* copy: no reflink has failed yet */
    bool shared;           /* copy: a reflink was made */
    uint64_t needed;       /* copy: bytes of the whole tree; 0: there is room for them */
    struct error *error;
};

static int fail(const struct walk *walk, const char *name)
{
    if (errno == ELOOP || errno == ENAMETOOLONG)
        return error_set(walk->error, ERROR_PERMANENT, "%s: a directory is more than %d deep", name,
                         DEEPEST);
    return error_set(walk->error, ERROR_TRANSIENT, "%s: %s", name, strerror(errno));
}

/* Gives the owner of a file or directory the right to read it. */
static int make_readable(int parent, const char *name, const struct stat *status)
{
    mode_t needed = S_ISDIR(status->st_mode) ? S_IRWXU : S_IRUSR;

    if ((!S_ISDIR(status->st_mode) && !S_ISREG(status->st_mode)) ||
        (status->st_mode & needed) == needed)
        return 0;
    return fchmodat(parent, name, (status->st_mode & 0777) | needed, 0);
}

static DIR *open_directory(struct walk *walk, int parent, const char *name)
{
    CLEANUP_DESCRIPTOR int descriptor = -1;
    DIR *listing;

    if (walk->depth >= DEEPEST) {
        errno = ELOOP;
        return NULL;
    }
    descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    listing = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (listing)
        descriptor = -1;
    return listing;
}

/* Finds the next entry and its status; `*entry` is NULL at the end. */
static int next_entry(DIR *listing, const struct dirent **entry, struct stat *status)
{
    do {
        errno = 0;
        *entry = readdir(listing);
        if (!*entry)
            return errno ? -1 : 0;
    } while (strcmp((*entry)->d_name, ".") == 0 || strcmp((*entry)->d_name, "..") == 0);
    return fstatat(dirfd(listing), (*entry)->d_name, status, AT_SYMLINK_NOFOLLOW);
}

/* ---- measure ------------------------------------------------------------------------------------ */

static uint64_t size_of(const struct stat *status)
{
    uint64_t blocks = (uint64_t)status->st_blocks * 512;
    uint64_t bytes = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0;

    bytes = bytes > blocks ? bytes : blocks;
    return bytes > LEAST_BYTES ? bytes : LEAST_BYTES;
}

static int measure(struct walk *walk, int parent, const char *name)
{
    CLEANUP_LISTING DIR *listing = open_directory(walk, parent, name);
    const struct dirent *entry;
    struct stat status;

    if (!listing)
        return fail(walk, name);
    walk->depth++;
    while (walk->bytes <= walk->limit) {
        if (next_entry(listing, &entry, &status) < 0)
            return fail(walk, name);
        if (!entry)
            break;
        walk->bytes += size_of(&status);
        if (make_readable(dirfd(listing), entry->d_name, &status) < 0)
            return fail(walk, entry->d_name);
        if (S_ISDIR(status.st_mode) && measure(walk, dirfd(listing), entry->d_name) < 0)
            return -1;
    }
    walk->depth--;
    return 0;
}

int tree_measure(const char *path, uint64_t limit, uint64_t *bytes, struct error *error)
{
    struct walk walk = {.limit = limit, .bytes = LEAST_BYTES, .error = error};
    struct stat status;

    if (lstat(path, &status) < 0 || make_readable(AT_FDCWD, path, &status) < 0)
        return fail(&walk, path);
    if (measure(&walk, AT_FDCWD, path) < 0)
        return -1;
    *bytes = walk.bytes;
    return 0;
}

/* ---- copy --------------------------------------------------------------------------------------- */

/* Fails if the disk has no room for the whole tree. The store is on that disk, too, so some bytes stay free. */
static int check_room(struct walk *walk, int target)
{
    struct statvfs disk;
    uint64_t available;

    if (walk->needed == 0 || fstatvfs(target, &disk) < 0)
        return 0;
    available = (uint64_t)disk.f_bavail * disk.f_frsize;
    if (available >= walk->needed + SPARED_BYTES) {
        walk->needed = 0;
        return 0;
    }
    return error_set(walk->error, ERROR_TRANSIENT,
                     "a copy takes %llu bytes, and %llu are free on the disk",
                     (unsigned long long)walk->needed, (unsigned long long)available);
}

static int copy_bytes(int from, int to, off_t at, off_t end)
{
    char buffer[BUFFER_BYTES];
    off_t in = at, out = at;
    ssize_t got = 1;

    while (in < end && copy_file_range(from, &in, to, &out, (size_t)(end - in), 0) > 0)
        ;
    /* On some file systems copy_file_range() fails, or copies nothing. */
    for (; in < end && (got = pread(from, buffer, sizeof(buffer), in)) > 0; in += got)
        for (ssize_t done = 0; done < got;) {
            ssize_t written = pwrite(to, buffer + done, (size_t)(got - done), in + done);

            if (written < 0)
                return -1;
            done += written;
        }
    return got < 0 ? -1 : 0;
}

/* Holes stay holes, if the file system reports them. */
static int copy_data(int from, int to, off_t size)
{
    off_t at = 0, hole;

    while ((at = lseek(from, at, SEEK_DATA)) >= 0) {
        hole = lseek(from, at, SEEK_HOLE);
        if (hole < 0 || copy_bytes(from, to, at, hole) < 0)
            return -1;
        at = hole;
    }
    return errno == ENXIO ? ftruncate(to, size) : -1;
}

/* Gives a copy the mode and the times of its original. */
static int keep_times(int descriptor, const struct stat *status)
{
    const struct timespec times[2] = {status->st_atim, status->st_mtim};

    return fchmod(descriptor, status->st_mode & 0777) < 0 || futimens(descriptor, times) < 0 ? -1
                                                                                             : 0;
}

static int copy_content(struct walk *walk, int from, int to, const struct stat *status,
                        const char *name)
{
    if (status->st_size == 0)
        return 0;
    if (walk->shares) {
        walk->shares = ioctl(to, FICLONE, from) == 0;
        walk->shared = walk->shared || walk->shares;
    }
    if (walk->shares)
        return 0;
    if (check_room(walk, to) < 0)
        return -1;
    return copy_data(from, to, status->st_size) < 0 ? fail(walk, name) : 0;
}

static int open_file(int parent, const char *name)
{
    return openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

static int copy_file(struct walk *walk, int source, int target, const char *name,
                     const struct stat *status)
{
    CLEANUP_DESCRIPTOR int from = open_file(source, name), to = -1;

    if (from < 0)
        return fail(walk, name);
    to = openat(target, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return fail(walk, name);
    if (copy_content(walk, from, to, status, name) < 0)
        return -1;
    return keep_times(to, status) < 0 ? fail(walk, name) : 0;
}

static int copy_link(struct walk *walk, int source, int target, const char *name)
{
    char text[4096];
    ssize_t length = readlinkat(source, name, text, sizeof(text) - 1);

    if (length < 0)
        return fail(walk, name);
    text[length] = '\0';
    return symlinkat(text, target, name) < 0 ? fail(walk, name) : 0;
}

static int copy_directory(struct walk *walk, int source, const char *name, int target,
                          const char *copy);

static int copy_entry(struct walk *walk, int source, int target, const char *name,
                      const struct stat *status)
{
    switch (status->st_mode & S_IFMT) {
    case S_IFDIR:
        return copy_directory(walk, source, name, target, name);
    case S_IFREG:
        return copy_file(walk, source, target, name, status);
    case S_IFLNK:
        return copy_link(walk, source, target, name);
    default:
        return 0;
    }
}

static int copy_directory(struct walk *walk, int source, const char *name, int target,
                          const char *copy)
{
    CLEANUP_LISTING DIR *listing = open_directory(walk, source, name);
    CLEANUP_DESCRIPTOR int made = -1;
    const struct dirent *entry;
    struct stat own, status;

    if (!listing || fstat(dirfd(listing), &own) < 0 || mkdirat(target, copy, 0700) < 0)
        return fail(walk, name);
    made = openat(target, copy, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (made < 0)
        return fail(walk, name);
    walk->depth++;
    for (;;) {
        if (next_entry(listing, &entry, &status) < 0)
            return fail(walk, name);
        if (!entry)
            break;
        if (copy_entry(walk, dirfd(listing), made, entry->d_name, &status) < 0)
            return -1;
    }
    walk->depth--;
    return keep_times(made, &own) < 0 ? fail(walk, name) : 0;
}

int tree_copy(const char *from, const char *to, uint64_t bytes, bool *shared, struct error *error)
{
    struct walk walk = {.shares = true, .needed = bytes, .error = error};

    if (copy_directory(&walk, AT_FDCWD, from, AT_FDCWD, to) < 0)
        return -1;
    *shared = walk.shared;
    return 0;
}
