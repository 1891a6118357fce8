#pragma once

/*
 * The few header fields of an answer that we look at. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_headers {
    int64_t retry_after_ms; /* -1: none that can be understood */
    int64_t total_count;    /* -1: none that can be understood */
    bool has_next;
    char *location; /* valid UTF-8; NULL: none */
};

/* As before the first line of an answer: nothing seen. Also called for each status line, since an
 * interim answer (100, 103) comes with fields of its own. */
void http_headers_reset(struct http_headers *headers);

/* Takes one line, with or without its line end. `now` is in seconds since 1970, for dates. */
void http_headers_add(struct http_headers *headers, const char *line, size_t length, int64_t now);

/* Whether a value of Link names a rel="next". */
bool http_link_has_next(const char *value);
