#pragma once

/*
 * libcurl's multi interface on the loop: a request in, one callback out.
 *
 * Connections are kept alive and reused. Redirects are not followed, so no credential is carried to another
 * host: a 3xx is an answer like any other. Only http and https are spoken. libcurl never repeats a POST: the
 * caller finds out whether it arrived. Proxies are those of the environment, as far as http-proxy.h allows.
 * The program must ignore SIGPIPE.
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
    const char *const *headers; /* NULL-terminated "Name: value", may have a secret; or NULL */
    const char *body;           /* JSON text, sent as such and copied; or NULL */
    uint64_t timeout_ms;        /* for the whole request, connecting included; 0: 30 s */
    size_t body_limit;          /* bytes; a longer answer is a transient error; 0: 8 MiB */
};

struct http_response {
    long status;      /* 200 and so on */
    const char *body; /* ends in a NUL that is not counted */
    size_t body_length;
    int64_t retry_after_ms; /* Retry-After, at most a day; -1: none */
    int64_t total_count;    /* X-Total-Count; -1: none */
    bool has_next;          /* whether Link names a rel="next" */
    const char *location;   /* of a redirect; NULL: none */
};

/* Exactly one of `response` and `error` is NULL. The error is transient: the request may or may not have
 * arrived. Its sentence names method, path (without the query) and what went wrong. */
typedef void (*http_callback)(void *data, const struct http_response *response,
                              const struct error *error);

/* Makes a client. `ca_file` has the certificates to trust; NULL: the system's. Fails (permanent) if the file
 * cannot be used. */
int http_new(struct http **http, uv_loop_t *loop, const char *ca_file, struct error *error);

/* Frees the client and discards its requests. NULL-safe. The loop must run once more. */
void http_free(struct http *http);

/* Sends a request. Returns the operation; to discard it drops the request. */
struct operation *http_send(struct http *http, const struct http_request *request,
                            http_callback callback, void *data);
