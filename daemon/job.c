#include "daemon/job.h"

#include "common/log.h"
#include "daemon/events.h"
#include "daemon/job/internal.h"

#include <math.h>
#include <stdlib.h>

/* ---- going on ----------------------------------------------------------------------------------- */

static void run(struct job *job);

/* Called only from the loop, when all operations have ended and all callbacks have returned. */
void job_go_on(void *data)
{
    struct job *job = data;

    job->operation = NULL;
    job_end_pause(job);
    run(job);
}

/* ---- how a step ends ---------------------------------------------------------------------------- */

bool job_save(struct job *job)
{
    struct error error;

    if (job_write_with(job, job_row(job), &error) == 0)
        return true;
    job_later(job, &error, -1);
    return false;
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

/* The row of a quiet step is not stored: after a restart the job goes through it again. */
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

void job_call_ended(void *data, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error)
        job_failed(job, error);
    else
        job_done(job);
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
    job->waits = JOB_GOES_ON;
    job->lone = false;
    job->pause_ms = 0;
    job_end_holds(job);
    job_begin_undo(job, reason, DECISION_SUPERSEDED);
}

void job_waits_for_turn(struct job *job)
{
    job->record.attempt = 0;
    job->waits = JOB_PARKED_FOR_TURN;
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
        end(job, DECISION_PROMOTED, "a person merged or closed its pull request");
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
        job->waits = JOB_PARKED_FOR_UNDO;
        return false;
    }
    if (!job_undoing(job) && job->lone && !owner->has_slot(owner->data, job)) {
        job_step_back(job);
        job->waits = JOB_PARKED_FOR_SLOT;
        return false;
    }
    if (!job_undoing(job) && job_needs_held_source(job)) {
        job_stand_aside(job);
        owner->rests(owner->data);
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
