#pragma once

/*
 * Finds the programs that a command starts through each other: `env X=1 timeout 10 prog` starts env, timeout
 * and prog. So a missing one is noticed before the tests start. Pure.
 *
 * It knows the usual programs that only start another one, with their usual options, and a shell with one
 * simple command. What is not certain is left out.
 */

#include "config/config.h"

#include <stdbool.h>

/* Returns the names of these programs, the command's own first. The caller frees the list with
 * config_list_clear(). */
struct config_list wrapper_programs(const struct config_list *command);

/* Returns the name of the module that the last of these programs, a Python, runs; NULL: none. It belongs to
 * `command`. */
const char *wrapper_module(const struct config_list *command);

/* Returns the path of the script that the last of these programs, an interpreter, is given; NULL: none. It
 * belongs to `command`. */
const char *wrapper_script(const struct config_list *command);

/* Returns whether a program of this name is a Python. */
bool wrapper_is_python(const char *program);
