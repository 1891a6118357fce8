#include "daemon/status/notify.h"

#include "common/memory.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

struct notify {
    uv_timer_t watchdog;
    bool ready;
    char *status; /* the last one that was sent */
};

/* Sends the state. It is no fault if nobody listens. */
static void tell(const char *state)
{
#ifdef HAVE_SYSTEMD
    (void)sd_notify(0, state);
#else
    (void)state;
#endif
}

/* Returns how often the service manager wants to hear from us, in milliseconds; 0: never. */
static uint64_t watchdog_ms(void)
{
#ifdef HAVE_SYSTEMD
    uint64_t microseconds;

    if (sd_watchdog_enabled(0, &microseconds) > 0)
        return microseconds / 1000;
#endif
    return 0;
}

static void on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    tell("WATCHDOG=1");
}

void notify_new(struct notify **notify, uv_loop_t *loop)
{
    struct notify *made = memory_new(sizeof(*made));
    uint64_t half = watchdog_ms() / 2;

    uv_timer_init(loop, &made->watchdog);
    made->watchdog.data = made;
    uv_unref((uv_handle_t *)&made->watchdog);
    if (half > 0)
        uv_timer_start(&made->watchdog, on_watchdog, 0, half);
    *notify = made;
}

static void on_closed(uv_handle_t *handle)
{
    struct notify *notify = handle->data;

    free(notify->status);
    free(notify);
}

void notify_free(struct notify *notify)
{
    if (notify)
        uv_close((uv_handle_t *)&notify->watchdog, on_closed);
}

void notify_ready(struct notify *notify)
{
    if (notify->ready)
        return;
    notify->ready = true;
    tell("READY=1");
}

void notify_status(struct notify *notify, const char *line)
{
    CLEANUP_FREE char *state = NULL;

    if (notify->status && strcmp(notify->status, line) == 0)
        return;
    free(notify->status);
    notify->status = memory_copy(line);
    state = memory_format("STATUS=%s", line);
    tell(state);
}

void notify_reloading(struct notify *notify)
{
    CLEANUP_FREE char *state = NULL;
    struct timespec now;

    (void)notify;
    clock_gettime(CLOCK_MONOTONIC, &now);
    state = memory_format("RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                          (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    tell(state);
}

void notify_reloaded(struct notify *notify)
{
    notify->ready = true;
    tell("READY=1");
}

void notify_stopping(struct notify *notify)
{
    (void)notify;
    tell("STOPPING=1");
}
