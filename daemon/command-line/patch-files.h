#pragma once

/*
 * Which files a patch or a commit touches, for people who ask before they drop a result. What counts in
 * the end is what git makes of it on the base (change.h).
 */

#include "common/error.h"
#include "daemon/git/hash.h"

#include <stdbool.h>
#include <stddef.h>

struct patch_files_item {
    char *path;
    long added; /* lines; both -1 for a binary file */
    long removed;
};

struct patch_files {
    struct patch_files_item *items;
    size_t count;
};

/* Reads a patch as compose does, but for the base, which is not asked for. One that cannot be taken is a
 * permanent error. `*files` must be empty and is the caller's in both cases. */
int patch_files_read(struct patch_files *files, const char *patch, size_t length,
                     struct error *error);

/* What a commit is compared with, as nobody asks the forge for its base here. */
enum patch_since {
    PATCH_SINCE_BASE,   /* with where it left the base, as its repository knows that */
    PATCH_SINCE_PARENT, /* with its parent, as the base is not known there */
    PATCH_SINCE_NEVER,  /* with nothing: it is part of the base already, and has no files */
};

/* The same for the commit whose name begins with `digits` in the repository `source`, which is only
 * read, and in which nothing runs. `*known` says whether it is there; without it there are no files. */
int patch_files_of_commit(struct patch_files *files, bool *known, enum patch_since *since,
                          const char *source, const char *digits, const char *base,
                          struct error *error);

/* The commit that a name stands for in the repository at `git_dir`; "" if there is none. */
int patch_files_find(char commit[static GIT_HASH_SIZE], const char *git_dir, const char *name,
                     struct error *error);

void patch_files_free(struct patch_files *files);
