#include "daemon/validation/tox-override.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/validation/tox-report.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* How the section of one environment begins: in an ini file, tox.toml and pyproject.toml. */
static const char *const of_one[] = {"testenv:", "env.", "tool.tox.env."};

/* And the sections that all of them inherit from. */
static const char *const of_all[] = {"testenv", "env_run_base", "tool.tox.env_run_base"};

static const char *const keys[] = {"pass_env", "passenv"};

#define FLAGS "abhlnoqrv" /* short options of tox without a value */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct section {
    char *name;
    const char *key; /* as it is spelled there, or NULL */
};

struct settings {
    struct section *sections;
    size_t count;
    size_t current;
    const char
        *generative; /* the key of a section of several environments, as [testenv:py-{a,b}] */
    bool inherited;  /* a section that is not that of one environment has the key */
};

static bool starts_with(const char *string, const char *start)
{
    return strncmp(string, start, strlen(start)) == 0;
}

static bool is_of_one(const char *section)
{
    for (size_t i = 0; i < COUNT(of_one); i++) {
        if (starts_with(section, of_one[i]))
            return true;
    }
    return false;
}

static void set_key(struct settings *settings, size_t section, const char *key)
{
    const char *name = settings->sections[section].name;

    if (!*name)
        return;
    settings->sections[section].key = key;
    settings->inherited = settings->inherited || !is_of_one(name);
    if (strpbrk(name, "{,"))
        settings->generative = key;
}

/* Adds a section, without quotes in its name. If an override cannot contain the name, it gets none. */
static size_t add_section(struct settings *settings, const char *name, size_t length)
{
    char *copy = memory_copy_bytes(name, length);
    size_t kept = 0;

    for (const char *from = copy; *from; from++) {
        if (*from != '"' && *from != '\'')
            copy[kept++] = *from;
    }
    copy[kept] = '\0';
    if (strpbrk(copy, ";=\\"))
        *copy = '\0';
    /* At each power of two: a file may have very many. */
    if ((settings->count & (settings->count - 1)) == 0)
        settings->sections = memory_resize(settings->sections,
                                           (2 * settings->count + 1) * sizeof(*settings->sections));
    settings->sections[settings->count] = (struct section){.name = copy};
    return settings->count++;
}

/* Takes what stands before the '=' of a line: a key of the section, or of one below it, as in TOML. */
static void take_key(struct settings *settings, const char *path, size_t length)
{
    const char *section = settings->sections[settings->current].name;

    for (size_t i = 0; i < COUNT(keys); i++) {
        size_t key = strlen(keys[i]);

        if (length < key || strncmp(path + length - key, keys[i], key) != 0)
            continue;
        if (length == key) {
            set_key(settings, settings->current, keys[i]);
        } else if (path[length - key - 1] == '.') {
            CLEANUP_FREE char *below = memory_format("%s%s%.*s", section, *section ? "." : "",
                                                     (int)(length - key - 1), path);

            set_key(settings, add_section(settings, below, strlen(below)), keys[i]);
        }
    }
}

/* In an ini file, a line that begins with a blank continues the one before. */
static void take_line(struct settings *settings, const char *line)
{
    bool ini = starts_with(settings->sections[settings->current].name, of_all[0]);
    size_t length;
    const char *end;

    line += ini ? 0 : strspn(line, " \t");
    length = strcspn(line, " \t=:]\r\n");
    end = line + length + strspn(line + length, " \t");
    if (*line == '[') {
        length = strcspn(line, "]\r\n");
        settings->current = add_section(settings, line + 1, length - 1);
    } else if (*end == '=' || *end == ':') {
        take_key(settings, line, length);
    }
}

static void take(struct settings *settings, const char *text)
{
    settings->current = add_section(settings, "", 0);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n')
        take_line(settings, line);
}

static bool has_section(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->count; i++) {
        if (strcmp(settings->sections[i].name, name) == 0)
            return true;
    }
    return false;
}

/* Before 4.14 only the last override of a key counts. Since then all count, but not every version splits them at
 * commas. So the names come one by one, then together. What has no room is left out whole. */
static void append(struct text *text, const char *section, const char *key,
                   const char *const *names)
{
    CLEANUP_TEXT struct text more = {0};

    for (size_t i = 0; names[i]; i++)
        text_append_format(&more, "%s%s.%s+=%s", text->length || i ? ";" : "", section, key,
                           names[i]);
    if (names[1])
        text_append_format(&more, ";%s.%s+=", section, key);
    for (size_t i = 0; names[1] && names[i]; i++)
        text_append_format(&more, "%s%s", i ? "," : "", names[i]);
    if (text->length + more.length <= TOX_OVERRIDE_LIMIT)
        text_append(text, text_string(&more));
}

static void append_sections(struct text *text, const struct settings *settings,
                            const char *const *names)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct section *section = &settings->sections[i];

        if (section->key)
            append(text, section->name, section->key, names);
        else if (!settings->inherited && is_of_one(section->name))
            append(text, section->name, keys[0], names);
    }
}

/* Returns what follows the option e in a word of short ones, as in `-eunit` and `-re`; NULL: it is not there. */
static const char *after_e(const char *word)
{
    if (*word != '-')
        return NULL;
    word += 1 + strspn(word + 1, FLAGS);
    return *word == 'e' ? word + 1 : NULL;
}

char *tox_environments(const struct config_list *command)
{
    int place = tox_report_place(command->items);

    for (size_t i = (size_t)place + 1; place >= 0 && i < command->count; i++) {
        const char *value = after_e(command->items[i]);

        if (strcmp(command->items[i], "--") == 0)
            break;
        if (value && !*value)
            value = command->items[i + 1];
        if (value)
            return memory_copy(value);
    }
    return NULL;
}

/* An environment may have no section with its own name. */
static void append_environments(struct text *text, const struct settings *settings,
                                const struct config_list *command, const char *const *names)
{
    CLEANUP_FREE char *environments = tox_environments(command);
    char *rest = environments, *environment;

    while ((environment = strsep(&rest, ","))) {
        if (!*environment || strpbrk(environment, ";=\\"))
            continue;
        for (size_t i = 0; i < COUNT(of_one); i++) {
            CLEANUP_FREE char *name = memory_format("%s%s", of_one[i], environment);

            if (!has_section(settings, name))
                append(text, name, settings->generative ? settings->generative : keys[0], names);
        }
    }
}

char *tox_override(const char *text, const struct config_list *command, const char *const *names)
{
    struct settings settings = {0};
    struct text override = {0};

    take(&settings, text);
    append_sections(&override, &settings, names);
    if (!settings.inherited || settings.generative)
        append_environments(&override, &settings, command, names);
    for (size_t i = 0; i < COUNT(of_all) && !settings.inherited; i++)
        append(&override, of_all[i], keys[0], names);
    for (size_t i = 0; i < settings.count; i++)
        free(settings.sections[i].name);
    free(settings.sections);
    return text_take(&override);
}
