#include "common/program.h"

#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin"

static const char *search_path(const char *const *environment)
{
    for (; environment && *environment; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return DEFAULT_PATH;
}

/* Whether exec would take this file; else errno says why not. */
static bool executable(int directory, const char *path)
{
    struct stat status;

    if (fstatat(directory, path, &status, 0) < 0)
        return false;
    if (!S_ISREG(status.st_mode)) {
        errno = EACCES;
        return false;
    }
    return faccessat(directory, path, X_OK, AT_EACCESS) == 0;
}

/* The candidates in turn. One that may not be executed is passed over, but remembered: if none is
 * found, that is the better explanation. */
static char *search(int directory, const char *name, const char *entries)
{
    int reason = ENOENT;

    for (const char *entry = entries;; entry++) {
        size_t length = strcspn(entry, ":");
        CLEANUP_FREE char *candidate = length > 0
                                           ? memory_format("%.*s/%s", (int)length, entry, name)
                                           : memory_format("./%s", name);

        if (executable(directory, candidate))
            return TAKE(candidate);
        if (errno == EACCES)
            reason = EACCES;
        entry += length;
        if (*entry == '\0')
            break;
    }
    errno = reason;
    return NULL;
}

static char *look_up(int directory, const char *name, const char *const *environment)
{
    if (*name == '\0') {
        errno = ENOENT;
        return NULL;
    }
    if (strchr(name, '/'))
        return executable(directory, name) ? memory_copy(name) : NULL;
    return search(directory, name, search_path(environment));
}

int program_find(char **path, const char *name, const char *const *environment,
                 const char *directory, struct error *error)
{
    int start = AT_FDCWD;
    char *found;

    if (directory) {
        start = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (start < 0)
            return error_set(error, error_kind_of_errno(errno), "working directory %s: %s",
                             directory, strerror(errno));
    }
    found = look_up(start, name, environment);
    if (!found)
        error_set(error, ERROR_PERMANENT, "%s: %s", *name ? name : "(an empty name)",
                  errno == ENOENT && !strchr(name, '/') ? "no such program on the PATH"
                                                        : strerror(errno));
    if (start >= 0)
        close(start);
    if (!found)
        return -1;
    *path = found;
    return 0;
}
