#pragma once

/*
 * Compares a file of a patch with the two blobs that its index line names: what it was made on, and what it
 * becomes.
 *
 * If we have the first blob, nobody has invented the index line. Then the line tells whether the patch was
 * cut off, and whether it makes what was measured. A patch that makes something else is in doubt, but not
 * wrong: people edit the lines of a diff and leave its index line, and git diff -w leaves changes out. It is
 * wrong if we have the measured blob, and what the patch makes differs from it in blanks only.
 */

#include "common/error.h"
#include "common/operation.h"
#include "common/text.h"
#include "daemon/git/cat-file.h"
#include "daemon/repository.h"
#include "daemon/repository/patch.h"

#include <stdbool.h>
#include <stddef.h>

struct doubt {
    char *path;
    size_t line; /* of the patch, where the file begins */
    char blob[GIT_HASH_SIZE];
    struct text made; /* what the patch makes in place of the blob */
};

struct doubts {
    struct doubt *items; /* that are still to be looked into */
    size_t count;
    struct text said; /* all of them, as a sentence for people; empty: none */
};

/* Frees what it owns, and leaves it empty. */
void doubts_clear(struct doubts *doubts);

/* Fits the hunks of a file into the content that the patch was made on, if that is known, else into the
 * present one. `exact`: these two must be the same. Fails (permanent) if they are not, if the patch was cut
 * off or is broken, or as patch_fit() does. */
int original_fit(struct patch_file *file, const struct cat_file_object *origin,
                 const struct cat_file_object *present, bool exact, struct doubts *doubts,
                 enum patch_fit *fit, struct error *error);

/* Does the same for a file that the patch makes. `digits` is the length of git's object names. */
void original_compare_new(const struct patch_file *file, size_t digits, struct doubts *doubts);

/* `error` is NULL unless a doubt is a fault. */
typedef void (*original_callback)(void *data, const struct error *error);

/* Looks for the blobs that the doubts name, here and in the sources, and removes all items. Fails (permanent)
 * if what the patch makes differs from one of them in blanks and blank lines only. `doubts` must outlive the
 * operation. */
struct operation *original_look(struct repository *repository, struct doubts *doubts,
                                original_callback callback, void *data);
