#pragma once

/*
 * What is said of a log of many experiments in the daemon's own log.
 */

#include "common/told.h"
#include "daemon/log-taking.h"

/* Warns of a status that is not known, once for each word. `words` holds those that were said. */
void log_tell_status(struct told *words, const struct claim *claim, const char *experiment_id,
                     const char *file_name);

/* Says what became of a row. */
void log_tell_row(struct told *words, const char *file_name, const struct result_log_row *row,
                  const struct assessment *assessment);

/* Says what was found in a log that was read to its end. `before`: what was said of it the last time; of
 * that only what is new is said. NULL: nothing was. */
void log_tell_counts(const char *file_name, const struct log_counts *counts,
                     const struct log_counts *before);
