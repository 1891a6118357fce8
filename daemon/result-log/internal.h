#pragma once

/* What the readers of the two forms have in common. Private to result-log. */

#include "daemon/result-log.h"

#define RESULT_LOG_DECISIONS 8 /* names that a decision's column may have */

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

/* How many cells of a column that may hold the decision were seen, and how many were known words. */
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

    char *metric;  /* of the rows to come; NULL: none that is configured */
    char *refused; /* why the rows to come are rejected; NULL: they are not */
    uint64_t baseline;
    bool settled;

    /* TSV */
    struct result_log_columns columns;
    struct result_log_candidate candidates[RESULT_LOG_DECISIONS];
    size_t candidate_count;
    uint64_t header; /* its line; 0: none yet */
    uint64_t rows;   /* lines with cells, behind the header */

    /* JSONL */
    unsigned segment;
    bool runs_came; /* since the segment was opened */
    char *segment_name;
    char *segment_metric;
    char *segment_direction;
};

extern const struct result_log_functions result_log_tsv;
extern const struct result_log_functions result_log_jsonl;

/* The status of a word, by the log's own words first. */
enum claim_status result_log_status(const struct result_log *log, const char *word, bool *known);

/* Sets the status of a claim, and its word. */
void result_log_claim(const struct result_log *log, struct claim *claim, const char *word);

/* A cell's number: decimal, perhaps with a sign, an exponent, a percent sign behind it. */
bool result_log_number(const char *cell, double *number);

/* The same as a measurement of one run, of none if the cell holds no number. */
struct measurement result_log_measurement(const char *cell);

/* A commit in lower case, or NULL if the cell is none; caller frees. */
char *result_log_commit(const char *cell);

/* Whether the line is one of `baselines:`. */
bool result_log_baseline_line(const struct result_log *log, uint64_t line);

/* The direction that a word means ("lower", "higher_is_better", "minimize" ...). */
bool result_log_direction(const char *word, enum metric_direction *direction);

/* Fills in what a row has in common in both forms, once status and values are known: the baseline that it
 * belongs to, and whether it may be judged anew. */
void result_log_row_finish(struct result_log *log, struct result_log_row *row);

/* The one configured metric, NULL if there are several. */
const struct config_metric *result_log_only_metric(const struct result_log *log);
