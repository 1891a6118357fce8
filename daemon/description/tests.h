#pragma once

/*
 * What the pull request says of the tests themselves: how many ran, here and on the base, and which of their files
 * the change touches.
 */

#include "common/text.h"
#include "daemon/description.h"

/* Appends how many tests ran, as a sentence that begins with a blank: " Tests run: 12 here, 14 on the base." Appends
 * nothing where the runners did not say. */
void description_append_count(struct text *text, const struct description *description);

/* Appends what a reviewer must not miss, each a paragraph: fewer tests than on the base, a change of tests.
 * Appends nothing where neither is so. */
void description_append_tests(struct text *text, const struct description *description);

/* Returns whether a path of the repository looks like a test's: in a directory that is named for tests, or
 * with a name as the usual runners look for. */
bool description_is_test(const char *path);
