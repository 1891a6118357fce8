#pragma once

/*
 * What the files of the engine for Slurm share.
 */

#include "common/process.h"
#include "common/text.h"
#include "daemon/validation/slurm-look.h"
#include "daemon/validation/slurm-record.h"
#include "daemon/validation/slurm.h"
#include "daemon/validation/squeue.h"

struct slurm_sweep;

struct slurm {
    struct engine engine; /* first */
    uv_loop_t *loop;
    const struct config *config;
    struct store *store;
    char *directory; /* of the runs */
    char id[STORE_RUN_ID_SIZE];
    struct slurm_run *runs;
    void (*on_tick)(void *data); /* looks at all runs */
    struct operation *tick;      /* the next call of it */
    struct operation *look;      /* the look at their files */
    struct operation *slow;      /* the time after which that takes long */
    bool look_again;             /* there is news since that look began */
    bool hangs;                  /* it took long */
    struct operation *query;     /* squeue */
    struct slurm_sweep *sweep;
    uint64_t asked_at; /* uv_now() of the last squeue; 0: none yet */
    bool away;         /* the last query failed */
    /* Experiments whose last run has its verdict: their next run is a new one. */
    struct config_list judged;
};

struct slurm_run {
    struct operation operation; /* first */
    struct slurm *slurm;
    struct slurm_run *next;
    struct engine_order order;
    engine_callback callback;
    void *data;
    struct slurm_record record;
    char *name;
    char *directory;
    struct operation *step;   /* sbatch, scancel, or reading its output */
    bool asked;               /* the query under way asks about the present state of the run */
    bool answered;            /* Slurm has answered since the last change */
    bool absent;              /* the answer: there is no such job */
    struct squeue_job seen;   /* the answer, if there is such a job */
    uint64_t over_at;         /* uv_now() when Slurm first said that it is over; 0: it is not */
    uint64_t not_before;      /* uv_now() before which it is not submitted again */
    struct slurm_files files; /* as they were last seen */
    bool seen_waiting;        /* they were seen before the run had started */
    bool wants_id;            /* it runs, but its number is not known yet: ask Slurm first */
    uint64_t left_out_at; /* uv_now() since it waits for nodes that are left out; 0: it does not */
    uint64_t told_at;     /* uv_now() when it was last logged why it waits; 0: never */
    struct error error;
};

/* ---- slurm-end.c: the ends of a run -------------------------------------------------------------- */

#define SLURM_LOOK_EACH_MS 1000

/* Looks at all runs after this time, and then each second. */
void slurm_look_soon(struct slurm *slurm, uint64_t delay_ms);

/* The run is over: calls back with the result, or with its error, and frees the run. */
void slurm_run_end(struct slurm_run *run, const struct process_result *result);

/* Discards its operation: the run goes on without us. */
void slurm_run_discard(struct operation *operation);

/* Writes its record. Returns false if that failed; then the run is over. */
bool slurm_run_save(struct slurm_run *run);

/* Marks the run's error as a fault of the installation, so that it holds the queue. */
void slurm_run_blame_installation(struct slurm_run *run);

/* Leaves the run as it is. Its error holds the queue until that is mended. */
void slurm_run_hold(struct slurm_run *run);

/* Return whether a job is not over, and whether Slurm says that a run is over or does not know it. */
bool slurm_is_under_way(const struct squeue_job *job);
bool slurm_run_is_over(const struct slurm_run *run);

/* ---- slurm-run.c: a run, from its submission to its verdict ------------------------------------- */

/* Looks at all runs: slurm.on_tick. */
void slurm_look_at_all(void *data);

/* ---- slurm-ask.c: what Slurm is asked of the runs, and told -------------------------------------- */

/* Asks Slurm about all runs at once, if that is due or if a run needs the answer now. */
void slurm_ask(struct slurm *slurm);

/* Notes when and where the run left the queue, as far as known. Returns false if a fault ended the run. */
bool slurm_note_begun(struct slurm_run *run, int64_t at_ms, const char *node);

/* ---- slurm-call.c: Slurm's commands ------------------------------------------------------------- */

/* Return the name of an attempt, and its directory. The caller frees it. */
char *slurm_name(const struct slurm *slurm, const char *experiment_id, int64_t attempt);
char *slurm_directory(const struct slurm *slurm, const char *experiment_id, int64_t attempt);

/* Returns validation.slurm.options, one a line. The caller frees it. */
char *slurm_options(const struct slurm *slurm);

/* Start sbatch; squeue for some names, and for all jobs of this user; and scancel for one name. sbatch and
 * scancel are not interrupted, and a daemon that stops does not wait for them. */
struct operation *slurm_sbatch(struct slurm_run *run, process_callback callback);
struct operation *slurm_squeue(struct slurm *slurm, const char *names, process_callback callback,
                               void *data);
struct operation *slurm_squeue_all(struct slurm *slurm, process_callback callback, void *data);
struct operation *slurm_scancel(struct slurm *slurm, const char *name, process_callback callback,
                                void *data);

/* Returns why such a command failed, in one line. The caller frees it. */
char *slurm_words(const struct process_result *result);

/* Forgets that the last run of an experiment has its verdict: the next one is a new run in any case. */
void slurm_forget_verdict(struct slurm *slurm, const char *experiment_id);

/* Ends the last run of an experiment and removes its directory: engine_functions.cancel. */
struct operation *slurm_cancel(struct engine *engine, const char *experiment_id,
                               checkout_callback callback, void *data);

/* ---- slurm-files.c: the files of a run ---------------------------------------------------------- */

/* Writes the script. Fails if the disk does. */
int slurm_write_script(const struct slurm_run *run, struct error *error);

/* ---- slurm-sweep.c: runs that nobody waits for --------------------------------------------------- */

/* Begins to look for them in the loop's next turn, and then each hour. */
void slurm_sweep_start(struct slurm *slurm);
void slurm_sweep_stop(struct slurm *slurm);
