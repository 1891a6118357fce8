#pragma once

/*
 * libcurl's multi interface on the loop: a request in, one callback out.
 *
 * Connections are kept alive and reused. Redirects are never followed, so that no credential can be
 * carried to another host: a 3xx is an answer like any other. Answers are bounded. Only http and
 * https are spoken. A POST is never sent twice by libcurl's own doing: what may have arrived is for
 * the caller to find out. The program must ignore SIGPIPE. Proxies are those of the environment, where
 * one fits (http-proxy.h).
 */

#include "common/error.h"
#include "common/operation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http;

struct http_request {
    const char *method;         /* GET, POST, PATCH, DELETE */
    const char *url;            /* absolute, already encoded */
    const char *const *headers; /* NULL-terminated "Name: value"; may be NULL; may hold a secret */
    const char *body;           /* JSON text (the content type says so), or NULL; copied */
    uint64_t timeout_ms;        /* for all of it, connecting included; 0: 30 s */
    size_t body_limit;          /* bytes of answer at most, beyond: transient error; 0: 8 MiB */
};

struct http_response {
    long status;      /* 200 and so on */
    const char *body; /* NUL behind it; valid inside the callback only */
    size_t body_length;
    int64_t retry_after_ms; /* of Retry-After, seconds or date form, at most a day; -1: none */
    int64_t total_count;    /* of X-Total-Count; -1: none */
    bool has_next;          /* whether Link names a rel="next" */
    const char *location;   /* of a redirect; NULL: none */
};

/* Exactly one of `response` and `error` is NULL. A transport error is transient, its sentence names
 * method and URL path without query and what went wrong; the request may or may not have arrived. */
typedef void (*http_callback)(void *data, const struct http_response *response,
                              const struct error *error);

/* `ca_file` may be NULL for the system's authorities. */
int http_new(struct http **http, uv_loop_t *loop, const char *ca_file, struct error *error);

/* NULL-safe; discards what is under way. The loop must run once more. */
void http_free(struct http *http);

struct operation *http_send(struct http *http, const struct http_request *request,
                            http_callback callback, void *data);
