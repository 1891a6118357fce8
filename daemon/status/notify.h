#pragma once

/*
 * What the service manager is told: readiness, one line of status, the watchdog's beat, reloads, the
 * end (sd_notify(3)).
 *
 * Does nothing where there is no $NOTIFY_SOCKET, or no libsystemd. Children never see the socket: their
 * environments are made from nothing.
 */

#include <uv.h>

struct notify;

/* Feeds the watchdog from the loop at half of what $WATCHDOG_USEC asks for, from now on. */
void notify_new(struct notify **notify, uv_loop_t *loop);
void notify_free(struct notify *notify); /* NULL-safe. The loop must run once more */

/* The first scan is through, and what the forge says is known. Told once. */
void notify_ready(struct notify *notify);

/* One line without line ends, told if it differs from the last one. */
void notify_status(struct notify *notify, const char *line);

/* SIGHUP, from its beginning to its end. */
void notify_reloading(struct notify *notify);
void notify_reloaded(struct notify *notify);

void notify_stopping(struct notify *notify);
