#pragma once

/*
 * --retry: drops a failed result again, from the archive, or as the row of a log that the store keeps.
 */

#include "common/error.h"
#include "daemon/store.h"

/* Puts the result file of a failed result, and its patch, into the spool again, under their own names.
 * They must have the digest that the store knows. The archive keeps its files, and no file in the spool
 * is replaced. A running daemon takes the file like any other. `store` NULL stands for an empty one.
 * Fails naming the experiment and the reason: permanent if it cannot be tried again, transient if spool
 * or archive could not be read or written. */
int retry_result(const char *spool, struct store *store, const char *experiment_id,
                 struct error *error);
