#pragma once

/*
 * Merges without a work tree.
 */

#include "common/operation.h"
#include "common/process.h"
#include "daemon/git/hash.h"

#include <stddef.h>

struct git;

/* The result of a merge. */
struct git_merged {
    char tree[GIT_HASH_SIZE]; /* files in conflict have both sides, with marks */
    const char *conflicts;    /* the paths of these files, a NUL after each */
    size_t conflicts_length;
};

/* `merged` is NULL if git failed; `result` is the last git's then. */
typedef void (*git_merge_callback)(void *data, const struct git_merged *merged,
                                   const struct process_result *result);

/* Merges two commits (full hashes) of the repository that the option `git_dir` names; git finds their
 * merge base. All strings are copied. */
struct operation *git_merge_commits(struct git *git, const char *git_dir, const char *ours,
                                    const char *theirs, git_merge_callback callback, void *data);

/* Merges the changes from `base` to `theirs` into `ours`. All three are trees (full hashes). */
struct operation *git_merge_trees(struct git *git, const char *git_dir, const char *base,
                                  const char *ours, const char *theirs, git_merge_callback callback,
                                  void *data);

/* How one commit merges with another one. */
enum git_merge {
    GIT_MERGES,    /* cleanly */
    GIT_CONFLICTS, /* with conflicts */
    GIT_CONTAINED, /* cleanly, and all of its change is there already */
};

/* `merges` has one for each commit; NULL if git failed; `result` is git's. */
typedef void (*git_merge_each_callback)(void *data, const enum git_merge *merges,
                                        const struct process_result *result);

/* Merges each of `count` commits with the commit `ours`, in one git. Commits without a common history merge,
 * too. All strings are copied. */
struct operation *git_merge_each(struct git *git, const char *git_dir, const char *ours,
                                 const char (*theirs)[GIT_HASH_SIZE], size_t count,
                                 git_merge_each_callback callback, void *data);
