#pragma once

/*
 * Finds the programs that run the tests before they are started: validation.command and validation.launcher,
 * and the programs that the command uses only to start others (wrapper.h). In a sandbox, or started by
 * another program, a missing one would look like failed tests.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/validation/environment.h"

#include <stdbool.h>

/* Returns whether the name is that of a program of this machine, and not of a file of the repository, which has
 * a relative path with a '/', or one where the tests see the checkout. */
bool programs_is_installed(const char *name);

/* Finds all programs for tests that run in the directory `source`. `*program` is the path of the command; the
 * caller frees it. Fails (permanent) naming the key. If the program is missing for every experiment,
 * error->installation is set. */
int programs_find(char **program, const struct config *config,
                  const struct environment *environment, const char *source, struct error *error);

/* Do the same for validation.launcher and for validation.command, as far as possible without a checkout.
 * Fail (permanent) naming the key. */
int programs_find_launcher(const struct config *config, struct error *error);
int programs_find_command(const struct config *config, struct error *error);
