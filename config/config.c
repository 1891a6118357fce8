#include "config/config.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/text.h"
#include "common/yaml.h"
#include "config/schema.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT        (1024 * 1024)
#define SUGGESTION_LENGTH 64

/* Keys whose values are tables of their own. */
static const char *const tables[] = {"metrics", "logs"};

static const struct json_limits limits = {.bytes = FILE_LIMIT, .depth = 8, .values = 10000};

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

/* Whether a problem with this key was reported before. One sentence about a key is enough. */
static bool blamed(const struct config_reader *reader, const char *name)
{
    for (size_t i = 0; i < reader->problems->count; i++)
        if (!strcmp(reader->problems->items[i].key, name))
            return true;
    return false;
}

static void require(struct config_reader *reader, struct json_object *root, const char *name,
                    const char *value, const char *wanted)
{
    struct yaml_position at;

    if (value || blamed(reader, name))
        return;
    config_find(root, name, &at);
    config_problem(reader, at, name, "expected %s, found nothing", wanted);
}

/* The base may not be below the prefix, since the daemon deletes there. Nor may it be a component of the
 * prefix: git cannot hold both `experiment` and `experiment/x`. */
static void check_prefix(struct config_reader *reader, const struct config *config,
                         struct json_object *root)
{
    const char *base = config->forge.base, *prefix = config->forge.branch_prefix;
    size_t length = strlen(base);
    struct yaml_position at;

    if (blamed(reader, "forge.base") || blamed(reader, "forge.branch_prefix"))
        return;
    config_find(root, "forge.branch_prefix", &at);
    if (!strncmp(base, prefix, strlen(prefix)))
        config_problem(
            reader, at, "forge.branch_prefix",
            "expected a prefix that forge.base (\"%s\") does not begin with, found \"%s\"", base,
            prefix);
    else if (!strncmp(prefix, base, length) && prefix[length] == '/')
        config_problem(reader, at, "forge.branch_prefix",
                       "expected a prefix that is not below forge.base (\"%s\"), found \"%s\": git "
                       "cannot hold both branches",
                       base, prefix);
}

/* Nodes see the directory of the runs, and nothing of the daemon's may be in it. */
static void check_directory(struct config_reader *reader, const struct config *config,
                            struct json_object *root)
{
    const char *directory = config->validation.directory;
    const char *const others[] = {config->state, config->spool};
    struct yaml_position at;

    if (blamed(reader, "validation.engine") || blamed(reader, "validation.directory"))
        return;
    if (config->validation.engine == ENGINE_SLURM)
        require(reader, root, "validation.directory", directory,
                "the directory of the runs, at the same path on this machine and on the nodes");
    config_find(root, "validation.directory", &at);
    for (size_t i = 0; directory && i < sizeof(others) / sizeof(*others); i++)
        if (file_is_in(directory, others[i]) || file_is_in(others[i], directory)) {
            config_problem(reader, at, "validation.directory",
                           "expected a directory apart from state and spool, found \"%s\"",
                           directory);
            return;
        }
}

/* Checks what concerns several keys at once. */
static void check_together(struct config_reader *reader, struct config *config,
                           struct json_object *root)
{
    struct yaml_position at;

    if (!blamed(reader, "forge.kind") && config->forge.kind == FORGE_GITEA) {
        require(reader, root, "forge.owner", config->forge.owner,
                "the repository's owner (or GITEA_OWNER in the environment)");
        require(reader, root, "forge.repo", config->forge.repo,
                "the repository's name (or GITEA_REPO in the environment)");
    }
    if (!blamed(reader, "forge.kind") && config->forge.kind == FORGE_LOCAL)
        require(reader, root, "forge.path", config->forge.path, "the bare repository's path");
    check_prefix(reader, config, root);
    check_directory(reader, config, root);

    config_find(root, "state", &at);
    if (!strcmp(config->spool, config->state) && !blamed(reader, "spool"))
        config_problem(reader, at, "state",
                       "expected a directory of its own, found \"%s\", which is the spool",
                       config->state);

    config_find(root, "queue.max_open_pulls", &at);
    if (config->queue.max_open_pulls && !config->forge.poll_ms && !blamed(reader, "forge.poll"))
        config_problem(reader, at, "queue.max_open_pulls",
                       "expected 0, or a forge.poll that notices when a pull request is closed, "
                       "found %u with forge.poll 0",
                       config->queue.max_open_pulls);
}

static int compare_problems(const void *a, const void *b)
{
    const struct config_problem *left = a, *right = b;
    unsigned left_line = left->line - 1,
             right_line = right->line - 1; /* those without a line come last */

    if (left_line != right_line)
        return left_line < right_line ? -1 : 1;
    if (left->column != right->column)
        return left->column < right->column ? -1 : 1;
    return strcmp(left->message, right->message);
}

/* A message of the YAML reader begins with its place. We put the place in front of the whole message. */
static void report_yaml(void *data, const struct error *error)
{
    struct config_reader *reader = data;

    config_problem(reader, (struct yaml_position){error->line, error->column}, "", "%s",
                   error->message + error->sentence);
}

int config_parse(struct config **configp, const char *name, const char *bytes, size_t length,
                 struct config_problems *problems)
{
    CLEANUP(config_freep) struct config *config = memory_new(sizeof *config);
    struct config_reader reader = {.file = name, .problems = problems};
    struct json_object *root = NULL;
    struct error error;

    *problems = (struct config_problems){0};
    if (yaml_parse_all(&root, bytes, length, &limits, report_yaml, &reader, &error)) {
        report_yaml(&reader, &error);
        return -1;
    }
    if (!json_object_is_type(root, json_type_object)) {
        config_problem(&reader, yaml_position(root), "", "expected keys with values, found none");
        json_object_put(root);
        return -1;
    }
    config_read_group(&reader, config_keys, config, root, "", (struct yaml_position){0});
    config_read_metrics(&reader, config, root);
    config_read_logs(&reader, config, root);
    check_together(&reader, config, root);
    json_object_put(root);
    if (problems->count) {
        qsort(problems->items, problems->count, sizeof *problems->items, compare_problems);
        return -1;
    }
    config->file = memory_copy(name);
    if (!config->forge.outbox)
        config->forge.outbox = memory_format("%s/outbox", config->state);
    *configp = TAKE(config);
    return 0;
}

int config_load(struct config **config, const char *path, struct config_problems *problems)
{
    struct config_reader reader = {.file = path, .problems = problems};
    CLEANUP_FREE char *real = realpath(path, NULL); /* links of the administrator are followed */
    CLEANUP_FREE char *bytes = NULL;
    size_t length;
    struct error error;

    *problems = (struct config_problems){0};
    if (file_read(&bytes, &length, AT_FDCWD, real ? real : path, FILE_LIMIT, &error)) {
        config_problem(&reader, (struct yaml_position){0}, "", "%s", error.message);
        return -1;
    }
    return config_parse(config, path, bytes, length, problems);
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (const struct config_key *key = config_keys; key->name; key++)
        config_release(key, config);
    config_free_metrics(config);
    config_free_logs(config->logs, config->log_count);
    free(config->file);
    free(config);
}

void config_freep(struct config **config)
{
    config_free(*config);
}

void config_problems_free(struct config_problems *problems)
{
    for (size_t i = 0; i < problems->count; i++) {
        free(problems->items[i].key);
        free(problems->items[i].message);
    }
    free(problems->items);
    *problems = (struct config_problems){0};
}
