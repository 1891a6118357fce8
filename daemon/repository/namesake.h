#pragma once

/*
 * Finds out whether a patch means other files than those at its paths.
 *
 * git diff --relative leaves out the directory in which it is run. If the top of the repository has files of
 * the same names, the paths exist there too. Only the blobs in the index lines show that the files below are
 * meant.
 */

#include "common/operation.h"
#include "common/text.h"
#include "daemon/repository.h"

#include <stddef.h>

struct namesake_options {
    const char *base;  /* full hash of a commit that is here */
    const char *index; /* path of the index file: the files that are there */
    /* The files: a path, and the full hash of the blob that the patch names but the file does not have; a NUL
     * after each. */
    const struct text *files;
};

/* `error` is NULL unless a path is in doubt. */
typedef void (*namesake_callback)(void *data, const struct error *error);

/* Fails (permanent) if a file has never had its blob in the base's history, and one of the same name in a
 * directory below has it now. All of it is copied. */
struct operation *namesake_look(struct repository *repository,
                                const struct namesake_options *options, namesake_callback callback,
                                void *data);
