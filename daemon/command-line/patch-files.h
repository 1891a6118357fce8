#pragma once

/*
 * Which files a patch or a commit touches, for --check-result, and whether it may, by compose's own rules
 * (change.h). Compose itself looks at git's comparison with the base, which is not needed here.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/git/hash.h"
#include "daemon/repository/change.h"

#include <stdbool.h>
#include <stddef.h>

struct patch_files {
    struct change change; /* in the order of the patch; hashes only for a commit */
    char **targets; /* where each file leads that is a symbolic link; NULL: no link, or not known */
};

/* Reads a patch as compose does, but without the base. Fails (permanent) if the patch cannot be taken.
 * `*files` must be empty; the caller frees it in both cases. */
int patch_files_read(struct patch_files *files, const char *patch, size_t length,
                     struct error *error);

/* The commit with which one is compared. The forge is not asked for its base here. */
enum patch_since {
    PATCH_SINCE_BASE,   /* the commit of the base that it was made on */
    PATCH_SINCE_PARENT, /* its parent: the repository does not know the base */
    PATCH_SINCE_NEVER,  /* nothing: it is in the base already and has no files */
};

/* The same for the commit whose name begins with `digits` in the repository `source`, which is only
 * read, and in which nothing runs. `*known` says whether it is there; if not, there are no files.
 * Fails as well if git cannot be run. */
int patch_files_of_commit(struct patch_files *files, bool *known, enum patch_since *since,
                          const char *source, const char *digits, const char *base,
                          struct error *error);

/* Checks what compose checks of the files, whatever the base is. Fails (permanent) in compose's words. */
int patch_files_check(const struct patch_files *files, const struct config *config,
                      struct error *error);

/* Returns the directory of the objects that a repository and its linked work trees share; NULL if that is
 * not known. The caller frees it. */
char *patch_files_objects(const char *git_dir);

/* Finds the commit that a name stands for in the repository at `git_dir`; "" if there is none. Fails (transient) if
 * git cannot be run. */
int patch_files_find(char commit[static GIT_HASH_SIZE], const char *git_dir, const char *name,
                     struct error *error);

/* Frees what it holds. */
void patch_files_free(struct patch_files *files);
