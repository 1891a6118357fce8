#pragma once

/*
 * Merging without a work tree.
 */

#include "daemon/git/git.h"
#include "daemon/git/hash.h"

#include <stddef.h>

/* What a merge gave. */
struct git_merged {
    char tree[GIT_HASH_SIZE]; /* files in conflict hold both sides, with marks */
    const char *conflicts;    /* the paths of these files, a NUL behind each */
    size_t conflicts_length;
};

/* `merged` is valid inside the callback only, NULL where git failed; `result` is the last git's then. */
typedef void (*git_merge_callback)(void *data, const struct git_merged *merged,
                                   const struct process_result *result);

/* Merges two commits, by full hashes, of the repository that the option `git_dir` names; git finds
 * what they have in common. All strings are copied. */
struct operation *git_merge_commits(struct git *git, const char *git_dir, const char *ours,
                                    const char *theirs, git_merge_callback callback, void *data);

/* Merges what `theirs` has over `base` into `ours`. All three are trees, by full hashes. */
struct operation *git_merge_trees(struct git *git, const char *git_dir, const char *base,
                                  const char *ours, const char *theirs, git_merge_callback callback,
                                  void *data);
