#pragma once

/*
 * --retry: drops a failed result again, from the archive, or as the row of a log that the store keeps.
 */

#include "common/error.h"
#include "daemon/store.h"

/* Copies the result file of a failed result, and its patch, from the archive to the spool, under their own
 * names. They must have the digest that is in the store. No file in the spool is replaced. A running daemon
 * takes the file like any other. `store` NULL means an empty store. Fails naming the experiment: (permanent)
 * if it cannot be tried again, (transient) if the spool or the archive cannot be read or written. */
int retry_result(const char *spool, struct store *store, const char *experiment_id,
                 struct error *error);
