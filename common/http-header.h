#pragma once

/*
 * Reads the values of HTTP header fields. Pure.
 */

#include <stdbool.h>
#include <stdint.h>

/* Reads Retry-After: a number of seconds, or a date (RFC 9110, 10.2.3). `now` is in seconds since 1970.
 * Returns milliseconds, at most a day; -1 if `value` is NULL or anything else. */
int64_t http_retry_after(const char *value, int64_t now);

/* Reads X-Total-Count. Returns the number; -1 if `value` is NULL, is not all digits, or is too large. */
int64_t http_count(const char *value);

/* Reads Link. Returns whether one of its links is rel="next". */
bool http_link_has_next(const char *value);
