#pragma once

/*
 * Jobs: the part of them that must survive a crash, and how each ends.
 *
 * Its functions fail as those of store.h do.
 */

#include "daemon/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum job_state { JOB_RUNNING, JOB_UNDOING, JOB_OVER };

enum job_kind {
    JOB_PROMOTION, /* of a result, to a pull request */
    JOB_REFRESH,   /* of an open pull request, onto a base that has moved */
};

#define PULL_URL_SIZE 1024

#define STORE_STEP_SIZE 32

/* The part of a job that survives a crash. It is written before a call goes out, and when its answer has
 * come. */
struct store_job {
    int64_t id;
    int64_t result;
    enum job_kind kind;
    enum job_state state;
    char step[STORE_STEP_SIZE]; /* the step that is under way, or undone; "end": none */
    bool started;               /* whether that step may have had an effect */
    unsigned attempt;           /* of that step, from 1 */
    int64_t faulty_since_ms;    /* since when transient faults delay it; 0: none do */
    int64_t tried_ms;           /* how long it has tried since then, by a monotonic clock */

    int64_t pull;                 /* number of its pull request; 0: none yet */
    char pull_url[PULL_URL_SIZE]; /* address of its page; "": not known, or too long */
    double reference;             /* the reference by which it was last judged */

    enum decision outcome;  /* the decision that the result gets once all is undone */
    char *reason;           /* why it is undone; NULL: it is not */
    char *failed_step;      /* its name; NULL: none failed */
    int64_t turned_down_by; /* id of the result whose value it did not beat; 0: none */
};

/* The finding of a step, as JSON. The last finding of each step is kept until the job is over. */
struct store_finding {
    char *step; /* its name */
    char *json;
};

void store_job_clear(struct store_job *job); /* frees what it points to */

/* Adds a job and sets its id. From then on store_next_queued() does not return the result of a promotion. */
int store_add_job(struct store *store, struct store_job *job, struct error *error);

/* Writes a job, and the finding of a step; `found` NULL: none. */
int store_save_job(struct store *store, const struct store_job *job,
                   const struct store_finding *found, struct error *error);

/* Lists the findings of a job. */
int store_list_findings(struct store *store, int64_t job, struct store_finding **findings,
                        size_t *count, struct error *error);
void store_findings_free(struct store_finding *findings, size_t count);

/* Adds a line to the history of steps: "start", "end", "failed", "later", "undo" or "undone", with the
 * number of the attempt and a reason. */
int store_add_step(struct store *store, int64_t job, const char *step, const char *what,
                   unsigned attempt, const char *reason, struct error *error);

/* How we left a pull request at the forge. The difference is what others did to it. */
struct store_left {
    char head[GIT_HASH_SIZE];    /* where its branch points; "": not known */
    char base[GIT_HASH_SIZE];    /* the commit of the base below that; "": not known */
    char title[DIGEST_HEX_SIZE]; /* digests of what we wrote; "": not known */
    char body[DIGEST_HEX_SIZE];
};

/* The end of a promotion. */
struct store_job_end {
    struct store_decision decision;
    /* Of a promotion: the commit that stands for what was measured; "": none. */
    const char *measured;
    enum pull_state pull_state; /* of a promotion: open, or as a person settled it */
    struct store_left left;     /* of a promotion */
    char *const *contained;     /* of a promotion: the measured commits that it contains */
    size_t contained_count;
    /* Of a promotion: the open pull requests that it contains are closed in its favour. */
    bool supersedes;
};

/* Ends a promotion in one transaction: writes its result's decision and, if promoted, its pull request. If
 * the value that it did not beat has left the frontier since, the result is queued again at once. */
int store_end_job(struct store *store, const struct store_job *job, const struct store_job_end *end,
                  struct error *error);

/* The end of a refresh. */
struct store_refresh_end {
    bool refreshed;
    struct store_left left; /* if it was refreshed */
    const char *stale;      /* else why it could not be; NULL: it was given up for a later base */
    /* the base on which it could not be; "": on none that is worth to be remembered */
    const char *stale_on;
    const char *empty_on; /* the base that has the change; "": none */
};

/* Ends a refresh in one transaction: writes how it left its pull request. */
int store_end_refresh(struct store *store, const struct store_job *job,
                      const struct store_refresh_end *end, struct error *error);

/* Ends a promotion without a decision: its result waits for its turn again, in its place. */
int store_requeue_job(struct store *store, const struct store_job *job, struct error *error);

/* Finds out what a result gets once its promotion is undone, and why. `outcome` is DECISION_QUEUED if it is not
 * being undone, or has its turn again then. */
int store_get_outcome(struct store *store, int64_t result, enum decision *outcome, char **reason,
                      struct error *error);

/* Lists the jobs that are not over, of every kind, in order of arrival. */
int store_list_jobs(struct store *store, struct store_job **jobs, size_t *count,
                    struct error *error);
void store_jobs_free(struct store_job *jobs, size_t count);
