/*
 * Reads a group of keys by the table of its rows: from the file, the environment, or the defaults. Any other key
 * is reported, with the one that may have been meant.
 */

#include "config/schema.h"

#include "common/memory.h"
#include "common/text.h"
#include "common/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUGGESTION_LENGTH 64

/* Keys whose values are tables of their own. */
static const char *const tables[] = {"metrics", "logs"};

struct json_object *config_find(struct json_object *root, const char *name,
                                struct yaml_position *at)
{
    struct json_object *node = root;
    char part[64];

    *at = (struct yaml_position){0};
    for (;;) {
        size_t length = strcspn(name, ".");
        struct json_object *member;

        snprintf(part, sizeof part, "%.*s", (int)length, name);
        if (!json_object_object_get_ex(node, part, &member))
            return NULL;
        *at = yaml_key_position(node, part);
        if (!name[length]) {
            if (member)
                *at = yaml_position(member);
            return member;
        }
        if (!json_object_is_type(member, json_type_object))
            return NULL;
        node = member;
        name += length + 1;
    }
}

/* How many letters must be added, dropped, changed or swapped with their neighbour. */
static unsigned distance(const char *a, const char *b)
{
    unsigned rows[3][SUGGESTION_LENGTH + 1];
    unsigned *two_back = rows[0], *before = rows[1], *now = rows[2];
    size_t a_length = strlen(a), b_length = strlen(b);

    if (a_length > SUGGESTION_LENGTH || b_length > SUGGESTION_LENGTH)
        return SUGGESTION_LENGTH;
    for (size_t j = 0; j <= b_length; j++)
        before[j] = two_back[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned *oldest = two_back;

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            unsigned least = before[j - 1] + (a[i - 1] != b[j - 1]);

            least = before[j] + 1 < least ? before[j] + 1 : least;
            least = now[j - 1] + 1 < least ? now[j - 1] + 1 : least;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                two_back[j - 2] + 1 < least)
                least = two_back[j - 2] + 1;
            now[j] = least;
        }
        two_back = before;
        before = now;
        now = oldest;
    }
    return before[b_length];
}

/* Copies the word that a row's name has directly below `prefix`. Returns false if it is not below it. */
static bool word_below(const struct config_key *key, const char *prefix, char *word, size_t size)
{
    size_t length = strlen(prefix);

    if (strncmp(key->name, prefix, length) != 0)
        return false;
    snprintf(word, size, "%.*s", (int)strcspn(key->name + length, "."), key->name + length);
    return true;
}

/* Reports that a key is unknown, and what may have been meant: a similar key of the same group, the same
 * word in another group, or else all keys of the group. */
static void report_unknown(struct config_reader *reader, const struct config_key *keys,
                           struct yaml_position at, const char *above, const char *prefix,
                           const char *word)
{
    CLEANUP_FREE char *name = memory_format("%s%s%s", above, prefix, word);
    CLEANUP_TEXT struct text known = {0};
    unsigned least = 1 + (unsigned)strlen(word) / 3;
    char near[64] = "", other[64], last[64] = "";
    const char *elsewhere = NULL;

    for (; keys->name; keys++) {
        const char *leaf = strrchr(keys->name, '.');
        bool below = word_below(keys, prefix, other, sizeof other);

        if (below && strcmp(other, last) != 0) {
            text_append_format(&known, "%s%s", known.length ? ", " : "", other);
            snprintf(last, sizeof last, "%s", other);
        }
        if (below && distance(word, other) <= least && strcmp(word, other) != 0) {
            least = distance(word, other) - 1;
            snprintf(near, sizeof near, "%s%s", prefix, other);
        } else if (!elsewhere && leaf && !strcmp(leaf + 1, word)) {
            elsewhere = keys->name;
        }
    }
    if (!*prefix && !*above)
        text_append(&known, ", logs, metrics");
    for (size_t i = 0; !*prefix && !*above && i < sizeof tables / sizeof *tables; i++)
        if (distance(word, tables[i]) <= least)
            snprintf(near, sizeof near, "%s", tables[i]);
    if (*near || elsewhere)
        config_problem(reader, at, name, "unknown key, did you mean %s%s?", above,
                       *near ? near : elsewhere);
    else
        config_problem(reader, at, name, "unknown key, expected one of %s", text_string(&known));
}

static bool is_key(const struct config_key *keys, const char *name)
{
    for (size_t i = 0; keys == config_keys && i < sizeof tables / sizeof *tables; i++)
        if (!strcmp(tables[i], name))
            return true;
    for (; keys->name; keys++)
        if (!strcmp(keys->name, name))
            return true;
    return false;
}

static bool is_group(const struct config_key *keys, const char *name)
{
    size_t length = strlen(name);

    for (; keys->name; keys++)
        if (!strncmp(keys->name, name, length) && keys->name[length] == '.')
            return true;
    return false;
}

/* Reports the unknown keys of a group of the tree. `above` is put before `prefix` in messages:
 * "metrics.NAME." for a metric, else nothing. Groups are at most one deep. */
static void report_strangers(struct config_reader *reader, const struct config_key *keys,
                             struct json_object *node, const char *above, const char *prefix)
{
    json_object_object_foreach(node, word, member)
    {
        CLEANUP_FREE char *name = memory_format("%s%s", prefix, word);
        CLEANUP_FREE char *whole = memory_format("%s%s", above, name);
        CLEANUP_FREE char *below = memory_format("%s.", name);
        struct yaml_position at = yaml_key_position(node, word);
        bool dotted = strchr(word, '.') != NULL;

        if (!dotted && is_key(keys, name))
            continue;
        if (dotted || !is_group(keys, name))
            report_unknown(reader, keys, at, above, prefix, word);
        else if (json_object_is_type(member, json_type_object))
            report_strangers(reader, keys, member, above, below);
        else if (member)
            config_problem(reader, yaml_position(member), whole,
                           "expected a group of keys with values, found no keys");
    }
}

/* Reads every row of a table: from a group of the tree, from the environment, or the default. */
static void read_table(struct config_reader *reader, const struct config_key *keys, void *base,
                       struct json_object *node, const char *above, struct yaml_position parent)
{
    for (; keys->name; keys++) {
        CLEANUP_FREE char *name = memory_format("%s%s", above, keys->name);
        const char *variable = keys->environment ? getenv(keys->environment) : NULL;
        struct yaml_position at;
        struct json_object *value = config_find(node, keys->name, &at);

        /* The default first. A wrong value in the file is an error, but it leaves nothing unset. */
        if (keys->fallback || keys->shape == CONFIG_LIST || keys->shape == CONFIG_VARIABLES)
            config_read_string(reader, keys, name, base, keys->fallback ? keys->fallback : "");
        config_read(reader, keys, name, base, value);
        if (variable && *variable) {
            reader->variable = keys->environment;
            config_read_string(reader, keys, name, base, variable);
            reader->variable = NULL;
        }
        if (!value && (keys->flags & CONFIG_REQUIRED)) {
            CLEANUP_TEXT struct text words = {0};

            for (size_t i = 0; keys->words && keys->words[i]; i++)
                text_append_format(&words, "%s%s", i ? " or " : "", keys->words[i]);
            config_problem(reader, at.line ? at : parent, name, "expected %s, found nothing",
                           text_string(&words));
        }
    }
}

void config_read_group(struct config_reader *reader, const struct config_key *keys, void *base,
                       struct json_object *node, const char *above, struct yaml_position parent)
{
    if (node)
        report_strangers(reader, keys, node, above, "");
    read_table(reader, keys, base, node, above, parent);
}
