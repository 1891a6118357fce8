#pragma once

/*
 * Merges without a work tree.
 */

#include "daemon/git/git.h"
#include "daemon/git/hash.h"

#include <stddef.h>

/* The result of a merge. */
struct git_merged {
    char tree[GIT_HASH_SIZE]; /* files in conflict hold both sides, with marks */
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
