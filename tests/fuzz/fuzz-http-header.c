/* Promise: no header of an answer breaks a bound. */

/*
 * Any bytes as the header of an answer, line by line. What is made out of it stays within its bounds, and
 * an answer that begins anew remembers nothing.
 */

#include "common/http-header.h"

#include "common/memory.h"
#include "common/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define NOW    1700000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check(const struct http_headers *headers)
{
    require(headers->retry_after_ms >= -1 && headers->retry_after_ms <= DAY_MS);
    require(headers->total_count >= -1);
    require(!headers->location || utf8_valid(headers->location, strlen(headers->location), NULL));
}

/* A line in memory of its own, so that a look behind its end is noticed. */
static void add_line(struct http_headers *headers, const char *line, size_t length)
{
    char *exact = malloc(length ? length : 1);

    require(exact);
    memcpy(exact, line, length);
    http_headers_add(headers, exact, length, NOW);
    free(exact);
    check(headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_headers headers = {0};
    CLEANUP_FREE char *bytes = memory_copy_bytes(data, size);
    const char *at = bytes;

    http_headers_reset(&headers);
    while (at < bytes + size) {
        const char *end = memchr(at, '\n', (size_t)(bytes + size - at));
        size_t length = end ? (size_t)(end + 1 - at) : (size_t)(bytes + size - at);

        add_line(&headers, at, length);
        at += length;
    }
    /* Nothing can be next where no link says so. */
    require(!headers.has_next || (memchr(bytes, '<', size) && memchr(bytes, '>', size)));
    http_headers_reset(&headers);
    require(!headers.has_next && !headers.location && headers.total_count == -1);
    return 0;
}
