#include "daemon/command-line/trial.h"

#include "common/file.h"
#include "common/memory.h"
#include "daemon/command-line/patch-files.h"
#include "daemon/parent.h"
#include "daemon/repository.h"
#include "daemon/repository/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#define BASE_REF "refs/winnowd/base"

/* Where the base is known, and in which words. */
struct place {
    char *directory; /* a repository */
    char commit[GIT_HASH_SIZE];
    char *words;
};

struct trial {
    struct place base;
    struct parent_question parent;
    enum trial_end end;
    struct error *why;
};

static void on_composed(void *data, const struct repository_change *change,
                        const struct error *error)
{
    struct trial *trial = data;

    if (!error)
        trial->end = TRIAL_FITS;
    else if (error->installation)
        trial->end = TRIAL_HELD;
    else
        trial->end = error->kind == ERROR_PERMANENT ? TRIAL_FAILS : TRIAL_UNKNOWN;
    if (error)
        *trial->why = *error;
}

static struct operation *find_parent(void *data, repository_parent_callback callback,
                                     void *callback_data)
{
    struct trial *trial = data;

    return parent_find(&trial->parent, callback, callback_data);
}

static void place_free(struct place *place)
{
    free(place->directory);
    free(place->words);
}

/* Looks for the base in a repository. If it is there, takes the words, else frees them. */
static bool find_in(struct place *place, char *directory, const char *reference, char *words)
{
    CLEANUP(place_free) struct place found = {.directory = directory, .words = words};
    struct error ignored;

    if (patch_files_find(found.commit, directory, reference, &ignored) < 0 || !*found.commit)
        return false;
    *place = found;
    found = (struct place){0};
    return true;
}

/* Experiments are made on a source's own branch, so only that of a bare source is taken for the base. */
static bool find_in_source(struct place *place, const char *source, const char *base)
{
    CLEANUP_FREE char *git_dir = source_git_dir(source);
    CLEANUP_FREE char *origin = memory_format("refs/remotes/origin/%s", base);
    CLEANUP_FREE char *own = memory_format("refs/heads/%s", base);

    return find_in(place, memory_copy(git_dir), origin,
                   memory_format("%s, as it is known in %s", base, source)) ||
           (strcmp(git_dir, source) == 0 &&
            find_in(place, memory_copy(git_dir), own,
                    memory_format("%s, as it is in %s", base, source)));
}

static bool find_base(struct place *place, const struct config *config)
{
    const char *base = config->forge.base;
    CLEANUP_FREE char *own = memory_format("refs/heads/%s", base);

    if (find_in(place, file_join(config->state, "repository.git"), BASE_REF,
                memory_format("%s, as it was fetched last", base)) ||
        (config->forge.kind == FORGE_LOCAL && config->forge.path &&
         find_in(place, source_git_dir(config->forge.path), own,
                 memory_format("%s, as it is in %s", base, config->forge.path))))
        return true;
    for (size_t i = 0; i < config->sources.count; i++) {
        if (find_in_source(place, config->sources.items[i], base))
            return true;
    }
    return false;
}

/* Composes in a state of its own. `config` and `forge` only lead to the repository that has the base. */
static void compose(struct trial *trial, const struct config *config, const struct forge *forge,
                    const struct repository_compose *wanted)
{
    CLEANUP_FREE char *objects = patch_files_objects(trial->base.directory);
    struct repository *repository = NULL;
    uv_loop_t loop;

    uv_loop_init(&loop);
    if (!objects)
        error_set(trial->why, ERROR_TRANSIENT, "the objects of %s are not found",
                  trial->base.directory);
    else if (repository_new(&repository, &loop, config, forge, trial->why) == 0 &&
             repository_borrow(repository, wanted->base, trial->base.directory, objects,
                               trial->why) == 0) {
        trial->parent.loop = &loop;
        trial->parent.repository = repository;
        repository_compose(repository, wanted, on_composed, trial);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    repository_free(repository);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

/* The same with a state directory of its own, which is removed, and with the base as the forge. */
static void compose_in(char *state, struct trial *trial, const struct config *config,
                       const struct repository_compose *wanted)
{
    struct config aside = *config;
    struct forge forge = {.git_url = trial->base.directory};
    struct error ignored;

    aside.state = state;
    aside.forge.kind = FORGE_LOCAL;
    aside.forge.path = trial->base.directory;
    compose(trial, &aside, &forge, wanted);
    (void)file_remove_tree(state, &ignored);
}

enum trial_end trial_run(char **base, const struct config *config, struct store *store,
                         const struct result *result, const char *patch, size_t patch_length,
                         struct error *why)
{
    const char *temporary = getenv("TMPDIR");
    CLEANUP_FREE char *state = file_join(temporary ? temporary : "/tmp", "winnowd-check.XXXXXX");
    struct trial trial = {.end = TRIAL_UNKNOWN, .why = why};

    if (!find_base(&trial.base, config)) {
        error_set(why, ERROR_TRANSIENT, "%s was not fetched yet", config->forge.base);
        return TRIAL_UNKNOWN;
    }
    trial.parent = (struct parent_question){
        .store = store,
        .spool = config->spool,
        .base = trial.base.commit,
        .result = result,
    };
    *base = TAKE(trial.base.words);
    if (!mkdtemp(state)) {
        error_set(why, ERROR_TRANSIENT, "cannot make %s: %s", state, strerror(errno));
        place_free(&trial.base);
        return TRIAL_UNKNOWN;
    }
    compose_in(state, &trial, config,
               &(struct repository_compose){
                   .base = trial.base.commit,
                   .branch = "trial",
                   .result = result,
                   .patch = patch,
                   .patch_length = patch_length,
                   .message = "A trial",
                   .find_parent = find_parent,
                   .find_data = &trial,
               });
    place_free(&trial.base);
    return trial.end;
}
