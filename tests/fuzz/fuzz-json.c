/* Promise: what is taken as JSON is JSON, and means the same to every reader. */

/*
 * Any bytes as JSON. What is taken must be taken by json-c too, and must come out of it as a document
 * that is taken again and means the same.
 */

#include "common/json.h"

#include "common/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = {1 << 20, 32, 10000};

static char *written(struct json_object *json)
{
    return memory_copy(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
}

static void check_against_json_c(const char *bytes, size_t size)
{
    struct json_tokener *tokener = json_tokener_new_ex((int)limits.depth + 2);

    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    json_object_put(json_tokener_parse_ex(tokener, bytes, (int)size));
    switch (json_tokener_get_error(tokener)) {
    case json_tokener_success:
    case json_tokener_continue: /* a bare number could go on */
        break;
    default:
        abort();
    }
    json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *bytes = (const char *)data;
    struct json_object *json = NULL;
    struct json_object *again = NULL;
    struct error error = {0};
    int parsed;

    if (size == 0)
        return 0;
    parsed = json_parse(&json, bytes, size, &limits, &error);
    if (json_check(bytes, size, &limits, &error) != parsed)
        abort();
    if (parsed < 0) {
        if (json || error.kind != ERROR_PERMANENT || error.message[0] == '\0')
            abort();
        return 0;
    }
    check_against_json_c(bytes, size);

    CLEANUP_FREE char *first = written(json);

    /* Escapes may have made it longer than the limit allows. */
    if (strlen(first) <= limits.bytes) {
        if (json_parse(&again, first, strlen(first), &limits, &error) < 0)
            abort();

        CLEANUP_FREE char *second = written(again);

        if (strcmp(first, second) != 0)
            abort();
    }
    json_object_put(again);
    json_object_put(json);
    return 0;
}
