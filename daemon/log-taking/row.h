#pragma once

/*
 * A row of a log into an assessment, as a result file becomes one; and into what the store keeps of it.
 *
 * Reads the store and changes nothing. Rows come in the order of their log, so that nothing can come before
 * one that is the first of its scope: it is the baseline at once.
 */

#include "daemon/assessment.h"
#include "daemon/result-log.h"

/* What stays the same from row to row. */
struct row_judge {
    const struct config *config;
    struct store *store; /* NULL: an empty one */

    /* Private: the frontier of the scope that was judged last. */
    char *scope;
    struct store_frontier frontier;
    bool busy; /* an earlier result of the scope may yet become its first value */
};

/* A row on its way. */
struct row {
    struct result_log_row *read;
    const char *file_name;
    const char *repository; /* NULL: any of `sources` */
    const char *scope;
    const char *experiment_id;
    const char *digest;
};

/* What was looked up is forgotten: something may have changed since. */
void row_judge_forget(struct row_judge *judge);

/* Judges a row. What it makes of it is in `assessment`, which is cleared in either case with
 * assessment_clear(); there is no struct result in it. Fails only if the store does. */
int row_judge(struct row_judge *judge, const struct row *row, struct assessment *assessment,
              struct error *error);

/* A row that cannot be read, for that reason. */
void row_reject(const struct row *row, const char *reason, struct assessment *assessment);

/* Takes a value into the frontier that rows are judged by from now on, as if it counted. */
void row_judge_count(struct row_judge *judge, double value);

/* The row as JSON, as result_canonical() gives it of a result file; caller frees. */
char *row_canonical(const struct row *row);
