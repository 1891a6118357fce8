#pragma once

/*
 * The daemon's own bare repository, and everything that git does for a job.
 *
 * It lies at <state>/repository.git; nothing but the daemon writes to it. git runs as a child with a
 * closed configuration (<state>/gitconfig as GIT_CONFIG_GLOBAL, no system configuration, no hooks,
 * no prompts, no ext::), the forge's token in its environment and never in its arguments. Every
 * operation ends in one callback; errors are transient where the network or the forge is in the way,
 * permanent where the change or the forge refuses.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/forge.h"
#include "daemon/git/hash.h"
#include "daemon/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct repository;

/* Prepares <state>: gitconfig, directories. The bare repository itself is made by the first operation
 * that needs it. `config` and `forge` must outlive it. */
int repository_new(struct repository **repository, uv_loop_t *loop, const struct config *config,
                   const struct forge *forge, struct error *error);

/* Makes the bare repository for object names as long as `hash`, and lets it read what the one in the directory
 * `lender` has: for a trial that is thrown away. */
int repository_borrow(struct repository *repository, const char *hash, const char *lender,
                      struct error *error);

/* At start, once no git of a daemon before us runs any more: empties the scratch directory, and removes
 * the locks and halves of packs that such a git has left in our repository. */
int repository_sweep(struct repository *repository, struct error *error);
void repository_free(struct repository *repository); /* NULL-safe; operations must be over */

/* look: what base and branch point at, at the forge, in one call. An empty string: no such branch. */
struct repository_refs {
    char base[GIT_HASH_SIZE];
    char branch[GIT_HASH_SIZE];
    bool answered; /* with an error, too: git got an answer, though one without the base */
};
typedef void (*repository_look_callback)(void *data, const struct repository_refs *refs,
                                         const struct error *error);
struct operation *repository_look(struct repository *repository, const char *branch,
                                  repository_look_callback callback, void *data);

/* look at branches: what base and all branches below forge.branch_prefix point at, in one call. `branches` is valid
 * inside the callback only; the base is among them. Transient error where the forge shows no base. */
struct repository_branch {
    const char *name;
    char tip[GIT_HASH_SIZE];
};
typedef void (*repository_branches_callback)(void *data, const char *base,
                                             const struct repository_branch *branches, size_t count,
                                             const struct error *error);
struct operation *repository_look_at_branches(struct repository *repository,
                                              repository_branches_callback callback, void *data);

/* check merges: which of these branches conflict with the commit `base`, full hash. What is not here is fetched
 * from the forge. Names are not used, tips are copied. `conflicts` has an element for each branch and is valid inside
 * the callback only; NULL with an error. */
typedef void (*repository_merges_callback)(void *data, const bool *conflicts,
                                           const struct error *error);
struct operation *repository_check_merges(struct repository *repository, const char *base,
                                          const struct repository_branch *branches, size_t count,
                                          repository_merges_callback callback, void *data);

/* look at source: whether one of `sources`, by its place, can be read. The error is a permanent one that
 * names the key, the source and what stands in the way, with the setting that opens it in a service. */
typedef void (*repository_done_callback)(void *data, const struct error *error);
struct operation *repository_look_at_source(struct repository *repository, size_t source,
                                            repository_done_callback callback, void *data);

/* held: whether the base pointed at `sha` at some moment since it pointed at `since` (fetches the
 * base): true for `since` itself, its present tip, and what lies between them on the first-parent
 * line. For adopting a branch whose creation was not answered. */
typedef void (*repository_held_callback)(void *data, bool held, const struct error *error);
struct operation *repository_held(struct repository *repository, const char *sha, const char *since,
                                  repository_held_callback callback, void *data);

/* bring: has a commit of the base here, by its full hash; fetches it from the forge if need be. */
struct operation *repository_bring(struct repository *repository, const char *commit,
                                   repository_done_callback callback, void *data);

/* compose: one commit of the change on the base, or a merge of the base into a branch that has the change. */
struct repository_file {
    char *path; /* as git holds it: bytes, usually UTF-8 */
    int64_t added;
    int64_t removed; /* both -1: binary */
};

struct repository_change {
    char commit[GIT_HASH_SIZE]; /* the composed commit; its (last) parent is the base */
    /* Full hash of the measured commit; of a patch or diff with a parent, of the commit that stands for what
     * was measured; "" where that is not known. */
    char measured[GIT_HASH_SIZE];
    /* What the base holds of the measured commit's history under another name; the base itself where git
     * finds what both have in common; "" without a measured commit. */
    char merge_base[GIT_HASH_SIZE];
    bool tree_is_measured; /* the composed tree is the measured commit's tree, to the byte */
    struct repository_file *files; /* by path */
    size_t file_count;
    /* Full hashes between base and measured commit. Itself and what the base holds under another name are
     * left out. At most 1000. */
    char **contained;
    size_t contained_count;
    char *
        own_diff; /* what the experiment itself changed, see repository_difference(); NULL: nobody asked */
    char *notes; /* what was mended in a patch so that it applies; NULL: nothing */
};

/* A deep copy, and its end; an empty one may be cleared, too. */
void repository_change_copy(struct repository_change *copy, const struct repository_change *change);
void repository_change_clear(struct repository_change *change);

/* A measured commit whose pull request was merged into the base. */
struct repository_merged {
    char measured[GIT_HASH_SIZE];
    char commit[GIT_HASH_SIZE]; /* of the base, that brought it in; "": it is in any base */
};

/* Starts to find out what was merged; everything counts that is known when it answers. `merged` is valid
 * inside the callback only. */
typedef void (*repository_merged_callback)(void *data, const struct repository_merged *merged,
                                           size_t count, const struct error *error);
typedef struct operation *(*repository_find_merged)(void *data, repository_merged_callback callback,
                                                    void *callback_data);

/* Starts to find out what a patch or diff with a parent was made on; the base is here by then. `parent` is the
 * full hash of a commit that is here, "" where it is not known, NULL with an error; valid inside the callback
 * only. */
typedef void (*repository_parent_callback)(void *data, const char *parent,
                                           const struct error *error);
typedef struct operation *(*repository_find_parent)(void *data, repository_parent_callback callback,
                                                    void *callback_data);

struct repository_compose {
    const char *base;   /* full hash; fetched from the forge if it is not here yet */
    const char *branch; /* to keep the commit by: a ref of that name in our repository */
    const char *
        tip; /* full hash, of what a branch at the forge has; it becomes the commit's first parent and the
                        base its second one. The tree is the same. NULL: there is no branch yet */
    const struct result *result;
    const char *patch; /* bytes of the patch file, for RESULT_CHANGE_PATCH */
    size_t patch_length;
    const char *message; /* of the commit, trailers included; "%M" in it is replaced by the measured
                            commit's full hash */
    int64_t date;        /* seconds; author and committer date, so that composing again makes the
                            same hash */
    /* Asked only where the base has moved from below the measured commit. NULL: the base's history is all
     * that is known. */
    repository_find_merged find_merged;
    repository_find_parent find_parent; /* asked where the result names a parent */
    void *find_data;                    /* for both */
    /* As it came out when the same was composed on this base before, whatever was merged since. NULL or
     * "": it was not. */
    const char *merge_base;
};

/* `change` is valid inside the callback only. A change that is empty, conflicts, touches protected
 * files, leaves the tree or is no diff at all is a permanent error that names the files. */
typedef void (*repository_compose_callback)(void *data, const struct repository_change *change,
                                            const struct error *error);
struct operation *repository_compose(struct repository *repository,
                                     const struct repository_compose *compose,
                                     repository_compose_callback callback, void *data);

/* The commit that stands for what an experiment measured. It is kept here by a ref from its compose on, and what lies
 * below it with it, whatever becomes of the sources. */
enum repository_kept {
    REPOSITORY_KEPT_NOTHING,
    REPOSITORY_KEPT_MEASURED, /* the measured one; of a patch or diff with a parent, one that was made up */
    REPOSITORY_KEPT_COMPOSED, /* what was measured is not known: the composed one, as it was at first */
};

/* `commit` is a full hash; "" for nothing. */
enum repository_kept repository_find_kept(const struct repository *repository,
                                          const char *experiment_id,
                                          char commit[static GIT_HASH_SIZE]);
void repository_forget_kept(struct repository *repository, const char *experiment_id);

/* difference: what one commit has over another, both of them here, as a unified diff without the files that are
 * excluded from changes. Its first 200 lines, at most 10 KiB; a last line says that there are more. `diff` is
 * valid inside the callback only; NULL with an error. */
typedef void (*repository_difference_callback)(void *data, const char *diff,
                                               const struct error *error);
struct operation *repository_difference(struct repository *repository, const char *older,
                                        const char *newer, repository_difference_callback callback,
                                        void *data);

/* forget: drops the ref that compose kept its commit by; gone already is fine. */
void repository_forget(struct repository *repository, const char *branch);

/* maintain: now and then, and only at a moment without any job, lets git throw away what is of no use any
 * more. Costs nothing most of the time; never fails the work. */
void repository_maintain(struct repository *repository);

/* clone: a fresh clone of the composed commit at `directory` (made; its parent exists), on a branch named
 * `branch`, with validation.history of its commits or as many as `git describe` needs, the base's tags, and
 * the base as `<forge.base>` and `origin/<forge.base>`. It has no remote, no credentials, and a configuration
 * of our making. */
struct repository_checkout {
    const char *branch;
    const char *commit;
    const char *base; /* the commit itself, or a parent of it */
    const char *directory;
};
struct operation *repository_clone(struct repository *repository,
                                   const struct repository_checkout *checkout,
                                   repository_done_callback callback, void *data);

/* push: moves the branch at the forge from `expected` to `commit`, which must descend from it: a plain
 * fast-forward, with a lease, so that the server compares and moves in one step. Success if it is there
 * already. A branch that points elsewhere or is gone, and any other refusal (protected, a server hook),
 * is a permanent error: nothing was done. */
struct operation *repository_push(struct repository *repository, const char *branch,
                                  const char *expected, const char *commit,
                                  repository_done_callback callback, void *data);

/* create: makes the branch at the forge, at a commit of the base, by a push that fails where the branch exists.
 * Success if it points there already. A refusal is a permanent error with the server's own words, and the
 * installation's: whatever is made there is refused. */
struct operation *repository_create(struct repository *repository, const char *branch,
                                    const char *commit, repository_done_callback callback,
                                    void *data);

/* delete: removes the branch at the forge while it points at one of `expected` (NULL-terminated, one
 * or two hashes), comparing and deleting in one step at the server. After a refusal it looks again:
 * gone is GONE, pointing elsewhere is MOVED and nothing was done. */
enum repository_deleted {
    REPOSITORY_DELETED,
    REPOSITORY_GONE,
    REPOSITORY_MOVED,
    REPOSITORY_REFUSED, /* with an error: a rule or a hook of the server's, as it says */
};
typedef void (*repository_delete_callback)(void *data, enum repository_deleted deleted,
                                           const char *points_at, const struct error *error);
struct operation *repository_delete(struct repository *repository, const char *branch,
                                    const char *const *expected,
                                    repository_delete_callback callback, void *data);
