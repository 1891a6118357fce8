#pragma once

/*
 * Blobs that a patch was made on, fetched from the sources.
 */

#include "common/operation.h"
#include "common/text.h"
#include "daemon/repository.h"

/* Fires once all sources were asked. What could not be found or fetched is not there, and no error: the
 * patch is then applied without. */
typedef void (*origin_callback)(void *data);

/* Looks for blobs whose names begin with hexadecimal digits, each with a NUL behind it in `wanted`, and
 * brings those that a source has into our repository. Nothing is run in a source, nor fetched into one. */
struct operation *origin_start(struct repository *repository, const struct text *wanted,
                               origin_callback callback, void *data);
