/* Promise: what is taken as YAML is within its bounds and knows its lines. */

/*
 * Any bytes as YAML. What is taken holds only objects, arrays, strings and nulls, no deeper and no
 * more of them than allowed, and knows the line of each.
 */

#include "common/yaml.h"

#include "common/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct json_limits limits = {1 << 20, 32, 10000};

struct walk {
    unsigned values;
    size_t lines; /* that the document has at most */
};

static void check_position(const struct walk *walk, struct yaml_position position)
{
    if (position.line == 0 || position.line > walk->lines || position.column == 0)
        abort();
}

static void check_value(struct walk *walk, struct json_object *value, unsigned depth);

static void check_members(struct walk *walk, struct json_object *object, unsigned depth)
{
    json_object_object_foreach(object, key, member)
    {
        check_position(walk, yaml_key_position(object, key));
        check_value(walk, member, depth + 1);
    }
}

static void check_value(struct walk *walk, struct json_object *value, unsigned depth)
{
    if (++walk->values > limits.values || depth > limits.depth + 1)
        abort();
    if (!value)
        return;
    check_position(walk, yaml_position(value));
    switch (json_object_get_type(value)) {
    case json_type_object:
        check_members(walk, value, depth);
        break;
    case json_type_array:
        for (size_t i = 0; i < json_object_array_length(value); i++)
            check_value(walk, json_object_array_get_idx(value, i), depth + 1);
        break;
    case json_type_string:
        if (!utf8_valid(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                        NULL))
            abort();
        break;
    default:
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct walk walk = {.lines = size + 1};
    struct json_object *tree = NULL;
    struct error error = {0};

    if (size == 0)
        return 0;
    if (yaml_parse(&tree, (const char *)data, size, &limits, &error) < 0) {
        if (tree || error.kind != ERROR_PERMANENT || error.message[0] == '\0')
            abort();
        return 0;
    }
    if (!tree)
        abort();
    /* An empty document has become an empty object, which stands nowhere. */
    if (yaml_position(tree).line > 0)
        check_value(&walk, tree, 1);
    json_object_put(tree);
    return 0;
}
