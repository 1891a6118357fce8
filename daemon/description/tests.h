#pragma once

/*
 * What the pull request says of the tests: how many ran, here and on the base, and which of their files the
 * change touches.
 */

#include "common/text.h"
#include "daemon/description.h"

/* Appends how many tests ran, as a sentence that begins with a blank: " Tests run: 12 here, 14 on the base."
 * Appends nothing if the runners did not say. */
void description_append_count(struct text *text, const struct description *description);

/* Appends warnings for the reviewer, each a paragraph: fewer tests ran than on the base, or the change
 * touches tests. Appends nothing if neither is true. */
void description_append_tests(struct text *text, const struct description *description);

/* Returns whether a path of the repository looks like that of a test: its directory is named for tests, or
 * its name is one that the usual runners look for. */
bool description_is_test(const char *path);
