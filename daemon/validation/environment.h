#pragma once

/*
 * The environment of the code under test, made from nothing.
 *
 * It has what any program needs, and what validation.environment and validation.pass_environment name. tox
 * clears the environment again before the tests. tox 3 and tox 4 have different ways to pass variables on;
 * both are used here, and added to what the configuration itself tells tox in that way.
 */

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct environment {
    char **variables; /* "NAME=value", NULL-terminated */
    size_t count;
};

/* Makes the environment; the caller frees it with environment_free(). `home` and `temporary` become HOME and
 * TMPDIR. `tox_settings`: see tox_override(); "": there is no checkout. */
void environment_make(struct environment *environment, const struct config *config,
                      const char *home, const char *temporary, const char *tox_settings);
void environment_free(struct environment *environment);

/* Returns the names in validation.pass_environment and validation.environment that are for the tests,
 * NULL-terminated. The caller frees them with environment_names_free(). */
struct environment_names {
    char **items;
};
struct environment_names environment_names(const struct config *config);
void environment_names_free(struct environment_names *names);
