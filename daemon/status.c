#include "daemon/status.h"

#include "common/loop.h"
#include "common/memory.h"
#include "daemon/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DECISION_LIMIT 20
#define TOLD_LIMIT     10 /* promotions and failures among the decisions, however long ago */
#define WAITING_LIMIT  10
#define POINT_LIMIT    50
#define GROW(array, count)                                                                         \
    ((array) = memory_resize((array), ((count) + 1) * sizeof(*(array))), &(array)[(count)++])

struct reading {
    struct status *status;
    struct store *store;
    const struct config *config;
    int64_t *job_ids;
    int64_t *result_ids;
};

/* ---- jobs --------------------------------------------------------------------------------------- */

static void collect_job(void *data, const struct store_job *record)
{
    struct reading *reading = data;
    struct status *status = reading->status;
    size_t count = status->job_count;
    struct status_job *job = GROW(status->jobs, status->job_count);

    reading->job_ids = memory_resize(reading->job_ids, (count + 1) * sizeof(int64_t));
    reading->result_ids = memory_resize(reading->result_ids, (count + 1) * sizeof(int64_t));
    reading->job_ids[count] = record->id;
    reading->result_ids[count] = record->result;
    *job = (struct status_job){
        .undoing = record->state == JOB_UNDOING,
        .step = record->step >= 0 && record->step < STEP_COUNT ? steps[record->step].name : "end",
        .attempt = record->attempt,
        .faulty_ms = record->faulty_since_ms,
        .pull = record->pull,
        .reason = memory_copy(record->reason ? record->reason : ""),
    };
}

/* What a job that goes on waits for. */
static int read_hold(struct reading *reading, size_t i, struct error *error)
{
    char *reason;

    if (store_step_waits(reading->store, reading->job_ids[i], &reason, error) < 0)
        return -1;
    if (reason) {
        free(reading->status->jobs[i].reason);
        reading->status->jobs[i].reason = reason;
    }
    return 0;
}

static int read_jobs(struct reading *reading, struct error *error)
{
    struct status *status = reading->status;

    if (store_each_job(reading->store, collect_job, reading, error) < 0)
        return -1;
    for (size_t i = 0; i < status->job_count; i++) {
        CLEANUP(store_result_freep) struct store_result *row = NULL;

        if (store_load(reading->store, reading->result_ids[i], &row, error) < 0 ||
            store_step_began(reading->store, reading->job_ids[i], &status->jobs[i].since_ms,
                             error) < 0)
            return -1;
        if (!*status->jobs[i].reason && read_hold(reading, i, error) < 0)
            return -1;
        status->jobs[i].experiment_id = memory_copy(row ? row->experiment_id : "");
        status->jobs[i].metric = memory_copy(row ? row->metric : "");
    }
    return 0;
}

/* ---- frontier ----------------------------------------------------------------------------------- */

static void collect_point(void *data, const struct store_point *point)
{
    struct status_frontier *frontier = data;

    *GROW(frontier->points, frontier->point_count) = (struct status_point){
        .experiment_id = memory_copy(point->experiment_id),
        .value = point->value,
        .baseline = point->baseline,
    };
}

static void add_frontier(struct status *status, const struct config_metric *metric,
                         const char *scope)
{
    *GROW(status->frontiers, status->frontier_count) = (struct status_frontier){
        .metric = metric, .scope = memory_copy(scope)};
}

/* The frontier without a scope is there from the beginning. */
static void collect_scope(void *data, const char *metric_name, const char *scope)
{
    struct reading *reading = data;
    const struct config_metric *metric = config_metric(reading->config, metric_name);

    if (metric && *scope)
        add_frontier(reading->status, metric, scope);
}

static int read_frontier(struct store *store, struct status_frontier *frontier, struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    struct store_frontier found;

    if (store_frontier(store, frontier->metric, frontier->scope, &found, error) < 0 ||
        (found.result && store_load(store, found.result, &row, error) < 0) ||
        store_frontier_history(store, frontier->metric->name, frontier->scope, POINT_LIMIT,
                               collect_point, frontier, error) < 0)
        return -1;
    frontier->known = found.known;
    frontier->value = found.value;
    frontier->experiment_id = memory_copy(row ? row->experiment_id : NULL);
    return 0;
}

static int read_frontiers(struct reading *reading, struct error *error)
{
    struct status *status = reading->status;

    for (size_t i = 0; i < reading->config->metric_count; i++)
        add_frontier(status, &reading->config->metrics[i], "");
    if (store_each_frontier(reading->store, collect_scope, reading, error) < 0)
        return -1;
    for (size_t i = 0; i < status->frontier_count; i++) {
        if (read_frontier(reading->store, &status->frontiers[i], error) < 0)
            return -1;
    }
    return 0;
}

/* ---- what a person looks at ---------------------------------------------------------------------- */

static void collect_pull(void *data, const struct store_shown_pull *pull)
{
    struct status *status = data;

    *GROW(status->pulls, status->pull_count) = (struct status_pull){
        .experiment_id = memory_copy(pull->experiment_id),
        .metric = memory_copy(pull->metric),
        .scope = memory_copy(pull->scope),
        .value = pull->after,
        .before = pull->before,
        .number = pull->number,
        .url = memory_copy(pull->url),
        .mergeable = pull->mergeable,
        .opened_ms = pull->opened_ms,
    };
}

static void collect_waiting(void *data, const struct store_waiting *waiting)
{
    struct status *status = data;

    *GROW(status->waits, status->wait_count) = (struct status_waiting){
        .experiment_id = memory_copy(waiting->experiment_id),
        .metric = memory_copy(waiting->metric),
        .value = waiting->after,
        .since_ms = waiting->received_ms,
    };
}

/* By the value that counts for its metric and scope, where that is another one's. */
static void find_overtaken(struct status *status, struct status_pull *pull)
{
    for (size_t i = 0; i < status->frontier_count; i++) {
        const struct status_frontier *frontier = &status->frontiers[i];
        bool down = frontier->metric->direction == METRIC_MINIMIZE;

        if (strcmp(frontier->metric->name, pull->metric) == 0 &&
            strcmp(frontier->scope, pull->scope) == 0 && frontier->known &&
            (down ? frontier->value < pull->value : frontier->value > pull->value))
            pull->overtaken_by = memory_copy(frontier->experiment_id);
    }
}

/* What is in the way of all of them; the first thing that has to go. */
static char *find_hold(const struct status *status, const struct config *config)
{
    const struct status_file *status_file = &status->status_file;
    unsigned limit = config->queue.max_open_pulls;

    if (!status_file->running)
        return memory_copy("the daemon is not running");
    if (*status_file->trouble)
        return memory_format("the forge: %s", status_file->trouble);
    if (*status_file->held)
        return memory_copy(status_file->held);
    if (limit && status->open_pulls >= limit)
        return memory_format("queue.max_open_pulls (%u) is reached", limit);
    return memory_copy("");
}

static int read_sights(struct reading *reading, struct error *error)
{
    struct status *status = reading->status;

    if (store_each_shown_pull(reading->store, collect_pull, status, error) < 0 ||
        store_each_waiting(reading->store, WAITING_LIMIT, collect_waiting, status, error) < 0)
        return -1;
    for (size_t i = 0; i < status->pull_count; i++)
        find_overtaken(status, &status->pulls[i]);
    status->waits_for = find_hold(status, reading->config);
    return 0;
}

/* ---- decisions ---------------------------------------------------------------------------------- */

static void collect_decision(void *data, const struct store_decided *decided)
{
    struct status *status = data;

    *GROW(status->decisions, status->decision_count) = (struct status_decision){
        .at_ms = decided->at_ms,
        .decision = decided->decision,
        .experiment_id = memory_copy(decided->experiment_id),
        .file_name = memory_copy(decided->file_name),
        .metric = memory_copy(decided->metric),
        .before = decided->before,
        .after = decided->after,
        .pull = decided->pull,
        .url = memory_copy(decided->url),
        .reason = memory_copy(decided->reason),
    };
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static int read_all(struct reading *reading, struct error *error)
{
    struct status *status = reading->status;
    struct store *store = reading->store;

    status->stored = true;
    if (store_count(store, status->results, error) < 0 ||
        store_count_waiting(store, &status->waiting, error) < 0 ||
        store_count_open_pulls(store, &status->open_pulls, error) < 0 ||
        read_jobs(reading, error) < 0 || read_frontiers(reading, error) < 0 ||
        read_sights(reading, error) < 0)
        return -1;
    return store_last_decisions(store, DECISION_LIMIT, TOLD_LIMIT, collect_decision, status, error);
}

int status_read(struct status **status, struct store *store, const struct config *config,
                const struct status_file *status_file, struct error *error)
{
    CLEANUP(status_freep) struct status *made = memory_new(sizeof(*made));
    struct reading reading = {.status = made, .store = store, .config = config};
    int done = 0;

    made->now_ms = clock_now_ms();
    made->status_file = *status_file;
    keep_read(&made->kept, config->state);
    if (store) {
        if (store_snapshot(store, error) < 0)
            return -1;
        done = read_all(&reading, error);
        store_rollback(store);
    }
    free(reading.job_ids);
    free(reading.result_ids);
    if (done < 0)
        return -1;
    *status = TAKE(made);
    return 0;
}

static void free_frontier(struct status_frontier *frontier)
{
    for (size_t i = 0; i < frontier->point_count; i++)
        free(frontier->points[i].experiment_id);
    free(frontier->points);
    free(frontier->scope);
    free(frontier->experiment_id);
}

static void free_sights(struct status *status)
{
    for (size_t i = 0; i < status->pull_count; i++) {
        free(status->pulls[i].experiment_id);
        free(status->pulls[i].metric);
        free(status->pulls[i].scope);
        free(status->pulls[i].url);
        free(status->pulls[i].overtaken_by);
    }
    for (size_t i = 0; i < status->wait_count; i++) {
        free(status->waits[i].experiment_id);
        free(status->waits[i].metric);
    }
    free(status->pulls);
    free(status->waits);
    free(status->waits_for);
}

void status_free(struct status *status)
{
    if (!status)
        return;
    free_sights(status);
    for (size_t i = 0; i < status->job_count; i++) {
        free(status->jobs[i].experiment_id);
        free(status->jobs[i].metric);
        free(status->jobs[i].reason);
    }
    for (size_t i = 0; i < status->frontier_count; i++)
        free_frontier(&status->frontiers[i]);
    for (size_t i = 0; i < status->decision_count; i++) {
        free(status->decisions[i].experiment_id);
        free(status->decisions[i].file_name);
        free(status->decisions[i].metric);
        free(status->decisions[i].url);
        free(status->decisions[i].reason);
    }
    free(status->jobs);
    free(status->frontiers);
    free(status->decisions);
    free(status);
}

void status_freep(struct status **status)
{
    status_free(*status);
}
