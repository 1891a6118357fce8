#include "config/config.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/yaml.h"
#include "config/schema.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT (1024 * 1024)

static const struct json_limits limits = {.bytes = FILE_LIMIT, .depth = 8, .values = 10000};

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

/* Gitea and Forgejo have a column of that size. For a local forge, git adds ".lock" to a file name. */
size_t config_branch_limit(enum forge_kind kind)
{
    static const size_t bytes[] = {[FORGE_GITEA] = 100, [FORGE_LOCAL] = 200};

    return bytes[kind];
}

/* The shortest id has one character. */
static void check_room(struct config_reader *reader, const struct config *config,
                       struct yaml_position at)
{
    size_t limit = config_branch_limit(config->forge.kind);
    size_t length = strlen(config->forge.branch_prefix);

    if (length < limit || blamed(reader, "forge.kind"))
        return;
    config_problem(reader, at, "forge.branch_prefix",
                   "expected at most %zu bytes, found %zu: with an experiment_id after it, the "
                   "name of a branch at this forge has at most %zu bytes",
                   limit - 1, length, limit);
}

/* The base may not be below the prefix, since the daemon deletes there. Nor may it be a component of the
 * prefix: git cannot have both `experiment` and `experiment/x`. */
static void check_prefix(struct config_reader *reader, const struct config *config,
                         struct json_object *root)
{
    const char *base = config->forge.base, *prefix = config->forge.branch_prefix;
    size_t length = strlen(base);
    struct yaml_position at;

    if (blamed(reader, "forge.base") || blamed(reader, "forge.branch_prefix"))
        return;
    config_find(root, "forge.branch_prefix", &at);
    check_room(reader, config, at);
    if (!strncmp(base, prefix, strlen(prefix)))
        config_problem(
            reader, at, "forge.branch_prefix",
            "expected a prefix that forge.base (\"%s\") does not begin with, found \"%s\"", base,
            prefix);
    else if (!strncmp(prefix, base, length) && prefix[length] == '/')
        config_problem(reader, at, "forge.branch_prefix",
                       "expected a prefix that is not below forge.base (\"%s\"), found \"%s\": git "
                       "cannot have both branches",
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

    config_problem(reader, (struct yaml_position){(unsigned)error->line, error->column}, "", "%s",
                   error->message + error->sentence);
}

static void ignore_yaml(void *data, const struct error *error)
{
}

/* If a key is there twice, the first one was read. Reports what is wrong with the last one as well. */
static void read_last(struct config_reader *reader, const char *bytes, size_t length)
{
    CLEANUP(config_freep) struct config *unused = memory_new(sizeof(*unused));
    struct json_object *root = NULL;
    struct error ignored;

    if (yaml_parse_all(&root, bytes, length, &limits, true, ignore_yaml, NULL, &ignored) < 0)
        return;
    if (json_object_is_type(root, json_type_object)) {
        config_read_group(reader, config_keys, unused, root, "", (struct yaml_position){0});
        config_read_metrics(reader, unused, root);
        config_read_logs(reader, unused, root);
    }
    json_object_put(root);
}

/* Sorts the problems by their place, and leaves each in once. */
static void sort_problems(struct config_problems *problems)
{
    size_t kept = 0;

    qsort(problems->items, problems->count, sizeof *problems->items, compare_problems);
    for (size_t i = 0; i < problems->count; i++) {
        if (kept > 0 && compare_problems(&problems->items[kept - 1], &problems->items[i]) == 0) {
            free(problems->items[i].key);
            free(problems->items[i].message);
        } else {
            problems->items[kept++] = problems->items[i];
        }
    }
    problems->count = kept;
}

int config_parse(struct config **configp, const char *name, const char *bytes, size_t length,
                 struct config_problems *problems)
{
    CLEANUP(config_freep) struct config *config = memory_new(sizeof *config);
    struct config_reader reader = {.file = name, .problems = problems};
    struct json_object *root = NULL;
    struct error error;
    bool repeats;

    *problems = (struct config_problems){0};
    if (yaml_parse_all(&root, bytes, length, &limits, false, report_yaml, &reader, &error)) {
        report_yaml(&reader, &error);
        return -1;
    }
    if (!json_object_is_type(root, json_type_object)) {
        config_problem(&reader, yaml_position(root), "", "expected keys with values, found none");
        json_object_put(root);
        return -1;
    }
    repeats = problems->count > 0;
    config_read_group(&reader, config_keys, config, root, "", (struct yaml_position){0});
    config_read_metrics(&reader, config, root);
    config_read_logs(&reader, config, root);
    check_together(&reader, config, root);
    json_object_put(root);
    if (repeats)
        read_last(&reader, bytes, length);
    if (problems->count) {
        sort_problems(problems);
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
