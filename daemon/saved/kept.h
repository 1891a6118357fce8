#pragma once

/*
 * Drops the refs that keep what experiments measured (see repository_find_kept()) when nothing open builds on
 * them: the experiment is settled, and no queued or open result names it as its parent.
 *
 * A later result finds its parent in another way (see parent.h).
 */

#include "daemon/repository.h"
#include "daemon/store.h"

#include <uv.h>

struct kept;

/* Makes it; it does nothing yet. `store` and `repository` must outlive it. */
void kept_new(struct kept **kept, uv_loop_t *loop, struct store *store,
              struct repository *repository);
void kept_free(struct kept *kept); /* NULL-safe */

/* Looks through all refs, in slices. */
void kept_prune(struct kept *kept);
