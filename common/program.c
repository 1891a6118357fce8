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

/* Reads what a script has after `#!`. Returns false if the file is no script or cannot be read. (exec needs no
 * right to read a program.) */
static bool read_first_line(char line[static FIRST_LINE], int directory, const char *path)
{
    int file = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = file < 0 ? -1 : read(file, line, FIRST_LINE - 1);

    if (file >= 0)
        close(file);
    line[length < 0 ? 0 : length] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (strncmp(line, "#!", 2) != 0)
        return false;
    memmove(line, line + 2, strlen(line + 2) + 1);
    return true;
}

/* Takes a word off the front; the rest is in `*line`. Returns "" at the end. */
static char *take_word(char **line)
{
    char *word = *line + strspn(*line, " \t");
    char *end = word + strcspn(word, " \t");

    *line = *end ? end + 1 : end;
    *end = '\0';
    return word;
}

static char *interpreter_of(int directory, const char *path)
{
    char line[FIRST_LINE], *rest = line, *name;

    if (!read_first_line(line, directory, path))
        return NULL;
    name = take_word(&rest);
    return *name ? memory_copy(name) : NULL;
}

const char *program_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Returns what a script asks env for, as in `#!/usr/bin/env python3`; NULL if it asks for nothing, or in a way
 * that only env understands. */
static char *asked_of_env(int directory, const char *path)
{
    char line[FIRST_LINE], *rest = line, *name;

    if (!read_first_line(line, directory, path))
        return NULL;
    name = take_word(&rest);
    if (strcmp(program_base_name(name), "env") != 0)
        return NULL;
    name = take_word(&rest);
    if (strcmp(name, "-S") == 0)
        name = take_word(&rest);
    return *name && *name != '-' && !strchr(name, '=') ? memory_copy(name) : NULL;
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

/* Returns where a program of this name would be by the next entry of a PATH; the caller frees it. After the last
 * one `*entry` is NULL. */
static char *next_candidate(const char *name, const char **entry)
{
    size_t length = strcspn(*entry, ":");
    char *candidate = length > 0 ? memory_format("%.*s/%s", (int)length, *entry, name)
                                 : memory_format("./%s", name);

    *entry += length;
    *entry = **entry ? *entry + 1 : NULL;
    return candidate;
}

/* As env looks for it. */
static bool env_may_run(int directory, const char *name, const char *entries)
{
    bool found = strchr(name, '/') && may_run(directory, name);

    for (const char *entry = strchr(name, '/') ? NULL : entries; entry && !found;) {
        CLEANUP_FREE char *candidate = next_candidate(name, &entry);

        found = may_run(directory, candidate);
    }
    errno = ENOENT; /* which is what env says */
    return found;
}

/* Whether exec would run this file. If not, errno says why, and `*lacking` is the interpreter that is
 * missing, or NULL; the caller frees it. */
static bool executable(int directory, const char *path, const char *entries, char **lacking)
{
    CLEANUP_FREE char *interpreter = NULL;
    CLEANUP_FREE char *asked = NULL;
    int reason;

    if (!may_run(directory, path))
        return false;
    interpreter = interpreter_of(directory, path);
    if (!interpreter)
        return true;
    asked = asked_of_env(directory, path);
    if (may_run(directory, interpreter) && (!asked || env_may_run(directory, asked, entries)))
        return true;
    reason = errno;
    if (!*lacking)
        *lacking = memory_format("%s: its interpreter %s", path, asked ? asked : interpreter);
    errno = reason;
    return false;
}

/* Tries the candidates in turn. One that may not be executed is skipped but remembered: if none is
 * found, it explains more. */
static char *search(int directory, const char *name, const char *entries, char **lacking)
{
    int reason = ENOENT;

    for (const char *entry = entries; entry;) {
        CLEANUP_FREE char *candidate = next_candidate(name, &entry);

        if (executable(directory, candidate, entries, lacking))
            return TAKE(candidate);
        if (errno == EACCES)
            reason = EACCES;
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
        return executable(directory, name, search_path(environment), lacking) ? memory_copy(name)
                                                                              : NULL;
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
