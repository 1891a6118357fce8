#pragma once

/*
 * Large files, which git LFS keeps outside of git's own repository.
 *
 * The tests get the files, not the pointers to them; and what a change brings is at the forge before the branch
 * is. Objects lie in <state>/lfs, a repository that git-lfs may write to and that has the objects of ours. They
 * come from there, from the sources, or from the forge. Nothing in .lfsconfig is used.
 */

#include "common/operation.h"
#include "daemon/repository.h"

/* Puts the files into a checkout, in the place of pointers; `origin`: the address of the repository that
 * has them: the forge's, or a submodule's. Does nothing if no file has the attribute filter=lfs. Fails (permanent) naming the file if an object is nowhere. The installation is to blame
 * if git-lfs is missing, if the forge has no LFS for us, or if the base lacks the object as well. */
struct operation *large_fill(struct repository *repository, const char *origin,
                             const struct repository_checkout *checkout,
                             repository_done_callback callback, void *data);

/* Uploads what the change from `older` to `newer` brings, unless the forge has it. Errors as above. */
struct operation *large_upload(struct repository *repository, const char *older, const char *newer,
                               repository_done_callback callback, void *data);
