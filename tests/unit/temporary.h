#pragma once

/* A directory or a file of a test's own: below $TMPDIR, where the caller may have put a file system in
 * memory, else below /tmp. */

#include <stdio.h>
#include <stdlib.h>

#define TEMPORARY_SIZE 128

/* Writes the template that mkdtemp(3) and mkstemp(3) take. Returns it. */
static inline char *temporary_template(char path[static TEMPORARY_SIZE])
{
    const char *below = getenv("TMPDIR");

    snprintf(path, TEMPORARY_SIZE, "%s/winnowd-unit-XXXXXX", below ? below : "/tmp");
    return path;
}

/* Makes a directory. Returns its path, which it writes into `path`, or NULL. */
static inline char *temporary_directory(char path[static TEMPORARY_SIZE])
{
    return mkdtemp(temporary_template(path));
}

/* Makes a file and opens it. Returns its descriptor, or -1, and writes its path into `path`. */
static inline int temporary_file(char path[static TEMPORARY_SIZE])
{
    return mkstemp(temporary_template(path));
}
