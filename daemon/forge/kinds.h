#pragma once

/*
 * Makes the kind of forge that `forge.kind` names. Everything else uses forge.h, which knows no kind.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/forge.h"

#include <uv.h>

struct http;

/* Makes the forge that the configuration names. `token` is copied. `config` and `http` must outlive it. The
 * caller frees it with forge_free(). Fails (permanent) if the configuration names what cannot be a forge. */
int forge_new(struct forge **forge, uv_loop_t *loop, const struct config *config, struct http *http,
              const char *token, struct error *error);
