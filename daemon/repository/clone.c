/*
 * Makes the checkout that is validated: a clone of one commit with some of its history, whose remote is then
 * removed. The base has its usual names.
 *
 * The .gitattributes of a tree may change files at the checkout, for instance into another encoding. So a
 * change could alter a protected file without touching it: tox ignores a tox.ini that it cannot read.
 * Therefore attributes of the clone itself, which come before all others, leave protected files as they are.
 * git takes them from a template. Filters stay: there is only that of LFS. It changes only pointers, and
 * protected pointers are those of the base.
 */

#include "daemon/repository/internal.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/repository/commit.h"
#include "daemon/repository/depth.h"
#include "daemon/repository/large.h"
#include "daemon/repository/submodules.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct clone {
    struct git_sequence sequence;
    char *branch;
    char *commit;
    char *base;
    char *directory;
    char *template;
    repository_done_callback callback;
    void *data;
};

static void clone_discard(struct operation *operation)
{
    struct clone *clone = (struct clone *)operation;

    struct error ignored;

    operation_clear(&clone->sequence.step);
    /* If it cannot be removed, the next start does it. */
    file_remove_tree(clone->template, &ignored);
    free(clone->template);
    free(clone->branch);
    free(clone->commit);
    free(clone->base);
    free(clone->directory);
    free(clone);
}

static void clone_end(struct clone *clone, const struct error *error)
{
    repository_done_callback callback = clone->callback;
    void *data = clone->data;

    clone_discard(&clone->sequence.operation);
    callback(data, error);
}

/* Checks that the clone's branch is the commit that was asked for. */
static int check_commit(const struct clone *clone, struct error *error)
{
    CLEANUP_FREE char *path = memory_format("%s/.git/refs/heads/%s", clone->directory,
                                            clone->branch);
    CLEANUP_FREE char *bytes = NULL;
    size_t length;

    if (file_read(&bytes, &length, AT_FDCWD, path, GIT_HASH_SIZE + 1, error) < 0)
        return error_wrap(error, "looking at the checkout");
    bytes[strcspn(bytes, "\n")] = '\0';
    if (strcmp(bytes, clone->commit) != 0)
        return error_set(error, ERROR_BUG, "the checkout is of commit %.64s instead of %s", bytes,
                         clone->commit);
    return 0;
}

static int write_ref(const struct clone *clone, const char *below, const char *name,
                     struct error *error)
{
    CLEANUP_FREE char *path = memory_format("%s/.git/refs/%s/%s", clone->directory, below, name);
    CLEANUP_FREE char *line = memory_format("%s\n", clone->base);
    CLEANUP_FREE char *directory = memory_copy(path);

    *strrchr(directory, '/') = '\0';
    if (file_make_directories(directory, 0755, error) < 0)
        return -1;
    return file_write(AT_FDCWD, path, line, strlen(line), 0644, error);
}

/* Names the base as a branch and as origin's: tools use either to find what is new. */
static int name_base(const struct clone *clone, struct error *error)
{
    const char *base = clone->sequence.repository->config->forge.base;

    if (strcmp(base, clone->branch) != 0 && write_ref(clone, "heads", base, error) < 0)
        return -1;
    return write_ref(clone, "remotes/origin", base, error);
}

/* Removes the remote from the configuration, and its branches except the base. */
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
    const char *content = git_hash_is_sha256(clone->commit) ? sha256 : plain;
    CLEANUP_FREE char *config = file_join(clone->directory, ".git/config");
    CLEANUP_FREE char *packed = file_join(clone->directory, ".git/packed-refs");
    CLEANUP_FREE char *remotes = file_join(clone->directory, ".git/refs/remotes");
    CLEANUP_FREE char *logs = file_join(clone->directory, ".git/logs");

    unlink(packed);
    if (file_remove_tree(remotes, error) < 0 || file_remove_tree(logs, error) < 0 ||
        file_write(AT_FDCWD, config, content, strlen(content), 0644, error) < 0 ||
        name_base(clone, error) < 0)
        return error_wrap(error, "preparing the checkout");
    return 0;
}

static void clone_filled(void *data, const struct error *error)
{
    struct clone *clone = data;

    clone->sequence.step = NULL;
    clone_end(clone, error);
}

static struct repository_checkout checkout_of(const struct clone *clone)
{
    return (struct repository_checkout){
        .branch = clone->branch,
        .commit = clone->commit,
        .base = clone->base,
        .directory = clone->directory,
    };
}

static void submodules_filled(void *data, const struct error *error)
{
    struct clone *clone = data;
    const struct repository_checkout checkout = checkout_of(clone);

    clone->sequence.step = NULL;
    if (error)
        clone_end(clone, error);
    else
        clone->sequence.step = large_fill(clone->sequence.repository,
                                          clone->sequence.repository->forge->git_url, &checkout,
                                          clone_filled, clone);
}

static void fill_submodules(struct clone *clone)
{
    const struct repository_checkout checkout = checkout_of(clone);

    clone->sequence.step = submodules_start(clone->sequence.repository, &checkout,
                                            submodules_filled, clone);
}

static void clone_ended(void *data, const struct process_result *result)
{
    struct clone *clone = data;
    struct error error;
    int failed;

    clone->sequence.step = NULL;
    if (process_succeeded(result))
        failed = check_commit(clone, &error) < 0 ? -1 : cut_off(clone, &error);
    else
        failed = git_failure(&error, result, GIT_LOCAL, "making the checkout");
    if (failed == 0) {
        fill_submodules(clone);
        return;
    }
    /* The ref may name a commit that is missing, which would disturb every later git. */
    if (error.kind != ERROR_TRANSIENT)
        repository_forget(clone->sequence.repository, clone->branch);
    clone_end(clone, &error);
}

/* Appends a glob of `change.protect`, which begins at the top, as a quoted pattern of an attributes
 * file. */
static void append_as_it_is(struct text *text, const char *glob, const char *below)
{
    text_append(text, "\"/");
    for (glob += strspn(glob, "/"); *glob; glob++) {
        if (*glob == '"' || *glob == '\\')
            text_append(text, "\\");
        text_append_bytes(text, glob, 1);
    }
    text_append_format(text, "%s\" -text -ident !working-tree-encoding\n", below);
}

static int write_template(const struct clone *clone, struct error *error)
{
    char *const *protect = clone->sequence.repository->config->change.protect.items;
    CLEANUP_FREE char *directory = file_join(clone->template, "info");
    CLEANUP_FREE char *path = file_join(directory, "attributes");
    CLEANUP_TEXT struct text text = {0};

    for (; *protect; protect++) {
        append_as_it_is(&text, *protect, "");
        append_as_it_is(&text, *protect, "/**");
    }
    append_as_it_is(&text, "pyproject.toml", "");
    append_as_it_is(&text, "setup.cfg", "");
    if (file_make_directories(directory, 0700, error) < 0 ||
        file_replace(AT_FDCWD, path, text_string(&text), text.length, 0600, error) < 0)
        return error_wrap(error, "preparing the checkout");
    return 0;
}

static void clone_measured(void *data, unsigned depth)
{
    struct clone *clone = data;
    struct repository *repository = clone->sequence.repository;
    CLEANUP_FREE char *template = memory_format("--template=%s", clone->template);
    CLEANUP_FREE char *shallow = memory_format("--depth=%u", depth);
    const char *const arguments[] = {
        "clone",
        "--quiet",
        "--no-local",
        "--branch",
        clone->branch,
        "--single-branch",
        template,
        "--no-recurse-submodules",
        depth ? shallow : "--quiet",
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

    clone->sequence.step = git_start(repository->git, &command, clone_ended, clone);
}

static void clone_begin(void *data)
{
    struct clone *clone = data;
    struct repository *repository = clone->sequence.repository;
    CLEANUP_FREE char *ref = memory_format("refs/heads/%s", clone->branch);
    struct error error;

    clone->sequence.step = NULL;
    if (repository_prepare(repository, clone->commit, &error) < 0 ||
        repository_set_ref(repository, ref, clone->commit, &error) < 0 ||
        write_template(clone, &error) < 0)
        clone_end(clone, &error);
    else
        clone->sequence.step = depth_start(
            repository, clone->commit,
            commit_is_child(repository, clone->commit, clone->base) ? clone->base : NULL,
            clone_measured, clone);
}

struct operation *repository_clone(struct repository *repository,
                                   const struct repository_checkout *checkout,
                                   repository_done_callback callback, void *data)
{
    struct clone *clone = memory_new(sizeof(*clone));

    git_sequence_begin(&clone->sequence, repository, clone_discard);
    clone->branch = memory_copy(checkout->branch);
    clone->commit = memory_copy(checkout->commit);
    clone->base = memory_copy(checkout->base);
    clone->directory = memory_copy(checkout->directory);
    clone->template = repository_scratch(repository, "template");
    clone->callback = callback;
    clone->data = data;
    clone->sequence.step = loop_after(repository->loop, 0, clone_begin, clone);
    return &clone->sequence.operation;
}
