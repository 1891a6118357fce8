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

/* `home` and `temporary` are what HOME and TMPDIR name. `tox_ini` is the checkout's tox.ini, or NULL;
 * see environment_tox_override(). Never fails. Free with environment_free(). */
void environment_make(struct environment *environment, const struct config *config,
                      const char *home, const char *temporary, const char *tox_ini);
void environment_free(struct environment *environment);

/* The value of TOX_OVERRIDE that adds `names` (NULL-terminated, at least one) to what every
 * environment of a tox.ini passes on. tox 4 looks for a key in the section of an environment and then
 * in [testenv], first as pass_env, then as passenv; whatever it finds first is all it takes. So the
 * addition must go to each place where the file has such a key, under the spelling used there.
 * Caller frees. */
char *environment_tox_override(const char *tox_ini, const char *const *names);
