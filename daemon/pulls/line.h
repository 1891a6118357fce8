#pragma once

/*
 * A line in the body of each open pull request. It says which other open ones it contains, and which contain
 * it. It is brought up to date in each round, unless a person has edited the body: then that stays as it is.
 *
 * The last text is in the store, so a round in which nothing changed asks the forge nothing.
 */

#include "daemon/job.h"

#include <stdbool.h>
#include <stdint.h>

struct line_of_work;

/* `ended` is called once for each start that returned true: whether all was done, and what the forge asked to
 * wait, in milliseconds, -1: nothing. */
void line_of_work_new(struct line_of_work **line, const struct services *services,
                      void (*ended)(void *data, bool complete, int64_t retry_after_ms), void *data);
void line_of_work_free(struct line_of_work *line); /* NULL-safe */

/* Starts to bring them up to date. Returns false if nothing is to be done. */
bool line_of_work_start(struct line_of_work *line);
