#pragma once

/*
 * The settings that decide how the tests run.
 */

#include "common/digest.h"
#include "config/config.h"

#include <stdbool.h>

/* Computes a digest of all of them. */
void settings_digest(const struct config *config, char settings[static DIGEST_HEX_SIZE]);

/* Returns whether these settings are in force. A run under other settings does not count: a reload may have
 * mended them. */
bool settings_in_force(const struct config *config, const char *settings);
