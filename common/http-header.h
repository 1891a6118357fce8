#pragma once

/*
 * What the values of the few header fields mean that we look at. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

/* Retry-After: a number of seconds or a date (RFC 9110, 10.2.3). `now` is in seconds since 1970. Returns
 * milliseconds, a day at most; -1 if `value` is NULL or is neither of them. */
int64_t http_retry_after(const char *value, int64_t now);

/* X-Total-Count: digits and nothing else. Returns -1 if `value` is NULL, anything else, or does not fit. */
int64_t http_count(const char *value);

/* Link: returns whether one of the links in it is rel="next". */
bool http_link_has_next(const char *value);
