#include "daemon/repository/commit.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/git/quote.h"
#include "daemon/repository/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IMPORT_LIMIT ((size_t)64 * 1024)
#define TREE_LIMIT   ((size_t)4096)

struct committing {
    struct git_sequence sequence;
    struct commit_options options;
    char base_tree[GIT_HASH_SIZE]; /* only if there is a tip */
    commit_callback callback;
    void *data;
};

static void committing_discard(struct operation *operation)
{
    struct committing *committing = (struct committing *)operation;

    operation_clear(&committing->sequence.step);
    free(committing);
}

static void committing_fail(struct committing *committing, const struct process_result *result,
                            const char *what)
{
    struct error error;

    git_failure(&error, result, GIT_LOCAL, what);
    if (git_found_damage(result))
        repository_discard_damaged(&committing->sequence, &error);
    committing->callback(committing->data, NULL, NULL, &error);
    committing_discard(&committing->sequence.operation);
}

static void remember(struct committing *committing, const char *commit)
{
    struct repository *repository = committing->sequence.repository;
    struct repository_made *made = &repository->made[repository->next_made];

    if (committing->options.tip)
        return;
    snprintf(made->commit, sizeof(made->commit), "%s", commit);
    snprintf(made->parent, sizeof(made->parent), "%s", committing->options.base);
    repository->next_made = (repository->next_made + 1) % REPOSITORY_MADE;
}

bool commit_is_child(const struct repository *repository, const char *commit, const char *parent)
{
    for (size_t i = 0; *commit && i < REPOSITORY_MADE; i++)
        if (!strcmp(repository->made[i].commit, commit) &&
            !strcmp(repository->made[i].parent, parent))
            return true;
    return false;
}

/* The output is "<commit>\n040000 tree <tree>\t\n". */
static void imported(void *data, const struct process_result *result)
{
    struct committing *committing = data;
    char commit[GIT_HASH_SIZE] = "";
    char tree[GIT_HASH_SIZE] = "";
    struct error error;

    committing->sequence.step = NULL;
    if (!process_succeeded(result)) {
        committing_fail(committing, result, "making the commit");
        return;
    }
    if (sscanf(result->output, "%64[0-9a-f] 040000 tree %64[0-9a-f]", commit, tree) == 2 &&
        git_hash_valid(commit)) {
        remember(committing, commit);
        committing->callback(committing->data, commit, tree, NULL);
    } else {
        error_set(&error, ERROR_BUG, "git's import cannot be read");
        committing->callback(committing->data, NULL, NULL, &error);
    }
    committing_discard(&committing->sequence.operation);
}

/* Appends a name or address without characters that would end it. */
static void append_plain(struct text *text, const char *string)
{
    for (; *string; string++) {
        if ((unsigned char)*string >= ' ' && *string != '<' && *string != '>')
            text_append_bytes(text, string, 1);
    }
}

static void append_person(const struct committing *committing, struct text *text, const char *role)
{
    const struct config *config = committing->sequence.repository->config;

    text_append_format(text, "%s ", role);
    append_plain(text, config->change.author_name);
    text_append(text, " <");
    append_plain(text, config->change.author_email);
    text_append_format(text, "> %lld +0000\n", (long long)committing->options.date);
}

/* Appends the message, with the measured commit's name in place of "%M". */
static void append_message(const struct committing *committing, struct text *text)
{
    CLEANUP_TEXT struct text message = {0};
    const char *measured = committing->options.measured;

    for (const char *at = committing->options.message; *at; at++) {
        if (measured[0] && at[0] == '%' && at[1] == 'M') {
            text_append(&message, measured);
            at++;
        } else {
            text_append_bytes(&message, at, 1);
        }
    }
    text_append_format(text, "data %zu\n", message.length);
    text_append_bytes(text, text_string(&message), message.length);
    text_append(text, "\n");
}

static void append_path(struct text *text, const char *path)
{
    git_append_quoted(text, path);
    text_append(text, "\n");
}

/* Deletions come first, since a directory may take a file's place. */
static void append_entries(const struct change *list, struct text *text)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].new_mode == 0) {
            text_append(text, "D ");
            append_path(text, list->entries[i].path);
        }
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct change_entry *entry = &list->entries[i];

        if (entry->new_mode != 0) {
            text_append_format(text, "M %06o %s ", entry->new_mode, entry->new_hash);
            append_path(text, entry->path);
        }
    }
}

/* A merge also begins with the base's tree, before the change is made to it. */
static void append_parents(const struct committing *committing, struct text *text)
{
    if (committing->options.tip)
        text_append_format(text, "from %s\nmerge %s\nM 040000 %s \"\"\n", committing->options.tip,
                           committing->options.base, committing->base_tree);
    else
        text_append_format(text, "from %s\n", committing->options.base);
}

static void import(struct committing *committing)
{
    const struct commit_options *options = &committing->options;
    struct repository *repository = committing->sequence.repository;
    CLEANUP_TEXT struct text stream = {0};
    const char *const arguments[] = {repository->git_dir, "fast-import", "--quiet", NULL};

    text_append_format(&stream, "feature done\ncommit refs/heads/%s\nmark :1\n", options->branch);
    append_person(committing, &stream, "author");
    append_person(committing, &stream, "committer");
    append_message(committing, &stream);
    append_parents(committing, &stream);
    append_entries(options->list, &stream);
    text_append(&stream, "\nget-mark :1\nls :1 \"\"\ndone\n");

    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = text_string(&stream),
        .input_length = stream.length,
        .output_limit = IMPORT_LIMIT,
    };

    /* With an earlier attempt's commit this would be an update that is no fast-forward. And a git that was
     * killed may have left its lock. */
    repository_forget(repository, options->branch);
    committing->sequence.step = git_start(repository->git, &command, imported, committing);
}

static void base_tree_found(void *data, const struct process_result *result)
{
    struct committing *committing = data;

    committing->sequence.step = NULL;
    if (process_succeeded(result) &&
        sscanf(result->output, "%64[0-9a-f]", committing->base_tree) == 1)
        import(committing);
    else
        committing_fail(committing, result, "reading the base");
}

static void find_base_tree(struct committing *committing)
{
    struct repository *repository = committing->sequence.repository;
    CLEANUP_FREE char *tree = memory_format("%s^{tree}", committing->options.base);
    const char *const arguments[] = {
        repository->git_dir, "rev-parse", "--verify", "--end-of-options", tree, NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = TREE_LIMIT,
    };

    committing->sequence.step = git_start(repository->git, &command, base_tree_found, committing);
}

struct operation *commit_start(struct repository *repository, const struct commit_options *options,
                               commit_callback callback, void *data)
{
    struct committing *committing = memory_new(sizeof(*committing));

    git_sequence_begin(&committing->sequence, repository, committing_discard);
    committing->options = *options;
    committing->callback = callback;
    committing->data = data;
    if (options->tip)
        find_base_tree(committing);
    else
        import(committing);
    return &committing->sequence.operation;
}
