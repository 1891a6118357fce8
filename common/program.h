#pragma once

/*
 * Which file a program's name means. execvpe() would search, too. But a missing program has to differ from
 * one that exits with 127, so the search comes first.
 */

#include "common/error.h"

/* Looks `name` up on the PATH within `environment` (NULL-terminated "NAME=value"; without PATH:
 * /bin:/usr/bin) for a child that will run in `directory` (NULL: the daemon's own). A name with a '/' is not
 * looked up. Relative names, and relative entries of PATH, start from `directory`, and so may `*path`. The
 * caller frees it. Fails (permanent) saying whether the directory, the program or the interpreter of a script
 * is missing, not executable, or for another kind of machine. */
int program_find(char **path, const char *name, const char *const *environment,
                 const char *directory, struct error *error);

/* Returns what follows the last '/' in `path`, or all of it. It points into `path`. */
const char *program_base_name(const char *path);

/* Returns the interpreter that the script at `path` names after `#!`, without its arguments; NULL if the
 * file is no script or cannot be read. The caller frees it. */
char *program_interpreter(const char *path);
