#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct error *error, const char *doing, const char *path)
{
    int code = errno;

    return error_set(error, error_kind_of_errno(code), "cannot %s %s: %s", doing, path,
                     strerror(code));
}

static int refuse_type(struct error *error, const char *path, mode_t mode)
{
    const char *type = S_ISLNK(mode)    ? "a symbolic link"
                       : S_ISDIR(mode)  ? "a directory"
                       : S_ISFIFO(mode) ? "a FIFO"
                       : S_ISSOCK(mode) ? "a socket"
                                        : "a device";

    return error_set(error, ERROR_PERMANENT, "%s is %s, not a regular file", path, type);
}

static int refuse_size(struct error *error, const char *path, size_t limit)
{
    return error_set(error, ERROR_PERMANENT, "%s is larger than %zu bytes", path, limit);
}

/* Looks at the type before the open, since opening a FIFO would wake its writer. Looks again after it, since
 * the name may belong to another file by then. */
int file_open_regular(int *descriptor, off_t *size, int directory, const char *path,
                      struct error *error)
{
    struct stat status;

    if (fstatat(directory, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(error, "read", path);
    if (!S_ISREG(status.st_mode))
        return refuse_type(error, path, status.st_mode);
    *descriptor = openat(directory, path,
                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (*descriptor < 0 || fstat(*descriptor, &status) < 0)
        return fail(error, "open", path);
    if (!S_ISREG(status.st_mode))
        return refuse_type(error, path, status.st_mode);
    *size = status.st_size;
    return 0;
}

int file_read(char **bytes, size_t *length, int directory, const char *path, size_t limit,
              struct error *error)
{
    CLEANUP_DESCRIPTOR int descriptor = -1;
    CLEANUP_FREE char *buffer = NULL;
    size_t capacity, filled = 0;
    off_t size = 0;

    if (file_open_regular(&descriptor, &size, directory, path, error) < 0)
        return -1;
    if ((uintmax_t)size > limit)
        return refuse_size(error, path, limit);
    /* One byte more than the size, so that the end of the file is seen without a second buffer. */
    capacity = (size_t)size + 1;
    buffer = memory_resize(NULL, capacity + 1);
    for (;;) {
        ssize_t count = read(descriptor, buffer + filled, capacity - filled);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return fail(error, "read", path);
        if (count == 0)
            break;
        filled += (size_t)count;
        if (filled > limit)
            return refuse_size(error, path, limit);
        if (filled == capacity) {
            capacity = capacity > limit / 2 ? limit + 1 : capacity * 2;
            buffer = memory_resize(buffer, capacity + 1);
        }
    }
    buffer[filled] = '\0';
    *length = filled;
    *bytes = TAKE(buffer);
    return 0;
}

static int write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t count = write(descriptor, bytes, length);

        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        bytes += count;
        length -= (size_t)count;
    }
    return 0;
}

static int write_file(int directory, const char *path, const void *bytes, size_t length,
                      unsigned mode, bool durable, struct error *error)
{
    CLEANUP_FREE char *temporary = memory_format("%s.tmp", path);
    CLEANUP_DESCRIPTOR int descriptor = -1;

    /* Removes what a crash may have left there, so that the new file is ours. */
    if (unlinkat(directory, temporary, 0) < 0 && errno != ENOENT)
        return fail(error, "replace", temporary);
    descriptor = openat(directory, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                        (mode_t)mode);
    if (descriptor < 0)
        return fail(error, "create", temporary);
    if ((!durable && fchmod(descriptor, (mode_t)mode) < 0) ||
        write_all(descriptor, bytes, length) < 0 || (durable && fsync(descriptor) < 0)) {
        fail(error, "write", temporary);
        unlinkat(directory, temporary, 0);
        return -1;
    }
    if (renameat(directory, temporary, directory, path) < 0) {
        fail(error, "replace", path);
        unlinkat(directory, temporary, 0);
        return -1;
    }
    return 0;
}

int file_write(int directory, const char *path, const void *bytes, size_t length, unsigned mode,
               struct error *error)
{
    return write_file(directory, path, bytes, length, mode, true, error);
}

int file_replace(int directory, const char *path, const void *bytes, size_t length, unsigned mode,
                 struct error *error)
{
    return write_file(directory, path, bytes, length, mode, false, error);
}

int file_make_directories(const char *path, unsigned mode, struct error *error)
{
    CLEANUP_FREE char *part = memory_copy(path);
    struct stat status;

    for (char *at = part; *at != '\0';) {
        at += strspn(at, "/");
        at += strcspn(at, "/");

        char separator = *at;

        *at = '\0';
        if (*part != '\0' && mkdir(part, (mode_t)mode) < 0 && errno != EEXIST)
            return fail(error, "make directory", part);
        *at = separator;
    }
    if (stat(path, &status) < 0)
        return fail(error, "make directory", path);
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_PERMANENT, "%s is not a directory", path);
    return 0;
}

/* The user's name, for a sentence. The most common mistake is to run as another user than the service. */
static char *name_of_user(void)
{
    char names[1024];
    struct passwd entry, *user = NULL;

    if (getpwuid_r(geteuid(), &entry, names, sizeof names, &user) != 0 || !user)
        return memory_format("user %u", (unsigned)geteuid());
    return memory_copy(user->pw_name);
}

/* Cuts `place` down to the nearest directory that exists, itself or a parent, or to what is in the way. */
static int find_nearest(char *place, struct stat *status)
{
    while (stat(*place ? place : "/", status) < 0) {
        char *slash = strrchr(place, '/');

        if (errno != ENOENT && errno != ENOTDIR)
            return -1;
        if (lstat(place, status) == 0)
            return 0;
        if (!slash)
            return -1;
        *slash = '\0';
    }
    return 0;
}

int file_check_writable(const char *path, struct error *error)
{
    CLEANUP_FREE char *place = memory_copy(path);
    CLEANUP_FREE char *user = NULL;
    struct stat status;
    int problem;

    if (find_nearest(place, &status) == 0) {
        if (!S_ISDIR(status.st_mode))
            return error_set(error, ERROR_PERMANENT, "%s: expected a directory, found a %s%s%s",
                             path, S_ISLNK(status.st_mode) ? "link to nothing" : "file",
                             strcmp(place, path) ? " at " : "", strcmp(place, path) ? place : "");
        if (faccessat(AT_FDCWD, *place ? place : "/", W_OK | X_OK, AT_EACCESS) == 0)
            return 0;
    }
    problem = errno;
    user = name_of_user();
    return error_set(error, ERROR_PERMANENT, "%s may not be written to by %s: %s%s", path, user,
                     strerror(problem),
                     problem == EROFS ? " (in a service, ReadWritePaths= opens it)" : "");
}

bool file_is_in(const char *path, const char *place)
{
    size_t length = strlen(place);

    return strncmp(path, place, length) == 0 && (path[length] == '/' || !path[length]);
}

bool file_has_component(const char *path, const char *name)
{
    while (path) {
        size_t length = strcspn(path, "/");

        if (length == strlen(name) && strncmp(path, name, length) == 0)
            return true;
        path = path[length] ? path + length + 1 : NULL;
    }
    return false;
}

char *file_join(const char *path, const char *name)
{
    size_t length = strlen(path);

    return memory_format("%s%s%s", path, length > 0 && path[length - 1] != '/' ? "/" : "", name);
}

/*
 * Removing a tree.
 *
 * Experiments wrote the tree, so it may be nested deeper than descriptors or stack reach. So there is no
 * recursion. A directory below the first level that is not empty is moved up to the top of the tree under a
 * free name, and is emptied from there.
 */

struct removal {
    int top;
    dev_t device;
    const atomic_bool *stop;  /* NULL: never */
    unsigned long long moved; /* how many directories were moved up; makes the names */
};

/* glibc does this through a descriptor of the entry itself, so no link is followed. If it fails, the
 * call that needs the permission reports it. */
static void make_accessible(int parent, const char *name)
{
    if (fchmodat(parent, name, S_IRWXU, AT_SYMLINK_NOFOLLOW) < 0)
        errno = 0;
}

/* Opens a directory for reading, and makes that possible first. A mount point is refused. So is a bind
 * mount of the same file system, if the kernel tells. */
static DIR *open_directory(const struct removal *removal, const char *name)
{
    struct stat status;
    struct statx more = {0};

    make_accessible(removal->top, name);

    CLEANUP_DESCRIPTOR int descriptor = openat(removal->top, name,
                                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (descriptor < 0 || fstat(descriptor, &status) < 0)
        return NULL;
    (void)statx(descriptor, "", AT_EMPTY_PATH, STATX_TYPE, &more);
    if (status.st_dev != removal->device || (more.stx_attributes & STATX_ATTR_MOUNT_ROOT)) {
        errno = EXDEV;
        return NULL;
    }

    DIR *listing = fdopendir(descriptor);

    if (listing)
        descriptor = -1;
    return listing;
}

/* `*entry` is NULL at the end. */
static int next_entry(const struct removal *removal, DIR *listing, struct dirent **entry)
{
    if (removal->stop && atomic_load(removal->stop)) {
        errno = ECANCELED;
        return -1;
    }
    do {
        errno = 0;
        *entry = readdir(listing);
        if (!*entry)
            return errno == 0 ? 0 : -1;
    } while (strcmp((*entry)->d_name, ".") == 0 || strcmp((*entry)->d_name, "..") == 0);
    return 0;
}

/* Removes a file, a link or an empty directory. Returns 1 for a directory that is not empty, and -1 with
 * errno for what cannot be removed. */
static int remove_entry(int parent, const char *name)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return -1;
    if (unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == ENOTEMPTY || errno == EEXIST ? 1 : -1;
}

/* If an empty directory has that name already, rename() replaces it, which removes it as well. */
static int move_up(struct removal *removal, int parent, const char *name)
{
    char target[32];

    /* The directory itself must be writable, since its ".." changes. */
    make_accessible(parent, name);
    do {
        snprintf(target, sizeof(target), "%llu", ++removal->moved);
        if (renameat(parent, name, removal->top, target) == 0)
            return 0;
    } while (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR);
    return -1;
}

/* Removes a directory of the first level, or at least everything that one listing of it shows. */
static int empty_directory(struct removal *removal, const char *name)
{
    CLEANUP_LISTING DIR *listing = open_directory(removal, name);
    struct dirent *entry;

    if (!listing)
        return errno == ENOENT ? 0 : -1;
    for (;;) {
        if (next_entry(removal, listing, &entry) < 0)
            return -1;
        if (!entry)
            break;

        int left = remove_entry(dirfd(listing), entry->d_name);

        if (left < 0 || (left > 0 && move_up(removal, dirfd(listing), entry->d_name) < 0))
            return -1;
    }
    return remove_entry(removal->top, name) < 0 ? -1 : 0;
}

/* A listing may miss what is added or removed while it is read. So the end is a listing that shows nothing. */
static int empty_top(struct removal *removal, DIR *listing)
{
    struct dirent *entry;
    bool seen;

    do {
        seen = false;
        rewinddir(listing);
        for (;;) {
            if (next_entry(removal, listing, &entry) < 0)
                return -1;
            if (!entry)
                break;
            seen = true;

            int left = remove_entry(removal->top, entry->d_name);

            if (left < 0 || (left > 0 && empty_directory(removal, entry->d_name) < 0))
                return -1;
        }
    } while (seen);
    return 0;
}

int file_remove_tree(const char *path, struct error *error)
{
    return file_remove_tree_until(path, NULL, error);
}

int file_remove_tree_until(const char *path, const atomic_bool *stop, struct error *error)
{
    CLEANUP_LISTING DIR *listing = NULL;
    struct stat status;
    int left = remove_entry(AT_FDCWD, path);

    if (left == 0)
        return 0;
    if (left < 0)
        return fail(error, "remove", path);
    make_accessible(AT_FDCWD, path);

    CLEANUP_DESCRIPTOR int descriptor = openat(AT_FDCWD, path,
                                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (descriptor < 0 || fstat(descriptor, &status) < 0 || !(listing = fdopendir(descriptor)))
        return fail(error, "remove", path);

    struct removal removal = {.top = descriptor, .device = status.st_dev, .stop = stop};

    descriptor = -1; /* owned by the listing from here on */
    if (empty_top(&removal, listing) < 0 || rmdir(path) < 0)
        return fail(error, "remove", path);
    return 0;
}

void file_closep(int *descriptor)
{
    if (*descriptor >= 0)
        close(*descriptor);
}

void file_close_listingp(DIR **listing)
{
    if (*listing)
        closedir(*listing);
}
