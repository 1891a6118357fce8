#pragma once

/*
 * --check-result: says what would be decided on a result file, and why.
 *
 * It assesses the file as intake does (assessment.h), with the store as it is now. It touches nothing of
 * the daemon's and does not ask the forge.
 */

#include "common/error.h"
#include "common/text.h"
#include "config/config.h"
#include "daemon/store.h"

/* Appends the explanation; its first line is "ID: DECISION: REASON". `*status` is
 * for the program's end, as far as this can be known here: EX_DATAERR, the file would be rejected, or its job
 * would fail at compose; EX_CONFIG, its job would be held; else EX_OK. `store` NULL stands for an empty one.
 * Fails if the store does. */
int check_result(struct text *text, int *status, const struct config *config, struct store *store,
                 const char *path, struct error *error);
