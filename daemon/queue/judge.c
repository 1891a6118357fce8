#include "common/memory.h"
#include "daemon/lane.h"
#include "daemon/queue/internal.h"
#include "daemon/store/pull.h"

#include <stdlib.h>

/* Returns whether the value of a job may still count, so that its lane waits for its end. A job that is
 * undone leaves the frontier as it is, unless its value may be the first. */
static bool may_count(const struct job *job)
{
    return !job_undoing(job) || job->record.outcome == DECISION_BASELINE;
}

/* Returns whether a job goes before a result of its lane: it arrived earlier, or has begun to open its pull
 * request. In the order `best`, jobs go before all queued results. */
static bool goes_before(const struct queue *queue, const struct job *job,
                        const struct store_result *row)
{
    return queue->services->config->queue.order == QUEUE_ORDER_BEST || job_opening(job) ||
           job_undoing(job) || lane_before(job->row, row);
}

/* Returns the frontier as it would be if everything that goes before the result were promoted. */
static struct store_frontier frontier_with_under_way(const struct queue *queue,
                                                     const struct store_result *row,
                                                     const struct config_metric *metric,
                                                     const struct store_frontier *now,
                                                     bool *under_way)
{
    struct store_frontier frontier = *now;

    *under_way = false;
    for (const struct job *job = queue->jobs; job; job = job->next) {
        if (!may_count(job) || job_lets_pass(job) || !queue_in_lane(job, row->metric, row->scope) ||
            !goes_before(queue, job, row))
            continue;
        *under_way = true;
        lane_hope(&frontier, metric, job->row->claim.after.mean);
    }
    return frontier;
}

enum turn queue_decide(struct decided *decided, enum decision decision, const char *reason)
{
    decided->decision = decision;
    decided->reason = memory_copy(reason);
    return TURN_DECIDE;
}

/* Whether the verdict may change by how earlier jobs end. */
static bool undecided(const struct config_metric *metric, const struct gate_verdict *verdict)
{
    return verdict->outcome == GATE_BASELINE ||
           (verdict->outcome == GATE_NOT_IMPROVED && !gate_final(metric, verdict));
}

/* The commit of this row was measured at an earlier one, so it does not have this row's change. */
static enum turn decide_measured(struct decided *decided)
{
    CLEANUP_FREE char *reason = memory_format(
        "its commit was measured already at line %llu, so that its change is not in it",
        (unsigned long long)decided->measured_at);

    return queue_decide(decided, DECISION_DISCARDED, reason);
}

enum turn queue_take_turn(const struct queue *queue, const struct config_metric *metric,
                          const struct store_frontier *now, const struct store_result *row,
                          const struct gate_verdict *verdict, bool overtakes,
                          struct decided *decided)
{
    struct store_frontier hoped;
    bool under_way;

    hoped = frontier_with_under_way(queue, row, metric, now, &under_way);
    under_way = under_way || overtakes;
    decided->reference = verdict->reference;
    if (verdict->outcome != GATE_IMPROVED) {
        if (under_way && undecided(metric, verdict))
            return TURN_WAIT;
        return queue_decide(decided,
                            lane_decision(row, now, verdict, queue->services->config->queue.order),
                            verdict->reason);
    }
    if (decided->measured_at && !under_way)
        return decide_measured(decided);
    if (!row->has_change || decided->measured_at)
        return under_way
                   ? TURN_WAIT
                   : queue_decide(decided, DECISION_REJECTED,
                                  "it would be promoted, but has no change: commit, patch or diff "
                                  "is missing");
    if (under_way && lane_judge_by(&hoped, metric, &row->claim).outcome != GATE_IMPROVED)
        return TURN_WAIT;
    return TURN_START;
}

static bool has_job(const struct queue *queue, const struct store_result *row)
{
    for (const struct job *job = queue->jobs; job; job = job->next) {
        if (job->row->id == row->id)
            return true;
    }
    return false;
}

/* Whether what a job was made on is still to be started. It may be of another lane. While the base is red, a job
 * that comes here may mend it, and waits for nothing that the base may hold up. */
static int parent_waits(const struct queue *queue, const struct job *job, bool *waits,
                        struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *parent = NULL;

    *waits = false;
    if (!queue_has_parent(job))
        return 0;
    if (store_find(queue->services->store, job->result->parent, &parent, error) < 0)
        return -1;
    *waits = parent && parent->decision == DECISION_QUEUED && queue_made_on(job, parent) &&
             !has_job(queue, parent) && !base_held(queue->services->base);
    return 0;
}

/* Whether a result that arrived earlier is still to be started, of its lane or what it was made on. Not if
 * queue.max_open_pulls prevents that while this job is there, or if the base does, which this job may mend. */
static int is_preceded(const struct queue *queue, const struct job *job, bool *preceded,
                       struct error *error)
{
    CLEANUP_FREE char *held = base_held_results(queue->services->base);
    CLEANUP(store_result_freep) struct store_result *first = NULL;
    bool room, waits;

    *preceded = false;
    if (queue->services->config->queue.order == QUEUE_ORDER_BEST)
        return 0;
    if (store_next_queued(queue->services->store, job->row->metric, job->row->scope,
                          STORE_NEXT_ARRIVED, held, &first, error) < 0 ||
        parent_waits(queue, job, &waits, error) < 0 || queue_has_room(queue, &room, error) < 0)
        return -1;
    *preceded = room && (waits || (first && lane_before(first, job->row)));
    return 0;
}

/* Returns whether a job waits for the end of another one, which goes before it in its lane or is its parent. */
static bool waits_for(const struct job *job, const struct job *other)
{
    if (other == job || !may_count(other) || job_lets_pass(other))
        return false;
    if (queue_made_on(job, other->row))
        return true;
    return queue_in_lane(other, job->row->metric, job->row->scope) &&
           (job_opening(other) || job_undoing(other) || lane_before(other->row, job->row));
}

int queue_is_turn(const struct queue *queue, const struct job *job, bool *may, bool *preceded,
                  struct error *error)
{
    struct store_settling settling;

    *may = false;
    *preceded = false;
    if (!queue->options.may_judge(queue->options.data))
        return 0;
    for (const struct job *other = queue->jobs; other; other = other->next) {
        if (waits_for(job, other))
            return 0;
    }
    if (store_next_settling(queue->services->store, &settling, error) < 0 ||
        is_preceded(queue, job, preceded, error) < 0)
        return -1;
    *may = !*preceded && settling.result == 0;
    return 0;
}
