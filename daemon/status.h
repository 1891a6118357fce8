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
    const char *step;  /* its name; "end" behind the last */
    unsigned attempt;  /* from 1; 0: not yet */
    int64_t since_ms;  /* when that try began, since 1970; 0: not yet */
    int64_t faulty_ms; /* since when transient faults hold it; 0: none */
    int64_t pull;      /* number; 0: none yet */
    char *reason;      /* why it is undone, or what holds it up; "" */
};

struct status_pull {
    char *experiment_id;
    char *metric;
    char *scope;
    double value, before; /* before: NaN: none */
    int64_t number;
    char *url; /* "": not known */
    enum forge_mergeable mergeable;
    char *overtaken_by; /* the experiment whose better value counts; NULL: none */
    int64_t opened_ms;
};

struct status_waiting {
    char *experiment_id;
    char *metric;
    double value;
    int64_t since_ms;
};

struct status_point {
    char *experiment_id;
    double value;
    bool baseline;
};

struct status_frontier {
    const struct config_metric *metric;
    char *scope; /* "" or the segment of a log */
    bool known;
    double value;
    char *experiment_id;         /* whose value it is; NULL: the configuration's */
    struct status_point *points; /* what counts, oldest first, the last fifty */
    size_t point_count;
};

struct status_decision {
    int64_t at_ms;
    enum decision decision;
    char *experiment_id; /* NULL: it could not be made out */
    char *file_name;
    char *metric;         /* "" where it became no result */
    double before, after; /* NaN: none */
    int64_t pull;         /* number; 0: none */
    char *url;            /* of that; "": not known */
    char *reason;
};

struct status {
    int64_t now_ms;
    bool stored; /* whether there is a store yet */
    unsigned results[DECISION_COUNT];
    unsigned waiting;
    unsigned open_pulls;
    struct status_pull *pulls; /* the open ones, newest first */
    size_t pull_count;
    char *waits_for;              /* what holds all that waits; "": each its turn */
    struct status_waiting *waits; /* the first ten, in order of arrival */
    size_t wait_count;
    struct status_job *jobs; /* in order of arrival */
    size_t job_count;
    struct status_frontier *frontiers;
    size_t frontier_count;
    struct status_decision *decisions; /* newest first */
    size_t decision_count;
    struct keep_sizes kept;
    struct status_file status_file;
};

/* Reads all of it. `store` NULL: there is none yet. `config` must outlive the status. */
int status_read(struct status **status, struct store *store, const struct config *config,
                const struct status_file *status_file, struct error *error);
void status_free(struct status *status); /* NULL-safe */
void status_freep(struct status **status);

/* Appends the table. `width`: columns of the terminal, into which all fits but the address of a pull
 * request; 0: uncut, each thing on a line. */
void status_table(struct text *text, const struct status *status, unsigned width);

/* Appends one JSON object and a line end. */
void status_json(struct text *text, const struct status *status);

/* Appends one line: "validating exp-042 (tox, 2m13s), 3 waiting, 5 pull requests open, last: #17
 * exp-039". Ages are of now; `queue` knows what runs. */
int status_line(struct text *line, struct store *store, const struct queue *queue,
                const struct health *health, const struct config *config, struct error *error);

/* "2m13s", "45s", "1h02m", "3d04h". */
void status_append_age(struct text *text, int64_t age_ms);

/* The values as a row of blocks ▁▂▃▄▅▆▇█, low values low. */
void status_append_sparkline(struct text *text, const struct status_point *points, size_t count);
