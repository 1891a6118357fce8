#pragma once

/*
 * The daemon's own bare repository, and everything that git does for a job.
 *
 * It is <state>/repository.git, and only the daemon writes to it. git runs as a child with a closed
 * configuration: <state>/gitconfig as GIT_CONFIG_GLOBAL, no system configuration, no hooks, no prompts, no
 * ext::. It gets the forge's token in its environment, never in its arguments. All operations fail alike:
 * transient if the network or the forge is in the way, permanent if the change is bad or the forge refuses.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/forge.h"
#include "daemon/git/hash.h"
#include "daemon/git/merge.h"
#include "daemon/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct repository;

/* Prepares <state>: gitconfig and directories. The first operation that needs the bare repository makes
 * it. `config` and `forge` must outlive it. Fails if they cannot be written. */
int repository_new(struct repository **repository, uv_loop_t *loop, const struct config *config,
                   const struct forge *forge, struct error *error);

/* Makes the bare repository for object names as long as `hash`, and lets it read the refs of the repository in
 * the directory `lender`, and its objects in the directory `objects`. For a trial whose repository is removed
 * afterwards. Fails if it cannot be written. */
int repository_borrow(struct repository *repository, const char *hash, const char *lender,
                      const char *objects, struct error *error);

/* At start, when no git of an earlier daemon runs any more: empties the scratch directory, and removes
 * locks and half-written packs that such a git has left. Fails if something cannot be removed. */
int repository_sweep(struct repository *repository, struct error *error);
void repository_free(struct repository *repository); /* NULL-safe; operations must be over */

/* look: asks the forge what base and branch point at, in one call. Fails (transient) if the forge shows no
 * base. */
struct repository_refs {
    char base[GIT_HASH_SIZE];
    char branch[GIT_HASH_SIZE]; /* "": there is no such branch */
    bool answered; /* also with an error: the forge answered, though without the base */
};
typedef void (*repository_look_callback)(void *data, const struct repository_refs *refs,
                                         const struct error *error);
struct operation *repository_look(struct repository *repository, const char *branch,
                                  repository_look_callback callback, void *data);

/* look at branches: asks the forge what the base and all branches below forge.branch_prefix point at, in
 * one call. The base is among them. Fails (transient) if the forge shows no base. */
struct repository_branch {
    const char *name;
    char tip[GIT_HASH_SIZE];
};
typedef void (*repository_branches_callback)(void *data, const char *base,
                                             const struct repository_branch *branches, size_t count,
                                             const struct error *error);
struct operation *repository_look_at_branches(struct repository *repository,
                                              repository_branches_callback callback, void *data);

/* check merges: finds how these branches merge with the commit `base` (full hash). Commits that are missing
 * here are fetched from the forge. The tips are copied; the names are not used. `merges` has an element for
 * each branch; NULL with an error. */
typedef void (*repository_merges_callback)(void *data, const enum git_merge *merges,
                                           const struct error *error);
struct operation *repository_check_merges(struct repository *repository, const char *base,
                                          const struct repository_branch *branches, size_t count,
                                          repository_merges_callback callback, void *data);

/* look at source: checks that one of `sources`, by its place, can be read, and has object names as `base` is
 * one (the hash of a commit; "": that is not compared). Fails (permanent) naming the key, the source, the
 * reason, and the setting of the unit that allows it. */
typedef void (*repository_done_callback)(void *data, const struct error *error);
struct operation *repository_look_at_source(struct repository *repository, size_t source,
                                            const char *base, repository_done_callback callback,
                                            void *data);

/* check objects: checks that all objects of that source are there, but for the content of files. Reads its
 * whole history. Fails (permanent) naming the key, the source, and the first object that is damaged or
 * missing. */
struct operation *repository_check_objects(struct repository *repository, size_t source,
                                           repository_done_callback callback, void *data);

/* check whole: checks that the source is neither a shallow clone nor a partial one that lacks something. Fails
 * (permanent) naming the key, the source, what it is, and what completes it. */
struct operation *repository_check_whole(struct repository *repository, size_t source,
                                         repository_done_callback callback, void *data);

/* base had: finds whether the base has pointed at `sha` since it pointed at `since`, and fetches the base
 * for that. True for `since` itself, the present tip, and what is between them on the first-parent line.
 * For adopting a branch when the answer to its creation was lost. */
typedef void (*repository_base_had_callback)(void *data, bool had, const struct error *error);
struct operation *repository_base_had(struct repository *repository, const char *sha,
                                      const char *since, repository_base_had_callback callback,
                                      void *data);

/* bring: makes sure that a commit of the base (full hash) is here; fetches it from the forge if it is
 * missing. */
struct operation *repository_bring(struct repository *repository, const char *commit,
                                   repository_done_callback callback, void *data);

/* bring_head: fetches the commit of the branch of a pull request from the forge, which keeps it after the
 * branch is gone. Fails (permanent) if the forge does not have it any more. */
struct operation *repository_bring_head(struct repository *repository, const char *commit,
                                        repository_done_callback callback, void *data);

/* compose: makes one commit of the change on the base, or a merge of the base into a branch that has the
 * change. */
struct repository_file {
    char *path; /* as git has it: bytes, usually UTF-8 */
    int64_t added;
    int64_t removed; /* both -1: a binary file */
};

struct repository_change {
    char commit[GIT_HASH_SIZE]; /* the composed commit; its (last) parent is the base */
    /* Full hash of the measured commit. For a patch or diff with a parent: the commit that stands for
     * what was measured. "": not known. */
    char measured[GIT_HASH_SIZE];
    /* The latest commit of the measured one's history that the base has under another name. The base
     * itself: git finds the merge base. "": there is no measured commit. */
    char merge_base[GIT_HASH_SIZE];
    bool tree_is_measured;         /* the composed tree is exactly the measured one */
    struct repository_file *files; /* by path */
    size_t file_count;
    /* Full hashes of the commits between base and measured commit, at most 1000. The measured commit
     * itself, and what the base has under another name, are left out. */
    char **contained;
    size_t contained_count;
    /* What the experiment itself changed, as repository_difference() shows it; or NULL. */
    char *own_diff;
    char *notes; /* what was mended in the patch; NULL: nothing */
    /* Why what the patch makes is not known to be what was measured; `measured` is then the commit that
     * stands for what the patch makes. NULL: no reason is known. */
    char *doubt;
};

/* Makes a deep copy. repository_change_clear() frees it, and takes an empty one as well. */
void repository_change_copy(struct repository_change *copy, const struct repository_change *change);
void repository_change_clear(struct repository_change *change);

/* A measured commit whose pull request was merged into the base. */
struct repository_merged {
    char measured[GIT_HASH_SIZE];
    char commit[GIT_HASH_SIZE]; /* the base's commit that brought it in; "": in any base */
};

/* Starts to find out what was merged. The callback gets all that is known by then. */
typedef void (*repository_merged_callback)(void *data, const struct repository_merged *merged,
                                           size_t count, const struct error *error);
typedef struct operation *(*repository_find_merged)(void *data, repository_merged_callback callback,
                                                    void *callback_data);

/* Starts to find out what a patch or diff with a parent was made on; the base is here by then. `parent` is
 * the full hash of a commit that is here; "": not known; NULL with an error. `doubted`: it may not be what
 * was measured as the parent. */
typedef void (*repository_parent_callback)(void *data, const char *parent, bool doubted,
                                           const struct error *error);
typedef struct operation *(*repository_find_parent)(void *data, repository_parent_callback callback,
                                                    void *callback_data);

struct repository_compose {
    const char *base;   /* full hash; fetched from the forge if it is missing */
    const char *branch; /* a ref of this name in our repository keeps the commit */
    /* Full hash of a branch at the forge, which becomes the first parent, and the base the second one;
     * the tree is the same. NULL: there is no branch yet. */
    const char *tip;
    const struct result *result;
    const char *patch; /* bytes of the patch file, for RESULT_CHANGE_PATCH */
    size_t patch_length;
    /* Of the commit, with trailers; "%M" stands for the measured commit's hash. */
    const char *message;
    int64_t date; /* of author and committer, in seconds: composing again makes the same hash */
    /* Asked only if the base does not contain what the measured commit was made on. NULL: the base's
     * history says all that is known. */
    repository_find_merged find_merged;
    repository_find_parent find_parent; /* asked if the result names a parent */
    void *find_data;                    /* for both */
    /* The merge base when the same was composed on this base before, whatever was merged since. NULL or
     * "": it was not. */
    const char *merge_base;
};

/* Fails (permanent), naming the files, if the change is empty, conflicts, touches protected files,
 * leaves the tree or is no diff. */
typedef void (*repository_compose_callback)(void *data, const struct repository_change *change,
                                            const struct error *error);
struct operation *repository_compose(struct repository *repository,
                                     const struct repository_compose *compose,
                                     repository_compose_callback callback, void *data);

/* The commit that stands for what an experiment measured. A ref keeps it, and what is below it, from its
 * compose on, whatever becomes of the sources. */
enum repository_kept {
    REPOSITORY_KEPT_NOTHING,
    REPOSITORY_KEPT_MEASURED, /* the measured one, or one that reproduce.h made */
    REPOSITORY_KEPT_COMPOSED, /* what was measured is not known: the first composed one */
    REPOSITORY_KEPT_DOUBTED,  /* either, but see `doubt` of struct repository_change */
};

/* Finds it, and returns what it is. `commit` is a full hash; "" if there is none. */
enum repository_kept repository_find_kept(const struct repository *repository,
                                          const char *experiment_id,
                                          char commit[static GIT_HASH_SIZE]);
void repository_forget_kept(struct repository *repository, const char *experiment_id);

/* Appends the experiments of which a commit is kept, some of them twice. */
void repository_list_kept(const struct repository *repository, struct config_list *ids);

/* save: looks up the commits that results name, fetches them from the sources with their history, and keeps
 * each by a ref. A loop that resets its branch makes them unreachable, and git forgets them. `named` is
 * copied; at most REPOSITORY_SAVE_LIMIT. A name that is missing or ambiguous is left out: compose says why.
 * Fails if a source could not be read now; what the others had is saved. */
struct repository_named {
    const char *experiment_id;
    const char *commit;     /* 7 to 64 hex digits */
    const char *repository; /* which of `sources`; NULL: any */
};
#define REPOSITORY_SAVE_LIMIT 256
struct operation *repository_save(struct repository *repository,
                                  const struct repository_named *named, size_t count,
                                  repository_done_callback callback, void *data);

/* Finds the commit (full hash) that was saved for an experiment. Returns false if there is none. */
bool repository_find_saved(const struct repository *repository, const char *experiment_id,
                           char commit[static GIT_HASH_SIZE]);
void repository_forget_saved(struct repository *repository, const char *experiment_id);

/* difference: what one commit has over another, both of them here, as a unified diff without the files
 * that are excluded. It has 200 lines and 10 KiB at most; a last line says if there are more. `diff` is
 * NULL with an error. */
typedef void (*repository_difference_callback)(void *data, const char *diff,
                                               const struct error *error);
struct operation *repository_difference(struct repository *repository, const char *older,
                                        const char *newer, repository_difference_callback callback,
                                        void *data);

/* forget: drops the ref that keeps the commit; a missing one is fine. */
void repository_forget(struct repository *repository, const char *branch);

/* maintain: lets git remove what is of no use any more. Called now and then, while there is no job. It
 * mostly costs nothing, and never fails the work. */
void repository_maintain(struct repository *repository);

/* clone: makes a fresh clone of the composed commit at `directory`, whose parent exists. It is on a
 * branch named `branch`, with validation.history commits or as many as `git describe` needs, the base's
 * tags, and the base as `<forge.base>` and `origin/<forge.base>`. It has no remote, no credentials, and
 * a configuration of our own. */
struct repository_checkout {
    const char *branch;
    const char *commit;
    const char *base; /* the commit itself, or a parent of it */
    const char *directory;
};
struct operation *repository_clone(struct repository *repository,
                                   const struct repository_checkout *checkout,
                                   repository_done_callback callback, void *data);

/* push: moves the branch at the forge from `expected` to `commit`, which must descend from it. It is a
 * plain fast-forward with a lease: the server compares and moves in one step. A branch that is there
 * already is success. Fails (permanent), with nothing done, if the branch points elsewhere or is gone,
 * or if the forge refuses (a protected branch, a server hook). */
struct operation *repository_push(struct repository *repository, const char *branch,
                                  const char *expected, const char *commit,
                                  repository_done_callback callback, void *data);

/* create: makes the branch at the forge, at a commit of the base, by a push that fails if the branch
 * exists. A branch that points there already is success. A refusal is permanent, has the server's own
 * words, and the installation is to blame: every branch would be refused. */
struct operation *repository_create(struct repository *repository, const char *branch,
                                    const char *commit, repository_done_callback callback,
                                    void *data);

/* delete: removes the branch at the forge if it points at one of `expected` (NULL-terminated, one or two
 * hashes). The server compares and deletes in one step. After a refusal it is looked up again: GONE if
 * it is gone, MOVED if it points elsewhere; then nothing was done. */
enum repository_deleted {
    REPOSITORY_DELETED,
    REPOSITORY_GONE,
    REPOSITORY_MOVED,
    REPOSITORY_REFUSED, /* with an error that names the server's rule or hook */
};
typedef void (*repository_delete_callback)(void *data, enum repository_deleted deleted,
                                           const char *points_at, const struct error *error);
struct operation *repository_delete(struct repository *repository, const char *branch,
                                    const char *const *expected,
                                    repository_delete_callback callback, void *data);
