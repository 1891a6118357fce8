#pragma once

/*
 * A line of a file with a caret under the place that is meant, as compilers show it:
 *
 *         3 |   "metric_after": "fast",
 *           |                   ^~~~~~
 */

#include "common/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the two lines; nothing where the file has no such place. `line` and `column` count from 1,
 * columns in bytes or in characters. The bytes may be anything: what is malformed, hidden or a control
 * character is shown as U+FFFD, a tab as a blank, and of a long line the part around the place. */
void caret_append(struct text *text, const char *bytes, size_t length, unsigned line,
                  unsigned column, bool column_in_bytes);
