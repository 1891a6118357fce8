/*
 * A run on Slurm, from its submission to its verdict: its files are looked at each second, and Slurm is asked once
 * for all runs.
 */

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/slurm-internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EACH_MS   1000
#define LATE_MS        90000 /* for which NFS may not show a file that is there */
#define HOUR_MS        3600000
#define BEGINLESS_MOST 3
#define EXHAUSTED_MOST 2

static void look_at_all(void *data);

void slurm_look_soon(struct slurm *slurm, uint64_t delay_ms)
{
    operation_clear(&slurm->tick);
    slurm->tick = loop_after(slurm->loop, delay_ms, look_at_all, slurm);
}

/* ---- the ends of a run -------------------------------------------------------------------------- */

static void run_free(struct slurm_run *run)
{
    struct slurm_run **place = &run->slurm->runs;

    while (*place && *place != run)
        place = &(*place)->next;
    if (*place)
        *place = run->next;
    operation_clear(&run->step);
    slurm_record_clear(&run->record);
    free(run->name);
    free(run->directory);
    free(run);
}

/* The daemon stops, or nobody wants the verdict any more: then the run is cancelled as the next thing. */
void slurm_run_discard(struct operation *operation)
{
    struct slurm_run *run = (struct slurm_run *)operation;

    if (run->record.state == SLURM_SUBMITTED)
        log_event(&event_run_left, LOG_TEXT("experiment", run->order.experiment_id),
                  LOG_INTEGER("slurm_job", run->record.id),
                  LOG_INTEGER("attempt", run->record.attempt));
    run_free(run);
}

void slurm_run_end(struct slurm_run *run, const struct process_result *result)
{
    slurm_look_soon(run->slurm, LOOK_EACH_MS);
    if (result)
        arguments_append(&run->slurm->judged, memory_copy(run->order.experiment_id));
    run->callback(run->data, result, result ? NULL : &run->error);
    run_free(run);
}

static bool save(struct slurm_run *run)
{
    if (slurm_record_write(&run->record, run->slurm->records, run->order.experiment_id,
                           &run->error) == 0)
        return true;
    slurm_run_end(run, NULL);
    return false;
}

/* What is wrong with the installation holds the queue. */
static void blame_installation(struct slurm_run *run)
{
    run->error.kind = ERROR_PERMANENT;
    run->error.installation = run->error.holds = true;
}

/* The run stays as it is. */
static void hold(struct slurm_run *run)
{
    blame_installation(run);
    slurm_run_end(run, NULL);
}

/* The attempt is over without a verdict, and the next one is another. `error` is set. */
static void lose(struct slurm_run *run)
{
    struct error why = run->error;

    run->record.state = SLURM_LOST;
    log_event(&event_run_lost, LOG_TEXT("experiment", run->order.experiment_id),
              LOG_INTEGER("slurm_job", run->record.id), LOG_INTEGER("attempt", run->record.attempt),
              LOG_TEXT("reason", why.message));
    if (!save(run))
        return;
    run->error = why;
    slurm_run_end(run, NULL);
}

static void lose_beginless(struct slurm_run *run)
{
    if (++run->record.beginless >= BEGINLESS_MOST) {
        run->record.beginless = 0;
        blame_installation(run);
    }
    lose(run);
}

static void lose_exhausted(struct slurm_run *run)
{
    if (++run->record.exhausted < EXHAUSTED_MOST) {
        slurm_record_exclude(&run->record, run->seen.nodes);
        error_set(&run->error, ERROR_TRANSIENT, "Slurm says %s on %s", run->seen.word,
                  run->seen.nodes);
    } else {
        run->record.exhausted = 0;
        error_set(&run->error, ERROR_PERMANENT,
                  "Slurm says %s on %s, and did so before: the tests need more than "
                  "validation.slurm.options asks for",
                  run->seen.word, run->seen.nodes);
    }
    lose(run);
}

/* Slurm says that it is over, and there is no verdict. A node that died, or never began, is not tried again. */
static void lose_to_slurm(struct slurm_run *run)
{
    bool started = slurm_has_started(run);

    if (!run->absent && run->seen.state == SQUEUE_EXHAUSTED) {
        lose_exhausted(run);
        return;
    }
    if (run->absent)
        error_set(&run->error, ERROR_TRANSIENT,
                  "Slurm does not know job %" PRId64 " any more, and it left no verdict",
                  run->record.id);
    else
        error_set(&run->error, ERROR_TRANSIENT, "Slurm says %s%s%s%s", run->seen.word,
                  *run->seen.nodes ? " on " : "", run->seen.nodes,
                  started ? "" : "; the run had not started");
    if (!run->absent && (!started || strstr(run->seen.word, "_FAIL")))
        slurm_record_exclude(&run->record, run->seen.nodes);
    if (!run->absent && !started && run->seen.state == SQUEUE_FINISHED) {
        error_wrap(&run->error, "validation.directory");
        lose_beginless(run);
    } else {
        lose(run);
    }
}

/* ---- the verdict -------------------------------------------------------------------------------- */

static void set_result(const struct slurm_run *run, struct process_result *result)
{
    const struct slurm_end *end = &run->end;
    bool timed_out = (end->status == 124 || end->status == 137) &&
                     end->duration_ms + 10 >= run->order.timeout_ms;
    bool killed = !timed_out && !run->order.sandboxed && end->status > 128;

    result->end = timed_out ? PROCESS_TIMED_OUT : killed ? PROCESS_SIGNALLED : PROCESS_EXITED;
    result->status = end->status;
    result->signal = killed ? end->status - 128 : 0;
    result->duration_ms = end->duration_ms;
    result->allowed_ms = run->order.timeout_ms;
}

/* The time in the queue is known as well as Slurm is asked: to `validation.slurm.poll`. */
static void tell_end(const struct slurm_run *run)
{
    int64_t queued = run->began_ms && run->record.submitted_ms
                         ? run->began_ms - run->record.submitted_ms
                         : 0;

    log_event(&event_run_ended, LOG_TEXT("experiment", run->order.experiment_id),
              LOG_INTEGER("slurm_job", run->record.id), LOG_INTEGER("attempt", run->record.attempt),
              LOG_TEXT("node", run->end.node), LOG_INTEGER("queued_ms", queued > 0 ? queued : 0),
              LOG_INTEGER("duration_ms", (int64_t)run->end.duration_ms));
}

static void on_output_read(void *data, const struct process_result *output)
{
    struct slurm_run *run = data;
    struct process_result result = *output;
    CLEANUP_TEXT struct text said = {0};
    const char *last = output->tail ? strrchr(output->tail, '\n') : NULL;

    run->step = NULL;
    if (output->end == PROCESS_NOT_STARTED) {
        error_set(&run->error, ERROR_TRANSIENT, "the output cannot be read: %s", output->problem);
        slurm_run_end(run, NULL);
        return;
    }
    if (run->order.sandboxed && !checkout_has_begun(run->order.checkout)) {
        text_append_line(&said, last ? last + 1 : output->tail, 200);
        error_set(&run->error, ERROR_TRANSIENT,
                  "validation.sandbox: the tests did not begin on node %s: what should start them "
                  "exited with status %d%s%s",
                  run->end.node, run->end.status, said.length ? " and said: " : "",
                  text_string(&said));
        lose_beginless(run);
        return;
    }
    set_result(run, &result);
    run->record.beginless = run->record.exhausted = 0;
    if (result.problem)
        log_event(&event_validation_log, LOG_TEXT("experiment", run->order.experiment_id),
                  LOG_TEXT("reason", result.problem));
    tell_end(run);
    slurm_run_end(run, &result);
}

static void on_printed(void *data, const char *bytes, size_t length)
{
    struct slurm_run *run = data;

    run->order.printed(run->order.data, bytes, length);
}

/* What the command printed goes the same way as on this machine. */
static void read_output(struct slurm_run *run)
{
    CLEANUP_FREE char *output = file_join(run->directory, "output");
    const char *const argv[] = {"cat", "--", output, NULL};
    const char *const environment[] = {"PATH=/usr/bin:/bin", "LC_ALL=C", NULL};
    struct process_options options = {
        .argv = argv,
        .environment = environment,
        .directory = "/",
        .log_path = run->order.log,
        .log_limit = ENGINE_LOG_LIMIT,
        .printed = on_printed,
        .tail_lines = run->order.tail_lines,
    };

    run->step = process_start(run->slurm->loop, &options, on_output_read, run);
}

/* ---- looking at a run --------------------------------------------------------------------------- */

static bool is_over(const struct slurm_run *run)
{
    return run->answered && (run->absent || (run->seen.state != SQUEUE_PENDING &&
                                             run->seen.state != SQUEUE_RUNNING));
}

/* The files first: they count, whatever Slurm says. Returns whether the run went on. */
static bool look_at_files(struct slurm_run *run)
{
    bool cut_off;

    if (!run->has_ended && slurm_read_end(run, &run->end)) {
        run->has_ended = true;
        run->answered = run->end.status == 0 && run->answered;
    }
    if (!run->has_ended) {
        if (!slurm_read_problem(run, &run->error))
            return false;
        lose_beginless(run);
        return true;
    }
    if (run->end.status != 0 && !is_over(run))
        return false;
    cut_off = run->end.status != 0 && !run->absent && run->seen.state != SQUEUE_FINISHED;
    if (cut_off)
        lose_to_slurm(run);
    else
        read_output(run);
    return true;
}

static bool look_at_slurm(struct slurm_run *run)
{
    uint64_t now = uv_now(run->slurm->loop);

    if (run->record.state != SLURM_SUBMITTED || !is_over(run)) {
        run->over_at = 0;
        return false;
    }
    if (!run->over_at)
        run->over_at = now;
    if (now - run->over_at < LATE_MS)
        return false;
    lose_to_slurm(run);
    return true;
}

static bool wants_answer(const struct slurm_run *run)
{
    if (run->record.state == SLURM_SUBMITTED)
        return run->has_ended && run->end.status != 0 && !is_over(run);
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

static void on_submitted(void *data, const struct process_result *result);

/* The name is not known to Slurm, so it can be submitted. */
static void submit(struct slurm_run *run)
{
    run->record.state = SLURM_SUBMITTING;
    if (!save(run))
        return;
    run->answered = false;
    run->step = slurm_sbatch(run, on_submitted);
}

static void note_id(struct slurm_run *run, int64_t id)
{
    run->record.state = SLURM_SUBMITTED;
    run->record.id = id;
    run->record.submitted_ms = clock_now_ms();
    if (!save(run))
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
        tell_away(slurm, words);
        run->not_before = uv_now(slurm->loop) + slurm->config->validation.slurm.poll_ms;
    } else if (run->record.excluded && *run->record.excluded) {
        /* No other node may be left. */
        *run->record.excluded = '\0';
    } else {
        error_set(&run->error, ERROR_PERMANENT, "validation.slurm.options: sbatch says: %s", words);
        hold(run);
    }
    slurm_look_soon(slurm, 0);
}

/* Says why it waits, at first and then hourly. Returns whether it is held for good. */
static bool tell_waiting(struct slurm_run *run)
{
    uint64_t now = uv_now(run->slurm->loop);
    bool stays = squeue_reason_stays(run->seen.reason);

    if (*run->seen.reason && (!run->told_at || now - run->told_at >= HOUR_MS)) {
        run->told_at = now;
        log_event(&event_run_waits, LOG_TEXT("experiment", run->order.experiment_id),
                  LOG_INTEGER("slurm_job", run->record.id), LOG_TEXT("reason", run->seen.reason));
    }
    if (!stays)
        return false;
    error_set(&run->error, ERROR_PERMANENT,
              "validation.slurm.options: job %" PRId64 " stays in Slurm's queue: %s",
              run->record.id, run->seen.reason);
    hold(run);
    return true;
}

/* Takes in what Slurm said of a run, if anything. Returns whether the run was ended by that. */
static bool take_answer(struct slurm_run *run, const struct squeue_job *job)
{
    run->asked = false;
    run->answered = true;
    run->absent = !job;
    if (job)
        run->seen = *job;
    if (run->record.state != SLURM_SUBMITTED) {
        if (job)
            note_id(run, job->id);
        else
            submit(run);
        return true;
    }
    if (job && job->state == SQUEUE_PENDING)
        return tell_waiting(run);
    if (job && !run->began) {
        run->began = true;
        run->began_ms = clock_now_ms();
    }
    return false;
}

static bool find_job(struct squeue_job *found, const char *output, const char *name)
{
    struct squeue_job job;
    bool any = false;

    while (squeue_next(&job, &output))
        if (strcmp(job.name, name) == 0 && (!any || job.id > found->id)) {
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
        for (run = slurm->runs; run; run = run->next)
            run->not_before = uv_now(slurm->loop) + slurm->config->validation.slurm.poll_ms;
        return;
    }
    tell_back(slurm);
    output = memory_copy(result->output);
    while ((run = next_asked(slurm)))
        (void)take_answer(run, find_job(&job, output, run->name) ? &job : NULL);
    slurm_look_soon(slurm, 0);
}

/* One question for all runs: when it is time, or when one needs to know now. */
static void ask(struct slurm *slurm)
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

static void look_at_all(void *data)
{
    struct slurm *slurm = data;

    slurm->tick = NULL;
    for (struct slurm_run *run = slurm->runs; run; run = run->next) {
        /* What ends a run may begin another: then all are looked at anew. */
        if (!run->step && (look_at_files(run) || look_at_slurm(run))) {
            slurm_look_soon(slurm, 0);
            return;
        }
    }
    ask(slurm);
    if (slurm->runs && !slurm->tick)
        slurm->tick = loop_after(slurm->loop, LOOK_EACH_MS, look_at_all, slurm);
}
