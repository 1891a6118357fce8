#pragma once

/*
 * The life of a pull request after its job. Every forge.poll those that changed are listed; as a deleted
 * one is in no list, each open one is looked at once a day as well, or each time where that costs nothing.
 *
 * Merged confirms the frontier. Closed unmerged takes the value out of it, and results that were
 * turned down only because of it are queued again; opened again puts it back. One that was deleted can
 * never be merged: it is taken as closed, once the repository itself has answered.
 *
 * At the end of a round the open ones that a merged one contains are closed (pulls/contained.h), and the others
 * say which of them contain each other (pulls/line.h).
 */

#include "common/error.h"
#include "daemon/job.h"

#include <stdbool.h>
#include <uv.h>

struct pulls;

/* `changed` is called when a round of looking ended, and when a pull request was settled. */
void pulls_new(struct pulls **pulls, uv_loop_t *loop, const struct services *services,
               void (*changed)(void *data), void *data);
void pulls_free(struct pulls *pulls); /* NULL-safe */

/* Looks now at what changed, if the forge is well and forge.poll is not 0. */
void pulls_look(struct pulls *pulls);

/* Whether they were looked at at least once, or there is nothing to look at. */
bool pulls_looked(const struct pulls *pulls);

/* Whether a round of looking has ended, complete or not: what an earlier life left to be settled may be
 * told of before. */
bool pulls_tried(const struct pulls *pulls);

/* Something was settled, and is written down: goes on with what follows from it. */
void pulls_go_on(struct pulls *pulls);

/* A person settled a pull request: writes it down. What follows from it goes in slices, and is told of
 * at its end. */
void pulls_settle(struct pulls *pulls, int64_t result, const char *experiment_id,
                  enum pull_state state);

/* Whether what follows from a settled one is being done. */
bool pulls_busy(const struct pulls *pulls);
