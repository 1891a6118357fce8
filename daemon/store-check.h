#pragma once

/*
 * Checks all of a large store after a stop that was not clean, in a child beside the work.
 *
 * Until the child has found the store whole, all writes stay in the write-ahead log, and the store's file
 * stays as it was found. A child that could not check is started again a minute later.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <uv.h>

/* `damage` is NULL if the store is whole. */
typedef void (*store_check_callback)(void *data, const struct error *damage);

/* Starts the check. `state` must outlive it. */
struct operation *store_check(uv_loop_t *loop, struct store *store, const char *state,
                              store_check_callback callback, void *data);

/* Returns whether a child checks the store now. NULL-safe. With --once nobody waits for another attempt after
 * a child that could not check: the store's file stays as it was found, and the next start checks it. */
bool store_check_looks(const struct operation *operation);
