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

/* Finds "<hash>\trefs/heads/<branch>\n". The list also has names with the same end. */
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

struct had {
    struct git_sequence sequence;
    char *sha;
    char *since;
    char tip[GIT_HASH_SIZE];
    repository_base_had_callback callback;
    void *data;
};

static void had_discard(struct operation *operation)
{
    struct had *had = (struct had *)operation;

    operation_clear(&had->sequence.step);
    free(had->sha);
    free(had->since);
    free(had);
}

static void had_end(struct had *had, bool answer, const struct error *error)
{
    repository_base_had_callback callback = had->callback;
    void *data = had->data;

    had_discard(&had->sequence.operation);
    callback(data, answer, error);
}

/* The list goes from the tip backwards: `sha` counts if it comes before `since`. */
static void had_listed(void *data, const struct process_result *result)
{
    struct had *had = data;
    struct error error;

    had->sequence.step = NULL;
    if (!process_succeeded(result)) {
        git_failure(&error, result, GIT_LOCAL, "reading the base's history");
        had_end(had, false, &error);
        return;
    }

    const char *sha = strstr(result->output, had->sha);
    const char *since = strstr(result->output, had->since);

    had_end(had, sha && since && sha <= since, NULL);
}

static void had_fetched(void *data, const struct process_result *result)
{
    struct had *had = data;
    struct repository *repository = had->sequence.repository;
    struct error error;

    had->sequence.step = NULL;
    if (repository_fetched(repository, had->tip, result, &error) < 0) {
        had_end(had, false, &error);
        return;
    }

    const char *const arguments[] = {
        repository->git_dir, "rev-list", "--first-parent", HISTORY_LIMIT, had->tip, "--", NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = OUTPUT_LIMIT,
    };

    had->sequence.step = git_start(repository->git, &command, had_listed, had);
}

static void had_looked(void *data, const struct process_result *result)
{
    struct had *had = data;
    struct repository *repository = had->sequence.repository;
    struct repository_refs refs;
    struct error error;

    had->sequence.step = NULL;
    if (repository_read_look(repository, result, NULL, &refs, &error) < 0) {
        had_end(had, false, &error);
        return;
    }
    memcpy(had->tip, refs.base, sizeof(had->tip));
    if (strcmp(had->sha, had->since) == 0 || strcmp(had->sha, had->tip) == 0) {
        had_end(had, true, NULL);
    } else if (repository_prepare(repository, had->tip, &error) < 0) {
        had_end(had, false, &error);
    } else {
        had->sequence.step = repository_fetch(repository, had->tip, had_fetched, had);
    }
}

struct operation *repository_base_had(struct repository *repository, const char *sha,
                                      const char *since, repository_base_had_callback callback,
                                      void *data)
{
    struct had *had = memory_new(sizeof(*had));

    git_sequence_begin(&had->sequence, repository, had_discard);
    had->sha = memory_copy(sha);
    had->since = memory_copy(since);
    had->callback = callback;
    had->data = data;
    had->sequence.step = repository_start_look(repository, NULL, had_looked, had);
    return &had->sequence.operation;
}
