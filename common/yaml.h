#pragma once

/*
 * A libyaml document as a json-c tree that remembers its lines.
 *
 * Read by events, so that nesting is bounded before libyaml becomes quadratic. Every scalar becomes
 * a JSON string exactly as it stands: what it means is decided by the key it belongs to, not by its
 * look. A plain scalar that is empty, `~` or `null` becomes JSON null. Refused: aliases, anchors,
 * tags, merge keys (`<<`), duplicate keys, keys that are no scalars, more than one document, a BOM,
 * UTF-16, invalid UTF-8, NUL, and what is beyond the limits.
 */

#include "common/error.h"
#include "common/json.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

struct yaml_position {
    unsigned line;   /* from 1; 0: not known */
    unsigned column; /* from 1, in characters */
};

/* Parses one document; an empty one becomes an empty object. On 0 the tree is the caller's
 * (json_object_put). On -1 the error is permanent: "line 3, column 5: alias *a: aliases are not
 * taken". */
int yaml_parse(struct json_object **tree, const char *bytes, size_t length,
               const struct json_limits *limits, struct error *error);

/* The same for a document whose mistakes are all to be told at once. What can be read past (a duplicate key,
 * of which the first counts; a merge key, an anchor, a tag; an alias, which counts as null) goes to
 * `complain`, in the same words, and the reading goes on. On -1 the error is what it ended with. */
int yaml_parse_all(struct json_object **tree, const char *bytes, size_t length,
                   const struct json_limits *limits,
                   void (*complain)(void *data, const struct error *error), void *data,
                   struct error *error);

/* Where a value of such a tree begins; {0, 0} for null values and foreign trees. */
struct yaml_position yaml_position(const struct json_object *value);

/* Where the key of a member stands; works for null values too. */
struct yaml_position yaml_key_position(const struct json_object *object, const char *key);

/* Whether a scalar was written plain (unquoted, no block): only then may it be a number. */
bool yaml_plain(const struct json_object *value);
