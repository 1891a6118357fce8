#pragma once

/*
 * Makes again what was measured: a patch applied to its parent, as a commit.
 *
 * Nobody ever committed that tree. The commit stands for it, so that the change is handled like a measured
 * commit: it is brought onto the base, found in the base, and built upon. The same patch on the same parent
 * makes the same commit.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"
#include "daemon/repository/patched.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reproduce_options {
    const char *parent;        /* full hash of a commit that is here */
    bool exact;                /* see struct patched_options */
    const char *experiment_id; /* whose patch it is; the commit's message names it */
    const char *patch;
    size_t length;
    int64_t date; /* of the commit, in seconds */
};

/* `commit` is a full hash; no ref keeps it yet. Both are NULL with an error. */
typedef void (*reproduce_callback)(void *data, const char *commit, const struct patched *patched,
                                   const struct error *error);

/* Applies the patch to the parent's files. All strings and bytes are copied. Fails as patched_start()
 * does. */
struct operation *reproduce_start(struct repository *repository,
                                  const struct reproduce_options *options,
                                  reproduce_callback callback, void *data);
