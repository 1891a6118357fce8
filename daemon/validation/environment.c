#include "daemon/validation/environment.h"

#include "common/memory.h"
#include "common/text.h"

#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
#define SECTION_SIZE 256

/* Adds a variable that the caller made, in the place of an earlier one of that name. */
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

/* Programs of a home, by the directory of PATH in which they lie, that look for their data in HOME: that is another
 * one here, so that a variable has to say where it is. */
static const struct {
    const char *directory;
    const char *variable;
    const char *place;
} data_of_programs[] = {
    {"/.local/bin", "PYTHONUSERBASE", "/.local"}, /* pip install --user */
    {"/.cargo/bin", "RUSTUP_HOME", "/.rustup"},
};

/* The home whose directory of programs a PATH names first; NULL: none does. Caller frees. */
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

/* One override for tox 4. Before 4.14 the last of several for one key counts, since then all of them
 * do but not each version splits them at commas: so the names come one by one, then together. */
static void append_override(struct text *text, const char *section, const char *key,
                            const char *const *names)
{
    for (size_t i = 0; names[i]; i++)
        text_append_format(text, "%s%s.%s+=%s", text->length ? ";" : "", section, key, names[i]);
    if (!names[1])
        return;
    text_append_format(text, ";%s.%s+=", section, key);
    for (size_t i = 0; names[i]; i++)
        text_append_format(text, "%s%s", i ? "," : "", names[i]);
}

/* The word before '=' or ':' of a line that is no continuation, as either of the two spellings. */
static const char *pass_key(const char *line, size_t length)
{
    static const char *const keys[] = {"pass_env", "passenv"};

    for (size_t i = 0; i < 2; i++) {
        size_t at = strlen(keys[i]);

        if (length <= at || strncmp(line, keys[i], at) != 0)
            continue;
        at += strspn(line + at, " \t");
        if (at < length && (line[at] == '=' || line[at] == ':'))
            return keys[i];
    }
    return NULL;
}

char *environment_tox_override(const char *tox_ini, const char *const *names)
{
    struct text override = {0};
    char section[SECTION_SIZE] = "";
    const char *spelling = NULL;
    bool general = false;

    for (const char *line = tox_ini; line && *line; line += strcspn(line, "\n"), line += !!*line) {
        size_t length = strcspn(line, "\r\n");
        const char *close = memchr(line, ']', length);
        const char *key = pass_key(line, length);

        if (*line == '[' && close && (size_t)(close - line) < sizeof section) {
            memcpy(section, line + 1, (size_t)(close - line) - 1);
            section[close - line - 1] = '\0';
        } else if (key && !strncmp(section, "testenv", 7) && !strpbrk(section, ";=\\")) {
            append_override(&override, section, key, names);
            general = general || !strcmp(section, "testenv");
            spelling = key;
        }
    }
    if (!general)
        append_override(&override, "testenv", spelling ? spelling : "pass_env", names);
    if (!tox_ini)
        append_override(&override, "env_run_base", "pass_env", names);
    return text_take(&override);
}

/* Names of all that is configured; the strings are borrowed. */
static void collect_names(struct text *joined, const char ***names, const struct config *config)
{
    const struct config_list *passed = &config->validation.pass_environment;
    const struct config_list *given = &config->validation.environment;
    size_t count = 0;
    char *rest = NULL;

    for (size_t i = 0; i < passed->count; i++)
        text_append_format(joined, "%s ", passed->items[i]);
    for (size_t i = 0; i < given->count; i++) {
        text_append_bytes(joined, given->items[i], strcspn(given->items[i], "="));
        text_append(joined, " ");
    }
    *names = memory_new_array(passed->count + given->count + 1, sizeof **names);
    if (joined->length)
        for (char *name = strtok_r(joined->data, " ", &rest); name;
             name = strtok_r(NULL, " ", &rest))
            (*names)[count++] = name;
}

static void let_through_tox(struct environment *environment, const struct config *config,
                            const char *tox_ini)
{
    CLEANUP_TEXT struct text joined = {0};
    CLEANUP_TEXT struct text tox3 = {0};
    CLEANUP_FREE const char **names = NULL;

    collect_names(&joined, &names, config);
    /* tox 3 keeps HOME from the tests, which then find the user's real one in the password file. */
    text_append(&tox3, "HOME");
    for (size_t i = 0; names[i]; i++)
        text_append_format(&tox3, " %s", names[i]);
    set(environment, "TOX_TESTENV_PASSENV", text_string(&tox3));
    if (names[0]) {
        CLEANUP_FREE char *override = environment_tox_override(tox_ini, names);

        set(environment, "TOX_OVERRIDE", override);
    }
}

void environment_make(struct environment *environment, const struct config *config,
                      const char *home, const char *temporary, const char *tox_ini)
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
    let_through_tox(environment, config, tox_ini);

    for (size_t i = 0; i < config->validation.pass_environment.count; i++) {
        const char *name = config->validation.pass_environment.items[i];
        const char *value = getenv(name);

        if (value)
            set(environment, name, value);
    }
    for (size_t i = 0; i < config->validation.environment.count; i++)
        add(environment, memory_copy(config->validation.environment.items[i]));
}

void environment_free(struct environment *environment)
{
    for (size_t i = 0; i < environment->count; i++)
        free(environment->variables[i]);
    free(environment->variables);
    *environment = (struct environment){0};
}
