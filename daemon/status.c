#include "daemon/status.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/gate.h"
#include "daemon/lane.h"
#include "daemon/status/work.h"
#include "daemon/steps.h"
#include "daemon/store/base.h"
#include "daemon/store/job.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DECISION_LIMIT 20
#define TOLD_LIMIT     10 /* promotions and failures among the decisions, however long ago */
#define WAITING_LIMIT  10
#define POINT_LIMIT    50
struct reading {
    struct status *status;
    struct store *store;
    const struct config *config;
};

/* ---- jobs --------------------------------------------------------------------------------------- */

/* Why a job is undone, or what one that goes on waits for. */
static int read_reason(struct store *store, const struct store_job *record, struct status_job *job,
                       struct error *error)
{
    CLEANUP_FREE char *waits = NULL;

    if (store_step_waits(store, record->id, &waits, &job->rests, error) < 0)
        return -1;
    job->reason = memory_copy(record->reason ? record->reason : waits ? waits : "");
    return 0;
}

static int read_job(struct store *store, const struct store_job *record, struct status_job *job,
                    struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;

    *job = (struct status_job){
        .undoing = record->state == JOB_UNDOING,
        .step = memory_copy(record->step),
        .attempt = record->attempt,
        .faulty_ms = record->faulty_since_ms,
        .tried_ms = record->tried_ms,
        .pull = record->pull,
    };
    if (store_load(store, record->result, &row, error) < 0 ||
        store_step_began(store, record->id, &job->since_ms, error) < 0)
        return -1;
    job->experiment_id = memory_copy(row ? row->experiment_id : "");
    job->metric = memory_copy(row ? row->metric : "");
    return read_reason(store, record, job, error);
}

/* Where the tests of a job run, if that is on Slurm. */
static int read_run(const struct reading *reading, const struct store_job *record,
                    struct status_job *job, struct error *error)
{
    const struct step *row = step_of(record);
    enum step_runs runs = row && !job->undoing ? row->runs : ROW_RUNS_NOTHING;
    const char *name = runs == ROW_RUNS_BASE ? BASE_NAME : job->experiment_id;

    if (runs == ROW_RUNS_NOTHING || reading->config->validation.engine != ENGINE_SLURM)
        return 0;
    if (slurm_record_read(&job->run, reading->store, name, error) < 0)
        return -1;
    if (job->run.state != SLURM_SUBMITTED &&
        !(job->run.state == SLURM_SUBMITTING && job->run.waits))
        slurm_record_clear(&job->run);
    return 0;
}

static int read_jobs(struct reading *reading, struct error *error)
{
    struct status *status = reading->status;
    struct store_job *records;
    size_t count;
    int read = store_list_jobs(reading->store, &records, &count, error);

    status->jobs = memory_new_array(count + 1, sizeof(*status->jobs));
    while (read == 0 && status->job_count < count) {
        size_t i = status->job_count++;

        read = read_job(reading->store, &records[i], &status->jobs[i], error);
        if (read == 0)
            read = read_run(reading, &records[i], &status->jobs[i], error);
    }
    store_jobs_free(records, count);
    return read;
}

/* ---- frontier ----------------------------------------------------------------------------------- */

static void add_frontier(struct status *status, const struct config_metric *metric,
                         const char *scope)
{
    size_t count = status->frontier_count++;

    status->frontiers = memory_resize(status->frontiers, (count + 1) * sizeof(*status->frontiers));
    status->frontiers[count] = (struct status_frontier){
        .metric = metric,
        .scope = memory_copy(scope),
    };
}

/* The frontier of result files is shown from the beginning. */
static int add_scopes(struct reading *reading, struct error *error)
{
    struct store_lane *lanes;
    size_t count;
    int listed = store_list_frontiers(reading->store, &lanes, &count, error);

    for (size_t i = 0; listed == 0 && i < count; i++) {
        const struct config_metric *metric = lane_metric(reading->config, lanes[i].metric,
                                                         lanes[i].scope);

        if (metric && *lanes[i].scope)
            add_frontier(reading->status, metric, lanes[i].scope);
    }
    store_lanes_free(lanes, count);
    return listed;
}

static int read_frontier(struct store *store, struct status_frontier *frontier, struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    struct store_frontier found;

    if (store_frontier(store, frontier->metric, frontier->scope, &found, error) < 0 ||
        (found.result && store_load(store, found.result, &row, error) < 0) ||
        store_frontier_history(store, frontier->metric->name, frontier->scope, 0, POINT_LIMIT,
                               &frontier->points, &frontier->point_count, error) < 0)
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
    if (add_scopes(reading, error) < 0)
        return -1;
    for (size_t i = 0; i < status->frontier_count; i++) {
        if (read_frontier(reading->store, &status->frontiers[i], error) < 0)
            return -1;
    }
    return 0;
}

/* ---- what a person looks at ---------------------------------------------------------------------- */

/* By the frontier of its metric and scope, if that is another experiment's value. */
const char *status_overtaken_by(const struct status *status, const struct store_open_pull *pull)
{
    for (size_t i = 0; i < status->frontier_count; i++) {
        const struct status_frontier *frontier = &status->frontiers[i];

        if (strcmp(frontier->metric->name, pull->metric) == 0 &&
            strcmp(frontier->scope, pull->scope) == 0 && frontier->known &&
            gate_better(frontier->metric->direction, frontier->value, pull->value))
            return frontier->experiment_id;
    }
    return NULL;
}

/* Finds the first thing that keeps all of them from starting. */
static char *find_hold(const struct status *status, const struct config *config)
{
    const struct status_file *status_file = &status->status_file;
    unsigned limit = config->queue.max_open_pulls;

    if (!status_file->running && *status_file->held)
        return memory_format("the daemon is not running; when it last ran: %s", status_file->held);
    if (!status_file->running && limit && status->open_pulls >= limit)
        return memory_format("the daemon is not running; queue.max_open_pulls (%u) is reached",
                             limit);
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

/* A job that has not begun its step has no reason of its own. It waits for what the others wait for. */
static void explain_rest(struct status *status)
{
    for (size_t i = 0; i < status->job_count; i++) {
        struct status_job *job = &status->jobs[i];

        job->rests = !job->undoing && (job->rests || !status->status_file.running);
        if (job->rests && !*job->reason) {
            free(job->reason);
            job->reason = memory_copy(status->waits_for);
        }
    }
}

static int read_works(struct reading *reading, struct error *error)
{
    CLEANUP_FREE struct store_containment *containments = NULL;
    struct status *status = reading->status;
    size_t count;

    if (store_list_members(reading->store, &status->members, &status->member_count, error) < 0 ||
        store_list_containments(reading->store, &containments, &count, error) < 0)
        return -1;
    work_find(status, containments, count);
    return 0;
}

/* A file that was removed is in the store for a while. */
static int read_awaiting(struct reading *reading, struct error *error)
{
    struct status *status = reading->status;
    size_t kept = 0;

    if (store_list_awaiting(reading->store, &status->awaiting, &status->awaiting_count, error) < 0)
        return -1;
    for (size_t i = 0; i < status->awaiting_count; i++) {
        struct store_awaiting *awaiting = &status->awaiting[i];
        CLEANUP_FREE char *path = file_join(reading->config->spool, awaiting->file_name);

        if (access(path, F_OK) == 0)
            status->awaiting[kept++] = *awaiting;
        else
            free(awaiting->file_name);
    }
    status->awaiting_count = kept;
    return 0;
}

static int read_sights(struct reading *reading, struct error *error)
{
    struct status *status = reading->status;

    if (store_list_open_pulls(reading->store, &status->pulls, &status->pull_count, error) < 0 ||
        store_list_waiting(reading->store, WAITING_LIMIT, &status->waits, &status->wait_count,
                           error) < 0 ||
        read_awaiting(reading, error) < 0 || read_works(reading, error) < 0)
        return -1;
    status->waits_for = find_hold(status, reading->config);
    explain_rest(status);
    return 0;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

/* A running daemon itself says what holds its jobs. */
static int read_hold(struct reading *reading, struct error *error)
{
    struct status_file *status_file = &reading->status->status_file;
    CLEANUP_FREE char *hold = NULL;

    if (status_file->running)
        return 0;
    if (store_read_hold(reading->store, &hold, error) < 0)
        return -1;
    snprintf(status_file->held, sizeof(status_file->held), "%s", hold);
    return 0;
}

static int read_all(struct reading *reading, struct error *error)
{
    struct status *status = reading->status;
    struct store *store = reading->store;

    status->stored = true;
    if (read_hold(reading, error) < 0 || store_count(store, status->results, error) < 0 ||
        store_count_waiting(store, &status->waiting, error) < 0 ||
        store_count_open_pulls(store, &status->open_pulls, error) < 0 ||
        read_jobs(reading, error) < 0 || read_frontiers(reading, error) < 0 ||
        read_sights(reading, error) < 0 || store_last_base(store, &status->base, error) < 0)
        return -1;
    return store_last_decisions(store, DECISION_LIMIT, TOLD_LIMIT, &status->decisions,
                                &status->decision_count, error);
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
    cache_read(&made->cache, config->state);
    if (store) {
        if (store_snapshot(store, error) < 0)
            return -1;
        done = read_all(&reading, error);
        store_rollback(store);
    }
    if (done < 0)
        return -1;
    *status = TAKE(made);
    return 0;
}

void status_free(struct status *status)
{
    if (!status)
        return;
    for (size_t i = 0; i < status->job_count; i++) {
        free(status->jobs[i].experiment_id);
        free(status->jobs[i].step);
        free(status->jobs[i].metric);
        free(status->jobs[i].reason);
        slurm_record_clear(&status->jobs[i].run);
    }
    for (size_t i = 0; i < status->frontier_count; i++) {
        store_points_free(status->frontiers[i].points, status->frontiers[i].point_count);
        free(status->frontiers[i].scope);
        free(status->frontiers[i].experiment_id);
    }
    store_open_pulls_free(status->pulls, status->pull_count);
    store_waiting_free(status->waits, status->wait_count);
    store_awaiting_free(status->awaiting, status->awaiting_count);
    store_decisions_free(status->decisions, status->decision_count);
    store_base_clear(&status->base);
    work_clear(status);
    free(status->waits_for);
    free(status->jobs);
    free(status->frontiers);
    free(status);
}

void status_freep(struct status **status)
{
    status_free(*status);
}
