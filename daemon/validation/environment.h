#pragma once

/*
 * The environment of the code under test, made from nothing.
 *
 * It holds what any program needs to find its way, and what validation.environment and
 * validation.pass_environment name. tox empties the environment once more before the tests; what is
 * configured is let through by the means that tox 3 and tox 4 have for it.
 */

#include "config/config.h"

#include <stddef.h>

struct environment {
    char **variables; /* "NAME=value", NULL-terminated */
    size_t count;
};

struct tool;

/* `tool` is the program that will run the tests, NULL where it is not known.
 * `home` and `temporary` are what HOME and TMPDIR name. `tox_ini` is the checkout's tox.ini, or NULL;
 * see environment_tox_override(). Never fails. Free with environment_free(). */
void environment_make(struct environment *environment, const struct config *config,
                      const struct tool *tool, const char *home, const char *temporary,
                      const char *tox_ini);
void environment_free(struct environment *environment);

/* The value of TOX_OVERRIDE that adds `names` (NULL-terminated, at least one) to what every
 * environment of a tox.ini passes on. tox 4 looks for a key in the section of an environment and then
 * in [testenv], first as pass_env, then as passenv; whatever it finds first is all it takes. So the
 * addition must go to each place where the file has such a key, under the spelling used there.
 * Caller frees. */
char *environment_tox_override(const char *tox_ini, const char *const *names);

/* The same for a tox that adds to what an environment inherits, wherever that stands (tool_adds_to_inherited()):
 * all spellings of the environments that `command` names behind `-e`, in each layout, whatever the project's is. */
char *environment_tox_override_all(const struct config_list *command, const char *const *names);

/* The names of validation.pass_environment and validation.environment, NULL-terminated. */
struct environment_names {
    char **items;
};
struct environment_names environment_names(const struct config *config);
void environment_names_free(struct environment_names *names);
