/*
 * A run, step by step. Each step starts the next one; a failure starts the last one:
 *
 *     requirements ▸ fresh directories ▸ clone ▸ cache ▸ command ▸ outcome
 *
 * Where the command runs, and how its end is learnt, is the engine's part (validation/engine.h).
 */

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/process.h"
#include "common/text.h"
#include "daemon/events.h"
#include "daemon/validation/checkout.h"
#include "daemon/validation/command.h"
#include "daemon/validation/environment.h"
#include "daemon/validation/evidence.h"
#include "daemon/validation/internal.h"
#include "daemon/validation/programs.h"
#include "daemon/validation/report-file.h"
#include "daemon/validation/requires.h"
#include "daemon/validation/tox-report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOX_FILE_LIMIT (1024 * 1024)
#define REPORT_NAME    ".git/winnowd-tox.json"

struct run {
    struct operation operation; /* first */
    struct validation *validation;
    validation_callback callback;
    void *data;
    struct operation *step; /* what is under way */
    char *command;          /* as a person would type it */
    char *branch;
    char *commit;
    char *base;
    char *experiment_id;
    struct checkout checkout;
    struct cache_share *cache; /* what it sees as ~/.cache; NULL: nothing */
    int64_t judged;            /* the attempt whose verdict is known */
    bool on_base;              /* what it leaves there may be kept */
    char *mistrusted;          /* why the cache is copied: with an overlay it did not begin */
    char *log;                 /* path of the whole output */
    struct engine_place place; /* where it ran */
    struct evidence evidence;  /* of how it ended */
    char *tox_report;          /* path of tox's report, for us; NULL: not asked for */
    bool again;                /* tox failed because of its report: this run has none */
    struct error error;        /* what ended it */
};

static void run_free(struct run *run)
{
    evidence_clear(&run->evidence);
    free(run->tox_report);
    free(run->branch);
    free(run->commit);
    free(run->base);
    free(run->command);
    free(run->log);
    free(run->mistrusted);
    free(run->experiment_id);
    cache_leave(&run->cache);
    checkout_free(&run->checkout);
    free(run);
}

static void run_discard(struct operation *operation)
{
    struct run *run = (struct run *)operation;

    operation_clear(&run->step);
    run_free(run);
}

/* Ends every run. The arguments live until the callback returns. */
static void finish(struct run *run, const struct validation_outcome *outcome,
                   const struct error *error)
{
    run->callback(run->data, outcome, error);
    run_free(run);
}

static void on_printed(void *data, const char *bytes, size_t length)
{
    struct run *run = data;

    evidence_read(&run->evidence, bytes, length);
}

/* Ends with a verdict and its evidence. */
static void judged(struct run *run)
{
    CLEANUP_TEXT struct text failure = {0};

    finish(run, evidence_judge(&run->evidence, &failure), NULL);
}

static void find_place(struct run *run);

/* Runs again on a fresh checkout. */
static void start_over(struct run *run)
{
    cache_leave(&run->cache);
    free(run->log);
    free(run->command);
    free(run->tox_report);
    run->log = run->command = run->tox_report = NULL;
    checkout_free(&run->checkout);
    find_place(run);
}

/* Without the report that made tox fail. */
static void run_again(struct run *run, const char *reason)
{
    log_event(&event_validation_again, LOG_TEXT("experiment", run->experiment_id),
              LOG_TEXT("reason", reason));
    run->again = true;
    start_over(run);
}

/* Whether an overlay may have prevented the command from beginning. If so, it is run with a copy. (Tests that
 * filled the disk have no checkout any more.) */
static bool is_run_with_copy(struct run *run, const struct error *error)
{
    if (!cache_may_be_why(run->cache) || error->kind != ERROR_TRANSIENT ||
        access(run->checkout.source, F_OK) < 0 || checkout_has_begun(&run->checkout))
        return false;
    run->mistrusted = memory_copy(error->message);
    start_over(run);
    return true;
}

/* The run's own report has been read. */
static void conclude(struct run *run)
{
    const char *reason;

    reason = evidence_of_tox_failure(&run->evidence, run->tox_report != NULL);
    if (reason)
        run_again(run, reason);
    else
        judged(run);
}

static void on_report(void *data, const struct test_report *report)
{
    struct run *run = data;

    run->step = NULL;
    run->evidence.report = *report;
    conclude(run);
}

/* It is nobody's fault, so the job waits as long as it takes. */
static void end_waiting(struct run *run, const char *reason)
{
    struct validation_outcome outcome = {
        .verdict = VALIDATION_WAITS,
        .command = "",
        .tail = "",
    };

    snprintf(outcome.sentence, sizeof(outcome.sentence), "%s", reason);
    finish(run, &outcome, NULL);
}

/* A fault of the cluster may come again and again. It is never charged to an experiment. */
static void end_without_verdict(struct run *run, const struct error *error)
{
    if (run->validation->engine->functions->encloses && error->kind == ERROR_TRANSIENT)
        end_waiting(run, error->message);
    else if (!is_run_with_copy(run, error))
        finish(run, NULL, error);
}

/* Returns the key whose program is missing, if the exit status says that. With a launcher only the mark of
 * the sandbox says that the command has begun. */
static const char *find_starter(const struct run *run)
{
    return run->validation->config->validation.launcher.count > 0 &&
                   !checkout_has_begun(&run->checkout)
               ? "validation.launcher"
               : "validation.command";
}

static void on_command(void *data, const struct process_result *result, const struct error *error)
{
    struct run *run = data;

    run->step = NULL;
    if (error) {
        end_without_verdict(run, error);
        return;
    }
    if (run->mistrusted && checkout_has_begun(&run->checkout))
        cache_prefer_copies(run->validation->cache, run->mistrusted);
    run->evidence.starter = find_starter(run);
    evidence_end(&run->evidence, result, run->command, result->problem ? NULL : run->log,
                 run->place.attempt ? &run->place : NULL);
    if (run->tox_report)
        run->step = report_file_read(run->validation->loop, run->tox_report,
                                     run->validation->config->validation.expect, on_report, run);
    else
        conclude(run);
}

/* Returns where we find a file that the tests call `path`; NULL if it may be in a directory of the
 * sandbox that we do not see. The caller frees it. */
static char *find_own_report(const struct run *run, const struct checkout *inside, const char *path)
{
    size_t length = strlen(inside->source);

    if (path[0] != '/')
        return file_join(run->checkout.source, path);
    if (strncmp(path, inside->source, length) == 0 && path[length] == '/')
        return file_join(run->checkout.source, path + length + 1);
    return sandbox_is_there(run->validation->sandbox) ? NULL : memory_copy(path);
}

/* Makes tox write a report. It is in .git, where it makes no tree dirty. A command that asks for one
 * itself keeps it. */
static char **ask_tox(struct run *run, char **arguments)
{
    const struct config_list *command = &run->validation->config->validation.command;
    const char *own = tox_report_path(command->items);
    CLEANUP(checkout_free) struct checkout inside = {0};
    CLEANUP_FREE char *path = NULL;

    if (tox_report_place(command->items) < 0)
        return arguments;
    if (run->again) {
        run->evidence.report.tox = REPORT_SET_ASIDE;
        if (own)
            command_drop_report(arguments, own);
        return arguments;
    }
    inside = sandbox_inside(run->validation->sandbox, &run->checkout);
    run->tox_report = find_own_report(run, &inside, own ? own : REPORT_NAME);
    if (own)
        return arguments;
    path = file_join(inside.source, REPORT_NAME);
    return command_ask_tox(arguments, command, path);
}

/* Prepares the evidence of the run. */
static void await_report(struct run *run)
{
    const char *expect = run->validation->config->validation.expect;

    evidence_begin(&run->evidence, expect);
}

/* Passes it to the engine, with what is the same for all runs. */
static void start_order(struct run *run, struct engine_order *order)
{
    struct validation *validation = run->validation;
    CLEANUP_FREE char *name = memory_format("%s.log", run->experiment_id);

    order->experiment_id = run->experiment_id;
    order->checkout = &run->checkout;
    order->command = run->command;
    order->report = run->tox_report;
    order->again = run->again;
    order->log = run->log = file_join(validation->logs, name);
    order->timeout_ms = validation->config->validation.timeout_ms;
    order->tail_lines = validation->config->validation.output_lines;
    order->sandboxed = sandbox_is_there(validation->sandbox);
    order->place = &run->place;
    order->printed = on_printed;
    order->data = run;
    run->step = validation->engine->functions->start(validation->engine, order, on_command, run);
}

/* The command alone, where the engine makes the sandbox. */
static char **make_arguments(const struct run *run, const char *program)
{
    const struct validation *validation = run->validation;

    if (!validation->engine->functions->encloses)
        return sandbox_arguments(validation->sandbox, &run->checkout, program);
    return config_list_copy(&validation->config->validation.command).items;
}

static void start_command(struct run *run, const struct environment *environment,
                          const char *program)
{
    struct checkout inside = sandbox_inside(run->validation->sandbox, &run->checkout);
    struct engine_order order = {
        .environment = (const char *const *)environment->variables,
        .inside = &inside,
    };
    char **arguments = make_arguments(run, program);

    await_report(run);
    run->command = command_line(run->validation->config);
    arguments = cache_mount(run->cache, ask_tox(run, arguments), &order.this_program);
    order.arguments = (const char *const *)arguments;
    start_order(run, &order);
    sandbox_free_arguments(arguments);
    checkout_free(&inside);
}

/* A run that an earlier daemon began. */
static void take_up(struct run *run, struct engine_run *known)
{
    struct engine_order order = {.taken_up = true};

    await_report(run);
    run->command = TAKE(known->command);
    run->tox_report = TAKE(known->report);
    run->again = known->again;
    if (run->again)
        run->evidence.report.tox = REPORT_SET_ASIDE;
    start_order(run, &order);
}

/* Returns the files of a project that may have tox's settings, as tox_override() takes them. The caller frees it. */
static char *read_tox_settings(const char *source)
{
    static const char *const files[] = {"tox.ini", "setup.cfg", "pyproject.toml", "tox.toml"};
    struct text settings = {0};

    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        CLEANUP_FREE char *path = file_join(source, files[i]);
        CLEANUP_FREE char *content = NULL;
        struct error unread; /* most projects have one of them, and some have none */
        size_t length;

        if (file_read(&content, &length, AT_FDCWD, path, TOX_FILE_LIMIT, &unread) == 0)
            text_append_format(&settings, "%s\n[]\n", content);
    }
    return text_take(&settings);
}

/* The checkout is there. */
static void begin(struct run *run)
{
    CLEANUP_FREE char *tox_settings = read_tox_settings(run->checkout.source);
    CLEANUP_FREE char *program = NULL;
    CLEANUP(environment_free) struct environment environment = {0};
    struct checkout inside = sandbox_inside(run->validation->sandbox, &run->checkout);

    environment_make(&environment, run->validation->config, inside.home, inside.temporary,
                     tox_settings);
    checkout_free(&inside);
    if (!run->validation->engine->functions->encloses &&
        programs_find(&program, run->validation->config, &environment, run->checkout.source,
                      &run->error) < 0)
        finish(run, NULL, &run->error);
    else
        start_command(run, &environment, program);
}

static void on_cache(void *data)
{
    struct run *run = data;

    run->step = NULL;
    begin(run);
}

/* An overlay can be mounted for a sandbox on this machine only. Without one, tests would be in name spaces that
 * they do not expect; a launcher may start them elsewhere. */
static enum cache_purpose cache_purpose(const struct run *run)
{
    if (run->on_base)
        return CACHE_FOR_BASE;
    return !run->mistrusted && !run->validation->engine->functions->encloses &&
                   sandbox_is_there(run->validation->sandbox) &&
                   !run->validation->config->validation.launcher.count
               ? CACHE_FOR_TESTS
               : CACHE_FOR_TESTS_AS_COPY;
}

static void on_cloned(void *data, const struct error *error)
{
    struct run *run = data;

    run->step = NULL;
    if (error) {
        finish(run, NULL, error);
        return;
    }
    run->step = cache_give(run->validation->cache, &run->cache, run->experiment_id, &run->checkout,
                           cache_purpose(run), on_cache, run);
    if (!run->step)
        begin(run);
}

static void on_made(void *data, const struct error *error)
{
    struct run *run = data;
    const struct repository_checkout checkout = {
        .branch = run->branch,
        .commit = run->commit,
        .base = run->base,
        .directory = run->checkout.source,
    };

    run->step = NULL;
    if (error) {
        finish(run, NULL, error);
        return;
    }
    remover_start(run->validation->remover);
    run->step = repository_clone(run->validation->repository, &checkout, on_cloned, run);
}

static void make_checkout(struct run *run)
{
    run->step = checkout_make(run->validation->loop, &run->checkout, on_made, run);
}

static void on_required(void *data, const struct error *error)
{
    struct run *run = data;

    run->step = NULL;
    if (error)
        end_waiting(run, error->message);
    else
        make_checkout(run);
}

static void require(struct run *run)
{
    const struct config_list *urls = &run->validation->config->validation.requires;

    if (urls->count > 0)
        run->step = requires_ask(run->validation->http, urls, on_required, run);
    else
        make_checkout(run);
}

static void on_failed(void *data)
{
    struct run *run = data;

    run->step = NULL;
    finish(run, NULL, &run->error);
}

/* Where it runs, or where it goes on if an earlier daemon began it. */
static void find_place(struct run *run)
{
    struct validation *validation = run->validation;
    struct engine_run known = {.judged = run->judged};

    if (validation->engine->functions->look(validation->engine, run->experiment_id, run->commit,
                                            &run->checkout, &known, &run->error) < 0)
        run->step = loop_after(validation->loop, 0, on_failed, run);
    else if (known.goes_on)
        take_up(run, &known);
    else
        require(run);
}

struct operation *validation_run(struct validation *validation, const struct validation_task *task,
                                 validation_callback callback, void *data)
{
    struct run *run = memory_new(sizeof *run);

    run->operation.discard = run_discard;
    run->validation = validation;
    run->callback = callback;
    run->data = data;
    run->branch = memory_copy(task->branch);
    run->commit = memory_copy(task->commit);
    run->base = memory_copy(task->base);
    if (task->measure) {
        run->evidence.measure = memory_new(sizeof(*task->measure));
        *run->evidence.measure = *task->measure;
    }
    run->experiment_id = memory_copy(task->experiment_id);
    run->judged = task->judged;
    run->on_base = run->evidence.on_base = task->on_base;
    find_place(run);
    return &run->operation;
}
