#pragma once

/*
 * Strict JSON (RFC 8259) with bounds, in front of json-c.
 *
 * json-c alone lets NaN, single quotes and duplicate keys through, clamps integers and makes 1e400
 * infinite. So the bytes are read here, in one pass and with allocation that the limits bound, and
 * json-c holds what was found. Every number stays available as it was written through
 * json_object_to_json_string(); one without fraction and exponent is an integer if it fits into 64
 * bits with a sign, every other a double.
 */

#include "common/error.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct json_limits {
    size_t bytes;
    unsigned depth;  /* of arrays and objects in one another; the outermost is at depth 1 */
    unsigned values; /* scalars, arrays, objects and keys' values; not the keys themselves */
    bool
        non_finite; /* takes NaN, Infinity and -Infinity as numbers, as Python's json writes them */
};

/* Parses one JSON document. Refuses: anything but RFC 8259, a BOM, invalid UTF-8, NUL (also as
 * \u0000), lone surrogates, duplicate keys, numbers that a finite double cannot hold, text behind the
 * document, and what is beyond the limits. On 0 `*json` is the caller's (json_object_put). On -1 the
 * error is permanent and names line and column (both from 1, columns in bytes), e.g.
 * "line 3, column 14: duplicate key 'metric'". A document that is `null` gives NULL. */
int json_parse(struct json_object **json, const char *bytes, size_t length,
               const struct json_limits *limits, struct error *error);

/* Whether the bytes are a whole JSON document in the sense above: for a file that may still be
 * written to. */
int json_check(const char *bytes, size_t length, const struct json_limits *limits,
               struct error *error);
