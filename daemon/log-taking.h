#pragma once

/*
 * Takes the rows of a log of many experiments into the store, in slices. Each slice is a transaction.
 *
 * The log is read twice (result-log.h), with one line at most in memory. Known rows are skipped. So a log
 * that was dropped again, or whose reading a crash interrupted, is simply read again. Of a followed log only
 * the new lines are read (log-taking/place.h).
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/assessment.h"
#include "daemon/result-log.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stdint.h>

struct log_taking;

/* The counts of a log, for people. */
struct log_counts {
    uint64_t decisions[DECISION_COUNT]; /* of the rows that were decided now */
    uint64_t rows;                      /* how many these are */
    uint64_t again;                     /* how many of these were known, and are judged again */
    uint64_t known;                     /* skipped: decided before */
    uint64_t changed;                   /* skipped: decided before, and changed since */
    uint64_t changed_line;              /* the first of these */
    uint64_t outside;                   /* left out by `only` */
    uint64_t missing;                   /* lines that are gone */
    bool resumed;     /* earlier lines were not read again: the other counts are of the new lines */
    bool replaced;    /* it is another file than before, with another text */
    unsigned anew;    /* another log of a known name: its number, from 2; 0: it is not */
    uint64_t foreign; /* of a metric that is not configured */
    char *foreign_metrics;   /* the metrics of these; NULL: none */
    uint64_t prose;          /* lines that are no rows */
    uint64_t prose_line;     /* the first of these */
    uint64_t without_commit; /* rows without a commit */
};

struct log_taking_options {
    const struct config *config;
    /* NULL: for --check-result. Then nothing is known or stored, and a row that would be queued gets the
     * decision that it would have if its job did not fail. */
    struct store *store;
    const char *file_name;
    /* Of a followed log, which somebody may be writing to now; NULL: it was dropped, and is whole. */
    const char *path;
    const struct config_log *settings; /* NULL: none */
    int descriptor;                    /* of the log; it is duplicated */
    uint64_t inode;
    int64_t modified_ns;

    /* A row was decided, and its decision is durable. The arguments are valid inside the call only. */
    void (*decided)(void *data, const struct result_log_row *row,
                    const struct assessment *assessment);
    void *data;
};

/* Begins to take a log. The caller frees `*taking` with log_taking_free(). Fails (transient) on a fault of
 * the system. */
int log_taking_new(struct log_taking **taking, const struct log_taking_options *options,
                   struct error *error);
void log_taking_free(struct log_taking *taking); /* NULL-safe */

enum log_progress {
    LOG_PROGRESS_MORE,
    LOG_PROGRESS_DONE,
    LOG_PROGRESS_REFUSED, /* the log as a whole is refused: the error says why */
    LOG_PROGRESS_UNREAD,  /* the file cannot be read now, for a fault of the system: begin again */
    LOG_PROGRESS_FAILED,  /* the store failed: begin again */
};

/* Goes on for about `for_ns`. Returns how far it is; the last three set the error. */
enum log_progress log_taking_go_on(struct log_taking *taking, uint64_t for_ns, struct error *error);

/* Return the counts so far, how the log is read, and the name, inode and modification time (in nanoseconds)
 * of its file. All of it belongs to the taking. */
const struct log_counts *log_taking_counts(const struct log_taking *taking);
const struct result_log *log_taking_reader(const struct log_taking *taking);
const char *log_taking_name(const struct log_taking *taking);
uint64_t log_taking_inode(const struct log_taking *taking);
int64_t log_taking_modified(const struct log_taking *taking);
