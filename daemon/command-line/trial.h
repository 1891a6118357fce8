#pragma once

/*
 * Tries the change of a result on the base as it was fetched last, for --check-result.
 *
 * The daemon's own compose does this (repository.h), with a state directory that is removed afterwards. It
 * borrows the objects of the daemon's repository, which is only read. The forge is not asked.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/result.h"
#include "daemon/store.h"

#include <stddef.h>

enum trial_end {
    TRIAL_FITS,
    TRIAL_FAILS,   /* compose fails; `why` says why, as the daemon would */
    TRIAL_UNKNOWN, /* it could not be tried; `why` says what is missing */
};

/* Tries the change, and waits until it is done. `store` knows the parents that results name; it may be
 * NULL. `patch` holds the bytes of the patch file, for RESULT_CHANGE_PATCH. */
enum trial_end trial_run(const struct config *config, struct store *store,
                         const struct result *result, const char *patch, size_t patch_length,
                         struct error *why);
