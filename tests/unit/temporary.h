#pragma once

/* A directory or a file of a test's own: below $TMPDIR, where the caller may have put a file system in
 * memory, else below /tmp. */

#include <stdio.h>
#include <stdlib.h>

#define TEMPORARY_SIZE 128

/* Makes a directory. Returns its path, which it writes into `path`, or NULL. */
static inline char *temporary_directory(char path[static TEMPORARY_SIZE])
{
    const char *below = getenv("TMPDIR");

    snprintf(path, TEMPORARY_SIZE, "%s/winnowd-unit-XXXXXX", below ? below : "/tmp");
    return mkdtemp(path);
}

/* Makes a file and opens it. Returns its descriptor, or -1, and writes its path into `path`. */
static inline int temporary_file(char path[static TEMPORARY_SIZE])
{
    const char *below = getenv("TMPDIR");

    snprintf(path, TEMPORARY_SIZE, "%s/winnowd-unit-XXXXXX", below ? below : "/tmp");
    return mkstemp(path);
}
