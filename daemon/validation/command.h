#pragma once

/*
 * The command that runs the tests: how a person would type it, and how tox is asked for its own report.
 */

#include "config/config.h"

/* Returns launcher and command as one line for a shell. The caller frees it. */
char *command_line(const struct config *config);

/* Appends one argument as a shell takes it. */
struct text;
void command_append_quoted(struct text *text, const char *argument);

/* Puts `--result-json path` right behind tox, where every version takes it. `arguments` is NULL-terminated, and
 * ends with `command`, in which tox stands (tox_report_place()). Takes `arguments` over and returns it longer. */
char **command_ask_tox(char **arguments, const struct config_list *command, const char *path);

/* Takes the command's own `--result-json path`, or `--result-json=path`, out of `arguments`. */
void command_drop_report(char **arguments, const char *path);
