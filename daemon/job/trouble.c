/*
 * What a job does about a fault. It waits if that may help. It doubts a refusal until the installation was
 * checked. It stays at its step while the installation is to blame.
 */

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/job/internal.h"
#include "daemon/repository/source-commit.h"

#include <inttypes.h>
#include <stdlib.h>

/* For how long at a time a job waits for the forge. */
#define PARK_LEAST_MS 1000
#define PARK_MOST_MS  60000

#define NEEDS_FORGE (ROW_NEEDS_API | ROW_NEEDS_GIT)

#define PASSED_AFTER 3 /* attempts */

/* ---- trouble that may pass ---------------------------------------------------------------------- */

/* Only time in which this process tried counts, by a monotonic clock. A pause counts for its planned length
 * at most, since the machine may have been asleep. */
static void count_trying(struct job *job, uint64_t spent_ms)
{
    if (job->record.faulty_since_ms == 0)
        job->record.faulty_since_ms = clock_now_ms();
    job->record.tried_ms += (int64_t)spent_ms;
}

static bool tried_long_enough(const struct job *job)
{
    return !(job_row(job) && job_row(job)->forward) &&
           job->record.tried_ms >= (int64_t)job->services->config->queue.retry_for_ms;
}

/* A quiet row needs what the row after it needs, and is never the last. */
static unsigned needs(const struct job *job)
{
    const struct step *row = job_row(job);

    if (!row)
        return 0;
    if (job_undoing(job))
        return row->undo_needs;
    while (row->quiet)
        row++;
    return row->needs;
}

bool job_needs_forge(const struct job *job)
{
    return needs(job) & NEEDS_FORGE;
}

static void wait_and_try_again(struct job *job, const char *reason, uint64_t pause)
{
    count_trying(job, 0); /* in trouble from now on; the pause counts once it is over */
    (void)job_write(job);
    job->waits = JOB_PAUSES;
    job->waits_since = uv_now(job->services->loop);
    job->pause_ms = pause;
    job_schedule(job, pause);
    /* The pause that the log names has begun. */
    log_event(job_undoing(job) ? &event_undo_waits : &event_step_waits,
              LOG_TEXT("experiment", job->row->experiment_id), LOG_TEXT("step", job_step_name(job)),
              LOG_INTEGER("attempt", job->record.attempt), LOG_TEXT("reason", reason),
              LOG_INTEGER("next_ms", (int64_t)pause));
    job->owner->rests(job->owner->data);
}

bool job_lends(const struct job *job)
{
    return job->lone && (job->waits == JOB_PAUSES || job->waits == JOB_PARKED_FOR_SLOT);
}

bool job_lets_pass(const struct job *job)
{
    return job->waits == JOB_ASIDE ||
           (job_lends(job) && !job_opening(job) && job->record.attempt >= PASSED_AFTER);
}

void job_waits(struct job *job, const char *reason)
{
    uint64_t pause = backoff_ms(job->record.attempt);

    job->operation = NULL;
    job->requires = true;
    job_end_trouble(job);
    job_note(job, "later", reason);
    job_count_attempt(job, COUNTERS_LATER);
    wait_and_try_again(job, reason, pause < HEALTH_MEND_EVERY_MS ? pause : HEALTH_MEND_EVERY_MS);
}

void jobs_try_now(struct job *jobs)
{
    for (struct job *job = jobs; job; job = job->next) {
        if (job->waits != JOB_PAUSES || (job_needs_forge(job) && !job->requires))
            continue;
        job_stop_waiting(job);
        job_schedule(job, 0);
    }
}

/* The job stays at its step, which starts again once what holds it is mended. */
static void keep_step(struct job *job, const struct error *error)
{
    const char *reason = error->message;

    log_event(&event_step_held, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("step", job_step_name(job)), LOG_INTEGER("attempt", job->record.attempt),
              LOG_TEXT("key", health_key_of(error)), LOG_TEXT("reason", reason));
    job_note(job, "later", reason);
    job_count_attempt(job, COUNTERS_LATER);
    job_end_trouble(job);
}

/* A source fails this job, though its check finds it well. Other commits in it may be whole, so other jobs go
 * on. */
static void hold_by_source(struct job *job, const struct error *error)
{
    keep_step(job, error);
    job->operation = NULL;
    job->waits = JOB_ASIDE;
    job->stepped_aside = true;
    job->source_bad = true;
    job->bad_until = uv_now(job->services->loop) + HEALTH_MEND_EVERY_MS;
    job->bad_looks = health_looks(job->services->health);
    health_source_failed(job->services->health, job->record.id, error);
    (void)job_write(job);
    job->owner->rests(job->owner->data);
}

/* Returns whether its source fails it, and not the forge, or something that this machine lacks. */
static bool source_failed(const struct job *job, const struct error *error)
{
    return error->installation && !error->holds && !job_undoing(job) &&
           (needs(job) & ROW_NEEDS_SOURCES);
}

void job_later(struct job *job, const struct error *error, int64_t retry_after_ms)
{
    struct error last = *error;
    bool again;

    job->operation = NULL;
    job->undo_busy = false;
    job->lone = job->stepped_aside = !job_undoing(job) && job_needs_forge(job);
    job_note(job, "later", error->message);
    job_count_attempt(job, COUNTERS_LATER);
    if (job_needs_forge(job))
        health_suspect(job->services->health, retry_after_ms);
    again = job->record.faulty_since_ms != 0;
    count_trying(job, uv_now(job->services->loop) - job->step_began);
    if (source_failed(job, error) && (job->source_bad || (again && tried_long_enough(job)))) {
        hold_by_source(job, error);
        return;
    }
    if (!job_undoing(job) && again && tried_long_enough(job)) {
        last.kind = ERROR_PERMANENT;
        error_wrap(&last, "tried in vain for queue.retry_for");
        job_failed_itself(job, &last);
        return;
    }
    wait_and_try_again(job, error->message, backoff_asked_ms(job->record.attempt, retry_after_ms));
}

void job_failed_itself(struct job *job, const struct error *error)
{
    job->operation = NULL;
    log_event(&event_step_failed, LOG_TEXT("experiment", job->row->experiment_id),
              LOG_TEXT("step", job_step_name(job)), LOG_INTEGER("attempt", job->record.attempt),
              LOG_INTEGER("duration_ms", (int64_t)(uv_now(job->services->loop) - job->step_began)),
              LOG_TEXT("reason", error->message));
    job_note(job, "failed", error->message);
    job_count_attempt(job, COUNTERS_FAILED);
    job_end_holds(job);
    if (job_row(job)->optional)
        job_step_over(job);
    else
        job_begin_undo(job, error->message, DECISION_FAILED);
}

/* Other jobs may be refused for the same reason (the token, the repository, a program). So the installation
 * is checked before this experiment is charged, and before the next one is refused. */
static void doubt(struct job *job, const struct error *error, bool holds)
{
    job->operation = NULL;
    job->waits = JOB_PARKED;
    job->doubt = memory_new(sizeof(*job->doubt));
    *job->doubt = *error;
    job->doubt_holds = holds;
    if (health_state(job->services->health) == HEALTH_REFUSED)
        job_conclude(job); /* the answer is known */
    else
        health_ask(job->services->health);
}

/* Whether its step needs the forge only. */
static bool is_at_forge(const struct job *job)
{
    return job_needs_forge(job) && !(needs(job) & ROW_NEEDS_SOURCES);
}

void job_failed(struct job *job, const struct error *error)
{
    if (job_undoing(job) || error->kind == ERROR_TRANSIENT)
        job_later(job, error, -1);
    else if (error->kind == ERROR_BUG)
        job_failed_itself(job, error);
    else
        doubt(job, error, error->installation && (error->holds || is_at_forge(job)));
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

static bool met_held_source(struct job *job)
{
    if (!(needs(job) & ROW_NEEDS_SOURCES) || !health_sources_held(job->services->health))
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
        keep_step(job, why);
    } else if (met_held_source(job)) {
        keep_step(job, why);
        job->waits = JOB_ASIDE;
        job->stepped_aside = true;
    } else if (source_failed(job, why) && job->doubted++ > 0) {
        hold_by_source(job, why);
    } else if (!job->doubt_holds) {
        job->waits = JOB_GOES_ON;
        if (why->installation)
            job_later(job, why, -1); /* it was mended meanwhile */
        else
            job_failed_itself(job, why);
    } else if (job->doubted++ == 0) {
        keep_step(job, why); /* all is well now: try once more */
    } else {
        keep_step(job, why);
        job->held = true;
        health_hold(health, !job_runs_tests(job), why);
    }
}

/* ---- waiting ------------------------------------------------------------------------------------ */

/* A pause counts when it is over, for the time that it took: after a stop the job tries at once. The time for
 * which it waited for the forge counts as well, since health keeps checking the forge. It does not count
 * while the forge refuses: that is for a person to mend. */
void job_end_pause(struct job *job)
{
    uint64_t waited = uv_now(job->services->loop) - job->waits_since;
    uint64_t pause = job->pause_ms;

    job->waits = JOB_GOES_ON;
    job->pause_ms = 0;
    if (pause == 0 || health_state(job->services->health) == HEALTH_REFUSED)
        return;
    count_trying(job, waited < pause ? waited : pause);
    (void)job_write(job);
}

void job_stop_waiting(struct job *job)
{
    operation_clear(&job->operation);
    job_end_pause(job);
}

static void on_waited(void *data)
{
    struct job *job = data;
    struct error error;

    job->operation = NULL;
    job_stop_waiting(job);
    if (!tried_long_enough(job) || health_state(job->services->health) != HEALTH_DOWN) {
        job_park(job);
        return;
    }
    error_set(&error, ERROR_PERMANENT, "tried in vain for queue.retry_for: %s",
              health_reason(job->services->health));
    job_failed_itself(job, &error);
}

/* Waits for the forge. A job that met the fault itself waits only for a while, unless a person has to mend
 * it. */
void job_park(struct job *job)
{
    int64_t left = (int64_t)job->services->config->queue.retry_for_ms - job->record.tried_ms;

    job->waits = JOB_PARKED;
    job->waits_since = uv_now(job->services->loop);
    if (job_undoing(job) || job->record.faulty_since_ms == 0)
        return;
    job->pause_ms = left < PARK_LEAST_MS  ? PARK_LEAST_MS
                    : left > PARK_MOST_MS ? PARK_MOST_MS
                                          : (uint64_t)left;
    job_pause(job, job->pause_ms, on_waited);
}

/* Whether a job names a commit that is not here, while no sources are configured. Only a restart changes
 * that, so nothing is begun. */
static bool lacks_sources(const struct job *job)
{
    const struct services *services = job->services;
    char commit[GIT_HASH_SIZE];

    if (services->config->sources.count > 0 ||
        repository_find_saved(services->repository, job->row->experiment_id, commit))
        return false;
    health_lack_sources(services->health);
    return true;
}

/* A job that a well source failed waits until it may try again. Else, before the branch is made, a job needs
 * a held source only if all sources that may have the commit are held. Otherwise the other ones are searched
 * first. */
bool job_needs_held_source(struct job *job)
{
    const struct config_list *sources = &job->services->config->sources;
    const struct health *health = job->services->health;
    size_t meant = 0, held = 0;
    struct error ignored;

    if (job->source_bad && job->bad_looks == health_looks(health) &&
        uv_now(job->services->loop) < job->bad_until)
        return true;
    if (!job_early(job) || (sources->count > 0 && !health_sources_held(health)) ||
        job_load_result(job, &ignored) < 0 || job->result->change != RESULT_CHANGE_COMMIT)
        return false;
    if (lacks_sources(job))
        return true;
    for (size_t i = 0; i < sources->count; i++) {
        if (!source_commit_is_meant(sources->items[i], job->result->repository))
            continue;
        meant++;
        held += health_source_held(health, i);
    }
    return held > 0 && (job->source_failed || held == meant);
}

void job_proceed(struct job *job)
{
    if (job->waits < JOB_PARKED || job->doubt)
        return;
    job_stop_waiting(job);
    job_schedule(job, 0);
}

void job_offer_slot(struct job *job)
{
    if (!job->lone || job->waits != JOB_PARKED || job->doubt)
        return;
    job_stop_waiting(job);
    job->waits = JOB_PARKED_FOR_SLOT;
}

void job_stand_aside(struct job *job)
{
    operation_clear(&job->operation);
    job->waits = JOB_ASIDE;
    job->stepped_aside = true;
}
