#pragma once

/*
 * Text in the clothes of another format: percent-encoding, base64, the escapes of JSON.
 *
 * All of these append to a text and cannot fail.
 */

#include "common/text.h"

#include <stddef.h>
#include <stdint.h>

/* Percent-encodes all bytes but letters, digits, "-._~" and those in `more` ("" for none). */
void encode_append_percent(struct text *text, const char *string, const char *more);

/* Base64 with padding. */
void encode_append_base64(struct text *text, const void *bytes, size_t length);

/* A code point as JSON writes it: \uXXXX, two of them where one does not do. */
void encode_append_json(struct text *text, uint32_t code_point);
