#pragma once

/*
 * Drops the refs that keep what experiments measured (see repository_find_kept()), once nothing open builds on
 * them: the experiment itself is settled, and no result that is queued or open names it as its parent.
 *
 * A child that comes later finds its parent in another way (see parent.h).
 */

#include "daemon/repository.h"
#include "daemon/store.h"

#include <uv.h>

struct kept;

/* Makes one that does nothing yet. `store` and `repository` must outlive it. */
void kept_new(struct kept **kept, uv_loop_t *loop, struct store *store,
              struct repository *repository);
void kept_free(struct kept *kept); /* NULL-safe */

/* Looks through all refs, in slices. */
void kept_prune(struct kept *kept);
