#include "daemon/validation/slurm.h"

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/remover.h"
#include "daemon/validation/slurm-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define LOOK_EACH_MS   1000
#define LATE_MS        90000 /* for which NFS may not show a file that is there */
#define HOUR_MS        3600000
#define BEGINLESS_MOST 3
#define EXHAUSTED_MOST 2
#define LOG_LIMIT      (64 * 1024 * 1024)

static void look_at_all(void *data);

static void look_soon(struct slurm *slurm, uint64_t delay_ms)
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
static void run_discard(struct operation *operation)
{
    struct slurm_run *run = (struct slurm_run *)operation;

    if (run->record.state == SLURM_SUBMITTED)
        log_event(&event_run_left, LOG_TEXT("experiment", run->order.experiment_id),
                  LOG_INTEGER("slurm_job", run->record.id),
                  LOG_INTEGER("attempt", run->record.attempt));
    run_free(run);
}

static void finish(struct slurm_run *run, const struct process_result *result)
{
    look_soon(run->slurm, LOOK_EACH_MS);
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
    finish(run, NULL);
    return false;
}

/* What is wrong with the installation holds the queue; the run stays as it is. */
static void hold(struct slurm_run *run)
{
    run->error.kind = ERROR_PERMANENT;
    run->error.installation = run->error.holds = true;
    finish(run, NULL);
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
    finish(run, NULL);
}

static void lose_beginless(struct slurm_run *run)
{
    if (++run->record.beginless < BEGINLESS_MOST) {
        lose(run);
        return;
    }
    run->record.beginless = 0;
    run->error.kind = ERROR_PERMANENT;
    run->error.installation = run->error.holds = true;
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
    if (!run->absent && (!started || strstr(run->seen.word, "FAIL")))
        slurm_record_exclude(&run->record, run->seen.nodes);
    lose(run);
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
        finish(run, NULL);
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
    finish(run, &result);
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
        .log_limit = LOG_LIMIT,
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
    look_soon(slurm, 0);
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

    for (const char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (squeue_read(&job, line, strcspn(line, "\n")) && strcmp(job.name, name) == 0 &&
            (!any || job.id > found->id)) {
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
    if (result->end != PROCESS_EXITED || result->status != 0) {
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
    look_soon(slurm, 0);
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
            look_soon(slurm, 0);
            return;
        }
    }
    ask(slurm);
    if (slurm->runs && !slurm->tick)
        slurm->tick = loop_after(slurm->loop, LOOK_EACH_MS, look_at_all, slurm);
}

/* ---- the engine --------------------------------------------------------------------------------- */

static bool is_judged(const struct slurm *slurm, const char *experiment_id)
{
    return slurm->judged.count && arguments_have(&slurm->judged, experiment_id);
}

void slurm_forget_verdict(struct slurm *slurm, const char *experiment_id)
{
    struct config_list *judged = &slurm->judged;

    for (size_t i = 0; i < judged->count; i++) {
        if (strcmp(judged->items[i], experiment_id) != 0)
            continue;
        free(judged->items[i]);
        judged->items[i] = judged->items[--judged->count];
        judged->items[judged->count] = NULL;
        return;
    }
}

static struct checkout name_checkout(const struct slurm *slurm, const char *experiment_id,
                                     int64_t attempt)
{
    CLEANUP_FREE char *directory = slurm_directory(slurm, experiment_id, attempt);

    return checkout_name(directory, "box");
}

/* Whether the last run is one of that commit that was begun whole and has no verdict yet. */
static bool goes_on(struct slurm *slurm, const char *experiment_id, const char *commit,
                    const struct slurm_record *record)
{
    CLEANUP_FREE char *directory = slurm_directory(slurm, experiment_id, record->attempt);
    CLEANUP_FREE char *script = file_join(directory, "script");

    return record->state <= SLURM_SUBMITTED && record->attempt && record->commit &&
           strcmp(record->commit, commit) == 0 && !is_judged(slurm, experiment_id) &&
           access(script, F_OK) == 0;
}

/* The next attempt, whose directory nobody has used. */
static int prepare(struct slurm *slurm, const char *experiment_id, const char *commit,
                   struct slurm_record *record, struct error *error)
{
    CLEANUP_FREE char *old = slurm_directory(slurm, experiment_id, record->attempt);
    CLEANUP_FREE char *directory = NULL;
    struct error ignored; /* it is in nobody's way */

    if (record->attempt)
        (void)remover_set_aside(slurm->directory, old, &ignored);
    do {
        free(directory);
        directory = slurm_directory(slurm, experiment_id, ++record->attempt);
    } while (access(directory, F_OK) == 0);
    if (!record->commit || strcmp(record->commit, commit) != 0) {
        record->beginless = record->exhausted = 0;
        free(TAKE(record->excluded));
    }
    free(record->commit);
    record->commit = memory_copy(commit);
    record->state = SLURM_PREPARED;
    record->id = 0;
    slurm_forget_verdict(slurm, experiment_id);
    return slurm_record_write(record, slurm->records, experiment_id, error);
}

static int look(struct engine *engine, const char *experiment_id, const char *commit,
                struct checkout *checkout, struct engine_run *run, struct error *error)
{
    struct slurm *slurm = (struct slurm *)engine;
    CLEANUP(slurm_record_clear) struct slurm_record record = {0};

    if (slurm_record_read(&record, slurm->records, experiment_id, error) < 0)
        return -1;
    if (run && goes_on(slurm, experiment_id, commit, &record)) {
        *run = (struct engine_run){
            .goes_on = true,
            .command = memory_copy(record.command),
            .report = memory_copy(record.report),
            .again = record.again,
        };
    } else if (run && prepare(slurm, experiment_id, commit, &record, error) < 0) {
        return -1;
    }
    *checkout = name_checkout(slurm, experiment_id, record.attempt);
    return 0;
}

static void on_old_cancelled(void *data, const struct process_result *result)
{
    struct slurm_run *run = data;

    (void)result; /* what it writes counts for nothing any more */
    run->step = NULL;
    look_soon(run->slurm, 0);
}

static void on_failed(void *data)
{
    struct slurm_run *run = data;

    run->step = NULL;
    finish(run, NULL);
}

/* Writes down what is to be run. A late answer of the attempt before is cancelled. */
static int begin(struct slurm_run *run)
{
    const struct engine_order *order = &run->order;
    struct slurm_record *record = &run->record;
    CLEANUP_FREE char *old = slurm_name(run->slurm, order->experiment_id, record->attempt - 1);

    free(record->command);
    free(record->report);
    record->command = memory_copy(order->command);
    record->report = order->report ? memory_copy(order->report) : NULL;
    record->again = order->again;
    if (slurm_record_write(record, run->slurm->records, order->experiment_id, &run->error) < 0 ||
        slurm_write_script(run, &run->error) < 0)
        return -1;
    if (record->attempt > 1)
        run->step = slurm_scancel(run->slurm, old, on_old_cancelled, run);
    return 0;
}

static struct operation *start(struct engine *engine, const struct engine_order *order,
                               engine_callback callback, void *data)
{
    struct slurm *slurm = (struct slurm *)engine;
    struct slurm_run *run = memory_new(sizeof(*run));

    run->operation.discard = run_discard;
    run->slurm = slurm;
    run->order = *order;
    run->callback = callback;
    run->data = data;
    run->next = slurm->runs;
    slurm->runs = run;
    if (slurm_record_read(&run->record, slurm->records, order->experiment_id, &run->error) < 0) {
        run->step = loop_after(slurm->loop, 0, on_failed, run);
        return &run->operation;
    }
    run->name = slurm_name(slurm, order->experiment_id, run->record.attempt);
    run->directory = slurm_directory(slurm, order->experiment_id, run->record.attempt);
    if (!order->taken_up && begin(run) < 0)
        run->step = loop_after(slurm->loop, 0, on_failed, run);
    else if (order->taken_up)
        log_event(&event_run_taken_up, LOG_TEXT("experiment", order->experiment_id),
                  LOG_INTEGER("slurm_job", run->record.id),
                  LOG_INTEGER("attempt", run->record.attempt));
    look_soon(slurm, 0);
    return &run->operation;
}

static void slurm_free(struct engine *engine)
{
    struct slurm *slurm = (struct slurm *)engine;

    operation_clear(&slurm->tick);
    operation_clear(&slurm->query);
    config_list_clear(&slurm->judged);
    free(slurm->directory);
    free(slurm->records);
    free(slurm);
}

static void slurm_freep(struct slurm **slurm)
{
    if (*slurm)
        slurm_free(&(*slurm)->engine);
}

/* Reads the id of this state, or makes one. */
static int find_id(struct slurm *slurm, struct error *error)
{
    CLEANUP_FREE char *path = file_join(slurm->records, ".id");
    CLEANUP_FREE char *bytes = NULL;
    struct error unread; /* there is none yet */
    uint64_t number;
    size_t length;

    if (file_read(&bytes, &length, AT_FDCWD, path, sizeof(slurm->id) - 1, &unread) == 0 &&
        length == sizeof(slurm->id) - 1 && strspn(bytes, "0123456789abcdef") == length) {
        memcpy(slurm->id, bytes, sizeof(slurm->id));
        return 0;
    }
    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return error_set(error, ERROR_TRANSIENT, "getrandom: %s", strerror(errno));
    snprintf(slurm->id, sizeof(slurm->id), "%016" PRIx64, number);
    return file_write(AT_FDCWD, path, slurm->id, strlen(slurm->id), 0600, error);
}

int slurm_engine_new(struct engine **engine, uv_loop_t *loop, const struct config *config,
                     struct error *error)
{
    static const struct engine_functions functions = {
        .encloses = true,
        .look = look,
        .start = start,
        .cancel = slurm_cancel,
        .free = slurm_free,
    };
    CLEANUP(slurm_freep) struct slurm *slurm = memory_new(sizeof(*slurm));
    struct slurm *made;

    slurm->engine.functions = &functions;
    slurm->loop = loop;
    slurm->config = config;
    slurm->records = file_join(config->state, "runs");
    if (file_make_directories(config->validation.directory, 0700, error) < 0)
        return error_wrap(error, "validation.directory");
    slurm->directory = memory_copy(config->validation.directory);
    if (file_make_directories(slurm->records, 0700, error) < 0 || find_id(slurm, error) < 0)
        return -1;
    made = TAKE(slurm);
    *engine = &made->engine;
    return 0;
}
