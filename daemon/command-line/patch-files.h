#pragma once

/*
 * Which files a patch says it touches, for people who ask before they drop it. What counts in the end
 * is what git makes of it on the base (change.h).
 */

#include "common/error.h"

#include <stddef.h>

struct patch_file {
    char *path;
    long added; /* lines; both -1 for a binary file */
    long removed;
};

struct patch_files {
    struct patch_file *items;
    size_t count;
};

/* Asks `git apply --numstat`, in no repository, and waits for it. A patch that git cannot read is a
 * permanent error. `*files` must be empty and is the caller's in both cases. */
int patch_files_read(struct patch_files *files, const char *patch, size_t length,
                     struct error *error);
void patch_files_free(struct patch_files *files);
