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
#define FIRST_LINE   256 /* bytes that Linux reads of it, the line end included */

static const char *search_path(const char *const *environment)
{
    for (; environment && *environment; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return DEFAULT_PATH;
}

/* Returns what a script names after `#!`; NULL if the file is no script or cannot be read. (exec needs
 * no right to read a program.) */
static char *interpreter_of(int directory, const char *path)
{
    char line[FIRST_LINE] = "";
    int file = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = file < 0 ? -1 : read(file, line, sizeof(line) - 1);
    char *name;

    if (file >= 0)
        close(file);
    if (length < 2 || strncmp(line, "#!", 2) != 0)
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    name = line + 2 + strspn(line + 2, " \t");
    name[strcspn(name, " \t")] = '\0';
    return *name ? memory_copy(name) : NULL;
}

static bool may_run(int directory, const char *path)
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

/* Whether exec would run this file. If not, errno says why, and `*lacking` names the interpreter that it
 * is about, that of the first script which lacks one; the caller frees it. */
static bool executable(int directory, const char *path, char **lacking)
{
    CLEANUP_FREE char *interpreter = NULL;
    int reason;

    if (!may_run(directory, path))
        return false;
    interpreter = interpreter_of(directory, path);
    if (!interpreter || may_run(directory, interpreter))
        return true;
    reason = errno;
    if (!*lacking)
        *lacking = memory_format("%s: its interpreter %s", path, interpreter);
    errno = reason;
    return false;
}

/* Tries the candidates in turn. One that may not be executed is skipped but remembered: if none is
 * found, it explains more. */
static char *search(int directory, const char *name, const char *entries, char **lacking)
{
    int reason = ENOENT;

    for (const char *entry = entries;; entry++) {
        size_t length = strcspn(entry, ":");
        CLEANUP_FREE char *candidate = length > 0
                                           ? memory_format("%.*s/%s", (int)length, entry, name)
                                           : memory_format("./%s", name);

        if (executable(directory, candidate, lacking))
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

char *program_interpreter(const char *path)
{
    return interpreter_of(AT_FDCWD, path);
}

static char *look_up(int directory, const char *name, const char *const *environment,
                     char **lacking)
{
    if (*name == '\0') {
        errno = ENOENT;
        return NULL;
    }
    if (strchr(name, '/'))
        return executable(directory, name, lacking) ? memory_copy(name) : NULL;
    return search(directory, name, search_path(environment), lacking);
}

int program_find(char **path, const char *name, const char *const *environment,
                 const char *directory, struct error *error)
{
    CLEANUP_FREE char *lacking = NULL;
    int start = AT_FDCWD;
    char *found;

    if (directory) {
        start = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (start < 0)
            return error_set(error, error_kind_of_errno(errno), "working directory %s: %s",
                             directory, strerror(errno));
    }
    found = look_up(start, name, environment, &lacking);
    if (!found)
        error_set(error, ERROR_PERMANENT, "%s: %s",
                  lacking ? lacking
                  : *name ? name
                          : "(an empty name)",
                  errno == ENOENT && !lacking && !strchr(name, '/') ? "no such program on the PATH"
                                                                    : strerror(errno));
    if (start >= 0)
        close(start);
    if (!found)
        return -1;
    *path = found;
    return 0;
}
