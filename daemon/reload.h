#pragma once

/*
 * SIGHUP: reads the configuration again, and applies the keys that a running daemon can change.
 *
 * The table in config/schema.c says which keys these are. The old values are freed at once. So nobody may
 * keep a pointer into the configuration (config/config.h).
 */

#include "config/config.h"

#include <stdbool.h>

/* Reads `path` and applies it to `running`, as far as a running daemon can. Refuses a wrong file: logs all
 * its mistakes, and leaves `running` as it is. Returns whether the file was applied. */
bool reload_configuration(struct config *running, const char *path);
