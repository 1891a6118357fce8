#pragma once

/*
 * SIGHUP: reads the configuration again, and applies the keys that a running daemon can change.
 *
 * The table in config/schema.c says which keys these are. The old values are freed at once, which is why
 * nobody may keep a pointer into the configuration (see config/config.h).
 */

#include "config/config.h"

#include <stdbool.h>

/* Reads `path` and puts the keys that can be applied into `running`. A wrong file is refused: all its
 * mistakes are logged, and `running` stays as it is. Returns whether the file was applied. */
bool reload_configuration(struct config *running, const char *path);
