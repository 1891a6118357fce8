#pragma once

/*
 * What the files of the engine for Slurm share.
 */

#include "common/process.h"
#include "common/text.h"
#include "daemon/validation/slurm-record.h"
#include "daemon/validation/slurm.h"
#include "daemon/validation/squeue.h"

struct slurm {
    struct engine engine; /* first */
    uv_loop_t *loop;
    const struct config *config;
    char *directory; /* of the runs */
    char *records;
    char id[17];
    struct slurm_run *runs;
    struct operation *tick;  /* the next look at all runs */
    struct operation *query; /* squeue */
    uint64_t asked_at;       /* uv_now() of the last squeue; 0: none yet */
    bool away;               /* the last query failed */
    /* Experiments whose last run has its verdict: their next one is another. */
    struct config_list judged;
};

/* How the command ended, as the script wrote it. */
struct slurm_end {
    int status;
    uint64_t duration_ms;
    char node[256];
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
    struct operation *step; /* sbatch or scancel, or its output is read */
    bool asked;             /* the query under way is about it, as it is now */
    bool answered;          /* Slurm was asked since the last change */
    bool absent;            /* the answer was that there is no such job */
    struct squeue_job seen; /* the answer otherwise */
    uint64_t over_at;       /* uv_now() when Slurm first said that it is over; 0: it is not */
    uint64_t not_before;    /* uv_now() before which it is not submitted again */
    bool has_ended;
    struct slurm_end end;
    bool began;       /* that it runs was logged */
    int64_t began_ms; /* when that was seen */
    uint64_t told_at; /* uv_now() when the log said why it waits; 0: it did not */
    struct error error;
};

/* The last run of an experiment counts no more: its next one is another anyway. */
void slurm_forget_verdict(struct slurm *slurm, const char *experiment_id);

/* ---- slurm-run.c: a run, from its submission to its verdict ------------------------------------- */

/* Looks at all runs after this time, and then each second. */
void slurm_look_soon(struct slurm *slurm, uint64_t delay_ms);

/* The run is over: hands on the result, or its error without one, and frees it. */
void slurm_run_end(struct slurm_run *run, const struct process_result *result);

/* What discards its operation: it goes on without us. */
void slurm_run_discard(struct operation *operation);

/* ---- slurm-call.c: Slurm's commands ------------------------------------------------------------- */

/* Returns the name of an attempt, and its directory. The caller frees them. */
char *slurm_name(const struct slurm *slurm, const char *experiment_id, int64_t attempt);
char *slurm_directory(const struct slurm *slurm, const char *experiment_id, int64_t attempt);

/* Starts sbatch, squeue for these names, or scancel for one. What is submitted or cancelled is not interrupted, and
 * a daemon that stops does not wait for it. */
struct operation *slurm_sbatch(struct slurm_run *run, process_callback callback);
struct operation *slurm_squeue(struct slurm *slurm, const char *names, process_callback callback,
                               void *data);
struct operation *slurm_scancel(struct slurm *slurm, const char *name, process_callback callback,
                                void *data);

/* Returns why such a command failed, in one line. The caller frees it. */
char *slurm_words(const struct process_result *result);

/* Ends the last run of an experiment and removes its directory: engine_functions.cancel. */
struct operation *slurm_cancel(struct engine *engine, const char *experiment_id,
                               checkout_callback callback, void *data);

/* ---- slurm-files.c: the files of a run ---------------------------------------------------------- */

/* Writes the script. */
int slurm_write_script(const struct slurm_run *run, struct error *error);

/* Reads `ended`. Returns false if it is not there, or not whole. */
bool slurm_read_end(const struct slurm_run *run, struct slurm_end *end);

/* Reads `problem`: sets the error, which names the key. Returns false if there is none. */
bool slurm_read_problem(const struct slurm_run *run, struct error *error);

/* Returns whether the script has begun. */
bool slurm_has_started(const struct slurm_run *run);
