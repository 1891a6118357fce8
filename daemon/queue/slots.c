#include "daemon/lane.h"
#include "daemon/queue/internal.h"
#include "daemon/store/pull.h"

#include <string.h>

#define LONE_LIMIT 3 /* jobs that fail alone: where more do, it is not for their own sake */

bool queue_in_lane(const struct job *job, const char *metric, const char *scope)
{
    return strcmp(job->row->metric, metric) == 0 && strcmp(job->row->scope, scope) == 0;
}

static unsigned jobs_forward(const struct queue *queue)
{
    unsigned count = 0;

    for (const struct job *job = queue->jobs; job; job = job->next)
        count += !job_undoing(job) && job->waits != JOB_ASIDE;
    return count;
}

static unsigned others(const struct queue *queue)
{
    return queue->options.others ? queue->options.others(queue->options.data) : 0;
}

bool queue_has_parent(const struct job *job)
{
    return job->result && job->result->parent;
}

bool queue_made_on(const struct job *job, const struct store_result *row)
{
    return queue_has_parent(job) && strcmp(job->result->parent, row->experiment_id) == 0 &&
           lane_before(row, job->row);
}

/* Whether a job may wait for this very result, which arrived earlier: it is of the job's lane, or of its parent's,
 * or one that those wait for. */
static bool is_awaited(const struct queue *queue, const struct store_result *row)
{
    for (const struct job *job = queue->jobs; job; job = job->next) {
        if (job->waits == JOB_PARKED_FOR_TURN && lane_before(row, job->row) &&
            (queue_has_parent(job) || queue_in_lane(job, row->metric, row->scope)))
            return true;
    }
    return false;
}

static unsigned lone(const struct queue *queue)
{
    unsigned count = 0;

    for (const struct job *job = queue->jobs; job; job = job->next)
        count += job_lends(job);
    return count;
}

/* Whether a job does not need its slot, so that this result may have it. A job that fails alone lends it to
 * other lanes at once, and to its own lane when that may pass it. */
static bool lends(const struct job *job, const struct store_result *row, bool few)
{
    if (job->waits == JOB_PARKED_FOR_SLOT)
        return true;
    return few && job_lends(job) &&
           (job_lets_pass(job) || !queue_in_lane(job, row->metric, row->scope));
}

/* Returns how many slots this result cannot use, not counting that of its own job. A job that waits for its
 * turn lends its slot to a result that another job waits for. Otherwise jobs of two lanes could wait for each
 * other for ever. */
static unsigned slots_busy(const struct queue *queue, const struct store_result *row)
{
    bool awaited = is_awaited(queue, row);
    bool few = lone(queue) <= LONE_LIMIT;
    unsigned busy = others(queue);

    for (const struct job *job = queue->jobs; job; job = job->next) {
        busy += job->row->id != row->id && !job_undoing(job) && job->waits != JOB_ASIDE &&
                !(awaited && job->waits == JOB_PARKED_FOR_TURN) && !lends(job, row, few);
    }
    return busy;
}

unsigned queue_aside(const struct queue *queue)
{
    unsigned count = 0;

    for (const struct job *job = queue->jobs; job; job = job->next)
        count += job->waits == JOB_ASIDE;
    return count;
}

int queue_has_room(const struct queue *queue, bool *has, struct error *error)
{
    unsigned limit = queue->services->config->queue.max_open_pulls;
    unsigned open;

    *has = limit == 0;
    if (limit == 0)
        return 0;
    if (store_count_open_pulls(queue->services->store, &open, error) < 0)
        return -1;
    *has = open + jobs_forward(queue) < limit;
    return 0;
}

enum readiness queue_readiness(const struct queue *queue, const struct store_result *row)
{
    unsigned busy = slots_busy(queue, row);
    struct error error;
    bool room;

    if (busy >= queue->services->config->queue.parallel ||
        saved_pending(queue->services->saved, row) || base_holds(queue->services->base, row->id) ||
        health_state(queue->services->health) != HEALTH_WELL ||
        queue_has_room(queue, &room, &error) < 0)
        return NOT_READY;
    if (room)
        return READY;
    return jobs_forward(queue) ? NOT_READY : HELD_BY_PULLS;
}

bool queue_may_undo(void *data)
{
    const struct queue *queue = data;

    return jobs_undos_left(queue->jobs) > 0;
}

bool queue_has_slot(void *data, const struct job *job)
{
    const struct queue *queue = data;

    return slots_busy(queue, job->row) < queue->services->config->queue.parallel;
}

/* Whether a job that is past its tests may wait for this one, as in is_awaited(). */
static bool holds_up(const struct job *job)
{
    struct error ignored; /* the job itself fails by it later */

    for (struct job *other = job->next; other; other = other->next) {
        if (job_early(other) || job_undoing(other))
            continue;
        if (queue_in_lane(other, job->row->metric, job->row->scope) ||
            (job_load_result(other, &ignored) == 0 && queue_has_parent(other)))
            return true;
    }
    return false;
}

/* Jobs that stood aside have begun, and so have others since. No more go on now than there are slots. Tests
 * that have passed are not repeated for this. */
void queue_leave_slots(struct queue *queue)
{
    unsigned parallel = queue->services->config->queue.parallel;
    unsigned busy = 0, awaited = 0;

    for (const struct job *job = queue->jobs; job; job = job->next)
        busy += !job_undoing(job) && !job_early(job);
    for (struct job *job = queue->jobs; job; job = job->next) {
        if (job_undoing(job) || !job_early(job))
            continue;
        if (awaited < parallel && holds_up(job))
            awaited++;
        else if (busy++ >= parallel)
            job_stand_aside(job);
    }
}

unsigned queue_slots_left(const struct queue *queue)
{
    unsigned parallel = queue->services->config->queue.parallel;
    unsigned busy = others(queue);

    for (const struct job *job = queue->jobs; job; job = job->next)
        busy += !job_undoing(job) && job->waits != JOB_ASIDE && !job_lends(job);

    return queue->turn || busy >= parallel ? 0 : parallel - busy;
}
