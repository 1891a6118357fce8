#pragma once

/*
 * Locks that a git left behind, in the repository of a forge that others use as well.
 *
 * A git that was killed, for instance by a power cut, leaves its lock, and every later git says that
 * another one seems to be running. Nobody can tell from outside whether that is true. So nothing is removed
 * here: a sentence says which file it is, and what a person can do.
 */

#include "common/text.h"

#include <stdbool.h>

/* If git's words are about a lock that exists already, appends what to do about it, and returns true.
 * Pure. */
bool lock_explain(struct text *text, const char *words);
