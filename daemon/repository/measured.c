/*
 *     history ─▶ on the base? ─ yes ─▶ the tree as it is
 *                     │ no
 *                     ▼
 *     the latest that the base holds ─ an ancestor of it ─▶ git's own merge ──────┐
 *                     │ a measured commit                                         ├▶ a tree
 *                     └─▶ what comes after it ─▶ trees ─▶ three-way merge ────────┘
 */

#include "daemon/repository/measured.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/git/merge.h"
#include "daemon/repository/change.h"
#include "daemon/repository/glob.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/merge-base.h"

#include <stdlib.h>
#include <string.h>

#define HISTORY_LIMIT   ((size_t)16 * 1024 * 1024)
#define HISTORY_COMMITS "--max-count=20000"
#define CONTAINED_LIMIT 1000
#define TREES_LIMIT     ((size_t)4096)

struct measuring {
    struct git_sequence sequence;
    char *base;
    char *commit;
    char *source;
    char *known;   /* the merge base of an earlier try; NULL: not known */
    char *history; /* commits that are not in the base, a line each, itself first */
    repository_find_merged find_merged;
    void *find_data;
    struct measured measured;
    measured_callback callback;
    void *data;
};

static void free_contained(struct measured *measured)
{
    for (size_t i = 0; measured->contained && i < measured->contained_count; i++)
        free(measured->contained[i]);
    free(measured->contained);
    measured->contained = NULL;
    measured->contained_count = 0;
}

static void measuring_discard(struct operation *operation)
{
    struct measuring *measuring = (struct measuring *)operation;

    operation_clear(&measuring->sequence.step);
    free_contained(&measuring->measured);
    free(measuring->base);
    free(measuring->commit);
    free(measuring->source);
    free(measuring->known);
    free(measuring->history);
    free(measuring);
}

static void measuring_end(struct measuring *measuring, const struct error *error)
{
    measured_callback callback = measuring->callback;
    void *data = measuring->data;
    struct measured measured = measuring->measured;

    measuring->measured.contained = NULL;
    measuring_discard(&measuring->sequence.operation);
    callback(data, error ? NULL : &measured, error);
    free_contained(&measured);
}

/* A git of our own repository failed. If it cannot find the base, we are to blame. If something else is
 * missing, the source lacks it. */
static void measuring_fail(struct measuring *measuring, const struct process_result *result,
                           const char *what)
{
    struct error error;

    git_failure(&error, result, GIT_LOCAL, what);
    if (git_found_damage(result) && strstr(result->errors, measuring->base))
        repository_discard_damaged(&measuring->sequence, &error);
    else if (git_found_damage(result) && !measuring->source)
        error_set(&error, ERROR_TRANSIENT, "commit %s cannot be read in our own repository",
                  measuring->commit);
    else if (git_found_damage(result))
        error_set(&error, ERROR_PERMANENT,
                  "commit %s cannot be read: source %s does not hold all of its history",
                  measuring->commit, measuring->source);
    measuring_end(measuring, &error);
}

static struct operation *start(struct measuring *measuring, const char *const *arguments,
                               const struct text *input, size_t limit, process_callback callback)
{
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = input ? text_string(input) : NULL,
        .input_length = input ? input->length : 0,
        .output_limit = limit,
    };

    return git_start(measuring->sequence.repository->git, &command, callback, measuring);
}

/* ---- merge -------------------------------------------------------------------------------------- */

/* Conflicts in files that are excluded do not matter. */
static int check_conflicts(const struct config *config, const struct git_merged *merged,
                           struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names names = {0};
    const char *end = merged->conflicts + merged->conflicts_length;

    for (const char *at = merged->conflicts; at < end; at += strlen(at) + 1) {
        if (!glob_match_any(config->change.exclude.items, at))
            file_names_add(&names, at);
    }
    if (names.count == 0)
        return 0;
    return error_set(error, ERROR_PERMANENT, "the change conflicts with the base in %s",
                     file_names_string(&names));
}

static void merged(void *data, const struct git_merged *merged, const struct process_result *result)
{
    struct measuring *measuring = data;
    struct error error;
    bool failed;

    measuring->sequence.step = NULL;
    if (!merged && git_exceeded(result)) {
        error_set(&error, ERROR_PERMANENT, "commit %s %s to merge with the base", measuring->commit,
                  git_exceeded(result));
        measuring_end(measuring, &error);
        return;
    }
    if (!merged) {
        measuring_fail(measuring, result, "merging the measured commit with the base");
        return;
    }
    memcpy(measuring->measured.tree, merged->tree, sizeof(merged->tree));
    failed = check_conflicts(measuring->sequence.repository->config, merged, &error) < 0;
    measuring_end(measuring, failed ? &error : NULL);
}

/* Reads "<hash> tree <size>" for the merge base and for the base. */
static void trees_found(void *data, const struct process_result *result)
{
    struct measuring *measuring = data;
    struct repository *repository = measuring->sequence.repository;
    char common[GIT_HASH_SIZE];
    char base[GIT_HASH_SIZE];
    struct error error;

    measuring->sequence.step = NULL;
    if (!process_succeeded(result)) {
        measuring_fail(measuring, result, "reading the base");
        return;
    }

    const char *second = strchr(result->output, '\n');

    git_hash_take(result->output, common);
    git_hash_take(second ? second + 1 : "", base);
    if (!git_hash_valid(common) || !git_hash_valid(base)) {
        error_set(&error, ERROR_BUG, "git shows no trees of %s and %s",
                  measuring->measured.merge_base, measuring->base);
        measuring_end(measuring, &error);
        return;
    }
    measuring->sequence.step = git_merge_trees(repository->git, repository->git_dir, common, base,
                                               measuring->measured.own_tree, merged, measuring);
}

static void find_trees(struct measuring *measuring)
{
    struct repository *repository = measuring->sequence.repository;
    const char *const arguments[] = {repository->git_dir, "cat-file", "--batch-check", NULL};
    CLEANUP_TEXT struct text asked = {0};

    text_append_format(&asked, "%s^{tree}\n%s^{tree}\n", measuring->measured.merge_base,
                       measuring->base);
    measuring->sequence.step = start(measuring, arguments, &asked, TREES_LIMIT, trees_found);
}

/* ---- history ------------------------------------------------------------------------------------ */

static void list(struct measuring *measuring, process_callback callback)
{
    struct repository *repository = measuring->sequence.repository;
    const char *known = measuring->measured.merge_base;
    CLEANUP_FREE char *not_base = memory_format("^%s", measuring->base);
    CLEANUP_FREE char *not_known = *known ? memory_format("^%s", known) : NULL;
    const char *const arguments[] = {
        repository->git_dir,
        "rev-list",
        HISTORY_COMMITS,
        "--no-commit-header",
        "--format=%H %T %P",
        measuring->commit,
        not_base,
        not_known ? not_known : "--",
        not_known ? "--" : NULL,
        NULL,
    };

    measuring->sequence.step = start(measuring, arguments, NULL, HISTORY_LIMIT, callback);
}

/* The commits after the measured one in the list are contained. */
static void read_contained(struct measuring *measuring, const char *output)
{
    struct measured *measured = &measuring->measured;
    char commit[GIT_HASH_SIZE];

    free_contained(measured);
    measured->contained = memory_new_array(CONTAINED_LIMIT, sizeof(*measured->contained));
    for (const char *line = output; *line && measured->contained_count < CONTAINED_LIMIT;
         line += strcspn(line, "\n"), line += *line == '\n') {
        git_hash_take(line, commit);
        if (line != output)
            measured->contained[measured->contained_count++] = memory_copy(commit);
    }
}

/* What the base has under another name is not contained any more. */
static void rest_listed(void *data, const struct process_result *result)
{
    struct measuring *measuring = data;

    measuring->sequence.step = NULL;
    if (!process_succeeded(result)) {
        measuring_fail(measuring, result, "reading the measured commit");
        return;
    }
    read_contained(measuring, result->output);
    find_trees(measuring);
}

/* Whether a commit is one of those that are not in the base. */
static bool is_listed(const struct measuring *measuring, const char *commit)
{
    size_t length = strlen(commit);

    for (const char *line = measuring->history; *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, commit, length) == 0)
            return true;
    }
    return false;
}

static void set_empty(const struct measuring *measuring, struct error *error)
{
    error_set(error, ERROR_PERMANENT, REPOSITORY_EMPTY ", which holds commit %s already",
              measuring->commit);
}

/* If `merge_base` is the base itself, git finds the merge base. */
static void merge_over(struct measuring *measuring, const char *merge_base)
{
    struct repository *repository = measuring->sequence.repository;
    struct measured *measured = &measuring->measured;
    struct error error;

    if (!*merge_base || !is_listed(measuring, merge_base)) {
        memcpy(measured->merge_base, measuring->base, strlen(measuring->base) + 1);
        measuring->sequence.step = git_merge_commits(repository->git, repository->git_dir,
                                                     measuring->base, measuring->commit, merged,
                                                     measuring);
    } else if (strcmp(merge_base, measuring->commit) == 0) {
        set_empty(measuring, &error);
        measuring_end(measuring, &error);
    } else {
        memcpy(measured->merge_base, merge_base, strlen(merge_base) + 1);
        list(measuring, rest_listed);
    }
}

static void merge_base_found(void *data, const char *merge_base, const struct error *error)
{
    struct measuring *measuring = data;

    measuring->sequence.step = NULL;
    if (error)
        measuring_end(measuring, error);
    else
        merge_over(measuring, merge_base);
}

/* Whether a line "<commit> <tree> <parent>…" has that parent. */
static bool has_parent(const char *line, const char *parent)
{
    char hash[GIT_HASH_SIZE];

    line = git_hash_take(git_hash_take(line, hash), hash);
    while (*line && *line != '\n') {
        const char *next = git_hash_take(line, hash);

        if (next == line)
            break;
        if (strcmp(hash, parent) == 0)
            return true;
        line = next;
    }
    return false;
}

/* Whether the measured commit descends from the base. */
static bool is_on_base(const struct measuring *measuring)
{
    for (const char *line = measuring->history; *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        if (has_parent(line, measuring->base))
            return true;
    }
    return false;
}

static int read_history(struct measuring *measuring, struct error *error)
{
    char commit[GIT_HASH_SIZE];
    const char *rest = git_hash_take(measuring->history, commit);

    if (!*commit) {
        set_empty(measuring, error);
        return -1;
    }
    if (strcmp(commit, measuring->commit) != 0)
        return error_set(error, ERROR_PERMANENT, "%s is no commit", measuring->commit);
    git_hash_take(rest, measuring->measured.own_tree);
    read_contained(measuring, measuring->history);
    return 0;
}

static void history_listed(void *data, const struct process_result *result)
{
    struct measuring *measuring = data;
    struct measured *measured = &measuring->measured;
    struct error error;

    measuring->sequence.step = NULL;
    if (!process_succeeded(result)) {
        measuring_fail(measuring, result, "reading the measured commit");
        return;
    }
    measuring->history = memory_copy_bytes(result->output, result->output_length);
    if (read_history(measuring, &error) < 0) {
        measuring_end(measuring, &error);
    } else if (is_on_base(measuring)) {
        memcpy(measured->tree, measured->own_tree, sizeof(measured->tree));
        memcpy(measured->merge_base, measuring->base, strlen(measuring->base) + 1);
        measuring_end(measuring, NULL);
    } else if (measuring->known) {
        merge_over(measuring, measuring->known);
    } else {
        measuring->sequence.step = merge_base_start(
            measuring->sequence.repository, measuring->base, measuring->commit,
            measuring->find_merged, measuring->find_data, merge_base_found, measuring);
    }
}

struct operation *measured_start(struct repository *repository,
                                 const struct measured_options *options, measured_callback callback,
                                 void *data)
{
    struct measuring *measuring = memory_new(sizeof(*measuring));

    git_sequence_begin(&measuring->sequence, repository, measuring_discard);
    measuring->base = memory_copy(options->base);
    measuring->commit = memory_copy(options->commit);
    measuring->source = memory_copy(options->source);
    measuring->find_merged = options->find_merged;
    measuring->find_data = options->find_data;
    measuring->callback = callback;
    measuring->data = data;
    if (options->merge_base && *options->merge_base)
        measuring->known = memory_copy(options->merge_base);
    list(measuring, history_listed);
    return &measuring->sequence.operation;
}
