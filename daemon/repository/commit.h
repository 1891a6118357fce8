#pragma once

/*
 * Makes one commit from the base and a list of files that differ, with git fast-import. All that is not in
 * the list stays as it is on the base.
 */

#include "common/operation.h"
#include "daemon/repository.h"
#include "daemon/repository/change.h"

#include <stdbool.h>
#include <stdint.h>

/* All of it must live until the callback. */
struct commit_options {
    const char *branch;
    const char *base;
    /* Of the branch at the forge; then the commit merges the base into it. NULL: none. */
    const char *tip;
    const char *message;  /* "%M" in it stands for the measured commit */
    const char *measured; /* "": none */
    int64_t date;         /* in seconds */
    const struct change *list;
};

/* `tree` is the tree of the commit. Both are NULL with an error. */
typedef void (*commit_callback)(void *data, const char *commit, const char *tree,
                                const struct error *error);

/* Returns whether the commit was made here since the start, with `parent` as its only parent. If so, git need
 * not be asked. */
bool commit_is_child(const struct repository *repository, const char *commit, const char *parent);

/* Makes the commit, and points the branch in our own repository at it. Fails as git does in our own
 * repository. */
struct operation *commit_start(struct repository *repository, const struct commit_options *options,
                               commit_callback callback, void *data);
