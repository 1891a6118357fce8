#pragma once

/*
 * Keeps a line in the body of each open pull request, which says which other open ones it contains, and which
 * contain it. Each round brings the line up to date, unless a person has edited the body.
 *
 * The store has the last text. So a round without news asks the forge nothing.
 */

#include "daemon/job.h"

#include <stdbool.h>
#include <stdint.h>

struct line_of_work;

/* Makes it. Calls `ended` once for each start that returned true: whether all was done, and the pause that
 * the forge asked for, in milliseconds; -1: none. */
void line_of_work_new(struct line_of_work **line, const struct services *services,
                      void (*ended)(void *data, bool complete, int64_t retry_after_ms), void *data);
void line_of_work_free(struct line_of_work *line); /* NULL-safe */

/* Starts to bring all lines up to date. Returns false if there is nothing to do. */
bool line_of_work_start(struct line_of_work *line);
