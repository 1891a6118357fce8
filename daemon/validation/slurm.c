#include "daemon/validation/slurm.h"

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/remover.h"
#include "daemon/validation/settings.h"
#include "daemon/validation/slurm-internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_judged(const struct slurm *slurm, const char *experiment_id)
{
    return slurm->judged.count && arguments_have(&slurm->judged, experiment_id);
}

static struct checkout name_checkout(const struct slurm *slurm, const char *experiment_id,
                                     int64_t attempt)
{
    CLEANUP_FREE char *directory = slurm_directory(slurm, experiment_id, attempt);

    return checkout_name(directory, "box");
}

/* Returns whether the run is one that would be begun now. The options count until it begins. A record of an
 * earlier version does not say of what it was made. */
static bool is_in_force(const struct slurm *slurm, const char *directory,
                        const struct slurm_record *record)
{
    CLEANUP_FREE char *options = slurm_options(slurm);
    CLEANUP_FREE char *started = file_join(directory, "started");

    if (record->settings && !settings_in_force(slurm->config, record->settings))
        return false;
    return !record->options || strcmp(record->options, options) == 0 || record->began_ms ||
           access(started, F_OK) == 0;
}

/* Returns whether the last run goes on: it is a run of this commit under these settings, its script was
 * written, and it has no verdict yet. What was submitted has its script, also while the file server is
 * away. */
static bool goes_on(struct slurm *slurm, const char *experiment_id, const char *commit,
                    const struct slurm_record *record)
{
    CLEANUP_FREE char *directory = slurm_directory(slurm, experiment_id, record->attempt);
    CLEANUP_FREE char *script = file_join(directory, "script");

    return record->state <= SLURM_SUBMITTED && record->attempt && record->commit &&
           strcmp(record->commit, commit) == 0 && !is_judged(slurm, experiment_id) &&
           (record->state != SLURM_PREPARED || access(script, F_OK) == 0) &&
           is_in_force(slurm, directory, record);
}

/* Makes the directory of the next attempt. The daemon of another state may have made one of that name. */
static int make_directory(const struct slurm *slurm, const char *experiment_id,
                          struct slurm_record *record, struct error *error)
{
    CLEANUP_FREE char *directory = slurm_directory(slurm, experiment_id, ++record->attempt);

    while (mkdir(directory, 0700) < 0) {
        if (errno != EEXIST) {
            slurm_directory_away(error, slurm->config, errno);
            return -1;
        }
        free(directory);
        directory = slurm_directory(slurm, experiment_id, ++record->attempt);
    }
    return 0;
}

/* Makes the record of the next attempt, with a directory that is its own. That of the last one was its own
 * until it was removed. */
static int prepare(struct slurm *slurm, const char *experiment_id, const char *commit,
                   struct slurm_record *record, struct error *error)
{
    CLEANUP_FREE char *old = slurm_directory(slurm, experiment_id, record->attempt);
    struct error ignored; /* the old directory is in nobody's way */

    if (record->attempt && record->state != SLURM_REMOVED)
        (void)remover_set_aside(slurm->directory, old, &ignored);
    record->before = record->attempt;
    if (make_directory(slurm, experiment_id, record, error) < 0)
        return -1;
    if (!record->commit || strcmp(record->commit, commit) != 0) {
        record->beginless = record->exhausted = 0;
        free(TAKE(record->excluded));
    }
    free(record->commit);
    record->commit = memory_copy(commit);
    record->state = SLURM_PREPARED;
    record->id = record->submitted_ms = record->began_ms = 0;
    free(TAKE(record->node));
    free(TAKE(record->waits));
    free(TAKE(record->settings));
    free(TAKE(record->options));
    slurm_forget_verdict(slurm, experiment_id);
    return slurm_record_write(record, slurm->store, experiment_id, error);
}

static int look(struct engine *engine, const char *experiment_id, const char *commit,
                struct checkout *checkout, struct engine_run *run, struct error *error)
{
    struct slurm *slurm = (struct slurm *)engine;
    CLEANUP(slurm_record_clear) struct slurm_record record = {0};

    if (slurm_record_read(&record, slurm->store, experiment_id, error) < 0)
        return -1;
    if (run && record.attempt != run->judged && goes_on(slurm, experiment_id, commit, &record)) {
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

    (void)result; /* if it goes on, its files are not read any more */
    run->step = NULL;
    slurm_look_soon(run->slurm, 0);
}

static void on_failed(void *data)
{
    struct slurm_run *run = data;

    run->step = NULL;
    slurm_run_end(run, NULL);
}

/* Writes the record and the script. Cancels the attempt before, which Slurm may have taken without an
 * answer. */
static int begin(struct slurm_run *run)
{
    const struct engine_order *order = &run->order;
    struct slurm_record *record = &run->record;
    CLEANUP_FREE char *old = slurm_name(run->slurm, order->experiment_id, record->before);
    char settings[DIGEST_HEX_SIZE];

    settings_digest(run->slurm->config, settings);
    free(record->settings);
    free(record->command);
    free(record->report);
    record->settings = memory_copy(settings);
    record->command = memory_copy(order->command);
    record->report = order->report ? memory_copy(order->report) : NULL;
    record->again = order->again;
    if (slurm_record_write(record, run->slurm->store, order->experiment_id, &run->error) < 0 ||
        slurm_write_script(run, &run->error) < 0)
        return -1;
    if (record->before)
        run->step = slurm_scancel(run->slurm, old, on_old_cancelled, run);
    return 0;
}

static struct operation *start(struct engine *engine, const struct engine_order *order,
                               engine_callback callback, void *data)
{
    struct slurm *slurm = (struct slurm *)engine;
    struct slurm_run *run = memory_new(sizeof(*run));

    run->operation.discard = slurm_run_discard;
    run->slurm = slurm;
    run->order = *order;
    run->callback = callback;
    run->data = data;
    run->next = slurm->runs;
    slurm->runs = run;
    if (slurm_record_read(&run->record, slurm->store, order->experiment_id, &run->error) < 0) {
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
    slurm_look_soon(slurm, 0);
    return &run->operation;
}

static void slurm_free(struct engine *engine)
{
    struct slurm *slurm = (struct slurm *)engine;

    slurm_sweep_stop(slurm);
    operation_clear(&slurm->tick);
    operation_clear(&slurm->look);
    operation_clear(&slurm->slow);
    operation_clear(&slurm->query);
    config_list_clear(&slurm->judged);
    free(slurm->directory);
    free(slurm);
}

static void slurm_freep(struct slurm **slurm)
{
    if (*slurm)
        slurm_free(&(*slurm)->engine);
}

/* Makes the directory for the first run. If it is missing later, its file system is not mounted: what was made
 * in its place would be seen by no node, and the runs of before would be lost. */
static int make_first(const struct slurm *slurm, struct error *error)
{
    bool any;

    if (store_any_run(slurm->store, &any, error) < 0)
        return -1;
    if (!any && (file_check_writable(slurm->directory, error) < 0 ||
                 file_make_directories(slurm->directory, 0700, error) < 0))
        return error_wrap_key(error, "validation.directory");
    return 0;
}

int slurm_engine_new(struct engine **engine, uv_loop_t *loop, const struct config *config,
                     struct store *store, struct error *error)
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
    slurm->store = store;
    slurm->on_tick = slurm_look_at_all;
    slurm->directory = memory_copy(config->validation.directory);
    if (store_run_id(store, slurm->id, error) < 0 || make_first(slurm, error) < 0)
        return -1;
    slurm_sweep_start(slurm);
    made = TAKE(slurm);
    *engine = &made->engine;
    return 0;
}
