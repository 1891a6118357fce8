#pragma once

/*
 * What a measured commit and the base have in common: the latest commit in the measured one's history whose
 * content the base holds already.
 *
 * That is an ancestor of the base. Or it is a commit that was measured and whose pull request was merged,
 * though the base holds what it changed under another name since: after a squash or a rebase.
 */

#include "common/error.h"
#include "common/operation.h"
#include "daemon/repository.h"

/* `merge_base` is valid inside the callback only: a full hash; "" if there is none, or the base holds nothing
 * under another name; NULL with an error. */
typedef void (*merge_base_callback)(void *data, const char *merge_base, const struct error *error);

/* Finds it for `commit` and `base`, full hashes of commits that are here. Which pull requests were merged
 * is known from the trailers in the base's history, and from `find_merged`, which may be NULL.
 * Transient where that could not be found out; permanent where git fails. */
struct operation *merge_base_start(struct repository *repository, const char *base,
                                   const char *commit, repository_find_merged find_merged,
                                   void *find_data, merge_base_callback callback, void *data);
