#pragma once

/*
 * The queue: which job runs next, how many run at a time, and which may push.
 *
 * Results of one lane (metric and scope) have their turns in order of arrival, or the most improved first. At
 * its turn a result is judged again, by the frontier at that time. With more than one slot, a result starts
 * at once if it beats the frontier and every job under way. Otherwise it waits for these jobs. From `push`
 * on, the jobs of a lane go one at a time, in order of arrival, unless one has begun `pull`. So the decisions
 * are the same with one slot and with many. They are also the same if results are dropped all at once or one
 * by one.
 *
 * A job that the forge refuses while it serves others delays nobody: see job_lends().
 */

#include "common/error.h"
#include "daemon/job.h"
#include "daemon/store.h"

#include <stdbool.h>
#include <uv.h>

struct queue;

struct queue_options {
    const struct services *services;
    const struct step_table *steps; /* that its jobs walk */
    /* How many slots jobs of another kind use; NULL: there are none. Call queue_poke() when they become
     * fewer. */
    unsigned (*others)(void *data);
    /* Whether results may be judged yet. Call queue_judge_again() when they may. */
    bool (*may_judge)(void *data);
    /* A queued result was rejected when its turn came: its file has to be moved. */
    void (*rejected)(void *data, const struct store_result *row, const char *reason);
    /* A job ended whose pull request a person had settled. The store has both. */
    void (*settled)(void *data);
    /* Something was decided, or a job made progress. */
    void (*progress)(void *data);
    /* All that can be decided or started now has been: see queue_rest(). */
    void (*rested)(void *data);
    void *data;
};

/* Makes the queue, and resumes the unfinished jobs in the store. Fails if the store does. */
int queue_new(struct queue **queue, uv_loop_t *loop, const struct queue_options *options,
              struct error *error);

/* Ends what is under way and frees the queue. Every job can be resumed from the store. NULL-safe. */
void queue_free(struct queue *queue);

/* Decides and starts what can be, in the loop's next turn. */
void queue_poke(struct queue *queue);

/* The configuration was read again, and a person may have mended something: jobs that wait for that try now. */
void queue_reloaded(struct queue *queue);

/* A frontier, the queue or the settings may have changed: all that waits checks again what it waits for. */
void queue_judge_again(struct queue *queue);

/* The forge's health changed: jobs that wait for it go on. */
void queue_forge_changed(struct queue *queue);

enum queue_rest {
    QUEUE_BUSY,  /* something goes on, or will go on by itself */
    QUEUE_HELD,  /* all that is left waits for queue.max_open_pulls */
    QUEUE_STUCK, /* all that is left waits until something is mended: see health_reason() */
    QUEUE_EMPTY, /* nothing is left */
};

/* Returns what is left when all that can be done now has been done. */
enum queue_rest queue_rest(const struct queue *queue);

/* Returns how many slots are left for jobs of another kind; 0 until all jobs of the queue that can start have
 * started. */
unsigned queue_slots_left(const struct queue *queue);

/* Returns whether no job goes on until something is mended. Unlike queue_rest(), it can be called at any
 * moment. */
bool queue_stuck(const struct queue *queue);

/* Returns the jobs in order of arrival, for the status. They belong to the queue. */
const struct job *queue_jobs(const struct queue *queue);
