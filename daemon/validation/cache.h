#pragma once

/*
 * The cache of the tests: what a run on the base leaves in ~/.cache, such as packages that it downloaded.
 *
 * It is in <state>/cache/N, and no run ever writes there. A run on the base begins with a copy of the latest
 * cache, and what it leaves becomes the next one if the base passes. Any other run sees the cache through an
 * overlay: what it writes is in its own checkout and is removed with that. The run gets a copy if no overlay
 * can be mounted, without a sandbox, or with a launcher. The files of a copy share their blocks with the
 * cache if the file system can do that.
 *
 *     <state>/cache/N/files      what is seen as ~/.cache; the highest N is the latest
 *     <state>/cache/N/size       its size in bytes
 *     <state>/cache/N/removed    the tests on the base removed ~/.cache: there is a copy for each run, as nobody can
 *                                remove what an overlay is mounted on
 *     <state>/cache/anew         the next run on the base starts from nothing, as the last one left too much
 *     <state>/cache/.removed/    what no run uses any more (see remover)
 *
 * A run that cannot have the cache goes on without it, and the log says so. The whole directory may be
 * removed while no daemon runs.
 */

#include "common/operation.h"
#include "config/config.h"
#include "daemon/validation/checkout.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cache;
struct cache_share;

/* Returns a new one; the caller frees it. Does not look at the disk yet. `config` must outlive it. */
struct cache *cache_new(uv_loop_t *loop, const struct config *config);
void cache_free(
    struct cache *cache); /* NULL-safe; no run may have a share any more; see remover_free() */

/* At start and at the end: finds the latest cache. Removes everything else in the background, and the latest
 * one as well if validation.cache is false. */
void cache_sweep(struct cache *cache);

enum cache_purpose {
    CACHE_FOR_BASE, /* what it leaves may be kept */
    CACHE_FOR_TESTS,
    CACHE_FOR_TESTS_AS_COPY, /* an overlay cannot be used */
};

/* The cache of one run. */
typedef void (*cache_callback)(void *data);

/* Gives a run its ~/.cache, in a new checkout. Sets `*share`, which the caller returns with cache_leave();
 * NULL: the run has no cache. Calls back when the cache is there. Returns NULL and does not call back if
 * there is nothing to wait for. `experiment_id` is for the log. */
struct operation *cache_give(struct cache *cache, struct cache_share **share,
                             const char *experiment_id, const struct checkout *checkout,
                             enum cache_purpose purpose, cache_callback callback, void *data);

/* Takes over `arguments`, and returns them after the arguments that mount the overlay. Sets `*this_program`
 * if they have to be started as this program (process.h). */
char **cache_mount(const struct cache_share *share, char **arguments, bool *this_program);

/* The tests did not begin. Returns whether the overlay may be why. Then run them with a copy. */
bool cache_may_be_why(const struct cache_share *share);

/* A run began with a copy, after it had not begun with an overlay: for an hour there are copies only. */
void cache_prefer_copies(struct cache *cache, const char *reason);

/* The run is over. NULL-safe; sets `*share` to NULL. */
void cache_leave(struct cache_share **share);

/* The base has passed: keeps what its run left in the checkout. Calls back when that is done, or has failed,
 * which is logged. Returns NULL and does not call back if there is nothing to keep. */
struct operation *cache_keep(struct cache *cache, const struct checkout *checkout,
                             cache_callback callback, void *data);

/* The size of the cache, for a reader of the state directory. */
struct cache_figures {
    uint64_t bytes;
    int64_t at_ms; /* when it was kept, since 1970; 0: there is none */
};
void cache_read(struct cache_figures *figures, const char *state);
