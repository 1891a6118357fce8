#pragma once

/*
 * Checks out the submodules of the base, and those in them.
 *
 * They are fetched from the forge's own host, with the token, into our own repository, and from there into
 * the checkout, which knows neither host nor token. A submodule from elsewhere, or one that cannot be
 * fetched, is a fault of the base. It holds the queue, and is named by its path.
 */

#include "common/operation.h"
#include "daemon/repository.h"

/* Fills the empty directories of submodules in a checkout of `checkout->commit`. Does nothing without a file
 * .gitmodules. Fails as repository_clone() does. */
struct operation *submodules_start(struct repository *repository,
                                   const struct repository_checkout *checkout,
                                   repository_done_callback callback, void *data);
