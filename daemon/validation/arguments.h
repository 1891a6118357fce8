#pragma once

/* A list of arguments that grows, to put a command line together. */

#include "config/config.h"

/* Appends a string, which the list then owns. The list may be all zero. */
void arguments_append(struct config_list *arguments, char *string);

/* Appends copies of `strings` (NULL-terminated). */
void arguments_append_copies(struct config_list *arguments, const char *const *strings);

/* Returns whether the list has that string. */
bool arguments_have(const struct config_list *arguments, const char *string);
