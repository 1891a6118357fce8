#pragma once

/*
 * Pull requests after their jobs: sees which were merged, closed or opened again.
 *
 * Every forge.poll the changed ones are listed. Deleted ones are in no list, so each open one is also looked
 * at once a day, or each time if that costs nothing.
 *
 * If one is merged, its value is confirmed. If it is closed unmerged, its value leaves the frontier, and
 * results that were turned down only because of it are queued again. If it is opened again, its value is
 * back. A deleted one can never be merged: it is taken as closed, once the repository itself has answered.
 *
 * At the end of a round, the open ones that a merged one contains are closed (pulls/contained.h). Then the
 * others are made to say which of them contain each other (pulls/line.h).
 */

#include "common/error.h"
#include "daemon/job.h"

#include <stdbool.h>
#include <uv.h>

struct pulls;

/* Makes it. Calls `changed` when a round has ended, and when a pull request was settled. `services` must
 * outlive it. */
void pulls_new(struct pulls **pulls, uv_loop_t *loop, const struct services *services,
               void (*changed)(void *data), void *data);
void pulls_free(struct pulls *pulls); /* NULL-safe */

/* Begins a round, if the forge is well and forge.poll is not 0. */
void pulls_look(struct pulls *pulls);

/* Returns whether a round was complete, or there is nothing to look at. */
bool pulls_looked(const struct pulls *pulls);

/* Returns whether a round has ended, complete or not. `changed` may be called before that, for pull requests
 * that were settled under an earlier daemon. */
bool pulls_tried(const struct pulls *pulls);

/* Returns how many rounds were complete. */
unsigned pulls_rounds(const struct pulls *pulls);

/* A pull request was settled in the store: begins what follows from that. */
void pulls_go_on(struct pulls *pulls);

/* Returns whether that is under way. */
bool pulls_busy(const struct pulls *pulls);
