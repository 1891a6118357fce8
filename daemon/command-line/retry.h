#pragma once

/*
 * --retry: a failed result is dropped again, from the archive.
 */

#include "common/error.h"
#include "daemon/store.h"

/* Puts the result file of a failed result, and its patch, into the spool again, under their own names
 * and as they were when the result was decided: the digest in the store tells. The archive keeps its
 * own. What lies in the spool is never replaced. Works beside a running daemon, which takes the file
 * like any other. `store` may be NULL: then nothing is known. On 0 the file is there. On -1 the error
 * names the experiment and what stands in the way: permanent where it cannot be tried again, transient
 * where the spool or the archive could not be read or written. */
int retry_result(const char *spool, struct store *store, const char *experiment_id,
                 struct error *error);
