#pragma once

/*
 * Finds the commit that a result names, in the sources or among what is here, and fetches it with its history.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>

struct source_commit {
    char commit[GIT_HASH_SIZE]; /* full hash */
    const char *source;         /* which of `sources` has it; NULL: none, it is here */
};

/* `found` is NULL with an error. */
typedef void (*source_commit_callback)(void *data, const struct source_commit *found,
                                       const struct error *error);

/* Returns whether a result that names this repository (NULL: none) may mean the source: by its path, or by
 * the last component of that. */
bool source_commit_is_meant(const char *source, const char *name);

/* Looks up `digits`, the beginning of a commit's name, in the source that `repository_name` names (NULL:
 * in all of them), and fetches the commit. If they lack it, our repository is looked into. Fails (permanent)
 * if it is missing or ambiguous; where there are no sources, the installation is to blame. */
struct operation *source_commit_start(struct repository *repository, const char *digits,
                                      const char *repository_name, source_commit_callback callback,
                                      void *data);
