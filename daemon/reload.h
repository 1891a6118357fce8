#pragma once

/*
 * SIGHUP: the configuration read again, and applied as far as a running daemon can.
 *
 * The parts hold pointers into the configuration, so what is replaced is kept until the daemon ends.
 */

#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct reload {
    struct config **retired; /* earlier configurations, or what is left of them */
    size_t count;
};

/* Reads `path` and puts what can be applied into `running`. A wrong file is refused with all its
 * errors in the log, and `running` stays. Returns whether something was applied. */
bool reload_configuration(struct reload *reload, struct config *running, const char *path);

void reload_clear(struct reload *reload);
