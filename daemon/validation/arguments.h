#pragma once

/* Puts a command line together. */

#include "config/config.h"

/* Appends copies of `strings` (NULL-terminated). */
void arguments_append_copies(struct config_list *arguments, const char *const *strings);

/* Returns whether the list has that string. */
bool arguments_have(const struct config_list *arguments, const char *string);
