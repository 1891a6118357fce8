/*
 * The branches of open pull requests: where they are at the forge, and whether they still merge with the
 * base. Each question is one git for all branches.
 */

#include "common/loop.h"
#include "common/memory.h"
#include "daemon/repository/internal.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_PATIENCE 2
#define LOOK_LIMIT    ((size_t)16 * 1024 * 1024)
#define HEADS         "refs/heads/"

/* ---- where they are ----------------------------------------------------------------------------- */

struct looking {
    struct git_sequence sequence;
    repository_branches_callback callback;
    void *data;
};

static void looking_discard(struct operation *operation)
{
    struct looking *looking = (struct looking *)operation;

    operation_clear(&looking->sequence.step);
    free(looking);
}

struct branches {
    struct repository_branch *items;
    size_t count;
};

static void branches_clear(struct branches *branches)
{
    for (size_t i = 0; i < branches->count; i++)
        free((char *)branches->items[i].name);
    free(branches->items);
}

/* Takes a line "<hash>\trefs/heads/<name>". Any other line is left out. */
static void take_line(struct branches *branches, const char *line, size_t length)
{
    const char *name = memchr(line, '\t', length);
    struct repository_branch *branch;
    size_t hash_length = name ? (size_t)(name - line) : GIT_HASH_SIZE;

    if (hash_length >= GIT_HASH_SIZE || strncmp(++name, HEADS, strlen(HEADS)) != 0)
        return;
    name += strlen(HEADS);
    branches->items = memory_resize(branches->items,
                                    (branches->count + 1) * sizeof(*branches->items));
    branch = &branches->items[branches->count++];
    *branch = (struct repository_branch){
        .name = memory_copy_bytes(name, (size_t)(line + length - name)),
    };
    memcpy(branch->tip, line, hash_length);
}

/* The base's tip is returned by itself. An answer without it does not count, see
 * repository_read_look(). */
static int read_branches(const struct repository *repository, const struct process_result *result,
                         struct branches *branches, char base[static GIT_HASH_SIZE],
                         struct error *error)
{
    const char *name = repository->config->forge.base;

    base[0] = '\0';
    if (!process_succeeded(result))
        return git_failure(error, result, GIT_FORGE, "looking at the forge's branches");
    for (const char *line = result->output; *line;
         line += strcspn(line, "\n"), line += *line == '\n')
        take_line(branches, line, strcspn(line, "\n"));
    for (size_t i = 0; i < branches->count; i++) {
        if (strcmp(branches->items[i].name, name) == 0)
            memcpy(base, branches->items[i].tip, GIT_HASH_SIZE);
    }
    if (!*base)
        return error_set(error, ERROR_TRANSIENT, "the forge shows no base branch \"%s\"", name);
    return 0;
}

static void looked(void *data, const struct process_result *result)
{
    struct looking *looking = data;
    CLEANUP(branches_clear) struct branches branches = {0};
    repository_branches_callback callback = looking->callback;
    void *callback_data = looking->data;
    char base[GIT_HASH_SIZE];
    struct error error;
    int failed = read_branches(looking->sequence.repository, result, &branches, base, &error);

    looking->sequence.step = NULL;
    looking_discard(&looking->sequence.operation);
    callback(callback_data, base, branches.items, branches.count, failed < 0 ? &error : NULL);
}

struct operation *repository_look_at_branches(struct repository *repository,
                                              repository_branches_callback callback, void *data)
{
    const struct config *config = repository->config;
    CLEANUP_FREE char *base = memory_format(HEADS "%s", config->forge.base);
    CLEANUP_FREE char *ours = memory_format(HEADS "%s*", config->forge.branch_prefix);
    const char *const arguments[] = {
        "ls-remote", "--heads", "--end-of-options", repository->forge->git_url, base, ours, NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_FORGE,
        .output_limit = LOOK_LIMIT,
        .patience = LOOK_PATIENCE,
    };
    struct looking *looking = memory_new(sizeof(*looking));

    git_sequence_begin(&looking->sequence, repository, looking_discard);
    looking->callback = callback;
    looking->data = data;
    looking->sequence.step = git_start(repository->git, &command, looked, looking);
    return &looking->sequence.operation;
}

/* ---- whether they merge ------------------------------------------------------------------------- */

struct merging {
    struct git_sequence sequence;
    size_t count;
    char (*hashes)[GIT_HASH_SIZE]; /* the base, then the tips */
    repository_merges_callback callback;
    void *data;
};

static void merging_discard(struct operation *operation)
{
    struct merging *merging = (struct merging *)operation;

    operation_clear(&merging->sequence.step);
    free(merging->hashes);
    free(merging);
}

static void merging_end(struct merging *merging, const enum git_merge *merges,
                        const struct error *error)
{
    repository_merges_callback callback = merging->callback;
    void *data = merging->data;

    merging_discard(&merging->sequence.operation);
    callback(data, merges, error);
}

static void merged(void *data, const enum git_merge *merges, const struct process_result *result)
{
    struct merging *merging = data;
    struct error error;

    merging->sequence.step = NULL;
    if (merges) {
        merging_end(merging, merges, NULL);
        return;
    }
    git_failure(&error, result, GIT_LOCAL, "merging open pull requests with the base");
    if (git_found_damage(result))
        repository_discard_damaged(&merging->sequence, &error);
    merging_end(merging, NULL, &error);
}

static void fetched(void *data, const struct process_result *result)
{
    struct merging *merging = data;
    struct repository *repository = merging->sequence.repository;
    struct error error;

    merging->sequence.step = NULL;
    if (repository_fetched(repository, merging->hashes[0], result, &error) < 0)
        merging_end(merging, NULL, &error);
    else
        merging->sequence.step = git_merge_each(
            repository->git, repository->git_dir, merging->hashes[0],
            (const char(*)[GIT_HASH_SIZE])(merging->hashes + 1), merging->count, merged, merging);
}

static void merging_begin(void *data)
{
    struct merging *merging = data;
    struct repository *repository = merging->sequence.repository;
    struct error error;

    merging->sequence.step = NULL;
    if (repository_prepare(repository, merging->hashes[0], &error) < 0) {
        merging_end(merging, NULL, &error);
        return;
    }
    merging->sequence.generation = repository->generation;
    merging->sequence.step = repository_fetch_all(repository, merging->hashes, merging->count + 1,
                                                  fetched, merging);
}

struct operation *repository_check_merges(struct repository *repository, const char *base,
                                          const struct repository_branch *branches, size_t count,
                                          repository_merges_callback callback, void *data)
{
    struct merging *merging = memory_new(sizeof(*merging));

    git_sequence_begin(&merging->sequence, repository, merging_discard);
    merging->count = count;
    merging->hashes = memory_new_array(count + 1, sizeof(*merging->hashes));
    memcpy(merging->hashes[0], base, strlen(base) + 1);
    for (size_t i = 0; i < count; i++)
        memcpy(merging->hashes[i + 1], branches[i].tip, sizeof(branches[i].tip));
    merging->callback = callback;
    merging->data = data;
    merging->sequence.step = loop_after(repository->loop, 0, merging_begin, merging);
    return &merging->sequence.operation;
}
