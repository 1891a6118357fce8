#pragma once

/*
 * Work in libuv's pool of threads, as an operation.
 *
 * The owner puts it first in a struct that has copies of all that the work needs, since the work may go on
 * for a moment after a discard.
 */

#include "common/operation.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct pool_work {
    struct operation operation; /* first */
    uv_work_t request;
    atomic_bool stop; /* set by a discard; long work looks at it */
    void (*run)(struct pool_work *work);
    void (*over)(struct pool_work *work, int status);
};

/* Calls `run` in a thread of the pool, and then `over` on the loop, even after a discard. `over` frees the
 * struct. Its `status` is below 0 if `run` was not called. Both members must be set. Returns the operation. */
struct operation *pool_start(uv_loop_t *loop, struct pool_work *work);
