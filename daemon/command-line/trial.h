#pragma once

/*
 * The change of a result, tried on the base as it was fetched last, for people who ask before they drop it.
 *
 * The daemon's own compose does it (repository.h), in a state of its own that is thrown away. It borrows
 * the objects of the daemon's repository, which is only read; the forge is asked nothing.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/result.h"
#include "daemon/store.h"

#include <stddef.h>

enum trial_end {
    TRIAL_FITS,
    TRIAL_FAILS,   /* compose fails for good: `why` says why, as the daemon would */
    TRIAL_UNKNOWN, /* it could not be tried: `why` says what is missing */
};

/* `store`, which may be NULL, knows the parents that results name. `patch` is the bytes of the patch file, for
 * RESULT_CHANGE_PATCH. Waits until it is done. */
enum trial_end trial_run(const struct config *config, struct store *store,
                         const struct result *result, const char *patch, size_t patch_length,
                         struct error *why);
