#pragma once

/*
 * What was measured, made again: a patch on what it was made on, as a commit.
 *
 * Nobody ever committed that tree. The commit stands for it, so that a patch whose parent is known is
 * brought onto the base, found again in the base, and built upon as a commit is. The same patch on the same
 * parent is the same commit again.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reproduce_options {
    const char *parent;        /* full hash of a commit that is here */
    bool exact;                /* see struct patched_options */
    const char *experiment_id; /* whose patch it is; stands in the commit's message */
    const char *patch;
    size_t length;
    int64_t date; /* of the commit, in seconds */
};

/* `commit` is a full hash; no ref keeps it yet. `notes` as in patched.h. Both are valid inside the callback
 * only, and NULL with an error. */
typedef void (*reproduce_callback)(void *data, const char *commit, const char *notes,
                                   const struct error *error);

/* Applies the patch to the parent's files; see patched.h for what fails. All strings and bytes are copied. */
struct operation *reproduce_start(struct repository *repository,
                                  const struct reproduce_options *options,
                                  reproduce_callback callback, void *data);
