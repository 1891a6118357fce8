#pragma once

/*
 * Large files, which git LFS keeps outside of git's own repository.
 *
 * The tests get the files, not the pointers to them. The large files of a change are at the forge before its
 * branch is. Objects are kept in <state>/lfs, a repository that git-lfs may write to and that shares git's
 * objects with ours. Missing ones come from the sources or from the forge. .lfsconfig is ignored.
 */

#include "common/operation.h"
#include "daemon/repository.h"

/* Puts the files into a checkout, in place of their pointers. `origin` is the address of the repository that
 * has them: the forge's, or a submodule's. Does nothing if no file has the attribute filter=lfs. Fails
 * (permanent) naming the file if an object is nowhere. The installation is to blame if git-lfs is missing, if
 * the forge has no LFS for us, or if the base lacks the object as well. */
struct operation *large_fill(struct repository *repository, const char *origin,
                             const struct repository_checkout *checkout,
                             repository_done_callback callback, void *data);

/* Uploads the large files of the change from `older` to `newer` that the forge does not have. Fails as
 * large_fill() does. */
struct operation *large_upload(struct repository *repository, const char *older, const char *newer,
                               repository_done_callback callback, void *data);
