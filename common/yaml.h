#pragma once

/*
 * A YAML document as a json-c tree that remembers line and column of its values.
 *
 * libyaml's events are read one by one: its time is quadratic in the nesting, so depth must be checked on
 * the way. Every scalar becomes a JSON string exactly as it stands: its key decides what it means, and not
 * its look. A plain scalar that is empty, `~` or `null` becomes JSON null. It refuses aliases, anchors,
 * tags, merge keys (`<<`), duplicate keys and keys that are no scalars. It also refuses more than one
 * document, a BOM, UTF-16, invalid UTF-8, NUL, and what exceeds the limits.
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

/* Parses one document; an empty one becomes an empty object. The caller drops the tree with
 * json_object_put(). Fails (permanent): "line 3, column 5: alias *a: aliases are not taken". */
int yaml_parse(struct json_object **tree, const char *bytes, size_t length,
               const struct json_limits *limits, struct error *error);

/* The same, but reports all mistakes of a document. A mistake that does not stop the reading goes to
 * `complain` in the same words: a duplicate key (the first one counts, or the last), a merge key, an anchor, a tag, an
 * alias (it counts as null). Fails (permanent) with the mistake that stopped it. */
int yaml_parse_all(struct json_object **tree, const char *bytes, size_t length,
                   const struct json_limits *limits, bool last_counts,
                   void (*complain)(void *data, const struct error *error), void *data,
                   struct error *error);

/* Returns where a value of such a tree begins; {0, 0} for null, and for a value of another tree. */
struct yaml_position yaml_position(const struct json_object *value);

/* Returns where the key of a member is, also if its value is null. */
struct yaml_position yaml_key_position(const struct json_object *object, const char *key);

/* Returns whether a scalar was written plain (no quotes, no block). Only then may it be a number. */
bool yaml_plain(const struct json_object *value);
