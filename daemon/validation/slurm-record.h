#pragma once

/*
 * The record of one experiment's run on Slurm. The store has it before anything is done, so that the run is
 * found again after a crash.
 *
 * The record stays when the run is over: the number of an attempt is never used twice.
 */

#include "common/error.h"
#include "daemon/store/run.h"

#include <stdbool.h>
#include <stdint.h>

enum slurm_state {
    SLURM_PREPARED,   /* it has a name and a directory */
    SLURM_SUBMITTING, /* sbatch may have submitted it */
    SLURM_SUBMITTED,  /* it has a number */
    SLURM_LOST,       /* Slurm has ended it, or does not know it any more, and it left no verdict */
    SLURM_REMOVED,    /* it is over or was cancelled, and its directory is gone */
};

struct slurm_record {
    enum slurm_state state;
    int64_t attempt;      /* from 1; 0: none yet */
    int64_t before;       /* the attempt before it; 0: there was none */
    int64_t id;           /* Slurm's number of the job; 0: not known */
    int64_t submitted_ms; /* since 1970 */
    int64_t began_ms;     /* when it left the queue; 0: it did not */
    char *node;           /* where it runs or ran; NULL: not known */
    char *waits;          /* Slurm's reason why it is in the queue; NULL: none */
    char *commit;
    char *settings;    /* of which the script was made: see settings_digest(); NULL: not known */
    char *options;     /* of sbatch, one a line; NULL: not known */
    char *command;     /* as a person would type it */
    char *report;      /* path of the file for tox's report; NULL: it was not asked for */
    bool again;        /* tox failed because of its report in the attempt before */
    char *excluded;    /* nodes, comma-separated: they died, or did not start a run; "": none */
    int64_t beginless; /* attempts in a row in which the command did not begin */
    int64_t exhausted; /* attempts in a row for which Slurm gave too little */
};

/* Reads the record of an experiment; SLURM_REMOVED with attempt 0 if there is none. The caller clears it.
 * Fails if the store does. */
int slurm_record_read(struct slurm_record *record, struct store *store, const char *experiment_id,
                      struct error *error);
int slurm_record_write(const struct slurm_record *record, struct store *store,
                       const char *experiment_id, struct error *error);
void slurm_record_clear(struct slurm_record *record);

/* Returns how long it waited in the queue, until `now_ms` if it still does; 0: not known. */
int64_t slurm_record_queued_ms(const struct slurm_record *record, int64_t now_ms);

/* Adds nodes to the excluded ones. */
void slurm_record_exclude(struct slurm_record *record, const char *nodes);
