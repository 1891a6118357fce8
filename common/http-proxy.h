#pragma once

/*
 * Which requests do not go through the proxy of the environment (http_proxy, https_proxy, all_proxy). Pure.
 *
 * libcurl and git would send every request through it. But a proxy leads out of this network. It does
 * not know what localhost or gitea.lan means here. And over plain http it could read the token.
 */

#include <stdbool.h>

/* Returns whether a request for `url` must not go through a proxy: its host is loopback, a private address
 * or a name of this network only; or it is plain http and carries a `secret`. Names are not resolved.
 * NO_PROXY is not looked at here: libcurl and git do that. */
bool http_proxy_passed_by(const char *url, bool secret);
