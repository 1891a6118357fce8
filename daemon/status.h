#pragma once

/*
 * The state of things at one moment, and the ways to say it: a table for people (--status, SIGUSR1),
 * JSON for programs (--status --json), one line (the log's summary, the service manager).
 *
 * Everything but the status_file is read from the store, so that it is the same beside a running daemon,
 * inside it and without it. All text of foreign origin is made visible when it is shown.
 */

#include "common/error.h"
#include "common/text.h"
#include "config/config.h"
#include "daemon/base.h"
#include "daemon/health.h"
#include "daemon/keep.h"
#include "daemon/queue.h"
#include "daemon/status/status-file.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct status_job {
    char *experiment_id;
    char *metric;
    bool undoing;
    char *step;        /* its name; "end" behind the last */
    unsigned attempt;  /* from 1; 0: not yet */
    int64_t since_ms;  /* when that try began, since 1970; 0: not yet */
    int64_t faulty_ms; /* since when transient faults hold it; 0: none */
    int64_t pull;      /* number; 0: none yet */
    char *reason;      /* why it is undone, or what holds it up; "" */
};

struct status_frontier {
    const struct config_metric *metric;
    char *scope; /* "" or the segment of a log */
    bool known;
    double value;
    char *experiment_id;        /* whose value it is; NULL: the configuration's */
    struct store_point *points; /* what counts, oldest first, the last fifty */
    size_t point_count;
};

struct status {
    int64_t now_ms;
    bool stored; /* whether there is a store yet */
    unsigned results[DECISION_COUNT];
    unsigned waiting;
    unsigned open_pulls;
    struct store_open_pull *pulls; /* the open ones, newest first */
    size_t pull_count;
    char *waits_for;             /* what holds all that waits; "": each its turn */
    struct store_waiting *waits; /* the first ten, in order of arrival */
    size_t wait_count;
    struct status_job *jobs; /* in order of arrival */
    size_t job_count;
    struct status_frontier *frontiers;
    size_t frontier_count;
    struct store_decided *decisions; /* newest first */
    size_t decision_count;
    struct store_base base; /* the last run on a commit of the base; at_ms 0: none yet */
    struct keep_sizes kept;
    struct status_file status_file;
};

/* Reads all of it. `store` NULL: there is none yet. `config` must outlive the status. */
int status_read(struct status **status, struct store *store, const struct config *config,
                const struct status_file *status_file, struct error *error);
void status_free(struct status *status); /* NULL-safe */
void status_freep(struct status **status);

/* The experiment whose better value counts instead of that of an open pull request; NULL: none. */
const char *status_overtaken_by(const struct status *status, const struct store_open_pull *pull);

/* Appends the table. `width`: columns of the terminal, into which all fits but the address of a pull
 * request; 0: uncut, each thing on a line. */
void status_table(struct text *text, const struct status *status, unsigned width);

/* Appends one JSON object and a line end. */
void status_json(struct text *text, const struct status *status);

/* Appends one line: "validating exp-042 (tox, 2m13s), 3 waiting, 5 pull requests open, last: #17
 * exp-039". Ages are of now; `queue` knows what runs. */
int status_line(struct text *line, struct store *store, const struct queue *queue,
                const struct health *health, const struct base *base, const struct config *config,
                struct error *error);

/* "fails its tests at 1a2b...": a run on the base, with its commit and without the reason. */
void status_append_base(struct text *text, const struct store_base *base, int64_t now_ms);

/* "2m13s", "45s", "1h02m", "3d04h". */
void status_append_age(struct text *text, int64_t age_ms);

/* The values as a row of blocks ▁▂▃▄▅▆▇█, low values low. */
void status_append_sparkline(struct text *text, const struct store_point *points, size_t count);
