#include "daemon/job.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/job/internal.h"
#include "daemon/store/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- where it stands ---------------------------------------------------------------------------- */

void job_move(struct job *job, int at)
{
    job->at = at;
    snprintf(job->record.step, sizeof(job->record.step), "%s", job_step_name(job));
}

/* Whether who comes to the row behind this one comes through it without stopping. */
static bool is_passed_over(const struct job *job, const struct step *row)
{
    return row->quiet || (row->is_due && !row->is_due(job));
}

void job_step_back(struct job *job)
{
    int at = job->at;

    if (job_undoing(job) || job->record.started)
        return;
    while (at > 0 && is_passed_over(job, &job->owner->steps->rows[at - 1]))
        at--;
    job_move(job, at);
}

/* Writes the record, and what the step of a row has found so far. */
static int write_with(struct job *job, const struct step *row, struct error *error)
{
    CLEANUP_FREE char *json = row && row->leaves ? job_finding_write(row->leaves, &job->found)
                                                 : NULL;
    struct store_finding found = {.step = row ? (char *)row->name : NULL, .json = json};

    return store_save_job(job->services->store, &job->record, json ? &found : NULL, error);
}

static bool write_or_tell(struct job *job, const struct step *row)
{
    struct error error;

    if (write_with(job, row, &error) == 0)
        return true;
    log_event(&event_store_failed, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("reason", error.message));
    return false;
}

bool job_write(struct job *job)
{
    return write_or_tell(job, job_row(job));
}

bool job_save(struct job *job)
{
    struct error error;

    if (write_with(job, job_row(job), &error) == 0)
        return true;
    job_later(job, &error, -1);
    return false;
}

void job_note(struct job *job, const char *what, const char *reason)
{
    struct error ignored;

    (void)store_add_step(job->services->store, job->record.id, job_step_name(job), what,
                         job->record.attempt, reason, &ignored);
}

void job_count_attempt(struct job *job, enum counters_end end)
{
    const struct step *row = job_row(job);

    if (row && !row->quiet)
        counters_try(job->services->counters, row->name, job_undoing(job), end,
                     uv_now(job->services->loop) - job->step_began);
}

/* ---- going on ----------------------------------------------------------------------------------- */

static void run(struct job *job);

void job_pause(struct job *job, uint64_t delay_ms, void (*callback)(void *data))
{
    job->operation = loop_after(job->services->loop, delay_ms, callback, job);
}

/* Called from the loop only: operations have ended by now, and callbacks have returned. */
static void go_on(void *data)
{
    struct job *job = data;

    job->operation = NULL;
    job->waiting = false;
    run(job);
}

void job_schedule(struct job *job, uint64_t delay_ms)
{
    job_pause(job, delay_ms, go_on);
}

/* ---- how a step ends ---------------------------------------------------------------------------- */

void job_begin_undo(struct job *job, const char *reason, enum decision outcome)
{
    free(job->record.reason);
    free(job->record.failed_step);
    job->record.reason = memory_copy(reason);
    job->record.failed_step = memory_copy(job_step_name(job));
    job->record.outcome = outcome;
    job->record.state = JOB_UNDOING;
    job->record.attempt = 0;
    job_end_trouble(job);
    /* If this is not written, the step is tried again after a crash and fails again. */
    (void)job_write(job);
    job->owner->progress(job->owner->data);
    job_schedule(job, 0);
}

static void tell_end(const struct job *job, const struct step *row)
{
    const struct store_job *record = &job->record;
    const char *branch = row->tells & ROW_TELLS_BRANCH ? job->branch : NULL;
    const char *url = row->tells & ROW_TELLS_PULL_URL && *record->pull_url ? record->pull_url
                                                                           : NULL;

    log_event(job_undoing(job) ? &event_undo_ended : &event_step_ended,
              LOG_TEXT("experiment", job->row->experiment_id), LOG_TEXT("step", row->name),
              LOG_INTEGER("attempt", record->attempt),
              LOG_INTEGER("duration_ms", (int64_t)(uv_now(job->services->loop) - job->step_began)),
              LOG_TEXT("branch", branch),
              LOG_NUMBER("pull", record->pull ? (double)record->pull : NAN), LOG_TEXT("url", url));
}

/* Its place is not written: after a restart the job goes through it again. */
static void pass(struct job *job, const struct step *row)
{
    if (row->leaves && !job_save(job))
        return;
    if (job->record.faulty_since_ms)
        job_note(job, "end", NULL);
    job_move(job, job->at + 1);
    job->record.attempt = 0;
    job_end_holds(job);
    job_end_trouble(job);
    job->passed = true;
}

void job_step_over(struct job *job)
{
    const struct step *row = job_row(job);
    bool undoing = job_undoing(job);

    job_move(job, job->at + (undoing ? -1 : 1));
    job->record.started = false;
    job->record.attempt = 0;
    job_end_holds(job);
    job_end_trouble(job);
    /* If this is not written, the step is repeated after a crash and finds itself done. */
    (void)write_or_tell(job, row);
    if (undoing || row->progress)
        job->owner->progress(job->owner->data);
    job_schedule(job, 0);
}

void job_done(struct job *job)
{
    const struct step *row = job_row(job);

    job->operation = NULL;
    job->undo_busy = false;
    if (row->quiet) {
        pass(job, row);
        return;
    }
    tell_end(job, row);
    job_note(job, job_undoing(job) ? "undone" : "end", NULL);
    job_count_attempt(job, COUNTERS_DONE);
    job_step_over(job);
}

static int find_back(const struct job *job)
{
    const struct step_table *steps = job->owner->steps;
    const char *name = steps->rows[job->at].back;
    int at = job->at;

    while (strcmp(steps->rows[at].name, name) != 0)
        at--;
    return at;
}

void job_back(struct job *job, const char *reason)
{
    log_event(&event_job_back, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("step", job_row(job)->back), LOG_NUMBER("before", job->record.reference),
              LOG_TEXT("reason", reason));
    job_move(job, find_back(job));
    job->record.started = false;
    job->record.attempt = 0;
    /* If this is not written, the step comes to the same end after a crash. */
    (void)write_or_tell(job, NULL);
    job_schedule(job, 0);
}

void job_turned_down(struct job *job, enum decision decision, int64_t because, const char *reason)
{
    job->record.turned_down_by = because;
    job_begin_undo(job, reason, decision);
}

void job_give_up(struct job *job, const char *reason)
{
    operation_clear(&job->operation);
    free(job->doubt);
    job->doubt = NULL;
    job->parked = job->waiting = job->aside = job->crowded = false;
    job->slotless = job->lone = false;
    job->pause_ms = 0;
    job_end_holds(job);
    job_begin_undo(job, reason, DECISION_SUPERSEDED);
}

void job_waits_for_turn(struct job *job)
{
    job->record.attempt = 0;
    job->parked = job->waits_for_turn = true;
}

void job_settled_by_person(struct job *job, enum pull_state state)
{
    job->operation = NULL;
    job->undo_busy = false;
    job->settled = true;
    job->settled_as = state;
    job_schedule(job, 0);
}

/* ---- how a job ends ----------------------------------------------------------------------------- */

static void end(struct job *job, enum decision decision, const char *reason)
{
    struct error error;

    if (job->owner->steps->end(job, decision, reason, &error) == 0) {
        job->owner->over(job->owner->data, job);
        return;
    }
    log_event(&event_store_failed, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("reason", error.message));
    job_schedule(job, backoff_ms(++job->record.attempt));
}

/* Whether it is at an end of its table. If a person closed or merged the pull request while the job ran,
 * it is promoted and settled at once. */
static bool is_at_end(const struct job *job)
{
    return job->settled || !job_row(job);
}

static void end_here(struct job *job)
{
    if (job->settled)
        end(job, DECISION_PROMOTED, "its pull request was settled by a person");
    else if (job_undoing(job))
        end(job, job->record.outcome, job->record.reason);
    else
        end(job, DECISION_PROMOTED, "");
}

/* ---- walking ------------------------------------------------------------------------------------ */

/* Writes what is about to be done, before it is done. */
static bool write_beginning(struct job *job)
{
    bool started = job->record.started;

    job->record.started = true;
    if (job_write(job))
        return true;
    job->record.started = started;
    job_step_back(job);
    job_schedule(job, backoff_ms(job->record.attempt));
    return false;
}

static void begin_step(struct job *job)
{
    const struct step *row = job_row(job);
    bool undoing = job_undoing(job);

    job->step_began = uv_now(job->services->loop);
    job->record.attempt++;
    if (!row->quiet) {
        if (!write_beginning(job))
            return;
        job_note(job, undoing ? "undo" : "start", NULL);
        log_event(undoing ? &event_undo_started : &event_step_started,
                  LOG_TEXT("experiment", job->row->experiment_id), LOG_TEXT("step", row->name),
                  LOG_INTEGER("attempt", job->record.attempt));
    }
    job->lone = false;
    job->undo_busy = undoing;
    if (undoing)
        row->undo(job);
    else
        row->start(job);
}

/* Whether the forge may be called. An undo is done whenever the forge allows it. */
static bool may_call_forge(const struct job *job)
{
    const struct health *health = job->services->health;

    return job_undoing(job) ? health_forge_usable(health) : health_state(health) == HEALTH_WELL;
}

static bool undo_is_due(const struct job *job)
{
    const struct step *row = job_row(job);

    return row->undo && (!row->undo_is_due || row->undo_is_due(job));
}

static void skip_steps(struct job *job)
{
    const struct step *row;

    while ((row = job_row(job)) && !job->record.started && row->is_due && !row->is_due(job))
        job_move(job, job->at + 1);
}

static void skip_undos(struct job *job)
{
    while (job_row(job) && !undo_is_due(job))
        job_move(job, job->at - 1);
}

/* Whether its step may begin now. If not, the job waits until job_proceed(). */
static bool may_begin(struct job *job)
{
    const struct job_owner *owner = job->owner;

    if (job_needs_forge(job) && !may_call_forge(job)) {
        job_step_back(job);
        job_park(job);
        return false;
    }
    if (job_undoing(job) && !owner->may_undo(owner->data)) {
        job->parked = job->crowded = true;
        return false;
    }
    if (!job_undoing(job) && job->lone && !owner->has_slot(owner->data, job)) {
        job_step_back(job);
        job->parked = job->slotless = true;
        return false;
    }
    if (!job_undoing(job) && job_needs_held_source(job)) {
        job_stand_aside(job);
        owner->progress(owner->data);
        return false;
    }
    return true;
}

static void run(struct job *job)
{
    do {
        job->passed = false;
        if (!job_undoing(job))
            skip_steps(job);
        else if (!job->settled)
            skip_undos(job);
        if (is_at_end(job)) {
            end_here(job);
            return;
        }
        if (!may_begin(job))
            return;
        begin_step(job);
    } while (job->passed);
}
