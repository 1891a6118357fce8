#pragma once

/*
 * The submodules of the base, checked out where they belong, and those in them.
 *
 * They come from the forge's own host, with the token, into our own repository, and from there into the
 * checkout, which knows neither. A submodule from elsewhere, or one that cannot be had, is a fault of the
 * base's that holds the queue, by its path.
 */

#include "common/operation.h"
#include "daemon/repository.h"

/* Fills the directories that are empty in a checkout of `checkout->commit`. No file .gitmodules in it: nothing
 * to do. Errors as repository_clone() has them. */
struct operation *submodules_start(struct repository *repository,
                                   const struct repository_checkout *checkout,
                                   repository_done_callback callback, void *data);
