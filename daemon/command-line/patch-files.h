#pragma once

/*
 * Finds the files that a patch or a commit touches, for --check-result, and checks them by compose's rules
 * (change.h). Compose itself reads git's comparison with the base, which is not needed here.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/git/hash.h"
#include "daemon/repository/change.h"

#include <stdbool.h>
#include <stddef.h>

struct patch_files {
    struct change change; /* in the order of the patch; hashes only for a commit */
    char **targets; /* target of each file that is a symbolic link; NULL: no link, or not known */
};

/* Reads a patch as compose does, but without the base. Fails (permanent) if the patch cannot be taken.
 * `*files` must be empty; the caller frees it in both cases. */
int patch_files_read(struct patch_files *files, const char *patch, size_t length,
                     struct error *error);

/* The commit with which a commit is compared. The forge is not asked for its base. */
enum patch_since {
    PATCH_SINCE_BASE,   /* the commit of the base that it was made on */
    PATCH_SINCE_PARENT, /* its parent: the repository does not know the base */
    PATCH_SINCE_NEVER,  /* nothing: it is in the base already and has no files */
};

/* Does the same for the commit whose name begins with `digits` in the repository `source`. Only reads there,
 * and runs nothing. Sets `*known` to whether the commit is there; if not, there are no files. Fails as well
 * if git cannot be run. */
int patch_files_of_commit(struct patch_files *files, bool *known, enum patch_since *since,
                          const char *source, const char *digits, const char *base,
                          struct error *error);

/* Makes the checks of compose that do not depend on the base. Fails (permanent) in compose's words. */
int patch_files_check(const struct patch_files *files, const struct config *config,
                      struct error *error);

/* Returns the directory of the objects that a repository shares with its linked work trees; NULL: not known.
 * The caller frees it. */
char *patch_files_objects(const char *git_dir);

/* Finds the commit that a name means in the repository at `git_dir`; "" if there is none. Fails (transient)
 * if git cannot be run. */
int patch_files_find(char commit[static GIT_HASH_SIZE], const char *git_dir, const char *name,
                     struct error *error);

/* Frees what it owns. */
void patch_files_free(struct patch_files *files);
