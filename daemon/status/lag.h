#pragma once

/*
 * How long the loop was blocked: the longest piece of work between two polls.
 *
 * libuv calls back for descriptors before uv_check, so the time from uv_check to uv_prepare would miss most
 * of the work. The time begins when the loop's wait ends, which is uv_now() in uv_check, and ends at
 * uv_prepare. A callback that calls uv_update_time() would hide the work before it, so loop_after() does not.
 * There is no timer, since it would wake an idle daemon. (uv_metrics_idle_time() would be the obvious way,
 * but libuv 1.44 forgets a wait that a signal ends.)
 */

#include <stdint.h>
#include <uv.h>

struct lag;

/* At least this is logged as a warning. */
#define LAG_LIMIT_MS 250

/* Makes it, and begins to measure in the loop's next turn. */
void lag_new(struct lag **lag, uv_loop_t *loop);
void lag_free(struct lag *lag); /* NULL-safe. The loop must run once more */

/* Returns the longest piece of work so far, in milliseconds. */
uint64_t lag_largest_ms(const struct lag *lag);
