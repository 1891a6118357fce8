#pragma once

/*
 * A patch onto the base, in an index file.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stddef.h>

/* `notes` says what was mended in the patch so that it applies, a sentence for people; "" if nothing was,
 * NULL with an error. Valid inside the callback only. */
typedef void (*patched_callback)(void *data, const char *notes, const struct error *error);

/* Fills the index file at `index` with `base`, which must be here, and the patch on top. Parts of the
 * patch that do not apply to files which are excluded from changes are left out; one that cannot be
 * taken whole, or does not apply anywhere else, is a permanent error that names lines or files. The bytes
 * are copied. */
struct operation *patched_start(struct repository *repository, const char *base, const char *index,
                                const char *patch, size_t length, patched_callback callback,
                                void *data);
