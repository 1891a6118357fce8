#pragma once

/*
 * Reads what `git apply` says about files that a patch does not fit. Pure.
 */

#include "common/text.h"

typedef void (*unfit_excluded)(void *data, const char *path);

/* Reads git's errors. Calls `excluded` for a file that `exclude`, a NULL-terminated list of globs,
 * covers. The faults of the others are appended to `said`: "conflict in a.py; b.py does not exist on
 * the base". */
void unfit_read(const char *errors, char *const *exclude, unfit_excluded excluded, void *data,
                struct text *said);
