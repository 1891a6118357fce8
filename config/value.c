#include "config/schema.h"

#include "common/memory.h"
#include "common/text.h"
#include "common/yaml.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_LIMIT 200 /* characters of a key in a message; a metric's name may have 100 */

/* One string that is to become a value, and where it was found. */
struct found {
    const char *string;
    bool plain; /* may be a number or a truth value */
    struct yaml_position at;
};

static void *field(void *base, size_t offset)
{
    return (char *)base + offset;
}

static const void *const_field(const void *base, size_t offset)
{
    return (const char *)base + offset;
}

/* An unknown key may be anything, and is shown on a terminal. */
static char *readable_key(const char *key)
{
    CLEANUP_TEXT struct text visible = {0};
    struct text line = {0};

    text_append_visible(&visible, key, NULL);
    text_append_line(&line, text_string(&visible), KEY_LIMIT);
    return text_take(&line);
}

void config_problem(struct config_reader *reader, struct yaml_position at, const char *key,
                    const char *format, ...)
{
    struct config_problems *problems = reader->problems;
    struct config_problem *problem;
    CLEANUP_FREE char *shown = readable_key(key);
    char sentence[1024];
    char place[32] = "";
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (at.line && !reader->variable)
        snprintf(place, sizeof place, ":%u:%u", at.line, at.column);

    problems->items = memory_resize(problems->items,
                                    (problems->count + 1) * sizeof *problems->items);
    problem = &problems->items[problems->count++];
    problem->line = reader->variable ? 0 : at.line;
    problem->column = reader->variable ? 0 : at.column;
    problem->key = memory_copy(shown);
    problem->message = memory_format("%s%s: %s%s%s",
                                     reader->variable ? reader->variable : reader->file, place,
                                     shown, *shown ? ": " : "", sentence);
}

void config_show(struct text *text, const char *string)
{
    CLEANUP_TEXT struct text line = {0};
    const char *scheme = strstr(string, "://");
    const char *at = scheme ? strrchr(scheme, '@') : NULL;

    /* A URL may have a password before its last '@', and this goes to the log. */
    if (at) {
        text_append_bytes(&line, string, (size_t)(scheme + 3 - string));
        text_append(&line, "***");
        string = at;
    }
    text_append_repaired(&line, string, strnlen(string, 4096));
    text_append(text, "\"");
    {
        CLEANUP_TEXT struct text cut = {0};

        text_append_line(&cut, text_string(&line), 80);
        text_append_visible(text, text_string(&cut), NULL);
    }
    text_append(text, "\"");
}

static void wrong(struct config_reader *reader, struct yaml_position at, const char *name,
                  const char *string, const char *wanted)
{
    CLEANUP_TEXT struct text shown = {0};

    config_show(&shown, string);
    config_problem(reader, at, name, "expected %s, found %s", wanted, text_string(&shown));
}

/* Reports a node of the wrong type, in the words of a user. */
static void wrong_node(struct config_reader *reader, struct yaml_position at, const char *name,
                       struct json_object *node, const char *wanted)
{
    switch (json_object_get_type(node)) {
    case json_type_string:
        wrong(reader, at, name, json_object_get_string(node), wanted);
        return;
    case json_type_array:
        config_problem(reader, at, name, "expected %s, found a list", wanted);
        return;
    case json_type_object:
        config_problem(reader, at, name, "expected %s, found keys with values", wanted);
        return;
    default:
        config_problem(reader, at, name, "expected %s, found nothing", wanted);
    }
}

/* Returns the text as it is kept, or NULL after a problem was reported. */
static char *checked(struct config_reader *reader, const struct config_key *key, const char *name,
                     struct found found)
{
    const char *wanted = NULL;
    char *copy;

    if (!utf8_valid(found.string, strlen(found.string), NULL))
        wanted = "text in UTF-8";
    else if (key->check)
        wanted = key->check(found.string);
    if (wanted) {
        wrong(reader, found.at, name, found.string, wanted);
        return NULL;
    }
    copy = memory_copy(found.string);
    if (key->flags & CONFIG_STRIP_SLASH)
        for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
            copy[length - 1] = '\0';
    return copy;
}

static void make_empty(struct config_list *list)
{
    config_list_clear(list);
    list->items = memory_new_array(1, sizeof *list->items);
}

/* "a, b or c" */
static void append_words(struct text *text, const char *const *words)
{
    for (size_t i = 0; words[i]; i++) {
        if (i)
            text_append(text, words[i + 1] ? ", " : " or ");
        text_append(text, words[i]);
    }
}

static bool read_word(const struct config_key *key, void *place, struct found found,
                      struct text *wanted)
{
    for (int i = 0; key->words[i]; i++)
        if (!strcmp(found.string, key->words[i])) {
            *(int *)place = i;
            return true;
        }
    append_words(wanted, key->words);
    return false;
}

static bool read_bool(void *place, struct found found, struct text *wanted)
{
    bool yes = !strcmp(found.string, "true");

    if (found.plain && (yes || !strcmp(found.string, "false"))) {
        *(bool *)place = yes;
        return true;
    }
    text_append(wanted, "true or false");
    return false;
}

/* Digits only: no sign, no octal number, no overflow. */
static bool parse_count(const char *string, size_t length, uint64_t *count)
{
    *count = 0;
    if (!length || length > 15 || strspn(string, "0123456789") < length)
        return false;
    for (size_t i = 0; i < length; i++)
        *count = *count * 10 + (uint64_t)(string[i] - '0');
    return true;
}

static bool read_count(const struct config_key *key, void *place, struct found found,
                       struct text *wanted)
{
    uint64_t count;

    if (found.plain && parse_count(found.string, strlen(found.string), &count) &&
        (double)count >= key->minimum && (double)count <= key->maximum) {
        *(unsigned *)place = (unsigned)count;
        return true;
    }
    text_append_format(wanted, "a whole number from %.0f to %.0f", key->minimum, key->maximum);
    return false;
}

static bool read_number(const struct config_key *key, void *base, struct found found,
                        struct text *wanted)
{
    double number;

    if (found.plain && !number_parse(found.string, &number) && number >= key->minimum &&
        number <= key->maximum) {
        *(double *)field(base, key->offset) = number;
        if (key->other)
            *(bool *)field(base, key->other) = true;
        return true;
    }
    text_append(wanted, key->minimum < 0 ? "a finite number" : "a number of at least 0");
    return false;
}

static const struct unit {
    const char *name;
    uint64_t milliseconds;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

#define UNIT_COUNT (sizeof units / sizeof *units)

static void append_duration(struct text *text, uint64_t milliseconds)
{
    size_t i = 0;

    if (!milliseconds) {
        text_append(text, "0");
        return;
    }
    while (i + 1 < UNIT_COUNT && milliseconds % units[i].milliseconds)
        i++;
    text_append_format(text, "%llu%s", (unsigned long long)(milliseconds / units[i].milliseconds),
                       units[i].name);
}

static bool parse_duration(const char *string, uint64_t *milliseconds)
{
    size_t digits = strspn(string, "0123456789");
    uint64_t count;

    if (!parse_count(string, digits, &count))
        return false;
    if (!string[digits]) /* zero needs no unit */
        return *milliseconds = 0, count == 0;
    for (size_t i = 0; i < UNIT_COUNT; i++)
        if (!strcmp(string + digits, units[i].name))
            return !__builtin_mul_overflow(count, units[i].milliseconds, milliseconds);
    return false;
}

static bool read_duration(const struct config_key *key, void *place, struct found found,
                          struct text *wanted)
{
    uint64_t milliseconds;

    if (parse_duration(found.string, &milliseconds)) {
        bool zero = !milliseconds && (key->flags & CONFIG_ZERO);

        if (zero ||
            ((double)milliseconds >= key->minimum && (double)milliseconds <= key->maximum)) {
            *(uint64_t *)place = milliseconds;
            return true;
        }
    }
    text_append(wanted, key->flags & CONFIG_ZERO ? "0 or " : "");
    text_append(wanted, "a whole number with ms, s, m, h or d, from ");
    append_duration(wanted, (uint64_t)key->minimum);
    text_append(wanted, " to ");
    append_duration(wanted, (uint64_t)key->maximum);
    return false;
}

/* Sizes of memory and files are powers of 1024, as for systemd and the shell. */
static const char size_units[] = "KMGT";

static void append_size(struct text *text, uint64_t bytes)
{
    size_t unit = 0;

    while (bytes && bytes % 1024 == 0 && unit < strlen(size_units)) {
        bytes /= 1024;
        unit++;
    }
    text_append_format(text, "%llu", (unsigned long long)bytes);
    if (unit)
        text_append_bytes(text, &size_units[unit - 1], 1);
}

static bool parse_size(const char *string, uint64_t *bytes)
{
    size_t digits = strspn(string, "0123456789");
    const char *unit = string[digits] ? strchr(size_units, string[digits]) : NULL;
    uint64_t count;

    if (!parse_count(string, digits, &count) || (string[digits] && (!unit || string[digits + 1])))
        return false;
    return !__builtin_mul_overflow(
        count, unit ? UINT64_C(1) << (10 * (unit - size_units + 1)) : UINT64_C(1), bytes);
}

static bool read_size(const struct config_key *key, void *place, struct found found,
                      struct text *wanted)
{
    uint64_t bytes;

    if (parse_size(found.string, &bytes) &&
        ((!bytes && (key->flags & CONFIG_ZERO)) ||
         ((double)bytes >= key->minimum && (double)bytes <= key->maximum))) {
        *(uint64_t *)place = bytes;
        return true;
    }
    text_append(wanted, key->flags & CONFIG_ZERO ? "0 or " : "");
    text_append(wanted, "a whole number of bytes, or with K, M, G or T, from ");
    append_size(wanted, (uint64_t)key->minimum);
    text_append(wanted, " to ");
    append_size(wanted, (uint64_t)key->maximum);
    return false;
}

static bool read_author(const struct config_key *key, void *base, struct found found,
                        struct text *wanted)
{
    char **name = field(base, key->offset);
    char **email = field(base, key->other);
    char *new_name, *new_email;

    if (config_split_author(found.string, &new_name, &new_email)) {
        free(*name);
        free(*email);
        *name = new_name;
        *email = new_email;
        return true;
    }
    text_append(wanted, "a name and an address, such as Ada <ada@example.org>,");
    return false;
}

static void read_text(struct config_reader *reader, const struct config_key *key, const char *name,
                      void *base, struct found found)
{
    char **place = field(base, key->offset);
    char *copy = checked(reader, key, name, found);

    if (copy) {
        free(*place);
        *place = copy;
    }
}

static void read_scalar(struct config_reader *reader, const struct config_key *key,
                        const char *name, void *base, struct found found)
{
    CLEANUP_TEXT struct text wanted = {0};
    void *place = field(base, key->offset);
    bool good = true;

    switch (key->shape) {
    case CONFIG_WORD:
        good = read_word(key, place, found, &wanted);
        break;
    case CONFIG_BOOL:
        good = read_bool(place, found, &wanted);
        break;
    case CONFIG_COUNT:
        good = read_count(key, place, found, &wanted);
        break;
    case CONFIG_NUMBER:
        good = read_number(key, base, found, &wanted);
        break;
    case CONFIG_DURATION:
        good = read_duration(key, place, found, &wanted);
        break;
    case CONFIG_SIZE:
        good = read_size(key, place, found, &wanted);
        break;
    case CONFIG_AUTHOR:
        good = read_author(key, base, found, &wanted);
        break;
    case CONFIG_TEXT:
    case CONFIG_LIST:
    case CONFIG_VARIABLES:
        read_text(reader, key, name, base, found);
        break;
    }
    if (!good)
        wrong(reader, found.at, name, found.string, text_string(&wanted));
}

static void read_list(struct config_reader *reader, const struct config_key *key, const char *name,
                      void *base, struct json_object *node)
{
    struct config_list *list = field(base, key->offset);
    size_t count = json_object_array_length(node);

    make_empty(list);
    if (!count && (key->flags & CONFIG_NOT_EMPTY))
        config_problem(reader, yaml_position(node), name,
                       "expected a list of at least one item, found an empty list");
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(node, i);
        struct yaml_position at = yaml_position(item);
        char *copy;

        if (!json_object_is_type(item, json_type_string)) {
            wrong_node(reader, at.line ? at : yaml_position(node), name, item, "text");
            continue;
        }
        copy = checked(reader, key, name, (struct found){json_object_get_string(item), false, at});
        if (copy)
            config_list_append(list, copy);
    }
    if (list->count && (key->flags & CONFIG_NOT_EMPTY) && !*list->items[0])
        config_problem(reader, yaml_position(node), name,
                       "expected the name of a program as the first item, found \"\"");
}

static void read_variables(struct config_reader *reader, const struct config_key *key,
                           const char *name, void *base, struct json_object *node)
{
    struct config_list *list = field(base, key->offset);

    make_empty(list);
    json_object_object_foreach(node, variable, value)
    {
        struct yaml_position at = yaml_key_position(node, variable);
        CLEANUP_FREE char *whole = memory_format("%s.%s", name, variable);
        const char *wanted = key->check(variable);

        if (wanted)
            wrong(reader, at, whole, variable, wanted);
        else if (value && !json_object_is_type(value, json_type_string))
            wrong_node(reader, yaml_position(value), whole, value, "text");
        else
            config_list_append(
                list, memory_format("%s=%s", variable, value ? json_object_get_string(value) : ""));
    }
}

void config_read(struct config_reader *reader, const struct config_key *key, const char *name,
                 void *base, struct json_object *node)
{
    static const struct {
        enum json_type type;
        const char *wanted;
    } expected[] = {
        [CONFIG_LIST] = {json_type_array, "a list such as [one, two]"},
        [CONFIG_VARIABLES] = {json_type_object, "names with values such as {NAME: value}"},
    };
    bool scalar = key->shape != CONFIG_LIST && key->shape != CONFIG_VARIABLES;

    if (!node)
        return;
    if (scalar && json_object_is_type(node, json_type_string)) {
        struct found found = {json_object_get_string(node), yaml_plain(node), yaml_position(node)};

        read_scalar(reader, key, name, base, found);
    } else if (scalar) {
        wrong_node(reader, yaml_position(node), name, node, "one value");
    } else if (!json_object_is_type(node, expected[key->shape].type)) {
        wrong_node(reader, yaml_position(node), name, node, expected[key->shape].wanted);
    } else if (key->shape == CONFIG_LIST) {
        read_list(reader, key, name, base, node);
    } else {
        read_variables(reader, key, name, base, node);
    }
}

void config_read_string(struct config_reader *reader, const struct config_key *key,
                        const char *name, void *base, const char *string)
{
    bool list = key->shape == CONFIG_LIST || key->shape == CONFIG_VARIABLES;
    CLEANUP_FREE char *copy = list ? memory_copy(string) : NULL;
    char *rest = NULL;

    if (!list) {
        read_scalar(reader, key, name, base, (struct found){string, true, {0, 0}});
        return;
    }
    make_empty(field(base, key->offset));
    for (char *item = strtok_r(copy, " ", &rest); item; item = strtok_r(NULL, " ", &rest))
        config_list_append(field(base, key->offset), memory_copy(item));
}

static void render_list(const struct config_key *key, const struct config_list *list,
                        struct text *text)
{
    text_append(text, "[");
    for (size_t i = 0; i < list->count; i++) {
        CLEANUP_FREE char *item = memory_copy(list->items[i]);

        if (key->flags & CONFIG_HIDE_VALUES)
            item[strcspn(item, "=")] = '\0';
        text_append(text, i ? ", " : "");
        text_append_visible(text, item, NULL);
    }
    text_append(text, "]");
}

void config_render(const struct config_key *key, const void *base, struct text *text)
{
    const void *place = const_field(base, key->offset);

    switch (key->shape) {
    case CONFIG_TEXT:
        text_append(text, *(char *const *)place ? *(char *const *)place : "");
        break;
    case CONFIG_WORD:
        text_append(text, key->words[*(const int *)place]);
        break;
    case CONFIG_BOOL:
        text_append(text, *(const bool *)place ? "true" : "false");
        break;
    case CONFIG_COUNT:
        text_append_format(text, "%u", *(const unsigned *)place);
        break;
    case CONFIG_NUMBER:
        if (!key->other || *(const bool *)const_field(base, key->other))
            text_append_number(text, *(const double *)place);
        break;
    case CONFIG_DURATION:
        append_duration(text, *(const uint64_t *)place);
        break;
    case CONFIG_SIZE:
        append_size(text, *(const uint64_t *)place);
        break;
    case CONFIG_AUTHOR:
        text_append_format(text, "%s <%s>", *(char *const *)place,
                           *(char *const *)const_field(base, key->other));
        break;
    case CONFIG_LIST:
    case CONFIG_VARIABLES:
        render_list(key, place, text);
        break;
    }
}

void config_release(const struct config_key *key, void *base)
{
    switch (key->shape) {
    case CONFIG_AUTHOR:
        free(*(char **)field(base, key->other));
        free(*(char **)field(base, key->offset));
        break;
    case CONFIG_TEXT:
        free(*(char **)field(base, key->offset));
        break;
    case CONFIG_LIST:
    case CONFIG_VARIABLES:
        config_list_clear(field(base, key->offset));
        break;
    default:
        break;
    }
}

/* To ask for the same room again costs nothing, so room for twice as many is asked for at a time. */
void config_list_append(struct config_list *list, char *item)
{
    size_t room = 2;

    while (room < list->count + 2)
        room *= 2;
    list->items = memory_resize(list->items, room * sizeof *list->items);
    list->items[list->count++] = item;
    list->items[list->count] = NULL;
}

struct config_list config_list_copy(const struct config_list *list)
{
    struct config_list copy = {
        .items = memory_new_array(list->count + 1, sizeof *copy.items),
        .count = list->count,
    };

    for (size_t i = 0; i < list->count; i++)
        copy.items[i] = memory_copy(list->items[i]);
    return copy;
}

void config_list_clear(struct config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct config_list){0};
}
