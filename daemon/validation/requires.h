#pragma once

/*
 * Asks the URLs of validation.requires, one after the other.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"

struct http;

/* Calls back without an error when all have answered 2xx, else with a transient error that names the key and
 * the first URL that did not. `urls` is copied, and must not be empty. */
typedef void (*requires_callback)(void *data, const struct error *error);
struct operation *requires_ask(struct http *http, const struct config_list *urls,
                               requires_callback callback, void *data);
