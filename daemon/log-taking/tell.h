#pragma once

/*
 * Writes about a log of many experiments in the daemon's own log.
 */

#include "common/told.h"
#include "daemon/log-taking.h"

/* Warns of an unknown status, once for each word. `words` has those that were logged. */
void log_tell_status(struct told *words, const struct claim *claim, const char *experiment_id,
                     const char *file_name);

/* Logs the decision on a row. */
void log_tell_row(struct told *words, const char *file_name, const struct result_log_row *row,
                  const struct assessment *assessment);

/* Logs the counts of a log that was read to its end. `before`: the counts that were logged before, so that
 * only news is logged; NULL: none. */
void log_tell_counts(const char *file_name, const struct log_counts *counts,
                     const struct log_counts *before);
