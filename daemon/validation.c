#include "daemon/validation.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/secret.h"
#include "daemon/git/git.h"
#include "daemon/validation/checkout.h"
#include "daemon/validation/internal.h"
#include "daemon/validation/local.h"
#include "daemon/validation/slurm.h"

#include <stdlib.h>

static void validation_freep(struct validation **validation)
{
    validation_free(*validation);
}

/* Checkouts on this machine are swept together. Runs on Slurm go on without the daemon. */
static int engine_new(struct validation *validation, struct store *store, struct error *error)
{
    const struct config *config = validation->config;
    const char *runs = validation->checkouts;

    if (config->validation.engine == ENGINE_LOCAL) {
        local_engine_new(&validation->engine, validation->loop, runs);
    } else {
        runs = config->validation.directory;
        if (slurm_engine_new(&validation->engine, validation->loop, config, store, error) < 0)
            return -1;
    }
    validation->remover = remover_new(validation->loop, runs);
    return 0;
}

int validation_new(struct validation **validationp, uv_loop_t *loop, const struct config *config,
                   struct store *store, struct repository *repository, struct http *http,
                   struct error *error)
{
    CLEANUP(validation_freep) struct validation *validation = memory_new(sizeof *validation);
    bool elsewhere = config->validation.engine == ENGINE_LOCAL && config->validation.directory;
    CLEANUP_FREE char *checkouts = elsewhere ? file_join(config->validation.directory, "checkouts")
                                             : file_join(config->state, "checkouts");

    validation->loop = loop;
    validation->config = config;
    validation->repository = repository;
    validation->http = http;
    validation->logs = file_join(config->state, "validation");
    if (elsewhere && file_check_writable(config->validation.directory, error) < 0)
        return error_wrap_key(error, "validation.directory");
    if (file_make_directories(checkouts, 0700, error) ||
        file_make_directories(validation->logs, 0750, error))
        return -1;
    validation->checkouts = realpath(checkouts, NULL);
    if (!validation->checkouts)
        return error_set(error, ERROR_TRANSIENT, "%s cannot be reached", checkouts);
    if (sandbox_new(&validation->sandbox, config, error))
        return -1;
    if (engine_new(validation, store, error) < 0)
        return -1;
    validation->cache = cache_new(loop, config);
    *validationp = TAKE(validation);
    return 0;
}

void validation_free(struct validation *validation)
{
    if (!validation)
        return;
    engine_free(validation->engine);
    sandbox_free(validation->sandbox);
    tool_clear(&validation->tool);
    remover_free(validation->remover);
    cache_free(validation->cache);
    free(validation->checkouts);
    free(validation->logs);
    free(validation);
}

const char *validation_sandbox(const struct validation *validation)
{
    return sandbox_sentence(validation->sandbox);
}

struct sandbox *validation_own_sandbox(struct validation *validation)
{
    return validation->sandbox;
}

struct tool *validation_tool(struct validation *validation)
{
    return &validation->tool;
}

bool validation_sandboxed(const struct validation *validation)
{
    return sandbox_is_there(validation->sandbox);
}

int validation_sweep(struct validation *validation, struct error *error)
{
    CLEANUP_FREE char *marker = git_marker(validation->config);

    if (checkout_sweep(validation->checkouts, marker, error))
        return -1;
    remover_start(validation->remover);
    cache_sweep(validation->cache);
    return 0;
}

struct operation *validation_remove(struct validation *validation, const char *experiment_id,
                                    repository_done_callback callback, void *data)
{
    return validation->engine->functions->cancel(validation->engine, experiment_id, callback, data);
}

struct operation *validation_keep_cache(struct validation *validation, const char *experiment_id,
                                        const char *commit, void (*callback)(void *data),
                                        void *data)
{
    CLEANUP(checkout_free) struct checkout checkout = {0};
    struct error ignored;

    if (validation->engine->functions->look(validation->engine, experiment_id, commit, &checkout,
                                            NULL, &ignored) < 0)
        return NULL;
    return cache_keep(validation->cache, &checkout, callback, data);
}

void validation_explain(struct error *error, const struct validation_outcome *outcome)
{
    error_set(error, ERROR_PERMANENT, "%s%s%s%s%s", outcome->sentence,
              *outcome->failure ? ": " : "", outcome->failure,
              outcome->log ? "; the whole output: " : "", outcome->log ? outcome->log : "");
    secret_scrub(error->message);
}
