#pragma once

/*
 * Copies or measures a tree of files that is not trusted.
 *
 * Links are not followed, and neither call leaves the tree. Files, directories and links are copied with
 * their modes and times. Hard links become files of their own. Anything else (a FIFO, a device) is left out.
 * The calls block: they are for a child.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

/* Sets `*bytes` to the size of the files. Each file and each directory counts as 4 KiB at least. Stops above
 * `limit`. Makes files readable that this user may not read, so that they can be copied. Fails (permanent) if
 * a directory is too deep, (transient) on a fault of the system. */
int tree_measure(const char *path, uint64_t limit, uint64_t *bytes, struct error *error);

/* Copies the directory `from` to `to`, which must not exist. `*shared` says whether the copies share their
 * blocks with the files (reflinks), which costs neither time nor space. If they cannot, and the disk has no
 * room for `bytes`, copies nothing and fails. After a failure part of the copy may be left. Fails as
 * tree_measure() does. */
int tree_copy(const char *from, const char *to, uint64_t bytes, bool *shared, struct error *error);
