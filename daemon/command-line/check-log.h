#pragma once

/*
 * --check-result for a log of many experiments: how it is read, and what would be decided on its rows.
 */

#include "common/text.h"
#include "config/config.h"

#include <stdbool.h>

/* Appends how the log is read, a line "ID: DECISION: REASON" for each row, and how many rows get which
 * decision, as if no row were known and no job failed. Returns false if the log is rejected as a whole, or
 * cannot be opened; then the text says why. `file_name` is the end of its path. */
bool check_log(struct text *text, const struct config *config, const char *path,
               const char *file_name);
