#pragma once

/*
 * Copies a tree of files that nobody has looked at, or measures it.
 *
 * Links are not followed, and neither call leaves the tree. Files, directories and links are copied with
 * their modes and times. Hard links become files of their own. Anything else (a FIFO, a device) is left
 * out. The calls block: they are for a child.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Sets `*bytes` to the size of the files, of which each counts as 4 KiB at least, as a directory does. Stops
 * above `limit`. Files that this user may not read are made readable, so that they can be copied. Fails
 * (permanent) if a directory lies too deep; fails (transient) on a fault of the system. */
int tree_measure(const char *path, uint64_t limit, uint64_t *bytes, struct error *error);

/* Copies the directory `from` to `to`, which must not exist. `*shared` says whether the copies share their
 * blocks with the files (reflinks), which costs neither time nor space. If `bytes` more do not fit on the disk
 * and the blocks cannot be shared, nothing is copied. On failure part of the copy is left. Fails as above. */
int tree_copy(const char *from, const char *to, uint64_t bytes, bool *shared, struct error *error);
