#pragma once

/*
 * How long the loop was blocked: the longest piece of work between two polls.
 *
 * libuv calls back for descriptors before uv_check, so the time from uv_check to uv_prepare would miss most
 * of the work. The time begins when the loop's wait ends, which uv_now() says in uv_check, and ends at
 * uv_prepare. A callback that calls uv_update_time() would hide the work before it, which is why
 * loop_after() does not. There is no timer, since it would wake a daemon that has nothing to do.
 * (uv_metrics_idle_time() would be the obvious way, but libuv 1.44 forgets a wait that a signal ends.)
 */

#include <stdint.h>
#include <uv.h>

struct lag;

/* From this on it is logged as a warning. */
#define LAG_LIMIT_MS 250

/* Begins to measure at the loop's next turn. */
void lag_new(struct lag **lag, uv_loop_t *loop);
void lag_free(struct lag *lag); /* NULL-safe. The loop must run once more */

/* Returns the longest piece of work so far, in milliseconds. */
uint64_t lag_largest_ms(const struct lag *lag);
