#pragma once

/*
 * Which requests do not go through the proxy of the environment (http_proxy, https_proxy, all_proxy).
 *
 * libcurl and git would send every request through the proxy. But a proxy leads out of this network: it does
 * not know what localhost or gitea.lan means here. Over plain http it could also read the token.
 */

#include <stdbool.h>

/* Returns whether a request for `url` must not go through a proxy: its host is loopback, a private address or
 * a name of this network only; no_proxy (or NO_PROXY) names it; or it is plain http and carries a `secret`.
 * Names are not resolved. Entries of no_proxy are hosts with all names below them: "example.org",
 * ".example.org" and "*.example.org" mean the same. A host may be followed by a port. "*" is any host.
 * libcurl reads networks (10.0.0.0/8) in no_proxy, but neither a port nor a star before a dot, so libcurl's
 * own check is not enough. */
bool http_proxy_passed_by(const char *url, bool secret);
