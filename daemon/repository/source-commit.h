#pragma once

/*
 * A commit that a result names: found in the sources, and fetched with its history.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>

struct source_commit {
    char commit[GIT_HASH_SIZE]; /* in full */
    const char *source;         /* which of `sources` has it */
};

/* `found` is valid inside the callback only; NULL with an error. */
typedef void (*source_commit_callback)(void *data, const struct source_commit *found,
                                       const struct error *error);

/* Whether a result that names this repository (NULL: none) may mean the source: by its path, or by its
 * last component. */
bool source_commit_is_meant(const char *source, const char *name);

/* Looks `digits`, the beginning of a commit's name, up in the source that `repository_name` names (NULL:
 * in all of them) and fetches the commit. One that is missing or ambiguous is a permanent error. */
struct operation *source_commit_start(struct repository *repository, const char *digits,
                                      const char *repository_name, source_commit_callback callback,
                                      void *data);
