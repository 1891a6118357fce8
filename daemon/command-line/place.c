#include "daemon/command-line/place.h"

#include "common/json.h"
#include "common/yaml.h"
#include "daemon/result.h"

#include <stdio.h>
#include <string.h>

#define KEY_LIMIT 64

static const struct json_limits limits = {
    .bytes = RESULT_SIZE_LIMIT,
    .depth = 32,
    .values = 10000,
};

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at))
        at++;
    return at;
}

/* Behind the quote that ends the string which begins at `at`. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++) {
        if (*at == '\\')
            at++;
    }
    return at < end ? at + 1 : end;
}

/* The value of a member of the outermost object, in bytes that are JSON; NULL if there is none. */
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
    struct place place = {.line = 1, .column = 1, .in_bytes = true};

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

    if (yaml_parse(&root, bytes, length, &limits, &ignored) < 0)
        return (struct place){0};
    if (json_object_is_type(root, json_type_object) && json_object_object_get_ex(root, key, &value))
        position = value ? yaml_position(value) : yaml_key_position(root, key);
    json_object_put(root);
    return (struct place){.line = position.line, .column = position.column};
}

/* The key that a sentence begins with; false if it begins otherwise. */
static bool key_of(const char *sentence, char key[static KEY_LIMIT])
{
    size_t length = strspn(sentence, "abcdefghijklmnopqrstuvwxyz_");

    if (length == 0 || length >= KEY_LIMIT || strncmp(sentence + length, ": ", 2) != 0)
        return false;
    snprintf(key, KEY_LIMIT, "%.*s", (int)length, sentence);
    return true;
}

struct place place_of(const char *file_name, const char *bytes, size_t length, const char *sentence)
{
    bool yaml = result_format(file_name) == RESULT_FORMAT_YAML;
    struct place place = {.in_bytes = !yaml};
    int behind = 0;
    char key[KEY_LIMIT];

    if (sscanf(sentence, "line %u, column %u: %n", &place.line, &place.column, &behind) < 2)
        behind = 0;
    /* The value says more than the key in front of it. */
    if (key_of(sentence + behind, key)) {
        struct place value = yaml ? place_in_yaml(bytes, length, key)
                                  : place_in_json(bytes, length, key);

        if (value.line)
            return value;
    }
    return behind ? place : (struct place){0};
}
