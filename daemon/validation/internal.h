#pragma once

/*
 * What a validation has, and each of its runs uses.
 */

#include "daemon/validation.h"
#include "daemon/validation/cache.h"
#include "daemon/validation/engine.h"
#include "daemon/validation/remover.h"
#include "daemon/validation/sandbox.h"
#include "daemon/validation/tool.h"

struct validation {
    uv_loop_t *loop;
    const struct config *config;
    struct repository *repository;
    struct http *http;
    struct sandbox *sandbox;
    struct engine *engine;
    struct remover *remover;
    struct cache *cache;
    struct tool tool; /* the program that the installation has found */
    char *checkouts;  /* without symbolic links, as the sandbox needs it */
    char *logs;
};
