/* Promise: whatever tests print, the line that is shown of it is short, valid and hides nothing. */

/*
 * Any bytes as the output of tests. The line that is found is short, valid and holds nothing hidden; it is the
 * same whether the bytes come in one piece or one by one.
 */

#include "daemon/validation/failure.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 200

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_TEXT struct text whole = {0};
    CLEANUP_TEXT struct text pieces = {0};
    struct failure failure = {0};
    const char *at;

    failure_read(&failure, (const char *)data, size);
    failure_end(&failure, &whole, LIMIT);
    failure = (struct failure){0};
    for (size_t i = 0; i < size; i++)
        failure_read(&failure, (const char *)data + i, 1);
    failure_end(&failure, &pieces, LIMIT);
    require(strcmp(text_string(&whole), text_string(&pieces)) == 0);

    require(utf8_valid(text_string(&whole), whole.length, NULL));
    at = text_string(&whole);
    while (*at) {
        uint32_t code_point;

        at += utf8_decode(at, &code_point);
        require(!code_point_hidden(code_point));
    }
    return 0;
}
