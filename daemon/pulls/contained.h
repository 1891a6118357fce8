#pragma once

/*
 * Closes pull requests that another one contains, and opens them again if that one was closed unmerged.
 *
 * The store notes these closings when the other one is merged, closed or opened. Here they are done, one
 * after the other: look at the pull request, comment, set its state, delete its branch. Each of these is in
 * the store before it is done. So an interrupted closing goes on where it was, after a look. Only our own
 * pull requests are touched, and only while their branch is as we left it.
 */

#include "daemon/forge.h"
#include "daemon/job.h"

#include <stdbool.h>
#include <stdint.h>

struct contained;

/* Makes it. Calls `ended` once for each start that returned true: whether all was done, and the pause that
 * the forge asked for, in milliseconds; -1: none. */
void contained_new(struct contained **contained, const struct services *services,
                   void (*ended)(void *data, bool complete, int64_t retry_after_ms), void *data);
void contained_free(struct contained *contained); /* NULL-safe */

/* Starts all closings. Returns false if there are none, or if they are under way. */
bool contained_start(struct contained *contained);

/* Returns whether closings are under way. */
bool contained_busy(const struct contained *contained);

/* Returns whether the last start has left some for the next round, since the user lacks a right to them. */
bool contained_left(const struct contained *contained);

/* Returns whether a pull request is that of an experiment. A number is no proof: the repository may be
 * another one by now. */
bool contained_is_of(const struct services *services, const struct forge_pull *pull,
                     const char *experiment_id, const char *digest);
