#pragma once

/*
 * What the running daemon says about itself while it works: the service manager's readiness and
 * status, the status_file for --status, the file for node_exporter, the log's summary.
 *
 * Whoever changes something says so with report_changed(), and what is told follows within a second,
 * at most once a second; while a job runs it is told again every 5 s, as its age grows. Nothing
 * here can fail the work: what cannot be told is warned of once.
 */

#include "config/config.h"
#include "daemon/base.h"
#include "daemon/counters.h"
#include "daemon/forge.h"
#include "daemon/health.h"
#include "daemon/queue.h"
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
    const struct counters *counters;
    bool summaries; /* whether log.status_every is heeded */
};

void report_new(struct report **report, const struct report_options *options);

/* Takes the status_file away. NULL-safe. The loop must run once more. */
void report_free(struct report *report);

void report_changed(struct report *report);

/* Once both are known, or have taken too long for a service manager to wait, it is told that the
 * daemon is ready. */
void report_scanned(struct report *report);       /* the spool was seen through */
void report_forge_checked(struct report *report); /* whatever came out */

/* SIGHUP, from its beginning to its end. */
void report_reloading(struct report *report);
void report_reloaded(struct report *report);

/* The end begins: told for the last time. */
void report_stopping(struct report *report);

/* One line to the log, or everything (SIGUSR1). */
void report_summary(struct report *report);
void report_everything(struct report *report);
