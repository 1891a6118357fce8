#pragma once

/*
 * One file from the spool into a assessment: what it is, what is known of it, what would be decided.
 *
 * Reads the store and changes nothing, so that intake and --check-result come to the same answer by
 * the same way.
 */

#include "common/digest.h"
#include "common/error.h"
#include "config/config.h"
#include "daemon/gate.h"
#include "daemon/result.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stddef.h>

/* How the patch beside a result file is read; as spool_read_patch(), 1 where it is not there yet. */
typedef int (*assessment_read_patch)(void *data, const char *name, size_t limit, char **bytes,
                                     size_t *length, struct error *error);

struct assessment {
    enum decision decision; /* QUEUED: its turn decides */
    char *reason;           /* "" for QUEUED without anything to say */
    unsigned line, column;  /* the place in the file that a rejection is about; 0: none */
    char *experiment_id;    /* NULL if it could not be made out */
    struct result *result;  /* NULL if it could not be parsed */
    enum spool_delay
        delay;   /* what may pass is in the way: the decision holds only once it did not */
    char *patch; /* bytes of the patch file, or NULL */
    size_t patch_length;
    char digest[DIGEST_HEX_SIZE];
    const struct config_metric *metric; /* NULL if not known. Not to be kept: a reload frees it */
    struct gate_verdict verdict;        /* reference is NaN where it was not judged */
    struct store_frontier frontier;
    int64_t retried;  /* id of the failed result that this drop tries again; 0: a new one */
    char *patch_name; /* the patch file that goes where the result's file goes; NULL: none */
};

/* `store` NULL stands for an empty one. Fails only if the store does; a file that is bad in whatever
 * way is a assessment, not an error. Clear it in either case. */
int assessment_make(struct assessment *assessment, const struct config *config, struct store *store,
                    const struct spool_file *file, assessment_read_patch read_patch, void *data,
                    struct error *error);
void assessment_clear(struct assessment *assessment);

/* The row that a drop becomes: what it claims is in it unless it is rejected or a duplicate. Borrows from
 * assessment and file: do not free. */
struct store_result assessment_row(const struct assessment *assessment,
                                   const struct spool_file *file);
