#pragma once

/*
 * The daemon as a whole: it owns the loop and every part.
 */

#include "config/config.h"

#include <stdbool.h>

/* Runs until SIGTERM or SIGINT; with `once`, until the spool and the queue are empty. Takes over the
 * configuration. On SIGHUP it is read again from `path`. Returns the exit status. */
int winnowd_run(struct config *config, const char *path, bool once);
