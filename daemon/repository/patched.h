#pragma once

/*
 * Applies a patch to the base, in an index file.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>
#include <stddef.h>

/* Sentences for people; "": nothing. */
struct patched {
    const char *notes; /* what was mended in the patch */
    const char *doubt; /* why the result may not be what was measured, see original.h */
};

/* `patched` is NULL with an error. */
typedef void (*patched_callback)(void *data, const struct patched *patched,
                                 const struct error *error);

struct patched_options {
    const char *base;  /* full hash of a commit that is here */
    bool exact;        /* the patch was made on these very files: nothing is merged */
    const char *index; /* path of the index file */
    const char *patch; /* its bytes */
    size_t length;
};

/* Fills the index file with `base` and applies the patch. Leaves out parts that do not apply to excluded
 * files. Strings and bytes are copied. Fails (permanent), naming lines or files, if a part of the patch
 * cannot be read, or does not apply. */
struct operation *patched_start(struct repository *repository,
                                const struct patched_options *options, patched_callback callback,
                                void *data);
