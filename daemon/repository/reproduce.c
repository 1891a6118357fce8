/*
 *     parent's files into an index ─▶ patch ─▶ a tree ─▶ a commit
 */

#include "daemon/repository/reproduce.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MADE_UP_REF  "refs/winnowd/reproduced" /* never written */
#define ANSWER_LIMIT ((size_t)64 * 1024)

struct reproducing {
    struct git_sequence sequence;
    char *parent;
    char *experiment_id;
    int64_t date;
    char *index; /* path of our index file */
    char *notes; /* this and the next one: of the patch, once it is applied */
    char *doubt;
    reproduce_callback callback;
    void *data;
};

static void reproducing_discard(struct operation *operation)
{
    struct reproducing *reproducing = (struct reproducing *)operation;

    operation_clear(&reproducing->sequence.step);
    repository_remove_index(reproducing->index);
    free(reproducing->index);
    free(reproducing->parent);
    free(reproducing->experiment_id);
    free(reproducing->notes);
    free(reproducing->doubt);
    free(reproducing);
}

static void reproducing_end(struct reproducing *reproducing, const char *commit,
                            const struct error *error)
{
    reproduce_callback callback = reproducing->callback;
    void *data = reproducing->data;
    CLEANUP_FREE char *notes = TAKE(reproducing->notes);
    CLEANUP_FREE char *doubt = TAKE(reproducing->doubt);
    const struct patched patched = {.notes = notes, .doubt = doubt};

    reproducing_discard(&reproducing->sequence.operation);
    callback(data, error ? NULL : commit, error ? NULL : &patched, error);
}

static void reproducing_fail(struct reproducing *reproducing, const struct process_result *result,
                             const char *what)
{
    struct error error;

    git_failure(&error, result, GIT_LOCAL, what);
    if (git_found_damage(result))
        repository_discard_damaged(&reproducing->sequence, &error);
    reproducing_end(reproducing, NULL, &error);
}

/* Reads "<hash>\n". */
static bool take_answer(const struct process_result *result, char hash[GIT_HASH_SIZE])
{
    return process_succeeded(result) && sscanf(result->output, "%64[0-9a-f]", hash) == 1 &&
           git_hash_valid(hash);
}

static void committed(void *data, const struct process_result *result)
{
    struct reproducing *reproducing = data;
    char commit[GIT_HASH_SIZE];

    reproducing->sequence.step = NULL;
    if (take_answer(result, commit))
        reproducing_end(reproducing, commit, NULL);
    else
        reproducing_fail(reproducing, result, "making the commit that was measured");
}

static void commit_tree(struct reproducing *reproducing, const char *tree)
{
    struct repository *repository = reproducing->sequence.repository;
    CLEANUP_FREE char *message = memory_format("%s, as it was measured\n",
                                               reproducing->experiment_id);
    CLEANUP_TEXT struct text stream = {0};
    const char *const arguments[] = {repository->git_dir, "fast-import", "--quiet", NULL};

    text_append_format(&stream,
                       "feature done\ncommit " MADE_UP_REF "\nmark :1\n"
                       "committer winnowd <winnowd@localhost> %lld +0000\ndata %zu\n%sfrom %s\n"
                       "M 040000 %s \"\"\n\nreset " MADE_UP_REF "\n\nget-mark :1\ndone\n",
                       (long long)reproducing->date, strlen(message), message, reproducing->parent,
                       tree);

    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = text_string(&stream),
        .input_length = stream.length,
        .output_limit = ANSWER_LIMIT,
    };

    reproducing->sequence.step = git_start(repository->git, &command, committed, reproducing);
}

static void tree_written(void *data, const struct process_result *result)
{
    struct reproducing *reproducing = data;
    char tree[GIT_HASH_SIZE];

    reproducing->sequence.step = NULL;
    if (take_answer(result, tree))
        commit_tree(reproducing, tree);
    else
        reproducing_fail(reproducing, result, "writing the tree that was measured");
}

static void patch_applied(void *data, const struct patched *patched, const struct error *error)
{
    struct reproducing *reproducing = data;
    struct repository *repository = reproducing->sequence.repository;
    const char *const arguments[] = {repository->git_dir, "write-tree", NULL};
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .index = reproducing->index,
        .output_limit = ANSWER_LIMIT,
    };

    reproducing->sequence.step = NULL;
    if (error) {
        reproducing_end(reproducing, NULL, error);
        return;
    }
    reproducing->notes = memory_copy(patched->notes);
    reproducing->doubt = memory_copy(patched->doubt);
    reproducing->sequence.step = git_start(repository->git, &command, tree_written, reproducing);
}

struct operation *reproduce_start(struct repository *repository,
                                  const struct reproduce_options *options,
                                  reproduce_callback callback, void *data)
{
    struct reproducing *reproducing = memory_new(sizeof(*reproducing));
    const struct patched_options patched = {
        .base = options->parent,
        .exact = options->exact,
        .patch = options->patch,
        .length = options->length,
        .index = reproducing->index = repository_scratch(repository, "index"),
    };

    git_sequence_begin(&reproducing->sequence, repository, reproducing_discard);
    reproducing->parent = memory_copy(options->parent);
    reproducing->experiment_id = memory_copy(options->experiment_id);
    reproducing->date = options->date;
    reproducing->callback = callback;
    reproducing->data = data;
    reproducing->sequence.step = patched_start(repository, &patched, patch_applied, reproducing);
    return &reproducing->sequence.operation;
}
