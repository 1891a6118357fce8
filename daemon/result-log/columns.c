/*
 * Chooses the columns of a table for the value, the decision, the commit and the hypothesis: by the settings,
 * else by their names, and the decision by its cells.
 */

#include "daemon/result-log/internal.h"

#include "common/memory.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROWS_TO_TELL  3 /* of a log that grows, before its decision's column is chosen */
#define COLUMNS_SHOWN 200

/* If there is a `metric_after`, a `metric` beside it is a name. */
static const char *const metric_names[] = {"metric_after", "metric", "primary_metric", NULL};
static const char *const before_names[] = {"metric_before", NULL};
static const char *const decision_names[] = {"status",   "decision", "verdict", "kept", "keep",
                                             "accepted", "result",   "outcome", NULL};
static const char *const commit_names[] = {"commit", "commit_hash", "git_commit",
                                           "sha",    "hash",        NULL};
static const char *const hypothesis_names[] = {
    "hypothesis", "description", "idea", "change_summary", "rationale", "notes", "note",
    "title",      "experiment",  "name", "insight",        "label",     "flags", NULL};

static int find_name(const struct result_log_columns *columns, const char *name)
{
    for (size_t i = 0; i < columns->count; i++)
        if (!strcasecmp(columns->names[i], name))
            return (int)i;
    return NO_COLUMN;
}

static int find_first(const struct result_log_columns *columns, const char *const *names)
{
    int found = NO_COLUMN;

    for (; found == NO_COLUMN && *names; names++)
        found = find_name(columns, *names);
    return found;
}

void result_log_forget_names(struct result_log *log)
{
    for (size_t i = 0; i < log->columns.count; i++)
        free(log->columns.names[i]);
    free(log->columns.names);
    log->columns.names = NULL;
    log->columns.count = 0;
}

int result_log_column(const struct result_log_columns *columns, const char *given)
{
    char *end;
    unsigned long number = strtoul(given, &end, 10);

    if (*given && !*end && number >= 1)
        return number <= columns->count ? (int)(number - 1) : NO_COLUMN;
    return find_name(columns, given);
}

static void append_names(struct text *text, const struct result_log_columns *columns)
{
    CLEANUP_TEXT struct text all = {0};

    for (size_t i = 0; i < columns->count; i++)
        text_append_format(&all, "%s%s", i ? ", " : "", columns->names[i]);
    text_append_line(text, text_string(&all), COLUMNS_SHOWN);
}

int result_log_refuse_columns(const struct result_log *log, struct error *error, const char *wanted)
{
    CLEANUP_TEXT struct text names = {0};

    append_names(&names, &log->columns);
    return error_set_at(error, log->header, 0, "expected %s, found the columns %s", wanted,
                        text_string(&names));
}

/* Returns the metric whose name a column has; NULL: none. */
static const struct config_metric *metric_named(const struct result_log *log, const char *name)
{
    for (size_t i = 0; i < log->config->metric_count; i++)
        if (!strcasecmp(log->config->metrics[i].name, name))
            return &log->config->metrics[i];
    return NULL;
}

bool result_log_knows_name(const struct result_log *log, const char *name)
{
    struct result_log_columns one = {.names = &(char *){(char *)name}, .count = 1};

    return metric_named(log, name) || find_first(&one, metric_names) >= 0 ||
           find_first(&one, before_names) >= 0 || find_first(&one, decision_names) >= 0 ||
           find_first(&one, commit_names) >= 0 || find_first(&one, hypothesis_names) >= 0;
}

static bool has_given(const struct result_log_columns *columns, const char *given)
{
    return given && find_name(columns, given) >= 0;
}

static bool names_decision(const struct result_log *log, const struct result_log_columns *columns)
{
    return find_first(columns, decision_names) >= 0 ||
           (log->settings && has_given(columns, log->settings->columns.status));
}

static bool names_value_or_commit(const struct result_log *log,
                                  const struct result_log_columns *columns)
{
    const struct config_log *settings = log->settings;

    if (find_first(columns, metric_names) >= 0 || find_first(columns, commit_names) >= 0 ||
        (settings && (has_given(columns, settings->columns.metric) ||
                      has_given(columns, settings->columns.commit))))
        return true;
    for (size_t i = 0; i < columns->count; i++)
        if (metric_named(log, columns->names[i]))
            return true;
    return false;
}

struct numbered {
    const char *name;
    size_t column;
};

static int compare_names(const void *a, const void *b)
{
    const struct numbered *one = a, *other = b;
    int order = strcasecmp(one->name, other->name);

    return order ? order : one->column < other->column ? -1 : 1;
}

/* A hostile line may have many names, so they are sorted. */
const char *result_log_name_twice(const struct result_log_columns *columns)
{
    CLEANUP_FREE struct numbered *sorted = memory_new_array(columns->count, sizeof(*sorted));
    size_t first = columns->count;

    for (size_t i = 0; i < columns->count; i++)
        sorted[i] = (struct numbered){columns->names[i], i};
    qsort(sorted, columns->count, sizeof(*sorted), compare_names);
    for (size_t i = 1; i < columns->count; i++)
        if (*sorted[i].name && sorted[i].column < first &&
            !strcasecmp(sorted[i].name, sorted[i - 1].name))
            first = sorted[i].column;
    return first < columns->count ? columns->names[first] : NULL;
}

bool result_log_are_names(const struct result_log *log, const struct result_log_columns *columns)
{
    double number;

    if (columns->count > RESULT_LOG_COLUMNS_LIMIT || !names_decision(log, columns) ||
        !names_value_or_commit(log, columns))
        return false;
    for (size_t i = 0; i < columns->count; i++)
        if (result_log_number(columns->names[i], &number))
            return false;
    return !result_log_name_twice(columns);
}

void result_log_find_candidates(struct result_log *log)
{
    for (const char *const *name = decision_names; *name; name++) {
        int column = find_name(&log->columns, *name);

        if (column >= 0 && log->candidate_count < RESULT_LOG_DECISIONS)
            log->candidates[log->candidate_count++].column = column;
    }
}

/* Chooses a column that the settings name. */
static int settle_given(const struct result_log *log, const char *what, const char *given,
                        int *column, struct error *error)
{
    CLEANUP_FREE char *wanted = memory_format("\"%s\" (logs[].columns.%s)", given, what);

    *column = result_log_column(&log->columns, given);
    return *column >= 0 ? 0 : result_log_refuse_columns(log, error, wanted);
}

/* Finds the column with the name of a configured metric. If there are two, the settings must say which. */
static int find_metric(const struct result_log *log, int *column, struct error *error)
{
    *column = NO_COLUMN;
    for (size_t i = 0; i < log->config->metric_count; i++) {
        int found = find_name(&log->columns, log->config->metrics[i].name);

        if (found >= 0 && *column >= 0)
            return error_set_at(error, log->header, 0,
                                "expected one configured metric, found \"%s\" and "
                                "\"%s\": say which in logs[].metric",
                                log->columns.names[*column], log->columns.names[found]);
        if (found >= 0)
            *column = found;
    }
    return 0;
}

static int settle_metric(struct result_log *log, struct error *error)
{
    const struct config_log *settings = log->settings;
    const char *given = settings ? settings->columns.metric : NULL;
    const char *named = settings ? settings->metric : NULL;
    const struct config_metric *metric = named ? config_metric(log->config, named)
                                               : result_log_only_metric(log);
    CLEANUP_FREE char *wanted = NULL;
    int *column = &log->columns.metric;

    if (given) {
        if (settle_given(log, "metric", given, column, error) < 0)
            return -1;
        if (!named && metric_named(log, log->columns.names[*column]))
            metric = metric_named(log, log->columns.names[*column]);
    } else if (named) {
        *column = find_name(&log->columns, named);
    } else if (find_metric(log, column, error) < 0) {
        return -1;
    }
    if (!given && !named && *column >= 0)
        metric = metric_named(log, log->columns.names[*column]);
    if (*column < 0 && metric)
        *column = find_first(&log->columns, metric_names);
    wanted = memory_format("a column %s", metric ? metric->name : "of a metric in metrics:");
    if (*column < 0)
        return result_log_refuse_columns(log, error, wanted);
    if (!metric)
        return error_set_at(error, log->header, 0,
                            "expected the metric of the column \"%s\" in "
                            "logs[].metric, found several metrics",
                            log->columns.names[*column]);
    log->metric = metric->name;
    log->columns.before = find_first(&log->columns, before_names);
    return 0;
}

/* Chooses the first column of these names in which at least a third of the cells is a known word. */
static int settle_decision(struct result_log *log, bool whole, struct error *error)
{
    const char *given = log->settings ? log->settings->columns.status : NULL;

    if (given)
        return settle_given(log, "status", given, &log->columns.decision, error);
    if (log->kept_decision >= 0 && (size_t)log->kept_decision < log->columns.count) {
        log->columns.decision = log->kept_decision;
        return 0;
    }
    for (size_t i = 0; i < log->candidate_count; i++) {
        const struct result_log_candidate *candidate = &log->candidates[i];

        if (candidate->cells == 0 || candidate->known * 3 < candidate->cells)
            continue;
        log->columns.decision = candidate->column;
        return 0;
    }
    if (log->rows == 0 && log->candidate_count > 0) { /* no loop has written a row yet */
        log->columns.decision = log->candidates[0].column;
        return 0;
    }
    if (!whole && log->rows < ROWS_TO_TELL && !log->other_header)
        return 1;
    return result_log_refuse_columns(
        log, error,
        "a column that says which rows were kept and which were discarded "
        "(name it in logs[].columns.status)");
}

static int settle_optional(const struct result_log *log, const char *what, const char *given,
                           const char *const *names, int *column, struct error *error)
{
    if (given)
        return settle_given(log, what, given, column, error);
    *column = find_first(&log->columns, names);
    return 0;
}

static int settle_others(struct result_log *log, struct error *error)
{
    const struct config_log *settings = log->settings;

    if (settle_optional(log, "commit", settings ? settings->columns.commit : NULL, commit_names,
                        &log->columns.commit, error) < 0)
        return -1;
    return settle_optional(log, "hypothesis", settings ? settings->columns.hypothesis : NULL,
                           hypothesis_names, &log->columns.hypothesis, error);
}

int result_log_choose_columns(struct result_log *log, bool whole, struct error *error)
{
    int end;

    if (!log->header || (log->rows == 0 && !whole))
        return whole ? error_set(error, ERROR_PERMANENT, "expected a header, found no line") : 1;
    if (settle_metric(log, error) < 0)
        return -1;
    end = settle_decision(log, whole, error);
    if (end == 1) /* asked again once there is more */
        log->metric = NULL;
    if (end != 0)
        return end;
    log->first_decision = log->columns.decision;
    return settle_others(log, error);
}

int result_log_choose_again(struct result_log *log, const char *decision, struct error *error)
{
    const char *given = log->settings ? log->settings->columns.status : NULL;
    int *column = &log->columns.decision;

    if (settle_metric(log, error) < 0)
        return -1;
    *column = given || !decision ? NO_COLUMN : find_name(&log->columns, decision);
    if (given && settle_given(log, "status", given, column, error) < 0)
        return -1;
    if (*column < 0)
        *column = find_first(&log->columns, decision_names);
    return settle_others(log, error);
}
