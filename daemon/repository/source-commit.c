/*
 * Finds a commit by a few digits, in the sources, and what they lack in our repository, which has the base.
 *
 * The digits are looked up among object names only: no branch or tag of that name can replace the commit.
 * Experiments write to a source, so it is not trusted: git checks what is fetched from it, and nothing that
 * its configuration names is run.
 */

#include "daemon/repository/source-commit.h"

#include "common/loop.h"
#include "common/memory.h"
#include "daemon/repository/internal.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_LIMIT ((size_t)64 * 1024)

struct looking_up {
    struct git_sequence sequence;
    char *digits;
    char *name;          /* of the source; NULL: any */
    size_t source;       /* the current one; the count of sources: our repository */
    bool *has;           /* for each source: it has the commit, and has not failed to give it */
    size_t found;        /* the source that it is fetched from; their count: it is here */
    char *other;         /* an object that is no commit, and what it is; NULL: none was found */
    struct error unread; /* of a source that could not be read; others may have the commit */
    char commit[GIT_HASH_SIZE]; /* in full */
    source_commit_callback callback;
    void *data;
};

static void looking_up_discard(struct operation *operation)
{
    struct looking_up *looking_up = (struct looking_up *)operation;

    operation_clear(&looking_up->sequence.step);
    free(looking_up->digits);
    free(looking_up->name);
    free(looking_up->has);
    free(looking_up->other);
    free(looking_up);
}

static const struct config_list *sources_of(const struct looking_up *looking_up)
{
    return &looking_up->sequence.repository->config->sources;
}

static void looking_up_end(struct looking_up *looking_up, const struct error *error)
{
    const struct config_list *sources = sources_of(looking_up);
    source_commit_callback callback = looking_up->callback;
    void *data = looking_up->data;
    struct source_commit found = {
        .source = looking_up->found < sources->count ? sources->items[looking_up->found] : NULL,
    };

    memcpy(found.commit, looking_up->commit, sizeof(found.commit));
    looking_up_discard(&looking_up->sequence.operation);
    callback(data, error ? NULL : &found, error);
}

/* An error of the installation names the key. */
static void name_source(const struct looking_up *looking_up, size_t source, struct error *error)
{
    const char *path = sources_of(looking_up)->items[source];

    if (!error->installation) {
        error_wrap(error, "source %s", path);
    } else {
        error_wrap(error, "%s", path);
        error_wrap_key(error, "sources");
    }
}

/* A transient error counts before one that a person has to mend, which is not certain then. */
static void note_unread(struct looking_up *looking_up, const struct error *error)
{
    if (looking_up->unread.kind == ERROR_NONE || error->kind == ERROR_TRANSIENT)
        looking_up->unread = *error;
}

static void fetch(struct looking_up *looking_up);

/* Another source may have it whole. A commit that git does not take is the same everywhere. */
static void fetched(void *data, const struct process_result *result)
{
    struct looking_up *looking_up = data;
    struct error error;
    CLEANUP_FREE char *what = memory_format("fetching commit %.16s", looking_up->commit);

    looking_up->sequence.step = NULL;
    if (git_fetched(result)) {
        looking_up_end(looking_up, NULL);
        return;
    }
    git_failure(&error, result, GIT_SOURCE, what);
    name_source(looking_up, looking_up->found, &error);
    if (!error.installation) {
        looking_up_end(looking_up, &error);
        return;
    }
    note_unread(looking_up, &error);
    looking_up->has[looking_up->found] = false;
    fetch(looking_up);
}

/* Fetches from the first source that has the commit and was not tried yet. */
static void fetch(struct looking_up *looking_up)
{
    const struct config_list *sources = sources_of(looking_up);
    struct error error = looking_up->unread;

    looking_up->found = 0;
    while (looking_up->found < sources->count && !looking_up->has[looking_up->found])
        looking_up->found++;
    if (looking_up->found == sources->count) {
        looking_up_end(looking_up, looking_up->has[looking_up->found] ? NULL : &error);
        return;
    }
    looking_up->sequence.step = repository_fetch_source(looking_up->sequence.repository,
                                                        looking_up->found, &looking_up->commit, 1,
                                                        fetched, looking_up);
}

/* Starts a git in the current repository, of two or three words. */
static void start_looking(struct looking_up *looking_up, const char *const *words,
                          const char *input, process_callback callback)
{
    struct repository *repository = looking_up->sequence.repository;
    bool ours = looking_up->source == sources_of(looking_up)->count;
    const char *const arguments[] = {repository->git_dir, words[0], words[1], words[2], NULL};
    const struct git_command command = {
        .arguments = arguments + !ours,
        .reach = ours ? GIT_LOCAL : GIT_SOURCE,
        .source = ours ? NULL : sources_of(looking_up)->items[looking_up->source],
        .input = input,
        .input_length = input ? strlen(input) : 0,
        .output_limit = NAMES_LIMIT,
    };

    looking_up->sequence.step = git_start(repository->git, &command, callback, looking_up);
}

bool source_commit_is_meant(const char *source, const char *name)
{
    const char *slash = strrchr(source, '/');

    return !name || strcmp(source, name) == 0 || (slash && strcmp(slash + 1, name) == 0);
}

static void not_found(struct looking_up *looking_up)
{
    const struct config_list *sources = sources_of(looking_up);
    bool may_be_in_one = sources->count == 0 &&
                         !(looking_up->other && git_hash_valid(looking_up->digits));
    struct error error = looking_up->unread;

    if (error.kind == ERROR_NONE && may_be_in_one)
        error_set_key(&error, ERROR_PERMANENT, "sources",
                      "expected a repository that commit %s is in, found none configured",
                      looking_up->digits);
    else if (error.kind == ERROR_NONE && looking_up->other)
        error_set(&error, ERROR_PERMANENT, "expected a commit, found %s", looking_up->other);
    else if (error.kind == ERROR_NONE)
        error_set(&error, ERROR_PERMANENT, "commit %s is missing: no source has it",
                  looking_up->digits);
    error.installation = error.installation || may_be_in_one;
    looking_up_end(looking_up, &error);
}

/* A source that could not be read may have another commit with these digits. */
static bool may_be_ours(const struct looking_up *looking_up)
{
    return looking_up->source == sources_of(looking_up)->count && !looking_up->commit[0] &&
           (looking_up->unread.kind == ERROR_NONE || git_hash_valid(looking_up->digits));
}

static void verified(void *data, const struct process_result *result);

/* Looks at the next repository that may be meant; after the last one, fetches what was found. */
static void resolve_next(struct looking_up *looking_up)
{
    const struct config_list *sources = sources_of(looking_up);
    CLEANUP_FREE char *revision = memory_format("%s^{commit}", looking_up->digits);
    const char *const words[] = {"rev-parse", "--verify", revision};

    while (looking_up->source < sources->count &&
           !source_commit_is_meant(sources->items[looking_up->source], looking_up->name))
        looking_up->source++;
    if (looking_up->source < sources->count || may_be_ours(looking_up))
        start_looking(looking_up, words, NULL, verified);
    else if (looking_up->commit[0])
        fetch(looking_up);
    else
        not_found(looking_up);
}

static void found(struct looking_up *looking_up, const char *hash)
{
    struct error error;

    if (looking_up->commit[0] && strcmp(looking_up->commit, hash) != 0) {
        error_set(&error, ERROR_PERMANENT, "commit %s is ambiguous: it may be %s or %s",
                  looking_up->digits, looking_up->commit, hash);
        looking_up_end(looking_up, &error);
        return;
    }
    looking_up->has[looking_up->source] = true;
    git_hash_take(hash, looking_up->commit);
    looking_up->source++;
    resolve_next(looking_up);
}

static void failed_to_look(struct looking_up *looking_up, const struct process_result *result,
                           const char *what)
{
    struct error error;

    if (looking_up->source == sources_of(looking_up)->count) {
        git_failure(&error, result, GIT_LOCAL, what);
    } else {
        git_failure(&error, result, GIT_SOURCE, what);
        name_source(looking_up, looking_up->source, &error);
    }
    note_unread(looking_up, &error);
}

static void doubted(void *data, const struct process_result *result)
{
    struct looking_up *looking_up = data;
    CLEANUP_FREE char *what = memory_format("looking for commit %.16s", looking_up->digits);

    looking_up->sequence.step = NULL;
    if (!process_succeeded(result))
        failed_to_look(looking_up, result, what);
    looking_up->source++;
    resolve_next(looking_up);
}

/* A lookup says that objects which cannot be read are missing. If the branches lead to commits, the source
 * only lacks the commit; if not, it is damaged or out of reach. */
static void doubt_source(struct looking_up *looking_up)
{
    static const char *const words[] = {"rev-list", "--max-count=1", "--all"};

    if (looking_up->source < sources_of(looking_up)->count) {
        start_looking(looking_up, words, NULL, doubted);
        return;
    }
    looking_up->source++;
    resolve_next(looking_up);
}

static void take_line(struct looking_up *looking_up, const char *line, char *hash, size_t *commits)
{
    const char *type = line + strcspn(line, " \n");

    if (strncmp(type, " commit ", 8) == 0 || strncmp(type, " missing", 8) == 0) {
        (*commits)++;
        git_hash_take(line, hash);
    } else if (*type == ' ' && !looking_up->other) {
        looking_up->other = memory_format("%.*s, which is a %.*s", (int)(type - line), line,
                                          (int)strcspn(type + 1, " \n"), type + 1);
    }
}

/* Reads lines "<hash> <type> <size>". Only commits count, and what is damaged: to fetch it finds out how. */
static void typed(void *data, const struct process_result *result)
{
    struct looking_up *looking_up = data;
    char hash[GIT_HASH_SIZE] = "";
    size_t commits = 0;
    struct error error;

    looking_up->sequence.step = NULL;
    if (!process_succeeded(result)) {
        failed_to_look(looking_up, result, "looking the commit up");
        looking_up->source++;
        resolve_next(looking_up);
        return;
    }
    for (const char *line = result->output; *line;
         line += strcspn(line, "\n"), line += *line == '\n')
        take_line(looking_up, line, hash, &commits);
    if (commits == 1 && git_hash_valid(hash)) {
        found(looking_up, hash);
    } else if (commits == 0) {
        doubt_source(looking_up);
    } else {
        error_set(&error, ERROR_PERMANENT, "commit %s is ambiguous: %zu commits begin with it",
                  looking_up->digits, commits);
        looking_up_end(looking_up, &error);
    }
}

/* Reads a line for each object whose name begins with the digits. */
static void resolved(void *data, const struct process_result *result)
{
    static const char *const words[] = {"cat-file", "--batch-check", NULL};
    struct looking_up *looking_up = data;

    looking_up->sequence.step = NULL;
    if (!process_succeeded(result)) {
        failed_to_look(looking_up, result, "looking the commit up");
        looking_up->source++;
        resolve_next(looking_up);
    } else if (result->output_length == 0) {
        doubt_source(looking_up);
    } else {
        start_looking(looking_up, words, result->output, typed);
    }
}

/* One git finds a commit that nothing else is as the digits are. If it does not, or finds what a branch of
 * that name points to, all objects are looked through. */
static void verified(void *data, const struct process_result *result)
{
    struct looking_up *looking_up = data;
    CLEANUP_FREE char *option = memory_format("--disambiguate=%s", looking_up->digits);
    const char *const words[] = {"rev-parse", option, NULL};
    char hash[GIT_HASH_SIZE];

    looking_up->sequence.step = NULL;
    git_hash_take(result->output, hash);
    if (process_succeeded(result) && git_hash_valid(hash) &&
        strncmp(hash, looking_up->digits, strlen(looking_up->digits)) == 0)
        found(looking_up, hash);
    else
        start_looking(looking_up, words, NULL, resolved);
}

static void looking_up_begin(void *data)
{
    struct looking_up *looking_up = data;
    const struct config_list *sources = sources_of(looking_up);
    struct error error;
    bool meant = sources->count == 0;

    looking_up->sequence.step = NULL;
    for (size_t i = 0; i < sources->count; i++)
        meant = meant || source_commit_is_meant(sources->items[i], looking_up->name);
    if (meant) {
        resolve_next(looking_up);
        return;
    }
    error_set(&error, ERROR_PERMANENT, "repository \"%.200s\" is none of `sources`",
              looking_up->name);
    looking_up_end(looking_up, &error);
}

struct operation *source_commit_start(struct repository *repository, const char *digits,
                                      const char *repository_name, source_commit_callback callback,
                                      void *data)
{
    struct looking_up *looking_up = memory_new(sizeof(*looking_up));

    git_sequence_begin(&looking_up->sequence, repository, looking_up_discard);
    looking_up->digits = memory_copy(digits);
    looking_up->name = memory_copy(repository_name);
    looking_up->has = memory_new_array(repository->config->sources.count + 1,
                                       sizeof(*looking_up->has));
    looking_up->callback = callback;
    looking_up->data = data;
    looking_up->sequence.step = loop_after(repository->loop, 0, looking_up_begin, looking_up);
    return &looking_up->sequence.operation;
}
