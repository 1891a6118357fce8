#pragma once

/*
 * What the files of the base share. base.c answers the jobs that ask, and runs the tests. base/hold.c holds
 * the queue while the base fails. base/known.c knows the earlier runs. Each uses only those after it.
 */

#include "common/digest.h"
#include "daemon/base.h"

struct asker;

struct base {
    struct base_options options;
    struct asker *askers;   /* in the order in which they asked */
    struct operation *turn; /* the next look at those who ask */
    struct operation *call; /* the run under way; NULL: there is none */

    /* The run under way, or the last one. */
    struct base_verdict verdict;
    char settings[DIGEST_HEX_SIZE]; /* in force when it began */
    bool again;                     /* it is the second run */
    bool reloaded;                  /* the configuration was read again since the first run began */
    int64_t duration_ms;
    char *log;
    char *waits;        /* why it did not begin; NULL: it did */
    struct error error; /* why there is no verdict */
    bool faulty;        /* there is such an error */

    /* A failure that is believed. */
    struct base_verdict failed; /* BASE_UNKNOWN: there is none */
    char failed_settings[DIGEST_HEX_SIZE];
    uint64_t failed_at; /* uv_now() */

    char *held; /* why the queue is held; NULL: it is not */
    char held_commit[GIT_HASH_SIZE];
    int held_status;       /* exit status */
    int64_t *held_results; /* results that failed on it */
    size_t held_count;
    struct operation *pause; /* after this they begin again, or the base is tried */
    struct operation *trial; /* a run that finds out whether the command starts something now */
    void (*begin_trial)(struct base *base);
    struct operation *look;   /* a look at where the base is now, or the pause before it */
    struct operation *notice; /* the next call of `changed` */
};

/* Ends the hold, if there is one. */
void base_end_hold(struct base *base);

/* Ends the hold and forgets the failure, so that the held jobs begin again. `why` is for the log. */
void base_try_again(struct base *base, const char *why);

/* The base_callback of the trial. `data` is the base. */
void base_tried(void *data, const struct base_verdict *verdict, const char *waits,
                const struct error *error);

/* Does what base_recall() does, under these settings. Fails if the store does. */
int base_recall_under(const struct base *base, const char *commit, const char *settings,
                      struct base_verdict *verdict, struct error *error);

/* Returns whether the commit failed under these settings within the last hour. */
bool base_believes_failure(const struct base *base, const char *commit, const char *settings);
