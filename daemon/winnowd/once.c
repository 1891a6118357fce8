/*
 * Ends the daemon. With --once it ends when nothing is left that can be done now, or when a minute has passed
 * without progress.
 */

#include "common/log.h"
#include "common/loop.h"
#include "daemon/events.h"
#include "daemon/winnowd/internal.h"

#include <sysexits.h>

#define LOOK_MS     1000
#define PATIENCE_MS 60000

void winnowd_stop(struct winnowd *winnowd, int status)
{
    if (winnowd->stopping)
        return;
    winnowd->stopping = true;
    winnowd->status = status;
    log_event(&event_stopping, LOG_INTEGER("status", status));
    report_stopping(winnowd->report);
    uv_stop(&winnowd->loop);
}

static bool takes_its_time(const struct job *jobs)
{
    for (const struct job *job = jobs; job; job = job->next) {
        if (job_takes_its_time(job))
            return true;
    }
    return false;
}

static bool work_takes_its_time(const struct winnowd *winnowd)
{
    return takes_its_time(queue_jobs(winnowd->queue)) ||
           takes_its_time(refresh_jobs(winnowd->refresh));
}

static void end_held(struct winnowd *winnowd)
{
    const char *base = base_held(winnowd->base);
    int status = health_status(winnowd->health);
    bool by_base = status == EX_OK && base;
    const char *reason = by_base ? base : health_reason(winnowd->health);

    log_event(&event_ended_held, LOG_TEXT("key", config_key_named(reason)),
              LOG_TEXT("reason", reason));
    winnowd_stop(winnowd, by_base ? base_held_status(winnowd->base) : status);
}

void once_end_if_finished(struct winnowd *winnowd)
{
    enum queue_rest rest;

    if (!winnowd->once || winnowd->stopping || !winnowd->intake || !intake_idle(winnowd->intake) ||
        !followed_logs_idle(winnowd->followed_logs) || !saved_idle(winnowd->saved) ||
        store_check_looks(winnowd->store_check) || health_source_pending(winnowd->health) ||
        !keep_has_swept(winnowd->keep))
        return;
    rest = queue_rest(winnowd->queue);
    if (rest == QUEUE_EMPTY && pulls_busy(winnowd->pulls))
        return;
    if ((rest == QUEUE_EMPTY || rest == QUEUE_HELD) && !refresh_idle(winnowd->refresh) &&
        !queue_stuck(winnowd->queue))
        return;
    if (rest == QUEUE_EMPTY) {
        log_event(&event_queue_idle);
        winnowd_stop(winnowd, EX_OK);
    } else if (rest == QUEUE_HELD && pulls_looked(winnowd->pulls)) {
        log_event(&event_queue_idle, LOG_TEXT("reason", "queue.max_open_pulls is reached"));
        winnowd_stop(winnowd, EX_OK);
    } else if (rest == QUEUE_STUCK || queue_stuck(winnowd->queue)) {
        end_held(winnowd);
    }
}

static void on_look(void *data)
{
    struct winnowd *winnowd = data;
    uint64_t now = uv_now(&winnowd->loop);

    winnowd->once_timer = loop_after(&winnowd->loop, LOOK_MS, on_look, winnowd);
    if (work_takes_its_time(winnowd) || store_check_looks(winnowd->store_check) ||
        (winnowd->intake && intake_patient(winnowd->intake)))
        winnowd->progress_at = now;
    once_end_if_finished(winnowd);
    if (now - winnowd->progress_at < PATIENCE_MS || winnowd->stopping)
        return;
    log_event(&event_gave_up,
              LOG_TEXT("reason", *health_reason(winnowd->health) ? health_reason(winnowd->health)
                                                                 : "only transient faults"));
    winnowd_stop(winnowd, EX_UNAVAILABLE);
}

void once_begin(struct winnowd *winnowd)
{
    winnowd->once_timer = loop_after(&winnowd->loop, LOOK_MS, on_look, winnowd);
    pulls_look(winnowd->pulls);
}
