#include "daemon/validation/go-json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static const char *member(struct json_object *object, const char *name)
{
    struct json_object *value;

    return json_object_object_get_ex(object, name, &value) &&
                   json_object_is_type(value, json_type_string)
               ? json_object_get_string(value)
               : NULL;
}

static bool copy_output(struct json_object *object, char *text, size_t size)
{
    const char *action = member(object, "Action");
    const char *output = member(object, "Output");
    size_t length = output ? strlen(output) : 0;

    if (!action || strcmp(action, "output") != 0 || !member(object, "Package") ||
        member(object, "Test") || length == 0 || length > size || output[length - 1] != '\n')
        return false;
    snprintf(text, size, "%.*s", (int)(length - 1), output);
    return true;
}

bool go_json_line(const char *line, char *text, size_t size)
{
    struct json_object *object;
    bool copied;

    if (strncmp(line, "{\"Time\":\"", 9) != 0)
        return false;
    object = json_tokener_parse(line);
    copied = json_object_is_type(object, json_type_object) && copy_output(object, text, size);
    json_object_put(object);
    return copied;
}
