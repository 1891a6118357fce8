#pragma once

/*
 * The daemon as a whole: owns the loop and every part.
 */

#include "config/config.h"

#include <stdbool.h>

/* Runs until SIGTERM or SIGINT, or with `once` until the spool and the queue are empty. Takes the
 * configuration over; `path` is where it is read again on SIGHUP. Returns the exit status. */
int winnowd_run(struct config *config, const char *path, bool once);
