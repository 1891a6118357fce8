#pragma once

/*
 * A YAML document as a json-c tree that remembers line and column of its values.
 *
 * libyaml's events are read one by one. Its time is quadratic in the nesting, so the depth is checked at each
 * event. Every scalar becomes a JSON string as it is written: its key decides what it means, not its form. A
 * plain scalar that is empty, `~` or `null` becomes JSON null. It refuses aliases, anchors, tags, merge keys
 * (`<<`), duplicate keys and keys that are no scalars. It also refuses more than one document, a BOM, UTF-16,
 * invalid UTF-8, NUL, and what exceeds the limits.
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

/* Parses one document. An empty one becomes an empty object. The caller drops the tree with
 * json_object_put(). Fails (permanent): "line 3, column 5: alias *a: aliases are not taken". */
int yaml_parse(struct json_object **tree, const char *bytes, size_t length,
               const struct json_limits *limits, struct error *error);

/* Does the same, but reports all mistakes of a document. Mistakes that do not stop the parser go to
 * `complain`, in the same words: a duplicate key (the last one counts if `last_counts`, else the first), a
 * merge key, an anchor, a tag, an alias (it becomes null). Fails (permanent) with the mistake that stopped
 * the parser. */
int yaml_parse_all(struct json_object **tree, const char *bytes, size_t length,
                   const struct json_limits *limits, bool last_counts,
                   void (*complain)(void *data, const struct error *error), void *data,
                   struct error *error);

/* Returns where a value of such a tree begins; {0, 0} for null, and for a value of any other tree. */
struct yaml_position yaml_position(const struct json_object *value);

/* Returns where the key of a member is, even if its value is null. */
struct yaml_position yaml_key_position(const struct json_object *object, const char *key);

/* Returns whether a scalar was written plain (no quotes, no block). Only then may it be a number. */
bool yaml_plain(const struct json_object *value);
