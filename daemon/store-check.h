#pragma once

/*
 * The look at a whole large store after an unclean stop, by a child beside the work.
 *
 * Until it has ended well, what is written stays in the log beside the store, so that the store itself is
 * as it was found. A child that could not look is started again a minute later.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/store.h"

#include <uv.h>

/* `damage` is NULL where the store is whole. */
typedef void (*store_check_callback)(void *data, const struct error *damage);

/* `state` must outlive it. */
struct operation *store_check(uv_loop_t *loop, struct store *store, const char *state,
                              store_check_callback callback, void *data);
