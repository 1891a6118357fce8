#pragma once

/*
 * What would hold a job now, as far as this machine knows: the installation is checked without a question to the
 * forge, and a running daemon says what holds it.
 */

#include "config/config.h"

/* Returns why jobs would wait until something is mended; NULL: no reason is known. The caller frees it. `*status`
 * gets the exit status for that. */
char *holds_find(const struct config *config, int *status);
