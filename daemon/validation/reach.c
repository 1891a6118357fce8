#include "daemon/validation/reach.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/program.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/hidden.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MOST   40 /* the kernel's own limit */
#define ENTRIES_MOST 4096
#define PTH_LIMIT    65536
#define ENVIRONMENTS "pyvenv.cfg"

/* The directories that a directory of programs needs beside it, by its name. The second row is for pyenv and
 * the like, whose programs start those of the chosen version. */
static const struct {
    const char *name;
    const char *beside[9];
} layouts[] = {
    {"bin", {"lib", "lib64", "libexec", "include", ENVIRONMENTS}},
    {"shims", {"bin", "lib", "libexec", "plugins", "pyenv.d", "installs", "version", "versions"}},
};

/* Directories to which only the package manager writes lead to no hidden place. */
static const char *const of_the_system[] = {"/bin", "/sbin", "/usr/bin", "/usr/sbin"};

struct reach {
    const struct config_list *hidden;
    struct config_list *arguments;
    struct config_list directories; /* of programs: each is looked at once, in this order */
    struct config_list programs;    /* the same for programs */
};

/* ---- showing one path --------------------------------------------------------------------------- */

/* Whether it is inside something that is shown already. */
static bool is_shown(const struct config_list *arguments, const char *path)
{
    for (size_t i = 0; i + 2 < arguments->count; i++)
        if (!strcmp(arguments->items[i], "--ro-bind") && file_is_in(path, arguments->items[i + 2]))
            return true;
    return false;
}

static bool is_linked(const struct config_list *arguments, const char *path)
{
    for (size_t i = 0; i + 2 < arguments->count; i++)
        if (!strcmp(arguments->items[i], "--symlink") && !strcmp(path, arguments->items[i + 2]))
            return true;
    return false;
}

static bool needs_showing(const struct config_list *hidden, const struct config_list *arguments,
                          const char *path)
{
    return hidden_has(hidden, path) && !is_shown(arguments, path) && !is_linked(arguments, path);
}

/* Goes from `at`, which has no links in it, to the next name. At a link, `*rest` becomes what is left to
 * walk. Returns the new place; the caller frees it. */
static char *step(const struct config_list *hidden, struct config_list *arguments, const char *at,
                  char **rest)
{
    size_t length = strcspn(*rest, "/");
    CLEANUP_FREE char *name = memory_format("%.*s", (int)length, *rest);
    CLEANUP_FREE char *left = memory_copy(*rest + length + strspn(*rest + length, "/"));
    CLEANUP_FREE char *next = memory_format("%s/%s", strcmp(at, "/") != 0 ? at : "", name);
    char target[PATH_MAX] = "";
    ssize_t found;

    free(*rest);
    *rest = TAKE(left);
    if (!*name || !strcmp(name, "."))
        return memory_copy(at);
    if (!strcmp(name, "..")) {
        const char *slash = strrchr(at, '/');

        return slash && slash != at ? memory_format("%.*s", (int)(slash - at), at)
                                    : memory_copy("/");
    }
    found = readlink(next, target, sizeof target - 1);
    if (found <= 0)
        return TAKE(next);
    if (needs_showing(hidden, arguments, next))
        arguments_append_copies(arguments, (const char *const[]){"--symlink", target, next, NULL});
    left = memory_format("%s/%s", target, *rest);
    free(*rest);
    *rest = TAKE(left);
    return memory_copy(*target == '/' ? "/" : at);
}

void reach_show(const struct config_list *hidden, struct config_list *arguments, const char *path)
{
    CLEANUP_FREE char *real = realpath(path, NULL);
    CLEANUP_FREE char *at = memory_copy("/");
    CLEANUP_FREE char *rest = memory_copy(path + strspn(path, "/"));

    if (!real || *path != '/' || hidden_below(hidden, real))
        return;
    /* This ends, since realpath() has gone the same way. If links were changed since, the limit ends it. */
    for (unsigned steps = 0; *rest && steps < LINKS_MOST * 16; steps++) {
        char *next = step(hidden, arguments, at, &rest);

        free(at);
        at = next;
    }
    if (needs_showing(hidden, arguments, real))
        arguments_append_copies(arguments, (const char *const[]){"--ro-bind", real, real, NULL});
}

/* ---- what leads on ------------------------------------------------------------------------------ */

static void add(struct config_list *list, char *path)
{
    if (arguments_have(list, path))
        free(path);
    else
        config_list_append(list, path);
}

static size_t layout_of(const char *directory)
{
    const char *slash = strrchr(directory, '/');
    size_t i = 0;

    while (i < sizeof layouts / sizeof *layouts &&
           (!slash || strcmp(slash + 1, layouts[i].name) != 0))
        i++;
    return i;
}

static bool has_layout(const char *directory)
{
    return layout_of(directory) < sizeof layouts / sizeof *layouts;
}

/* Reads a line of a .pth file: a directory, absolute or relative to `site`; or a statement or a comment,
 * which are ignored. */
static void show_line(struct reach *reach, const char *site, char *line)
{
    CLEANUP_FREE char *place = NULL;
    size_t length = strlen(line);

    while (length && strchr(" \t\r", line[length - 1]))
        line[--length] = '\0';
    if (!*line || *line == '#' || !strncmp(line, "import ", 7) || !strncmp(line, "import\t", 7))
        return;
    place = *line == '/' ? memory_copy(line) : file_join(site, line);
    reach_show(reach->hidden, reach->arguments, place);
}

static void show_pth(struct reach *reach, const char *path)
{
    CLEANUP_FREE char *site = memory_format("%.*s", (int)(strrchr(path, '/') - path), path);
    CLEANUP_FREE char *bytes = NULL;
    struct error unread; /* python ignores such a file as well */
    size_t length;
    char *rest, *line;

    if (file_read(&bytes, &length, AT_FDCWD, path, PTH_LIMIT, &unread))
        return;
    for (rest = bytes; (line = strsep(&rest, "\n"));)
        show_line(reach, site, line);
}

/* Reads the .pth files of the pythons whose libraries are in `prefix`. */
static void show_pths(struct reach *reach, const char *prefix)
{
    static const char *const packages[] = {"lib/python3*/site-packages/*.pth",
                                           "lib64/python3*/site-packages/*.pth",
                                           "lib/python3*/dist-packages/*.pth"};

    for (size_t i = 0; i < sizeof packages / sizeof *packages; i++) {
        CLEANUP_FREE char *pattern = file_join(prefix, packages[i]);
        glob_t found = {0};

        /* If it fails, as when a directory disappears, it may count paths that it does not have. */
        if (glob(pattern, 0, NULL, &found) == 0) {
            for (size_t j = 0; j < found.gl_pathc; j++)
                show_pth(reach, found.gl_pathv[j]);
        }
        globfree(&found);
    }
}

/* Shows the origin of a virtual environment whose python is a copy and no link. */
static void follow_home(struct reach *reach, const char *prefix)
{
    CLEANUP_FREE char *path = file_join(prefix, ENVIRONMENTS);
    CLEANUP_FREE char *bytes = NULL;
    struct error unread; /* it is no virtual environment */
    size_t length;
    char *rest, *line;

    if (file_read(&bytes, &length, AT_FDCWD, path, PTH_LIMIT, &unread))
        return;
    for (rest = bytes; (line = strsep(&rest, "\n"));) {
        const char *value = line + strcspn(line, "=");

        if (strncmp(line, "home", 4) != 0 || line + 4 + strspn(line + 4, " \t") != value)
            continue;
        value += *value == '=';
        value += strspn(value, " \t");
        if (*value == '/')
            add(&reach->directories, memory_format("%.*s", (int)strcspn(value, "\r"), value));
    }
}

static void follow_interpreter(struct reach *reach, const char *program)
{
    CLEANUP_FREE char *interpreter = program_interpreter(program);

    if (interpreter && *interpreter == '/' && !file_is_in(interpreter, "/usr/bin") &&
        !file_is_in(interpreter, "/bin"))
        add(&reach->programs, TAKE(interpreter));
}

/* Follows links that lead into a hidden place and, in one, the interpreters of scripts. */
static void follow_entries(struct reach *reach, const char *directory)
{
    CLEANUP_LISTING DIR *listing = opendir(directory);
    const struct dirent *entry;
    unsigned count = 0;

    while (listing && (entry = readdir(listing)) && count++ < ENTRIES_MOST) {
        CLEANUP_FREE char *path = file_join(directory, entry->d_name);
        CLEANUP_FREE char *real = entry->d_type == DT_LNK ? realpath(path, NULL) : NULL;

        if (*entry->d_name == '.')
            continue;
        if (real && hidden_has(reach->hidden, real))
            add(&reach->programs, TAKE(path));
        else if (entry->d_type == DT_REG)
            follow_interpreter(reach, path);
    }
}

/* A version may be a link, or a virtual environment of another one. */
static void follow_versions(struct reach *reach, const char *directory)
{
    CLEANUP_FREE char *pattern = file_join(directory, "*");
    glob_t found = {0};

    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            reach_show(reach->hidden, reach->arguments, found.gl_pathv[i]);
            add(&reach->directories, file_join(found.gl_pathv[i], "bin"));
        }
    }
    globfree(&found);
}

/* Shows ~/.rustup: programs in ~/.cargo/bin are links to rustup, which starts those there. */
static void show_toolchains(struct reach *reach, const char *directory)
{
    CLEANUP_FREE char *rustup = file_join(directory, "rustup");
    CLEANUP_FREE char *usual = memory_format("%s/../../.rustup", directory);
    CLEANUP_FREE char *place = realpath(usual, NULL);
    const char *given = getenv("RUSTUP_HOME");

    if (access(rustup, X_OK) == 0 && (given || place))
        reach_show(reach->hidden, reach->arguments, given ? given : place);
}

static bool is_of_the_system(const char *directory)
{
    for (size_t i = 0; i < sizeof of_the_system / sizeof *of_the_system; i++)
        if (!strcmp(directory, of_the_system[i]))
            return true;
    return false;
}

/* Shows the data of an environment's programs; one of conda may have it anywhere. ~/.local has secrets in the same
 * places, even if it is an environment as well. */
static void show_environment(struct reach *reach, const char *prefix)
{
    static const char *const data[] = {"share", "etc", "ssl", "conda-meta"};
    CLEANUP_FREE char *conda = file_join(prefix, "conda-meta");
    CLEANUP_FREE char *virtual = file_join(prefix, ENVIRONMENTS);

    if (!strcmp(program_base_name(prefix), ".local"))
        return;
    if (access(conda, F_OK) == 0)
        reach_show(reach->hidden, reach->arguments, prefix);
    else if (access(virtual, F_OK) < 0)
        return;
    for (size_t i = 0; i < sizeof data / sizeof *data; i++) {
        CLEANUP_FREE char *place = file_join(prefix, data[i]);

        reach_show(reach->hidden, reach->arguments, place);
    }
}

static void look_at_directory(struct reach *reach, const char *directory)
{
    size_t layout = layout_of(directory);
    CLEANUP_FREE char *prefix = NULL;

    if (is_of_the_system(directory))
        return;
    reach_show(reach->hidden, reach->arguments, directory);
    follow_entries(reach, directory);
    if (layout == sizeof layouts / sizeof *layouts)
        return;
    prefix = memory_format("%.*s", (int)(strrchr(directory, '/') - directory), directory);
    show_environment(reach, prefix);
    for (const char *const *name = layouts[layout].beside; *name; name++) {
        CLEANUP_FREE char *other = file_join(prefix, *name);

        reach_show(reach->hidden, reach->arguments, other);
        if (!strcmp(*name, "versions"))
            follow_versions(reach, other);
    }
    show_pths(reach, prefix);
    show_toolchains(reach, directory);
    follow_home(reach, prefix);
}

/* Looks at the program itself, or at the next link to it, and at the directory that it is in. */
static void look_at_program(struct reach *reach, const char *program)
{
    CLEANUP_FREE char *directory = memory_format("%.*s", (int)(strrchr(program, '/') - program),
                                                 program);
    CLEANUP_FREE char *place = realpath(directory, NULL);
    char target[PATH_MAX] = "";
    struct stat status;

    if (!place || stat(program, &status) < 0 || !S_ISREG(status.st_mode))
        return;
    reach_show(reach->hidden, reach->arguments, program);
    if (readlink(program, target, sizeof target - 1) > 0)
        add(&reach->programs, *target == '/' ? memory_copy(target) : file_join(place, target));
    else
        follow_interpreter(reach, program);
    if (hidden_has(reach->hidden, place) && has_layout(place))
        add(&reach->directories, TAKE(place));
}

void reach_show_programs(const struct config_list *hidden, struct config_list *arguments,
                         const char *path, const char *program)
{
    struct reach reach = {.hidden = hidden, .arguments = arguments};
    CLEANUP_FREE char *entries = memory_copy(path);
    char *rest = entries, *entry;
    size_t directories = 0, programs = 0;

    while ((entry = strsep(&rest, ":"))) {
        size_t length = strlen(entry);

        while (length > 1 && entry[length - 1] == '/')
            entry[--length] = '\0';
        if (*entry == '/')
            add(&reach.directories, memory_copy(entry));
    }
    if (program && *program == '/')
        add(&reach.programs, memory_copy(program));
    /* The targets of a directory are appended. Each is in the list once, so this ends. */
    while (directories < reach.directories.count || programs < reach.programs.count) {
        if (directories < reach.directories.count)
            look_at_directory(&reach, reach.directories.items[directories++]);
        else
            look_at_program(&reach, reach.programs.items[programs++]);
    }
    config_list_clear(&reach.directories);
    config_list_clear(&reach.programs);
}
