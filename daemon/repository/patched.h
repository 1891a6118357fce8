#pragma once

/*
 * A patch onto the base, in an index file.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>
#include <stddef.h>

/* `notes` says what was mended in the patch so that it applies, a sentence for people; "" if nothing was,
 * NULL with an error. Valid inside the callback only. */
typedef void (*patched_callback)(void *data, const char *notes, const struct error *error);

struct patched_options {
    const char *base;  /* full hash of a commit that is here */
    bool exact;        /* the patch was made on these very files: nothing is merged */
    const char *index; /* path of the index file */
    const char *patch; /* its bytes */
    size_t length;
};

/* Fills the index file with `base`, and the patch on top. Parts of the patch that do not apply to files
 * which are excluded from changes are left out; one that cannot be taken whole, or does not apply anywhere
 * else, is a permanent error that names lines or files. Strings and bytes are copied. */
struct operation *patched_start(struct repository *repository,
                                const struct patched_options *options, patched_callback callback,
                                void *data);
