#include "daemon/validation/local.h"

#include "common/log.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/events.h"
#include "daemon/validation/disk.h"
#include "daemon/validation/evidence.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GRACE_MS 10000

struct local {
    struct engine engine; /* first */
    uv_loop_t *loop;
    char *directory;
};

struct run {
    struct operation operation; /* first */
    struct local *local;
    struct engine_order order;
    engine_callback callback;
    void *data;
    struct operation *step; /* the command, or the removal of its checkout */
    struct disk disk;       /* watched while the command runs */
    struct error error;
};

static void run_discard(struct operation *operation)
{
    struct run *run = (struct run *)operation;

    disk_leave(&run->disk);
    operation_clear(&run->step);
    free(run);
}

/* The arguments live until the callback returns. */
static void finish(struct run *run, const struct process_result *result)
{
    run->callback(run->data, result, result ? NULL : &run->error);
    free(run);
}

/* Ends tests that fill the disk, since the store needs it. */
static void on_disk_filled(void *data)
{
    struct run *run = data;

    process_end_now(run->step);
}

/* The checkout is gone. Finds out whether it had filled the disk. */
static void on_emptied(void *data, const struct error *error)
{
    struct run *run = data;
    uint64_t bytes = disk_filled_by_tests(&run->disk);

    run->step = NULL;
    if (error)
        run->error = *error;
    else if (bytes > 0)
        error_set(&run->error, ERROR_PERMANENT, "the tests filled the disk with %llu bytes",
                  (unsigned long long)bytes);
    else
        error_set(&run->error, ERROR_TRANSIENT,
                  "the disk with the checkouts is full, so the result of the tests says nothing");
    finish(run, NULL);
}

/* Whether the command never began: bubblewrap could not make the sandbox, or a launcher did not start
 * it. That says nothing about the tests, even with an exit status of 0. A timeout counts as one. So does a
 * launcher that lacks a program: that does not pass by itself, and is compared with the base (evidence.h). */
static bool never_began(struct run *run, const struct process_result *result)
{
    CLEANUP_TEXT struct text why = {0};
    const char *last = strrchr(result->tail, '\n');
    char end[PROCESS_DESCRIPTION_SIZE];

    if (result->end == PROCESS_TIMED_OUT || !run->order.sandboxed ||
        (result->end == PROCESS_EXITED && evidence_of_no_program(result->status)) ||
        checkout_has_begun(run->order.checkout))
        return false;
    process_describe(end, sizeof end, result);
    text_append_line(&why, last ? last + 1 : result->tail, 200);
    error_set(&run->error, ERROR_TRANSIENT,
              "the tests did not begin: what should start them %s%s%s", end,
              why.length ? " and said: " : "", text_string(&why));
    return true;
}

/* If the disk had no room for all of the output, removes the file: the store needs the room. */
static void give_up_log(const struct run *run, const char *problem)
{
    log_event(&event_validation_log, LOG_TEXT("experiment", run->order.experiment_id),
              LOG_TEXT("reason", problem));
    unlink(run->order.log);
}

static void on_command(void *data, const struct process_result *result)
{
    struct run *run = data;
    bool well = process_succeeded(result);

    run->step = NULL;
    disk_leave(&run->disk);
    if (result->end == PROCESS_NOT_STARTED) {
        error_set(&run->error, ERROR_TRANSIENT, "%s could not be started: %s", run->order.command,
                  result->problem);
        finish(run, NULL);
        return;
    }
    if (result->problem)
        give_up_log(run, result->problem);
    if (!well && disk_is_full(&run->disk))
        run->step = checkout_remove(run->local->loop, run->order.checkout, on_emptied, run);
    else
        finish(run, never_began(run, result) ? NULL : result);
}

static void on_printed(void *data, const char *bytes, size_t length)
{
    struct run *run = data;

    run->order.printed(run->order.data, bytes, length);
}

static struct operation *start(struct engine *engine, const struct engine_order *order,
                               engine_callback callback, void *data)
{
    struct local *local = (struct local *)engine;
    struct run *run = memory_new(sizeof(*run));
    struct process_options options = {
        .argv = order->arguments,
        .this_program = order->this_program,
        .environment = order->environment,
        .directory = order->checkout->source,
        .deadline_ms = order->timeout_ms,
        .grace_ms = GRACE_MS,
        .log_path = order->log,
        .log_limit = ENGINE_LOG_LIMIT,
        .printed = on_printed,
        .tail_lines = order->tail_lines,
    };
    struct error error;

    run->operation.discard = run_discard;
    run->local = local;
    run->order = *order;
    run->callback = callback;
    run->data = data;
    run->step = process_start(local->loop, &options, on_command, run);
    if (process_id(run->step))
        disk_watch(&run->disk, local->loop, local->directory, on_disk_filled, run);
    /* Tests without a note are found by other signs, so they need not be ended. */
    if (process_id(run->step) && checkout_note(order->checkout, process_id(run->step), &error))
        log_event(&event_validation_note, LOG_TEXT("experiment", order->experiment_id),
                  LOG_TEXT("reason", error.message));
    return &run->operation;
}

static int look(struct engine *engine, const char *experiment_id, const char *commit,
                struct checkout *checkout, struct engine_run *run, struct error *error)
{
    const struct local *local = (const struct local *)engine;

    (void)commit;
    (void)run;
    (void)error;
    *checkout = checkout_name(local->directory, experiment_id);
    return 0;
}

static struct operation *cancel(struct engine *engine, const char *experiment_id,
                                checkout_callback callback, void *data)
{
    struct local *local = (struct local *)engine;
    struct checkout checkout = checkout_name(local->directory, experiment_id);
    struct operation *operation = checkout_remove(local->loop, &checkout, callback, data);

    checkout_free(&checkout);
    return operation;
}

static void local_free(struct engine *engine)
{
    struct local *local = (struct local *)engine;

    free(local->directory);
    free(local);
}

void local_engine_new(struct engine **engine, uv_loop_t *loop, const char *directory)
{
    static const struct engine_functions functions = {
        .look = look,
        .start = start,
        .cancel = cancel,
        .free = local_free,
    };
    struct local *local = memory_new(sizeof(*local));

    local->engine.functions = &functions;
    local->loop = loop;
    local->directory = memory_copy(directory);
    *engine = &local->engine;
}
