#pragma once

/*
 * The engine that runs the tests on this machine, as a child of the daemon.
 *
 * While the command runs, the disk is watched: tests that fill it would take the store down with them. They
 * are ended; and what removing their checkout gives back says whether it was they who filled it.
 */

#include "daemon/validation/engine.h"

#include <uv.h>

/* Makes the engine. Its checkouts are in `directory`, which is without symbolic links in its path; copied. */
void local_engine_new(struct engine **engine, uv_loop_t *loop, const char *directory);
