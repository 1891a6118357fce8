#include "daemon/command-line/trial.h"

#include "common/file.h"
#include "common/memory.h"
#include "daemon/command-line/patch-files.h"
#include "daemon/parent.h"
#include "daemon/repository.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define BASE_REF "refs/winnowd/base"

struct trial {
    struct parent_question parent;
    enum trial_end end;
    struct error *why;
};

static void on_composed(void *data, const struct repository_change *change,
                        const struct error *error)
{
    struct trial *trial = data;

    trial->end = !error ? TRIAL_FITS : error->kind == ERROR_PERMANENT ? TRIAL_FAILS : TRIAL_UNKNOWN;
    if (error)
        *trial->why = *error;
}

static struct operation *find_parent(void *data, repository_parent_callback callback,
                                     void *callback_data)
{
    struct trial *trial = data;

    return parent_find(&trial->parent, callback, callback_data);
}

/* Composes in a state of its own. `config` and `forge` only lead to the daemon's repository. */
static void compose(struct trial *trial, const struct config *config, const struct forge *forge,
                    const struct repository_compose *wanted)
{
    struct repository *repository = NULL;
    uv_loop_t loop;

    uv_loop_init(&loop);
    if (repository_new(&repository, &loop, config, forge, trial->why) == 0 &&
        repository_borrow(repository, wanted->base, forge->git_url, trial->why) == 0) {
        trial->parent.loop = &loop;
        trial->parent.repository = repository;
        repository_compose(repository, wanted, on_composed, trial);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    repository_free(repository);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

enum trial_end trial_run(const struct config *config, struct store *store,
                         const struct result *result, const char *patch, size_t patch_length,
                         struct error *why)
{
    const char *place = getenv("TMPDIR");
    CLEANUP_FREE char *directory = file_join(config->state, "repository.git");
    CLEANUP_FREE char *state = file_join(place ? place : "/tmp", "winnowd-check.XXXXXX");
    char base[GIT_HASH_SIZE];
    struct trial trial = {
        .parent = {.store = store, .base = base, .result = result},
        .end = TRIAL_UNKNOWN,
        .why = why,
    };
    struct config aside = *config;
    struct forge forge = {.git_url = directory};
    struct error ignored;

    base[0] = '\0';
    if ((access(directory, F_OK) == 0 || errno != ENOENT) &&
        patch_files_find(base, directory, BASE_REF, why) < 0)
        return TRIAL_UNKNOWN;
    if (!*base) {
        error_set(why, ERROR_TRANSIENT, "%s was not fetched yet", config->forge.base);
        return TRIAL_UNKNOWN;
    }
    if (!mkdtemp(state)) {
        error_set(why, ERROR_TRANSIENT, "cannot make %s: %s", state, strerror(errno));
        return TRIAL_UNKNOWN;
    }
    aside.state = state;
    aside.forge.kind = FORGE_LOCAL;
    aside.forge.path = directory;
    compose(&trial, &aside, &forge,
            &(struct repository_compose){
                .base = base,
                .branch = "trial",
                .result = result,
                .patch = patch,
                .patch_length = patch_length,
                .message = "A trial",
                .find_parent = find_parent,
                .find_data = &trial,
            });
    (void)file_remove_tree(state, &ignored);
    return trial.end;
}
