#pragma once

/* What the readers of the two forms of a log share. Private to result-log. */

#include "daemon/result-log.h"

#define RESULT_LOG_DECISIONS 8 /* names that the column of the decision may have */

/* Nearly every column is a detail of each row, so the limit is that of a result file. */
#define RESULT_LOG_COLUMNS_LIMIT 10000

/* A column is an index into the header's names; NO_COLUMN: there is none. */
#define NO_COLUMN (-1)

struct result_log_columns {
    char **names; /* as the header has them */
    size_t count;
    int metric;
    int before;
    int decision;
    int commit;
    int hypothesis;
};

/* A column that may be the decision: how many cells it has, and how many of these are known words. */
struct result_log_candidate {
    int column;
    uint64_t cells;
    uint64_t known;
};

struct result_log_functions {
    int (*survey)(struct result_log *log, uint64_t number, const char *line, size_t length,
                  struct error *error);
    int (*settle)(struct result_log *log, bool whole, struct error *error);
    enum result_log_line (*read)(struct result_log *log, uint64_t number, const char *line,
                                 size_t length, struct result_log_row *row, struct error *error);
};

struct result_log {
    const struct result_log_functions *functions;
    enum result_log_kind kind;
    const struct config *config;
    const struct config_log *settings; /* NULL: none */

    const char
        *metric;   /* of the next rows, a name of the configuration; NULL: none that is there */
    char *refused; /* why the next rows are rejected; NULL: they are not */
    uint64_t baseline;
    bool settled;
    bool stated; /* the metric has no entry in `metrics:`, and the log states its direction */
    enum metric_direction direction; /* if so */
    char *comments[2];               /* the first comment that states this direction */
    uint64_t comment_lines[2];       /* its line */

    /* TSV */
    struct result_log_columns columns;
    struct result_log_candidate candidates[RESULT_LOG_DECISIONS];
    size_t candidate_count;
    uint64_t header;    /* its line; 0: none yet */
    uint64_t rows;      /* lines with cells, after the header */
    bool other_header;  /* another header, with other columns, after rows of the first one */
    int first_decision; /* the column that was chosen for the first header */
    int kept_decision;  /* the column when the first rows were decided */

    /* JSONL */
    unsigned segment;
    bool runs_came; /* runs came since the segment began */
    bool objects;   /* there is a line with a JSON object */
    uint64_t prose; /* the first line that is none; 0: none yet */
    char *segment_name;
    char *segment_metric;
    char *segment_direction;
};

extern const struct result_log_functions result_log_tsv;
extern const struct result_log_functions result_log_jsonl;

/* Finds a column that the settings name, by its name or by its number from 1. Returns its index, or
 * NO_COLUMN. */
int result_log_column(const struct result_log_columns *columns, const char *given);

/* Sets an error (permanent) that says what is `wanted`, and which columns there are. Returns -1. */
int result_log_refuse_columns(const struct result_log *log, struct error *error,
                              const char *wanted);

/* Returns the first name that an earlier column has as well; NULL: there is none. It belongs to the columns. */
const char *result_log_name_twice(const struct result_log_columns *columns);

/* Returns whether a column of that name means something here. */
bool result_log_knows_name(const struct result_log *log, const char *name);

/* Returns whether the names of these columns can be a header: no number, no name twice, one for the decision,
 * and one for the value or the commit. */
bool result_log_are_names(const struct result_log *log, const struct result_log_columns *columns);

/* Notes which columns of the header may be the decision. */
void result_log_find_candidates(struct result_log *log);

/* Chooses the columns at the end of the first pass. Returns 0; 1: there are too few rows to choose. Fails
 * (permanent) if the log cannot be read. */
int result_log_choose_columns(struct result_log *log, bool whole, struct error *error);

/* Chooses the columns by the names of another header. `decision` is the name of the decision's column in the
 * header before, or NULL. Fails (permanent) if it has no column for the value, or lacks one that the settings
 * name. */
int result_log_choose_again(struct result_log *log, const char *decision, struct error *error);

/* Frees the names of the columns. */
void result_log_forget_names(struct result_log *log);

/* Returns the status that a word means, by the words of the log's settings first. Sets `*known`. */
enum claim_status result_log_status(const struct result_log *log, const char *word, bool *known);

/* Sets the status of a claim, and its word. */
void result_log_claim(const struct result_log *log, struct claim *claim, const char *word);

/* Reads the number in a cell: decimal, with or without a sign, an exponent, and a percent sign after it.
 * Returns false if it is none. */
bool result_log_number(const char *cell, double *number);

/* Returns the number in a cell as a measurement of one run; of none if it has no number. The caller frees
 * `runs` in it. */
struct measurement result_log_measurement(const char *cell);

/* Reads the direction that a word means ("lower", "higher_is_better", "minimize" ...). Returns false if
 * it means none. */
bool result_log_direction(const char *word, enum metric_direction *direction);

/* Completes a row whose status and values are known: sets its baseline, and whether it may be judged again. */
void result_log_row_finish(struct result_log *log, struct result_log_row *row);

/* Returns the one configured metric; NULL if there are several. */
const struct config_metric *result_log_only_metric(const struct result_log *log);
