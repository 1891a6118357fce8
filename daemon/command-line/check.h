#pragma once

/*
 * --check-result: says what would be decided on a result file, and why.
 *
 * It assesses the file as intake does (assessment.h), with the store as it is now. It changes nothing of the
 * daemon, and does not ask the forge.
 */

#include "common/error.h"
#include "common/text.h"
#include "config/config.h"
#include "daemon/store.h"

/* Appends the explanation; its first line is "ID: DECISION: REASON". Sets `*status`, the program's exit
 * status: EX_DATAERR (the file would be rejected, or its job would fail at compose), EX_CONFIG (its job would
 * be held), else EX_OK. `store` NULL means an empty store. Fails if the store does. */
int check_result(struct text *text, int *status, const struct config *config, struct store *store,
                 const char *path, struct error *error);
