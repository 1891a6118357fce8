#pragma once

/*
 * Reads a log of many experiments line by line: what a line is, and the row in it. Pure: no files, no clock,
 * no store.
 *
 * There are two forms: results.tsv, a table with a header, and autoresearch.jsonl, one JSON object a line.
 * Both say in their own words what a result file says in ours, but not all of it. An entry of `logs:` says
 * the rest.
 *
 * A log is read twice. The first pass (result_log_survey) looks at every line: it refuses a log that cannot
 * be read, and finds the column of the decision by its cells. The second pass (result_log_read) makes rows. A
 * followed log is surveyed until its columns are known. From then on only its new lines are read.
 *
 * The state of a reader (columns, segment, last baseline) can be saved as JSON and restored. So after a
 * restart the reader goes on where it was.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/claim.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes; a longer line is no row. */
#define RESULT_LOG_LINE_LIMIT ((size_t)1024 * 1024)

struct result_log;

enum result_log_kind { RESULT_LOG_NONE, RESULT_LOG_TSV, RESULT_LOG_JSONL };

/* The kinds of lines. */
enum result_log_line {
    RESULT_LOG_BLANK,   /* empty, or tabs only */
    RESULT_LOG_COMMENT, /* begins with # */
    RESULT_LOG_HEADER,  /* the header, even if it is repeated */
    RESULT_LOG_PROSE,   /* text between the rows */
    RESULT_LOG_OTHER,   /* JSON that is no run */
    RESULT_LOG_OUTSIDE, /* a row that `only` leaves out */
    RESULT_LOG_FOREIGN, /* a run of a metric that is not configured */
    RESULT_LOG_ROW,
    RESULT_LOG_BAD, /* a row that is rejected */
};

struct result_log_row {
    uint64_t line;               /* from 1 */
    const char *metric;          /* its name in `metrics:`; belongs to the configuration */
    struct claim claim;          /* its status word is "" if the cell is empty or missing */
    char *commit;                /* 7 to 64 lower-case hex digits, or NULL */
    char *hypothesis;            /* NULL: the log has none */
    struct json_object *details; /* an object of scalars: all other columns; never NULL */
    unsigned segment;            /* of a JSONL log, from 1; 0: none has begun */
    uint64_t baseline;           /* line of the last baseline, which may be this row; 0: none */
    /* It rests on an unknown word, an empty cell or a missing value: it is judged again when its line
     * changes. */
    bool unfinished;
};

/* Returns the form of a log by the ending of its name: .tsv, .jsonl. */
enum result_log_kind result_log_kind(const char *file_name);

/* Returns a new reader; the caller frees it with result_log_free(). `config` has the metrics; `settings`
 * is the log's entry of `logs:`, or NULL. Both must outlive it. */
struct result_log *result_log_new(enum result_log_kind kind, const struct config *config,
                                  const struct config_log *settings);
void result_log_free(struct result_log *log); /* NULL-safe */
void result_log_freep(struct result_log **log);

/* Looks at a line in the first pass. `line` has no line end; `length` is in bytes. A byte order mark at its
 * beginning is skipped. Fails (permanent), naming the line, if the log as a whole cannot be read. */
int result_log_survey(struct result_log *log, uint64_t number, const char *line, size_t length,
                      struct error *error);

/* Ends the first pass: chooses the columns. `whole`: no more lines will come. Returns 0; 1: there are too few
 * rows to choose. Fails (permanent) if the log cannot be read. */
int result_log_end_survey(struct result_log *log, bool whole, struct error *error);

/* Reads a line in the second pass, and returns its kind. For RESULT_LOG_ROW fills `*row`, which the caller
 * clears with result_log_row_clear(). For RESULT_LOG_BAD sets the error, which names the line. */
enum result_log_line result_log_read(struct result_log *log, uint64_t number, const char *line,
                                     size_t length, struct result_log_row *row,
                                     struct error *error);
void result_log_row_clear(struct result_log_row *row);

/* Returns the metric of the present segment, as the log calls it; NULL: it does not say. It belongs to the
 * log. */
const char *result_log_segment_metric(const struct result_log *log);

/* Returns the state of the reader; the caller drops it with json_object_put(). */
struct json_object *result_log_state(const struct result_log *log);

/* Restores a state in a new reader. Returns 0, or -1 if it does not fit the settings any more. */
int result_log_restore(struct result_log *log, struct json_object *state);

/* Returns a text for the settings by which a log is read. Two texts differ if the log may be read in two
 * ways. The caller frees it. */
char *result_log_settings(const struct config *config, const struct config_log *settings);

/* Returns the column that says what was kept, from 0; -1: none. */
int result_log_decision(const struct result_log *log);

/* Sets that column, as it was when the first rows of the log were decided. Later rows do not change it. A
 * column that the settings name comes first. */
void result_log_keep_decision(struct result_log *log, int column);

/* Return the line of the header, and how many rows followed it in the first pass; 0: none yet, or a log in
 * JSON. */
uint64_t result_log_header(const struct result_log *log);
uint64_t result_log_surveyed_rows(const struct result_log *log);

/* Appends how the log is read, as lines: its columns and comments. */
struct text;
void result_log_explain(const struct result_log *log, struct text *text);

/* Returns the scope of a row's frontier; the caller frees it. It names the log, its segment, its `only`,
 * and the line of its last baseline: "results.tsv, segment 2, only gpu=a100, from line 14". `log` has
 * file name and copy, as in result_log_id(). */
char *result_log_scope(const struct result_log *log, const char *file_name, unsigned copy,
                       const struct result_log_row *row);

/* Returns whether the log of a scope states the direction of its metric, which then has no entry in
 * `metrics:`. If so, sets `*direction`. */
bool result_log_scope_direction(const char *scope, enum metric_direction *direction);

/* Returns whether a scope begins with a baseline of its own, so that a configured one does not count. */
bool result_log_scope_begins_anew(const char *scope);

/* Returns what the ids of a log's rows begin with; "-" and the line follow. The caller frees it. */
char *result_log_stem(const char *prefix, const char *file_name);

/* Returns the experiment_id of a row, "<prefix>NAME-LINE"; the caller frees it. NAME is the file's name
 * without its ending; characters that an id may not have become "-". `copy` is 1, or 2 and more for
 * another log of the same name. `prefix` may be NULL. */
char *result_log_id(const char *prefix, const char *file_name, unsigned copy, uint64_t line);
