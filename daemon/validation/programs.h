#pragma once

/*
 * The programs that run the tests: validation.command and validation.launcher, looked for before they are started.
 * Inside a sandbox or behind a launcher a missing program would look like a failed test.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/validation/environment.h"

/* Finds both for tests that run in the directory `source`. The caller frees `*program`, which is the path of the
 * command. Fails (permanent) naming the key; error->installation says that it is missing for every experiment. */
int programs_find(char **program, const struct config *config,
                  const struct environment *environment, const char *source, struct error *error);

/* Whether validation.launcher is installed, as far as that can be told without a checkout: a name with a '/'
 * that is not absolute means a file of the repository. The error is permanent and names the key. */
int programs_find_launcher(const struct config *config, struct error *error);
