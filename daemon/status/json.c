/*
 * The status as JSON for programs. Keys are added and never renamed. An unknown value is null. Times are UTC
 * as in RFC 3339.
 */

#include "daemon/status.h"
#include "daemon/status/json-value.h"
#include "daemon/store/base.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"

static void put(struct json_object *object, const char *key, struct json_object *value)
{
    json_object_object_add(object, key, value);
}

static struct json_object *daemon_of(const struct status_file *status_file)
{
    struct json_object *daemon = json_object_new_object();
    bool known = status_file->known;

    put(daemon, "running", json_object_new_boolean(status_file->running));
    put(daemon, "process", json_count_or_null(status_file->process));
    put(daemon, "version", known ? json_text_or_null(status_file->version) : NULL);
    put(daemon, "started", known ? json_time_or_null(status_file->started_ms) : NULL);
    put(daemon, "told", known ? json_time_or_null(status_file->told_ms) : NULL);
    put(daemon, "loop_lag_ms", known ? json_object_new_int64((int64_t)status_file->lag_ms) : NULL);
    return daemon;
}

static struct json_object *forge_of(const struct status_file *status_file)
{
    struct json_object *forge = json_object_new_object();

    put(forge, "state",
        json_object_new_string(status_file->known ? status_file->forge : "unknown"));
    put(forge, "place", json_text_or_null(status_file->place));
    put(forge, "reason", json_text_or_null(status_file->trouble));
    return forge;
}

static struct json_object *base_of(const struct store_base *base)
{
    struct json_object *object;

    if (!base->at_ms)
        return NULL;
    object = json_object_new_object();
    put(object, "commit", json_object_new_string(base->commit));
    put(object, "state",
        json_object_new_string(!base->passed ? "failed"
                               : base->flaky ? "flaky"
                                             : "passed"));
    put(object, "time", json_time_or_null(base->at_ms));
    put(object, "duration_ms", json_object_new_int64(base->duration_ms));
    put(object, "reason", json_text_or_null(base->reason));
    put(object, "log", json_text_or_null(base->log));
    return object;
}

static struct json_object *results_of(const struct status *status)
{
    struct json_object *results = json_object_new_object();

    for (int i = 0; i < DECISION_COUNT; i++)
        put(results, decision_name((enum decision)i),
            json_object_new_int64((int64_t)status->results[i]));
    return results;
}

static struct json_object *run_of(const struct slurm_record *run)
{
    struct json_object *object;

    if (!run->attempt)
        return NULL;
    object = json_object_new_object();
    put(object, "slurm_job", json_count_or_null(run->id));
    put(object, "attempt", json_object_new_int64(run->attempt));
    put(object, "node", json_text_or_null(run->node));
    put(object, "submitted",
        json_time_or_null(run->state == SLURM_SUBMITTED ? run->submitted_ms : 0));
    put(object, "began", json_time_or_null(run->began_ms));
    put(object, "waits", json_text_or_null(run->waits));
    return object;
}

static struct json_object *jobs_of(const struct status *status, bool undoing)
{
    struct json_object *jobs = json_object_new_array();

    for (size_t i = 0; i < status->job_count; i++) {
        const struct status_job *job = &status->jobs[i];
        struct json_object *object;

        if (job->undoing != undoing)
            continue;
        object = json_object_new_object();
        put(object, "experiment", json_text_or_null(job->experiment_id));
        put(object, "metric", json_text_or_null(job->metric));
        put(object, "step", json_object_new_string(job->step));
        put(object, "attempt", json_object_new_int64((int64_t)job->attempt));
        put(object, "since", json_time_or_null(job->since_ms));
        put(object, "held_up_since", json_time_or_null(job->faulty_ms));
        put(object, "held_up_ms", json_object_new_int64(job->tried_ms));
        put(object, "pull", json_count_or_null(job->pull));
        put(object, "reason", json_text_or_null(job->reason));
        put(object, "waits", json_object_new_boolean(job->rests));
        put(object, "run", run_of(&job->run));
        json_object_array_add(jobs, object);
    }
    return jobs;
}

static struct json_object *pulls_of(const struct status *status)
{
    struct json_object *pulls = json_object_new_array();

    for (size_t i = 0; i < status->pull_count; i++) {
        const struct store_open_pull *pull = &status->pulls[i];
        struct json_object *object = json_object_new_object();
        bool known = pull->mergeable != FORGE_MERGEABLE_UNKNOWN;

        put(object, "experiment", json_text_or_null(pull->experiment_id));
        put(object, "metric", json_text_or_null(pull->metric));
        put(object, "scope", json_object_new_string(pull->scope));
        put(object, "before", json_number_or_null(pull->before));
        put(object, "after", json_number_or_null(pull->value));
        put(object, "pull", json_count_or_null(pull->number));
        put(object, "url", json_text_or_null(pull->url));
        put(object, "mergeable",
            known ? json_object_new_boolean(pull->mergeable == FORGE_MERGEABLE) : NULL);
        put(object, "stale", json_text_or_null(pull->stale));
        put(object, "overtaken_by", json_text_or_null(status_overtaken_by(status, pull)));
        put(object, "opened", json_time_or_null(pull->opened_ms));
        json_object_array_add(pulls, object);
    }
    return pulls;
}

static struct json_object *members_of(const struct status *status, const struct status_work *work)
{
    struct json_object *members = json_object_new_array();

    for (size_t i = 0; i < work->count; i++) {
        const struct store_member *member = &status->members[work->members[i]];
        struct json_object *object = json_object_new_object();

        put(object, "pull", json_count_or_null(member->pull));
        put(object, "experiment", json_text_or_null(member->experiment_id));
        put(object, "state", json_object_new_string(member->open ? "open" : "contained"));
        json_object_array_add(members, object);
    }
    return members;
}

static struct json_object *works_of(const struct status *status)
{
    struct json_object *works = json_object_new_array();

    for (size_t i = 0; i < status->work_count; i++) {
        const struct status_work *work = &status->works[i];
        struct json_object *object = json_object_new_object();

        put(object, "pulls", members_of(status, work));
        put(object, "on",
            work->on == SIZE_MAX ? NULL : json_count_or_null(status->members[work->on].pull));
        json_object_array_add(works, object);
    }
    return works;
}

static struct json_object *waits_of(const struct status *status)
{
    struct json_object *waits = json_object_new_array();

    for (size_t i = 0; i < status->wait_count; i++) {
        const struct store_waiting *waiting = &status->waits[i];
        struct json_object *object = json_object_new_object();

        put(object, "experiment", json_text_or_null(waiting->experiment_id));
        put(object, "metric", json_text_or_null(waiting->metric));
        put(object, "after", json_number_or_null(waiting->value));
        put(object, "since", json_time_or_null(waiting->since_ms));
        json_object_array_add(waits, object);
    }
    return waits;
}

static struct json_object *awaiting_of(const struct status *status)
{
    struct json_object *awaiting = json_object_new_array();

    for (size_t i = 0; i < status->awaiting_count; i++) {
        struct json_object *object = json_object_new_object();

        put(object, "file", json_text_or_null(status->awaiting[i].file_name));
        put(object, "since", json_time_or_null(status->awaiting[i].since_ms));
        json_object_array_add(awaiting, object);
    }
    return awaiting;
}

static struct json_object *history_of(const struct status_frontier *frontier)
{
    struct json_object *history = json_object_new_array();

    for (size_t i = 0; i < frontier->point_count; i++) {
        struct json_object *point = json_object_new_object();

        put(point, "experiment", json_text_or_null(frontier->points[i].experiment_id));
        put(point, "value", json_number_or_null(frontier->points[i].value));
        put(point, "baseline", json_object_new_boolean(frontier->points[i].baseline));
        json_object_array_add(history, point);
    }
    return history;
}

static struct json_object *frontiers_of(const struct status *status)
{
    struct json_object *frontiers = json_object_new_array();

    for (size_t i = 0; i < status->frontier_count; i++) {
        const struct status_frontier *frontier = &status->frontiers[i];
        struct json_object *object = json_object_new_object();
        bool down = frontier->metric->direction == METRIC_MINIMIZE;

        put(object, "metric", json_object_new_string(frontier->metric->name));
        put(object, "scope", json_object_new_string(frontier->scope));
        put(object, "direction", json_object_new_string(down ? "minimize" : "maximize"));
        put(object, "value", frontier->known ? json_number_or_null(frontier->value) : NULL);
        put(object, "experiment", json_text_or_null(frontier->experiment_id));
        put(object, "history", history_of(frontier));
        json_object_array_add(frontiers, object);
    }
    return frontiers;
}

static struct json_object *decisions_of(const struct status *status)
{
    struct json_object *decisions = json_object_new_array();

    for (size_t i = 0; i < status->decision_count; i++) {
        const struct store_decided *decision = &status->decisions[i];
        struct json_object *object = json_object_new_object();

        put(object, "time", json_time_or_null(decision->at_ms));
        put(object, "experiment", json_text_or_null(decision->experiment_id));
        put(object, "file", json_text_or_null(decision->file_name));
        put(object, "decision", json_object_new_string(decision_name(decision->decision)));
        put(object, "metric", json_text_or_null(decision->metric));
        put(object, "before", json_number_or_null(decision->before));
        put(object, "after", json_number_or_null(decision->after));
        put(object, "pull", json_count_or_null(decision->pull));
        put(object, "url", json_text_or_null(decision->url));
        put(object, "reason", json_text_or_null(decision->reason));
        json_object_array_add(decisions, object);
    }
    return decisions;
}

static struct json_object *cache_of(const struct cache_figures *cache)
{
    struct json_object *object;

    if (!cache->at_ms)
        return NULL;
    object = json_object_new_object();
    put(object, "time", json_time_or_null(cache->at_ms));
    put(object, "bytes", json_object_new_int64((int64_t)cache->bytes));
    return object;
}

static struct json_object *kept_of(const struct keep_sizes *kept)
{
    struct json_object *object = json_object_new_object();

    put(object, "time", json_time_or_null(kept->at_ms));
    for (enum keep_place place = 0; kept->at_ms && place < KEEP_PLACES; place++) {
        struct json_object *size = json_object_new_object();

        put(size, "files", json_object_new_int64((int64_t)kept->places[place].files));
        put(size, "bytes", json_object_new_int64((int64_t)kept->places[place].bytes));
        put(object, keep_name(place), size);
    }
    return object;
}

void status_json(struct text *text, const struct status *status)
{
    struct json_object *object = json_object_new_object();

    put(object, "time", json_time_or_null(status->now_ms));
    put(object, "daemon", daemon_of(&status->status_file));
    put(object, "forge", forge_of(&status->status_file));
    put(object, "held", json_text_or_null(status->status_file.held));
    put(object, "base", base_of(&status->base));
    put(object, "cache", cache_of(&status->cache));
    put(object, "waiting", json_object_new_int64((int64_t)status->waiting));
    put(object, "open_pulls", json_object_new_int64((int64_t)status->open_pulls));
    put(object, "pulls", pulls_of(status));
    put(object, "lines_of_work", works_of(status));
    put(object, "waits_for", json_text_or_null(status->waits_for));
    put(object, "first_waiting", waits_of(status));
    put(object, "awaiting_patch", awaiting_of(status));
    put(object, "results", results_of(status));
    put(object, "running", jobs_of(status, false));
    put(object, "undo", jobs_of(status, true));
    put(object, "frontier", frontiers_of(status));
    put(object, "decisions", decisions_of(status));
    put(object, "kept", kept_of(&status->kept));
    text_append(text, json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
                                                                 JSON_C_TO_STRING_NOSLASHESCAPE));
    text_append(text, "\n");
    json_object_put(object);
}
