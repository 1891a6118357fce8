/*
 * Reads results.tsv: a header, then one row a line, with tabs between the cells. There is no quoting.
 * People and agents write it by hand. So rows are short or long, there is text between them, and the header
 * names neither the column of the metric nor that of the decision.
 */

#include "daemon/result-log/internal.h"
#include "daemon/result.h"

#include "common/memory.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ROWS_TO_TELL   3 /* of a log that grows, before its decision's column is chosen */
#define COLUMNS_SHOWN  200
#define TAB_AS_LETTERS "\\t"

static const char *const metric_names[] = {"metric", "primary_metric", "metric_after", NULL};
static const char *const before_names[] = {"metric_before", NULL};
static const char *const decision_names[] = {"status",   "decision", "verdict", "kept", "keep",
                                             "accepted", "result",   "outcome", NULL};
static const char *const commit_names[] = {"commit", "commit_hash", "git_commit",
                                           "sha",    "hash",        NULL};
static const char *const hypothesis_names[] = {
    "hypothesis", "description", "idea", "change_summary", "rationale", "notes", "note",
    "title",      "experiment",  "name", "insight",        "label",     "flags", NULL};

/* The cells of a line, cut out of it: the line is changed. */
struct cells {
    char **items;
    size_t count;
};

static char *trim(char *cell)
{
    size_t length;

    cell += strspn(cell, " ");
    length = strlen(cell);
    while (length > 0 && cell[length - 1] == ' ')
        cell[--length] = '\0';
    return cell;
}

static struct cells cut(char *line)
{
    struct cells cells = {.count = 1};
    char *cell = line;

    for (const char *c = line; *c; c++)
        cells.count += *c == '\t';
    cells.items = memory_new_array(cells.count, sizeof(*cells.items));
    for (size_t i = 0; i < cells.count; i++) {
        char *tab = strchr(cell, '\t');

        if (tab)
            *tab = '\0';
        cells.items[i] = trim(cell);
        cell = tab ? tab + 1 : cell;
    }
    return cells;
}

static void cells_clear(struct cells *cells)
{
    free(cells->items);
}

/* ---- the header --------------------------------------------------------------------------------- */

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

/* Finds a column that the settings name, by its name or by its number from 1; NO_COLUMN if it is
 * missing. */
static int find_given(const struct result_log_columns *columns, const char *given)
{
    char *end;
    unsigned long number = strtoul(given, &end, 10);

    if (*given && !*end && number >= 1)
        return number <= columns->count ? (int)(number - 1) : NO_COLUMN;
    return find_name(columns, given);
}

static bool is_number(const char *string)
{
    return *string && string[strspn(string, "0123456789")] == '\0';
}

/* Whether the settings count columns, so that the log has no header. */
static bool without_header(const struct result_log *log)
{
    const struct config_log *settings = log->settings;
    const char *given[4];

    if (!settings)
        return false;
    given[0] = settings->columns.metric;
    given[1] = settings->columns.status;
    given[2] = settings->columns.commit;
    given[3] = settings->columns.hypothesis;
    for (size_t i = 0; i < 4; i++)
        if (given[i] && is_number(given[i]))
            return true;
    return false;
}

static void append_names(struct text *text, const struct result_log_columns *columns)
{
    CLEANUP_TEXT struct text all = {0};

    for (size_t i = 0; i < columns->count; i++)
        text_append_format(&all, "%s%s", i ? ", " : "", columns->names[i]);
    text_append_line(text, text_string(&all), COLUMNS_SHOWN);
}

/* Fails, naming the columns that there are. */
static int refuse_columns(const struct result_log *log, struct error *error, const char *wanted)
{
    CLEANUP_TEXT struct text names = {0};

    append_names(&names, &log->columns);
    return error_set_at(error, log->header, 0, "expected %s, found the columns %s", wanted,
                        text_string(&names));
}

static bool is_known_name(const struct result_log *log, const char *name)
{
    struct result_log_columns one = {.names = &(char *){(char *)name}, .count = 1};

    return config_metric(log->config, name) || find_first(&one, metric_names) >= 0 ||
           find_first(&one, before_names) >= 0 || find_first(&one, decision_names) >= 0 ||
           find_first(&one, commit_names) >= 0 || find_first(&one, hypothesis_names) >= 0;
}

/* Checks the names of a header. */
static int check_header(struct result_log *log, struct error *error)
{
    const struct result_log_columns *columns = &log->columns;
    bool known = log->settings && (log->settings->columns.metric || log->settings->metric);
    double number;

    for (size_t i = 0; i < columns->count; i++) {
        const char *name = columns->names[i];

        if (result_log_number(name, &number))
            return error_set_at(error, log->header, 0,
                                "expected a header, found data (\"%s\"): name the "
                                "columns by their numbers in logs[].columns",
                                name);
        if (*name && find_name(columns, name) != (int)i)
            return error_set_at(error, log->header, 0,
                                "expected each column once, found \"%s\" twice", name);
        known = known || is_known_name(log, name);
    }
    return known ? 0 : refuse_columns(log, error, "a header with a known column");
}

/* Fails: a first line without a tab is no header. */
static int refuse_first_line(uint64_t number, const char *line, struct error *error)
{
    if (strstr(line, TAB_AS_LETTERS))
        return error_set_at(error, number, 0,
                            "expected columns between tabs, found \"\\t\" written "
                            "as two characters");
    return error_set_at(error, number, 0, "expected columns between tabs, found %s",
                        strchr(line, ' ')   ? "columns between blanks"
                        : strchr(line, ',') ? "columns between commas"
                                            : "one column");
}

/* Takes the names of a header, or counts the columns of a first row. */
static int take_header(struct result_log *log, uint64_t number, const char *line,
                       struct error *error)
{
    CLEANUP_FREE char *copy = memory_copy(line);
    bool nameless = without_header(log);
    struct cells cells;

    if (!strchr(line, '\t'))
        return refuse_first_line(number, line, error);
    cells = cut(copy);
    log->header = number;
    log->columns.count = cells.count;
    log->columns.names = memory_new_array(cells.count, sizeof(*log->columns.names));
    for (size_t i = 0; i < cells.count; i++)
        log->columns.names[i] = nameless ? memory_format("column %zu", i + 1)
                                         : memory_copy(cells.items[i]);
    cells_clear(&cells);
    return nameless ? 0 : check_header(log, error);
}

/* Whether a row repeats the header, perhaps with other columns at its end. */
static bool repeats_header(const struct result_log *log, const struct cells *cells)
{
    const struct result_log_columns *columns = &log->columns;
    size_t same = 0;

    if (without_header(log))
        return false;
    for (size_t i = 0; i < cells->count && i < columns->count; i++)
        same += !strcasecmp(cells->items[i], columns->names[i]);
    return same > 0 &&
           (same == columns->count ||
            (columns->metric >= 0 && (size_t)columns->metric < cells->count &&
             columns->decision >= 0 && (size_t)columns->decision < cells->count &&
             !strcasecmp(cells->items[columns->metric], columns->names[columns->metric]) &&
             !strcasecmp(cells->items[columns->decision], columns->names[columns->decision])));
}

/* ---- the first pass ----------------------------------------------------------------------------- */

static void find_candidates(struct result_log *log)
{
    for (const char *const *name = decision_names; *name; name++) {
        int column = find_name(&log->columns, *name);

        if (column >= 0 && log->candidate_count < RESULT_LOG_DECISIONS)
            log->candidates[log->candidate_count++].column = column;
    }
}

static int survey(struct result_log *log, uint64_t number, const char *line, size_t length,
                  struct error *error)
{
    CLEANUP_FREE char *copy = NULL;
    struct cells cells;

    if (!log->header) {
        if (take_header(log, number, line, error) < 0)
            return -1;
        find_candidates(log);
        if (!without_header(log))
            return 0;
    }
    if (log->settled || !strchr(line, '\t'))
        return 0;
    copy = memory_copy_bytes(line, length);
    cells = cut(copy);
    if (!repeats_header(log, &cells)) {
        log->rows++;
        for (size_t i = 0; i < log->candidate_count; i++) {
            struct result_log_candidate *candidate = &log->candidates[i];
            bool known;

            if ((size_t)candidate->column >= cells.count)
                continue;
            result_log_status(log, cells.items[candidate->column], &known);
            candidate->cells++;
            candidate->known += known;
        }
    }
    cells_clear(&cells);
    return 0;
}

/* Chooses a column that the settings name. */
static int settle_given(const struct result_log *log, const char *what, const char *given,
                        int *column, struct error *error)
{
    CLEANUP_FREE char *wanted = memory_format("\"%s\" (logs[].columns.%s)", given, what);

    *column = find_given(&log->columns, given);
    return *column >= 0 ? 0 : refuse_columns(log, error, wanted);
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
        if (!named && config_metric(log->config, log->columns.names[*column]))
            metric = config_metric(log->config, log->columns.names[*column]);
    } else if (named) {
        *column = find_name(&log->columns, named);
    } else if (find_metric(log, column, error) < 0) {
        return -1;
    }
    if (!given && !named && *column >= 0)
        for (size_t i = 0; i < log->config->metric_count; i++)
            if (!strcasecmp(log->config->metrics[i].name, log->columns.names[*column]))
                metric = &log->config->metrics[i];
    if (*column < 0 && metric)
        *column = find_first(&log->columns, metric_names);
    wanted = memory_format("a column %s", metric ? metric->name : "of a metric in metrics:");
    if (*column < 0)
        return refuse_columns(log, error, wanted);
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
    if (!whole && log->rows < ROWS_TO_TELL)
        return 1;
    return refuse_columns(log, error,
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

static int settle(struct result_log *log, bool whole, struct error *error)
{
    const struct config_log *settings = log->settings;
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
    if (settle_optional(log, "commit", settings ? settings->columns.commit : NULL, commit_names,
                        &log->columns.commit, error) < 0)
        return -1;
    return settle_optional(log, "hypothesis", settings ? settings->columns.hypothesis : NULL,
                           hypothesis_names, &log->columns.hypothesis, error);
}

/* ---- rows --------------------------------------------------------------------------------------- */

static const char *cell_of(const struct cells *cells, int column)
{
    return column >= 0 && (size_t)column < cells->count ? cells->items[column] : "";
}

static bool is_within(const struct result_log *log, const struct cells *cells)
{
    const struct config_list *only = log->settings ? &log->settings->only : NULL;

    for (size_t i = 0; only && i < only->count; i++) {
        const char *equals = strchr(only->items[i], '=');
        CLEANUP_FREE char *name = memory_copy_bytes(only->items[i],
                                                    (size_t)(equals - only->items[i]));

        if (strcmp(cell_of(cells, find_given(&log->columns, name)), equals + 1) != 0)
            return false;
    }
    return true;
}

/* If a row is longer than the header, the rest belongs to the last column, if it is a row at all. */
static bool join_tail(const struct result_log *log, struct cells *cells)
{
    bool known;

    result_log_status(log, cell_of(cells, log->columns.decision), &known);
    if (!known)
        return false;
    /* The cells follow each other in the line that they were cut out of. */
    for (size_t i = log->columns.count; i < cells->count; i++) {
        char *before = cells->items[i - 1] + strlen(cells->items[i - 1]);

        while (before < cells->items[i])
            *before++ = ' ';
    }
    cells->count = log->columns.count;
    return true;
}

static enum result_log_line refuse_row(const struct result_log *log, uint64_t number,
                                       const struct cells *cells, bool letters, struct error *error)
{
    if (letters)
        error_set_at(error, number, 0,
                     "expected cells between tabs, found \"\\t\" written as two "
                     "characters");
    else
        error_set_at(error, number, 0, "expected %zu cells, found %zu", log->columns.count,
                     cells->count);
    return RESULT_LOG_BAD;
}

static void fill_details(const struct result_log *log, const struct cells *cells,
                         struct result_log_row *row)
{
    const struct result_log_columns *columns = &log->columns;

    row->details = json_object_new_object();
    for (size_t i = 0; i < cells->count && i < columns->count; i++) {
        int column = (int)i;

        if (column == columns->metric || column == columns->before || column == columns->decision ||
            column == columns->commit || column == columns->hypothesis || !*cells->items[i] ||
            !*columns->names[i])
            continue;
        json_object_object_add(row->details, columns->names[i],
                               json_object_new_string(cells->items[i]));
    }
}

static void fill_row(struct result_log *log, const struct cells *cells, struct result_log_row *row)
{
    const struct result_log_columns *columns = &log->columns;
    const char *word = cell_of(cells, columns->decision);
    const char *hypothesis = cell_of(cells, columns->hypothesis);

    result_log_claim(log, &row->claim, word);
    row->claim.after = result_log_measurement(cell_of(cells, columns->metric));
    row->claim.before = result_log_measurement(cell_of(cells, columns->before));
    row->commit = result_commit_digits(cell_of(cells, columns->commit));
    row->hypothesis = *hypothesis ? memory_copy(hypothesis) : NULL;
    fill_details(log, cells, row);
    result_log_row_finish(log, row);
}

static enum result_log_line read_cells(struct result_log *log, struct cells *cells, bool letters,
                                       struct result_log_row *row, struct error *error)
{
    const struct result_log_columns *columns = &log->columns;

    if (repeats_header(log, cells))
        return RESULT_LOG_HEADER;
    if (cells->count > columns->count && !join_tail(log, cells))
        return refuse_row(log, row->line, cells, letters, error);
    if (cells->count <= (size_t)columns->decision || cells->count <= (size_t)columns->metric)
        return refuse_row(log, row->line, cells, letters, error);
    if (!is_within(log, cells))
        return RESULT_LOG_OUTSIDE;
    fill_row(log, cells, row);
    return RESULT_LOG_ROW;
}

static enum result_log_line read_line(struct result_log *log, uint64_t number, const char *line,
                                      size_t length, struct result_log_row *row,
                                      struct error *error)
{
    CLEANUP_FREE char *copy = NULL;
    bool letters = strstr(line, TAB_AS_LETTERS) != NULL;
    enum result_log_line kind;
    struct cells cells;

    if (number == log->header && !without_header(log))
        return RESULT_LOG_HEADER;
    if (!strchr(line, '\t') && !letters)
        return RESULT_LOG_PROSE;
    copy = memory_copy_bytes(line, length);
    cells = cut(copy);
    kind = read_cells(log, &cells, letters, row, error);
    cells_clear(&cells);
    return kind;
}

const struct result_log_functions result_log_tsv = {survey, settle, read_line};
