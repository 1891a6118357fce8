#pragma once

/*
 * What the running daemon reports about itself: the service manager's readiness and status, the status file
 * for --status, the file for node_exporter, the log's summary.
 *
 * Code that changes something calls report_changed(). The report follows within a second, at most once a
 * second. While a job runs it is repeated every 5 s, as the job's age grows. Nothing here can fail the work:
 * if a report cannot be written, that is logged once.
 */

#include "config/config.h"
#include "daemon/base.h"
#include "daemon/counters.h"
#include "daemon/forge.h"
#include "daemon/health.h"
#include "daemon/queue.h"
#include "daemon/refresh.h"
#include "daemon/store.h"

#include <uv.h>

struct report;

struct report_options { /* all of these must outlive the report */
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    const struct forge *forge;
    const struct health *health;
    const struct base *base;
    const struct queue *queue;
    const struct refresh *refresh;
    const struct counters *counters;
    bool summaries; /* log a summary every log.status_every */
};

/* Makes it. What `options` points to must outlive it. Never fails. */
void report_new(struct report **report, const struct report_options *options);

/* Removes the status file. NULL-safe. The loop must run once more. */
void report_free(struct report *report);

/* Something in the reports has changed: writes them soon. */
void report_changed(struct report *report);

/* After both of these, or when they take too long, the service manager is told that the daemon is ready. */
void report_scanned(struct report *report);       /* the spool was scanned */
void report_forge_checked(struct report *report); /* whatever the result */

/* The beginning and the end of a reload. */
void report_reloading(struct report *report);
void report_reloaded(struct report *report);

/* The daemon stops: reports for the last time. */
void report_stopping(struct report *report);

/* Log one line, or the whole status (SIGUSR1). */
void report_summary(struct report *report);
void report_everything(struct report *report);
