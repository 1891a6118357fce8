#pragma once

/*
 * Tries the change of a result on the base that this machine knows, for --check-result: the one that the
 * daemon fetched last, else that of a local forge, else the one that a source fetched from its origin.
 *
 * The daemon's own compose does this (repository.h), with a state directory that is then removed. It borrows
 * the objects of the repository that has the base, and only reads them. No server is asked.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/result.h"
#include "daemon/store.h"

#include <stddef.h>

enum trial_end {
    TRIAL_FITS,
    TRIAL_FAILS, /* compose fails; `why` says why, as the daemon would */
    /* Compose needs something of the installation to be mended first; `why` says what. */
    TRIAL_HELD,
    TRIAL_UNKNOWN, /* it could not be tried; `why` says why */
};

/* Tries the change, waits for the end, and returns it. Sets `*base` to the words for the base, such as "main,
 * as it was fetched last"; NULL: it is not known; the caller frees it. `store` (may be NULL) has the parents
 * that results name. `patch` is the content of the patch file, for RESULT_CHANGE_PATCH. */
enum trial_end trial_run(char **base, const struct config *config, struct store *store,
                         const struct result *result, const char *patch, size_t patch_length,
                         struct error *why);
