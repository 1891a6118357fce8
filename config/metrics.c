/*
 * Reads `metrics:`, and finds a metric by its name. An entry "*" stands for every metric whose direction a
 * log of many experiments states. Such a metric is made when it is first met.
 */

#include "config/schema.h"

#include "common/memory.h"
#include "common/text.h"
#include "common/yaml.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#define METRIC_LIMIT 100
#define STATED_LIMIT 1000 /* a log may name any number */
#define ANY          "*"

struct config_stated {
    struct config_metric settings;
    struct config_metric **items; /* each by itself: they are pointed at */
    size_t count;
};

static void read_keys(struct config_reader *reader, struct config_metric *metric,
                      const struct config_key *keys, struct json_object *metrics, const char *name,
                      struct json_object *node)
{
    CLEANUP_FREE char *whole = memory_format("metrics.%s", name);
    CLEANUP_FREE char *above = memory_format("metrics.%s.", name);

    metric->name = memory_copy(name);
    if (node && !json_object_is_type(node, json_type_object))
        config_problem(reader, yaml_position(node), whole,
                       "expected keys such as {direction: minimize}, found none");
    else
        config_read_group(reader, keys, metric, node, above, yaml_key_position(metrics, name));
}

static void read_metric(struct config_reader *reader, struct config_metric *metric,
                        struct json_object *metrics, const char *name, struct json_object *node)
{
    const char *wanted = config_check_metric(name);
    CLEANUP_TEXT struct text shown = {0};

    if (!wanted) {
        read_keys(reader, metric, config_metric_keys, metrics, name, node);
        return;
    }
    metric->name = memory_copy(name);
    config_show(&shown, name);
    config_problem(reader, yaml_key_position(metrics, name), "metrics", "expected %s, found %s",
                   wanted, text_string(&shown));
}

void config_read_metrics(struct config_reader *reader, struct config *config,
                         struct json_object *root)
{
    static const char wanted[] = "at least one metric, such as {val_bpb: {direction: minimize}}";
    struct yaml_position at;
    struct json_object *node = config_find(root, "metrics", &at);
    size_t count = 0;

    if (!json_object_is_type(node, json_type_object) || !json_object_object_length(node)) {
        config_problem(reader, at, "metrics", "expected %s, found %s", wanted,
                       node && !json_object_is_type(node, json_type_object) ? "no keys"
                                                                            : "nothing");
        return;
    }
    if (json_object_object_length(node) > METRIC_LIMIT) {
        config_problem(reader, at, "metrics", "expected at most %d metrics, found %d", METRIC_LIMIT,
                       json_object_object_length(node));
        return;
    }
    config->metrics = memory_new_array((size_t)json_object_object_length(node),
                                       sizeof *config->metrics);
    json_object_object_foreach(node, name, member)
    {
        if (strcmp(name, ANY) != 0) {
            read_metric(reader, &config->metrics[count++], node, name, member);
            continue;
        }
        config->stated = memory_new(sizeof(*config->stated));
        read_keys(reader, &config->stated->settings, config_stated_metric_keys, node, name, member);
    }
    config->metric_count = count;
}

static void release(struct config_metric *metric)
{
    for (const struct config_key *key = config_metric_keys; key->name; key++)
        config_release(key, metric);
    free(metric->name);
}

void config_free_metrics(struct config *config)
{
    struct config_stated *stated = config->stated;

    for (size_t i = 0; i < config->metric_count; i++)
        release(&config->metrics[i]);
    free(config->metrics);
    if (!stated)
        return;
    for (size_t i = 0; i < stated->count; i++) {
        free(stated->items[i]->name);
        free(stated->items[i]);
    }
    free(stated->items);
    release(&stated->settings);
    free(stated);
}

const struct config_metric *config_any_metric(const struct config *config)
{
    return config->stated ? &config->stated->settings : NULL;
}

const struct config_metric *config_metric(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->metric_count; i++)
        if (!strcmp(config->metrics[i].name, name))
            return &config->metrics[i];
    return NULL;
}

const struct config_metric *config_metric_stated(const struct config *config, const char *name,
                                                 enum metric_direction direction)
{
    struct config_stated *stated = config->stated;
    struct config_metric *made;

    if (!stated || config_check_metric(name))
        return NULL;
    for (size_t i = 0; i < stated->count; i++)
        if (stated->items[i]->direction == direction && !strcmp(stated->items[i]->name, name))
            return stated->items[i];
    if (stated->count == STATED_LIMIT)
        return NULL;
    made = memory_new(sizeof(*made));
    *made = stated->settings;
    made->name = memory_copy(name);
    made->direction = direction;
    if ((stated->count & (stated->count + 1)) == 0)
        stated->items = memory_resize(stated->items,
                                      2 * (stated->count + 1) * sizeof(*stated->items));
    return stated->items[stated->count++] = made;
}
