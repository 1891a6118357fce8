#pragma once

/*
 * The globs of change.protect and change.exclude, with the meaning of git's :(top,glob). Pure.
 *
 * A pattern is matched against a whole path from the top of the tree, component by component. `*`, `?` and
 * `[...]` stay within a component. A component `**` stands for any number of components, or none, so a
 * trailing one covers the directory itself. A pattern without wildcards that names a directory covers
 * everything below it, as in git. The time is at most the pattern's length times the path's.
 */

#include <stdbool.h>

/* Returns whether a pattern covers a path. Both are bytes; the path has no slash at either end. */
bool glob_match(const char *pattern, const char *path);

/* Returns whether any of `patterns` (NULL-terminated) covers a path. */
bool glob_match_any(char *const *patterns, const char *path);
