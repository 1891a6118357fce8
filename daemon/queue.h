#pragma once

/*
 * Which job runs next, how many at once, and whose turn it is to push.
 *
 * Results of one lane (metric and scope) settle in order of arrival, or the most improved first. When
 * a result's turn comes it is judged again, by the frontier as it stands then. With more than one
 * hand, a result that beats the frontier and everything under way starts beside it; one that does not
 * waits until what is under way has settled. From `push` on they go one after the other, and one that
 * arrives late goes before all younger ones that have not begun `pull`. So the decisions are the same
 * with one hand and with many, dropped at once or one by one.
 *
 * A job that fails alone, at a forge that serves others, holds nobody up: see job_lends().
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
    /* Whether anything is to be judged yet. Once it is: queue_judge_again(). */
    bool (*may_judge)(void *data);
    /* A queued result was rejected when its turn came: its file is to be moved. */
    void (*rejected)(void *data, const struct store_result *row, const char *reason);
    /* A job ended whose pull request a person had settled already: that is written down with its end. */
    void (*settled)(void *data);
    /* Something was decided or a job made a step. */
    void (*progress)(void *data);
    /* All that can be decided or started now was: see queue_rest(). */
    void (*rested)(void *data);
    void *data;
};

/* Takes up the jobs that the store holds unfinished. */
int queue_new(struct queue **queue, uv_loop_t *loop, const struct queue_options *options,
              struct error *error);

/* Frees it and ends what is under way, leaving every job resumable. NULL-safe. */
void queue_free(struct queue *queue);

/* Looks again at what could be decided or started; at the loop's next turn. */
void queue_poke(struct queue *queue);

/* A frontier may have changed, or what is queued, or the settings in force: whatever waits looks again at
 * what it waits for, and for how long. */
void queue_judge_again(struct queue *queue);

/* The forge's health changed: jobs that wait for it go on. */
void queue_forge_changed(struct queue *queue);

enum queue_rest {
    QUEUE_BUSY,  /* there is work that goes on, or will by itself */
    QUEUE_HELD,  /* all that is left waits for queue.max_open_pulls */
    QUEUE_STUCK, /* all that is left waits until somebody mends what health_reason() says */
    QUEUE_EMPTY, /* nothing is left */
};
enum queue_rest queue_rest(const struct queue *queue);

/* Whether no job goes on before something is mended; the same as above, at any moment. */
bool queue_stuck(const struct queue *queue);

/* The jobs, in order of arrival; for the status. */
const struct job *queue_jobs(const struct queue *queue);
