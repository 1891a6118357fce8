#pragma once

/*
 * The measured commit: found in the sources, fetched, and merged with the base.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>

struct source_commit {
    char commit[GIT_HASH_SIZE];   /* in full */
    char own_tree[GIT_HASH_SIZE]; /* the tree that was measured */
    char tree[GIT_HASH_SIZE]; /* that tree on the base: merged, if the base has moved. Files that
                                       are excluded from changes may hold conflict marks */
    char **contained;         /* as in struct repository_change; may be taken */
    size_t contained_count;
};

/* `measured` is valid inside the callback only; NULL with an error. */
typedef void (*source_commit_callback)(void *data, struct source_commit *measured,
                                       const struct error *error);

/* Whether a result that names this repository (NULL: none) may mean the source: by its path, or by its
 * last component. */
bool source_commit_is_meant(const char *source, const char *name);

/* Looks `digits`, the beginning of a commit's name, up in the source that `repository_name` names (NULL:
 * in all of them) and brings it onto `base`, which must be here. A commit that is missing, ambiguous,
 * in the base already or in conflict with it is a permanent error. */
struct operation *source_commit_start(struct repository *repository, const char *base,
                                      const char *digits, const char *repository_name,
                                      source_commit_callback callback, void *data);
