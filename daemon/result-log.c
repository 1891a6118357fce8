#include "daemon/result-log/internal.h"

#include "common/memory.h"
#include "common/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BYTE_ORDER_MARK "\xEF\xBB\xBF"
#define ID_LONGEST      100

enum result_log_kind result_log_kind(const char *file_name)
{
    const char *ending = strrchr(file_name, '.');

    if (ending && !strcmp(ending, ".tsv"))
        return RESULT_LOG_TSV;
    if (ending && !strcmp(ending, ".jsonl"))
        return RESULT_LOG_JSONL;
    return RESULT_LOG_NONE;
}

struct result_log *result_log_new(enum result_log_kind kind, const struct config *config,
                                  const struct config_log *settings)
{
    struct result_log *log = memory_new(sizeof(*log));

    log->functions = kind == RESULT_LOG_JSONL ? &result_log_jsonl : &result_log_tsv;
    log->kind = kind;
    log->config = config;
    log->settings = settings;
    log->columns.metric = log->columns.before = log->columns.decision = NO_COLUMN;
    log->columns.commit = log->columns.hypothesis = NO_COLUMN;
    log->first_decision = log->kept_decision = NO_COLUMN;
    return log;
}

void result_log_free(struct result_log *log)
{
    if (!log)
        return;
    result_log_forget_names(log);
    free(log->comments[METRIC_MINIMIZE]);
    free(log->comments[METRIC_MAXIMIZE]);
    free(log->refused);
    free(log->segment_name);
    free(log->segment_metric);
    free(log->segment_direction);
    free(log);
}

void result_log_freep(struct result_log **log)
{
    result_log_free(*log);
}

/* ---- lines -------------------------------------------------------------------------------------- */

/* Returns the line as a string of its own, without a byte order mark and a CR at its end; NULL with an
 * error if it is no text. Where files were put together, a mark is in the middle. */
static char *text_of_line(uint64_t number, const char *line, size_t length, struct error *error)
{
    size_t offset;

    if (length >= 3 && !memcmp(line, BYTE_ORDER_MARK, 3)) {
        line += 3;
        length -= 3;
    }
    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (utf8_valid(line, length, &offset))
        return memory_copy_bytes(line, length);
    if (memchr(line, '\0', length))
        error_set_at(error, number, 0, "expected text, found a NUL byte");
    else
        error_set_at(error, number, 0, "expected UTF-8, found the byte 0x%02x at column %zu",
                     (unsigned char)line[offset], offset + 1);
    return NULL;
}

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t")] == '\0';
}

/* Notes `# metric_direction: lower`. Its metric may be known only at the end. */
static void note_comment(struct result_log *log, uint64_t number, const char *comment)
{
    enum metric_direction direction;
    char key[32], word[32];

    if (sscanf(comment, "# %31[A-Za-z_] : %31s", key, word) != 2 ||
        strcasecmp(key, "metric_direction") != 0 || !result_log_direction(word, &direction) ||
        log->comments[direction])
        return;
    log->comments[direction] = memory_copy(word);
    log->comment_lines[direction] = number;
}

/* Fails if a comment says the opposite of the configuration. */
static int check_comments(const struct result_log *log, struct error *error)
{
    const struct config_metric *metric = log->metric ? config_metric(log->config, log->metric)
                                                     : result_log_only_metric(log);
    enum metric_direction other;

    if (!metric)
        return 0;
    other = metric->direction == METRIC_MINIMIZE ? METRIC_MAXIMIZE : METRIC_MINIMIZE;
    if (!log->comments[other])
        return 0;
    return error_set_at(error, log->comment_lines[other], 0,
                        "expected the direction of metrics.%s (%s), found \"%s\"", metric->name,
                        other == METRIC_MAXIMIZE ? "minimize" : "maximize", log->comments[other]);
}

int result_log_survey(struct result_log *log, uint64_t number, const char *line, size_t length,
                      struct error *error)
{
    CLEANUP_FREE char *text = NULL;

    if (length > RESULT_LOG_LINE_LIMIT)
        return 0;
    text = text_of_line(number, line, length, error);
    if (!text)
        return -1;
    if (is_blank(text))
        return 0;
    if (text[0] == '#') {
        note_comment(log, number, text);
        return 0;
    }
    return log->functions->survey(log, number, text, strlen(text), error);
}

int result_log_end_survey(struct result_log *log, bool whole, struct error *error)
{
    int end = log->settled ? 0 : log->functions->settle(log, whole, error);

    log->settled = end == 0;
    return end == 0 ? check_comments(log, error) : end;
}

enum result_log_line result_log_read(struct result_log *log, uint64_t number, const char *line,
                                     size_t length, struct result_log_row *row, struct error *error)
{
    CLEANUP_FREE char *text = NULL;

    if (length > RESULT_LOG_LINE_LIMIT) {
        error_set_at(error, number, 0, "expected at most %zu bytes, found %zu",
                     RESULT_LOG_LINE_LIMIT, length);
        return RESULT_LOG_BAD;
    }
    text = text_of_line(number, line, length, error);
    if (!text)
        return RESULT_LOG_BAD;
    if (is_blank(text))
        return RESULT_LOG_BLANK;
    if (text[0] == '#')
        return RESULT_LOG_COMMENT;
    *row = (struct result_log_row){.line = number, .claim = claim_none()};
    return log->functions->read(log, number, text, strlen(text), row, error);
}

void result_log_keep_decision(struct result_log *log, int column)
{
    log->kept_decision = column;
}

int result_log_decision(const struct result_log *log)
{
    return log->first_decision;
}

uint64_t result_log_header(const struct result_log *log)
{
    return log->header;
}

uint64_t result_log_surveyed_rows(const struct result_log *log)
{
    return log->rows;
}

const char *result_log_segment_metric(const struct result_log *log)
{
    return log->segment_metric;
}

void result_log_row_clear(struct result_log_row *row)
{
    claim_clear(&row->claim);
    free(row->commit);
    free(row->hypothesis);
    json_object_put(row->details);
    *row = (struct result_log_row){0};
}

/* ---- names of rows ------------------------------------------------------------------------------ */

char *result_log_stem(const char *prefix, const char *file_name)
{
    const char *ending = strrchr(file_name, '.');
    size_t length = ending && ending != file_name ? (size_t)(ending - file_name)
                                                  : strlen(file_name);
    struct text stem = {0};
    char *made;

    text_append(&stem, prefix ? prefix : "");
    text_append_bytes(&stem, file_name, length);
    made = text_take(&stem);
    for (char *c = made; *c; c++)
        if (!isascii((unsigned char)*c) || (!isalnum((unsigned char)*c) && !strchr("._-", *c)) ||
            (c[0] == '.' && c[1] == '.'))
            *c = '-';
    length = strspn(made, "._-");
    memmove(made, made + length, strlen(made + length) + 1);
    if (*made)
        return made;
    free(made);
    return memory_copy("log");
}

char *result_log_id(const char *prefix, const char *file_name, unsigned copy, uint64_t line)
{
    CLEANUP_FREE char *stem = result_log_stem(prefix, file_name);
    char tail[48];

    if (copy > 1)
        snprintf(tail, sizeof(tail), ".%u-%04" PRIu64, copy, line);
    else
        snprintf(tail, sizeof(tail), "-%04" PRIu64, line);
    if (strlen(stem) + strlen(tail) > ID_LONGEST)
        stem[ID_LONGEST - strlen(tail)] = '\0';
    return memory_format("%s%s", stem, tail);
}

#define SCOPE_BASELINE ", from line "

static const char *const scope_directions[] = {
    [METRIC_MINIMIZE] = ", lower is better", [METRIC_MAXIMIZE] = ", higher is better"};

char *result_log_scope(const struct result_log *log, const char *file_name, unsigned copy,
                       const struct result_log_row *row)
{
    const struct config_list *only = log->settings ? &log->settings->only : NULL;
    struct text scope = {0};

    text_append_repaired(&scope, file_name, strlen(file_name));
    if (copy > 1)
        text_append_format(&scope, ".%u", copy);
    if (row->segment > 0)
        text_append_format(&scope, ", segment %u", row->segment);
    if (log->stated)
        text_append(&scope, scope_directions[log->direction]);
    for (size_t i = 0; only && i < only->count; i++)
        text_append_format(&scope, "%s%s", i ? ", " : ", only ", only->items[i]);
    if (row->baseline > 0)
        text_append_format(&scope, SCOPE_BASELINE "%" PRIu64, row->baseline);
    return text_take(&scope);
}

bool result_log_scope_direction(const char *scope, enum metric_direction *direction)
{
    for (size_t i = 0; i < sizeof(scope_directions) / sizeof(*scope_directions); i++) {
        if (!strstr(scope, scope_directions[i]))
            continue;
        *direction = (enum metric_direction)i;
        return true;
    }
    return false;
}

bool result_log_scope_begins_anew(const char *scope)
{
    const char *comma = strrchr(scope, ',');

    return comma && strncmp(comma, SCOPE_BASELINE, strlen(SCOPE_BASELINE)) == 0;
}

/* ---- what has been learned ---------------------------------------------------------------------- */

static void add_string(struct json_object *object, const char *key, const char *string)
{
    if (string)
        json_object_object_add(object, key, json_object_new_string(string));
}

static void add_integer(struct json_object *object, const char *key, int64_t integer)
{
    json_object_object_add(object, key, json_object_new_int64(integer));
}

struct json_object *result_log_state(const struct result_log *log)
{
    const struct result_log_columns *columns = &log->columns;
    struct json_object *state = json_object_new_object();
    struct json_object *names = json_object_new_array();

    for (size_t i = 0; i < columns->count; i++)
        json_object_array_add(names, json_object_new_string(columns->names[i]));
    json_object_object_add(state, "names", names);
    add_integer(state, "metric_column", columns->metric);
    add_integer(state, "before_column", columns->before);
    add_integer(state, "decision_column", columns->decision);
    add_integer(state, "first_decision", log->first_decision);
    add_integer(state, "commit_column", columns->commit);
    add_integer(state, "hypothesis_column", columns->hypothesis);
    add_integer(state, "header", (int64_t)log->header);
    add_integer(state, "baseline", (int64_t)log->baseline);
    add_integer(state, "segment", log->segment);
    add_integer(state, "runs_came", log->runs_came);
    add_integer(state, "settled", log->settled);
    add_integer(state, "stated", log->stated);
    add_integer(state, "direction", log->direction);
    add_string(state, "metric", log->metric);
    add_string(state, "refused", log->refused);
    add_string(state, "segment_name", log->segment_name);
    add_string(state, "segment_metric", log->segment_metric);
    add_string(state, "segment_direction", log->segment_direction);
    return state;
}

static char *copy_string(struct json_object *state, const char *key)
{
    struct json_object *member;

    if (!json_object_object_get_ex(state, key, &member))
        return NULL;
    return memory_copy(json_object_get_string(member));
}

static int64_t integer_of(struct json_object *state, const char *key)
{
    struct json_object *member;

    return json_object_object_get_ex(state, key, &member) ? json_object_get_int64(member) : 0;
}

/* Returns -1 if the metric is not configured any more. */
static int restore_metric(struct result_log *log, struct json_object *state)
{
    const struct config_metric *metric;
    struct json_object *name;

    if (!json_object_object_get_ex(state, "metric", &name))
        return 0;
    metric = log->stated
                 ? config_metric_stated(log->config, json_object_get_string(name), log->direction)
                 : config_metric(log->config, json_object_get_string(name));
    if (!metric)
        return -1;
    log->metric = metric->name;
    return 0;
}

int result_log_restore(struct result_log *log, struct json_object *state)
{
    struct result_log_columns *columns = &log->columns;
    struct json_object *names;

    if (!json_object_object_get_ex(state, "names", &names))
        return -1;
    if (!integer_of(state, "settled"))
        return 0; /* it is surveyed from its first line again */
    log->stated = integer_of(state, "stated") != 0;
    log->direction = integer_of(state, "direction") == METRIC_MAXIMIZE ? METRIC_MAXIMIZE
                                                                       : METRIC_MINIMIZE;
    if (restore_metric(log, state) < 0)
        return -1;
    columns->count = json_object_array_length(names);
    columns->names = memory_new_array(columns->count, sizeof(*columns->names));
    for (size_t i = 0; i < columns->count; i++)
        columns->names[i] = memory_copy(
            json_object_get_string(json_object_array_get_idx(names, i)));
    columns->metric = (int)integer_of(state, "metric_column");
    columns->before = (int)integer_of(state, "before_column");
    columns->decision = (int)integer_of(state, "decision_column");
    log->first_decision = json_object_object_get_ex(state, "first_decision", NULL)
                              ? (int)integer_of(state, "first_decision")
                              : columns->decision;
    columns->commit = (int)integer_of(state, "commit_column");
    columns->hypothesis = (int)integer_of(state, "hypothesis_column");
    log->header = (uint64_t)integer_of(state, "header");
    log->baseline = (uint64_t)integer_of(state, "baseline");
    log->segment = (unsigned)integer_of(state, "segment");
    log->runs_came = integer_of(state, "runs_came") != 0;
    log->settled = true;
    log->refused = copy_string(state, "refused");
    log->segment_name = copy_string(state, "segment_name");
    log->segment_metric = copy_string(state, "segment_metric");
    log->segment_direction = copy_string(state, "segment_direction");
    return 0;
}

static void append_list(struct text *text, const char *name, const struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        text_append_format(text, "%s=%s\n", name, list->items[i]);
}

char *result_log_settings(const struct config *config, const struct config_log *settings)
{
    struct text text = {0};

    for (size_t i = 0; i < config->metric_count; i++)
        text_append_format(&text, "%s=%d\n", config->metrics[i].name,
                           (int)config->metrics[i].direction);
    if (config_any_metric(config))
        text_append(&text, "*\n");
    if (settings) {
        const char *const given[] = {
            settings->metric,         settings->columns.metric,     settings->columns.status,
            settings->columns.commit, settings->columns.hypothesis, settings->experiment_prefix};

        for (size_t i = 0; i < sizeof(given) / sizeof(*given); i++)
            text_append_format(&text, "%zu=%s\n", i, given[i] ? given[i] : "");
        append_list(&text, "keep", &settings->status.keep);
        append_list(&text, "discard", &settings->status.discard);
        append_list(&text, "crash", &settings->status.crash);
        append_list(&text, "only", &settings->only);
        append_list(&text, "baselines", &settings->baselines);
    }
    return text_take(&text);
}

/* ---- for people --------------------------------------------------------------------------------- */

static void explain_column(const struct result_log_columns *columns, const char *what, int column,
                           const char *none, struct text *text)
{
    if (column >= 0)
        text_append_format(text, "%s: column %d, ", what, column + 1);
    else
        text_append_format(text, "%s: %s\n", what, none);
    if (column >= 0) {
        text_append_line(text, columns->names[column], 100);
        text_append(text, "\n");
    }
}

void result_log_explain(const struct result_log *log, struct text *text)
{
    const struct result_log_columns *columns = &log->columns;

    if (log->kind == RESULT_LOG_JSONL) {
        text_append_format(text, "Segments: %u\n", log->segment);
        return;
    }
    if (log->other_header)
        text_append_format(text, "Header: line %" PRIu64 ", for the rows after it\n", log->header);
    if (log->metric)
        text_append_format(text, "Metric: %s\n", log->metric);
    explain_column(columns, "Value", columns->metric, "none", text);
    explain_column(columns, "Value before", columns->before, "none", text);
    explain_column(columns, "Decision", columns->decision, "none", text);
    explain_column(columns, "Commit", columns->commit, "none: no row can be promoted", text);
    explain_column(columns, "Hypothesis", columns->hypothesis, "none", text);
}
