/*
 *     history ─▶ its twins ─▶ on the base? ─ yes ─▶ the tree as it is
 *                                   │ no
 *                                   ▼
 *     the latest that the base has ─ an ancestor of it ─▶ git's own merge ────────┐
 *                     │ a measured commit                                         ├▶ a tree
 *                     └─▶ what comes after it ─▶ trees ─▶ three-way merge ────────┘
 */

#include "daemon/repository/onto-base.h"

#include "common/memory.h"
#include "common/text.h"
#include "daemon/git/merge.h"
#include "daemon/repository/change.h"
#include "daemon/repository/glob.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/merge-base.h"
#include "daemon/repository/twins.h"

#include <stdlib.h>
#include <string.h>

#define HISTORY_LIMIT   ((size_t)16 * 1024 * 1024)
#define HISTORY_COMMITS "--max-count=20000"
#define CONTAINED_LIMIT 1000
#define TREES_LIMIT     ((size_t)4096)

struct bringing {
    struct git_sequence sequence;
    char *base;
    char *commit;
    char *source;
    bool opened;
    char *known;   /* the merge base of an earlier attempt; NULL: not known */
    char *history; /* commits that are not in the base, a line each, itself first */
    struct twin
        *twins; /* what experiments measured, with the same trees as commits of the history */
    size_t twin_count;
    repository_find_merged find_merged;
    void *find_data;
    struct onto_base brought;
    onto_base_callback callback;
    void *data;
};

static void free_contained(struct onto_base *brought)
{
    for (size_t i = 0; brought->contained && i < brought->contained_count; i++)
        free(brought->contained[i]);
    free(brought->contained);
    brought->contained = NULL;
    brought->contained_count = 0;
}

static void bringing_discard(struct operation *operation)
{
    struct bringing *bringing = (struct bringing *)operation;

    operation_clear(&bringing->sequence.step);
    free_contained(&bringing->brought);
    free(bringing->base);
    free(bringing->commit);
    free(bringing->source);
    free(bringing->known);
    free(bringing->history);
    free(bringing->twins);
    free(bringing);
}

static void bringing_end(struct bringing *bringing, const struct error *error)
{
    onto_base_callback callback = bringing->callback;
    void *data = bringing->data;
    struct onto_base brought = bringing->brought;

    bringing->brought.contained = NULL;
    bringing_discard(&bringing->sequence.operation);
    callback(data, error ? NULL : &brought, error);
    free_contained(&brought);
}

/* A git of our own repository failed. If it cannot find the base, we are to blame. If something else is
 * missing, the source lacks it. */
static void bringing_fail(struct bringing *bringing, const struct process_result *result,
                          const char *what)
{
    struct error error;

    git_failure(&error, result, GIT_LOCAL, what);
    if (git_found_damage(result) && strstr(result->errors, bringing->base))
        repository_discard_damaged(&bringing->sequence, &error);
    else if (git_found_damage(result) && !bringing->source)
        error_set(&error, ERROR_TRANSIENT, "commit %s cannot be read in our own repository",
                  bringing->commit);
    else if (git_found_damage(result))
        error_set(&error, ERROR_PERMANENT,
                  "commit %s cannot be read: source %s does not have all of its history",
                  bringing->commit, bringing->source);
    bringing_end(bringing, &error);
}

static struct operation *start(struct bringing *bringing, const char *const *arguments,
                               const struct text *input, size_t limit, process_callback callback)
{
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = input ? text_string(input) : NULL,
        .input_length = input ? input->length : 0,
        .output_limit = limit,
    };

    return git_start(bringing->sequence.repository->git, &command, callback, bringing);
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
    struct bringing *bringing = data;
    struct error error;
    bool failed;

    bringing->sequence.step = NULL;
    if (!merged && git_exceeded(result)) {
        error_set(&error, ERROR_PERMANENT, "commit %s %s to merge with the base", bringing->commit,
                  git_exceeded(result));
        bringing_end(bringing, &error);
        return;
    }
    if (!merged) {
        bringing_fail(bringing, result, "merging the measured commit with the base");
        return;
    }
    memcpy(bringing->brought.tree, merged->tree, sizeof(merged->tree));
    failed = check_conflicts(bringing->sequence.repository->config, merged, &error) < 0;
    bringing_end(bringing, failed ? &error : NULL);
}

/* Reads "<hash> tree <size>" for the merge base and for the base. */
static void trees_found(void *data, const struct process_result *result)
{
    struct bringing *bringing = data;
    struct repository *repository = bringing->sequence.repository;
    char common[GIT_HASH_SIZE];
    char base[GIT_HASH_SIZE];
    struct error error;

    bringing->sequence.step = NULL;
    if (!process_succeeded(result)) {
        bringing_fail(bringing, result, "reading the base");
        return;
    }

    const char *second = strchr(result->output, '\n');

    git_hash_take(result->output, common);
    git_hash_take(second ? second + 1 : "", base);
    if (!git_hash_valid(common) || !git_hash_valid(base)) {
        error_set(&error, ERROR_BUG, "git shows no trees of %s and %s",
                  bringing->brought.merge_base, bringing->base);
        bringing_end(bringing, &error);
        return;
    }
    bringing->sequence.step = git_merge_trees(repository->git, repository->git_dir, common, base,
                                              bringing->brought.own_tree, merged, bringing);
}

static void find_trees(struct bringing *bringing)
{
    struct repository *repository = bringing->sequence.repository;
    const char *const arguments[] = {repository->git_dir, "cat-file", "--batch-check", NULL};
    CLEANUP_TEXT struct text asked = {0};

    text_append_format(&asked, "%s^{tree}\n%s^{tree}\n", bringing->brought.merge_base,
                       bringing->base);
    bringing->sequence.step = start(bringing, arguments, &asked, TREES_LIMIT, trees_found);
}

/* ---- history ------------------------------------------------------------------------------------ */

static void list(struct bringing *bringing, process_callback callback)
{
    struct repository *repository = bringing->sequence.repository;
    const char *known = bringing->brought.merge_base;
    CLEANUP_FREE char *not_base = memory_format("^%s", bringing->base);
    CLEANUP_FREE char *not_known = *known ? memory_format("^%s", known) : NULL;
    const char *const arguments[] = {
        repository->git_dir,
        "rev-list",
        HISTORY_COMMITS,
        "--no-commit-header",
        "--format=%H %T %P",
        bringing->commit,
        not_base,
        not_known ? not_known : "--",
        not_known ? "--" : NULL,
        NULL,
    };

    bringing->sequence.step = start(bringing, arguments, NULL, HISTORY_LIMIT, callback);
}

static void add_contained(struct onto_base *brought, const char *commit)
{
    if (brought->contained_count < CONTAINED_LIMIT)
        brought->contained[brought->contained_count++] = memory_copy(commit);
}

/* The commits after the measured one in the list are contained, and what has the same trees. */
static void read_contained(struct bringing *bringing, const char *output)
{
    struct onto_base *brought = &bringing->brought;
    char commit[GIT_HASH_SIZE];

    free_contained(brought);
    brought->contained = memory_new_array(CONTAINED_LIMIT, sizeof(*brought->contained));
    for (const char *line = output; *line && brought->contained_count < CONTAINED_LIMIT;
         line += strcspn(line, "\n"), line += *line == '\n') {
        git_hash_take(line, commit);
        if (line == output)
            continue;
        add_contained(brought, commit);
        for (size_t i = 0; i < bringing->twin_count; i++) {
            if (strcmp(bringing->twins[i].commit, commit) == 0)
                add_contained(brought, bringing->twins[i].other);
        }
    }
}

/* An experiment that the base has under another name is not contained any more. */
static void rest_listed(void *data, const struct process_result *result)
{
    struct bringing *bringing = data;

    bringing->sequence.step = NULL;
    if (!process_succeeded(result)) {
        bringing_fail(bringing, result, "reading the measured commit");
        return;
    }
    read_contained(bringing, result->output);
    find_trees(bringing);
}

/* Whether a commit is one of those that are not in the base. */
static bool is_listed(const struct bringing *bringing, const char *commit)
{
    size_t length = strlen(commit);

    for (const char *line = bringing->history; *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line, commit, length) == 0)
            return true;
    }
    return false;
}

/* If `merge_base` is the base itself, git finds the merge base. */
static void merge_over(struct bringing *bringing, const char *merge_base)
{
    struct repository *repository = bringing->sequence.repository;
    struct onto_base *brought = &bringing->brought;
    struct error error;

    if (!*merge_base || !is_listed(bringing, merge_base)) {
        memcpy(brought->merge_base, bringing->base, strlen(bringing->base) + 1);
        bringing->sequence.step = git_merge_commits(repository->git, repository->git_dir,
                                                    bringing->base, bringing->commit, merged,
                                                    bringing);
    } else if (strcmp(merge_base, bringing->commit) == 0) {
        change_empty(&error, bringing->commit);
        bringing_end(bringing, &error);
    } else {
        memcpy(brought->merge_base, merge_base, strlen(merge_base) + 1);
        list(bringing, rest_listed);
    }
}

static void merge_base_found(void *data, const char *merge_base, const struct error *error)
{
    struct bringing *bringing = data;

    bringing->sequence.step = NULL;
    if (error)
        bringing_end(bringing, error);
    else
        merge_over(bringing, merge_base);
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
static bool is_on_base(const struct bringing *bringing)
{
    for (const char *line = bringing->history; *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        if (has_parent(line, bringing->base))
            return true;
    }
    return false;
}

static int read_history(struct bringing *bringing, struct error *error)
{
    char commit[GIT_HASH_SIZE];
    const char *rest = git_hash_take(bringing->history, commit);

    if (!*commit) {
        change_empty(error, bringing->commit);
        return -1;
    }
    if (strcmp(commit, bringing->commit) != 0)
        return error_set(error, ERROR_PERMANENT, "%s is no commit", bringing->commit);
    git_hash_take(rest, bringing->brought.own_tree);
    return 0;
}

static void bring(struct bringing *bringing)
{
    struct onto_base *brought = &bringing->brought;

    read_contained(bringing, bringing->history);
    if (is_on_base(bringing)) {
        memcpy(brought->tree, brought->own_tree, sizeof(brought->tree));
        memcpy(brought->merge_base, bringing->base, strlen(bringing->base) + 1);
        bringing_end(bringing, NULL);
    } else if (bringing->known) {
        merge_over(bringing, bringing->known);
    } else {
        bringing->sequence.step = merge_base_start(
            bringing->sequence.repository, bringing->base, bringing->history, bringing->opened,
            bringing->find_merged, bringing->find_data, merge_base_found, bringing);
    }
}

static void twins_found(void *data, const struct twin *twins, size_t count,
                        const struct error *error)
{
    struct bringing *bringing = data;

    bringing->sequence.step = NULL;
    if (error) {
        bringing_end(bringing, error);
        return;
    }
    bringing->twins = memory_new_array(count + 1, sizeof(*twins));
    if (count > 0)
        memcpy(bringing->twins, twins, count * sizeof(*twins));
    bringing->twin_count = count;
    bring(bringing);
}

/* Whether nothing of it comes before the measured commit itself. */
static bool is_alone(const struct bringing *bringing)
{
    const char *end = strchr(bringing->history, '\n');

    return !end || !end[1];
}

/* Among what is kept of experiments. */
static void find_twins(struct bringing *bringing)
{
    struct repository *repository = bringing->sequence.repository;
    struct config_list ids = {0};
    struct twins_options options = {.history = bringing->history};

    repository_list_kept(repository, &ids);
    options.others = memory_new_array(ids.count + 1, sizeof(*options.others));
    for (size_t i = 0; i < ids.count; i++) {
        if (repository_find_kept(repository, ids.items[i], options.others[options.other_count]))
            options.other_count++;
    }
    bringing->sequence.step = twins_start(repository, &options, twins_found, bringing);
    free(options.others);
    config_list_clear(&ids);
}

static void history_listed(void *data, const struct process_result *result)
{
    struct bringing *bringing = data;
    struct error error;

    bringing->sequence.step = NULL;
    if (!process_succeeded(result)) {
        bringing_fail(bringing, result, "reading the measured commit");
        return;
    }
    bringing->history = memory_copy_bytes(result->output, result->output_length);
    if (read_history(bringing, &error) < 0)
        bringing_end(bringing, &error);
    else if (is_alone(bringing))
        bring(bringing);
    else
        find_twins(bringing);
}

struct operation *onto_base_start(struct repository *repository,
                                  const struct onto_base_options *options,
                                  onto_base_callback callback, void *data)
{
    struct bringing *bringing = memory_new(sizeof(*bringing));

    git_sequence_begin(&bringing->sequence, repository, bringing_discard);
    bringing->base = memory_copy(options->base);
    bringing->commit = memory_copy(options->commit);
    bringing->source = memory_copy(options->source);
    bringing->opened = options->opened;
    bringing->find_merged = options->find_merged;
    bringing->find_data = options->find_data;
    bringing->callback = callback;
    bringing->data = data;
    if (options->merge_base && *options->merge_base)
        bringing->known = memory_copy(options->merge_base);
    list(bringing, history_listed);
    return &bringing->sequence.operation;
}
