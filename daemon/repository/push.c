/*
 * The three pushes, each with a lease: the server compares and acts in one step.
 *
 * The first makes a branch that does not exist. The second moves a branch forward, to a commit that was
 * checked to descend from its tip. The third deletes. A refusal says "stale info" for a branch that moved and
 * for one that is gone, so after any refusal the branch is looked up again.
 */

#include "daemon/repository/internal.h"

#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/git/lock.h"
#include "daemon/repository/commit.h"
#include "daemon/repository/large.h"

#include <stdlib.h>
#include <string.h>

#define PUSH_PATIENCE 4
#define OUTPUT_LIMIT  ((size_t)1024 * 1024)

/* Pushes `source` to a branch that is at `expected`. Empty: no such branch as `expected`, a deletion as
 * `source`. */
static struct operation *start_push(struct repository *repository, const char *branch,
                                    const char *expected, const char *source,
                                    process_callback callback, void *data)
{
    CLEANUP_FREE char *lease = memory_format("--force-with-lease=refs/heads/%s:%s", branch,
                                             expected);
    CLEANUP_FREE char *refspec = memory_format("%s:refs/heads/%s", source, branch);
    const char *const arguments[] = {
        repository->git_dir,
        "push",
        "--porcelain",
        "--no-verify",
        "--no-recurse-submodules",
        lease,
        "--end-of-options",
        repository->forge->git_url,
        refspec,
        NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_FORGE,
        .output_limit = OUTPUT_LIMIT,
        .patience = PUSH_PATIENCE,
    };

    return git_start(repository->git, &command, callback, data);
}

/* Finds the server's own words about one ref in the output of --porcelain: "!\t<from>:<to>\t<summary>".
 * Appends the summary and what the server's hooks said. Returns false if no ref was refused. */
static bool find_refusal(const struct process_result *result, struct text *said)
{
    const char *line = result->output;

    while (*line && *line != '!') {
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    if (!*line)
        return false;
    if (lock_explain(said, result->errors))
        return true;

    size_t length = strcspn(line, "\n");
    const char *summary = memrchr(line, '\t', length);

    if (summary)
        text_append_bytes(said, summary + 1, length - (size_t)(summary + 1 - line));
    for (const char *at = strstr(result->errors, "remote: "); at; at = strstr(at, "remote: ")) {
        at += strlen("remote: ");
        text_append(said, " ");
        text_append_bytes(said, at, strcspn(at, "\n"));
    }
    return true;
}

static void push_failure(struct error *error, const struct process_result *result, const char *what)
{
    CLEANUP_TEXT struct text said = {0};

    if (result->output && find_refusal(result, &said))
        git_failure_said(error, result, GIT_FORGE, what, text_string(&said));
    else
        git_failure(error, result, GIT_FORGE, what);
}

struct push {
    struct git_sequence sequence;
    char *branch;
    char *expected;
    char *commit;
    struct error refusal; /* the server's */
    repository_done_callback callback;
    void *data;
};

static void push_discard(struct operation *operation)
{
    struct push *push = (struct push *)operation;

    operation_clear(&push->sequence.step);
    free(push->branch);
    free(push->expected);
    free(push->commit);
    free(push);
}

static void push_end(struct push *push, const struct error *error)
{
    repository_done_callback callback = push->callback;
    void *data = push->data;

    push_discard(&push->sequence.operation);
    callback(data, error);
}

/* git names the path of what is damaged. The repository is moved away. Then the next attempt finds nothing
 * to push and the job fails, instead of trying for a day; the next job makes the repository again. */
static void look_for_damage(const struct push *push, const struct process_result *result,
                            struct error *error)
{
    if (error->kind == ERROR_TRANSIENT && git_found_damage(result) &&
        strstr(result->errors, push->sequence.repository->directory))
        repository_discard_damaged(&push->sequence, error);
}

/* The lease failed, or the server refused for another reason: where the branch points decides. */
static void push_looked(void *data, const struct process_result *result)
{
    struct push *push = data;
    struct repository_refs refs;
    struct error error = push->refusal;

    push->sequence.step = NULL;
    if (repository_read_look(push->sequence.repository, result, push->branch, &refs, &error) < 0) {
        push_end(push, &error);
        return;
    }
    if (strcmp(refs.branch, push->commit) == 0) {
        push_end(push, NULL);
        return;
    }
    if (strcmp(refs.branch, push->expected) == 0)
        error.installation |= !*push->expected;
    else if (!*refs.branch)
        error_set(&error, ERROR_PERMANENT, "somebody else deleted branch %s: it is not made again",
                  push->branch);
    else
        error_set(&error, ERROR_PERMANENT, "somebody else moved branch %s to %s: it is left there",
                  push->branch, refs.branch);
    push_end(push, &error);
}

static void push_ended(void *data, const struct process_result *result)
{
    struct push *push = data;
    CLEANUP_TEXT struct text said = {0};

    push->sequence.step = NULL;
    if (process_succeeded(result)) {
        push_end(push, NULL);
        return;
    }
    push_failure(&push->refusal, result, "pushing the branch");
    look_for_damage(push, result, &push->refusal);
    if (result->output && find_refusal(result, &said)) {
        push->sequence.step = repository_start_look(push->sequence.repository, push->branch,
                                                    push_looked, push);
        return;
    }
    struct error error = push->refusal;

    push_end(push, &error);
}

static void push_send(struct push *push)
{
    push->sequence.step = start_push(push->sequence.repository, push->branch, push->expected,
                                     push->commit, push_ended, push);
}

static void push_uploaded(void *data, const struct error *error)
{
    struct push *push = data;

    push->sequence.step = NULL;
    if (error)
        push_end(push, error);
    else
        push_send(push);
}

static void push_upload(void *data)
{
    struct push *push = data;

    push->sequence.step = large_upload(push->sequence.repository, push->expected, push->commit,
                                       push_uploaded, push);
}

static void push_checked(void *data, const struct process_result *result)
{
    struct push *push = data;
    struct error error;

    push->sequence.step = NULL;
    if (process_succeeded(result)) {
        push_upload(push);
        return;
    }
    if (process_exited(result, 1))
        error_set(&error, ERROR_BUG, "%s does not descend from %s: it is not pushed", push->commit,
                  push->expected);
    else
        git_failure(&error, result, GIT_LOCAL, "looking at what is to be pushed");
    /* The commit that was to be pushed is lost as well. The job fails, and the next one makes the repository
     * again. */
    if (git_found_damage(result)) {
        repository_discard_damaged(&push->sequence, &error);
        error.kind = ERROR_PERMANENT;
    }
    push_end(push, &error);
}

/* A push with a lease of an unrelated commit would be a forced push. So that is checked first, unless we made
 * the commit on top of the one that the branch is at. */
struct operation *repository_push(struct repository *repository, const char *branch,
                                  const char *expected, const char *commit,
                                  repository_done_callback callback, void *data)
{
    const char *const arguments[] = {
        repository->git_dir, "merge-base", "--is-ancestor", expected, commit, NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = OUTPUT_LIMIT,
    };
    struct push *push = memory_new(sizeof(*push));

    git_sequence_begin(&push->sequence, repository, push_discard);
    push->branch = memory_copy(branch);
    push->expected = memory_copy(expected);
    push->commit = memory_copy(commit);
    push->callback = callback;
    push->data = data;
    push->sequence.step = commit_is_child(repository, commit, expected)
                              ? loop_after(repository->loop, 0, push_upload, push)
                              : git_start(repository->git, &command, push_checked, push);
    return &push->sequence.operation;
}

static void create_fetched(void *data, const struct process_result *result)
{
    struct push *push = data;
    struct error error;

    push->sequence.step = NULL;
    if (repository_fetched(push->sequence.repository, push->commit, result, &error) < 0)
        push_end(push, &error);
    else
        push_send(push);
}

static void create_looked(void *data, const struct process_result *result)
{
    struct push *push = data;
    struct repository *repository = push->sequence.repository;
    struct repository_refs refs;
    struct error error;

    push->sequence.step = NULL;
    if (repository_read_look(repository, result, push->branch, &refs, &error) < 0 ||
        repository_prepare(repository, push->commit, &error) < 0)
        push_end(push, &error);
    else if (strcmp(refs.branch, push->commit) == 0)
        push_end(push, NULL);
    else
        push->sequence.step = repository_fetch(repository, push->commit, create_fetched, push);
}

/* A lease on nothing fails if the branch exists. */
struct operation *repository_create(struct repository *repository, const char *branch,
                                    const char *commit, repository_done_callback callback,
                                    void *data)
{
    struct push *push = memory_new(sizeof(*push));

    git_sequence_begin(&push->sequence, repository, push_discard);
    push->branch = memory_copy(branch);
    push->expected = memory_copy("");
    push->commit = memory_copy(commit);
    push->callback = callback;
    push->data = data;
    push->sequence.step = repository_start_look(repository, branch, create_looked, push);
    return &push->sequence.operation;
}

struct delete
{
    struct git_sequence sequence;
    char *branch;
    char *expected[2];
    char points_at[GIT_HASH_SIZE];
    struct error refusal; /* of the last attempt */
    bool refused;
    repository_delete_callback callback;
    void *data;
};

static void delete_discard(struct operation *operation)
{
    struct delete *delete = (struct delete *)operation;

    operation_clear(&delete->sequence.step);
    free(delete->branch);
    free(delete->expected[0]);
    free(delete->expected[1]);
    free(delete);
}

static void delete_end(struct delete *delete, enum repository_deleted deleted,
                       const struct error *error)
{
    repository_delete_callback callback = delete->callback;
    void *data = delete->data;
    char points_at[GIT_HASH_SIZE];

    memcpy(points_at, delete->points_at, sizeof(points_at));
    delete_discard(&delete->sequence.operation);
    callback(data, deleted, points_at, error);
}

static void delete_looked(void *data, const struct process_result *result);

static void delete_pushed(void *data, const struct process_result *result)
{
    struct delete *delete = data;
    CLEANUP_TEXT struct text said = {0};

    delete->sequence.step = NULL;
    if (process_succeeded(result)) {
        delete_end(delete, REPOSITORY_DELETED, NULL);
        return;
    }
    push_failure(&delete->refusal, result, "deleting the branch");
    if (!result->output || !find_refusal(result, &said)) {
        /* There was no answer: the branch may be gone or not. The caller repeats, which looks first. */
        struct error error = delete->refusal;

        delete_end(delete, REPOSITORY_MOVED, &error);
        return;
    }
    delete->refused = true;
    delete->sequence.step = repository_start_look(delete->sequence.repository, delete->branch,
                                                  delete_looked, delete);
}

/* The lease names the hash at which the branch was seen. The source of the push is always empty. */
static void delete_push(struct delete *delete)
{
    delete->sequence.step = start_push(delete->sequence.repository, delete->branch,
                                       delete->points_at, "", delete_pushed, delete);
}

static bool is_expected(const struct delete *delete, const char *hash)
{
    for (size_t i = 0; i < 2; i++) {
        if (delete->expected[i] && strcmp(delete->expected[i], hash) == 0)
            return true;
    }
    return false;
}

static void delete_looked(void *data, const struct process_result *result)
{
    struct delete *delete = data;
    struct repository_refs refs;
    struct error error;

    delete->sequence.step = NULL;
    if (repository_read_look(delete->sequence.repository, result, delete->branch, &refs, &error) <
        0) {
        delete_end(delete, REPOSITORY_MOVED, &error);
        return;
    }
    memcpy(delete->points_at, refs.branch, sizeof(delete->points_at));
    if (!delete->points_at[0]) {
        delete_end(delete, REPOSITORY_GONE, NULL);
    } else if (!is_expected(delete, delete->points_at)) {
        delete_end(delete, REPOSITORY_MOVED, NULL);
    } else if (delete->refused) {
        error = delete->refusal;
        delete_end(delete, error.kind == ERROR_PERMANENT ? REPOSITORY_REFUSED : REPOSITORY_MOVED,
                   &error);
    } else if (repository_prepare(delete->sequence.repository, delete->points_at, &error) < 0) {
        delete_end(delete, REPOSITORY_MOVED, &error);
    } else {
        delete_push(delete);
    }
}

struct operation *repository_delete(struct repository *repository, const char *branch,
                                    const char *const *expected,
                                    repository_delete_callback callback, void *data)
{
    struct delete *delete = memory_new(sizeof(*delete));

    git_sequence_begin(&delete->sequence, repository, delete_discard);
    delete->branch = memory_copy(branch);
    for (size_t i = 0; i < 2 && expected[i]; i++)
        delete->expected[i] = memory_copy(expected[i]);
    delete->callback = callback;
    delete->data = data;
    delete->sequence.step = repository_start_look(repository, branch, delete_looked, delete);
    return &delete->sequence.operation;
}
