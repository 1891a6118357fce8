#pragma once

/*
 * What Slurm says, in our words. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The columns that squeue_read() reads. */
#define SQUEUE_COLUMNS "JobID:|,State:|,NodeList:|,exit_code:|,Reason:|,TimeUsed:|,Name:|"

enum squeue_state {
    /* A word that we do not know is one of these two: when the job is over, Slurm forgets it. */
    SQUEUE_PENDING,   /* it has no node */
    SQUEUE_RUNNING,   /* or about to end, or suspended */
    SQUEUE_FINISHED,  /* COMPLETED or FAILED: it ended by itself */
    SQUEUE_CUT_OFF,   /* CANCELLED, NODE_FAIL, PREEMPTED, BOOT_FAIL, DEADLINE and the like */
    SQUEUE_EXHAUSTED, /* TIMEOUT or OUT_OF_MEMORY: Slurm did not give enough */
};

struct squeue_job {
    int64_t id;
    enum squeue_state state;
    char word[32];    /* the state as Slurm calls it */
    char nodes[256];  /* as far as there is room, */
    char reason[128]; /* as this one; "": Slurm gives none */
    /* seconds in which it ran, without those in which it was suspended; -1: not known */
    int64_t used_s;
    char name[512];
};

/* Reads one line of `squeue -h -O SQUEUE_COLUMNS`. Returns false if it has another form. */
bool squeue_read(struct squeue_job *job, const char *line, size_t length);

/* Reads the next such line, and moves `*at` past it. Returns false if there are no more. */
bool squeue_next(struct squeue_job *job, const char **at);

/* Returns whether a job that is pending for this reason stays so until somebody mends something. */
bool squeue_reason_stays(const char *reason);

/* Returns whether a job that is pending for this reason names or leaves out nodes, and no other one is
 * there. */
bool squeue_reason_excludes(const char *reason);

enum sbatch_refusal {
    SBATCH_WAITS,   /* the controller is away, or a limit of submissions is reached: that passes */
    SBATCH_NO_NODE, /* of --test-only: none of the nodes that are up now will do; a job waits */
    SBATCH_REFUSED, /* the options are wrong for this cluster */
};

/* Returns what sbatch's words on stderr mean. */
enum sbatch_refusal sbatch_refusal_of(const char *words);

/* Reads what `sbatch --parsable` prints: "ID" or "ID;CLUSTER". Returns the id; 0: it is something else. */
int64_t sbatch_read_id(const char *output);
