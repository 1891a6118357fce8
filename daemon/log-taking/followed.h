#pragma once

/*
 * The logs of many experiments that are followed where they are (`logs:` with an absolute path).
 *
 * inotify on the directory of each tells that the log was written to, made or replaced. Then it is read, in
 * slices, and its new rows are decided (log-taking.h). The store knows its rows, so nothing is lost or
 * doubled when the daemon ends. A timer looks as well, since a network file system tells nothing.
 *
 * The log and its directory are only read. If a log cannot be read, that is logged once. It is followed again
 * as soon as it can be read.
 */

#include "config/config.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <uv.h>

struct followed_logs;

struct followed_logs_options {
    const struct config *config; /* must outlive it */
    struct store *store;
    void (*taken)(void *data); /* rows were decided, and some were queued */
    void (*idle)(void *data);  /* all were read to their end; see followed_logs_idle() */
    void *data;
};

/* Makes it, and begins to follow. Never fails. */
void followed_logs_new(struct followed_logs **logs, uv_loop_t *loop,
                       const struct followed_logs_options *options);
void followed_logs_free(struct followed_logs *logs); /* NULL-safe. The loop must run once more */

/* Begins again with the present configuration. Call it in the turn of the loop in which that was reloaded. */
void followed_logs_reload(struct followed_logs *logs);

/* Returns whether all that could be read was read. */
bool followed_logs_idle(const struct followed_logs *logs);
