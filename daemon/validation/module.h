#pragma once

/*
 * Looks for the Python module that the command runs (`python3 -m nose2`), without running it. The project may
 * have the module itself, which is not known here. So the answer is a hint, and holds no job.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/validation/sandbox.h"

#include <uv.h>

/* `error` says that the module is not installed, naming validation.command; NULL: it is, or that is not known. */
typedef void (*module_callback)(void *data, const struct error *error);

/* Asks that Python, in the sandbox and in the environment of the tests. Returns NULL and does not call back
 * if the command runs no module, or if it is not known by which Python. The arguments must outlive the
 * operation. */
struct operation *module_try(uv_loop_t *loop, const struct config *config, struct sandbox *sandbox,
                             module_callback callback, void *data);
