#pragma once

/*
 * A one-shot timer as an operation, and the clock.
 */

#include "common/operation.h"

#include <stdint.h>
#include <uv.h>

typedef void (*loop_callback)(void *data);

/* Calls back once after `delay_ms`; 0: in the next turn of the loop. Returns the operation. */
struct operation *loop_after(uv_loop_t *loop, uint64_t delay_ms, loop_callback callback,
                             void *data);

/* Returns the wall clock in milliseconds since 1970, for what is stored. Intervals use uv_now(). */
int64_t clock_now_ms(void);
