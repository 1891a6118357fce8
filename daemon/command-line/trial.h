#pragma once

/*
 * Tries the change of a result on the base as it is known on this machine, for --check-result. The
 * daemon fetched that base last. Before it has fetched one, the base is that of a local forge, or else the one that
 * a source fetched from its origin.
 *
 * The daemon's own compose does this (repository.h), with a state directory that is removed afterwards. It
 * borrows the objects of the repository that has the base, which is only read. No server is asked.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/result.h"
#include "daemon/store.h"

#include <stddef.h>

enum trial_end {
    TRIAL_FITS,
    TRIAL_FAILS, /* compose fails; `why` says why, as the daemon would */
    TRIAL_HELD, /* compose cannot do it until something of the installation is mended; `why` says what */
    TRIAL_UNKNOWN, /* it could not be tried; `why` says what is missing */
};

/* Tries the change, waits until it is done, and returns how it ended. `base` gets the words for what it was
 * tried on, such as "main, as it was fetched last"; NULL: the base is not known; the caller frees it. `store`
 * knows the parents that results name; it may be NULL. `patch` holds the bytes of the patch file, for
 * RESULT_CHANGE_PATCH. */
enum trial_end trial_run(char **base, const struct config *config, struct store *store,
                         const struct result *result, const char *patch, size_t patch_length,
                         struct error *why);
