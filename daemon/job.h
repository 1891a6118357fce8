#pragma once

/*
 * A job: work on one experiment, as a table of steps (step.h) that its owner gives it. Walks the steps
 * forward, the undos backward; the only place where a job ends. It knows no step by its name.
 *
 * A step is started here and ends in exactly one of job_done(), job_failed(), job_later() and
 * job_back(); nothing else moves a job. What a step is about to do is in the store before its call
 * goes out, what it did is there before the next one starts, so that after a crash the unfinished
 * step is repeated or undone. While a job is undone, job_failed() and job_later() mean the same: the
 * undo is tried again until it is done.
 *
 * job.c walks; job/trouble.c knows what may pass and whom to doubt; job/life.c makes and frees;
 * job/load.c reads what the job is about.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/base.h"
#include "daemon/counters.h"
#include "daemon/forge.h"
#include "daemon/gate.h"
#include "daemon/health.h"
#include "daemon/job/findings.h"
#include "daemon/repository.h"
#include "daemon/result.h"
#include "daemon/store.h"
#include "daemon/validation.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct job;

struct step_table;

/* What jobs work with. */
struct services {
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    struct forge *forge;
    struct repository *repository;
    struct validation *validation;
    struct base *base;
    struct health *health;
    struct counters *counters;
    const char *host;
};

/* Who has jobs: the steps that they walk, and what they ask and tell. */
struct job_owner {
    enum job_kind kind;
    const struct step_table *steps;
    /* Whether it is the job's turn to be settled: all of the lane that arrived earlier were, and no
     * other has begun to open its pull request. Fails if the store does. */
    int (*may_settle)(void *data, const struct job *job, bool *may, struct error *error);
    /* Whether one more may be undone now beside those that are. */
    bool (*may_undo)(void *data);
    /* Whether there is a slot for one that paused, as others may have begun with its own meanwhile. */
    bool (*has_slot)(void *data, const struct job *job);
    /* One waits to try again, and others may go on. */
    void (*rests)(void *data);
    /* The job is over and its result decided; the owner frees it. */
    void (*over)(void *data, struct job *job);
    /* A job made progress: a step was done, an undo was done, the job was given up. */
    void (*progress)(void *data);
    void *data;
};

struct job {
    const struct services *services;
    const struct job_owner *owner;
    struct store_job record;   /* what survives a crash */
    struct job_findings found; /* so does this */
    struct store_result *row;  /* the result's row */
    int at;                    /* row of the table; its count: done; -1: all is undone */
    char *branch;
    bool waiting;        /* pauses before it tries again */
    bool parked;         /* waits for the forge's health, or for its turn */
    bool waits_for_turn; /* parked until others of its lane have settled */
    bool crowded;        /* parked until fewer others are being undone */
    bool undo_busy;      /* a step of it is being undone just now */
    bool lone;     /* its step failed at the forge, though the forge may be well: see job_lends() */
    bool slotless; /* parked, as others began with its slot while it paused */
    bool aside;    /* parked, as its source is held or slots are few: others go before it */
    bool stepped_aside; /* once was, so that others may have overtaken it */
    bool source_failed; /* what was held was a source, found out when composing */
    bool requires;      /* something of validation.requires did not answer */
    struct error
        *doubt;       /* why the step fails, unless it is the installation's fault: being asked */
    bool doubt_holds; /* whatever comes out: the refusal itself says so */
    unsigned doubted; /* how often this step ended like that */
    bool held;        /* by what this job met and no question finds */
    bool branch_repeated; /* the branch was asked for a second time, as the first answer was lost */
    bool conflict_seen;   /* the forge said that a pull request of our branch exists */
    struct error *failure; /* why its tests failed, while the base is asked; NULL: they did not */
    struct test_report *report; /* what they said then; NULL: they did not begin */
    bool second;                /* its tests failed on a base that is flaky, and are run again */
    bool passed;                /* a quiet step is done: the one behind it begins at once */
    bool settled;               /* by a person, see settled_as */
    enum pull_state settled_as;
    uint64_t step_began; /* uv_now() */
    uint64_t parked_at;  /* uv_now() */
    uint64_t pause_ms;   /* of waiting for the forge: counts as trying; 0: it does not */

    struct operation *operation; /* the one thing under way: a call of the step's, or a pause */

    struct result *result; /* read when it is needed first, see job_load_result() */
    char *patch;
    size_t patch_length;
    struct gate_verdict verdict; /* as it was judged last */

    struct job *next; /* in the queue's list */
};

/* Starts a new job for a queued result; `row` is taken over. Fails if it cannot be written down: the
 * caller still owns the row then. Nothing of it runs before the loop does. */
int job_new(struct job **job, const struct services *services, const struct job_owner *owner,
            struct store_result *row, const struct gate_verdict *verdict, struct error *error);

/* Takes a job up again after a restart; `row` is taken over, `record` copied. Fails if its findings cannot
 * be read or its step is not in the table: the caller still owns the row then. */
int job_resume(struct job **job, const struct services *services, const struct job_owner *owner,
               struct store_result *row, const struct store_job *record, struct error *error);

/* Frees a job and ends what is under way, leaving it resumable. NULL-safe. */
void job_free(struct job *job);

/* The same at the end of the process: how long it has waited in vain is written down. */
void job_stop(struct job *job);

/* Whether others may begin with its slot: the forge refuses this one a step without a reason, for the moment,
 * and may well serve others. */
bool job_lends(const struct job *job);

/* Whether others of its lane may settle before it, too: it has tried more than once or twice, and has not begun
 * to open its pull request. */
bool job_lets_pass(const struct job *job);

/* Goes on with a job that waits for the forge, for its turn or for a slot; harmless for any other. */
void job_proceed(struct job *job);

/* The health of the forge is known anew: ends the doubt of a job whose step failed. */
void job_conclude(struct job *job);

/* Lets others go before it, until it is told to proceed. */
void job_stand_aside(struct job *job);

/* Whether its tests have not begun, so that it may stand aside. */
bool job_early(const struct job *job);

/* Whether the source that its change may be in is held. */
bool job_needs_held_source(struct job *job);

/* Whether it does something that takes as long as it takes, and is not held up by a fault. */
bool job_validating(const struct job *job);

/* Which way it goes. */
bool job_undoing(const struct job *job);

/* Whether it was judged for the last time: it has begun to open its pull request, or is past that. */
bool job_opening(const struct job *job);

/* Whether its step is one that runs the tests. */
bool job_runs_tests(const struct job *job);

/* Its step's name, "end" behind the last; and what a status says of it: "validating". */
const char *job_step_name(const struct job *job);
const char *job_doing(const struct job *job);

/* Loads and parses the job's content into job->result and job->patch, once. What stands in it for people
 * holds no secret then. Fails where the store does, or no longer has it. */
int job_load_result(struct job *job, struct error *error);

/* Its metric's settings as they are in force now; NULL where it is configured no more. Not to be kept:
 * a reload replaces them. */
const struct config_metric *job_metric(const struct job *job);

/* ---- for the steps ------------------------------------------------------------------------------ */

/* The step, or its undo, is done. */
void job_done(struct job *job);

/* What it stands on is not so any more: the job goes back to the earlier step that its row declares. */
void job_back(struct job *job, const char *reason);

/* The result gets another decision than to be promoted: all is undone. `because`: the result whose value
 * it did not beat; 0: nobody's. DECISION_QUEUED: it gets none, and waits for its turn again. */
void job_turned_down(struct job *job, enum decision decision, int64_t because, const char *reason);

/* It waits until others of its lane have settled; the owner tells it to proceed. */
void job_waits_for_turn(struct job *job);

/* It cannot be done. The installation is asked first: where something is wrong with that, the job keeps
 * its step and waits until it is mended; else everything is undone. A transient error is taken as
 * job_later(). */
void job_failed(struct job *job, const struct error *error);

/* The same where it is beyond doubt the experiment's own failure: nobody is asked. */
void job_failed_itself(struct job *job, const struct error *error);

/* It waits for something of the operator's that may take as long as it takes, and never fails for it. */
void job_waits(struct job *job, const char *reason);

/* It cannot be done now. `retry_after_ms`: what the forge asked for, else -1. */
void job_later(struct job *job, const struct error *error, int64_t retry_after_ms);

/* Sorts a forge's refusal into the above, and tells the health of the forge about it. */
void job_forge_failed(struct job *job, const struct forge_reply *reply, const struct error *error);

/* The step, or its undo, ended as its one call did: a callback for that call. `data` is the job,
 * `error` NULL where all went well. */
void job_call_ended(void *data, const struct error *error);

/* Writes down the record and what the step has found. On failure the step was ended by job_later(), and the caller returns. */
bool job_save(struct job *job);

/* While it is undone: a person has merged or closed the pull request meanwhile. The job ends as
 * promoted. */
void job_settled_by_person(struct job *job, enum pull_state state);

/* Pauses, then calls back; the operation is the job's. */
void job_pause(struct job *job, uint64_t delay_ms, void (*callback)(void *data));
