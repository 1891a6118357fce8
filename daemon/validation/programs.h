#pragma once

/*
 * Finds the programs that run the tests, validation.command and validation.launcher, before they are
 * started. In a sandbox or behind a launcher, a missing program would look like failed tests.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/validation/environment.h"

/* Finds both for tests that run in the directory `source`. `*program` is the path of the command; the
 * caller frees it. Fails (permanent) naming the key; error->installation: it is missing for every
 * experiment. */
int programs_find(char **program, const struct config *config,
                  const struct environment *environment, const char *source, struct error *error);

/* Returns the path within the checkout of the program that such an error is about; NULL: it is about another one,
 * or about something else. It belongs to the configuration. */
const char *programs_lacking(const struct config *config, const struct error *error);

/* Checks that validation.launcher is installed, as far as that can be known without a checkout: a
 * relative name with a '/' is a file of the repository. Fails (permanent) naming the key. */
int programs_find_launcher(const struct config *config, struct error *error);
