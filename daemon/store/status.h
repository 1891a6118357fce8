#pragma once

/*
 * What --status, --export and the summaries read.
 *
 * Its functions fail as those of store.h do.
 */

#include "daemon/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Returns the id of the process that writes to the store in the directory `state`; 0: none, or none that can
 * be seen from here. Takes no lock, so it is in nobody's way. */
int store_writer(const char *state);

/* Begins a snapshot: all that is read until store_rollback() is of one moment. */
int store_snapshot(struct store *store, struct error *error);

/* Counts the drops by their current decision. */
int store_count(struct store *store, unsigned counts[static DECISION_COUNT], struct error *error);

/* Counts the queued results that have no job. */
int store_count_waiting(struct store *store, unsigned *count, struct error *error);

/* Adds the decisions after number `*last` to `counts`, and sets `*last` to the last decision. Begin with 0. */
int store_count_decisions(struct store *store, int64_t *last,
                          uint64_t counts[static DECISION_COUNT], struct error *error);

struct store_waiting {
    char *experiment_id;
    char *metric;
    double value; /* NaN: none */
    int64_t since_ms;
};

/* Lists the first `limit` queued results that have no job, in order of arrival. */
int store_list_waiting(struct store *store, unsigned limit, struct store_waiting **waiting,
                       size_t *count, struct error *error);
void store_waiting_free(struct store_waiting *waiting, size_t count);

struct store_awaiting {
    char *file_name;
    int64_t since_ms;
};

/* Lists the files that waited for the patch that they name, the first one first. Some may be gone. */
int store_list_awaiting(struct store *store, struct store_awaiting **awaiting, size_t *count,
                        struct error *error);
void store_awaiting_free(struct store_awaiting *awaiting, size_t count);

struct store_open_pull {
    char *experiment_id;
    char *metric;
    char *scope;
    double value;
    double before; /* NaN: none */
    int64_t number;
    char *url; /* "": not known */
    enum forge_mergeable mergeable;
    char *stale; /* why it could not be refreshed; NULL: it could, or need not be */
    int64_t opened_ms;
};

/* Lists the open pull requests, newest first. */
int store_list_open_pulls(struct store *store, struct store_open_pull **pulls, size_t *count,
                          struct error *error);
void store_open_pulls_free(struct store_open_pull *pulls, size_t count);

struct store_decided {
    char *experiment_id; /* NULL: it could not be read */
    char *file_name;
    char *metric;  /* "": it became no result */
    double after;  /* NaN: none */
    double before; /* the reference; NaN: none */
    enum decision decision;
    char *reason;
    int64_t pull; /* number; 0: none */
    char *url;    /* its address; "": not known */
    int64_t at_ms;
};

/* Lists the last `limit` decisions, and the last `told` promotions and failures, which a night of discards
 * would hide, newest first. */
int store_last_decisions(struct store *store, unsigned limit, unsigned told,
                         struct store_decided **decisions, size_t *count, struct error *error);
void store_decisions_free(struct store_decided *decisions, size_t count);

/* One decision of the history, for --export. Strings are valid inside the callback only. */
struct store_exported {
    int64_t at_ms;
    const char *experiment_id; /* "": it could not be read */
    const char *file_name;
    const char *scope;
    const char *metric;   /* "": it became no result */
    const char *status;   /* as the experimenter wrote it */
    double before;        /* the reference; NaN: none, or no longer known */
    double after;         /* NaN: none */
    const char *decision; /* its name */
    bool current;         /* no later decision has replaced it */
    const char *reason;
    const char *measured; /* the measured commit; "": none */
    int64_t pull;         /* number; 0: none */
    const char *pull_state;
    const char *digest;
};

/* Returns whether to go on. */
typedef bool (*store_exported_callback)(void *data, const struct store_exported *exported);

/* Calls back for every decision ever made, oldest first. */
int store_export(struct store *store, store_exported_callback callback, void *data,
                 struct error *error);

/* Reads the newest pull request: its number and experiment (the caller frees it); 0 and NULL if there is
 * none. */
int store_last_pull(struct store *store, int64_t *pull, char **experiment_id, struct error *error);

/* Reads when the step of a job, or its undo, was last started; 0: not yet. */
int store_step_began(struct store *store, int64_t job, int64_t *at_ms, struct error *error);

/* Reads what delays the step of a job, even while it is tried again; NULL: nothing. The caller frees it.
 * `*rests`: no attempt is under way. */
int store_step_waits(struct store *store, int64_t job, char **reason, bool *rests,
                     struct error *error);

/* Writes the problem that holds jobs; "": none. */
int store_set_hold(struct store *store, const char *reason, struct error *error);

/* Reads what store_set_hold() wrote last; "": nothing. The caller frees it. */
int store_read_hold(struct store *store, char **reason, struct error *error);

/* Lists every metric and scope that has a value that counts. */
int store_list_frontiers(struct store *store, struct store_lane **lanes, size_t *count,
                         struct error *error);
