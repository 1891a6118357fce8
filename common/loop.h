#pragma once

/*
 * Two small helpers around libuv: work deferred to the next turn of the loop, and a one-shot timer
 * as an operation.
 */

#include "common/operation.h"

#include <stdint.h>
#include <uv.h>

typedef void (*loop_callback)(void *data);

/* Calls back once after `delay_ms`; 0: at the next turn of the loop, never from inside this call. */
struct operation *loop_after(uv_loop_t *loop, uint64_t delay_ms, loop_callback callback,
                             void *data);

/* Wall clock in milliseconds since 1970, for what is stored; intervals use uv_now(). */
int64_t clock_now_ms(void);
