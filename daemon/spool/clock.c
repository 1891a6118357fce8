/*
 * When the spool works. The spool's other files call this one, and none of them calls spool.c. The work of a
 * turn, or of a timer that fires, is in spool.c, and is reached through the callbacks of the handles.
 */

#include "daemon/spool/internal.h"

#define NS_PER_MS 1000000

uint64_t spool_now_ms(void)
{
    return uv_hrtime() / NS_PER_MS;
}

bool spool_is_due(const struct spool *spool)
{
    return !spool->stopped && spool->directory >= 0 && spool->dirty;
}

void spool_wake(struct spool *spool)
{
    if (!spool_is_due(spool))
        return;
    if (spool->phase == SPOOL_WAITING)
        spool->phase = SPOOL_TAKING;
    if (spool->phase == SPOOL_RESTING || spool->phase == SPOOL_TAKING)
        uv_idle_start(&spool->turn, spool->on_turn);
}

void spool_look_in(struct spool *spool, uint64_t in_ms)
{
    if (spool->stopped)
        return;
    uv_update_time(spool->loop);
    if (!uv_is_active((uv_handle_t *)&spool->steady) ||
        uv_timer_get_due_in(&spool->steady) > in_ms) {
        uv_timer_start(&spool->steady, spool->on_timer, in_ms, 0);
    }
}
