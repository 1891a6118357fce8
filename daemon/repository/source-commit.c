/*
 * From a few digits to a tree.
 *
 * The digits are looked up among object names only, so that no branch or tag of that name can stand in
 * for the commit. A source is written to by experiments and not trusted: what is fetched from it is
 * checked by git, and its own configuration runs nothing here.
 */

#include "daemon/repository/source-commit.h"

#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/change.h"
#include "daemon/repository/glob.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/source.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_LIMIT     ((size_t)64 * 1024)
#define HISTORY_LIMIT   ((size_t)16 * 1024 * 1024)
#define HISTORY_COMMITS "--max-count=20000"
#define CONTAINED_LIMIT 1000
#define CONFLICTS_LIMIT ((size_t)16 * 1024 * 1024)

struct measuring {
    struct git_sequence sequence;
    char *base;
    char *digits;
    char *name;    /* of the source; NULL: any */
    size_t source; /* that is looked at just now */
    size_t found;  /* the source that has the commit */
    bool on_base;  /* the commit descends from the base */
    struct error
        unread; /* of a source that could not be looked at; the others may have the commit */
    struct source_commit measured;
    source_commit_callback callback;
    void *data;
};

static void free_contained(struct source_commit *measured)
{
    for (size_t i = 0; measured->contained && i < measured->contained_count; i++)
        free(measured->contained[i]);
    free(measured->contained);
}

static void measuring_discard(struct operation *operation)
{
    struct measuring *measuring = (struct measuring *)operation;

    operation_clear(&measuring->sequence.step);
    free_contained(&measuring->measured);
    free(measuring->base);
    free(measuring->digits);
    free(measuring->name);
    free(measuring);
}

static void measuring_end(struct measuring *measuring, const struct error *error)
{
    source_commit_callback callback = measuring->callback;
    void *data = measuring->data;
    struct source_commit measured = measuring->measured;

    measuring->measured.contained = NULL;
    measuring_discard(&measuring->sequence.operation);
    callback(data, error ? NULL : &measured, error);
    free_contained(&measured);
}

/* A git of our own repository failed. If it cannot find the base any more, the fault is ours; if it
 * misses something else, the source did not have it. */
static void measuring_fail(struct measuring *measuring, const struct process_result *result,
                           const char *what)
{
    const struct config *config = measuring->sequence.repository->config;
    struct error error;

    git_failure(&error, result, GIT_LOCAL, what);
    if (git_found_damage(result) && strstr(result->errors, measuring->base))
        repository_discard_damaged(&measuring->sequence, &error);
    else if (git_found_damage(result))
        error_set(&error, ERROR_PERMANENT,
                  "commit %s cannot be read: source %s does not hold all of its history",
                  measuring->measured.commit, config->sources.items[measuring->found]);
    measuring_end(measuring, &error);
}

/* Takes a word of a line; words end in a blank, the line's end, or the end of all. */
static const char *take_hash(const char *at, char hash[GIT_HASH_SIZE])
{
    size_t length = strcspn(at, " \n");

    if (length >= GIT_HASH_SIZE)
        length = GIT_HASH_SIZE - 1;
    memcpy(hash, at, length);
    hash[length] = '\0';
    return at + length + (at[length] == ' ');
}

/* A commit that conflicts only where changes are left out is merged well enough. */
static int check_conflicts(const struct config *config, const char *at, const char *end,
                           struct error *error)
{
    CLEANUP_FILE_NAMES struct file_names names = {0};
    bool any = at < end;

    for (; at < end; at += strlen(at) + 1) {
        if (!glob_match_any(config->change.exclude.items, at))
            file_names_add(&names, at);
    }
    if (any && names.count == 0)
        return 0;
    if (names.count == 0)
        return error_set(error, ERROR_PERMANENT, "the change conflicts with the base");
    return error_set(error, ERROR_PERMANENT, "the change conflicts with the base in %s",
                     file_names_string(&names));
}

/* "<tree>\0", then the files in conflict, each with a NUL. */
static void merged(void *data, const struct process_result *result)
{
    struct measuring *measuring = data;
    struct error error;

    measuring->sequence.step = NULL;
    if (git_exceeded(result)) {
        error_set(&error, ERROR_PERMANENT, "commit %s %s to merge with the base",
                  measuring->measured.commit, git_exceeded(result));
        measuring_end(measuring, &error);
        return;
    }
    if (!git_exited(result, 0) && !git_exited(result, 1)) {
        measuring_fail(measuring, result, "merging the measured commit with the base");
        return;
    }
    if (!git_hash_valid(result->output)) {
        error_set(&error, ERROR_PERMANENT, "git's merge cannot be read");
        measuring_end(measuring, &error);
        return;
    }
    take_hash(result->output, measuring->measured.tree);

    bool bad = git_exited(result, 1) &&
               check_conflicts(measuring->sequence.repository->config,
                               result->output + strlen(result->output) + 1,
                               result->output + result->output_length, &error) < 0;

    measuring_end(measuring, bad ? &error : NULL);
}

static void merge(struct measuring *measuring)
{
    struct repository *repository = measuring->sequence.repository;
    const char *const arguments[] = {
        repository->git_dir,
        "merge-tree",
        "--write-tree",
        "-z",
        "--name-only",
        "--no-messages",
        "--end-of-options",
        measuring->base,
        measuring->measured.commit,
        NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = CONFLICTS_LIMIT,
        .memory = GIT_MEMORY_LIMIT,
    };

    measuring->sequence.step = git_start(repository->git, &command, merged, measuring);
}

/* One line "<commit> <tree> <parent>…". Whether one of the parents is the base. */
static bool read_commit(const char *line, const char *base, char commit[GIT_HASH_SIZE],
                        char tree[GIT_HASH_SIZE])
{
    char parent[GIT_HASH_SIZE];

    line = take_hash(line, commit);
    line = take_hash(line, tree);
    while (*line && *line != '\n') {
        const char *next = take_hash(line, parent);

        if (next == line)
            break;
        if (strcmp(parent, base) == 0)
            return true;
        line = next;
    }
    return false;
}

/* All commits that are in the measured one and not in the base, itself first. */
static int read_history(struct measuring *measuring, const char *output, struct error *error)
{
    struct source_commit *measured = &measuring->measured;
    char commit[GIT_HASH_SIZE];
    char tree[GIT_HASH_SIZE];

    if (!*output)
        return error_set(error, ERROR_PERMANENT,
                         "the change is empty on the base, which holds commit %s already",
                         measured->commit);
    measured->contained = memory_new_array(CONTAINED_LIMIT, sizeof(*measured->contained));
    for (const char *line = output; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (read_commit(line, measuring->base, commit, tree))
            measuring->on_base = true;
        if (line == output) {
            if (strcmp(commit, measured->commit) != 0)
                return error_set(error, ERROR_PERMANENT, "%s is no commit", measured->commit);
            memcpy(measured->own_tree, tree, sizeof(tree));
        } else if (measured->contained_count < CONTAINED_LIMIT) {
            measured->contained[measured->contained_count++] = memory_copy(commit);
        }
    }
    return 0;
}

static void history_listed(void *data, const struct process_result *result)
{
    struct measuring *measuring = data;
    struct error error;

    measuring->sequence.step = NULL;
    if (!git_succeeded(result)) {
        measuring_fail(measuring, result, "reading the measured commit");
    } else if (read_history(measuring, result->output, &error) < 0) {
        measuring_end(measuring, &error);
    } else if (measuring->on_base) {
        memcpy(measuring->measured.tree, measuring->measured.own_tree, GIT_HASH_SIZE);
        measuring_end(measuring, NULL);
    } else {
        merge(measuring);
    }
}

static void fetched(void *data, const struct process_result *result)
{
    struct measuring *measuring = data;
    struct repository *repository = measuring->sequence.repository;
    CLEANUP_FREE char *not_base = memory_format("^%s", measuring->base);
    const char *const arguments[] = {
        repository->git_dir,
        "rev-list",
        HISTORY_COMMITS,
        "--no-commit-header",
        "--format=%H %T %P",
        measuring->measured.commit,
        not_base,
        "--",
        NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = HISTORY_LIMIT,
    };
    struct error error;

    measuring->sequence.step = NULL;
    if (!git_succeeded(result)) {
        git_failure(&error, result, GIT_SOURCE, "fetching the measured commit from its source");
        measuring_end(measuring, &error);
        return;
    }
    measuring->sequence.step = git_start(repository->git, &command, history_listed, measuring);
}

static void fetch(struct measuring *measuring)
{
    measuring->sequence.step = repository_fetch_source(
        measuring->sequence.repository, measuring->found, &measuring->measured.commit, 1, fetched,
        measuring);
}

/* Starts a git in the source that is looked at. */
static void start_in_source(struct measuring *measuring, const char *const *words,
                            const char *input, process_callback callback)
{
    struct repository *repository = measuring->sequence.repository;
    const char *source = repository->config->sources.items[measuring->source];
    CLEANUP_FREE char *directory = source_git_dir(source);
    CLEANUP_FREE char *git_dir = memory_format("--git-dir=%s", directory);
    const char *const arguments[] = {git_dir, words[0], words[1], NULL};
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_SOURCE,
        .input = input,
        .input_length = input ? strlen(input) : 0,
        .output_limit = NAMES_LIMIT,
    };

    measuring->sequence.step = git_start(repository->git, &command, callback, measuring);
}

bool source_commit_is_meant(const char *source, const char *name)
{
    const char *slash = strrchr(source, '/');

    return !name || strcmp(source, name) == 0 || (slash && strcmp(slash + 1, name) == 0);
}

static void resolved(void *data, const struct process_result *result);

/* Looks at the next source that is meant; behind the last one, fetches what was found. */
static void resolve_next(struct measuring *measuring)
{
    const struct config_list *sources = &measuring->sequence.repository->config->sources;
    CLEANUP_FREE char *option = memory_format("--disambiguate=%s", measuring->digits);
    const char *const words[] = {"rev-parse", option};
    struct error error;

    while (measuring->source < sources->count &&
           !source_commit_is_meant(sources->items[measuring->source], measuring->name))
        measuring->source++;
    if (measuring->source < sources->count) {
        start_in_source(measuring, words, NULL, resolved);
    } else if (measuring->measured.commit[0]) {
        fetch(measuring);
    } else if (measuring->unread.kind != ERROR_NONE) {
        error = measuring->unread;
        measuring_end(measuring, &error);
    } else {
        error_set(&error, ERROR_PERMANENT, "commit %s is missing: no source has it",
                  measuring->digits);
        measuring_end(measuring, &error);
    }
}

static void found(struct measuring *measuring, const char *hash)
{
    struct source_commit *measured = &measuring->measured;
    struct error error;

    if (measured->commit[0] && strcmp(measured->commit, hash) != 0) {
        error_set(&error, ERROR_PERMANENT, "commit %s is ambiguous: it may be %s or %s",
                  measuring->digits, measured->commit, hash);
        measuring_end(measuring, &error);
        return;
    }
    if (!measured->commit[0])
        measuring->found = measuring->source;
    take_hash(hash, measured->commit);
    measuring->source++;
    resolve_next(measuring);
}

/* Lines "<hash> <type> <size>"; what is no commit does not count. */
static void typed(void *data, const struct process_result *result)
{
    struct measuring *measuring = data;
    char hash[GIT_HASH_SIZE] = "";
    size_t commits = 0;
    struct error error;

    measuring->sequence.step = NULL;
    if (!git_succeeded(result)) {
        git_failure(&error, result, GIT_SOURCE, "looking the commit up in its source");
        measuring_end(measuring, &error);
        return;
    }
    for (const char *line = result->output; *line;
         line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncmp(line + strcspn(line, " \n"), " commit ", 8) == 0) {
            commits++;
            take_hash(line, hash);
        }
    }
    if (commits == 1 && git_hash_valid(hash)) {
        found(measuring, hash);
    } else if (commits == 0) {
        measuring->source++;
        resolve_next(measuring);
    } else {
        error_set(&error, ERROR_PERMANENT, "commit %s is ambiguous: %zu commits begin with it",
                  measuring->digits, commits);
        measuring_end(measuring, &error);
    }
}

/* One line for each object whose name begins with the digits. */
static void resolved(void *data, const struct process_result *result)
{
    static const char *const words[] = {"cat-file", "--batch-check"};
    struct measuring *measuring = data;
    const char *source = measuring->sequence.repository->config->sources.items[measuring->source];
    char hash[GIT_HASH_SIZE];

    measuring->sequence.step = NULL;
    if (!git_succeeded(result)) {
        git_failure(&measuring->unread, result, GIT_SOURCE, "looking the commit up");
        error_wrap(&measuring->unread, "source %s", source);
        measuring->source++;
        resolve_next(measuring);
    } else if (result->output_length == 0) {
        measuring->source++;
        resolve_next(measuring);
    } else if (result->output[strcspn(result->output, "\n")] == '\0' ||
               result->output[strcspn(result->output, "\n") + 1] == '\0') {
        take_hash(result->output, hash);
        found(measuring, hash);
    } else {
        start_in_source(measuring, words, result->output, typed);
    }
}

static void measuring_begin(void *data)
{
    struct measuring *measuring = data;
    const struct config_list *sources = &measuring->sequence.repository->config->sources;
    struct error error;
    bool meant = false;

    measuring->sequence.step = NULL;
    for (size_t i = 0; i < sources->count; i++)
        meant = meant || source_commit_is_meant(sources->items[i], measuring->name);
    if (meant) {
        resolve_next(measuring);
        return;
    }
    if (measuring->name)
        error_set(&error, ERROR_PERMANENT, "repository \"%.200s\" is none of `sources`",
                  measuring->name);
    else
        error_set(&error, ERROR_PERMANENT,
                  "commit %s cannot be looked up: there are no `sources` configured",
                  measuring->digits);
    measuring_end(measuring, &error);
}

struct operation *source_commit_start(struct repository *repository, const char *base,
                                      const char *digits, const char *repository_name,
                                      source_commit_callback callback, void *data)
{
    struct measuring *measuring = memory_new(sizeof(*measuring));

    git_sequence_begin(&measuring->sequence, repository, measuring_discard);
    measuring->base = memory_copy(base);
    measuring->digits = memory_copy(digits);
    measuring->name = memory_copy(repository_name);
    measuring->callback = callback;
    measuring->data = data;
    measuring->sequence.step = loop_after(repository->loop, 0, measuring_begin, measuring);
    return &measuring->sequence.operation;
}
