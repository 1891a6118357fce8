/*
 * Reads autoresearch.jsonl: one JSON object per line. `"type": "config"` says which metric the next runs
 * measure, and begins a segment. A line with `metric` and `status` is a run, whatever else it has.
 */

#include "daemon/result-log/internal.h"
#include "daemon/result.h"

#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct json_limits limits = {
    .bytes = RESULT_LOG_LINE_LIMIT,
    .depth = 32,
    .values = 10000,
    .non_finite = true, /* of a crashed run, as Python's json writes them */
};

static bool differ(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) != 0 : a != b;
}

static void replace(char **string, const char *with)
{
    free(*string);
    *string = with ? memory_copy(with) : NULL;
}

/* ---- segments ----------------------------------------------------------------------------------- */

/* Finds the metric of the segment's runs in the configuration. One that is not there may be taken by the
 * direction that the log states. */
static const struct config_metric *metric_of_segment(struct result_log *log)
{
    const char *named = log->settings ? log->settings->metric : NULL;
    const struct config_metric *metric;

    log->stated = false;
    if (named)
        return config_metric(log->config, named);
    if (!log->segment_metric)
        return result_log_only_metric(log);
    metric = config_metric(log->config, log->segment_metric);
    if (metric || !log->segment_direction ||
        !result_log_direction(log->segment_direction, &log->direction))
        return metric;
    metric = config_metric_stated(log->config, log->segment_metric, log->direction);
    log->stated = metric != NULL;
    return metric;
}

/* Finds why the runs of the segment are rejected, if they are. */
static void settle_segment(struct result_log *log, uint64_t number)
{
    const struct config_metric *metric = metric_of_segment(log);
    const char *named = log->settings ? log->settings->metric : NULL;
    enum metric_direction direction;

    log->metric = metric ? metric->name : NULL;
    replace(&log->refused, NULL);
    /* The direction is that of the segment's own metric, not of one that the settings name. */
    if (!metric || !log->segment_direction || (named && differ(named, log->segment_metric)) ||
        !result_log_direction(log->segment_direction, &direction) || direction == metric->direction)
        return;
    log->refused = memory_format(
        "expected the direction of metrics.%s (%s), found \"%s\" in line %" PRIu64, metric->name,
        metric->direction == METRIC_MINIMIZE ? "minimize" : "maximize", log->segment_direction,
        number);
}

/* A config line begins a segment if it says something new, or if there were runs since the last one. */
static void take_config(struct result_log *log, uint64_t number, struct json_object *object)
{
    const char *name = json_member_text(object, "name");
    const char *metric = json_member_text(object, "metricName");
    const char *direction = json_member_text(object, "bestDirection");

    metric = metric ? metric : json_member_text(object, "metric_name");
    direction = direction ? direction : json_member_text(object, "direction");
    if (log->segment > 0 && !log->runs_came && !differ(name, log->segment_name) &&
        !differ(metric, log->segment_metric) && !differ(direction, log->segment_direction))
        return;
    log->segment++;
    log->runs_came = false;
    log->baseline = 0;
    replace(&log->segment_name, name);
    replace(&log->segment_metric, metric);
    replace(&log->segment_direction, direction);
    settle_segment(log, number);
}

/* ---- runs --------------------------------------------------------------------------------------- */

static bool is_run(struct json_object *object)
{
    return json_object_object_get_ex(object, "metric", NULL) &&
           json_object_object_get_ex(object, "status", NULL);
}

/* Returns the word of a member: text, or true, 1, null and the like, as a cell of a table would have it. */
static const char *word_of(struct json_object *object, const char *key)
{
    struct json_object *member;
    const char *word = json_object_object_get_ex(object, key, &member)
                           ? json_object_get_string(member)
                           : NULL;

    return word ? word : "";
}

/* Reads a number, or a string with one; not NaN and not infinite. */
static bool number_of(struct json_object *value, double *number)
{
    if (json_object_is_type(value, json_type_string))
        return result_log_number(json_object_get_string(value), number);
    if (!json_object_is_type(value, json_type_int) && !json_object_is_type(value, json_type_double))
        return false;
    *number = json_object_get_double(value);
    return isfinite(*number);
}

/* Reads the value of the run: of its own metric, or of the one that the settings name. */
static bool value_of(const struct result_log *log, struct json_object *object, double *number)
{
    const char *named = log->settings ? log->settings->metric : NULL;
    struct json_object *metrics, *value;

    if (named && differ(named, log->segment_metric) &&
        json_object_object_get_ex(object, "metrics", &metrics) &&
        json_object_object_get_ex(metrics, named, &value))
        return number_of(value, number);
    if (named && log->segment_metric && differ(named, log->segment_metric))
        return false;
    return json_object_object_get_ex(object, "metric", &value) && number_of(value, number);
}

static bool is_within(const struct result_log *log, struct json_object *object)
{
    const struct config_list *only = log->settings ? &log->settings->only : NULL;

    for (size_t i = 0; only && i < only->count; i++) {
        const char *equals = strchr(only->items[i], '=');
        CLEANUP_FREE char *name = memory_copy_bytes(only->items[i],
                                                    (size_t)(equals - only->items[i]));
        struct json_object *value;

        if (!json_object_object_get_ex(object, name, &value) || !value ||
            strcmp(json_object_get_string(value), equals + 1) != 0)
            return false;
    }
    return true;
}

/* Python writes NaN and Infinity, which JSON does not have: what is stored is read again. */
static struct json_object *detail_of(struct json_object *value)
{
    double number = json_object_is_type(value, json_type_double) ? json_object_get_double(value)
                                                                 : 0;

    if (isfinite(number))
        return json_object_get(value);
    return json_object_new_string(isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity");
}

static void add_scalars(struct json_object *details, struct json_object *from)
{
    json_object_object_foreach(from, key, value)
    {
        if (!value || json_object_is_type(value, json_type_object) ||
            json_object_is_type(value, json_type_array) ||
            json_object_object_get_ex(details, key, NULL))
            continue;
        json_object_object_add(details, key, detail_of(value));
    }
}

/* Returns all other scalars: of the run, of `metrics`, of `asi`. */
static struct json_object *details_of(struct json_object *object, const char *hypothesis)
{
    static const char *const taken[] = {"type", "metric", "status", "commit", "description"};
    static const char *const groups[] = {"metrics", "asi"};
    struct json_object *details = json_object_new_object();
    struct json_object *group;
    const char *told;

    add_scalars(details, object);
    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++)
        json_object_object_del(details, taken[i]);
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        if (json_object_object_get_ex(object, groups[i], &group) &&
            json_object_is_type(group, json_type_object))
            add_scalars(details, group);
    told = json_member_text(details, "hypothesis");
    if (told && hypothesis && strcmp(told, hypothesis) == 0)
        json_object_object_del(details, "hypothesis");
    return details;
}

static void fill_row(struct result_log *log, struct json_object *object, struct result_log_row *row)
{
    const char *description = json_member_text(object, "description");
    const char *hypothesis = description;
    struct json_object *asi;
    double value;

    if (json_object_object_get_ex(object, "asi", &asi) && json_member_text(asi, "hypothesis"))
        hypothesis = json_member_text(asi, "hypothesis");
    result_log_claim(log, &row->claim, word_of(object, "status"));
    if (value_of(log, object, &value))
        row->claim.after = measurement_of(&value, 1);
    row->commit = result_commit_digits(word_of(object, "commit"));
    row->hypothesis = hypothesis && *hypothesis ? memory_copy(hypothesis) : NULL;
    row->details = details_of(object, row->hypothesis);
    if (hypothesis && description && strcmp(hypothesis, description) != 0)
        json_object_object_add(row->details, "description", json_object_new_string(description));
    result_log_row_finish(log, row);
}

static enum result_log_line read_run(struct result_log *log, struct json_object *object,
                                     struct result_log_row *row, struct error *error)
{
    log->runs_came = true;
    if (log->segment == 0 && !log->metric)
        settle_segment(log, row->line);
    if (!log->metric)
        return RESULT_LOG_FOREIGN;
    if (!is_within(log, object))
        return RESULT_LOG_OUTSIDE;
    if (log->refused) {
        error_set_at(error, row->line, 0, "%s", log->refused);
        return RESULT_LOG_BAD;
    }
    fill_row(log, object, row);
    return RESULT_LOG_ROW;
}

static enum result_log_line read_object(struct result_log *log, struct json_object *object,
                                        struct result_log_row *row, struct error *error)
{
    const char *type = json_member_text(object, "type");

    if (is_run(object))
        return read_run(log, object, row, error);
    if (type && !strcmp(type, "config")) {
        take_config(log, row->line, object);
        return RESULT_LOG_HEADER;
    }
    return RESULT_LOG_OTHER;
}

static enum result_log_line read_line(struct result_log *log, uint64_t number, const char *line,
                                      size_t length, struct result_log_row *row,
                                      struct error *error)
{
    struct json_object *object = NULL;
    enum result_log_line kind;
    struct error problem;

    if (line[strspn(line, " \t")] != '{')
        return RESULT_LOG_PROSE;
    if (json_parse(&object, line, length, &limits, &problem) < 0) {
        error_set_at(error, number, problem.column, "%s", problem.message + problem.sentence);
        return RESULT_LOG_BAD;
    }
    kind = read_object(log, object, row, error);
    json_object_put(object);
    return kind;
}

/* ---- the first pass: any line may be text, but not all ------------------------------------------ */

static int survey(struct result_log *log, uint64_t number, const char *line, size_t length,
                  struct error *error)
{
    if (line[strspn(line, " \t")] == '{')
        log->objects = true;
    else if (log->prose == 0)
        log->prose = number;
    return 0;
}

static int settle(struct result_log *log, bool whole, struct error *error)
{
    if (whole && log->prose > 0 && !log->objects)
        return error_set_at(error, log->prose, 0,
                            "expected a JSON object in each line, found none");
    return 0;
}

const struct result_log_functions result_log_jsonl = {survey, settle, read_line};
