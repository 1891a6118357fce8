#pragma once

/*
 * --check-result: what would be decided on a result file, and why, in sentences.
 *
 * By the same way as intake (assessment.h), with the store as it is now. Touches nothing of the
 * daemon's, and asks the forge nothing.
 */

#include "common/error.h"
#include "common/text.h"
#include "config/config.h"
#include "daemon/store.h"

#include <stdbool.h>

/* Appends the explanation; its first line is "ID: DECISION: REASON". `*wrong` says whether the file
 * would be rejected, or the job fail at compose, as far as can be seen from here. `store` NULL stands for an empty one. Fails only if the store does. */
int check_result(struct text *text, bool *wrong, const struct config *config, struct store *store,
                 const char *path, struct error *error);
