#pragma once

/*
 * Assesses a row of a log, as assessment.h does for a result file, and makes the JSON that the store keeps.
 *
 * This reads the store and changes nothing. Rows come in the order of their log. So nothing can come before
 * the first row of its scope: it is the baseline at once.
 */

#include "daemon/assessment.h"
#include "daemon/lane.h"
#include "daemon/result-log.h"

/* What judging needs, the same for all rows. */
struct row_judge {
    const struct config *config;
    struct store *store;     /* NULL: an empty one */
    struct lane_memory lane; /* private: lane of the row that was last judged */
};

/* A row that is being taken. */
struct row {
    struct result_log_row *read;
    const char *file_name;
    const char *repository; /* NULL: any of `sources` */
    const char *scope;
    const char *experiment_id;
    const char *digest;
};

/* Judges a row. The assessment has no result. The caller clears it in both cases with assessment_clear().
 * Fails if the store does. */
int row_judge(struct row_judge *judge, const struct row *row, struct assessment *assessment,
              struct error *error);

/* Rejects a row that cannot be read, for this reason. */
void row_reject(const struct row *row, const char *reason, struct assessment *assessment);

/* Returns the row as JSON, in the form of result_canonical(); the caller frees it. */
char *row_canonical(const struct row *row);
