/*
 * Makes one commit of a change on the base.
 *
 *     base here? ─ no ─▶ fetch
 *         │◀──────────────┘
 *         ├─ commit ─▶ source-commit.c ─────┬▶ onto-base.c ─▶ a tree ┐
 *         ├─ patch, parent ─▶ reproduce.c ──┘                       │
 *         └─ patch ──▶ patched.c ──────────────────────▶ an index ──┴▶ compare with the base ─▶ check ─▶ look into files ─▶ commit.c
 *
 * The result of each way is compared with the base, file by file. The commit is made from the base and from
 * the list of files that differ and have passed the checks (commit.c). Date and message are given, so the
 * same change on the same base makes the same commit.
 */

#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/change.h"
#include "daemon/repository/commit.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/onto-base.h"
#include "daemon/repository/patched.h"
#include "daemon/repository/reproduce.h"
#include "daemon/repository/source-commit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_LIMIT    ((size_t)64 * 1024 * 1024)
#define LIST_MEMORY   (GIT_MEMORY_LIMIT / 2) /* git reads a whole list before it prints any of it */
#define CONTENT_LIMIT ((size_t)32 * 1024 * 1024)

#define DOUBTED_PARENT                                                                             \
    "its parent is not known to be what was measured, since an index line of a patch names "       \
    "another content than that patch makes"
#define DOUBTED_BEFORE "an index line names another content than the patch, or its parent's, makes"

struct composing {
    struct git_sequence sequence;
    char *base;
    char *branch;
    char *tip; /* of the branch at the forge; NULL: none yet */
    char *message;
    int64_t date;
    enum result_change kind;
    char *experiment_id; /* NULL: no commit is kept for it */
    char *digits;        /* this and the next one: of the measured commit */
    char *source;
    char *parent; /* as the result names it; NULL: it does not */
    struct text patch;
    char *index; /* path of our index file; NULL: none */
    repository_find_merged find_merged;
    repository_find_parent find_parent;
    void *find_data;
    bool parent_is_doubted;       /* it may not be what was measured */
    bool saved;                   /* the measured commit is the one that repository_save() kept */
    char *merge_base;             /* from an earlier attempt; "" or NULL: none */
    char own_tree[GIT_HASH_SIZE]; /* the measured tree; "": not known */
    char tree[GIT_HASH_SIZE];     /* to be compared with the base; "": the index is */
    struct change list;
    struct repository_change change;
    repository_compose_callback callback;
    void *data;
};

static void composing_discard(struct operation *operation)
{
    struct composing *composing = (struct composing *)operation;

    operation_clear(&composing->sequence.step);
    repository_remove_index(composing->index);
    repository_change_clear(&composing->change);
    change_free(&composing->list);
    text_free(&composing->patch);
    free(composing->base);
    free(composing->branch);
    free(composing->tip);
    free(composing->message);
    free(composing->experiment_id);
    free(composing->digits);
    free(composing->parent);
    free(composing->source);
    free(composing->index);
    free(composing->merge_base);
    free(composing);
}

/* For its owner the operation is over when the callback is entered. Its arguments live until it
 * returns. */
static void composing_end(struct composing *composing, const struct error *error)
{
    composing->callback(composing->data, error ? NULL : &composing->change, error);
    composing_discard(&composing->sequence.operation);
}

static void composing_fail(struct composing *composing, const struct process_result *result,
                           const char *what)
{
    struct error error;

    git_failure(&error, result, GIT_LOCAL, what);
    if (git_found_damage(result))
        repository_discard_damaged(&composing->sequence, &error);
    composing_end(composing, &error);
}

static void fill_files(struct composing *composing)
{
    struct repository_change *change = &composing->change;

    change->files = memory_new_array(composing->list.count, sizeof(*change->files));
    change->file_count = composing->list.count;
    for (size_t i = 0; i < composing->list.count; i++) {
        change->files[i].path = TAKE(composing->list.entries[i].path);
        change->files[i].added = composing->list.entries[i].added;
        change->files[i].removed = composing->list.entries[i].removed;
    }
}

/* Keeps the commit on which others may be made. If there is a branch, that was done before. */
static int keep(struct composing *composing, struct error *error)
{
    struct repository *repository = composing->sequence.repository;
    const struct repository_change *change = &composing->change;
    enum repository_kept kept = REPOSITORY_KEPT_COMPOSED;

    if (!composing->experiment_id || composing->tip)
        return 0;
    if (change->doubt)
        kept = REPOSITORY_KEPT_DOUBTED;
    else if (*change->measured)
        kept = REPOSITORY_KEPT_MEASURED;
    return repository_keep(repository, kept, composing->experiment_id,
                           *change->measured ? change->measured : change->commit, error);
}

static void committed(void *data, const char *commit, const char *tree, const struct error *error)
{
    struct composing *composing = data;
    struct error failed;

    composing->sequence.step = NULL;
    if (error) {
        composing_end(composing, error);
        return;
    }
    memcpy(composing->change.commit, commit, strlen(commit) + 1);
    composing->change.tree_is_measured = strcmp(tree, composing->own_tree) == 0;
    fill_files(composing);
    composing_end(composing, keep(composing, &failed) < 0 ? &failed : NULL);
}

/* Everything that goes into the commit has passed the checks. */
static void make_commit(struct composing *composing)
{
    const struct commit_options options = {
        .branch = composing->branch,
        .base = composing->base,
        .tip = composing->tip,
        .message = composing->message,
        .measured = composing->change.measured,
        .date = composing->date,
        .list = &composing->list,
    };

    composing->sequence.step = commit_start(composing->sequence.repository, &options, committed,
                                            composing);
}

/* The remaining output of `git cat-file --batch`: "<hash> blob <size>\n<bytes>\n" for each. */
struct contents {
    const char *at;
    const char *end;
};

static bool next_content(struct contents *contents, const char **bytes, size_t *length)
{
    int header = 0;
    unsigned long long size = 0;

    if (contents->at >= contents->end ||
        sscanf(contents->at, "%*64[0-9a-f] blob %llu%n", &size, &header) != 1 || header == 0 ||
        contents->at[header] != '\n')
        return false;
    contents->at += header + 1;
    if (size >= (size_t)(contents->end - contents->at))
        return false;
    *bytes = contents->at;
    *length = (size_t)size;
    contents->at += size + 1;
    return true;
}

static int check_link(const struct change_entry *entry, struct contents *contents,
                      struct error *error)
{
    const char *target;
    size_t length;

    if (!next_content(contents, &target, &length))
        return error_set(error, ERROR_PERMANENT, "a symbolic link cannot be read");
    return change_check_link(entry->path, target, length, error);
}

static void contents_read(void *data, const struct process_result *result)
{
    struct composing *composing = data;
    struct contents contents = {result->output, result->output + result->output_length};
    struct error error;
    int failed = 0;

    composing->sequence.step = NULL;
    if (!process_succeeded(result)) {
        composing_fail(composing, result, "reading the changed files");
        return;
    }
    for (size_t i = 0; i < composing->list.count && failed == 0; i++) {
        const struct change_entry *entry = &composing->list.entries[i];

        if (change_is_link(entry))
            failed = check_link(entry, &contents, &error);
    }
    if (failed < 0)
        composing_end(composing, &error);
    else
        make_commit(composing);
}

/* Asks for the files whose content has to be checked, in the order of the checks. */
static void look_into(struct composing *composing)
{
    struct repository *repository = composing->sequence.repository;
    CLEANUP_TEXT struct text wanted = {0};
    const char *const arguments[] = {repository->git_dir, "cat-file", "--batch", NULL};

    for (size_t i = 0; i < composing->list.count; i++) {
        if (change_is_link(&composing->list.entries[i]))
            text_append_format(&wanted, "%s\n", composing->list.entries[i].new_hash);
    }
    if (wanted.length == 0) {
        make_commit(composing);
        return;
    }

    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = text_string(&wanted),
        .input_length = wanted.length,
        .output_limit = CONTENT_LIMIT,
    };

    composing->sequence.step = git_start(repository->git, &command, contents_read, composing);
}

static void listed(void *data, const struct process_result *result)
{
    struct composing *composing = data;
    const struct config *config = composing->sequence.repository->config;
    struct error error;

    composing->sequence.step = NULL;
    if (git_exceeded(result)) {
        error_set(&error, ERROR_PERMANENT, "the change %s to compare with the base",
                  git_exceeded(result));
        composing_end(composing, &error);
    } else if (!process_succeeded(result)) {
        composing_fail(composing, result, "comparing the change with the base");
    } else if (change_parse(&composing->list, result->output, result->output_length, &error) < 0 ||
               change_exclude(&composing->list, config->change.exclude.items, &error) < 0 ||
               change_check(&composing->list, config->change.protect.items, &error) < 0) {
        composing_end(composing, &error);
    } else {
        look_into(composing);
    }
}

/* Compares our index, or `tree` if it is given, with the base. */
static void compare(struct composing *composing, const char *tree)
{
    struct repository *repository = composing->sequence.repository;
    const char *const arguments[] = {
        repository->git_dir,      tree ? "diff-tree" : "diff-index",
        tree ? "-r" : "--cached", CHANGE_OPTIONS,
        composing->base,          tree ? tree : "--",
        tree ? "--" : NULL,       NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .index = tree ? NULL : composing->index,
        .output_limit = LIST_LIMIT,
        .memory = LIST_MEMORY,
    };

    composing->sequence.step = git_start(repository->git, &command, listed, composing);
}

/* Takes over the notes on the patch. */
static void take_words(struct composing *composing, const struct patched *patched)
{
    struct repository_change *change = &composing->change;

    if (*patched->notes)
        change->notes = memory_copy(patched->notes);
    if (*patched->doubt)
        change->doubt = memory_copy(patched->doubt);
    else if (composing->parent_is_doubted)
        change->doubt = memory_copy(DOUBTED_PARENT);
}

static void patch_applied(void *data, const struct patched *patched, const struct error *error)
{
    struct composing *composing = data;

    composing->sequence.step = NULL;
    if (error) {
        composing_end(composing, error);
        return;
    }
    take_words(composing, patched);
    compare(composing, NULL);
}

static void on_base(void *data, struct onto_base *brought, const struct error *error)
{
    struct composing *composing = data;
    struct repository_change *change = &composing->change;

    composing->sequence.step = NULL;
    if (error && composing->saved && error->kind == ERROR_TRANSIENT)
        repository_forget_saved(composing->sequence.repository, composing->experiment_id);
    if (error) {
        composing_end(composing, error);
        return;
    }
    if (*change->measured && !change->doubt)
        memcpy(composing->own_tree, brought->own_tree, sizeof(composing->own_tree));
    memcpy(composing->tree, brought->tree, sizeof(composing->tree));
    memcpy(change->merge_base, brought->merge_base, sizeof(change->merge_base));
    change->contained = TAKE(brought->contained);
    change->contained_count = brought->contained_count;
    compare(composing, composing->tree);
}

/* Brings a commit onto the base. `source` says in messages where its history is from; NULL: it was saved. */
static void bring_onto_base(struct composing *composing, const char *commit, const char *source)
{
    const struct onto_base_options options = {
        .base = composing->base,
        .commit = commit,
        .source = source,
        .find_merged = composing->find_merged,
        .find_data = composing->find_data,
        .merge_base = composing->merge_base,
        .opened = composing->tip != NULL,
    };

    composing->sequence.step = onto_base_start(composing->sequence.repository, &options, on_base,
                                               composing);
}

static void commit_found(void *data, const struct source_commit *found, const struct error *error)
{
    struct composing *composing = data;

    composing->sequence.step = NULL;
    if (error) {
        composing_end(composing, error);
        return;
    }
    memcpy(composing->change.measured, found->commit, sizeof(found->commit));
    bring_onto_base(composing, found->commit, found->source);
}

static void reproduced(void *data, const char *commit, const struct patched *patched,
                       const struct error *error)
{
    struct composing *composing = data;

    composing->sequence.step = NULL;
    if (error) {
        composing_end(composing, error);
        return;
    }
    take_words(composing, patched);
    memcpy(composing->change.measured, commit, strlen(commit) + 1);
    bring_onto_base(composing, commit, "of the parent");
}

static void patch_the_base(struct composing *composing)
{
    struct repository *repository = composing->sequence.repository;
    const struct patched_options options = {
        .base = composing->base,
        .index = composing->index = repository_scratch(repository, "index"),
        .patch = text_string(&composing->patch),
        .length = composing->patch.length,
    };

    composing->sequence.step = patched_start(repository, &options, patch_applied, composing);
}

static void parent_found(void *data, const char *parent, bool doubted, const struct error *error)
{
    struct composing *composing = data;
    struct repository *repository = composing->sequence.repository;

    composing->sequence.step = NULL;
    if (error) {
        composing_end(composing, error);
        return;
    }
    composing->parent_is_doubted = doubted;
    if (!*parent) {
        patch_the_base(composing);
        return;
    }

    const struct reproduce_options options = {
        .parent = parent,
        .exact = true,
        .experiment_id = composing->experiment_id,
        .patch = text_string(&composing->patch),
        .length = composing->patch.length,
        .date = composing->date,
    };

    composing->sequence.step = reproduce_start(repository, &options, reproduced, composing);
}

/* For a branch that exists, the earlier composed commit is used: sources and parent are not needed again. */
static bool bring_in_kept(struct composing *composing)
{
    char commit[GIT_HASH_SIZE];
    enum repository_kept kept = REPOSITORY_KEPT_NOTHING;

    if (composing->experiment_id && composing->tip)
        kept = repository_find_kept(composing->sequence.repository, composing->experiment_id,
                                    commit);
    if (kept == REPOSITORY_KEPT_NOTHING)
        return false;
    if (kept == REPOSITORY_KEPT_MEASURED || (kept == REPOSITORY_KEPT_DOUBTED && composing->parent))
        memcpy(composing->change.measured, commit, sizeof(commit));
    if (kept == REPOSITORY_KEPT_DOUBTED)
        composing->change.doubt = memory_copy(DOUBTED_BEFORE);
    bring_onto_base(composing, commit, "of its own");
    return true;
}

/* Uses the commit that was fetched when its result was queued. */
static bool bring_in_saved(struct composing *composing)
{
    char commit[GIT_HASH_SIZE];

    composing->saved = composing->kind == RESULT_CHANGE_COMMIT && composing->experiment_id &&
                       repository_find_saved(composing->sequence.repository,
                                             composing->experiment_id, commit) &&
                       strncmp(commit, composing->digits, strlen(composing->digits)) == 0;
    if (!composing->saved)
        return false;
    memcpy(composing->change.measured, commit, sizeof(commit));
    bring_onto_base(composing, commit, NULL);
    return true;
}

/* The base is here. */
static void bring_in(struct composing *composing)
{
    struct repository *repository = composing->sequence.repository;

    if (bring_in_kept(composing) || bring_in_saved(composing))
        return;
    if (composing->kind == RESULT_CHANGE_COMMIT)
        composing->sequence.step = source_commit_start(repository, composing->digits,
                                                       composing->source, commit_found, composing);
    else if (composing->parent && composing->find_parent)
        composing->sequence.step = composing->find_parent(composing->find_data, parent_found,
                                                          composing);
    else
        patch_the_base(composing);
}

static void base_fetched(void *data, const struct process_result *result)
{
    struct composing *composing = data;
    struct error error;

    composing->sequence.step = NULL;
    if (repository_fetched(composing->sequence.repository, composing->base, result, &error) < 0)
        composing_end(composing, &error);
    else
        bring_in(composing);
}

static void fetch(struct composing *composing)
{
    char hashes[2][GIT_HASH_SIZE];
    size_t count = composing->tip ? 2 : 1;

    snprintf(hashes[0], sizeof(hashes[0]), "%s", composing->base);
    snprintf(hashes[1], sizeof(hashes[1]), "%s", composing->tip ? composing->tip : "");
    composing->sequence.step = repository_fetch_all(composing->sequence.repository, hashes, count,
                                                    base_fetched, composing);
}

static void composing_begin(void *data)
{
    struct composing *composing = data;
    struct repository *repository = composing->sequence.repository;
    struct error error;

    composing->sequence.step = NULL;
    if (composing->kind == RESULT_CHANGE_NONE || !git_hash_valid(composing->base)) {
        error_set(&error, ERROR_BUG, "there is nothing to compose");
        composing_end(composing, &error);
        return;
    }
    if (repository_prepare(repository, composing->base, &error) < 0) {
        composing_end(composing, &error);
        return;
    }
    /* The repository was just made again: it is not the one that an earlier git found damaged. */
    composing->sequence.generation = repository->generation;
    if (!composing->tip && repository_has_base(repository, composing->base))
        bring_in(composing);
    else
        fetch(composing);
}

struct operation *repository_compose(struct repository *repository,
                                     const struct repository_compose *compose,
                                     repository_compose_callback callback, void *data)
{
    struct composing *composing = memory_new(sizeof(*composing));
    const struct result *result = compose->result;

    git_sequence_begin(&composing->sequence, repository, composing_discard);
    composing->base = memory_copy(compose->base);
    composing->branch = memory_copy(compose->branch);
    composing->tip = memory_copy(compose->tip);
    composing->message = memory_copy(compose->message);
    composing->date = compose->date;
    composing->kind = result->change;
    composing->experiment_id = memory_copy(result->experiment_id);
    composing->digits = memory_copy(result->commit);
    composing->source = memory_copy(result->repository);
    composing->parent = memory_copy(result->parent);
    if (result->change == RESULT_CHANGE_PATCH)
        text_append_bytes(&composing->patch, compose->patch, compose->patch_length);
    else if (result->change == RESULT_CHANGE_DIFF)
        text_append(&composing->patch, result->diff);
    composing->find_merged = compose->find_merged;
    composing->find_parent = compose->find_parent;
    composing->find_data = compose->find_data;
    composing->merge_base = memory_copy(compose->merge_base);
    composing->callback = callback;
    composing->data = data;
    composing->sequence.step = loop_after(repository->loop, 0, composing_begin, composing);
    return &composing->sequence.operation;
}
