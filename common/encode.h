#pragma once

/*
 * Percent-encoding, base64 and the escapes of JSON.
 *
 * Every function here appends to a text and cannot fail.
 */

#include "common/text.h"

#include <stddef.h>
#include <stdint.h>

/* Appends `string` percent-encoded. Letters, digits, "-._~" and the bytes in `more` ("": none) stay as
 * they are. */
void encode_append_percent(struct text *text, const char *string, const char *more);

/* Appends base64 with padding. */
void encode_append_base64(struct text *text, const void *bytes, size_t length);

/* Appends a code point as JSON escapes it: \uXXXX, or two of these (a surrogate pair) above U+FFFF. */
void encode_append_json(struct text *text, uint32_t code_point);
