#pragma once

/*
 * How long the loop was kept from looking at events: the longest piece of work between two polls.
 *
 * libuv calls back for descriptors before uv_check, so the time from there to uv_prepare would miss
 * most of the work. Counted is from the moment at which the loop's wait ended, which is its uv_now() in
 * uv_check, to uv_prepare. A callback that calls uv_update_time() hides the work before it: that is why
 * loop_after() does not. No timer of its own: a daemon that has nothing to do is not woken for this.
 * (uv_metrics_idle_time() would be the obvious way, but libuv 1.44 forgets a wait that a signal ends.)
 */

#include <stdint.h>
#include <uv.h>

struct lag;

/* From this on a warning is logged. */
#define LAG_LIMIT_MS 250

/* Begins with the loop's next turn. */
void lag_new(struct lag **lag, uv_loop_t *loop);
void lag_free(struct lag *lag); /* NULL-safe. The loop must run once more */

/* The longest piece of work so far, in milliseconds. */
uint64_t lag_largest_ms(const struct lag *lag);
