#pragma once

/*
 * Which programs a command starts one through the other: `env X=1 timeout 10 prog` starts env, timeout and prog.
 * So a program that is missing behind another one is missed before the tests are started. Pure.
 *
 * Known are the usual programs that only start another one, with their usual options, and a shell with one
 * simple command. What is not known for certain is left out.
 */

#include "config/config.h"

#include <stdbool.h>

/* Returns the names of these programs, that of the command itself first. The caller frees the list with
 * config_list_clear(). */
struct config_list wrapper_programs(const struct config_list *command);

/* Returns the name of the module that the last of these programs, a Python, is told to run; NULL: none. It
 * belongs to `command`. */
const char *wrapper_module(const struct config_list *command);

/* Returns whether a program of this name is a Python. */
bool wrapper_is_python(const char *program);
