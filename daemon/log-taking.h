#pragma once

/*
 * A log of many experiments on its way into the store: its rows, in slices, each of them one transaction.
 *
 * It is read twice, see result-log.h; never more than a line of it is in memory. Rows that are known are
 * passed over, so that one which grew, or was interrupted by a crash, is simply read again.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/assessment.h"
#include "daemon/result-log.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stdint.h>

struct log_taking;

/* What was found in a log, for people. */
struct log_counts {
    uint64_t decisions[DECISION_COUNT]; /* of rows that were decided now */
    uint64_t rows;                      /* how many those are */
    uint64_t again;                     /* how many of them were known, and are judged anew */
    uint64_t known;                     /* passed over: decided before */
    uint64_t changed;                   /* likewise, though they are not what they were */
    uint64_t changed_line;              /* the first of those */
    uint64_t outside;                   /* left out by `only` */
    uint64_t missing;                   /* lines that are not there any more */
    unsigned anew;                      /* it is another log of a known name: which one, from 2 */
    uint64_t foreign;                   /* of a metric that is not configured */
    char *foreign_metrics;              /* which; NULL: none */
    uint64_t prose;                     /* lines that are no rows */
    uint64_t prose_line;                /* the first of those */
    uint64_t without_commit;            /* of the rows */
};

struct log_taking_options {
    const struct config *config;
    struct store
        *store; /* NULL: for a look. Nothing is known and nothing stored, and what would be queued
                          * gets the decision that it would have in the end, if its job does not fail */
    const char *file_name;
    const char
        *path; /* of a log that is followed, and may be in the middle of being written; NULL: it was
                       * dropped, and is whole */
    const struct config_log *settings; /* NULL: none */
    int descriptor;                    /* of the log; it is duplicated */
    uint64_t inode;
    int64_t modified_ns;

    /* A row was decided, and that is durable. What it is given is valid inside of it only. */
    void (*decided)(void *data, const struct result_log_row *row,
                    const struct assessment *assessment);
    void *data;
};

/* On 0 `*taking` is the caller's (log_taking_free). Transient error. */
int log_taking_new(struct log_taking **taking, const struct log_taking_options *options,
                   struct error *error);
void log_taking_free(struct log_taking *taking); /* NULL-safe */

enum log_step {
    LOG_STEP_MORE,
    LOG_STEP_DONE,
    LOG_STEP_REFUSED, /* as a whole: why is in the error */
    LOG_STEP_FAILED,  /* the store or the disk: to be begun anew */
};

/* Goes on for about `for_ns` of time. */
enum log_step log_taking_step(struct log_taking *taking, uint64_t for_ns, struct error *error);

const struct log_counts *log_taking_counts(const struct log_taking *taking);
const struct result_log *log_taking_reader(const struct log_taking *taking);
const char *log_taking_name(const struct log_taking *taking);
uint64_t log_taking_inode(const struct log_taking *taking);
int64_t log_taking_modified(const struct log_taking *taking);
