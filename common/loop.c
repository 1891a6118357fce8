#include "common/loop.h"

#include "common/memory.h"

#include <stdlib.h>
#include <time.h>

struct after {
    struct operation operation;
    uv_timer_t timer;
    loop_callback callback;
    void *data;
};

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

static void after_discard(struct operation *operation)
{
    struct after *after = (struct after *)operation;

    uv_close((uv_handle_t *)&after->timer, on_closed);
}

static void on_timer(uv_timer_t *timer)
{
    struct after *after = timer->data;

    /* The memory lasts until libuv has closed the handle, which is not before this function returns. */
    after_discard(&after->operation);
    after->callback(after->data);
}

struct operation *loop_after(uv_loop_t *loop, uint64_t delay_ms, loop_callback callback, void *data)
{
    struct after *after = memory_new(sizeof(*after));

    after->operation.discard = after_discard;
    after->callback = callback;
    after->data = data;
    uv_timer_init(loop, &after->timer);
    after->timer.data = after;
    /* A timer counts from the loop's time, which is old after long work, so the timer would fire early.
     * The loop's time itself is not updated here: it says when the work began. */
    uv_timer_start(&after->timer, on_timer, delay_ms + uv_hrtime() / 1000000 - uv_now(loop), 0);
    return &after->operation;
}

int64_t clock_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}
