/*
 * Slurm's commands, each as a child with an environment of its own, and how a run is taken back.
 */

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/validation/arguments.h"
#include "daemon/validation/slurm-internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALL_WITHIN_MS 60000
#define ANSWER_LIMIT   (1024 * 1024)
#define LOOK_AGAIN_MS  1000
#define GONE_WITHIN    120 /* looks, one each second */
#define NET_MINUTES    5   /* more than the timeout in the script */

char *slurm_name(const struct slurm *slurm, const char *experiment_id, int64_t attempt)
{
    return memory_format("winnowd-%s-%s-%" PRId64, slurm->id, experiment_id, attempt);
}

char *slurm_directory(const struct slurm *slurm, const char *experiment_id, int64_t attempt)
{
    return memory_format("%s/%s-%" PRId64, slurm->directory, experiment_id, attempt);
}

/* Only what Slurm's commands need of the daemon's own, since all of it reaches the job. */
static struct config_list make_environment(void)
{
    static const char *const names[] = {"PATH", "HOME", "USER", "LOGNAME", "SLURM_CONF"};
    struct config_list environment = {0};

    config_list_append(&environment, memory_copy("LC_ALL=C"));
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (getenv(names[i]))
            config_list_append(&environment, memory_format("%s=%s", names[i], getenv(names[i])));
    return environment;
}

static struct operation *call(uv_loop_t *loop, struct config_list *arguments,
                              enum process_manner manner, process_callback callback, void *data)
{
    CLEANUP(config_list_clear) struct config_list environment = make_environment();
    struct process_options options = {
        .argv = (const char *const *)arguments->items,
        .environment = (const char *const *)environment.items,
        .directory = "/",
        .manner = manner,
        .deadline_ms = CALL_WITHIN_MS,
        .output_limit = ANSWER_LIMIT,
    };

    return process_start(loop, &options, callback, data);
}

char *slurm_options(const struct slurm *slurm)
{
    const struct config_list *options = &slurm->config->validation.slurm.options;
    struct text lines = {0};

    for (size_t i = 0; i < options->count; i++)
        text_append_format(&lines, "%s\n", options->items[i]);
    return text_take(&lines);
}

/* Slurm's own limit is behind that of the script. */
static char *time_option(uint64_t timeout_ms)
{
    return memory_format("--time=%" PRIu64, (timeout_ms + 59999) / 60000 + NET_MINUTES);
}

/* The user's own exclusions are added, as sbatch takes only the last of two such options. */
static void append_options(struct config_list *arguments, const struct slurm_run *run)
{
    static const char option[] = "--exclude=";
    const struct config_list *options = &run->slurm->config->validation.slurm.options;
    CLEANUP_TEXT struct text excluded = {0};

    text_append(&excluded, run->record.excluded ? run->record.excluded : "");
    for (size_t i = 0; i < options->count; i++) {
        bool excludes = strncmp(options->items[i], option, strlen(option)) == 0;

        if (excludes)
            text_append_format(&excluded, "%s%s", excluded.length ? "," : "",
                               options->items[i] + strlen(option));
        else
            config_list_append(arguments, memory_copy(options->items[i]));
    }
    if (excluded.length)
        config_list_append(arguments, memory_format("%s%s", option, text_string(&excluded)));
}

struct operation *slurm_sbatch(struct slurm_run *run, process_callback callback)
{
    CLEANUP(config_list_clear) struct config_list arguments = {0};

    arguments_append_copies(
        &arguments,
        (const char *const[]){"sbatch", "--parsable", "--no-requeue", "--export=ALL", NULL});
    config_list_append(&arguments, memory_format("--job-name=%s", run->name));
    config_list_append(&arguments, memory_format("--output=%s/slurm-output", run->directory));
    config_list_append(&arguments, memory_format("--chdir=%s", run->directory));
    config_list_append(&arguments, time_option(run->order.timeout_ms));
    append_options(&arguments, run);
    config_list_append(&arguments, file_join(run->directory, "script"));
    return call(run->slurm->loop, &arguments, PROCESS_OUTLIVES, callback, run);
}

struct operation *slurm_squeue(struct slurm *slurm, const char *names, process_callback callback,
                               void *data)
{
    CLEANUP(config_list_clear) struct config_list arguments = {0};

    arguments_append_copies(&arguments,
                            (const char *const[]){"squeue", "-h", "-a", "-t", "all", "-n", names,
                                                  "-O", SQUEUE_COLUMNS, NULL});
    return call(slurm->loop, &arguments, PROCESS_KILLED, callback, data);
}

struct operation *slurm_squeue_all(struct slurm *slurm, process_callback callback, void *data)
{
    CLEANUP(config_list_clear) struct config_list arguments = {0};

    arguments_append_copies(&arguments, (const char *const[]){"squeue", "-h", "-a", "-u", NULL});
    config_list_append(&arguments, memory_format("%u", (unsigned)geteuid()));
    arguments_append_copies(&arguments, (const char *const[]){"-O", SQUEUE_COLUMNS, NULL});
    return call(slurm->loop, &arguments, PROCESS_KILLED, callback, data);
}

struct operation *slurm_scancel(struct slurm *slurm, const char *name, process_callback callback,
                                void *data)
{
    CLEANUP(config_list_clear) struct config_list arguments = {0};

    arguments_append_copies(&arguments, (const char *const[]){"scancel", "-n", name, NULL});
    return call(slurm->loop, &arguments, PROCESS_OUTLIVES, callback, data);
}

char *slurm_words(const struct process_result *result)
{
    struct text words = {0};
    char end[PROCESS_DESCRIPTION_SIZE];

    process_describe(end, sizeof(end), result);
    if (result->end == PROCESS_EXITED && result->errors && *result->errors)
        text_append_line(&words, result->errors, 300);
    else
        text_append(&words, end);
    return text_take(&words);
}

void slurm_directory_away(struct error *error, const struct config *config, int code)
{
    error_set_key(error, ERROR_PERMANENT, "validation.directory", "%s: %s",
                  config->validation.directory, strerror(code));
    error->installation = error->holds = true;
}

/* ---- trying the options ------------------------------------------------------------------------- */

struct trial {
    struct operation operation; /* first */
    struct operation *step;
    void (*callback)(void *data, const struct error *error);
    void *data;
};

static void trial_discard(struct operation *operation)
{
    struct trial *trial = (struct trial *)operation;

    operation_clear(&trial->step);
    free(trial);
}

static void on_tried(void *data, const struct process_result *result)
{
    struct trial *trial = data;
    CLEANUP_FREE char *words = slurm_words(result);
    bool works = process_succeeded(result);
    enum sbatch_refusal refusal = result->end == PROCESS_EXITED ? sbatch_refusal_of(words)
                                                                : SBATCH_WAITS;
    struct error error;

    trial->step = NULL;
    if (!works && result->end == PROCESS_NOT_STARTED)
        error_set_key(&error, ERROR_PERMANENT, "validation.engine", "sbatch %s", words);
    else if (!works)
        error_set(&error, refusal == SBATCH_REFUSED ? ERROR_PERMANENT : ERROR_TRANSIENT,
                  "validation.slurm.options: sbatch says: %s%s", words,
                  refusal == SBATCH_NO_NODE ? "; a job waits if nodes are down or drained" : "");
    trial->callback(trial->data, works ? NULL : &error);
    trial_discard(&trial->operation);
}

struct operation *slurm_try(uv_loop_t *loop, const struct config *config,
                            void (*callback)(void *data, const struct error *error), void *data)
{
    CLEANUP(config_list_clear) struct config_list arguments = {0};
    struct trial *trial = memory_new(sizeof(*trial));

    trial->operation.discard = trial_discard;
    trial->callback = callback;
    trial->data = data;
    arguments_append_copies(&arguments, (const char *const[]){"sbatch", "--test-only", NULL});
    arguments_append_copies(&arguments,
                            (const char *const *)config->validation.slurm.options.items);
    config_list_append(&arguments, time_option(config->validation.timeout_ms));
    config_list_append(&arguments, memory_copy("--wrap=true"));
    trial->step = call(loop, &arguments, PROCESS_KILLED, on_tried, trial);
    return &trial->operation;
}

/* ---- taking a run back: scancel, see it gone, remove the directory ------------------------------ */

struct cancel {
    struct operation operation; /* first */
    struct slurm *slurm;
    char *experiment_id;
    char *name;
    char *directory;
    struct slurm_record record;
    unsigned looks;
    struct operation *step;
    checkout_callback callback;
    void *data;
    struct error error;
};

static void cancel_discard(struct operation *operation)
{
    struct cancel *cancel = (struct cancel *)operation;

    operation_clear(&cancel->step);
    slurm_record_clear(&cancel->record);
    free(cancel->experiment_id);
    free(cancel->name);
    free(cancel->directory);
    free(cancel);
}

static void cancel_end(struct cancel *cancel, const struct error *error)
{
    cancel->callback(cancel->data, error);
    cancel_discard(&cancel->operation);
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

/* Another attempt may have begun since. */
static int note_removed(struct cancel *cancel)
{
    CLEANUP(slurm_record_clear) struct slurm_record record = {0};

    if (slurm_record_read(&record, cancel->slurm->store, cancel->experiment_id, &cancel->error) < 0)
        return -1;
    if (!record.attempt || record.attempt != cancel->record.attempt)
        return 0;
    record.state = SLURM_REMOVED;
    record.id = 0;
    slurm_forget_verdict(cancel->slurm, cancel->experiment_id);
    return slurm_record_write(&record, cancel->slurm->store, cancel->experiment_id, &cancel->error);
}

/* What was removed may only be away, with the file system that it is in. */
static int check_there(struct cancel *cancel)
{
    const char *directory = cancel->slurm->directory;

    if (access(directory, F_OK) == 0)
        return 0;
    return error_set_key(&cancel->error, ERROR_TRANSIENT, "validation.directory", "%s: %s",
                         directory, strerror(errno));
}

static void on_removed(void *data, const struct error *error)
{
    struct cancel *cancel = data;

    cancel->step = NULL;
    if (!error && (check_there(cancel) < 0 || note_removed(cancel) < 0))
        error = &cancel->error;
    cancel_end(cancel, error);
}

static void remove_directory(struct cancel *cancel)
{
    CLEANUP_FREE char *name = memory_format("%s-%" PRId64, cancel->experiment_id,
                                            cancel->record.attempt);
    CLEANUP(checkout_free)
    struct checkout checkout = checkout_name(cancel->slurm->directory, name);

    cancel->step = checkout_remove(cancel->slurm->loop, &checkout, on_removed, cancel);
}

static bool is_over(const char *output)
{
    struct squeue_job job;

    while (squeue_next(&job, &output))
        if (slurm_is_under_way(&job))
            return false;
    return true;
}

static void look_again(void *data);

static void on_looked(void *data, const struct process_result *result)
{
    struct cancel *cancel = data;
    CLEANUP_FREE char *words = NULL;

    cancel->step = NULL;
    if (process_succeeded(result) && is_over(result->output)) {
        remove_directory(cancel);
        return;
    }
    if (process_succeeded(result) && ++cancel->looks < GONE_WITHIN) {
        cancel->step = loop_after(cancel->slurm->loop, LOOK_AGAIN_MS, look_again, cancel);
        return;
    }
    words = slurm_words(result);
    error_set(&cancel->error, ERROR_TRANSIENT, "it is not known whether job %s has ended: %s",
              cancel->name, result->status == 0 ? "it is still there" : words);
    cancel_end(cancel, &cancel->error);
}

static void look_again(void *data)
{
    struct cancel *cancel = data;

    cancel->step = slurm_squeue(cancel->slurm, cancel->name, on_looked, cancel);
}

static void on_cancelled(void *data, const struct process_result *result)
{
    struct cancel *cancel = data;
    CLEANUP_FREE char *words = NULL;

    cancel->step = NULL;
    if (process_succeeded(result)) {
        look_again(cancel);
        return;
    }
    words = slurm_words(result);
    error_set(&cancel->error, ERROR_TRANSIENT, "job %s cannot be cancelled: %s", cancel->name,
              words);
    cancel_end(cancel, &cancel->error);
}

static void begin_cancel(void *data)
{
    struct cancel *cancel = data;

    cancel->step = NULL;
    if (slurm_record_read(&cancel->record, cancel->slurm->store, cancel->experiment_id,
                          &cancel->error) < 0) {
        cancel_end(cancel, &cancel->error);
        return;
    }
    cancel->name = slurm_name(cancel->slurm, cancel->experiment_id, cancel->record.attempt);
    if (cancel->record.state == SLURM_REMOVED)
        cancel_end(cancel, NULL);
    else if (cancel->record.state == SLURM_PREPARED)
        remove_directory(cancel);
    else
        cancel->step = slurm_scancel(cancel->slurm, cancel->name, on_cancelled, cancel);
}

struct operation *slurm_cancel(struct engine *engine, const char *experiment_id,
                               checkout_callback callback, void *data)
{
    struct slurm *slurm = (struct slurm *)engine;
    struct cancel *cancel = memory_new(sizeof(*cancel));

    cancel->operation.discard = cancel_discard;
    cancel->slurm = slurm;
    cancel->experiment_id = memory_copy(experiment_id);
    cancel->callback = callback;
    cancel->data = data;
    cancel->step = loop_after(slurm->loop, 0, begin_cancel, cancel);
    return &cancel->operation;
}
