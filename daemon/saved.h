#pragma once

/*
 * The commits that queued results name are fetched into our own repository when they are queued, and not
 * when their turn comes: the measured ones, and those that a `parent` names.
 *
 * A loop resets its branch, and a later `git gc` removes what it had tried. So each commit is fetched, many
 * in one go, and a ref of its experiment keeps it. The ref goes when the store has let go of the content:
 * then nobody needs the commit any more. A source that cannot be read now is asked again later.
 */

#include "config/config.h"
#include "daemon/repository.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <uv.h>

struct saved;

struct saved_options {
    const struct config *config; /* must outlive it, as the next two */
    struct store *store;
    struct repository *repository;
    void (*changed)(void *data); /* some were saved; see saved_pending() and saved_idle() */
    void *data;
};

/* Makes it; nothing is fetched before saved_look(). Never fails. */
void saved_new(struct saved **saved, uv_loop_t *loop, const struct saved_options *options);
void saved_free(struct saved *saved); /* NULL-safe */

/* Results may have been queued: fetches their commits. To be called before the queue takes its turn. */
void saved_look(struct saved *saved);

/* Returns whether the commit of a queued result is about to be fetched. Its job can wait that long: some
 * seconds at most, since a source may not answer. */
bool saved_pending(const struct saved *saved, const struct store_result *row);

/* Returns whether nothing is being fetched. */
bool saved_idle(const struct saved *saved);

/* Drops the refs of results whose content the store has let go of, and those of parents on which nothing open builds
 * any more, in slices. Call it while there is little to do. */
void saved_maintain(struct saved *saved);
