#pragma once

/*
 * A job: the work on one result, as a table of steps (step.h) that its owner gives it.
 *
 * The runner walks the steps forward and the undos backward. It knows no step by its name, and only here does
 * a job end. Each step that is started ends in exactly one call of the functions under "for the steps" below.
 * Only its owner moves a job as well, with job_give_up().
 *
 * The intent of a step is in the store before its call goes out. Its outcome is there before the next
 * step starts. So after a crash the unfinished step is repeated or undone. While a job is being undone,
 * job_failed() and job_later() mean the same: the undo is tried again until it is done.
 *
 * job/life.c makes and frees a job. job.c walks. job/trouble.c decides what a fault means. job/state.c knows
 * where a job stands. job/load.c reads the result. job/findings.c stores what steps found. Each uses those
 * after it only.
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

/* Who owns jobs: the steps that they walk, what they ask, and what they report. */
struct job_owner {
    enum job_kind kind;
    const struct step_table *steps;
    /* Finds whether it is the job's turn: everything of its lane that arrived earlier is decided, and no other job
     * has begun to open its pull request. Fails if the store does. NULL: it always is. */
    int (*is_turn)(void *data, const struct job *job, bool *may, struct error *error);
    /* Whether one more job may be undone now beside the others. */
    bool (*may_undo)(void *data);
    /* Whether there is a slot for a job that paused. Others may have begun with its slot meanwhile. */
    bool (*has_slot)(void *data, const struct job *job);
    /* A job pauses before it tries again; others may go on meanwhile. */
    void (*rests)(void *data);
    /* The job is over and its result is decided; the owner frees the job. */
    void (*over)(void *data, struct job *job);
    /* A job made progress: a step or an undo was done, or the job was given up. */
    void (*progress)(void *data);
    void *data;
};

/* What a job waits for. From JOB_PARKED on it is parked until job_proceed(). */
enum job_waits {
    JOB_GOES_ON,         /* nothing */
    JOB_PAUSES,          /* the end of a pause, before it tries again */
    JOB_PARKED,          /* until the forge is well, or the installation is checked */
    JOB_PARKED_FOR_TURN, /* until it is its turn */
    JOB_PARKED_FOR_UNDO, /* until fewer others are being undone */
    JOB_PARKED_FOR_SLOT, /* others began with its slot while it paused */
    JOB_ASIDE,           /* its source is held or slots are few: others go first */
};

struct job {
    const struct services *services;
    const struct job_owner *owner;
    struct store_job record;   /* stored: survives a crash */
    struct job_findings found; /* stored as well */
    struct store_result *row;  /* the result's row */
    int at;                    /* row of the table; its count: all is done; -1: all is undone */
    char *branch;
    enum job_waits waits;
    bool undo_busy;      /* a step of it is being undone now */
    bool lone;           /* its step failed though the forge may be well: see job_lends() */
    bool stepped_aside;  /* was aside once, so others may have overtaken it */
    bool source_failed;  /* a step found that a source is held */
    bool source_bad;     /* a source failed it though it is found well: told to the health */
    uint64_t bad_until;  /* uv_now() from which it tries again then, or before if ... */
    unsigned bad_looks;  /* ... somebody says that something was mended: health_looks() */
    bool requires;       /* something of validation.requires did not answer */
    struct error *doubt; /* why the step fails, while the installation is checked */
    bool doubt_holds;    /* the installation is to blame, whatever the check says */
    unsigned doubted;    /* how often this step ended in a doubt */
    bool held;           /* the queue is held by a fault that this job reported */
    bool passed;         /* a quiet step is done: the next one begins at once */
    bool settled;        /* a person settled its pull request, see settled_as */
    enum pull_state settled_as;
    uint64_t step_began;  /* uv_now() */
    uint64_t waits_since; /* uv_now() */
    uint64_t pause_ms;    /* of waiting, as much as counts as trying; 0: none does */

    struct operation *operation; /* what is under way: a call of the step's, or a pause */
    void (*go_on)(void *data);   /* walks on, from the loop */
    void *scratch;               /* see job_scratch(); NULL: none */

    struct result *result; /* NULL until job_load_result() */
    char *patch;
    size_t patch_length;
    struct gate_verdict verdict; /* the last one */
    /* The base that its pull request was opened on; "": it is not open yet. */
    char opened_on[GIT_HASH_SIZE];

    struct job *next; /* in its owner's list */
};

/* Makes a job for a queued result and takes over `row`. It starts at the loop's next turn. Fails if the store
 * does; the caller still owns the row then. */
int job_new(struct job **job, const struct services *services, const struct job_owner *owner,
            struct store_result *row, const struct gate_verdict *verdict, struct error *error);

/* After a restart: makes the jobs of the owner's kind again, and gives each to `take` in order of arrival.
 * Fails if the store does, if findings cannot be read, or if a step is not in the table. */
int jobs_resume(const struct services *services, const struct job_owner *owner,
                void (*take)(void *data, struct job *job), struct error *error);

/* Takes a job out of a list that holds it. */
void jobs_remove(struct job **jobs, struct job *job);

/* At the end of the process: writes down how long faults have held the jobs of a list up, and frees them. */
void jobs_stop(struct job **jobs);

/* Ends what is under way and frees the job. The store can resume it. NULL-safe. */
void job_free(struct job *job);

/* Returns whether others may begin with its slot: for the moment the forge refuses it a step without a
 * reason, and may well serve others. */
bool job_lends(const struct job *job);

/* Returns whether others of its lane may have their turn before it. They may if it stands aside. They also
 * may if it lends its slot, has tried several times, and has not begun to open its pull request. */
bool job_lets_pass(const struct job *job);

/* Goes on with a job that waits for the forge, for its turn or for a slot. Does nothing for any other
 * job. */
void job_proceed(struct job *job);

/* Something may have been mended: those of a list that pause before they try again do so now. The forge is asked
 * when it wants to be. */
void jobs_try_now(struct job *jobs);

/* Ends what a job that goes forward is doing: what it is for is not so any more. All is undone. */
void job_give_up(struct job *job, const char *reason);

/* A check of the installation has ended: ends the doubt about a job whose step failed. */
void job_conclude(struct job *job);

/* Returns how many more jobs of a list may be undone now beside the others: an undo is a child process or a
 * request. */
unsigned jobs_undos_left(const struct job *jobs);

/* Lets other jobs go first, until job_proceed(). */
void job_stand_aside(struct job *job);

/* The forge is well. A job that fails alone, and waited for that, waits for its slot instead: others may begin
 * with it first, however long the look at the forge took. */
void job_offer_slot(struct job *job);

/* Returns whether it is before its tests, so that it may stand aside. A refresh never is. */
bool job_early(const struct job *job);

/* Returns whether the source that its commit may be in is held. */
bool job_needs_held_source(struct job *job);

/* Returns whether its tests run and no fault holds them up: that may take long. */
bool job_validating(const struct job *job);

/* Returns whether it is being undone. */
bool job_undoing(const struct job *job);

/* Returns whether it is judged no more: it has begun to open its pull request. */
bool job_opening(const struct job *job);

/* Returns whether its step is one that runs the tests. */
bool job_runs_tests(const struct job *job);

/* Returns whether it refreshes a pull request; else it promotes a result. */
bool job_refreshes(const struct job *job);

/* Returns its step's name, "end" after the last one; it is static. */
const char *job_step_name(const struct job *job);

/* Returns what a status says of its step, such as "validating"; it is static. */
const char *job_doing(const struct job *job);

/* Reads job->result and job->patch from the store, unless that was done before. Texts for people are
 * scrubbed of secrets. Fails if the store does, or if it has let go of the content. */
int job_load_result(struct job *job, struct error *error);

/* Returns the settings of its metric that are in force now, or NULL if it is not configured any more. A
 * reload frees them: do not keep the pointer. */
const struct config_metric *job_metric(const struct job *job);

/* ---- for the steps ------------------------------------------------------------------------------ */

/* The step, or its undo, is done. */
void job_done(struct job *job);

/* Something that an earlier step found is not so any more: the job goes back to the step that its row
 * declares. */
void job_back(struct job *job, const char *reason);

/* The result is not promoted but gets this decision, and everything is undone. `because`: id of the
 * result whose value it did not beat; 0: none. DECISION_QUEUED: it gets none, and waits for its turn
 * again. */
void job_turned_down(struct job *job, enum decision decision, int64_t because, const char *reason);

/* It is not the job's turn yet: it waits until its owner calls job_proceed(). */
void job_waits_for_turn(struct job *job);

/* The step cannot be done. The installation is checked first. If something is wrong with it, the job stays
 * at its step until that is mended; else everything is undone. A transient error does what job_later()
 * does. */
void job_failed(struct job *job, const struct error *error);

/* The same if the experiment itself is surely to blame: the installation is not checked. */
void job_failed_itself(struct job *job, const struct error *error);

/* The step waits for something that the operator has to provide, and looks for it at least once a minute. However
 * long that takes, the job does not fail. */
void job_waits(struct job *job, const char *reason);

/* The step cannot be done now. `retry_after_ms`: the pause that the forge asked for; -1: none. */
void job_later(struct job *job, const struct error *error, int64_t retry_after_ms);

/* The forge refused: ends the step in one of the ways above, and lets the installation be checked. */
void job_forge_failed(struct job *job, const struct forge_reply *reply, const struct error *error);

/* Ends the step, or its undo, as its only call ended: a callback for that call. `data` is the job; `error` is
 * NULL if all went well. */
void job_call_ended(void *data, const struct error *error);

/* Writes the record and the step's finding to the store. On false the step was ended by job_later(), and the
 * caller returns. */
bool job_save(struct job *job);

/* Returns what the step that is under way keeps in memory from one call to the next: `size` bytes of a form of
 * its own, zero at first. They belong to the job, which lets go of them when it leaves the step's row. A fact
 * that has to survive a restart is a finding instead. */
void *job_scratch(struct job *job, size_t size);

/* During an undo: a person has merged or closed the pull request. The job ends as promoted. */
void job_settled_by_person(struct job *job, enum pull_state state);

/* Calls back after `delay_ms`. The job owns the operation. */
void job_pause(struct job *job, uint64_t delay_ms, void (*callback)(void *data));
