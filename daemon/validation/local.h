#pragma once

/*
 * The engine that runs the tests on this machine, as a child of the daemon.
 *
 * While the command runs, the disk is watched, since a full disk stops the store as well. Tests on a nearly
 * full disk are ended. The space that the removal of their checkout frees says whether they filled it.
 */

#include "daemon/validation/engine.h"

#include <uv.h>

/* Makes the engine. Its checkouts are in `directory`, whose path has no symbolic links. It is copied. */
void local_engine_new(struct engine **engine, uv_loop_t *loop, const char *directory);
