#include "daemon/status/lag.h"

#include "common/log.h"
#include "common/memory.h"
#include "daemon/events.h"

#include <stdlib.h>

struct lag {
    uv_prepare_t prepare;
    uv_check_t check;
    unsigned open;      /* handles that are not closed yet */
    uint64_t polled_ns; /* when the work of this turn began; 0: the loop has not polled yet */
    uint64_t largest_ns;
};

/* The loop read its time when its wait ended. Since then it has called back for descriptors. */
static void on_check(uv_check_t *check)
{
    struct lag *lag = check->data;

    lag->polled_ns = uv_now(check->loop) * 1000000;
}

static void on_prepare(uv_prepare_t *prepare)
{
    struct lag *lag = prepare->data;
    uint64_t busy = lag->polled_ns ? uv_hrtime() - lag->polled_ns : 0;

    if (busy > lag->largest_ns)
        lag->largest_ns = busy;
    if (busy / 1000000 >= LAG_LIMIT_MS)
        log_event(&event_loop_blocked, LOG_INTEGER("duration_ms", (int64_t)(busy / 1000000)));
}

void lag_new(struct lag **lag, uv_loop_t *loop)
{
    struct lag *made = memory_new(sizeof(*made));

    uv_prepare_init(loop, &made->prepare);
    uv_check_init(loop, &made->check);
    made->open = 2;
    made->prepare.data = made->check.data = made;
    uv_prepare_start(&made->prepare, on_prepare);
    uv_check_start(&made->check, on_check);
    uv_unref((uv_handle_t *)&made->prepare);
    uv_unref((uv_handle_t *)&made->check);
    *lag = made;
}

static void on_closed(uv_handle_t *handle)
{
    struct lag *lag = handle->data;

    if (--lag->open == 0)
        free(lag);
}

void lag_free(struct lag *lag)
{
    if (!lag)
        return;
    uv_close((uv_handle_t *)&lag->prepare, on_closed);
    uv_close((uv_handle_t *)&lag->check, on_closed);
}

uint64_t lag_largest_ms(const struct lag *lag)
{
    return lag->largest_ns / 1000000;
}
