#pragma once

/*
 * The environment of the code under test, made from nothing.
 *
 * It has what any program needs, and what validation.environment and validation.pass_environment name. tox
 * clears the environment once more before the tests. tox 3 and tox 4 have different means to let variables
 * through, which are used here.
 */

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct environment {
    char **variables; /* "NAME=value", NULL-terminated */
    size_t count;
};

/* Makes the environment. `adds_to_inherited`: the tests are run by such a tox (tool_adds_to_inherited()).
 * `home` and `temporary` become HOME and TMPDIR. `tox_ini` is the checkout's tox.ini, or NULL; see
 * environment_tox_override(). The caller frees it with environment_free(). */
void environment_make(struct environment *environment, const struct config *config,
                      bool adds_to_inherited, const char *home, const char *temporary,
                      const char *tox_ini);
void environment_free(struct environment *environment);

/* Returns the value of TOX_OVERRIDE that adds `names` (NULL-terminated, at least one) to what every
 * environment of a tox.ini passes on; the caller frees it. tox 4 looks for a key in the section of an
 * environment and then in [testenv], first as pass_env, then as passenv, and only takes the first that
 * it finds. So the names are added wherever the file has such a key, in the spelling used there. */
char *environment_tox_override(const char *tox_ini, const char *const *names);

/* Returns the same for a tox that adds to what an environment inherits (tool_adds_to_inherited()). It has all
 * spellings of the environments that `command` names after `-e`, whatever the layout of the project. */
char *environment_tox_override_all(const struct config_list *command, const char *const *names);

/* Returns the names in validation.pass_environment and validation.environment, NULL-terminated. */
struct environment_names {
    char **items;
};
struct environment_names environment_names(const struct config *config);
void environment_names_free(struct environment_names *names);
