/*
 * What Slurm is asked about the runs, and told: a run is submitted if Slurm does not know its name, and
 * squeue is asked once for all runs.
 */

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/validation/slurm-internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HOUR_MS 3600000

static bool wants_answer(const struct slurm_run *run)
{
    if (run->record.state == SLURM_SUBMITTED)
        return run->files.ended && run->files.end.status != 0 && !slurm_run_is_over(run);
    return !run->step && uv_now(run->slurm->loop) >= run->not_before;
}

/* ---- asking Slurm ------------------------------------------------------------------------------- */

static void tell_away(struct slurm *slurm, const char *words)
{
    if (!slurm->away)
        log_event(&event_slurm_away, LOG_TEXT("reason", words));
    slurm->away = true;
}

static void tell_back(struct slurm *slurm)
{
    if (slurm->away)
        log_event(&event_slurm_back);
    slurm->away = false;
}

static bool set_text(char **place, const char *value)
{
    if (strcmp(*place ? *place : "", value) == 0)
        return false;
    free(*place);
    *place = memory_copy(value);
    return true;
}

/* Notes why it waits, and logs it, at first and then hourly. Returns false if a fault ended the run. */
static bool note_waiting(struct slurm_run *run, const char *reason)
{
    uint64_t now = uv_now(run->slurm->loop);

    if (set_text(&run->record.waits, reason) && !slurm_run_save(run))
        return false;
    if (*reason && (!run->told_at || now - run->told_at >= HOUR_MS)) {
        run->told_at = now;
        log_event(&event_run_waits, LOG_TEXT("experiment", run->order.experiment_id),
                  LOG_INTEGER("slurm_job", run->record.id), LOG_TEXT("reason", reason));
    }
    return true;
}

static void on_submitted(void *data, const struct process_result *result);

/* The name is not known to Slurm, so it can be submitted. */
static void submit(struct slurm_run *run)
{
    run->record.state = SLURM_SUBMITTING;
    free(run->record.options);
    run->record.options = slurm_options(run->slurm);
    run->record.submitted_ms = clock_now_ms();
    if (!slurm_run_save(run))
        return;
    run->answered = false;
    run->step = slurm_sbatch(run, on_submitted);
}

static void note_id(struct slurm_run *run, int64_t id)
{
    run->record.state = SLURM_SUBMITTED;
    run->record.id = id;
    if (!run->record.submitted_ms)
        run->record.submitted_ms = clock_now_ms();
    run->wants_id = false;
    run->told_at = 0;
    free(TAKE(run->record.waits));
    if (!slurm_run_save(run))
        return;
    log_event(&event_run_submitted, LOG_TEXT("experiment", run->order.experiment_id),
              LOG_INTEGER("slurm_job", id), LOG_INTEGER("attempt", run->record.attempt));
}

/* An answer that is lost is looked for by the name. */
static void on_submitted(void *data, const struct process_result *result)
{
    struct slurm_run *run = data;
    struct slurm *slurm = run->slurm;
    bool answered = result->end == PROCESS_EXITED;
    int64_t id = answered && result->status == 0 ? sbatch_read_id(result->output) : 0;
    CLEANUP_FREE char *words = slurm_words(result);

    run->step = NULL;
    if (id) {
        note_id(run, id);
    } else if (!answered || result->status == 0 || sbatch_refusal_of(words) == SBATCH_WAITS) {
        run->not_before = uv_now(slurm->loop) + slurm->config->validation.slurm.poll_ms;
        (void)note_waiting(run, words);
    } else if (run->record.excluded && *run->record.excluded) {
        /* No other node may be left. */
        *run->record.excluded = '\0';
    } else {
        error_set_key(&run->error, ERROR_PERMANENT, "validation.slurm.options", "sbatch says: %s",
                      words);
        slurm_run_hold(run);
    }
    slurm_look_soon(slurm, 0);
}

static void take_waiting(struct slurm_run *run)
{
    if (!note_waiting(run, run->seen.reason) || !squeue_reason_stays(run->seen.reason))
        return;
    error_set_key(&run->error, ERROR_PERMANENT, "validation.slurm.options",
                  "job %" PRId64 " stays in Slurm's queue: %s", run->record.id, run->seen.reason);
    slurm_run_hold(run);
}

bool slurm_note_begun(struct slurm_run *run, int64_t at_ms, const char *node)
{
    struct slurm_record *record = &run->record;
    bool news = *node && set_text(&record->node, node);

    if (!record->began_ms) {
        record->began_ms = at_ms > record->submitted_ms ? at_ms : record->submitted_ms;
        news = true;
    }
    free(TAKE(record->waits));
    return !news || slurm_run_save(run);
}

/* A run was submitted, and Slurm does not know it any more. */
static void take_first_answer(struct slurm_run *run, const struct squeue_job *job)
{
    if (job || run->files.started)
        note_id(run, job ? job->id : 0);
    else
        submit(run);
}

/* Reads what Slurm said of a run, if anything. */
static void take_answer(struct slurm_run *run, const struct squeue_job *job)
{
    run->asked = run->wants_id = false;
    run->answered = true;
    run->absent = !job;
    if (job)
        run->seen = *job;
    if (run->record.state != SLURM_SUBMITTED)
        take_first_answer(run, job);
    else if (job && job->state == SQUEUE_PENDING)
        take_waiting(run);
    else if (job && job->state == SQUEUE_RUNNING)
        (void)slurm_note_begun(run, clock_now_ms(), job->nodes);
}

/* If an answer of sbatch came late there are two of that name, and one of them does nothing: the one that is
 * not over counts, else the last. */
static bool find_job(struct squeue_job *found, const char *output, const char *name)
{
    struct squeue_job job;
    bool any = false;

    while (squeue_next(&job, &output))
        if (strcmp(job.name, name) == 0 &&
            (!any || slurm_is_under_way(&job) > slurm_is_under_way(found) ||
             (slurm_is_under_way(&job) == slurm_is_under_way(found) && job.id > found->id))) {
            *found = job;
            any = true;
        }
    return any;
}

static struct slurm_run *next_asked(struct slurm *slurm)
{
    struct slurm_run *run = slurm->runs;

    while (run && !run->asked)
        run = run->next;
    return run;
}

static void on_answer(void *data, const struct process_result *result)
{
    struct slurm *slurm = data;
    CLEANUP_FREE char *words = NULL;
    CLEANUP_FREE char *output = NULL;
    struct squeue_job job;
    struct slurm_run *run;

    slurm->query = NULL;
    if (!process_succeeded(result)) {
        words = slurm_words(result);
        tell_away(slurm, words);
        for (run = slurm->runs; run; run = run->next) {
            run->not_before = uv_now(slurm->loop) + slurm->config->validation.slurm.poll_ms;
            run->asked = run->wants_id = false;
        }
        return;
    }
    tell_back(slurm);
    output = memory_copy(result->output);
    while ((run = next_asked(slurm)))
        take_answer(run, find_job(&job, output, run->name) ? &job : NULL);
    slurm_look_soon(slurm, 0);
}

void slurm_ask(struct slurm *slurm)
{
    uint64_t now = uv_now(slurm->loop);
    bool due = now - slurm->asked_at >= slurm->config->validation.slurm.poll_ms;
    bool wanted = false;
    CLEANUP_TEXT struct text names = {0};

    for (struct slurm_run *run = slurm->runs; run; run = run->next)
        wanted |= wants_answer(run);
    if (slurm->query || !(due || (wanted && !slurm->away)))
        return;
    for (struct slurm_run *run = slurm->runs; run; run = run->next) {
        run->asked = !run->step;
        if (run->asked)
            text_append_format(&names, "%s%s", names.length ? "," : "", run->name);
    }
    slurm->asked_at = now;
    if (names.length)
        slurm->query = slurm_squeue(slurm, text_string(&names), on_answer, slurm);
}
