/*
 * The bare repository on the disk, and its short operations.
 *
 * The repository is made here and not by git, which needs only three directories and two files. So it can be
 * checked before every use at no cost, and repaired after a crash. It has nothing that the forge and the
 * sources lack. If it is damaged it is moved away, and a new one is made.
 */

#include "daemon/repository/internal.h"
#include "daemon/repository/objects.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONFIG_LIMIT  65536
#define BASE_REF      "refs/winnowd/base"
#define FETCH_LIMIT   65536
#define FETCH_TIMEOUT 20

static const char config_sha1[] = "[core]\n"
                                  "\trepositoryformatversion = 0\n"
                                  "\tfilemode = true\n"
                                  "\tbare = true\n"
                                  "\thooksPath = /dev/null\n";

static const char config_sha256[] = "[core]\n"
                                    "\trepositoryformatversion = 1\n"
                                    "\tfilemode = true\n"
                                    "\tbare = true\n"
                                    "\thooksPath = /dev/null\n"
                                    "[extensions]\n"
                                    "\tobjectFormat = sha256\n";

static void repository_freep(struct repository **repository)
{
    repository_free(*repository);
}

int repository_new(struct repository **repository, uv_loop_t *loop, const struct config *config,
                   const struct forge *forge, struct error *error)
{
    CLEANUP(repository_freep) struct repository *new = memory_new(sizeof(*new));

    new->loop = loop;
    new->config = config;
    new->forge = forge;
    new->directory = file_join(config->state, "repository.git");
    new->scratch = file_join(config->state, "scratch");
    new->git_dir = memory_format("--git-dir=%s", new->directory);
    if (file_make_directories(new->scratch, 0700, error) < 0)
        return error_wrap(error, "preparing the state directory");
    if (git_new(&new->git, loop, config, forge->git_url, forge->token, error) < 0)
        return -1;
    *repository = TAKE(new);
    return 0;
}

/* Nobody else works here: a lock was left by a git that was killed. */
static int remove_lock(const char *path, const struct stat *status, int type, struct FTW *place)
{
    const char *name = path + place->base;
    size_t length = strlen(name);

    (void)status;
    if (type == FTW_F && ((length > 5 && strcmp(name + length - 5, ".lock") == 0) ||
                          strncmp(name, "tmp_", 4) == 0 || strcmp(name, "gc.pid") == 0))
        unlink(path);
    /* Below objects, only half-written packs are looked for. */
    return place->level == 2 && type == FTW_D && strncmp(name - 9, "/objects/", 9) == 0 &&
                   strcmp(name, "pack") != 0
               ? FTW_SKIP_SUBTREE
               : FTW_CONTINUE;
}

int repository_sweep(struct repository *repository, struct error *error)
{
    CLEANUP_FREE char *objects = file_join(repository->config->state, "lfs/lfs/objects");

    objects_expire(objects);
    nftw(repository->directory, remove_lock, 16, FTW_PHYS | FTW_ACTIONRETVAL);
    if (file_remove_tree(repository->scratch, error) < 0)
        return -1;
    return file_make_directories(repository->scratch, 0700, error);
}

void repository_free(struct repository *repository)
{
    if (!repository)
        return;
    operation_clear(&repository->maintenance);
    git_free(repository->git);
    free(repository->directory);
    free(repository->lender);
    free(repository->scratch);
    free(repository->git_dir);
    free(repository);
}

char *repository_scratch(struct repository *repository, const char *what)
{
    /* A git of an earlier daemon may still use names of its own. */
    return memory_format("%s/%s-%d-%llu", repository->scratch, what, (int)getpid(),
                         (unsigned long long)repository->next_name++);
}

void repository_remove_index(const char *index)
{
    CLEANUP_FREE char *lock = NULL;

    if (!index)
        return;
    lock = memory_format("%s.lock", index);
    unlink(index);
    unlink(lock);
}

static void forget_bases(struct repository *repository)
{
    memset(repository->bases, 0, sizeof(repository->bases));
}

/* Moves it away at once. The next start, which empties the scratch directory, removes the bytes. */
static void put_aside(struct repository *repository)
{
    CLEANUP_FREE char *aside = repository_scratch(repository, "damaged");

    rename(repository->directory, aside);
    repository->generation++;
    repository->measured[0] = '\0';
    forget_bases(repository);
}

void repository_discard_damaged(const struct git_sequence *sequence, struct error *error)
{
    if (sequence->repository->generation == sequence->generation)
        put_aside(sequence->repository);
    error->kind = ERROR_TRANSIENT;
}

void git_sequence_begin(struct git_sequence *sequence, struct repository *repository,
                        void (*discard)(struct operation *operation))
{
    sequence->operation.discard = discard;
    sequence->repository = repository;
    sequence->generation = repository->generation;
}

/* Returns whether a file of the repository has the right content: 1 or 0; -1 if it cannot be read now. */
static int has_content(const struct repository *repository, const char *name, const char *content,
                       struct error *error)
{
    CLEANUP_FREE char *path = file_join(repository->directory, name);
    CLEANUP_FREE char *bytes = NULL;
    size_t length;

    if (file_read(&bytes, &length, AT_FDCWD, path, CONFIG_LIMIT, error) < 0)
        return error->kind == ERROR_PERMANENT ? 0 : -1;
    return length == strlen(content) && memcmp(bytes, content, length) == 0;
}

static int make_directory(const struct repository *repository, const char *name,
                          struct error *error)
{
    CLEANUP_FREE char *path = file_join(repository->directory, name);

    return file_make_directories(path, 0700, error);
}

static int write_file(const struct repository *repository, const char *name, const char *content,
                      struct error *error)
{
    CLEANUP_FREE char *path = file_join(repository->directory, name);

    return file_write(AT_FDCWD, path, content, strlen(content), 0600, error);
}

static int make_directories(const struct repository *repository, struct error *error)
{
    return make_directory(repository, "objects/pack", error) < 0
               ? -1
               : make_directory(repository, "refs/heads", error);
}

int repository_prepare(struct repository *repository, const char *hash, struct error *error)
{
    static const char head[] = "ref: refs/heads/none\n";
    const char *config = git_hash_is_sha256(hash) ? config_sha256 : config_sha1;
    int whole = has_content(repository, "config", config, error);

    if (whole > 0)
        whole = has_content(repository, "HEAD", head, error);
    if (whole > 0 && make_directories(repository, error) < 0)
        whole = error->kind == ERROR_PERMANENT ? 0 : -1;
    /* A repository that cannot be read now is not taken for a damaged one. It has the commits of all jobs. */
    if (whole < 0)
        return error_wrap(error, "looking at the repository in the state directory");
    if (whole > 0)
        return 0;
    /* Called also if there is nothing to move away: what was known about the repository is not true any
     * more. */
    put_aside(repository);
    if (make_directories(repository, error) < 0 ||
        write_file(repository, "HEAD", head, error) < 0 ||
        write_file(repository, "config", config, error) < 0)
        return error_wrap(error, "making the repository in the state directory");
    return 0;
}

int repository_borrow(struct repository *repository, const char *hash, const char *lender,
                      const char *objects, struct error *error)
{
    CLEANUP_FREE char *line = memory_format("%s\n", objects);

    repository->lender = memory_copy(lender);
    if (repository_prepare(repository, hash, error) < 0 ||
        make_directory(repository, "objects/info", error) < 0)
        return -1;
    return write_file(repository, "objects/info/alternates", line, error);
}

int repository_set_ref(struct repository *repository, const char *ref, const char *hash,
                       struct error *error)
{
    CLEANUP_FREE char *path = file_join(repository->directory, ref);
    CLEANUP_FREE char *directory = memory_copy(path);
    CLEANUP_FREE char *written = repository_scratch(repository, "ref");
    CLEANUP_FREE char *line = memory_format("%s\n", hash);

    /* Written elsewhere first, so that git reads neither half a ref nor one that is called *.tmp. */
    *strrchr(directory, '/') = '\0';
    if (file_make_directories(directory, 0700, error) < 0 ||
        file_write(AT_FDCWD, written, line, strlen(line), 0600, error) < 0)
        return -1;
    if (rename(written, path) < 0)
        return error_set(error, ERROR_TRANSIENT, "cannot write %s in our repository: %s", ref,
                         strerror(errno));
    return 0;
}

void repository_forget(struct repository *repository, const char *branch)
{
    CLEANUP_FREE char *path = memory_format("%s/refs/heads/%s", repository->directory, branch);
    CLEANUP_FREE char *lock = memory_format("%s.lock", path);

    unlink(path);
    unlink(lock);
    repository->forgotten++;
}

static const char *const kept_refs[] = {
    [REPOSITORY_KEPT_MEASURED] = "refs/winnowd/measured/",
    [REPOSITORY_KEPT_COMPOSED] = "refs/winnowd/composed/",
    [REPOSITORY_KEPT_DOUBTED] = "refs/winnowd/doubted/",
};

bool repository_read_ref(const char *directory, const char *ref, char commit[static GIT_HASH_SIZE])
{
    CLEANUP_FREE char *path = file_join(directory, ref);
    CLEANUP_FREE char *line = NULL;
    struct error ignored;
    size_t length;

    if (file_read(&line, &length, AT_FDCWD, path, GIT_HASH_SIZE, &ignored) < 0)
        return false;
    snprintf(commit, GIT_HASH_SIZE, "%.*s", (int)strcspn(line, "\n"), line);
    return git_hash_valid(commit);
}

static bool read_kept(const char *directory, enum repository_kept kept, const char *experiment_id,
                      char commit[static GIT_HASH_SIZE])
{
    CLEANUP_FREE char *ref = memory_format("%s%s", kept_refs[kept], experiment_id);

    return directory && repository_read_ref(directory, ref, commit);
}

enum repository_kept repository_find_kept(const struct repository *repository,
                                          const char *experiment_id,
                                          char commit[static GIT_HASH_SIZE])
{
    static const enum repository_kept order[] = {REPOSITORY_KEPT_MEASURED, REPOSITORY_KEPT_COMPOSED,
                                                 REPOSITORY_KEPT_DOUBTED};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (read_kept(repository->directory, order[i], experiment_id, commit) ||
            read_kept(repository->lender, order[i], experiment_id, commit))
            return order[i];
    }
    commit[0] = '\0';
    return REPOSITORY_KEPT_NOTHING;
}

int repository_keep(struct repository *repository, enum repository_kept kept,
                    const char *experiment_id, const char *commit, struct error *error)
{
    CLEANUP_FREE char *ref = memory_format("%s%s", kept_refs[kept], experiment_id);

    repository_forget_kept(repository, experiment_id);
    return repository_set_ref(repository, ref, commit, error);
}

void repository_forget_kept(struct repository *repository, const char *experiment_id)
{
    for (size_t i = REPOSITORY_KEPT_MEASURED; i <= REPOSITORY_KEPT_DOUBTED; i++) {
        CLEANUP_FREE char *path = memory_format("%s/%s%s", repository->directory, kept_refs[i],
                                                experiment_id);

        if (unlink(path) == 0)
            repository->forgotten++;
    }
}

void repository_list_kept(const struct repository *repository, struct config_list *ids)
{
    for (size_t i = REPOSITORY_KEPT_MEASURED; i <= REPOSITORY_KEPT_DOUBTED; i++) {
        CLEANUP_FREE char *path = memory_format("%s/%s", repository->directory, kept_refs[i]);
        CLEANUP_LISTING DIR *listing = opendir(path);
        const struct dirent *entry;

        while (listing && (entry = readdir(listing))) {
            if (entry->d_name[0] != '.')
                config_list_append(ids, memory_copy(entry->d_name));
        }
    }
}

bool repository_has_base(const struct repository *repository, const char *hash)
{
    for (size_t i = 0; i < REPOSITORY_BASES; i++) {
        if (strcmp(repository->bases[i], hash) == 0)
            return true;
    }
    return false;
}

struct operation *repository_fetch(struct repository *repository, const char *hash,
                                   process_callback callback, void *data)
{
    char hashes[1][GIT_HASH_SIZE];

    snprintf(hashes[0], sizeof(hashes[0]), "%s", hash);
    return repository_fetch_all(repository, hashes, 1, callback, data);
}

/* Asks for the hashes after what the command's arguments say already. */
static struct operation *fetch_hashes(struct repository *repository,
                                      const struct git_command *command,
                                      char (*hashes)[GIT_HASH_SIZE], size_t count,
                                      process_callback callback, void *data)
{
    struct git_command with_hashes = *command;
    CLEANUP_FREE const char **arguments = NULL;
    size_t fixed = 0;

    while (command->arguments[fixed])
        fixed++;
    arguments = memory_new_array(fixed + count + 1, sizeof(*arguments));
    memcpy(arguments, command->arguments, fixed * sizeof(*arguments));
    for (size_t i = 0; i < count; i++)
        arguments[fixed + i] = hashes[i];
    with_hashes.arguments = arguments;
    return git_start(repository->git, &with_hashes, callback, data);
}

struct operation *repository_fetch_all(struct repository *repository, char (*hashes)[GIT_HASH_SIZE],
                                       size_t count, process_callback callback, void *data)
{
    const char *const words[] = {
        repository->git_dir,        FETCH_WORDS, "--prune", FETCH_END, repository->forge->git_url,
        "+refs/tags/*:refs/tags/*", NULL,
    };
    const struct git_command command = {
        .arguments = words,
        .reach = GIT_FORGE,
        .output_limit = FETCH_LIMIT,
        .patience = FETCH_TIMEOUT,
    };

    return fetch_hashes(repository, &command, hashes, count, callback, data);
}

struct operation *repository_fetch_source(struct repository *repository, size_t source,
                                          char (*hashes)[GIT_HASH_SIZE], size_t count,
                                          process_callback callback, void *data)
{
    const char *const words[] = {
        repository->git_dir,
        "-c",
        "protocol.version=2",
        "-c",
        "fetch.fsckObjects=true",
        FETCH_WORDS,
        FETCH_END,
        repository->config->sources.items[source],
        NULL,
    };
    const struct git_command command = {
        .arguments = words,
        .reach = GIT_SOURCE,
        .output_limit = FETCH_LIMIT,
    };

    return fetch_hashes(repository, &command, hashes, count, callback, data);
}

int repository_fetched(struct repository *repository, const char *hash,
                       const struct process_result *result, struct error *error)
{
    struct error ignored;

    if (!process_succeeded(result))
        return git_failure(error, result, GIT_FORGE, "fetching the base from the forge");
    /* The ref only saves the next fetch work: it tells the forge what is here. */
    if (repository_set_ref(repository, BASE_REF, hash, &ignored) == 0) {
        memcpy(repository->bases[repository->next_base], hash, strlen(hash) + 1);
        repository->next_base = (repository->next_base + 1) % REPOSITORY_BASES;
    }
    repository->measured[0] = '\0'; /* tags came with it */
    return 0;
}
