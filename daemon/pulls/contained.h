#pragma once

/*
 * Pull requests that are to be closed, as another one contains them, or opened again, as that one was closed.
 *
 * The store writes down what is to be done when the other one is merged, closed or opened. Here it is done,
 * one after the other: a look at the pull request, a comment, its state, and at last its branch. Each is
 * in the store before it is done, so that one that was interrupted is taken up where it was, looking first.
 * Only what is ours, and whose branch is as we left it, is touched.
 */

#include "daemon/forge.h"
#include "daemon/job.h"

#include <stdbool.h>
#include <stdint.h>

struct contained;

/* `ended` is called once for each start that returned true: whether all was done, and what the forge asked to
 * wait, in milliseconds, -1: nothing. */
void contained_new(struct contained **contained, const struct services *services,
                   void (*ended)(void *data, bool complete, int64_t retry_after_ms), void *data);
void contained_free(struct contained *contained); /* NULL-safe */

/* Starts to do all that is to be done. Returns false if that is nothing, or if it is being done. */
bool contained_start(struct contained *contained);

/* Returns whether something is being done. */
bool contained_busy(const struct contained *contained);

/* Returns whether the pull request is that of an experiment. A number alone proves nothing: the repository
 * may be another one by now. */
bool contained_is_of(const struct services *services, const struct forge_pull *pull,
                     const char *experiment_id, const char *digest);
