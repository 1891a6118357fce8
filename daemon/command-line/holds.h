#pragma once

/*
 * Finds what would hold a job now, as far as this machine knows: checks the installation without asking the
 * forge, and reads what a running daemon is held by.
 */

#include "config/config.h"

/* Returns why jobs would be held; NULL: no reason is known. The caller frees it. Sets `*status` to the exit
 * status for that. */
char *holds_find(const struct config *config, int *status);
