#pragma once

/*
 * The kinds of forge that there are: which one `forge.kind` names, and what differs between them before
 * one is made. forge.h, which everybody else uses, knows none of them.
 */

#include "common/error.h"
#include "config/config.h"
#include "daemon/forge.h"

#include <uv.h>

struct http;

/* Makes the forge that the configuration names. `token` is copied. `config` and `http` must outlive
 * it. On 0 `*forge` is the caller's (forge_free). Fails (permanent) if the configuration
 * names what cannot be a forge. */
int forge_new(struct forge **forge, uv_loop_t *loop, const struct config *config, struct http *http,
              const char *token, struct error *error);
