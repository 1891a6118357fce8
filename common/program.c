#include "common/program.h"

#include "common/memory.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PATH "/bin:/usr/bin"
#define FIRST_LINE   256 /* bytes that Linux reads of it, the line end included */
#define ELF_HEAD     (offsetof(Elf64_Ehdr, e_machine) + sizeof(Elf64_Half)) /* as in Elf32_Ehdr */

static const char *search_path(const char *const *environment)
{
    for (; environment && *environment; environment++)
        if (strncmp(*environment, "PATH=", 5) == 0)
            return *environment + 5;
    return DEFAULT_PATH;
}

/* Returns how many bytes it read; -1: the file cannot be read. (exec needs no right to read a program.) */
static ssize_t read_head(char head[static FIRST_LINE], int directory, const char *path)
{
    int file = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t length = file < 0 ? -1 : read(file, head, FIRST_LINE - 1);

    if (file >= 0)
        close(file);
    head[length < 0 ? 0 : length] = '\0';
    return length;
}

/* Reads what a script has after `#!`. Returns false if the file is no script or cannot be read. */
static bool read_first_line(char line[static FIRST_LINE], int directory, const char *path)
{
    read_head(line, directory, path);
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

/* Returns whether this machine runs programs of other kinds as well, as with qemu. */
static bool has_emulators(void)
{
    DIR *listing = opendir("/proc/sys/fs/binfmt_misc");
    bool found = false;

    for (const struct dirent *entry; listing && !found && (entry = readdir(listing));)
        found = entry->d_name[0] != '.' && strcmp(entry->d_name, "register") != 0 &&
                strcmp(entry->d_name, "status") != 0;
    if (listing)
        closedir(listing);
    return found;
}

/* Compares the head of a program with our own. A machine of 64 bits may run programs of 32. */
static bool is_of_this_machine(const char *head, ssize_t length)
{
    static const Elf64_Half both[][2] = {
        {EM_X86_64, EM_386}, {EM_AARCH64, EM_ARM}, {EM_PPC64, EM_PPC}};
    Elf64_Ehdr theirs = {0}, ours = {0};
    char own[FIRST_LINE];
    bool same;

    if (length < (ssize_t)ELF_HEAD)
        return false;
    if (read_head(own, AT_FDCWD, "/proc/self/exe") < (ssize_t)ELF_HEAD)
        return true;
    memcpy(&theirs, head, ELF_HEAD);
    memcpy(&ours, own, ELF_HEAD);
    same = theirs.e_machine == ours.e_machine;
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
        same = same || (ours.e_machine == both[i][0] && theirs.e_machine == both[i][1]);
    return same && theirs.e_ident[EI_DATA] == ours.e_ident[EI_DATA];
}

/* Returns whether exec would take the file, or a shell, which gets what exec does not take. An empty one would
 * do nothing there, and succeed. */
static bool is_program(int directory, const char *path)
{
    char head[FIRST_LINE];
    ssize_t length = read_head(head, directory, path);

    if (length < 0)
        return true;
    if (length == 0)
        return false;
    if (strncmp(head, ELFMAG, SELFMAG) == 0)
        return is_of_this_machine(head, length) || has_emulators();
    return strlen(head) == (size_t)length || strchr(head, '\n') || has_emulators();
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
    if (faccessat(directory, path, X_OK, AT_EACCESS) < 0)
        return false;
    if (is_program(directory, path))
        return true;
    errno = ENOEXEC;
    return false;
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
    int reason = ENOENT; /* which is what env says */

    if (!found && strchr(name, '/') && errno == ENOEXEC)
        reason = ENOEXEC;
    for (const char *entry = strchr(name, '/') ? NULL : entries; entry && !found;) {
        CLEANUP_FREE char *candidate = next_candidate(name, &entry);

        found = may_run(directory, candidate);
        if (!found && errno == ENOEXEC)
            reason = ENOEXEC;
    }
    errno = reason;
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
        if (errno == EACCES || errno == ENOEXEC)
            reason = errno;
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
