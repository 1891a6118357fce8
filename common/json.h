#pragma once

/*
 * Strict JSON (RFC 8259) with bounds, in front of json-c.
 *
 * json-c's own parser takes NaN, single quotes and duplicate keys, clamps integers and makes 1e400 infinite.
 * So the bytes are parsed here, in one pass whose memory the limits bound. json-c only keeps the objects.
 * json_object_to_json_string() gives every number as it was written. A number without fraction and exponent
 * is an integer if it fits into a signed 64-bit one; every other number is a double.
 */

#include "common/error.h"
#include "common/memory.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct json_limits {
    size_t bytes;
    unsigned depth;  /* nesting of arrays and objects; the outermost has depth 1 */
    unsigned values; /* scalars, arrays and objects; keys are not counted */
    bool non_finite; /* NaN, Infinity and -Infinity are numbers, as Python's json writes them */
};

/* Parses one JSON document. It refuses what is not RFC 8259, a BOM, invalid UTF-8, NUL (also as \u0000), lone
 * surrogates and duplicate keys. It also refuses numbers outside the range of a double, text after the
 * document, and what exceeds the limits. The caller drops `*json` with json_object_put(); it is NULL for the
 * document `null`. Fails (permanent) naming line and column, both from 1 and columns in bytes: "line 3,
 * column 14: duplicate key 'metric'". */
int json_parse(struct json_object **json, const char *bytes, size_t length,
               const struct json_limits *limits, struct error *error);

/* Checks that the bytes are one whole JSON document, for a file that may still be written to. Fails as
 * json_parse() does. */
int json_check(const char *bytes, size_t length, const struct json_limits *limits,
               struct error *error);

/* Drops a reference when the variable goes out of scope. */
void json_freep(struct json_object **json);
#define CLEANUP_JSON CLEANUP(json_freep)

/* Returns the member of that name and type; NULL: there is none, or `object` is no object. It belongs to the
 * object. */
struct json_object *json_member(struct json_object *object, const char *name, enum json_type type);

/* Returns the text of the member of that name; NULL: there is none, or `object` is no object. It belongs to
 * the object. */
const char *json_member_text(struct json_object *object, const char *name);

/* Adds a copy of `text` to an object; NULL: adds nothing. */
void json_put_text(struct json_object *object, const char *key, const char *text);
