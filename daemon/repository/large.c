/*
 * Filled: the files that are LFS's ▸ (pool) which are pointers, and what of them is here or in a source ▸
 * fetched from the forge ▸ (pool) whether all is here ▸ git-lfs puts them in their places.
 *
 * Uploaded: what changed and looks like a pointer ▸ (pool) what of it is here, as what a checkout was filled
 * with is ▸ git-lfs, which asks the forge first what it has.
 */

#include "daemon/repository/large.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/program.h"
#include "common/text.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/objects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_LIMIT     ((size_t)16 * 1024 * 1024)
#define INDEX_LIMIT    ((size_t)1024 * 1024)
#define FORGE_PATIENCE 120
#define LOCAL_PATIENCE 30
#define LFS_SETTINGS   ".lfsconfig"

/* Phrases of git-lfs, and who is to blame. All else is the fault of the network, or of the forge just now. */
static const struct {
    const char *words;
    bool permanent;
    bool installation; /* the forge has no LFS, or none for us */
} sayings[] = {
    {"Fatal error", false, false}, /* 5xx */
    {"batch response: Post ", false, false}, {"Server error", false, false},
    {"oes not exist", true, false},          {"remote missing object", true, false},
    {"Client error", true, false},           {"Git credentials for", true, true},
    {"batch response: ", true, true},
};
#define SAYINGS (sizeof(sayings) / sizeof(sayings[0]))

/* For the tests: the index knows the files, so git finds them clean without git-lfs. */
static const char filter[] = "[filter \"lfs\"]\n"
                             "\tclean = git-lfs clean -- %f\n"
                             "\tsmudge = git-lfs smudge -- %f\n"
                             "\tprocess = git-lfs filter-process\n"
                             "\trequired = true\n";

struct large {
    struct git_sequence sequence;
    char *directory; /* of the checkout; NULL: it is an upload */
    char *older;     /* the base */
    char *newer;
    char *objects; /* <state>/lfs/lfs/objects */
    char *origin;  /* the git repository that has them */
    char *address; /* of its LFS */
    struct objects_files files;
    struct error failure; /* why something was not fetched, or cannot be read */
    char *blamed;         /* what it is about: is it the base's, or the change's? */
    repository_done_callback callback;
    void *data;
};

static void large_discard(struct operation *operation)
{
    struct large *large = (struct large *)operation;

    operation_clear(&large->sequence.step);
    objects_clear(&large->files);
    free(large->directory);
    free(large->older);
    free(large->newer);
    free(large->objects);
    free(large->origin);
    free(large->address);
    free(large->blamed);
    free(large);
}

static void end(struct large *large, const struct error *error)
{
    repository_done_callback callback = large->callback;
    void *data = large->data;

    large_discard(&large->sequence.operation);
    callback(data, error);
}

static void start_git(struct large *large, const char *const *arguments, enum git_reach reach,
                      process_callback callback)
{
    const struct git_command command = {
        .arguments = arguments,
        .reach = reach,
        .output_limit = LIST_LIMIT,
        .patience = reach == GIT_FORGE ? FORGE_PATIENCE : LOCAL_PATIENCE,
    };

    large->sequence.step = git_start(large->sequence.repository->git, &command, callback, large);
}

/* git-lfs goes on after the first failure, which says most. */
static void lfs_failure(struct error *error, const struct process_result *result, const char *what)
{
    CLEANUP_FREE char *line = NULL;
    size_t saying = 0;
    const char *at = NULL;

    while (saying < SAYINGS && !(at = strstr(result->errors, sayings[saying].words)))
        saying++;
    while (at && at > result->errors && at[-1] != '\n')
        at--;
    at = at ? at : result->errors;
    line = memory_format("%.*s", (int)strcspn(at, "\n"), at);
    git_failure_said(error, result, GIT_FORGE, what, line);
    if (result->end != PROCESS_EXITED)
        return;
    error->kind = saying < SAYINGS && sayings[saying].permanent ? ERROR_PERMANENT : ERROR_TRANSIENT;
    error->installation = error->holds = saying < SAYINGS && sayings[saying].installation;
}

/* ---- the repository of git-lfs --------------------------------------------------------------------- */

static int write_file(const char *directory, const char *name, const char *content,
                      struct error *error)
{
    CLEANUP_FREE char *path = file_join(directory, name);

    return file_replace(AT_FDCWD, path, content, strlen(content), 0600, error);
}

/* Made each time: git-lfs writes into it what it has found out. */
static int prepare(const struct large *large, char **git_dir, struct error *error)
{
    const struct repository *repository = large->sequence.repository;
    CLEANUP_FREE char *directory = file_join(repository->config->state, "lfs");
    CLEANUP_FREE char *refs = file_join(directory, "refs");
    CLEANUP_FREE char *info = file_join(directory, "objects/info");
    CLEANUP_FREE char *alternate = memory_format("%s/objects\n", repository->directory);
    const char *config = git_hash_is_sha256(large->newer)
                             ? "[core]\n\trepositoryformatversion = 1\n\tbare = true\n"
                               "[extensions]\n\tobjectFormat = sha256\n"
                             : "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";

    if (file_make_directories(refs, 0700, error) < 0 ||
        file_make_directories(info, 0700, error) < 0 ||
        file_make_directories(large->objects, 0700, error) < 0 ||
        write_file(directory, "HEAD", "ref: refs/heads/none\n", error) < 0 ||
        write_file(directory, "config", config, error) < 0 ||
        write_file(info, "alternates", alternate, error) < 0)
        return error_wrap(error, "preparing the large files");
    *git_dir = memory_format("--git-dir=%s", directory);
    return 0;
}

/* Runs git-lfs at the forge, with `count` words after the forge's address. Our settings come before the url
 * of .lfsconfig. */
static int start_lfs(struct large *large, const char *const *verb, const char *const *words,
                     size_t count, process_callback callback, struct error *error)
{
    CLEANUP_FREE char *git_dir = NULL;
    CLEANUP_FREE char *url = memory_format("lfs.url=%s", large->address);
    CLEANUP_FREE char *push_url = memory_format("lfs.pushurl=%s", large->address);
    CLEANUP_FREE char *locks = memory_format("lfs.%s.locksverify=false", large->address);
    CLEANUP_FREE const char **arguments = memory_new_array(count + 16, sizeof(*arguments));
    size_t at = 0;

    if (prepare(large, &git_dir, error) < 0)
        return -1;
    arguments[at++] = git_dir;
    for (size_t i = 0; i < 3; i++) {
        arguments[at++] = "-c";
        arguments[at++] = (const char *const[]){url, push_url, locks}[i];
    }
    arguments[at++] = "lfs";
    while (*verb)
        arguments[at++] = *verb++;
    /* It takes no bare path. */
    arguments[at++] = *large->origin == '/' ? large->address : large->origin;
    memcpy(arguments + at, words, count * sizeof(*words));
    start_git(large, arguments, GIT_FORGE, callback);
    return 0;
}

static int find_program(const struct large *large, struct error *error)
{
    CLEANUP_FREE char *program = NULL;
    struct error why;

    if (program_find(&program, "git-lfs", (const char *const *)environ, "/", &why) == 0)
        return 0;
    error_set(error, ERROR_PERMANENT,
              "%s is kept by git LFS, and git-lfs is not installed here (%s)",
              large->files.items[0].path, why.message);
    error->installation = error->holds = true;
    return -1;
}

/* ---- filled ---------------------------------------------------------------------------------------- */

/* An object or a setting that the base lacks as well is not the experiment's fault. */
static void on_compared(void *data, const struct process_result *result)
{
    struct large *large = data;
    struct error error = large->failure;

    large->sequence.step = NULL;
    error.installation = error.holds = process_succeeded(result);
    error_wrap(&error, "%s of %s", large->blamed,
               process_succeeded(result) ? "the base" : "the change");
    end(large, &error);
}

/* Ends with the failure, of which a file of the base or of the change is the cause. */
static void blame(struct large *large, const char *kind, const char *path)
{
    const char *const arguments[] = {
        large->sequence.repository->git_dir,
        "diff-tree",
        "--quiet",
        large->older,
        large->newer,
        "--",
        path,
        NULL,
    };

    large->blamed = memory_format("%s%s", kind, path);
    start_git(large, arguments, GIT_LOCAL, on_compared);
}

/* git-lfs reads .lfsconfig whatever it is told. If it cannot, it says so, puts nothing in place and ends
 * with 0. Of keys in it that it does not take it warns, which is no failure. */
static void on_filled(void *data, const struct process_result *result)
{
    struct large *large = data;
    const char *unread = strstr(result->errors, "Error reading `git config`");
    const struct objects_file *left;
    struct error error;

    large->sequence.step = NULL;
    left = objects_still_pointer(&large->files, large->directory);
    if (process_succeeded(result) && !left) {
        end(large, NULL);
        return;
    }
    if (unread && strstr(unread, LFS_SETTINGS)) {
        error_set(&large->failure, ERROR_PERMANENT, "git-lfs cannot read it: %.*s",
                  (int)strcspn(unread, "\n"), unread);
        blame(large, "", LFS_SETTINGS);
        return;
    }
    if (!process_succeeded(result))
        git_failure(&error, result, GIT_LOCAL, "putting the large files into the checkout");
    else
        error_set(&error, ERROR_TRANSIENT, "git-lfs left a pointer in the place of %s", left->path);
    error.kind = ERROR_TRANSIENT;
    end(large, &error);
}

static void put_in_place(struct large *large)
{
    CLEANUP_FREE char *config = file_join(large->directory, ".git/config");
    CLEANUP_FREE char *above = memory_copy(large->objects);
    CLEANUP_FREE char *storage = NULL;
    struct error error;

    *strrchr(above, '/') = '\0';
    storage = memory_format("lfs.storage=%s", above);

    const char *const arguments[] = {
        "-C", large->directory, "-c", storage, "lfs", "checkout", NULL,
    };

    if (objects_append(config, filter, &error) < 0)
        end(large, &error);
    else
        start_git(large, arguments, GIT_LOCAL, on_filled);
}

static void on_fetched(void *data, const struct process_result *result)
{
    struct large *large = data;
    const struct objects_file *missing;

    large->sequence.step = NULL;
    objects_look_again(&large->files, large->objects);
    missing = objects_missing(&large->files);
    if (!missing) {
        put_in_place(large);
        return;
    }
    if (process_succeeded(result))
        error_set(&large->failure, ERROR_PERMANENT, "git LFS has no object %s of it",
                  missing->pointer.id);
    else
        lfs_failure(&large->failure, result, "fetching it from the forge by git LFS");
    if (large->failure.kind == ERROR_TRANSIENT || large->failure.installation) {
        struct error error = large->failure;

        end(large, &error);
        return;
    }
    blame(large, "the large file ", missing->path);
}

static void on_looked(void *data, struct objects_files *files, const struct error *error)
{
    static const char *const verb[] = {"fetch", NULL};
    struct large *large = data;
    struct error failed;

    large->sequence.step = NULL;
    large->files = *files;
    if (error)
        end(large, error);
    else if (!large->files.count)
        end(large, NULL);
    else if (find_program(large, &failed) < 0)
        end(large, &failed);
    else if (!objects_missing(&large->files))
        put_in_place(large);
    else if (start_lfs(large, verb, (const char *const[]){large->newer}, 1, on_fetched, &failed) <
             0)
        end(large, &failed);
}

static void on_listed(void *data, const struct process_result *result)
{
    struct large *large = data;
    struct repository *repository = large->sequence.repository;
    CLEANUP_FREE char *scratch = NULL;
    struct error error;

    large->sequence.step = NULL;
    if (!process_succeeded(result)) {
        git_failure(&error, result, GIT_LOCAL, "looking for large files");
        end(large, &error);
        return;
    }
    if (!result->output_length) {
        end(large, NULL);
        return;
    }
    scratch = repository_scratch(repository, "object");

    const struct objects_question question = {
        .directory = large->directory,
        .names = result->output,
        .length = result->output_length,
        .objects = large->objects,
        .scratch = scratch,
        .sources = &repository->config->sources,
    };

    large->sequence.step = objects_look(repository->loop, &question, on_looked, large);
}

static struct large *large_new(struct repository *repository, const char *url, const char *older,
                               const char *newer, repository_done_callback callback, void *data)
{
    struct large *large = memory_new(sizeof(*large));
    size_t length = strlen(url);

    git_sequence_begin(&large->sequence, repository, large_discard);
    large->older = memory_copy(older);
    large->newer = memory_copy(newer);
    large->objects = file_join(repository->config->state, "lfs/lfs/objects");
    large->origin = memory_copy(url);
    if (*url == '/')
        large->address = memory_format("file://%s", url);
    else if (strncmp(url, "http", 4) != 0)
        large->address = memory_copy(url);
    else
        large->address = memory_format(
            "%s%s/info/lfs", url, length > 4 && !strcmp(url + length - 4, ".git") ? "" : ".git");
    large->callback = callback;
    large->data = data;
    return large;
}

/* Whether a file in the checkout may say which files are LFS's. Its index names all files, in full up to its
 * version 3. A large index is git's to read. */
static bool may_have_attributes(const char *checkout)
{
    static const char name[] = ".gitattributes";
    CLEANUP_FREE char *path = file_join(checkout, ".git/index");
    CLEANUP_FREE char *bytes = NULL;
    struct error ignored;
    size_t length;

    return file_read(&bytes, &length, AT_FDCWD, path, INDEX_LIMIT, &ignored) < 0 || length < 8 ||
           bytes[7] > 3 || memmem(bytes, length, name, sizeof(name) - 1);
}

static void on_plain(void *data)
{
    struct large *large = data;

    large->sequence.step = NULL;
    end(large, NULL);
}

struct operation *large_fill(struct repository *repository, const char *origin,
                             const struct repository_checkout *checkout,
                             repository_done_callback callback, void *data)
{
    struct large *large = large_new(repository, origin, checkout->base, checkout->commit, callback,
                                    data);
    const char *const arguments[] = {
        "-C", checkout->directory, "ls-files", "-z", "--", ":(top,attr:filter=lfs)", NULL,
    };

    large->directory = memory_copy(checkout->directory);
    if (may_have_attributes(checkout->directory))
        start_git(large, arguments, GIT_LOCAL, on_listed);
    else
        large->sequence.step = loop_after(repository->loop, 0, on_plain, large);
    return &large->sequence.operation;
}

/* ---- uploaded -------------------------------------------------------------------------------------- */

static void on_uploaded(void *data, const struct process_result *result)
{
    struct large *large = data;
    struct error error;

    large->sequence.step = NULL;
    if (process_succeeded(result)) {
        end(large, NULL);
        return;
    }
    lfs_failure(&error, result, "uploading it to the forge by git LFS");
    error_wrap(&error, "the large file %s%s", large->files.items[0].path,
               large->files.count > 1 ? " and others" : "");
    end(large, &error);
}

/* An object that a checkout was filled with is here. A file that only looks like a pointer has none. */
static void on_contents(void *data, const struct process_result *result)
{
    static const char *const verb[] = {"push", "--object-id", NULL};
    struct large *large = data;
    CLEANUP_FREE const char **ids = NULL;
    size_t count = 0;
    struct error error;

    large->sequence.step = NULL;
    if (!process_succeeded(result)) {
        git_failure(&error, result, GIT_LOCAL, "reading what changed");
        end(large, &error);
        return;
    }
    objects_read_contents(&large->files, result->output, result->output_length);
    objects_look_again(&large->files, large->objects);
    objects_drop_missing(&large->files);
    ids = memory_new_array(large->files.count + 1, sizeof(*ids));
    for (; count < large->files.count; count++)
        ids[count] = large->files.items[count].pointer.id;
    if (!count)
        end(large, NULL);
    else if (find_program(large, &error) < 0 ||
             start_lfs(large, verb, ids, count, on_uploaded, &error) < 0)
        end(large, &error);
}

static void on_changed(void *data, const struct process_result *result)
{
    struct large *large = data;
    CLEANUP_TEXT struct text hashes = {0};
    struct error error;

    large->sequence.step = NULL;
    if (!process_succeeded(result)) {
        git_failure(&error, result, GIT_LOCAL, "looking for large files in the change");
        end(large, &error);
        return;
    }
    objects_read_changes(&large->files, result->output, result->output_length, &hashes);
    if (!large->files.count) {
        end(large, NULL);
        return;
    }

    const char *const arguments[] = {
        large->sequence.repository->git_dir,
        "cat-file",
        "--batch",
        NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .input = text_string(&hashes),
        .input_length = hashes.length,
        .output_limit = LIST_LIMIT,
        .memory = GIT_MEMORY_LIMIT,
    };

    large->sequence.step = git_start(large->sequence.repository->git, &command, on_contents, large);
}

static void on_none(void *data)
{
    struct large *large = data;

    large->sequence.step = NULL;
    end(large, NULL);
}

struct operation *large_upload(struct repository *repository, const char *older, const char *newer,
                               repository_done_callback callback, void *data)
{
    struct large *large = large_new(repository, repository->forge->git_url, older, newer, callback,
                                    data);
    const char *const arguments[] = {
        repository->git_dir,
        "diff-tree",
        "-r",
        "-z",
        "--no-renames",
        "--diff-filter=AM",
        "--text",
        "-G^oid sha256:[0-9a-f]{64}$",
        older,
        newer,
        NULL,
    };

    /* No checkout was ever filled with a large file, so there is no true pointer in the change. */
    if (access(large->objects, F_OK) < 0 && errno == ENOENT)
        large->sequence.step = loop_after(repository->loop, 0, on_none, large);
    else
        start_git(large, arguments, GIT_LOCAL, on_changed);
    return &large->sequence.operation;
}
