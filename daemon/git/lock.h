#pragma once

/*
 * Explains locks that a git left in the repository of a forge, which others use as well.
 *
 * A killed git leaves its lock, and every later git says that another one seems to be running. Nobody can
 * tell from outside whether that is true. So nothing is removed: a sentence names the file, and says what a
 * person can do.
 */

#include "common/text.h"

#include <stdbool.h>

/* Returns whether git's words are about a lock that exists already. If so, appends what to do about it. Pure. */
bool lock_explain(struct text *text, const char *words);
