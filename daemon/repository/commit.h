#pragma once

/*
 * Makes one commit of the base and a list of what differs, with git fast-import. Nothing can be in it that is
 * not in the list; what is not in the list stays as it is on the base.
 */

#include "common/operation.h"
#include "daemon/repository.h"
#include "daemon/repository/change.h"

#include <stdbool.h>
#include <stdint.h>

/* All of it must be there until the callback. */
struct commit_options {
    const char *branch;
    const char *base;
    const char *tip; /* of the branch at the forge; NULL: none. It and the base are merged then */
    const char *message;  /* "%M" in it stands for the measured commit */
    const char *measured; /* "": none */
    int64_t date;         /* in seconds */
    const struct change *list;
};

/* `tree` is the tree of the commit. Both are NULL with an error. */
typedef void (*commit_callback)(void *data, const char *commit, const char *tree,
                                const struct error *error);

/* Returns whether the commit was made here since the start, with that one as its only parent. So nobody has
 * to ask git. */
bool commit_is_child(const struct repository *repository, const char *commit, const char *parent);

/* Makes it, and points the branch in our own repository at it. Fails as a git of our own repository does. */
struct operation *commit_start(struct repository *repository, const struct commit_options *options,
                               commit_callback callback, void *data);
