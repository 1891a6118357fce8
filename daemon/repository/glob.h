#pragma once

/*
 * The globs of change.protect and change.exclude, with the meaning of git's :(top,glob).
 *
 * A pattern is matched against a whole path from the top of the tree, component by component: `*`,
 * `?` and `[...]` stay within one component, a component `**` stands for any number of them, none
 * included, so that a trailing one covers the directory itself, too. A pattern that ends a path early and holds no
 * wildcard covers all below it, as with git. Pure, and never more than pattern times path in time.
 */

#include <stdbool.h>

/* Whether one pattern covers a path. Both are bytes; the path has no slash at either end. */
bool glob_match(const char *pattern, const char *path);

/* Whether any of a NULL-terminated list of patterns does. */
bool glob_match_any(char *const *patterns, const char *path);
