/* `logs:` is a list of entries with one table of keys. */

#include "config/schema.h"

#include "common/memory.h"
#include "common/yaml.h"

#include <stdlib.h>
#include <string.h>

#define LOG_LIMIT 1000

static bool has(const struct config_list *list, const char *item)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i], item))
            return true;
    return false;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);

    return length > tail && !strcmp(text + length - tail, ending);
}

/* Checks what an entry says of the rest of the configuration. */
static void check_entry(struct config_reader *reader, const struct config *config,
                        const struct config_log *log, struct json_object *node, const char *above)
{
    CLEANUP_FREE char *repository = memory_format("%srepository", above);
    CLEANUP_FREE char *metric = memory_format("%smetric", above);
    CLEANUP_FREE char *path = memory_format("%spath", above);
    struct yaml_position at;

    config_find(node, "repository", &at);
    if (log->repository && !has(&config->sources, log->repository))
        config_problem(reader, at, repository, "expected one of sources, found \"%s\"",
                       log->repository);
    config_find(node, "metric", &at);
    if (log->metric && !config_metric(config, log->metric))
        config_problem(reader, at, metric, "expected one of metrics, found \"%s\"", log->metric);
    config_find(node, "path", &at);
    if (log->path && log->path[0] != '/' && strchr(log->path, '/'))
        config_problem(reader, at, path, "expected an absolute path or a name, found \"%s\"",
                       log->path);
    else if (log->path && !ends_with(log->path, ".tsv") && !ends_with(log->path, ".jsonl"))
        config_problem(reader, at, path,
                       "expected a name that ends in .tsv or .jsonl, found \"%s\"", log->path);
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* Two logs of one name would have the same ids. */
static void check_names(struct config_reader *reader, const struct config *config,
                        struct json_object *node)
{
    for (size_t i = 1; i < config->log_count; i++) {
        const struct config_log *log = &config->logs[i];

        for (size_t j = 0; j < i; j++) {
            const struct config_log *other = &config->logs[j];
            const char *prefix = log->experiment_prefix ? log->experiment_prefix : "";
            const char *other_prefix = other->experiment_prefix ? other->experiment_prefix : "";

            if (!log->path || !other->path ||
                strcmp(name_of(log->path), name_of(other->path)) != 0 ||
                strcmp(prefix, other_prefix) != 0)
                continue;
            config_problem(reader, yaml_position(json_object_array_get_idx(node, i)), "logs",
                           "expected an experiment_prefix, found \"%s\" and \"%s\", which give the "
                           "same experiment_ids",
                           other->path, log->path);
        }
    }
}

void config_read_logs(struct config_reader *reader, struct config *config, struct json_object *root)
{
    struct yaml_position at;
    struct json_object *node = config_find(root, "logs", &at);
    size_t count;

    if (!node)
        return;
    if (!json_object_is_type(node, json_type_array)) {
        config_problem(reader, at, "logs", "expected a list such as [{path: results.tsv}]");
        return;
    }
    count = json_object_array_length(node);
    if (count > LOG_LIMIT) {
        config_problem(reader, at, "logs", "expected at most %d logs, found %zu", LOG_LIMIT, count);
        return;
    }
    config->logs = memory_new_array(count, sizeof *config->logs);
    config->log_count = count;
    for (size_t i = 0; i < count; i++) {
        CLEANUP_FREE char *above = memory_format("logs[%zu].", i);
        struct json_object *entry = json_object_array_get_idx(node, i);
        bool is_group = json_object_is_type(entry, json_type_object);

        if (entry)
            at = yaml_position(entry);
        if (!is_group)
            config_problem(reader, at, "logs", "expected keys such as {path: results.tsv}");
        else
            config_read_group(reader, config_log_keys, &config->logs[i], entry, above, at);
        if (is_group)
            check_entry(reader, config, &config->logs[i], entry, above);
    }
    check_names(reader, config, node);
}

void config_free_logs(struct config_log *logs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (const struct config_key *key = config_log_keys; key->name; key++)
            config_release(key, &logs[i]);
    free(logs);
}

const struct config_log *config_log(const struct config *config, const char *file_name)
{
    for (size_t i = 0; i < config->log_count; i++)
        if (!strcmp(name_of(config->logs[i].path), file_name))
            return &config->logs[i];
    return NULL;
}
