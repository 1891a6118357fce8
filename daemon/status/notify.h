#pragma once

/*
 * Tells the service manager: readiness, a status line, the watchdog's beat, reloads, the end
 * (sd_notify(3)).
 *
 * Does nothing without $NOTIFY_SOCKET or without libsystemd. Children never see the socket: their
 * environments are made from nothing.
 */

#include <uv.h>

struct notify;

/* Makes it. From now on the loop feeds the watchdog, twice in each $WATCHDOG_USEC. */
void notify_new(struct notify **notify, uv_loop_t *loop);
void notify_free(struct notify *notify); /* NULL-safe. The loop must run once more */

/* Tells that the daemon is ready. Later calls do nothing. */
void notify_ready(struct notify *notify);

/* Tells the status, one line without line ends, if it differs from the last one. */
void notify_status(struct notify *notify, const char *line);

/* Tell the beginning and the end of a reload, and that the daemon stops. */
void notify_reloading(struct notify *notify);
void notify_reloaded(struct notify *notify);
void notify_stopping(struct notify *notify);
