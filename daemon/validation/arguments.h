#pragma once

/* A list of arguments that grows: what a command line is put together of. */

#include "config/config.h"

/* Appends a string, which becomes the list's. The list may be all zero. */
void arguments_append(struct config_list *arguments, char *string);

/* Appends copies of `strings` (NULL-terminated). */
void arguments_append_copies(struct config_list *arguments, const char *const *strings);

/* Whether the list has that string. */
bool arguments_have(const struct config_list *arguments, const char *string);
