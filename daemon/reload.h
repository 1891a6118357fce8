#pragma once

/*
 * SIGHUP: the configuration read again, and applied as far as a running daemon can.
 *
 * Which keys that are is in the table of config/schema.c. What was in force before is freed at once:
 * see config/config.h for what that asks of who reads it.
 */

#include "config/config.h"

#include <stdbool.h>

/* Reads `path` and puts what can be applied into `running`. A wrong file is refused with all its
 * errors in the log, and `running` stays. Returns whether something was applied. */
bool reload_configuration(struct config *running, const char *path);
