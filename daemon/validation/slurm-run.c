/*
 * A run on Slurm, from its submission to its verdict. Its files are looked at each second. Slurm is asked
 * once for all runs.
 */

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/validation/slurm-internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_MS        30000
#define LATE_MS        90000   /* for which NFS may not show a file that is there */
#define LEFT_OUT_MS    3600000 /* in which others may come back */
#define BEGINLESS_MOST 3
#define EXHAUSTED_MOST 2

/* ---- a run without a verdict -------------------------------------------------------------------- */

/* The attempt is over without a verdict, and another one follows. `error` is set. */
static void lose(struct slurm_run *run)
{
    struct error why = run->error;

    run->record.state = SLURM_LOST;
    log_event(&event_run_lost, LOG_TEXT("experiment", run->order.experiment_id),
              LOG_INTEGER("slurm_job", run->record.id), LOG_INTEGER("attempt", run->record.attempt),
              LOG_TEXT("reason", why.message));
    if (!slurm_run_save(run))
        return;
    run->error = why;
    slurm_run_end(run, NULL);
}

/* The next attempt is made elsewhere. From the third one in a row that does not begin, the installation is to
 * blame. */
static void lose_beginless(struct slurm_run *run)
{
    slurm_record_exclude(&run->record, run->files.node);
    if (++run->record.beginless >= BEGINLESS_MOST)
        slurm_run_blame_installation(run);
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

static bool never_had_node(const struct slurm_run *run)
{
    return !run->absent && !*run->seen.nodes && !run->files.started;
}

/* Slurm says that it is over, and there is no verdict. A node that died, or never began, is not tried
 * again. */
static void lose_to_slurm(struct slurm_run *run)
{
    bool started = run->files.started;
    bool exhausted = !run->absent && run->seen.state == SQUEUE_EXHAUSTED;

    if (exhausted && started) {
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
                  !started ? "; the run had not started"
                  : run->seen.state == SQUEUE_FINISHED
                      ? "; the run left no verdict in validation.directory"
                      : "");
    if (!run->absent && (!started || strstr(run->seen.word, "_FAIL")))
        slurm_record_exclude(&run->record, run->seen.nodes);
    if (never_had_node(run)) {
        free(TAKE(run->record.excluded)); /* no other node may be left */
        lose(run);
    } else if (!started && (exhausted || (!run->absent && run->seen.state == SQUEUE_FINISHED))) {
        error_wrap(&run->error, exhausted ? "validation.slurm.options" : "validation.directory");
        lose_beginless(run);
    } else {
        lose(run);
    }
}

/* Returns whether it waits for nodes, and some are left out that may be well again. */
static bool waits_for_excluded(const struct slurm_run *run)
{
    return run->record.state == SLURM_SUBMITTED && run->answered && !run->absent &&
           run->seen.state == SQUEUE_PENDING && squeue_reason_excludes(run->seen.reason) &&
           run->record.excluded && *run->record.excluded;
}

/* The next attempt is made anywhere. */
static void lose_excluded(struct slurm_run *run)
{
    error_set(&run->error, ERROR_TRANSIENT,
              "Slurm says %s, and nodes are left out on which an attempt failed before: %s",
              run->seen.reason, run->record.excluded);
    free(TAKE(run->record.excluded));
    lose(run);
}

/* It is not known what it did in its time. */
static void lose_suspended(struct slurm_run *run)
{
    error_set(&run->error, ERROR_TRANSIENT,
              "Slurm suspended it on %s, and let it run for %" PRId64 " s of validation.timeout",
              run->seen.nodes, run->seen.used_s);
    lose(run);
}

/* ---- the verdict -------------------------------------------------------------------------------- */

static bool timed_out(const struct slurm_run *run)
{
    const struct slurm_end *end = &run->files.end;

    return (end->status == 124 || end->status == 137) &&
           end->duration_ms + 10 >= run->order.timeout_ms;
}

/* Slurm suspended it, but the script's clock went on. Slurm counts whole seconds. */
static bool was_suspended(const struct slurm_run *run)
{
    return timed_out(run) && !run->absent && run->seen.used_s >= 0 &&
           (uint64_t)(run->seen.used_s + 2) * 1000 < run->order.timeout_ms;
}

static void set_result(const struct slurm_run *run, struct process_result *result)
{
    const struct slurm_end *end = &run->files.end;
    bool late = timed_out(run);
    bool killed = !late && !run->order.sandboxed && end->status > 128;

    result->end = late ? PROCESS_TIMED_OUT : killed ? PROCESS_SIGNALLED : PROCESS_EXITED;
    result->status = end->status;
    result->signal = killed ? end->status - 128 : 0;
    result->duration_ms = end->duration_ms;
    result->allowed_ms = run->order.timeout_ms;
}

static void tell_end(const struct slurm_run *run)
{
    const struct slurm_end *end = &run->files.end;
    struct engine_place *place = run->order.place;

    *place = (struct engine_place){
        .attempt = run->record.attempt,
        .slurm_job = run->record.id,
        .queued_ms = slurm_record_queued_ms(&run->record, clock_now_ms()),
    };
    snprintf(place->node, sizeof(place->node), "%s", end->node);
    log_event(&event_run_ended, LOG_TEXT("experiment", run->order.experiment_id),
              LOG_INTEGER("slurm_job", place->slurm_job), LOG_INTEGER("attempt", place->attempt),
              LOG_TEXT("node", place->node), LOG_INTEGER("queued_ms", place->queued_ms),
              LOG_INTEGER("duration_ms", (int64_t)end->duration_ms));
}

static void on_output_read(void *data, const struct process_result *output)
{
    struct slurm_run *run = data;
    struct process_result result = *output;
    CLEANUP_TEXT struct text said = {0};
    const char *last = output->tail ? strrchr(output->tail, '\n') : NULL;
    char end[PROCESS_DESCRIPTION_SIZE];

    run->step = NULL;
    if (!process_succeeded(output)) {
        process_describe(end, sizeof(end), output);
        error_set(&run->error, ERROR_TRANSIENT, "the output of the run cannot be read: cat %s",
                  end);
        slurm_run_end(run, NULL);
        return;
    }
    if (run->order.sandboxed && !run->files.begun) {
        text_append_line(&said, last ? last + 1 : output->tail, 200);
        error_set_key(&run->error, ERROR_TRANSIENT, "validation.sandbox",
                      "the tests did not begin on node %s: what should start them "
                      "exited with status %d%s%s",
                      run->files.end.node, run->files.end.status, said.length ? " and said: " : "",
                      text_string(&said));
        lose_beginless(run);
        return;
    }
    set_result(run, &result);
    run->record.beginless = run->record.exhausted = 0;
    free(TAKE(run->record.excluded));
    if (!slurm_run_save(run))
        return;
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

/* The output of the command goes the same way as on this machine. */
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

/* The files first: they count, whatever Slurm says. Returns whether the run went on. */
static bool go_on_by_files(struct slurm_run *run)
{
    const struct slurm_files *files = &run->files;
    bool red = files->ended && files->end.status != 0;

    if (files->away) {
        slurm_directory_away(&run->error, run->slurm->config, files->away);
        slurm_run_hold(run);
        return true;
    }
    if (!files->ended && !*files->problem)
        return false;
    if (!files->ended) {
        error_set_key(&run->error, ERROR_TRANSIENT, files->key, "%s", files->problem);
        lose_beginless(run);
        return true;
    }
    if (run->wants_id || (red && !slurm_run_is_over(run)))
        return false;
    if (red && !run->absent && run->seen.state != SQUEUE_FINISHED)
        lose_to_slurm(run);
    else if (red && was_suspended(run))
        lose_suspended(run);
    else
        read_output(run);
    return true;
}

static bool go_on_by_slurm(struct slurm_run *run)
{
    uint64_t now = uv_now(run->slurm->loop);

    if (!waits_for_excluded(run)) {
        run->left_out_at = 0;
    } else if (!run->left_out_at) {
        run->left_out_at = now;
    } else if (now - run->left_out_at >= LEFT_OUT_MS) {
        lose_excluded(run);
        return true;
    }
    if (run->record.state != SLURM_SUBMITTED || !slurm_run_is_over(run)) {
        run->over_at = 0;
        return false;
    }
    if (!run->over_at)
        run->over_at = now;
    if (now - run->over_at < LATE_MS && !never_had_node(run))
        return false;
    lose_to_slurm(run);
    return true;
}

/* ---- looking at all of them --------------------------------------------------------------------- */

/* A file came when it is first seen, unless it may have been there for longer. */
static bool note_files(struct slurm_run *run, const struct slurm_files *files)
{
    bool first = !run->files.started;
    int64_t now = clock_now_ms();
    int64_t at = run->seen_waiting || files->started_ms > now ? now : files->started_ms;

    if (files->ended && !run->files.ended && files->end.status != 0)
        run->answered = false;
    run->files = *files;
    run->seen_waiting = !files->started;
    if (!files->started)
        return true;
    if (first && run->record.state == SLURM_SUBMITTING) {
        run->wants_id = true;
        run->slurm->asked_at = 0;
    }
    return !run->record.submitted_ms || slurm_note_begun(run, at, files->node);
}

/* The end of a run may begin another one. Then all are looked at again. */
static bool one_goes_on(struct slurm *slurm)
{
    for (struct slurm_run *run = slurm->runs; run; run = run->next)
        if (!run->step && (go_on_by_files(run) || go_on_by_slurm(run)))
            return true;
    return false;
}

static void look_later(struct slurm *slurm)
{
    uint64_t delay = slurm->look_again ? 0 : SLURM_LOOK_EACH_MS;

    slurm->look_again = false;
    if (slurm->runs && !slurm->tick)
        slurm->tick = loop_after(slurm->loop, delay, slurm_look_at_all, slurm);
}

static struct slurm_run *find_run(const struct slurm *slurm, const char *directory)
{
    struct slurm_run *run = slurm->runs;

    while (run && (!run->directory || strcmp(run->directory, directory) != 0))
        run = run->next;
    return run;
}

static void on_looked(void *data, char *const *directories, const struct slurm_files *files,
                      size_t count)
{
    struct slurm *slurm = data;

    slurm->look = NULL;
    operation_clear(&slurm->slow);
    if (slurm->hangs)
        log_event(&event_runs_seen_again);
    slurm->hangs = false;
    for (size_t i = 0; i < count; i++) {
        struct slurm_run *run = find_run(slurm, directories[i]);

        if (run && !run->step)
            (void)note_files(run, &files[i]);
    }
    while (one_goes_on(slurm))
        ;
    slurm_ask(slurm);
    look_later(slurm);
}

static void on_slow(void *data)
{
    struct slurm *slurm = data;

    slurm->slow = NULL;
    slurm->hangs = true;
    log_event(&event_runs_hang, LOG_TEXT("directory", slurm->directory));
}

void slurm_look_at_all(void *data)
{
    struct slurm *slurm = data;
    CLEANUP(config_list_clear) struct config_list directories = {0};

    slurm->tick = NULL;
    slurm->look_again = slurm->look != NULL;
    if (slurm->look)
        return;
    for (struct slurm_run *run = slurm->runs; run; run = run->next)
        if (!run->step)
            config_list_append(&directories, memory_copy(run->directory));
    slurm->look = slurm_look_start(slurm->loop, (const char *const *)directories.items,
                                   directories.count, on_looked, slurm);
    slurm->slow = loop_after(slurm->loop, SLOW_MS, on_slow, slurm);
}
