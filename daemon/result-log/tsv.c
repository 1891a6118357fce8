/*
 * Reads results.tsv: a header, then one row per line, with tabs between the cells. There is no quoting.
 * People and agents write it by hand. So rows are short or long, there is text between them, and the header
 * may name neither the column of the metric nor that of the decision.
 */

#include "daemon/result-log/internal.h"
#include "daemon/result.h"

#include "common/memory.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TAB_AS_LETTERS "\\t"

/* The cells of a line, cut out of it: the line is changed. */
struct cells {
    char **items;
    size_t count;
    const char *tail; /* what follows the header's columns and is part of none; NULL: nothing */
};

static char *trim(char *cell)
{
    size_t length;

    while (*cell == ' ') /* nearly none does: a call for each cell would cost more than the cells */
        cell++;
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

/* Checks the names of a header. */
static int check_header(struct result_log *log, struct error *error)
{
    const struct result_log_columns *columns = &log->columns;
    bool known = log->settings && (log->settings->columns.metric || log->settings->metric);
    const char *twice;
    double number;

    if (columns->count > RESULT_LOG_COLUMNS_LIMIT)
        return error_set_at(error, log->header, 0, "expected at most %d columns, found %zu",
                            RESULT_LOG_COLUMNS_LIMIT, columns->count);
    for (size_t i = 0; i < columns->count; i++) {
        const char *name = columns->names[i];

        if (result_log_number(name, &number))
            return error_set_at(error, log->header, 0,
                                "expected a header, found data (\"%s\"): name the "
                                "columns by their numbers in logs[].columns",
                                name);
        known = known || result_log_knows_name(log, name);
    }
    twice = result_log_name_twice(columns);
    if (twice)
        return error_set_at(error, log->header, 0, "expected each column once, found \"%s\" twice",
                            twice);
    return known ? 0 : result_log_refuse_columns(log, error, "a header with a known column");
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

/* Names the columns by a header, or by their numbers in a first row. */
static void set_names(struct result_log *log, uint64_t number, const struct cells *cells)
{
    bool nameless = without_header(log);

    result_log_forget_names(log);
    log->header = number;
    log->columns.count = cells->count;
    log->columns.names = memory_new_array(cells->count, sizeof(*log->columns.names));
    for (size_t i = 0; i < cells->count; i++)
        log->columns.names[i] = nameless ? memory_format("column %zu", i + 1)
                                         : memory_copy(cells->items[i]);
}

/* Takes the names of a header, or counts the columns of a first row. */
static int take_header(struct result_log *log, uint64_t number, const char *line,
                       struct error *error)
{
    CLEANUP_FREE char *copy = memory_copy(line);
    struct cells cells;

    if (!strchr(line, '\t'))
        return refuse_first_line(number, line, error);
    cells = cut(copy);
    set_names(log, number, &cells);
    cells_clear(&cells);
    return without_header(log) ? 0 : check_header(log, error);
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

static const char *cell_of(const struct cells *cells, int column)
{
    return column >= 0 && (size_t)column < cells->count ? cells->items[column] : "";
}

/* Whether a line between the rows names the columns of the rows after it: loops start again in the middle of
 * a log, and may then write other columns. Most lines have a value, and so are rows. */
static bool is_header(const struct result_log *log, const struct cells *cells)
{
    const struct result_log_columns names = {.names = cells->items, .count = cells->count};
    const char *value = cell_of(cells, log->columns.metric);
    bool known;

    if (without_header(log) || (*value && strchr("+-.0123456789", *value)))
        return false;
    result_log_status(log, cell_of(cells, log->columns.decision), &known);
    return !known && result_log_are_names(log, &names);
}

/* Reads the next rows by the names in this line. If a column is missing, they are rejected. */
static enum result_log_line take_names(struct result_log *log, uint64_t number,
                                       const struct cells *cells)
{
    int column = log->columns.decision;
    CLEANUP_FREE char *decision = column >= 0 ? memory_copy(log->columns.names[column]) : NULL;
    struct error error;

    set_names(log, number, cells);
    free(log->refused);
    log->refused = NULL;
    if (result_log_choose_again(log, decision, &error) < 0)
        log->refused = memory_format("other columns from line %" PRIu64 " on: %s", number,
                                     error.message + error.sentence);
    return RESULT_LOG_HEADER;
}

/* ---- the first pass ----------------------------------------------------------------------------- */

/* Counts the known words of a row, by which the column of the decision is chosen. The next header replaces
 * one without rows. After any other header the columns may differ. */
static void survey_cells(struct result_log *log, uint64_t number, const struct cells *cells)
{
    bool any = false;

    for (size_t i = 0; i < log->candidate_count; i++) {
        struct result_log_candidate *candidate = &log->candidates[i];
        bool known;

        if ((size_t)candidate->column >= cells->count)
            continue;
        result_log_status(log, cells->items[candidate->column], &known);
        candidate->cells++;
        candidate->known += known;
        any = any || known;
    }
    if (any || !is_header(log, cells)) {
        log->rows++;
    } else if (log->rows > 0) {
        log->other_header = true;
    } else {
        set_names(log, number, cells);
        log->candidate_count = 0;
        result_log_find_candidates(log);
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
        result_log_find_candidates(log);
        if (!without_header(log))
            return 0;
    }
    if (log->settled || log->other_header || !strchr(line, '\t'))
        return 0;
    copy = memory_copy_bytes(line, length);
    cells = cut(copy);
    if (!repeats_header(log, &cells))
        survey_cells(log, number, &cells);
    cells_clear(&cells);
    return 0;
}

/* ---- rows --------------------------------------------------------------------------------------- */

static bool is_within(const struct result_log *log, const struct cells *cells)
{
    const struct config_list *only = log->settings ? &log->settings->only : NULL;

    for (size_t i = 0; only && i < only->count; i++) {
        const char *equals = strchr(only->items[i], '=');
        CLEANUP_FREE char *name = memory_copy_bytes(only->items[i],
                                                    (size_t)(equals - only->items[i]));

        if (strcmp(cell_of(cells, result_log_column(&log->columns, name)), equals + 1) != 0)
            return false;
    }
    return true;
}

/* The cells follow each other in the line that they were cut out of. */
static void join(struct cells *cells, size_t from)
{
    for (size_t i = from + 1; i < cells->count; i++) {
        char *before = cells->items[i - 1] + strlen(cells->items[i - 1]);

        while (before < cells->items[i])
            *before++ = ' ';
    }
}

static bool is_text(const struct result_log_columns *columns, int column)
{
    return column != columns->metric && column != columns->before && column != columns->decision &&
           column != columns->commit;
}

/* If a row is longer than the header, the rest belongs to the last column, if it is a row at all. A number, a
 * word or a commit in that column stays: without a column for it, a description is written after the status. */
static bool join_tail(const struct result_log *log, struct cells *cells)
{
    size_t count = log->columns.count;
    bool known;

    result_log_status(log, cell_of(cells, log->columns.decision), &known);
    if (!known)
        return false;
    if (is_text(&log->columns, (int)count - 1)) {
        join(cells, count - 1);
    } else {
        join(cells, count);
        cells->tail = cells->items[count];
    }
    cells->count = count;
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

        if (!is_text(columns, column) || column == columns->hypothesis || !*cells->items[i] ||
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

    if (!*hypothesis && cells->tail)
        hypothesis = cells->tail;
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

    if (is_header(log, cells))
        return take_names(log, row->line, cells);
    if (repeats_header(log, cells))
        return RESULT_LOG_HEADER;
    if (log->refused) {
        error_set_at(error, row->line, 0, "%s", log->refused);
        return RESULT_LOG_BAD;
    }
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

const struct result_log_functions result_log_tsv = {survey, result_log_choose_columns, read_line};
