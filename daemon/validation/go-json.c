#include "daemon/validation/go-json.h"

#include "common/json.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

/* What the tests themselves print is left out: it may look like a line of go's own. */
static bool is_of_go(struct json_object *object, const char *output)
{
    return !json_member_text(object, "Test") || strncmp(output, "--- SKIP: ", 10) == 0 ||
           strncmp(output, "--- PASS: ", 10) == 0 || strncmp(output, "--- FAIL: ", 10) == 0;
}

static bool copy_output(struct json_object *object, char *text, size_t size)
{
    const char *action = json_member_text(object, "Action");
    const char *output = json_member_text(object, "Output");
    size_t length = output ? strlen(output) : 0;

    if (!action || strcmp(action, "output") != 0 || !json_member_text(object, "Package") ||
        length == 0 || length > size || output[length - 1] != '\n' || !is_of_go(object, output))
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
    copied = copy_output(object, text, size);
    json_object_put(object);
    return copied;
}
