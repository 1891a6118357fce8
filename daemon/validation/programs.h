#pragma once

/*
 * Finds the programs that run the tests, validation.command and validation.launcher, before they are
 * started, with those that the command only starts others with (wrapper.h). In a sandbox or behind another
 * program, a missing one would look like failed tests.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/validation/environment.h"

/* Finds all for tests that run in the directory `source`. `*program` is the path of the command; the
 * caller frees it. Fails (permanent) naming the key; error->installation: it is missing for every
 * experiment. */
int programs_find(char **program, const struct config *config,
                  const struct environment *environment, const char *source, struct error *error);

/* The same, for validation.launcher and for validation.command, as far as it can be known without a checkout: a
 * relative name with a '/' is a file of the repository. Fail (permanent) naming the key. */
int programs_find_launcher(const struct config *config, struct error *error);
int programs_find_command(const struct config *config, struct error *error);
