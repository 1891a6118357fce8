/*
 * The checkout that is validated: a shallow clone of one commit, of which git then forgets where it
 * came from.
 */

#include "daemon/repository/internal.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct clone {
    struct errand errand;
    char *branch;
    char *commit;
    char *directory;
    repository_done_callback callback;
    void *data;
};

static void clone_discard(struct operation *operation)
{
    struct clone *clone = (struct clone *)operation;

    operation_clear(&clone->errand.step);
    free(clone->branch);
    free(clone->commit);
    free(clone->directory);
    free(clone);
}

static void clone_end(struct clone *clone, const struct error *error)
{
    repository_done_callback callback = clone->callback;
    void *data = clone->data;

    clone_discard(&clone->errand.operation);
    callback(data, error);
}

/* Whether the clone's branch is the commit that was asked for. */
static int check_commit(const struct clone *clone, struct error *error)
{
    CLEANUP_FREE char *path = memory_format("%s/.git/refs/heads/%s", clone->directory,
                                            clone->branch);
    CLEANUP_FREE char *bytes = NULL;
    size_t length;

    if (file_read(&bytes, &length, AT_FDCWD, path, FORGE_HASH_SIZE + 1, error) < 0)
        return error_wrap(error, "looking at the checkout");
    bytes[strcspn(bytes, "\n")] = '\0';
    if (strcmp(bytes, clone->commit) != 0)
        return error_set(error, ERROR_BUG, "the checkout is of commit %.64s instead of %s", bytes,
                         clone->commit);
    return 0;
}

/* A configuration without the remote, and no branch of the remote's either. */
static int cut_off(const struct clone *clone, struct error *error)
{
    static const char plain[] = "[core]\n"
                                "\trepositoryformatversion = 0\n"
                                "\tfilemode = true\n"
                                "\tbare = false\n"
                                "\tlogallrefupdates = true\n";
    static const char sha256[] = "[core]\n"
                                 "\trepositoryformatversion = 1\n"
                                 "\tfilemode = true\n"
                                 "\tbare = false\n"
                                 "\tlogallrefupdates = true\n"
                                 "[extensions]\n"
                                 "\tobjectFormat = sha256\n";
    const char *content = strlen(clone->commit) == 64 ? sha256 : plain;
    CLEANUP_FREE char *config = file_join(clone->directory, ".git/config");
    CLEANUP_FREE char *packed = file_join(clone->directory, ".git/packed-refs");
    CLEANUP_FREE char *remotes = file_join(clone->directory, ".git/refs/remotes");
    CLEANUP_FREE char *logs = file_join(clone->directory, ".git/logs");

    unlink(packed);
    if (file_remove_tree(remotes, error) < 0 || file_remove_tree(logs, error) < 0 ||
        file_write(AT_FDCWD, config, content, strlen(content), 0644, error) < 0)
        return error_wrap(error, "preparing the checkout");
    return 0;
}

static void clone_ended(void *data, const struct process_result *result)
{
    struct clone *clone = data;
    struct error error;
    int failed;

    clone->errand.step = NULL;
    if (git_succeeded(result))
        failed = check_commit(clone, &error) < 0 ? -1 : cut_off(clone, &error);
    else
        failed = git_failure(&error, result, GIT_LOCAL, "making the checkout");
    /* The ref may name a commit that is not here, and would be in every later git's way. */
    if (failed < 0 && error.kind != ERROR_TRANSIENT)
        repository_forget(clone->errand.repository, clone->branch);
    clone_end(clone, failed < 0 ? &error : NULL);
}

static void clone_begin(void *data)
{
    struct clone *clone = data;
    struct repository *repository = clone->errand.repository;
    CLEANUP_FREE char *ref = memory_format("refs/heads/%s", clone->branch);
    const char *const arguments[] = {
        "clone",
        "--quiet",
        "--no-local",
        "--depth=1",
        "--branch",
        clone->branch,
        "--single-branch",
        "--no-tags",
        "--template=",
        "--no-recurse-submodules",
        "--end-of-options",
        repository->directory,
        clone->directory,
        NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .output_limit = 65536,
    };
    struct error error;

    clone->errand.step = NULL;
    if (repository_prepare(repository, clone->commit, &error) < 0 ||
        repository_set_ref(repository, ref, clone->commit, &error) < 0) {
        clone_end(clone, &error);
        return;
    }
    clone->errand.step = git_start(repository->git, &command, clone_ended, clone);
}

struct operation *repository_clone(struct repository *repository, const char *branch,
                                   const char *commit, const char *directory,
                                   repository_done_callback callback, void *data)
{
    struct clone *clone = memory_new(sizeof(*clone));

    errand_begin(&clone->errand, repository, clone_discard);
    clone->branch = memory_copy(branch);
    clone->commit = memory_copy(commit);
    clone->directory = memory_copy(directory);
    clone->callback = callback;
    clone->data = data;
    clone->errand.step = loop_after(repository->loop, 0, clone_begin, clone);
    return &clone->errand.operation;
}
