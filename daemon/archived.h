#pragma once

/*
 * Reads a result file and its patch from the archive, after the store has deleted their content.
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

void archived_clear(struct archived *archived); /* frees what it owns */
#define CLEANUP_ARCHIVED CLEANUP(archived_clear)

/* Reads the files of a row from the archive. `*archived` begins as zeros; the caller clears it in both cases.
 * Fails (permanent) if a file is missing or has changed. */
int archived_read(struct archived *archived, const char *spool, const struct store_result *row,
                  struct error *error);

/* Loads the result of a drop and its patch (NULL: none) from the store, or from the archive if the store has
 * deleted them. The caller frees both. Fails if the store does, or as archived_read() does. */
int archived_load(struct store *store, const char *spool, const struct store_result *row,
                  struct result **result, char **patch, size_t *patch_length, struct error *error);
