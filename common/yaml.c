/*
 * Turns libyaml's events into json-c objects, one by one, as deep as the limit allows. libyaml's own tree
 * builder is not used: it resolves aliases, and checks nothing before the end. Positions are the userdata of
 * the json-c objects, and are freed with them.
 */

#include "common/yaml.h"

#include "common/memory.h"
#include "common/text.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

/* A value, and its place. */
struct origin {
    struct yaml_position position;
    bool plain;
    struct lh_table *keys; /* of an object: key to struct yaml_position */
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    const char *bytes;
    size_t length;
    const struct json_limits *limits;
    struct error *error;
    void (*complain)(void *data, const struct error *error); /* NULL: the first mistake ends it */
    void *data;
    bool last_counts; /* of equal keys */
    unsigned depth;
    unsigned values;
};

static int read_value(struct reader *reader, struct json_object **value);

/* json-c returns NULL when there is no memory. */
static void *made(void *object)
{
    if (!object)
        abort();
    return object;
}

/*
 * Positions.
 */

static void free_key(struct lh_entry *entry)
{
    free(lh_entry_k(entry));
    free(lh_entry_v(entry));
}

static void free_origin(struct json_object *value, void *userdata)
{
    struct origin *origin = userdata;

    if (origin->keys)
        lh_table_free(origin->keys);
    free(origin);
}

static struct yaml_position position_of(yaml_mark_t mark)
{
    return (struct yaml_position){(unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static struct origin *remember(struct json_object *value, yaml_mark_t mark, bool plain)
{
    struct origin *origin = memory_new(sizeof(*origin));

    origin->position = position_of(mark);
    origin->plain = plain;
    json_object_set_userdata(value, origin, free_origin);
    return origin;
}

static void remember_key(struct origin *origin, const char *key, yaml_mark_t mark)
{
    struct yaml_position *position = memory_new(sizeof(*position));

    *position = position_of(mark);
    if (lh_table_insert(origin->keys, memory_copy(key), position) < 0)
        abort();
}

/* A tree from elsewhere has other userdata on its numbers, and none on the rest. */
static const struct origin *origin_of(const struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_object:
    case json_type_array:
    case json_type_string:
        return json_object_get_userdata((struct json_object *)value);
    default:
        return NULL;
    }
}

struct yaml_position yaml_position(const struct json_object *value)
{
    const struct origin *origin = origin_of(value);

    return origin ? origin->position : (struct yaml_position){0};
}

struct yaml_position yaml_key_position(const struct json_object *object, const char *key)
{
    const struct origin *origin = origin_of(object);
    void *position = NULL;

    if (!origin || !origin->keys || !lh_table_lookup_ex(origin->keys, key, &position))
        return (struct yaml_position){0};
    return *(const struct yaml_position *)position;
}

bool yaml_plain(const struct json_object *value)
{
    const struct origin *origin = origin_of(value);

    return origin && origin->plain;
}

/*
 * Errors.
 */

static int __attribute__((format(printf, 3, 4)))
fail_at(struct error *error, struct yaml_position position, const char *format, ...)
{
    char message[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    return error_set_at(error, position.line, position.column, "%s", message);
}

/* After fail_at(): whether reading goes on after this mistake. */
static int read_past(struct reader *reader)
{
    if (!reader->complain)
        return -1;
    reader->complain(reader->data, reader->error);
    return 0;
}

static const char *show(struct text *shown, const void *piece)
{
    return text_excerpt(shown, piece, strlen(piece));
}

/* `offset` is inside the document; what precedes it is valid UTF-8. */
static struct yaml_position position_at(const char *bytes, size_t offset)
{
    struct yaml_position position = {1, 1};

    for (size_t i = 0; i < offset; i++) {
        if (bytes[i] == '\n' || (bytes[i] == '\r' && bytes[i + 1] != '\n'))
            position = (struct yaml_position){position.line + 1, 1};
        else if (((unsigned char)bytes[i] & 0xc0) != 0x80)
            position.column++;
    }
    return position;
}

/* Turns libyaml's error into ours. */
static int fail_parser(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "not valid YAML";
    struct yaml_position position = position_of(parser->problem_mark);

    if (parser->error == YAML_MEMORY_ERROR)
        abort();
    if (parser->error == YAML_READER_ERROR && parser->problem_offset < reader->length)
        position = position_at(reader->bytes, parser->problem_offset);
    if (parser->context)
        return fail_at(reader->error, position, "%s, %s", problem, parser->context);
    return fail_at(reader->error, position, "%s", problem);
}

static int next_event(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    return yaml_parser_parse(&reader->parser, &reader->event) ? 0 : fail_parser(reader);
}

/*
 * Values. Each of these functions is called at the first event of a value and ends with its last one.
 */

/* Anchors and tags, which any value may carry. */
static int check_properties(struct reader *reader, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    struct yaml_position position = position_of(reader->event.start_mark);
    CLEANUP_TEXT struct text shown_anchor = {0};
    CLEANUP_TEXT struct text shown_tag = {0};

    if (anchor) {
        fail_at(reader->error, position, "anchor &%s: anchors are not taken",
                show(&shown_anchor, anchor));
        if (read_past(reader) < 0)
            return -1;
    }
    if (tag) {
        fail_at(reader->error, position, "tag %s: tags are not taken", show(&shown_tag, tag));
        if (read_past(reader) < 0)
            return -1;
    }
    return 0;
}

/* A double-quoted scalar can write any character as an escape, also NUL. */
static int check_scalar(struct reader *reader)
{
    const yaml_event_t *event = &reader->event;

    if (check_properties(reader, event->data.scalar.anchor, event->data.scalar.tag) < 0)
        return -1;
    if (!utf8_valid(event->data.scalar.value, event->data.scalar.length, NULL))
        return fail_at(reader->error, position_of(event->start_mark),
                       "a scalar with a NUL or an invalid character");
    return 0;
}

static int read_scalar(struct reader *reader, struct json_object **value)
{
    const yaml_event_t *event = &reader->event;
    const char *string = (const char *)event->data.scalar.value;
    bool plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;

    if (check_scalar(reader) < 0)
        return -1;
    if (plain && (*string == '\0' || strcmp(string, "~") == 0 || strcmp(string, "null") == 0)) {
        *value = NULL;
        return 0;
    }
    *value = made(json_object_new_string_len(string, (int)event->data.scalar.length));
    remember(*value, event->start_mark, plain);
    return 0;
}

static int enter(struct reader *reader)
{
    if (++reader->depth > reader->limits->depth)
        return fail_at(reader->error, position_of(reader->event.start_mark),
                       "nested deeper than %u", reader->limits->depth);
    return 0;
}

static int read_sequence(struct reader *reader, struct json_object **value)
{
    const yaml_event_t *event = &reader->event;
    CLEANUP_JSON struct json_object *array = NULL;

    if (check_properties(reader, event->data.sequence_start.anchor,
                         event->data.sequence_start.tag) < 0 ||
        enter(reader) < 0)
        return -1;
    array = made(json_object_new_array());
    remember(array, event->start_mark, false);
    for (;;) {
        struct json_object *element = NULL;

        if (next_event(reader) < 0)
            return -1;
        if (event->type == YAML_SEQUENCE_END_EVENT)
            break;
        if (read_value(reader, &element) < 0)
            return -1;
        if (json_object_array_add(array, element) < 0)
            abort();
    }
    reader->depth--;
    *value = TAKE(array);
    return 0;
}

/* Reads the key at which the reader is. The caller frees `*key`; it is NULL if the member is to be left
 * out. */
static int read_key(struct reader *reader, struct json_object *object, struct origin *origin,
                    char **key)
{
    const yaml_event_t *event = &reader->event;
    struct yaml_position position = position_of(event->start_mark);
    const char *string = (const char *)event->data.scalar.value;
    CLEANUP_TEXT struct text shown = {0};

    if (event->type == YAML_ALIAS_EVENT) {
        fail_at(reader->error, position, "alias *%s: aliases are not taken",
                show(&shown, event->data.alias.anchor));
        return read_past(reader);
    }
    if (event->type != YAML_SCALAR_EVENT)
        return fail_at(reader->error, position, "a key that is no scalar");
    if (check_scalar(reader) < 0)
        return -1;
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(string, "<<") == 0) {
        fail_at(reader->error, position, "key <<: merging is not taken");
        return read_past(reader);
    }
    if (json_object_object_get_ex(object, string, NULL)) {
        fail_at(reader->error, position, "duplicate key '%s'", show(&shown, string));
        if (read_past(reader) < 0)
            return -1;
        if (!reader->last_counts)
            return 0;
        json_object_object_del(object, string);
        lh_table_delete(origin->keys, string);
    }
    remember_key(origin, string, event->start_mark);
    *key = memory_copy(string);
    return 0;
}

static int read_mapping(struct reader *reader, struct json_object **value)
{
    const yaml_event_t *event = &reader->event;
    CLEANUP_JSON struct json_object *object = NULL;
    struct origin *origin;

    if (check_properties(reader, event->data.mapping_start.anchor, event->data.mapping_start.tag) <
            0 ||
        enter(reader) < 0)
        return -1;
    object = made(json_object_new_object());
    origin = remember(object, event->start_mark, false);
    origin->keys = made(lh_kchar_table_new(8, free_key));
    for (;;) {
        CLEANUP_FREE char *key = NULL;
        struct json_object *member = NULL;

        if (next_event(reader) < 0)
            return -1;
        if (event->type == YAML_MAPPING_END_EVENT)
            break;
        if (read_key(reader, object, origin, &key) < 0 || next_event(reader) < 0 ||
            read_value(reader, &member) < 0)
            return -1;
        if (!key)
            json_object_put(member);
        else if (json_object_object_add_ex(object, key, member, JSON_C_OBJECT_ADD_KEY_IS_NEW) < 0)
            abort();
    }
    reader->depth--;
    *value = TAKE(object);
    return 0;
}

static int read_value(struct reader *reader, struct json_object **value)
{
    struct yaml_position position = position_of(reader->event.start_mark);
    CLEANUP_TEXT struct text shown = {0};

    if (++reader->values > reader->limits->values)
        return fail_at(reader->error, position, "more than %u values", reader->limits->values);
    switch (reader->event.type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, value);
    case YAML_SEQUENCE_START_EVENT:
        return read_sequence(reader, value);
    case YAML_MAPPING_START_EVENT:
        return read_mapping(reader, value);
    case YAML_ALIAS_EVENT:
        fail_at(reader->error, position, "alias *%s: aliases are not taken",
                show(&shown, reader->event.data.alias.anchor));
        return read_past(reader);
    default:
        return error_set(reader->error, ERROR_BUG, "libyaml gave event %d in place of a value",
                         (int)reader->event.type);
    }
}

/*
 * The document.
 */

/* Whether a line begins at `offset`, in the sense of YAML 1.1. */
static bool at_line_begin(const char *bytes, size_t offset)
{
    static const char *const breaks[] = {"\n", "\r", "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};

    if (offset == 0)
        return true;
    for (size_t i = 0; i < sizeof(breaks) / sizeof(breaks[0]); i++) {
        size_t length = strlen(breaks[i]);

        if (offset >= length && memcmp(bytes + offset - length, breaks[i], length) == 0)
            return true;
    }
    return false;
}

/* libyaml compares each %TAG with all before it: as many as fit into 4 MiB would take minutes. Tags are
 * refused anyway, so one of them is enough to refuse the document. */
static int check_directives(const char *bytes, size_t length, struct error *error)
{
    static const char directive[] = "%TAG";
    const char *at = bytes;
    const char *end = bytes + length;

    while ((at = memmem(at, (size_t)(end - at), directive, sizeof(directive) - 1))) {
        if (at_line_begin(bytes, (size_t)(at - bytes)))
            return fail_at(error, position_at(bytes, (size_t)(at - bytes)),
                           "%%TAG: tags are not taken");
        at += sizeof(directive) - 1;
    }
    return 0;
}

static int check_bytes(const char *bytes, size_t length, const struct json_limits *limits,
                       struct error *error)
{
    struct yaml_position begin = {1, 1};
    size_t offset;

    if (length > limits->bytes || length > INT_MAX)
        return error_set(error, ERROR_PERMANENT, "larger than %zu bytes", limits->bytes);
    if (length >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        return fail_at(error, begin, "a byte order mark is not taken");
    if (length >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0))
        return fail_at(error, begin, "UTF-16 is not taken, only UTF-8");
    if (!utf8_valid(bytes, length, &offset))
        return fail_at(error, position_at(bytes, offset), "%s",
                       bytes[offset] == '\0' ? "a NUL byte" : "not valid UTF-8");
    return check_directives(bytes, length, error);
}

/* Reads the one document of a stream. `*value` stays NULL if there is none, or if it is null. */
static int read_stream(struct reader *reader, struct json_object **value)
{
    CLEANUP_JSON struct json_object *root = NULL;

    if (next_event(reader) < 0 ||
        next_event(reader) < 0) /* the beginning of the stream, then the first event */
        return -1;
    if (reader->event.type == YAML_STREAM_END_EVENT)
        return 0;
    if (next_event(reader) < 0 || read_value(reader, &root) < 0)
        return -1;
    if (next_event(reader) < 0 ||
        next_event(reader) < 0) /* the document's end, then what follows */
        return -1;
    if (reader->event.type != YAML_STREAM_END_EVENT)
        return fail_at(reader->error, position_of(reader->event.start_mark),
                       "a second document: only one is taken");
    *value = TAKE(root);
    return 0;
}

static void free_reader(struct reader *reader)
{
    yaml_event_delete(&reader->event);
    yaml_parser_delete(&reader->parser);
}

int yaml_parse(struct json_object **tree, const char *bytes, size_t length,
               const struct json_limits *limits, struct error *error)
{
    return yaml_parse_all(tree, bytes, length, limits, false, NULL, NULL, error);
}

int yaml_parse_all(struct json_object **tree, const char *bytes, size_t length,
                   const struct json_limits *limits, bool last_counts,
                   void (*complain)(void *data, const struct error *error), void *data,
                   struct error *error)
{
    CLEANUP(free_reader)
    struct reader reader = {
        .bytes = bytes,
        .length = length,
        .limits = limits,
        .error = error,
        .complain = complain,
        .data = data,
        .last_counts = last_counts,
    };
    CLEANUP_JSON struct json_object *value = NULL;

    if (check_bytes(bytes, length, limits, error) < 0)
        return -1;
    if (!yaml_parser_initialize(&reader.parser))
        abort();
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)bytes, length);
    if (read_stream(&reader, &value) < 0)
        return -1;
    *tree = value ? TAKE(value) : made(json_object_new_object());
    return 0;
}
