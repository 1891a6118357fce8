#pragma once

/*
 * Looks for the module of Python that the command runs (`python3 -m nose2`), without running anything of it. The
 * project may have the module itself, which is not known here. So what is found is a hint, and holds nothing.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/validation/sandbox.h"

#include <uv.h>

/* `error` says that the module is not installed, naming validation.command; NULL: it is, or that is not known. */
typedef void (*module_callback)(void *data, const struct error *error);

/* Asks that Python, in the sandbox and in the environment of the tests. Returns NULL, and does not call back, if the
 * command runs no module, or nobody knows which Python. The arguments must outlive the operation. */
struct operation *module_try(uv_loop_t *loop, const struct config *config, struct sandbox *sandbox,
                             module_callback callback, void *data);
