#include "daemon/validation/environment.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/validation/tox-override.h"

#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* What tells tox which variables to let through to the tests. */
#define FOR_TOX_3      "TOX_TESTENV_PASSENV"
#define FOR_TOX_4      "TOX_OVERRIDE"
#define EXTENDED_LIMIT 131000 /* bytes; a variable of a new process has at most 128 KiB */

/* Adds a variable and takes it over. It replaces an earlier one of that name. */
static void add(struct environment *environment, char *variable)
{
    size_t length = strcspn(variable, "=") + 1;

    for (size_t i = 0; i < environment->count; i++)
        if (!strncmp(environment->variables[i], variable, length)) {
            free(environment->variables[i]);
            environment->variables[i] = variable;
            return;
        }
    environment->variables = memory_resize(environment->variables,
                                           (environment->count + 2) * sizeof(char *));
    environment->variables[environment->count++] = variable;
    environment->variables[environment->count] = NULL;
}

static void set(struct environment *environment, const char *name, const char *value)
{
    add(environment, memory_format("%s=%s", name, value));
}

/* Programs of a home that look for their data in HOME, by the directory of PATH that they are in. HOME
 * is another one here, so a variable has to say where the data is. */
static const struct {
    const char *directory;
    const char *variable;
    const char *place;
} data_of_programs[] = {
    {"/.local/bin", "PYTHONUSERBASE", "/.local"}, /* pip install --user */
    {"/.cargo/bin", "RUSTUP_HOME", "/.rustup"},
};

/* Returns the home whose directory of programs PATH names first, or NULL; the caller frees it. */
static char *home_with(const char *path, const char *directory)
{
    size_t length = strlen(directory);

    for (;;) {
        size_t entry = strcspn(path, ":");

        if (entry > length && *path == '/' && !strncmp(path + entry - length, directory, length))
            return memory_format("%.*s", (int)(entry - length), path);
        if (!path[entry])
            return NULL;
        path += entry + 1;
    }
}

static void set_places_of_data(struct environment *environment, const char *path)
{
    for (size_t i = 0; i < sizeof data_of_programs / sizeof *data_of_programs; i++) {
        const char *given = getenv(data_of_programs[i].variable);
        CLEANUP_FREE char *home = home_with(path, data_of_programs[i].directory);
        CLEANUP_FREE char *place = home ? memory_format("%s%s", home, data_of_programs[i].place)
                                        : NULL;

        if (place)
            set(environment, data_of_programs[i].variable, given && *given ? given : place);
    }
}

/* Takes the name of a variable, unless it is for tox and not for the tests. Returns how many it took. */
static size_t name_variable(char **name, const char *variable)
{
    CLEANUP_FREE char *copy = memory_format("%.*s", (int)strcspn(variable, "="), variable);

    if (!strcmp(copy, FOR_TOX_3) || !strcmp(copy, FOR_TOX_4))
        return 0;
    *name = TAKE(copy);
    return 1;
}

struct environment_names environment_names(const struct config *config)
{
    const struct config_list *passed = &config->validation.pass_environment;
    const struct config_list *given = &config->validation.environment;
    struct environment_names names;
    size_t count = 0;

    names.items = memory_new_array(passed->count + given->count + 1, sizeof *names.items);
    for (size_t i = 0; i < passed->count; i++)
        count += name_variable(&names.items[count], passed->items[i]);
    for (size_t i = 0; i < given->count; i++)
        count += name_variable(&names.items[count], given->items[i]);
    return names;
}

void environment_names_free(struct environment_names *names)
{
    for (char **name = names->items; *name; name++)
        free(*name);
    free(names->items);
}

/* Returns the place of a variable, or the count. */
static size_t find(const struct environment *environment, const char *name)
{
    size_t length = strlen(name), i = 0;

    while (i < environment->count && (strncmp(environment->variables[i], name, length) != 0 ||
                                      environment->variables[i][length] != '='))
        i++;
    return i;
}

/* Appends to what the configuration says, if it says something. If no process could be started with both, its
 * word is kept. */
static void extend(struct environment *environment, const char *name, const char *separator,
                   const char *value)
{
    size_t place = find(environment, name);
    const char *given = place < environment->count
                            ? environment->variables[place] + strlen(name) + 1
                            : "";
    CLEANUP_FREE char *both = memory_format("%s%s%s", given, *given ? separator : "", value);

    if (strlen(both) <= EXTENDED_LIMIT)
        set(environment, name, both);
}

static void let_through_tox(struct environment *environment, const struct config *config,
                            const char *tox_settings)
{
    CLEANUP(environment_names_free) struct environment_names found = environment_names(config);
    const char *const *names = (const char *const *)found.items;
    CLEANUP_TEXT struct text tox3 = {0};

    /* tox 3 removes HOME, and the tests would find the user's real one in the password file. */
    text_append(&tox3, "HOME");
    for (size_t i = 0; names[i]; i++)
        text_append_format(&tox3, " %s", names[i]);
    extend(environment, FOR_TOX_3, " ", text_string(&tox3));
    if (names[0]) {
        CLEANUP_FREE char *override = tox_override(tox_settings, &config->validation.command,
                                                   names);

        extend(environment, FOR_TOX_4, ";", override);
    }
}

void environment_make(struct environment *environment, const struct config *config,
                      const char *home, const char *temporary, const char *tox_settings)
{
    const char *path = getenv("PATH");
    struct passwd entry, *user = NULL;
    char names[4096];

    if (getpwuid_r(geteuid(), &entry, names, sizeof names, &user))
        user = NULL;
    *environment = (struct environment){0};
    set(environment, "PATH", path && *path ? path : DEFAULT_PATH);
    set_places_of_data(environment, path ? path : "");
    set(environment, "HOME", home);
    set(environment, "TMPDIR", temporary);
    set(environment, "USER", user ? user->pw_name : "winnowd");
    set(environment, "LOGNAME", user ? user->pw_name : "winnowd");
    set(environment, "LANG", "C.UTF-8");
    set(environment, "LC_ALL", "C.UTF-8");

    for (size_t i = 0; i < config->validation.pass_environment.count; i++) {
        const char *name = config->validation.pass_environment.items[i];
        const char *value = getenv(name);

        if (value)
            set(environment, name, value);
    }
    for (size_t i = 0; i < config->validation.environment.count; i++)
        add(environment, memory_copy(config->validation.environment.items[i]));
    let_through_tox(environment, config, tox_settings);
}

void environment_free(struct environment *environment)
{
    for (size_t i = 0; i < environment->count; i++)
        free(environment->variables[i]);
    free(environment->variables);
    *environment = (struct environment){0};
}
