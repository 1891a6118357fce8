#pragma once

/*
 * Reads what `git apply` says about files that a patch does not fit. Pure.
 */

#include "common/text.h"

typedef void (*unfit_excluded)(void *data, const char *path);

/* Reads git's errors. Calls `excluded` for files that `exclude` covers, a NULL-terminated list of globs.
 * Appends the faults of all others to `said`: "conflict in a.py; b.py does not exist on the base". */
void unfit_read(const char *errors, char *const *exclude, unfit_excluded excluded, void *data,
                struct text *said);
