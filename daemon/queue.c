#include "daemon/queue.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/lane.h"
#include "daemon/queue/internal.h"
#include "daemon/store/job.h"
#include "daemon/store/log.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_LIMIT  128      /* decisions in one transaction */
#define SLICE_NS     10000000 /* for decisions in one turn of the loop */
#define TRY_AGAIN_MS 1000

struct slice {
    struct decided items[SLICE_LIMIT];
    size_t count;
};

static void slice_freep(struct slice **slice)
{
    for (size_t i = 0; i < (*slice)->count; i++) {
        store_result_free((*slice)->items[i].row);
        free((*slice)->items[i].reason);
    }
    free(*slice);
}

static void insert(void *data, struct job *job)
{
    struct queue *queue = data;
    struct job **place = &queue->jobs;

    while (*place && lane_before((*place)->row, job->row))
        place = &(*place)->next;
    job->next = *place;
    *place = job;
}

static void proceed_all(struct queue *queue);

/* ---- a turn ------------------------------------------------------------------------------------- */

static int store_decided(struct queue *queue, const struct decided *decided,
                         const struct gate_verdict *verdict, const struct store_frontier *frontier,
                         struct error *error)
{
    struct store_decision decision = {
        .decision = decided->decision,
        .reason = decided->reason,
        .reference = decided->reference,
        .reference_result = lane_reference(frontier, verdict),
    };

    return store_decide(queue->services->store, decided->row->id, &decision, error);
}

/* Finds the best result. But a baseline goes first, since others are compared with it: a result whose
 * status is baseline and, if there is no reference yet, the first to arrive. */
static int find_best(const struct queue *queue, const struct store_lane *lane,
                     const struct config_metric *metric, const char *but, struct store_result **row,
                     struct error *error)
{
    struct store *store = queue->services->store;
    CLEANUP(store_result_freep) struct store_result *first = NULL;
    struct store_frontier frontier;
    struct gate_verdict verdict;
    enum store_next best = metric->direction == METRIC_MINIMIZE ? STORE_NEXT_LOWEST
                                                                : STORE_NEXT_HIGHEST;

    if (store_next_queued(store, lane->metric, lane->scope, STORE_NEXT_BASELINE, but, row, error) <
        0)
        return -1;
    if (*row)
        return 0;
    if (store_next_queued(store, lane->metric, lane->scope, STORE_NEXT_ARRIVED, but, &first,
                          error) < 0)
        return -1;
    if (first &&
        lane_judge(store, metric, lane->scope, &first->claim, &frontier, &verdict, error) < 0)
        return -1;
    if (first && !frontier.known && verdict.outcome == GATE_BASELINE) {
        *row = TAKE(first);
        return 0;
    }
    return store_next_queued(store, lane->metric, lane->scope, best, but, row, error);
}

static int find_first(const struct queue *queue, const struct store_lane *lane,
                      const struct config_metric *metric, const char *but,
                      struct store_result **row, struct error *error)
{
    if (metric && queue->services->config->queue.order == QUEUE_ORDER_BEST)
        return find_best(queue, lane, metric, but, row, error);
    return store_next_queued(queue->services->store, lane->metric, lane->scope, STORE_NEXT_ARRIVED,
                             but, row, error);
}

/* Results that the base holds come last: one of the others may mend it. */
static int find_next(const struct queue *queue, const struct store_lane *lane,
                     const struct config_metric *metric, struct store_result **row, bool *overtakes,
                     struct error *error)
{
    CLEANUP_FREE char *held = base_held_results(queue->services->base);
    CLEANUP(store_result_freep) struct store_result *first = NULL;
    CLEANUP(store_result_freep) struct store_result *other = NULL;

    *overtakes = false;
    if (find_first(queue, lane, metric, NULL, &first, error) < 0 ||
        (held && first && find_first(queue, lane, metric, held, &other, error) < 0))
        return -1;
    *overtakes = other && other->id != first->id;
    *row = other ? TAKE(other) : TAKE(first);
    return 0;
}

enum lane_end { LANE_EMPTY, LANE_WAITS, LANE_HELD, LANE_STARTED, LANE_MORE, LANE_FAILED };

/* Takes the next result of a lane. Decides it in the open transaction, or puts it into `start`: a job has to
 * be started with it. */
static enum lane_end take_next(struct queue *queue, const struct store_lane *lane,
                               struct slice *slice, struct store_result **start,
                               struct gate_verdict *verdict, struct error *error)
{
    const struct config_metric *metric = lane_metric(queue->services->config, lane->metric,
                                                     lane->scope);
    struct decided *decided = &slice->items[slice->count];
    struct store_frontier frontier = {0};
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    enum readiness ready;
    enum turn turn;
    bool overtakes;

    *verdict = (struct gate_verdict){.source = GATE_SOURCE_NONE};
    *decided = (struct decided){.reference = NAN};
    if (find_next(queue, lane, metric, &row, &overtakes, error) < 0)
        return LANE_FAILED;
    if (!row)
        return LANE_EMPTY;
    if (metric && lane_judge(queue->services->store, metric, lane->scope, &row->claim, &frontier,
                             verdict, error) < 0)
        return LANE_FAILED;
    if (verdict->outcome == GATE_IMPROVED &&
        store_find_named(queue->services->store, row, &decided->measured_at, error) < 0)
        return LANE_FAILED;
    turn = metric
               ? queue_take_turn(queue, metric, &frontier, row, verdict, overtakes, decided)
               : queue_decide(decided, DECISION_REJECTED, "its metric is not configured any more");
    if (turn == TURN_WAIT)
        return LANE_WAITS;
    if (turn == TURN_START) {
        ready = queue_aside(queue) < QUEUE_ASIDE_LIMIT ? queue_readiness(queue, row) : NOT_READY;
        if (ready == READY)
            *start = TAKE(row);
        return ready == READY ? LANE_STARTED : ready == NOT_READY ? LANE_WAITS : LANE_HELD;
    }
    decided->row = TAKE(row);
    slice->count++;
    return store_decided(queue, decided, verdict, &frontier, error) < 0 ? LANE_FAILED : LANE_MORE;
}

static void tell(struct queue *queue, const struct slice *slice)
{
    struct error ignored;
    /* Moves the files of rejected results. The next start finds a move that is done but not noted. */
    bool batched = store_begin(queue->services->store, &ignored) == 0;

    for (size_t i = 0; i < slice->count; i++) {
        const struct decided *decided = &slice->items[i];

        if (decided->decision == DECISION_REJECTED)
            queue->options.rejected(queue->options.data, decided->row, decided->reason);
        log_event(&event_result_decided, LOG_TEXT("experiment", decided->row->experiment_id),
                  LOG_TEXT("metric", decided->row->metric),
                  LOG_NUMBER("before", decided->reference),
                  LOG_NUMBER("after", decided->row->claim.after.mean),
                  LOG_TEXT("decision", decision_name(decided->decision)),
                  LOG_TEXT("reason", decided->reason));
    }
    if (batched)
        (void)store_commit(queue->services->store, &ignored);
    if (slice->count == 0)
        return;
    proceed_all(queue); /* a job may have waited for one of these */
    queue->options.progress(queue->options.data);
}

static enum lane_end start_job(struct queue *queue, struct store_result *row,
                               const struct gate_verdict *verdict, struct error *error)
{
    struct job *job;

    if (job_new(&job, queue->services, &queue->owner, row, verdict, error) < 0) {
        store_result_free(row);
        return LANE_FAILED;
    }
    insert(queue, job);
    return LANE_MORE;
}

/* Works on a lane until it waits, a slice is full, or time is up. */
static enum lane_end work_lane(struct queue *queue, const struct store_lane *lane,
                               uint64_t until_ns, struct error *error)
{
    CLEANUP(slice_freep) struct slice *slice = memory_new(sizeof(*slice));
    struct store_result *start = NULL;
    struct gate_verdict verdict;
    enum lane_end end = LANE_MORE;

    if (store_begin(queue->services->store, error) < 0)
        return LANE_FAILED;
    do {
        end = take_next(queue, lane, slice, &start, &verdict, error);
    } while (end == LANE_MORE && slice->count < SLICE_LIMIT && uv_hrtime() < until_ns);
    if (end == LANE_FAILED) {
        store_rollback(queue->services->store);
        return LANE_FAILED;
    }
    if (store_commit(queue->services->store, error) < 0) {
        store_result_free(start);
        return LANE_FAILED;
    }
    tell(queue, slice);
    return end == LANE_STARTED ? start_job(queue, start, &verdict, error) : end;
}

static int lane_order(const struct store_lane *a, const struct store_lane *b)
{
    int order = strcmp(a->metric, b->metric);

    return order ? order : strcmp(a->scope, b->scope);
}

struct lanes {
    struct store_lane *items;
    size_t count;
};

static void lanes_clear(struct lanes *lanes)
{
    store_lanes_free(lanes->items, lanes->count);
}

static void turn_after(struct queue *queue, uint64_t delay_ms);

/* While the forge is down or being checked, jobs after those that stand aside may still begin. */
bool queue_stuck(const struct queue *queue)
{
    enum health_state health = health_state(queue->services->health);
    bool refused = health == HEALTH_REFUSED;
    bool held = refused || base_held(queue->services->base);

    for (const struct job *job = queue->jobs; job; job = job->next) {
        if (job->waits != JOB_ASIDE && !(refused && job->waits >= JOB_PARKED))
            return false;
    }
    return !queue->turn && (held || (queue->jobs && health == HEALTH_WELL));
}

/* Others had their chance to use these slots. */
static void give_slots_back(struct queue *queue)
{
    for (struct job *job = queue->jobs; job; job = job->next) {
        if (job->waits == JOB_PARKED_FOR_SLOT && queue_has_slot(queue, job))
            job_proceed(job);
    }
}

static void rest(struct queue *queue)
{
    bool held = queue->round.held;
    bool waits = queue->round.waits;

    give_slots_back(queue);
    /* When as many stand aside as may, all others wait for the same. */
    if (queue->jobs && queue_stuck(queue) && (!waits || queue_aside(queue) >= QUEUE_ASIDE_LIMIT))
        queue->rest = QUEUE_STUCK;
    else if (queue->jobs || waits)
        queue->rest = QUEUE_BUSY;
    else
        queue->rest = held ? QUEUE_HELD : QUEUE_EMPTY;
    if (held && !queue->told_held)
        log_event(&event_queue_held,
                  LOG_INTEGER("limit", queue->services->config->queue.max_open_pulls));
    queue->told_held = held;
    queue->options.rested(queue->options.data);
}

static void lane_clear(struct store_lane *lane)
{
    free(lane->metric);
    free(lane->scope);
    *lane = (struct store_lane){0};
}

static void remember_lane(struct store_lane *remembered, const struct store_lane *lane)
{
    lane_clear(remembered);
    *remembered = (struct store_lane){memory_copy(lane->metric), memory_copy(lane->scope)};
}

/* Returns the lane to look at next. A round begins after the lane that last could do something, so that no
 * lane takes every free slot. It goes on after the lane that it last looked at. */
static size_t first_of_turn(const struct queue *queue, const struct lanes *lanes)
{
    const struct store_lane *before = queue->round.count ? &queue->looked_at : &queue->served;
    size_t at = 0;

    while (before->metric && at < lanes->count && lane_order(&lanes->items[at], before) <= 0)
        at++;
    return at < lanes->count ? at : 0;
}

/* Works until no lane can do anything (then `*more` is false), or until time is up. An empty lane is not in
 * the next turn. */
static int work_lanes(struct queue *queue, const struct lanes *lanes, bool *more,
                      struct error *error)
{
    uint64_t until_ns = uv_hrtime() + SLICE_NS;
    struct round *round = &queue->round;
    size_t at = first_of_turn(queue, lanes), empty = 0;
    bool late = false;

    while (round->count + empty < lanes->count && !late) {
        const struct store_lane *lane = &lanes->items[at];
        enum lane_end end = work_lane(queue, lane, until_ns, error);

        if (end == LANE_FAILED)
            return -1;
        if (end == LANE_MORE) {
            *round = (struct round){0};
            empty = 0;
            remember_lane(&queue->served, lane);
        }
        empty += end == LANE_EMPTY;
        round->count += end == LANE_HELD || end == LANE_WAITS;
        round->held |= end == LANE_HELD;
        round->waits |= end == LANE_WAITS;
        at = (at + 1) % lanes->count;
        late = uv_hrtime() >= until_ns;
        if (late)
            remember_lane(&queue->looked_at, lane);
    }
    *more = round->count + empty < lanes->count;
    return 0;
}

/* While results are queued again after a pull request was closed, no result is taken: the best, or the first,
 * may still come. Then the queue is poked. */
static int find_lanes(struct queue *queue, struct lanes *lanes, bool *settling, struct error *error)
{
    struct store_settling found;

    if (store_next_settling(queue->services->store, &found, error) < 0)
        return -1;
    *settling = found.result != 0;
    if (*settling)
        return 0;
    return store_list_lanes(queue->services->store, &lanes->items, &lanes->count, error);
}

static void work(void *data)
{
    struct queue *queue = data;
    CLEANUP(lanes_clear) struct lanes lanes = {0};
    bool settling = false, more;
    struct error error;

    queue->turn = NULL;
    if (!queue->options.may_judge(queue->options.data))
        return;
    if (find_lanes(queue, &lanes, &settling, &error) < 0 ||
        work_lanes(queue, &lanes, &more, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        turn_after(queue, TRY_AGAIN_MS);
    } else if (more) {
        turn_after(queue, 0);
    } else if (!settling) {
        rest(queue);
    }
}

static void turn_after(struct queue *queue, uint64_t delay_ms)
{
    queue->rest = QUEUE_BUSY;
    if (!queue->turn)
        queue->turn = loop_after(queue->loop, delay_ms, work, queue);
}

void queue_poke(struct queue *queue)
{
    queue->round = (struct round){0};
    turn_after(queue, 0);
}

/* ---- what jobs ask ------------------------------------------------------------------------------ */

static int is_turn(void *data, const struct job *job, bool *may, struct error *error)
{
    struct queue *queue = data;
    bool preceded;

    if (queue_is_turn(queue, job, may, &preceded, error) < 0)
        return -1;
    if (preceded)
        queue_poke(queue); /* it may use the slot of this one */
    return 0;
}

/* Lets as many jobs go on as may be undone now. */
static void proceed_undos(struct queue *queue)
{
    unsigned room = jobs_undos_left(queue->jobs);

    for (struct job *job = queue->jobs; job && room; job = job->next) {
        if (job->waits == JOB_PARKED_FOR_UNDO) {
            job_proceed(job);
            room--;
        }
    }
}

static void proceed_all(struct queue *queue)
{
    for (struct job *job = queue->jobs; job; job = job->next) {
        if (job->waits == JOB_PARKED_FOR_UNDO ||
            (job->waits == JOB_PARKED_FOR_SLOT && (queue->turn || !queue_has_slot(queue, job))))
            continue;
        if (job->waits != JOB_ASIDE ||
            (!job_needs_held_source(job) && queue_readiness(queue, job->row) == READY))
            job_proceed(job);
    }
    proceed_undos(queue);
}

static void on_rests(void *data)
{
    proceed_all(data);
    queue_poke(data);
}

static void on_over(void *data, struct job *job)
{
    struct queue *queue = data;

    jobs_remove(&queue->jobs, job);
    if (job->settled)
        queue->options.settled(queue->options.data);
    else if (job_undoing(job) && job->record.outcome == DECISION_REJECTED)
        queue->options.rejected(queue->options.data, job->row, job->record.reason);
    job_free(job);
    proceed_all(queue);
    queue_poke(queue);
    queue->options.progress(queue->options.data);
}

static void on_progress(void *data)
{
    struct queue *queue = data;

    /* A job that is undone frees its slot, and lets others push. */
    proceed_all(queue);
    queue_poke(queue);
    queue->options.progress(queue->options.data);
}

/* ---- life --------------------------------------------------------------------------------------- */

static void queue_freep(struct queue **queue)
{
    queue_free(*queue);
}

int queue_new(struct queue **queue, uv_loop_t *loop, const struct queue_options *options,
              struct error *error)
{
    CLEANUP(queue_freep) struct queue *made = memory_new(sizeof(*made));

    made->loop = loop;
    made->options = *options;
    made->services = options->services;
    made->owner = (struct job_owner){
        .kind = JOB_PROMOTION,
        .steps = options->steps,
        .is_turn = is_turn,
        .may_undo = queue_may_undo,
        .has_slot = queue_has_slot,
        .rests = on_rests,
        .over = on_over,
        .progress = on_progress,
        .data = made,
    };
    if (jobs_resume(made->services, &made->owner, insert, error) < 0)
        return -1;
    queue_leave_slots(made);
    queue_poke(made);
    *queue = TAKE(made);
    return 0;
}

void queue_free(struct queue *queue)
{
    if (!queue)
        return;
    operation_clear(&queue->turn);
    lane_clear(&queue->served);
    lane_clear(&queue->looked_at);
    jobs_stop(&queue->jobs);
    free(queue);
}

void queue_forge_changed(struct queue *queue)
{
    bool usable = health_forge_usable(queue->services->health);

    for (struct job *job = queue->jobs; job; job = job->next) {
        job_conclude(job);
        if (usable)
            job_offer_slot(job);
    }
    queue_poke(queue);
    if (usable)
        proceed_all(queue);
}

void queue_judge_again(struct queue *queue)
{
    proceed_all(queue);
    queue_poke(queue);
}

void queue_reloaded(struct queue *queue)
{
    jobs_try_now(queue->jobs);
    queue_judge_again(queue);
}

enum queue_rest queue_rest(const struct queue *queue)
{
    return queue->rest;
}

const struct job *queue_jobs(const struct queue *queue)
{
    return queue->jobs;
}
