#include "daemon/result/place.h"

#include "common/yaml.h"
#include "daemon/result.h"

#include <string.h>

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at))
        at++;
    return at;
}

/* Returns what follows the string that begins at `at`. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\')
            at++;
    }
    return at < end ? at + 1 : end;
}

/* Returns the value of a member of the outermost object, in bytes that are JSON; NULL if there is none. */
static const char *find_member(const char *bytes, const char *end, const char *key)
{
    size_t length = strlen(key);
    unsigned depth = 0;
    const char *at = bytes;

    while (at < end) {
        const char *string = at;

        if (*at == '{' || *at == '[')
            depth++;
        else if (*at == '}' || *at == ']')
            depth--;
        if (*at != '"') {
            at++;
            continue;
        }
        at = skip_string(at, end);
        if (depth != 1 || (size_t)(at - string) != length + 2 ||
            strncmp(string + 1, key, length) != 0)
            continue;
        at = skip_blanks(at, end);
        if (at < end && *at == ':')
            return skip_blanks(at + 1, end);
    }
    return NULL;
}

static struct place place_in_json(const char *bytes, size_t length, const char *key)
{
    const char *value = find_member(bytes, bytes + length, key);
    struct place place = {.line = 1, .column = 1};

    if (!value || value == bytes + length)
        return (struct place){0};
    for (; bytes < value; bytes++) {
        place.column++;
        if (*bytes == '\n') {
            place.line++;
            place.column = 1;
        }
    }
    return place;
}

static struct place place_in_yaml(const char *bytes, size_t length, const char *key)
{
    struct yaml_position position = {0};
    struct json_object *root, *value;
    struct error ignored;

    if (yaml_parse(&root, bytes, length, &result_limits, &ignored) < 0)
        return (struct place){0};
    if (json_object_is_type(root, json_type_object) && json_object_object_get_ex(root, key, &value))
        position = value ? yaml_position(value) : yaml_key_position(root, key);
    json_object_put(root);
    return (struct place){.line = position.line, .column = position.column};
}

struct place place_of_key(const char *file_name, const char *bytes, size_t length, const char *key)
{
    if (result_format(file_name) == RESULT_FORMAT_YAML)
        return place_in_yaml(bytes, length, key);
    return place_in_json(bytes, length, key);
}
