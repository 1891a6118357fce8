#pragma once

/*
 * Which file a program's name means: the search that execvpe() makes, made beforehand, so that a
 * missing program is told apart from one that exits with 127.
 */

#include "common/error.h"

/* Looks `name` up on the PATH within `environment` (NULL-terminated "NAME=value"; without PATH:
 * /bin:/usr/bin) for a child that will run in `directory` (NULL: the daemon's own). A name with a
 * '/' is taken as it stands; relative names and PATH entries start from `directory`. On 0 `*path` is
 * the caller's and means that file to a process in `directory`. On -1 the error is permanent and
 * says whether the directory, the program or the interpreter of a script is missing or not executable. */
int program_find(char **path, const char *name, const char *const *environment,
                 const char *directory, struct error *error);

/* What the script at `path` names behind `#!`, without its arguments; NULL where it is no script, or cannot be
 * read. Caller frees. */
char *program_interpreter(const char *path);
