#pragma once

/*
 * The facts of a pull request as JSON in an HTML comment, for programs.
 */

#include "common/text.h"
#include "daemon/description.h"

#include <json-c/json.h>

/* Appends the comment, which begins with the marker, on a line of its own; at most about 20,000 bytes. */
void description_append_facts(struct text *text, const struct description *description);

/* A detail's value as it is shown: a text as it is, anything else as JSON. Owned by the value. */
const char *description_value(struct json_object *value);
