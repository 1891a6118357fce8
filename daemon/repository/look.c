/*
 * Looks at the forge's branches, by git.
 */

#include "daemon/repository/internal.h"

#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

#define LOOK_PATIENCE 2
#define OUTPUT_LIMIT  ((size_t)1024 * 1024)
#define HISTORY_LIMIT "--max-count=10000"

struct operation *repository_start_look(struct repository *repository, const char *branch,
                                        process_callback callback, void *data)
{
    CLEANUP_FREE char *base_ref = memory_format("refs/heads/%s", repository->config->forge.base);
    CLEANUP_FREE char *branch_ref = branch ? memory_format("refs/heads/%s", branch) : NULL;
    const char *const arguments[] = {
        "ls-remote", "--end-of-options", repository->forge->git_url, base_ref, branch_ref, NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_FORGE,
        .output_limit = OUTPUT_LIMIT,
        .patience = LOOK_PATIENCE,
    };

    return git_start(repository->git, &command, callback, data);
}

/* Finds "<hash>\trefs/heads/<branch>\n". The list also has names that only end alike. */
static void find_branch(const char *output, const char *branch, char hash[GIT_HASH_SIZE])
{
    CLEANUP_FREE char *tail = memory_format("\trefs/heads/%s\n", branch);
    size_t tail_length = strlen(tail);

    hash[0] = '\0';
    for (const char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t length = strcspn(line, "\t\n");

        if (strncmp(line + length, tail, tail_length) == 0 && length < GIT_HASH_SIZE) {
            memcpy(hash, line, length);
            hash[length] = '\0';
            return;
        }
    }
}

/* An answer without the base does not count: a proxy
 * in front of the forge may say "fine" to everything, and the branch is not gone because of that. */
int repository_read_look(const struct repository *repository, const struct process_result *result,
                         const char *branch, struct repository_refs *refs, struct error *error)
{
    const char *base = repository->config->forge.base;

    memset(refs, 0, sizeof(*refs));
    if (!process_succeeded(result))
        return git_failure(error, result, GIT_FORGE, "looking at the forge's branches");
    refs->answered = true;
    find_branch(result->output, base, refs->base);
    if (branch)
        find_branch(result->output, branch, refs->branch);
    if (!refs->base[0])
        return error_set(error, ERROR_TRANSIENT, "the forge shows no base branch \"%s\"", base);
    return 0;
}

struct look {
    struct git_sequence sequence;
    char *branch;
    repository_look_callback callback;
    void *data;
};

static void look_discard(struct operation *operation)
{
    struct look *look = (struct look *)operation;

    operation_clear(&look->sequence.step);
    free(look->branch);
    free(look);
}

static void look_ended(void *data, const struct process_result *result)
{
    struct look *look = data;
    repository_look_callback callback = look->callback;
    void *callback_data = look->data;
    struct repository_refs refs;
    struct error error;
    int failed = repository_read_look(look->sequence.repository, result, look->branch, &refs,
                                      &error);

    look->sequence.step = NULL;
    look_discard(&look->sequence.operation);
    callback(callback_data, &refs, failed < 0 ? &error : NULL);
}

struct operation *repository_look(struct repository *repository, const char *branch,
                                  repository_look_callback callback, void *data)
{
    struct look *look = memory_new(sizeof(*look));

    git_sequence_begin(&look->sequence, repository, look_discard);
    look->branch = memory_copy(branch);
    look->callback = callback;
    look->data = data;
    look->sequence.step = repository_start_look(repository, branch, look_ended, look);
    return &look->sequence.operation;
}

struct held {
    struct git_sequence sequence;
    char *sha;
    char *since;
    char tip[GIT_HASH_SIZE];
    repository_held_callback callback;
    void *data;
};

static void held_discard(struct operation *operation)
{
    struct held *held = (struct held *)operation;

    operation_clear(&held->sequence.step);
    free(held->sha);
    free(held->since);
    free(held);
}

static void held_end(struct held *held, bool answer, const struct error *error)
{
    repository_held_callback callback = held->callback;
    void *data = held->data;

    held_discard(&held->sequence.operation);
    callback(data, answer, error);
}

/* The list goes from the tip backwards: `sha` counts if it comes before `since`. */
static void held_listed(void *data, const struct process_result *result)
{
    struct held *held = data;
    struct error error;

    held->sequence.step = NULL;
    if (!process_succeeded(result)) {
        git_failure(&error, result, GIT_LOCAL, "reading the base's history");
        held_end(held, false, &error);
        return;
    }

    const char *sha = strstr(result->output, held->sha);
    const char *since = strstr(result->output, held->since);

    held_end(held, sha && since && sha <= since, NULL);
}

static void held_fetched(void *data, const struct process_result *result)
{
    struct held *held = data;
    struct repository *repository = held->sequence.repository;
    struct error error;

    held->sequence.step = NULL;
    if (repository_fetched(repository, held->tip, result, &error) < 0) {
        held_end(held, false, &error);
        return;
    }

    const char *const arguments[] = {
        repository->git_dir, "rev-list", "--first-parent", HISTORY_LIMIT, held->tip, "--", NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = OUTPUT_LIMIT,
    };

    held->sequence.step = git_start(repository->git, &command, held_listed, held);
}

static void held_looked(void *data, const struct process_result *result)
{
    struct held *held = data;
    struct repository *repository = held->sequence.repository;
    struct repository_refs refs;
    struct error error;

    held->sequence.step = NULL;
    if (repository_read_look(repository, result, NULL, &refs, &error) < 0) {
        held_end(held, false, &error);
        return;
    }
    memcpy(held->tip, refs.base, sizeof(held->tip));
    if (strcmp(held->sha, held->since) == 0 || strcmp(held->sha, held->tip) == 0) {
        held_end(held, true, NULL);
    } else if (repository_prepare(repository, held->tip, &error) < 0) {
        held_end(held, false, &error);
    } else {
        held->sequence.step = repository_fetch(repository, held->tip, held_fetched, held);
    }
}

struct operation *repository_held(struct repository *repository, const char *sha, const char *since,
                                  repository_held_callback callback, void *data)
{
    struct held *held = memory_new(sizeof(*held));

    git_sequence_begin(&held->sequence, repository, held_discard);
    held->sha = memory_copy(sha);
    held->since = memory_copy(since);
    held->callback = callback;
    held->data = data;
    held->sequence.step = repository_start_look(repository, NULL, held_looked, held);
    return &held->sequence.operation;
}
