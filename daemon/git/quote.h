#pragma once

/*
 * Quoting for what git reads. Pure.
 */

#include "common/text.h"

/* Appends a value in double quotes, as configuration files and fast-import take it. */
void git_append_quoted(struct text *text, const char *value);
