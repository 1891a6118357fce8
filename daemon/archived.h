#pragma once

/*
 * Reads a result file again from the archive, with its patch, after the store has let go of its content.
 */

#include "common/error.h"
#include "daemon/result.h"
#include "daemon/store.h"

#include <stddef.h>

struct archived {
    char *bytes; /* of the result file */
    size_t length;
    struct result *result; /* what it says */
    char *patch;           /* NULL: it names none */
    size_t patch_length;
};

void archived_clear(struct archived *archived); /* frees what it holds */
#define CLEANUP_ARCHIVED CLEANUP(archived_clear)

/* Reads the files of a row that has some. `*archived` begins with zeros; the caller clears it in both cases. Fails
 * (permanent) if they are not there any more as they were. */
int archived_read(struct archived *archived, const char *spool, const struct store_result *row,
                  struct error *error);

/* Loads what a drop says, and its patch (NULL: none): from the store, or from the archive if the store has let go of
 * it. The caller frees both. Fails as archived_read() does, or if the store fails. */
int archived_load(struct store *store, const char *spool, const struct store_result *row,
                  struct result **result, char **patch, size_t *patch_length, struct error *error);
