#pragma once

/*
 * A line of a file with a caret under a place in it, as compilers show it:
 *
 *         3 |   "metric_after": "fast",
 *           |                   ^~~~~~
 */

#include "common/text.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the two lines to `text`, or nothing if the file has no such place. `line` and `column` count
 * from 1; columns are bytes if `column_in_bytes`, else characters. The bytes may be anything: a malformed
 * or hidden character is shown as U+FFFD, a tab as a blank. A long line is cut to the part around the
 * place. */
void caret_append(struct text *text, const char *bytes, size_t length, unsigned line,
                  unsigned column, bool column_in_bytes);
