#pragma once

/*
 * Saves the commits that results name: the measured ones, and those that a `parent` names. They are fetched
 * into our own repository when the result is queued, not when its turn comes.
 *
 * A loop resets its branch, and a later `git gc` removes what it had tried. So the commits are fetched, many
 * at a time, and a ref of its experiment keeps each. The ref goes when the store deletes the content: then
 * nobody needs the commit. A source that cannot be read now is asked again later.
 */

#include "config/config.h"
#include "daemon/repository.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <uv.h>

struct saved;

struct saved_options {
    const struct config *config; /* this and the next two must outlive it */
    struct store *store;
    struct repository *repository;
    void (*changed)(void *data); /* some were saved; see saved_pending() and saved_idle() */
    void *data;
};

/* Makes it; nothing is fetched before saved_look(). Never fails. */
void saved_new(struct saved **saved, uv_loop_t *loop, const struct saved_options *options);
void saved_free(struct saved *saved); /* NULL-safe */

/* Results may have been queued: fetches their commits. Call it before the queue takes its turn. */
void saved_look(struct saved *saved);

/* Returns whether the commit of a queued result is about to be fetched. Its job can wait for that: some
 * seconds at most, since a source may not answer. */
bool saved_pending(const struct saved *saved, const struct store_result *row);

/* Returns whether nothing is being fetched. */
bool saved_idle(const struct saved *saved);

/* Drops, in slices, the refs of results whose content the store has deleted, and those of parents that
 * nothing open builds on. Call it while there is little to do. */
void saved_maintain(struct saved *saved);
