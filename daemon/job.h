#pragma once

/*
 * A job: the work on one result, as a table of steps (step.h) that its owner gives it.
 *
 * The runner walks the steps forward and the undos backward. It knows no step by its name. A job ends only
 * here. Each step that is started ends in exactly one call of the functions under "for the steps" below.
 * Otherwise only the owner moves a job, with job_give_up().
 *
 * The intent of a step is in the store before its call goes out. Its outcome is there before the next step
 * starts. So after a crash the unfinished step is repeated or undone. During an undo, job_failed() and
 * job_later() mean the same: the undo is tried again until it is done.
 *
 * job/life.c makes and frees a job. job.c walks. job/trouble.c decides what a fault means. job/state.c knows
 * where a job stands. job/load.c reads the result. job/findings.c stores what steps found. Each uses only
 * those after it.
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
#include "daemon/saved.h"
#include "daemon/store.h"
#include "daemon/store/job.h"
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
    struct saved *saved;
    struct counters *counters;
    const char *host;
};

/* What the owner of jobs gives them: the steps that they walk, answers to their questions, and callbacks. */
struct job_owner {
    enum job_kind kind;
    const struct step_table *steps;
    /* Finds whether it is the job's turn: all results of its lane that arrived earlier are decided, and no
     * other job has begun to open its pull request. Fails if the store does. NULL: it always is. */
    int (*is_turn)(void *data, const struct job *job, bool *may, struct error *error);
    /* Whether one more job may be undone now. */
    bool (*may_undo)(void *data);
    /* Whether there is a slot for a job that paused. Others may have begun with its slot. */
    bool (*has_slot)(void *data, const struct job *job);
    /* A job pauses before it tries again. Others may go on. */
    void (*rests)(void *data);
    /* The job is over and its result is decided; the owner frees the job. */
    void (*over)(void *data, struct job *job);
    /* A step or an undo was done, or the job was given up. */
    void (*progress)(void *data);
    void *data;
};

/* What a job waits for. From JOB_PARKED on it is parked until job_proceed(). */
enum job_waits {
    JOB_GOES_ON,         /* nothing */
    JOB_PAUSES,          /* for the end of a pause, before it tries again */
    JOB_PARKED,          /* for the forge to be well, or for a check of the installation */
    JOB_PARKED_FOR_TURN, /* for its turn */
    JOB_PARKED_FOR_UNDO, /* for fewer others to be undone */
    JOB_PARKED_FOR_SLOT, /* for a slot: others began with its own while it paused */
    JOB_ASIDE,           /* its source is held, or slots are few: others go first */
};

struct job {
    const struct services *services;
    const struct job_owner *owner;
    struct store_job record;   /* in the store: survives a crash */
    struct job_findings found; /* in the store as well */
    struct store_result *row;  /* row of the result in the store */
    int at; /* index of the row; the table's count: all is done; -1: all is undone */
    char *branch;
    enum job_waits waits;
    bool undo_busy;     /* a step is being undone now */
    bool lone;          /* only its step fails, and the forge may be well: see job_lends() */
    bool stepped_aside; /* stood aside once, so others may have overtaken it */
    bool source_failed; /* a step found that a source is held */
    bool source_bad; /* a source failed it though its check finds it well; reported to the health */
    uint64_t bad_until;  /* then: uv_now() at which it tries again, or earlier if ... */
    unsigned bad_looks;  /* ... health_looks() is no longer this */
    bool requires;       /* a URL of validation.requires did not answer */
    struct error *doubt; /* why the step failed, while the installation is checked */
    bool doubt_holds;    /* the installation is to blame, even if the check finds nothing */
    unsigned doubted;    /* how often this step ended in doubt */
    bool held;           /* the queue is held by a fault that this job reported */
    bool passed;         /* a quiet step is done: the next one begins at once */
    bool settled;        /* a person settled its pull request, see settled_as */
    enum pull_state settled_as;
    uint64_t step_began;  /* uv_now() */
    uint64_t waits_since; /* uv_now() */
    uint64_t pause_ms;    /* how much of the waiting counts as trying; 0: none */

    struct operation *operation; /* under way: a call of the step, or a pause */
    void (*go_on)(void *data);   /* goes on, from the loop */
    void *scratch;               /* see job_scratch(); NULL: none */

    struct result *result; /* NULL until job_load_result() */
    char *patch;
    size_t patch_length;
    struct gate_verdict verdict; /* the last one */
    /* The base that its pull request was opened on; "": it is not open yet. */
    char opened_on[GIT_HASH_SIZE];

    struct job *next; /* in its owner's list */
};

/* Makes a job for a queued result, and takes over `row`. It starts in the loop's next turn. Fails if the
 * store does; then the caller still owns the row. */
int job_new(struct job **job, const struct services *services, const struct job_owner *owner,
            struct store_result *row, const struct gate_verdict *verdict, struct error *error);

/* After a restart: makes the jobs of the owner's kind from the store, and passes each to `take`, in order of
 * arrival. Fails if the store does, if findings cannot be read, or if a step is not in the table. */
int jobs_resume(const struct services *services, const struct job_owner *owner,
                void (*take)(void *data, struct job *job), struct error *error);

/* Removes a job from a list that has it. */
void jobs_remove(struct job **jobs, struct job *job);

/* At the end of the process: notes how long faults have delayed the jobs of a list, and frees them. */
void jobs_stop(struct job **jobs);

/* Ends what is under way and frees the job, which can be resumed from the store. NULL-safe. */
void job_free(struct job *job);

/* Returns whether others may begin with its slot: the forge refuses its step without a reason, and may well
 * serve others. */
bool job_lends(const struct job *job);

/* Returns whether others of its lane may have their turn before it. They may if it stands aside. They also
 * may if it lends its slot, has tried several times, and has not begun to open its pull request. */
bool job_lets_pass(const struct job *job);

/* Goes on with a job that is parked: it waits for the forge, its turn, or a slot. Does nothing with any other
 * job. */
void job_proceed(struct job *job);

/* Something may have been mended: the jobs of a list that pause try again now. Those whose step needs the
 * forge keep their pause, unless they wait for validation.requires. */
void jobs_try_now(struct job *jobs);

/* Ends a job that goes forward, since its purpose is gone. All of it is undone. */
void job_give_up(struct job *job, const char *reason);

/* A check of the installation has ended: decides what a job does whose step failed. */
void job_conclude(struct job *job);

/* Returns how many more jobs of a list may be undone now. (Each undo is a child process or a request.) */
unsigned jobs_undos_left(const struct job *jobs);

/* Lets other jobs go first, until job_proceed(). */
void job_stand_aside(struct job *job);

/* The forge is well. A job that fails alone, and waited for that, waits for its slot instead: others may begin
 * with it first, however long the look at the forge took. */
void job_offer_slot(struct job *job);

/* Returns whether it is before its tests, and so may stand aside. False for a refresh. */
bool job_early(const struct job *job);

/* Returns whether the source that its commit may be in is held. */
bool job_needs_held_source(struct job *job);

/* Returns whether its tests run without a fault, or what they left is being removed. Both may take long. */
bool job_takes_its_time(const struct job *job);

/* Returns whether it is being undone. */
bool job_undoing(const struct job *job);

/* Returns whether it has begun to open its pull request. From then on it is not judged again. */
bool job_opening(const struct job *job);

/* Returns whether its present step runs the tests. */
bool job_runs_tests(const struct job *job);

/* Returns whether it refreshes a pull request; else it promotes a result. */
bool job_refreshes(const struct job *job);

/* Returns its step's name; "end" after the last one. It is static. */
const char *job_step_name(const struct job *job);

/* Returns the word of a status for its step, such as "validating". It is static. */
const char *job_doing(const struct job *job);

/* Loads job->result and job->patch, unless that was done before. Texts for people are scrubbed of secrets.
 * Fails if the store does, or as archived_load() does. */
int job_load_result(struct job *job, struct error *error);

/* Returns the settings of its metric that are in force now; NULL: it is not configured any more. Do not keep
 * the pointer: a reload frees them. */
const struct config_metric *job_metric(const struct job *job);

/* ---- for the steps ------------------------------------------------------------------------------ */

/* The step, or its undo, is done. */
void job_done(struct job *job);

/* A finding of an earlier step is out of date: the job goes back to the step that its row declares. */
void job_back(struct job *job, const char *reason);

/* The result is not promoted. It gets this decision, and everything is undone. DECISION_QUEUED: it waits for
 * its turn again. `because`: id of the result whose value it did not beat; 0: none. */
void job_turned_down(struct job *job, enum decision decision, int64_t because, const char *reason);

/* It is not the job's turn yet: it waits until its owner calls job_proceed(). */
void job_waits_for_turn(struct job *job);

/* The step cannot be done. The installation is checked first. If something is wrong with it, the job stays
 * at its step until that is mended; else everything is undone. A transient error does what job_later()
 * does. */
void job_failed(struct job *job, const struct error *error);

/* The same if the experiment is surely to blame: the installation is not checked. */
void job_failed_itself(struct job *job, const struct error *error);

/* The step waits for something that the operator has to provide, and looks for it at least once a minute. The
 * job never fails because of that. */
void job_waits(struct job *job, const char *reason);

/* The step cannot be done now. `retry_after_ms`: the pause that the forge asked for; -1: none. */
void job_later(struct job *job, const struct error *error, int64_t retry_after_ms);

/* The forge refused: ends the step in one of the ways above, and lets the installation be checked. */
void job_forge_failed(struct job *job, const struct forge_reply *reply, const struct error *error);

/* The callback for the only call of a step, or of its undo: ends the step as the call ended. `data` is the
 * job; `error` is NULL if all went well. */
void job_call_ended(void *data, const struct error *error);

/* Writes the record and the step's finding to the store. Returns false if that failed: the step was ended by
 * job_later(), and the caller returns. */
bool job_save(struct job *job);

/* Returns memory of `size` bytes for the step that is under way, from one of its calls to the next. It is
 * zero at first. It belongs to the job, which frees it when it leaves the step's row. What has to survive a
 * restart is a finding instead. */
void *job_scratch(struct job *job, size_t size);

/* During an undo: a person has settled the pull request. The job ends as promoted. */
void job_settled_by_person(struct job *job, enum pull_state state);

/* Calls back after `delay_ms`. The job owns the operation. */
void job_pause(struct job *job, uint64_t delay_ms, void (*callback)(void *data));
