/* Promise: no header of an answer breaks a bound. */

/*
 * Any bytes, line by line, as the value of each header field that is read. What is made out of it stays
 * within its bounds.
 */

#include "common/http-header.h"

#include "common/memory.h"

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

/* In memory of its own, so that a look behind its end is noticed. */
static void check(const char *line, size_t length)
{
    CLEANUP_FREE char *value = memory_copy_bytes(line, length);
    int64_t wait = http_retry_after(value, NOW);

    require(wait >= -1 && wait <= DAY_MS);
    require(http_count(value) >= -1);
    /* Nothing can be next where no link says so. */
    require(!http_link_has_next(value) || (strchr(value, '<') && strchr(value, '>')));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *bytes = memory_copy_bytes(data, size);
    const char *at = bytes;

    while (at < bytes + size) {
        const char *end = memchr(at, '\n', (size_t)(bytes + size - at));
        size_t length = end ? (size_t)(end - at) : (size_t)(bytes + size - at);
        const char *colon = memchr(at, ':', length);

        check(at, length);
        if (colon)
            check(colon + 1, length - (size_t)(colon + 1 - at));
        at += length + (end != NULL);
    }
    return 0;
}
