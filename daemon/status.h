#pragma once

/*
 * The status at one moment, and how it is shown: a table for people (--status, SIGUSR1), JSON for programs
 * (--status --json), one line for the log's summary and the service manager.
 *
 * It is read from the store, except for the status file of the daemon (status/status-file.h), the sizes of
 * keep.h, and the state of the cache. So it is the same inside the daemon, beside it and without one. Hidden
 * characters in text from outside are shown.
 */

#include "common/error.h"
#include "common/text.h"
#include "config/config.h"
#include "daemon/base.h"
#include "daemon/health.h"
#include "daemon/keep.h"
#include "daemon/queue.h"
#include "daemon/refresh.h"
#include "daemon/status/status-file.h"
#include "daemon/store.h"
#include "daemon/store/base.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"
#include "daemon/validation/cache.h"
#include "daemon/validation/slurm-record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct status_job {
    char *experiment_id;
    char *metric;
    bool undoing;
    char *step;              /* its name; "end" after the last */
    unsigned attempt;        /* from 1; 0: not begun */
    int64_t since_ms;        /* when that attempt began; 0: not begun */
    int64_t faulty_ms;       /* since when transient faults delay it; 0: none do */
    int64_t tried_ms;        /* how long it has tried since, in a running daemon */
    int64_t pull;            /* number; 0: none yet */
    char *reason;            /* why it is undone, or what delays it; "": nothing */
    bool rests;              /* it goes forward, but none of its steps runs now */
    struct slurm_record run; /* of its tests on Slurm; attempt 0: they do not run there */
};

struct status_frontier {
    const struct config_metric *metric;
    char *scope;
    bool known;
    double value;
    char *experiment_id;        /* whose value it is; NULL: the configuration's */
    struct store_point *points; /* the last fifty values that count, oldest first */
    size_t point_count;
};

/* A line of work: pull requests, each of which contains those below it. */
struct status_work {
    size_t *members; /* in the status's `members`, from the one that contains all others down */
    size_t count;
    size_t on; /* from this one down it is the same as an earlier line; SIZE_MAX: it is not */
};

struct status {
    int64_t now_ms;
    bool stored; /* whether there is a store yet */
    unsigned results[DECISION_COUNT];
    unsigned waiting;
    unsigned open_pulls;
    struct store_open_pull *pulls; /* the open ones, newest first */
    size_t pull_count;
    struct store_member *members; /* of the lines of work, the newest result first */
    size_t member_count;
    struct status_work *works; /* the newest first */
    size_t work_count;
    char *waits_for; /* what holds all results that wait; "": nothing, each waits for its turn */
    struct store_waiting *waits; /* the first ten, in order of arrival */
    size_t wait_count;
    struct store_awaiting *awaiting; /* files in the spool that wait for the patch that they name */
    size_t awaiting_count;
    struct status_job *jobs; /* in order of arrival */
    size_t job_count;
    struct status_frontier *frontiers;
    size_t frontier_count;
    struct store_decided *decisions; /* newest first */
    size_t decision_count;
    struct store_base base; /* the last run on a commit of the base; at_ms 0: none yet */
    struct cache_figures cache;
    struct keep_sizes kept;
    struct status_file status_file;
};

/* Reads the status. `store` NULL: there is none yet. `config` must outlive the status. Fails if the store
 * does. */
int status_read(struct status **status, struct store *store, const struct config *config,
                const struct status_file *status_file, struct error *error);
void status_free(struct status *status); /* NULL-safe */
void status_freep(struct status **status);

/* Returns the experiment whose value is the frontier now and better than that of an open pull request; NULL:
 * none. It belongs to the status. */
const char *status_overtaken_by(const struct status *status, const struct store_open_pull *pull);

/* Appends the table. `width`: columns of the terminal; all but the addresses of pull requests is cut to it;
 * 0: nothing is cut. */
void status_table(struct text *text, const struct status *status, unsigned width);

/* Appends one JSON object and a line end. */
void status_json(struct text *text, const struct status *status);

/* Appends one line: "validating exp-042 (tox, 2m13s), 3 waiting, 5 pull requests open, last: #17 exp-039".
 * What runs is read from `queue` and `refresh`. Fails if the store does. */
int status_line(struct text *line, struct store *store, const struct queue *queue,
                const struct refresh *refresh, const struct health *health, const struct base *base,
                const struct config *config, struct error *error);

/* Appends a run on the base, with its commit and without the reason: "fails its tests at 1a2b...". */
void status_append_base(struct text *text, const struct store_base *base, int64_t now_ms);

/* Appends an age as "45s", "2m13s", "1h02m" or "3d04h". */
void status_append_age(struct text *text, int64_t age_ms);

/* Appends the values as a row of blocks ▁▂▃▄▅▆▇█; low values are low blocks. */
void status_append_sparkline(struct text *text, const struct store_point *points, size_t count);
