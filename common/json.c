/*
 * A recursive descent over RFC 8259 in one pass, as deep as the limit allows. It makes the json-c objects
 * itself. json-c's own parser would lose the digits of a number beyond 64 bits, and would read everything a
 * second time.
 */

#include "common/json.h"

#include "common/memory.h"
#include "common/text.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONE_SURROGATE                                                                             \
    "half of a surrogate pair: bytes that are no UTF-8 can stand in a patch file beside this "     \
    "one, and not in JSON"

/* A key of an object that is not closed yet. */
struct key {
    const char *string; /* unescaped, not terminated */
    size_t length;
    const char *at; /* where it is in the document */
    char *copy;     /* what `string` points to, where it had escapes; else NULL */
};

struct parser {
    const char *bytes;
    const char *at;
    const char *end;
    const struct json_limits *limits;
    struct error *error;
    bool build; /* else the document is only checked */
    unsigned depth;
    unsigned values;
    /* Of all open objects, the innermost last; never more than there may be values. */
    struct key *keys;
    size_t key_count;
    size_t key_capacity;
    struct text scratch; /* a string with its escapes resolved, or a number with a NUL after it */
};

static int parse_value(struct parser *parser, struct json_object **value);

static void free_parser(struct parser *parser)
{
    for (size_t i = 0; i < parser->key_count; i++)
        free(parser->keys[i].copy);
    free(parser->keys);
    text_free(&parser->scratch);
}

void json_freep(struct json_object **json)
{
    json_object_put(*json);
}

static int __attribute__((format(printf, 3, 4)))
fail_at(struct parser *parser, const char *at, const char *format, ...)
{
    unsigned line = 1;
    const char *begin = parser->bytes;
    va_list arguments;
    char message[512];

    for (const char *c = parser->bytes; c < at; c++) {
        if (*c == '\n') {
            line++;
            begin = c + 1;
        }
    }
    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    return error_set_at(parser->error, line, (unsigned)(at - begin) + 1, "%s", message);
}

/* The analyzer does not look into functions like this one: see error.h. */
#ifdef __clang_analyzer__
#define fail_at(...) (fail_at(__VA_ARGS__), -1)
#endif

/* json-c returns NULL when there is no memory. */
static struct json_object *made(struct json_object *object)
{
    if (!object)
        abort();
    return object;
}

static void skip_space(struct parser *parser)
{
    while (parser->at < parser->end && (*parser->at == ' ' || *parser->at == '\t' ||
                                        *parser->at == '\n' || *parser->at == '\r'))
        parser->at++;
}

/* Sets the next character that is no white space. Returns -1 with the error at the end of the document. */
static int next(struct parser *parser, char *character)
{
    skip_space(parser);
    if (parser->at == parser->end)
        return fail_at(parser, parser->at, "the document ends too early");
    *character = *parser->at;
    return 0;
}

/* Fails naming what was found here: a word as a whole, else one character. */
static int fail_unexpected(struct parser *parser, const char *wanted)
{
    size_t length = 0;
    size_t left = (size_t)(parser->end - parser->at);
    uint32_t code_point;
    CLEANUP_TEXT struct text shown = {0};

    while (length < left && ((parser->at[length] >= 'a' && parser->at[length] <= 'z') ||
                             (parser->at[length] >= 'A' && parser->at[length] <= 'Z')))
        length++;
    if (length == 0)
        length = utf8_decode(parser->at, &code_point);
    return fail_at(parser, parser->at, "expected %s, found '%s'", wanted,
                   text_excerpt(&shown, parser->at, length));
}

/*
 * Strings.
 */

/* Reads four hex digits at `at`. */
static int read_hex(const struct parser *parser, const char *at, uint32_t *unit)
{
    *unit = 0;
    if (parser->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        uint32_t digit;

        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            digit = (uint32_t)(c - 'a') + 10;
        else if (c >= 'A' && c <= 'F')
            digit = (uint32_t)(c - 'A') + 10;
        else
            return -1;
        *unit = *unit << 4 | digit;
    }
    return 0;
}

/* Called at the backslash of a \u. */
static int parse_unicode_escape(struct parser *parser)
{
    const char *begin = parser->at;
    uint32_t unit, low;

    if (read_hex(parser, begin + 2, &unit) < 0)
        return fail_at(parser, begin, "\\u without four hex digits");
    parser->at += 6;
    if (unit == 0)
        return fail_at(parser, begin, "\\u0000 is not taken");
    if (unit >= 0xdc00 && unit <= 0xdfff)
        return fail_at(parser, begin, LONE_SURROGATE);
    if (unit >= 0xd800 && unit <= 0xdbff) {
        if (parser->end - parser->at < 6 || parser->at[0] != '\\' || parser->at[1] != 'u' ||
            read_hex(parser, parser->at + 2, &low) < 0 || low < 0xdc00 || low > 0xdfff)
            return fail_at(parser, begin, LONE_SURROGATE);
        parser->at += 6;
        unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
    text_append_code_point(&parser->scratch, unit);
    return 0;
}

/* Called at a backslash inside a string. */
static int parse_escape(struct parser *parser)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;

    if (parser->end - parser->at < 2)
        return fail_at(parser, parser->end, "the document ends too early");
    if (parser->at[1] == 'u')
        return parse_unicode_escape(parser);
    letter = memchr(letters, parser->at[1], sizeof(letters) - 1);
    if (!letter)
        return fail_at(parser, parser->at, "an unknown escape in a string");
    text_append_bytes(&parser->scratch, &meanings[letter - letters], 1);
    parser->at += 2;
    return 0;
}

/* Called at the opening quote; ends after the closing one. `*string` points into the document if there
 * were no escapes, else into the scratch text. It is not terminated. */
static int parse_string(struct parser *parser, const char **string, size_t *length)
{
    const char *opening = parser->at++;
    const char *plain = parser->at; /* what was read since the last escape and not copied yet */
    bool escaped = false;

    text_reset(&parser->scratch);
    while (parser->at < parser->end && *parser->at != '"') {
        if ((unsigned char)*parser->at < 0x20)
            return fail_at(parser, parser->at, "a control character in a string");
        if (*parser->at != '\\') {
            parser->at++;
            continue;
        }
        text_append_bytes(&parser->scratch, plain, (size_t)(parser->at - plain));
        if (parse_escape(parser) < 0)
            return -1;
        plain = parser->at;
        escaped = true;
    }
    if (parser->at == parser->end)
        return fail_at(parser, opening, "a string without its end");
    *string = opening + 1;
    *length = (size_t)(parser->at - plain);
    if (escaped) {
        text_append_bytes(&parser->scratch, plain, (size_t)(parser->at - plain));
        *string = parser->scratch.data;
        *length = parser->scratch.length;
    }
    parser->at++;
    return 0;
}

static int parse_string_value(struct parser *parser, struct json_object **value)
{
    const char *string = NULL;
    size_t length = 0;

    if (parse_string(parser, &string, &length) < 0)
        return -1;
    if (parser->build)
        *value = made(json_object_new_string_len(string, (int)length));
    return 0;
}

/*
 * Numbers and words.
 */

/* A number in the range of json-c's integers becomes one. Any other becomes a double that remembers how it
 * was written. "-0" is a double as well, or its sign would be lost. */
static struct json_object *make_number(const char *written, double number)
{
    char *end;
    bool integer = strpbrk(written, ".eE") == NULL && strcmp(written, "-0") != 0;

    errno = 0;
    long long whole = strtoll(written, &end, 10);
    if (integer && errno == 0)
        return made(json_object_new_int64(whole));
    return made(json_object_new_double_s(number, written));
}

static int parse_number(struct parser *parser, struct json_object **value)
{
    static const char characters[] = "+-.0123456789eE";
    const char *begin = parser->at;
    CLEANUP_TEXT struct text shown = {0};
    double number;

    while (parser->at < parser->end &&
           memchr(characters, *parser->at, sizeof(characters) - 1) != NULL)
        parser->at++;
    text_reset(&parser->scratch);
    text_append_bytes(&parser->scratch, begin, (size_t)(parser->at - begin));
    if (number_parse(parser->scratch.data, &number) < 0)
        return fail_at(parser, begin,
                       "'%s' is not a number of JSON, or is outside the range of a double",
                       text_excerpt(&shown, begin, parser->scratch.length));
    if (parser->build)
        *value = make_number(parser->scratch.data, number);
    return 0;
}

/* Reads `word`, if nothing that belongs to a word follows it. */
static bool accept_word(struct parser *parser, const char *word)
{
    size_t length = strlen(word);
    size_t left = (size_t)(parser->end - parser->at);

    if (left < length || memcmp(parser->at, word, length) != 0)
        return false;
    if (left > length && ((parser->at[length] >= 'a' && parser->at[length] <= 'z') ||
                          (parser->at[length] >= 'A' && parser->at[length] <= 'Z')))
        return false;
    parser->at += length;
    return true;
}

/* NaN and the infinities, which JSON does not have and some programs write. */
static bool accept_non_finite(struct parser *parser, struct json_object **value)
{
    static const struct {
        const char *word;
        double number;
    } words[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};

    for (size_t i = 0; parser->limits->non_finite && i < sizeof(words) / sizeof(words[0]); i++) {
        if (!accept_word(parser, words[i].word))
            continue;
        if (parser->build)
            *value = made(json_object_new_double_s(words[i].number, words[i].word));
        return true;
    }
    return false;
}

static int parse_word(struct parser *parser, struct json_object **value)
{
    bool truth = accept_word(parser, "true");

    if (truth || accept_word(parser, "false")) {
        if (parser->build)
            *value = made(json_object_new_boolean(truth));
        return 0;
    }
    return accept_word(parser, "null") ? 0 : fail_unexpected(parser, "a value");
}

/*
 * Arrays and objects.
 */

static int enter(struct parser *parser)
{
    if (++parser->depth > parser->limits->depth)
        return fail_at(parser, parser->at, "nested deeper than %u", parser->limits->depth);
    parser->at++;
    return 0;
}

/* After an element: reads a comma, or the closing bracket, and says which. */
static int parse_separator(struct parser *parser, char closing, bool *closed)
{
    char character;
    char wanted[] = "',' or '?'";

    if (next(parser, &character) < 0)
        return -1;
    *closed = character == closing;
    if (!*closed && character != ',') {
        wanted[8] = closing;
        return fail_unexpected(parser, wanted);
    }
    parser->at++;
    if (*closed)
        parser->depth--;
    return 0;
}

/* Whether the container that was just entered is empty. */
static int parse_empty(struct parser *parser, char closing, bool *closed)
{
    char character;

    if (next(parser, &character) < 0)
        return -1;
    *closed = character == closing;
    if (*closed) {
        parser->at++;
        parser->depth--;
    }
    return 0;
}

static int parse_array(struct parser *parser, struct json_object **value)
{
    CLEANUP_JSON struct json_object *array = NULL;
    bool closed;

    if (enter(parser) < 0 || parse_empty(parser, ']', &closed) < 0)
        return -1;
    if (parser->build)
        array = made(json_object_new_array());
    while (!closed) {
        struct json_object *element = NULL;

        if (parse_value(parser, &element) < 0)
            return -1;
        if (parser->build && json_object_array_add(array, element) < 0)
            abort();
        if (parse_separator(parser, ']', &closed) < 0)
            return -1;
    }
    *value = TAKE(array);
    return 0;
}

static void push_key(struct parser *parser, const char *at, const char *string, size_t length)
{
    struct key *key;

    if (parser->key_count == parser->key_capacity) {
        parser->key_capacity = parser->key_capacity > 0 ? parser->key_capacity * 2 : 16;
        parser->keys = memory_resize(parser->keys, parser->key_capacity * sizeof(*parser->keys));
    }
    key = &parser->keys[parser->key_count++];
    *key = (struct key){.string = string, .length = length, .at = at};
    if (string == parser->scratch.data)
        key->string = key->copy = memory_copy_bytes(string, length);
}

static int compare_names(const struct key *left, const struct key *right)
{
    if (left->length != right->length)
        return left->length < right->length ? -1 : 1;
    return memcmp(left->string, right->string, left->length);
}

static int compare_keys(const void *one, const void *other)
{
    const struct key *left = one;
    const struct key *right = other;
    int order = compare_names(left, right);

    return order != 0 ? order : (left->at > right->at) - (left->at < right->at);
}

/* Looks for duplicates among the keys from `first` on, and forgets these keys. They are sorted first:
 * ten thousand keys would else cost a hundred million comparisons. */
static int pop_keys(struct parser *parser, size_t first)
{
    const struct key *duplicate = NULL;
    size_t count = parser->key_count - first;
    struct key *keys = count > 0 ? parser->keys + first : NULL;
    CLEANUP_TEXT struct text shown = {0};
    int result = 0;

    if (count > 1)
        qsort(keys, count, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < count; i++) {
        if (compare_names(&keys[i - 1], &keys[i]) == 0 &&
            (!duplicate || keys[i].at < duplicate->at))
            duplicate = &keys[i];
    }
    if (duplicate)
        result = fail_at(parser, duplicate->at, "duplicate key '%s'",
                         text_excerpt(&shown, duplicate->string, duplicate->length));
    for (size_t i = 0; i < count; i++)
        free(keys[i].copy);
    parser->key_count = first;
    return result;
}

static int parse_member(struct parser *parser, struct json_object *object)
{
    struct json_object *value = NULL;
    CLEANUP_FREE char *name = NULL;
    const char *string, *at;
    size_t length;
    char character;

    if (next(parser, &character) < 0)
        return -1;
    if (character != '"')
        return fail_unexpected(parser, "a key in double quotes");
    at = parser->at;
    if (parse_string(parser, &string, &length) < 0)
        return -1;
    push_key(parser, at, string, length);
    if (parser->build)
        name = memory_copy_bytes(string, length);
    if (next(parser, &character) < 0)
        return -1;
    if (character != ':')
        return fail_unexpected(parser, "':'");
    parser->at++;
    if (parse_value(parser, &value) < 0)
        return -1;
    /* Duplicates are looked for at the end of the object, so json-c need not look. */
    if (object && json_object_object_add_ex(object, name, value, JSON_C_OBJECT_ADD_KEY_IS_NEW) < 0)
        abort();
    return 0;
}

static int parse_object(struct parser *parser, struct json_object **value)
{
    CLEANUP_JSON struct json_object *object = NULL;
    size_t first_key = parser->key_count;
    bool closed;

    if (enter(parser) < 0 || parse_empty(parser, '}', &closed) < 0)
        return -1;
    if (parser->build)
        object = made(json_object_new_object());
    while (!closed) {
        if (parse_member(parser, object) < 0 || parse_separator(parser, '}', &closed) < 0)
            return -1;
    }
    if (pop_keys(parser, first_key) < 0)
        return -1;
    *value = TAKE(object);
    return 0;
}

static int parse_value(struct parser *parser, struct json_object **value)
{
    char character;

    if (next(parser, &character) < 0)
        return -1;
    if (++parser->values > parser->limits->values)
        return fail_at(parser, parser->at, "more than %u values", parser->limits->values);
    switch (character) {
    case '{':
        return parse_object(parser, value);
    case '[':
        return parse_array(parser, value);
    case '"':
        return parse_string_value(parser, value);
    default:
        if (accept_non_finite(parser, value))
            return 0;
        if (character == '-' || (character >= '0' && character <= '9'))
            return parse_number(parser, value);
        return parse_word(parser, value);
    }
}

/*
 * The document.
 */

static int check_bytes(struct parser *parser)
{
    size_t length = (size_t)(parser->end - parser->bytes);
    size_t offset;

    if (length > parser->limits->bytes || length > INT_MAX)
        return error_set(parser->error, ERROR_PERMANENT, "larger than %zu bytes",
                         parser->limits->bytes);
    if (length >= 3 && memcmp(parser->bytes, "\xef\xbb\xbf", 3) == 0)
        return fail_at(parser, parser->bytes, "a byte order mark is not taken");
    if (length >= 2 &&
        (memcmp(parser->bytes, "\xff\xfe", 2) == 0 || memcmp(parser->bytes, "\xfe\xff", 2) == 0))
        return fail_at(parser, parser->bytes, "expected UTF-8, found UTF-16");
    if (!utf8_valid(parser->bytes, length, &offset))
        return fail_at(parser, parser->bytes + offset,
                       parser->bytes[offset] == '\0' ? "a NUL byte" : "not valid UTF-8");
    return 0;
}

static int parse(struct json_object **json, bool build, const char *bytes, size_t length,
                 const struct json_limits *limits, struct error *error)
{
    CLEANUP(free_parser)
    struct parser parser = {
        .bytes = bytes,
        .at = bytes,
        .end = bytes + length,
        .limits = limits,
        .error = error,
        .build = build,
    };
    CLEANUP_JSON struct json_object *value = NULL;

    if (check_bytes(&parser) < 0 || parse_value(&parser, &value) < 0)
        return -1;
    skip_space(&parser);
    if (parser.at != parser.end)
        return fail_at(&parser, parser.at, "expected the end of the document, found more");
    *json = TAKE(value);
    return 0;
}

int json_parse(struct json_object **json, const char *bytes, size_t length,
               const struct json_limits *limits, struct error *error)
{
    return parse(json, true, bytes, length, limits, error);
}

int json_check(const char *bytes, size_t length, const struct json_limits *limits,
               struct error *error)
{
    struct json_object *none;

    return parse(&none, false, bytes, length, limits, error);
}

struct json_object *json_member(struct json_object *object, const char *name, enum json_type type)
{
    struct json_object *value = NULL;

    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, name, &value);
    return json_object_is_type(value, type) ? value : NULL;
}

const char *json_member_text(struct json_object *object, const char *name)
{
    struct json_object *value = json_member(object, name, json_type_string);

    return value ? json_object_get_string(value) : NULL;
}

void json_put_text(struct json_object *object, const char *key, const char *text)
{
    if (text)
        json_object_object_add(object, key, json_object_new_string(text));
}
