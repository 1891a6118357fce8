#pragma once

/*
 * When a proxy of the environment (http_proxy, https_proxy, all_proxy) is passed by. Pure.
 *
 * libcurl and git would hand it every request. But a proxy stands between this network and others:
 * it does not know what is called localhost or gitea.lan here, and it has no business with what is
 * said there. And what is sent over plain http it reads.
 */

#include <stdbool.h>

/* Whether a request for `url` must not go through a proxy: its host is loopback, a private address or
 * a name that only means something here; or it carries a `secret`, in the clear. Names are not looked
 * up. NO_PROXY is not heeded here: libcurl and git do that. */
bool http_proxy_passed_by(const char *url, bool secret);
