#pragma once

/*
 * Fetches the blobs that a patch was made on from the sources.
 */

#include "common/operation.h"
#include "common/text.h"
#include "daemon/repository.h"

/* Called when all sources have been asked. A blob that was not found or fetched is no error: the patch is
 * applied without it. */
typedef void (*origin_callback)(void *data);

/* Looks for blobs whose names begin with the hex digits in `wanted`, a NUL after each. Those that a
 * source has are fetched into our repository. Nothing runs in a source, and nothing is written to it. */
struct operation *origin_start(struct repository *repository, const struct text *wanted,
                               origin_callback callback, void *data);
