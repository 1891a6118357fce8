#include "daemon/job.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/document.h"
#include "daemon/events.h"
#include "daemon/lane.h"
#include "daemon/repository/source-commit.h"
#include "daemon/steps.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a job that waits for the forge waits at a time. */
#define PARK_LEAST_MS 1000
#define PARK_MOST_MS  60000

static void run(void *data);

bool job_undoing(const struct job *job)
{
    return job->record.state == JOB_UNDOING;
}

bool job_opening(const struct job *job)
{
    int step = job->record.step;

    return !job_undoing(job) && (step > STEP_PULL || (step == STEP_PULL && job->record.started));
}

bool job_early(const struct job *job)
{
    return job->record.step <= STEP_COMPOSE;
}

bool job_validating(const struct job *job)
{
    uint64_t ran = uv_now(job->services->loop) - job->step_began;

    if (job_undoing(job) || job->record.step != STEP_VALIDATE || job->waiting || job->parked)
        return false;
    /* After a fault: once the requirements must have answered, the command runs. */
    return (job->record.faulty_since_ms == 0 && !job->requires) ||
           ran > job->services->config->forge.timeout_ms;
}

const char *job_step_name(const struct job *job)
{
    int step = job->record.step;

    return step >= 0 && step < STEP_COUNT ? steps[step].name : "end";
}

const struct config_metric *job_metric(const struct job *job)
{
    return config_metric(job->services->config, job->row->metric);
}

void job_pause(struct job *job, uint64_t delay_ms, void (*callback)(void *data))
{
    job->operation = loop_after(job->services->loop, delay_ms, callback, job);
}

/* Entered from the loop only: operations have ended by now, and callbacks have returned. */
static void go_on(void *data)
{
    struct job *job = data;

    job->operation = NULL;
    job->waiting = false;
    run(job);
}

static void schedule(struct job *job, uint64_t delay_ms)
{
    job_pause(job, delay_ms, go_on);
}

static bool save(struct job *job)
{
    struct error error;

    if (store_save_job(job->services->store, &job->record, &error) == 0)
        return true;
    log_event(&event_store_failed, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("reason", error.message));
    return false;
}

/* The history of steps is for people; that it cannot be written changes nothing else. */
static void note_step(struct job *job, const char *what, const char *reason)
{
    struct error ignored;

    (void)store_add_step(job->services->store, job->record.id, job_step_name(job), what,
                         job->record.attempt, reason, &ignored);
}

static void count_try(struct job *job, enum counters_end end)
{
    counters_step(job->services->counters, job->record.step, job_undoing(job), end,
                  uv_now(job->services->loop) - job->step_began);
}

/* ---- trouble that may pass ---------------------------------------------------------------------- */

static void end_trouble(struct job *job)
{
    job->record.faulty_since_ms = 0;
    job->record.tried_ms = 0;
}

/* Only what was spent on it in this process counts, by a clock that nobody sets; and of a pause no more
 * than it was meant to take, as we may have been asleep. */
static void count_trying(struct job *job, uint64_t spent_ms)
{
    if (job->record.faulty_since_ms == 0)
        job->record.faulty_since_ms = clock_now_ms();
    job->record.tried_ms += (int64_t)spent_ms;
}

static bool tried_long_enough(const struct job *job)
{
    return job->record.tried_ms >= (int64_t)job->services->config->queue.retry_for_ms;
}

/* ---- how a step ends ---------------------------------------------------------------------------- */

static void begin_undo(struct job *job, const char *reason, enum decision outcome)
{
    free(job->record.reason);
    free(job->record.failed_step);
    job->record.reason = memory_copy(reason);
    job->record.failed_step = memory_copy(job_step_name(job));
    job->record.outcome = outcome;
    job->record.state = JOB_UNDOING;
    job->record.attempt = 0;
    end_trouble(job);
    /* Not written: after a crash the step is tried again and fails again. */
    save(job);
    job->services->progress(job->services->data);
    schedule(job, 0);
}

/* The step that was held, or waited for, is over. */
static void end_holds(struct job *job)
{
    if (job->held)
        health_mended(job->services->health);
    job->held = job->requires = job->source_failed = false;
    job->doubted = 0;
}

static const char *job_pull_url(const struct job *job)
{
    return *job->record.pull_url ? job->record.pull_url : NULL;
}

void job_done(struct job *job)
{
    bool undoing = job_undoing(job);

    job->operation = NULL;
    job->undo_busy = false;
    log_event(undoing ? &event_undo_ended : &event_step_ended,
              LOG_TEXT("experiment", job->row->experiment_id), LOG_TEXT("step", job_step_name(job)),
              LOG_INTEGER("attempt", job->record.attempt),
              LOG_INTEGER("duration_ms", (int64_t)(uv_now(job->services->loop) - job->step_began)),
              LOG_TEXT("branch", job->record.step == STEP_BRANCH ? job->branch : NULL),
              LOG_NUMBER("pull", job->record.pull ? (double)job->record.pull : NAN),
              LOG_TEXT("url", job->record.step == STEP_PULL ? job_pull_url(job) : NULL));
    note_step(job, undoing ? "undone" : "end", NULL);
    count_try(job, COUNTERS_DONE);
    job->record.step += undoing ? -1 : 1;
    job->record.started = false;
    end_holds(job);
    job->record.attempt = 0;
    end_trouble(job);
    /* Not written: the step is repeated after a crash, and finds itself done. */
    save(job);
    job->services->progress(job->services->data);
    schedule(job, 0);
}

static void wait_and_try_again(struct job *job, const char *reason, int64_t retry_after_ms)
{
    uint64_t pause = backoff_asked_ms(job->record.attempt, retry_after_ms);

    count_trying(job, pause);
    save(job);
    log_event(job_undoing(job) ? &event_undo_waits : &event_step_waits,
              LOG_TEXT("experiment", job->row->experiment_id), LOG_TEXT("step", job_step_name(job)),
              LOG_INTEGER("attempt", job->record.attempt), LOG_TEXT("reason", reason),
              LOG_INTEGER("next_ms", (int64_t)pause));
    job->waiting = true;
    schedule(job, pause);
}

void job_waits(struct job *job, const char *reason)
{
    job->operation = NULL;
    job->requires = true;
    end_trouble(job);
    note_step(job, "later", reason);
    count_try(job, COUNTERS_LATER);
    wait_and_try_again(job, reason, -1);
}

/* Where the forge was never asked for a branch, nothing is to be undone there: one that refuses need not be
 * waited for. */
static bool needs_forge(const struct job *job)
{
    const struct step *step = &steps[job->record.step];

    if (job_undoing(job))
        return step->undo_needs_forge && job->record.branch_posted_ms != 0;
    return step->start_needs_forge;
}

void job_later(struct job *job, const struct error *error, int64_t retry_after_ms)
{
    struct error last = *error;
    bool again;

    job->operation = NULL;
    if (job->undo_busy) {
        job->undo_busy = false;
        job->services->undo_rests(job->services->data);
    }
    note_step(job, "later", error->message);
    count_try(job, COUNTERS_LATER);
    if (needs_forge(job))
        health_suspect(job->services->health, retry_after_ms);
    again = job->record.faulty_since_ms != 0;
    count_trying(job, uv_now(job->services->loop) - job->step_began);
    if (!job_undoing(job) && again && tried_long_enough(job)) {
        last.kind = ERROR_PERMANENT;
        error_wrap(&last, "tried in vain for queue.retry_for");
        job_failed_itself(job, &last);
        return;
    }
    wait_and_try_again(job, error->message, retry_after_ms);
}

void job_failed_itself(struct job *job, const struct error *error)
{
    job->operation = NULL;
    log_event(&event_step_failed, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("step", job_step_name(job)), LOG_INTEGER("attempt", job->record.attempt),
              LOG_INTEGER("duration_ms", (int64_t)(uv_now(job->services->loop) - job->step_began)),
              LOG_TEXT("reason", error->message));
    note_step(job, "failed", error->message);
    count_try(job, COUNTERS_FAILED);
    end_holds(job);
    begin_undo(job, error->message, DECISION_FAILED);
}

/* What was refused here may be refused to all (the token, the repository, a program): that is found out
 * before it is charged to this experiment, and before the next one meets it. */
static void doubt(struct job *job, const struct error *error, bool holds)
{
    job->operation = NULL;
    job->parked = true;
    job->doubt = memory_new(sizeof(*job->doubt));
    *job->doubt = *error;
    job->doubt_holds = holds;
    if (health_state(job->services->health) == HEALTH_REFUSED)
        job_conclude(job); /* it is known already */
    else
        health_ask(job->services->health);
}

/* Whether its step needs nothing but the forge. */
static bool is_at_forge(const struct job *job)
{
    return job->record.step != STEP_COMPOSE && job->record.step != STEP_VALIDATE;
}

void job_failed(struct job *job, const struct error *error)
{
    if (job_undoing(job) || error->kind == ERROR_TRANSIENT)
        job_later(job, error, -1);
    else if (error->kind == ERROR_BUG)
        job_failed_itself(job, error);
    else
        doubt(job, error, error->installation && is_at_forge(job));
}

void job_forge_failed(struct job *job, const struct forge_reply *reply, const struct error *error)
{
    if (reply->unauthorized || error->kind == ERROR_TRANSIENT)
        job->services->counters->forge_errors++;
    if (error->kind == ERROR_TRANSIENT)
        job_later(job, error, reply->retry_after_ms);
    else if (!job_undoing(job) && (reply->unauthorized || reply->installation))
        doubt(job, error, true);
    else
        job_failed(job, error);
}

/* The step is kept, and begun again once what holds it is mended. */
static void keep_step(struct job *job, const char *reason)
{
    log_event(&event_step_held, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("step", job_step_name(job)), LOG_INTEGER("attempt", job->record.attempt),
              LOG_TEXT("reason", reason));
    note_step(job, "later", reason);
    count_try(job, COUNTERS_LATER);
    end_trouble(job);
}

static bool met_held_source(struct job *job)
{
    if (job->record.step != STEP_COMPOSE || !health_sources_held(job->services->health))
        return false;
    job->source_failed = true;
    return job->source_failed = job_needs_held_source(job);
}

void job_conclude(struct job *job)
{
    struct health *health = job->services->health;
    CLEANUP_FREE struct error *why = NULL;

    if (!job->doubt || health_state(health) == HEALTH_UNKNOWN ||
        health_state(health) == HEALTH_DOWN)
        return;
    why = TAKE(job->doubt);
    if (health_state(health) == HEALTH_REFUSED) {
        keep_step(job, why->message);
    } else if (met_held_source(job)) {
        keep_step(job, why->message);
        job->aside = job->stepped_aside = true;
    } else if (!job->doubt_holds) {
        job->parked = false;
        if (why->installation)
            job_later(job, why, -1); /* it was mended meanwhile */
        else
            job_failed_itself(job, why);
    } else if (job->doubted++ == 0) {
        keep_step(job, why->message); /* all is well meanwhile: it is tried once more */
    } else {
        keep_step(job, why->message);
        job->held = true;
        health_hold(health, why);
    }
}

void job_call_ended(void *data, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error)
        job_failed(job, error);
    else
        job_done(job);
}

bool job_save(struct job *job)
{
    struct error error;

    if (store_save_job(job->services->store, &job->record, &error) == 0)
        return true;
    job_later(job, &error, -1);
    return false;
}

void job_settled_by_person(struct job *job, enum pull_state state)
{
    job->operation = NULL;
    job->undo_busy = false;
    job->settled = true;
    job->settled_as = state;
    schedule(job, 0);
}

/* ---- the last judgements, before the branch moves and before the pull request is opened --------- */

/* What was written for the old reference goes in the same moment: it must not be found again. */
static void rewind_to_compose(struct job *job, const struct gate_verdict *verdict)
{
    struct store_job before = job->record;
    struct error error;

    job->record.reference = verdict->reference;
    job->record.step = STEP_COMPOSE;
    job->record.attempt = 0;
    if (store_rewind_job(job->services->store, &job->record, &error) < 0) {
        job->record = before;
        job_later(job, &error, -1);
        return;
    }
    log_event(&event_job_rewound, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_NUMBER("before", verdict->reference), LOG_TEXT("reason", verdict->reason));
    job->verdict = *verdict;
    job->documented = false;
    schedule(job, 0);
}

/* The pull request shows the right reference. The commit says nothing of it: its verdict holds. After a
 * restart what validation found is known no more, and is to be found again. */
static bool show(struct job *job, const struct gate_verdict *verdict)
{
    double before = job->record.reference;
    /* After a restart the reference alone is known. */
    bool same = verdict->reference == before &&
                (!job->command || verdict->threshold == job->verdict.threshold);
    struct error error;

    job->verdict = *verdict;
    if (same && job->documented)
        return true;
    if (!job->command) {
        rewind_to_compose(job, verdict);
        return false;
    }
    job->record.reference = verdict->reference;
    if (document_write(job, &error) == 0)
        return true;
    job->record.reference = before;
    job_later(job, &error, -1);
    return false;
}

static void turn_down(struct job *job, const struct gate_verdict *verdict,
                      const struct store_frontier *frontier)
{
    if (verdict->outcome == GATE_NOT_IMPROVED)
        job->record.turned_down_by = frontier->result;
    job->record.reference = verdict->reference;
    begin_undo(job, verdict->reason,
               lane_decision(job->row, frontier, verdict, job->services->config->queue.order));
}

/* Whether everything that arrived earlier has settled, the result is still better, and the pull request
 * will show the right reference. If not, the job was sent elsewhere, or parked. */
static bool admit(struct job *job)
{
    struct services *services = job->services;
    const struct config_metric *metric = job_metric(job);
    struct store_frontier frontier;
    struct gate_verdict verdict;
    struct error error;
    bool may;

    if (job->record.step == STEP_PUSH && job->record.push_sent)
        return true; /* it may yet arrive: an undo has to know where the branch is */
    if (!metric) {
        begin_undo(job, "its metric is not configured any more", DECISION_FAILED);
        return false;
    }
    if (services->may_settle(services->data, job, &may, &error) < 0 ||
        lane_judge(services->store, metric, job->row->scope, &job->row->claim, &frontier, &verdict,
                   &error) < 0) {
        job_later(job, &error, -1);
        return false;
    }
    if (!may) {
        job->parked = job->waits_for_turn = true;
        return false;
    }
    if (verdict.outcome != GATE_IMPROVED) {
        turn_down(job, &verdict, &frontier);
        return false;
    }
    return show(job, &verdict);
}

/* ---- how a job ends ----------------------------------------------------------------------------- */

static void end(struct job *job, enum decision decision, const char *reason)
{
    struct services *services = job->services;
    bool failed = decision == DECISION_FAILED;
    CLEANUP_FREE char *full = failed ? memory_format("%s: %s", job->record.failed_step, reason)
                                     : memory_copy(reason);
    struct store_decision verdict = {
        .decision = decision,
        .reason = full,
        .reference = job->record.reference,
        .reference_result = decision == DECISION_DISCARDED || decision == DECISION_SUPERSEDED
                                ? job->record.turned_down_by
                                : 0,
    };
    struct error error;

    /* First, as nobody does it once the job is over in the store. */
    repository_forget(services->repository, job->branch);
    if (store_end_job(services->store, &job->record, &verdict, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("experiment", job->row->experiment_id),
                  LOG_TEXT("reason", error.message));
        schedule(job, backoff_ms(++job->record.attempt));
        return;
    }
    counters_job(services->counters, decision, failed ? job->record.failed_step : NULL);
    log_event(&event_result_decided, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("metric", job->row->metric), LOG_NUMBER("before", job->record.reference),
              LOG_NUMBER("after", job->row->claim.after.mean),
              LOG_TEXT("decision", decision_name(decision)),
              LOG_TEXT("step", failed ? job->record.failed_step : NULL),
              LOG_NUMBER("pull", job->record.pull && decision == DECISION_PROMOTED
                                     ? (double)job->record.pull
                                     : NAN),
              LOG_TEXT("url", decision == DECISION_PROMOTED ? job_pull_url(job) : NULL),
              LOG_TEXT("branch", job->branch), LOG_TEXT("reason", *reason ? reason : NULL));
    services->over(services->data, job);
}

/* Closed or merged by a person while the job ran: promoted first, and then that counts (the queue
 * settles the pull request once the job is over). */
static void end_promoted(struct job *job)
{
    end(job, DECISION_PROMOTED, job->settled ? "its pull request was settled by a person" : "");
}

/* ---- walking ------------------------------------------------------------------------------------ */

/* What it waited for the forge counts as trying: the forge's health asks again and again. Not while the
 * forge refuses, which is for somebody to mend. */
static void stop_waiting(struct job *job)
{
    uint64_t waited = uv_now(job->services->loop) - job->parked_at;
    uint64_t pause = job->pause_ms;

    job->parked = false;
    job->crowded = false;
    job->waits_for_turn = false;
    job->pause_ms = 0;
    operation_clear(&job->operation);
    if (pause == 0 || health_state(job->services->health) == HEALTH_REFUSED)
        return;
    count_trying(job, waited < pause ? waited : pause);
    save(job);
}

static void park(struct job *job);

static void on_waited(void *data)
{
    struct job *job = data;
    struct error error;

    job->operation = NULL;
    stop_waiting(job);
    if (!tried_long_enough(job) || health_state(job->services->health) != HEALTH_DOWN) {
        park(job);
        return;
    }
    error_set(&error, ERROR_PERMANENT, "tried in vain for queue.retry_for: %s",
              health_reason(job->services->health));
    job_failed_itself(job, &error);
}

/* Waits for the forge. A job that met a fault itself does not wait for ever, unless for a person. */
static void park(struct job *job)
{
    int64_t left = (int64_t)job->services->config->queue.retry_for_ms - job->record.tried_ms;

    job->parked = true;
    job->parked_at = uv_now(job->services->loop);
    if (job_undoing(job) || job->record.faulty_since_ms == 0)
        return;
    job->pause_ms = left < PARK_LEAST_MS  ? PARK_LEAST_MS
                    : left > PARK_MOST_MS ? PARK_MOST_MS
                                          : (uint64_t)left;
    job_pause(job, job->pause_ms, on_waited);
}

static void begin_step(struct job *job)
{
    const struct step *step = &steps[job->record.step];
    bool undoing = job_undoing(job);

    job->record.started = true;
    job->record.attempt++;
    if (!save(job)) {
        schedule(job, backoff_ms(job->record.attempt));
        return;
    }
    note_step(job, undoing ? "undo" : "start", NULL);
    log_event(undoing ? &event_undo_started : &event_step_started,
              LOG_TEXT("experiment", job->row->experiment_id), LOG_TEXT("step", step->name),
              LOG_INTEGER("attempt", job->record.attempt));
    job->undo_busy = undoing;
    if (undoing)
        step->undo(job);
    else
        step->start(job);
}

/* An undo is done wherever the forge lets it. */
static bool may_call_forge(const struct job *job)
{
    const struct health *health = job->services->health;

    return job_undoing(job) ? health_forge_usable(health) : health_state(health) == HEALTH_WELL;
}

/* Whether others went before it while it stood aside, so that nothing of it needs to begin. */
static bool overtaken(struct job *job)
{
    struct services *services = job->services;
    const struct config_metric *metric = job_metric(job);
    struct store_frontier frontier;
    struct gate_verdict verdict;
    struct error error;

    if (!metric)
        return false;
    if (lane_judge(services->store, metric, job->row->scope, &job->row->claim, &frontier, &verdict,
                   &error) < 0) {
        job_later(job, &error, -1);
        return true;
    }
    job->stepped_aside = false;
    if (verdict.outcome == GATE_IMPROVED) {
        job->record.reference = verdict.reference;
        job->verdict = verdict;
        return false;
    }
    turn_down(job, &verdict, &frontier);
    return true;
}

/* Where a source is found to be bad before the branch is made, all that may have the commit have to be
 * bad; the others are looked through first. */
bool job_needs_held_source(struct job *job)
{
    const struct config_list *sources = &job->services->config->sources;
    const struct health *health = job->services->health;
    size_t meant = 0, held = 0;
    struct error ignored;

    if (!job_early(job) || !health_sources_held(health) || job_load_result(job, &ignored) < 0 ||
        job->result->change != RESULT_CHANGE_COMMIT)
        return false;
    for (size_t i = 0; i < sources->count; i++) {
        if (!source_commit_is_meant(sources->items[i], job->result->repository))
            continue;
        meant++;
        held += health_source_held(health, i);
    }
    return held > 0 && (job->source_failed || held == meant);
}

static void run(void *data)
{
    struct job *job = data;
    struct services *services = job->services;
    bool undoing = job_undoing(job);

    if (job->settled || (!undoing && job->record.step == STEP_COUNT)) {
        end_promoted(job);
        return;
    }
    while (undoing && job->record.step >= 0 && !steps[job->record.step].undo)
        job->record.step--;
    if (undoing && job->record.step < 0) {
        end(job, job->record.outcome, job->record.reason);
        return;
    }
    if (needs_forge(job) && !may_call_forge(job)) {
        park(job);
        return;
    }
    if (undoing && !services->may_undo(services->data)) {
        job->parked = job->crowded = true;
        return;
    }
    if (!undoing && job_needs_held_source(job)) {
        job_stand_aside(job);
        services->progress(services->data);
        return;
    }
    job->step_began = uv_now(services->loop);
    if (!undoing && job->record.step == STEP_BRANCH && job->stepped_aside && overtaken(job))
        return;
    if (!undoing && job->record.step >= STEP_PUSH && !job_opening(job) && !admit(job))
        return;
    begin_step(job);
}

void job_proceed(struct job *job)
{
    if (!job->parked || job->doubt)
        return;
    stop_waiting(job);
    job->aside = false;
    schedule(job, 0);
}

void job_stand_aside(struct job *job)
{
    operation_clear(&job->operation);
    job->parked = job->aside = job->stepped_aside = true;
}

void job_stop(struct job *job)
{
    if (job->parked)
        stop_waiting(job);
    job_free(job);
}

/* ---- life --------------------------------------------------------------------------------------- */

static struct job *make(struct services *services, struct store_result *row)
{
    struct job *job = memory_new(sizeof(*job));

    job->services = services;
    job->row = row;
    job->branch = memory_format("%s%s", services->config->forge.branch_prefix, row->experiment_id);
    job->step_began = uv_now(services->loop);
    return job;
}

int job_new(struct job **job, struct services *services, struct store_result *row,
            const struct gate_verdict *verdict, struct error *error)
{
    struct job *made = make(services, row);

    made->verdict = *verdict;
    made->record.result = row->id;
    made->record.reference = verdict->reference;
    made->record.outcome = DECISION_FAILED;
    if (store_add_job(services->store, &made->record, error) < 0) {
        made->row = NULL;
        job_free(made);
        return -1;
    }
    schedule(made, 0);
    *job = made;
    return 0;
}

/* What compose and validation found was in memory only. Before the pull request's text is written it is
 * made again: the same base, change, message and date make the same commit. */
static void choose_step(struct job *job)
{
    CLEANUP_FREE char *title = NULL;
    CLEANUP_FREE char *body = NULL;
    struct error ignored;

    if (job_undoing(job) || job->record.step < STEP_COMPOSE || job_opening(job))
        return;
    job->documented = job->record.step >= STEP_PUSH &&
                      store_get_document(job->services->store, job->record.id, &title, &body,
                                         &ignored) == 0 &&
                      title;
    if (!job->documented)
        job->record.step = STEP_COMPOSE;
}

void job_resume(struct job **job, struct services *services, struct store_result *row,
                const struct store_job *record)
{
    struct job *made = make(services, row);

    made->record = *record;
    made->record.reason = memory_copy(record->reason);
    made->record.failed_step = memory_copy(record->failed_step);
    made->record.attempt = 0;
    made->verdict.reference = record->reference;
    choose_step(made);
    log_event(&event_job_resumed, LOG_TEXT("experiment", row->experiment_id),
              LOG_TEXT("step", job_step_name(made)),
              LOG_TEXT("reason", job_undoing(made) ? "being undone" : NULL));
    schedule(made, 0);
    *job = made;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    operation_clear(&job->operation);
    store_job_clear(&job->record);
    store_result_free(job->row);
    result_free(job->result);
    repository_change_clear(&job->change);
    free(job->branch);
    free(job->patch);
    free(job->command);
    free(job->output);
    free(job->doubt);
    free(job->log);
    free(job);
}
