#pragma once

/*
 * Locks that a git left behind, in the repository of a forge that others use, too.
 *
 * A git that was killed, by a power cut for instance, leaves its lock, and every later one says that
 * another seems to be running. Nobody can tell from outside whether that is so: nothing is removed
 * here. It is said which file it is, and what a person can do.
 */

#include "common/text.h"

#include <stdbool.h>

/* Where git's words are about a lock that is there already, appends what to do about it. Pure. */
bool lock_explain(struct text *text, const char *words);
