#pragma once

/*
 * Assesses one file of the spool: what it says, what is known of it, and what would be decided.
 *
 * This reads the store and changes nothing. Intake and --check-result both use it, so they always agree.
 */

#include "common/digest.h"
#include "common/error.h"
#include "config/config.h"
#include "daemon/gate.h"
#include "daemon/result.h"
#include "daemon/spool.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads the patch file that a result names. Returns what spool_read_patch() does: 1 if it is not there yet. */
typedef int (*assessment_read_patch)(void *data, const char *name, size_t limit, char **bytes,
                                     size_t *length, struct error *error);

struct assessment {
    enum decision decision; /* QUEUED: to be decided when its turn comes */
    char *reason;           /* of the decision; may be "" for QUEUED */
    unsigned line, column;  /* place in the file that a rejection is about; 0: none */
    char *experiment_id;    /* NULL if it could not be read */
    struct result *result;  /* NULL if it could not be parsed */
    /* An obstacle that may pass. The decision counts only if it does not pass in time. */
    enum spool_delay delay;
    char *patch; /* bytes of the patch file, or NULL */
    size_t patch_length;
    char digest[DIGEST_HEX_SIZE];
    /* NULL: not configured. Do not keep it: a reload frees it. */
    const struct config_metric *metric;
    struct gate_verdict verdict; /* its reference is NaN if the claim was not judged */
    struct store_frontier frontier;
    int64_t retried;  /* id of the failed result that this drop tries again; 0: none */
    char *patch_name; /* the patch file that is moved with the result file; NULL: none */
};

/* Assesses a file. `store` NULL means an empty store. A bad file is no error: the assessment says what is
 * wrong with it. The caller clears the assessment in both cases. Fails if the store does. */
int assessment_make(struct assessment *assessment, const struct config *config, struct store *store,
                    const struct spool_file *file, assessment_read_patch read_patch, void *data,
                    struct error *error);
void assessment_clear(struct assessment *assessment);

/* Three parts of assessment_make(), which a row of a log needs as well (log-taking/row.h). The first sets
 * decision and reason. The second decides by the verdict. The third returns why the forge cannot have a
 * branch for that experiment_id; NULL: it can. The caller frees it. */
void assessment_set(struct assessment *assessment, enum decision decision, const char *reason);
void assessment_decide(struct assessment *assessment);
char *assessment_unfit(const struct config *config, const char *experiment_id);

/* Returns whether the store keeps the content of a result that may have a change: it is queued, it is a
 * baseline that others may be made on, or it did not beat a value that may still leave the frontier. */
bool assessment_keeps_content(const struct assessment *assessment, bool has_change);

/* Returns the row that a drop becomes. It has no claim if it is rejected or a duplicate. Its strings belong
 * to assessment and file: do not free them. */
struct store_result assessment_row(const struct assessment *assessment,
                                   const struct spool_file *file);
