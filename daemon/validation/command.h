#pragma once

/*
 * The command that runs the tests: as a person would type it, and with a question for tox's own report.
 */

#include "config/config.h"

/* Returns launcher and command as one line for a shell. The caller frees it. */
char *command_line(const struct config *config);

/* Appends one argument as a shell takes it. */
struct text;
void command_append_quoted(struct text *text, const char *argument);

/* Puts `--result-json path` right after tox, where every version takes it. `arguments` is NULL-terminated,
 * and ends with `command`, which has tox (tox_report_place()). Takes `arguments` over and returns the longer
 * ones. */
char **command_ask_tox(char **arguments, const struct config_list *command, const char *path);

/* Removes the command's own `--result-json path`, or `--result-json=path`, from `arguments`. */
void command_drop_report(char **arguments, const char *path);
