#pragma once

/*
 * Finds the merge base of a measured commit and the base: the latest commit of the measured one's history
 * whose content the base has already.
 *
 * It is an ancestor of the base. Or it is a measured commit whose pull request was merged: after a squash or
 * a rebase, the base has its change under another name. Or it has the same tree as one of these, or as a
 * commit of the base (see twins.h).
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

#include <stdbool.h>

/* `merge_base` is a full hash; "" if there is none, or if the base has nothing under another name; NULL
 * with an error. */
typedef void (*merge_base_callback)(void *data, const char *merge_base, const struct error *error);

/* Finds it for `base`, the full hash of a commit that is here. `history` has lines "<commit> <tree> …" of the
 * measured commit and those before it that the base does not have, latest first; it must outlive the
 * operation. `itself`: the base may have the measured commit itself by its tree, too, as it does when a pull
 * request was merged that contains it. The trailers in the base's history, and `find_merged` (may be NULL),
 * say which pull requests were merged. Fails (transient) if they cannot say it now, (permanent) if git fails. */
struct operation *merge_base_start(struct repository *repository, const char *base,
                                   const char *history, bool itself,
                                   repository_find_merged find_merged, void *find_data,
                                   merge_base_callback callback, void *data);
