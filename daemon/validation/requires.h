#pragma once

/*
 * Asks the URLs of validation.requires, one after the other, whether what the tests need is there.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"

struct http;

/* Calls back without an error once all have answered 2xx, else with a transient one that names the key and the first
 * URL that did not. `urls` is copied, and must not be empty. Discarding the operation drops it. */
typedef void (*requires_callback)(void *data, const struct error *error);
struct operation *requires_ask(struct http *http, const struct config_list *urls,
                               requires_callback callback, void *data);
