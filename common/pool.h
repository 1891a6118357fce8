#pragma once

/*
 * Work in libuv's pool of threads, as an operation.
 *
 * Its owner puts it first in a struct with copies of all that the work needs, since the work may go on for
 * a moment after a discard.
 */

#include "common/operation.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <uv.h>

struct pool_work {
    struct operation operation; /* first */
    uv_work_t request;
    atomic_bool stop; /* nobody waits for it any more; long work looks at this */
    void (*run)(struct pool_work *work);
    void (*over)(struct pool_work *work, int status);
};

/* Calls `run` in a thread of the pool, and `over` on the loop afterwards, also after a discard (`stop` is set
 * then). `status` is below 0 if `run` was not called. `over` frees the struct. Both members must be set. */
struct operation *pool_start(uv_loop_t *loop, struct pool_work *work);
