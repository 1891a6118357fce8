#pragma once

/*
 * The facts of a pull request as JSON in an HTML comment, for programs.
 */

#include "common/text.h"
#include "daemon/description.h"

#include <json-c/json.h>

/* Appends the comment on a line of its own, at most about 20,000 bytes. It begins with the marker. */
void description_append_facts(struct text *text, const struct description *description);

/* Returns the value of a detail as it is shown: a text unchanged, anything else as JSON. It belongs to
 * `value`. */
const char *description_value(struct json_object *value);
