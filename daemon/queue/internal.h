#pragma once

/*
 * What the files of the queue share: turns (queue.c), judging the next result of a lane (judge.c), slots
 * (slots.c). Each uses only those after it.
 */

#include "daemon/queue.h"

#define QUEUE_ASIDE_LIMIT 64 /* jobs that stand aside at most */

/* The lanes that were looked at since one last could do something. */
struct round {
    size_t count; /* lanes that are held or wait */
    bool held;    /* one of them is held by queue.max_open_pulls */
    bool waits;   /* one of them waits for what is under way */
};

struct queue {
    uv_loop_t *loop;
    struct queue_options options;
    const struct services *services;
    struct job_owner owner; /* of its jobs: this queue */
    struct job *jobs;       /* in order of arrival */
    struct operation *turn;
    struct store_lane served;    /* the lane that last could do something */
    struct store_lane looked_at; /* the last lane, before time was up */
    struct round round;
    enum queue_rest rest;
    bool told_held;
};

/* A decision of a slice. It is logged once it is durable. */
struct decided {
    struct store_result *row;
    enum decision decision;
    double reference;
    char *reason;
    uint64_t measured_at; /* an earlier line of its log that names its commit; 0: none */
};

enum turn {
    TURN_DECIDE, /* see decided */
    TURN_START,
    TURN_WAIT, /* for what is under way */
};

enum readiness { READY, NOT_READY, HELD_BY_PULLS };

/* ---- judging (judge.c) -------------------------------------------------------------------------- */

/* Writes a decision with a copy of its reason into `decided`, which owns it. Returns TURN_DECIDE. */
enum turn queue_decide(struct decided *decided, enum decision decision, const char *reason);

/* Returns what the next result of a lane does, by its verdict. `overtakes`: earlier results are held by the
 * base, and come after it. */
enum turn queue_take_turn(const struct queue *queue, const struct config_metric *metric,
                          const struct store_frontier *now, const struct store_result *row,
                          const struct gate_verdict *verdict, bool overtakes,
                          struct decided *decided);

/* Finds whether it is a job's turn, so that its value may become the frontier's. `*preceded`: it is not,
 * since a result that arrived earlier has not started yet. Fails if the store does. */
int queue_is_turn(const struct queue *queue, const struct job *job, bool *may, bool *preceded,
                  struct error *error);

/* ---- slots (slots.c) ---------------------------------------------------------------------------- */

/* Returns whether the result of a job is of that metric and scope. */
bool queue_in_lane(const struct job *job, const char *metric, const char *scope);

/* Returns whether the result of a job, which was loaded, was made on another one, or on a commit. */
bool queue_has_parent(const struct job *job);

/* Returns whether the result of a job, which was loaded, was made on that one, and arrived later. So whoever
 * waits for what it was made on waits for something earlier, and no two wait for each other. */
bool queue_made_on(const struct job *job, const struct store_result *row);

/* Finds whether queue.max_open_pulls allows one more job. Fails if the store does. */
int queue_has_room(const struct queue *queue, bool *has, struct error *error);

/* Returns whether a job can be started with this result, or go on with it. */
enum readiness queue_readiness(const struct queue *queue, const struct store_result *row);

/* Returns how many jobs stand aside. */
unsigned queue_aside(const struct queue *queue);

/* The answers to jobs (struct job_owner). Return whether one more may be undone now, and whether there is a
 * slot for this one. */
bool queue_may_undo(void *data);
bool queue_has_slot(void *data, const struct job *job);

/* At start: makes the jobs stand aside for which there is no slot. */
void queue_leave_slots(struct queue *queue);
