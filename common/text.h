#pragma once

/*
 * A growing string, and the ways to make foreign text harmless.
 *
 * A text is always NUL-terminated once something was appended; `text.data` may be NULL before that,
 * so use text_string(). Nothing here interprets NUL bytes in what is appended: callers that hold
 * foreign bytes check them first (utf8_valid() refuses NUL).
 */

#include "common/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data;
    size_t length;
    size_t capacity;
};

void text_free(struct text *text); /* NULL-safe; leaves an empty text behind */
#define CLEANUP_TEXT CLEANUP(text_free)

/* The string so far, "" when empty; owned by the text, valid until the next append. */
const char *text_string(const struct text *text);

/* Hands the string over to the caller (free()), "" when empty, and leaves an empty text. */
char *text_take(struct text *text);

void text_append(struct text *text, const char *string);
void text_append_bytes(struct text *text, const void *bytes, size_t length);
void text_append_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_reset(struct text *text); /* empty again, memory kept */

/* The shortest decimal form that reads back as the same double: 0.1, 1e-05, 12; "nan", "inf". */
void text_append_number(struct text *text, double number);
void number_format(char *buffer, size_t size, double number); /* same; 32 bytes are enough */

/* Strict: the whole string is one finite decimal number as JSON writes it (a leading '+' or '.',
 * hex, inf, nan and blanks are refused). Returns 0 and the value, or -1; so is a number that a double
 * cannot hold: one that overflows, or that would become 0 and was not written as 0. */
int number_parse(const char *string, double *number);

/* Whether the bytes are well-formed UTF-8 (no overlong forms, no surrogates, at most U+10FFFF) and
 * hold no NUL. On false `*offset`, if given, is the first byte that is not. */
bool utf8_valid(const void *bytes, size_t length, size_t *offset);

/* Decodes one code point of valid UTF-8 at `string`; returns its length in bytes (1 to 4). */
size_t utf8_decode(const char *string, uint32_t *code_point);
void text_append_code_point(struct text *text, uint32_t code_point);

/* Counts code points in valid UTF-8. */
size_t utf8_count(const char *string);

/* Whether a reader cannot see this code point for what it is: C0 and C1 controls, bidi overrides
 * and isolates, zero-width characters, line and paragraph separators, tags, noncharacters,
 * variation selectors supplement, soft hyphen, other default-ignorable characters. TAB and LF
 * count as hidden too; callers that allow them ask first. */
bool code_point_hidden(uint32_t code_point);

/* Appends valid UTF-8 with every hidden code point shown as U+XXXX. `keep` names hidden characters
 * to pass through, e.g. "\n\t"; NULL for none. */
void text_append_visible(struct text *text, const char *string, const char *keep);

/* Appends any bytes as valid UTF-8: malformed sequences become U+FFFD. */
void text_append_repaired(struct text *text, const void *bytes, size_t length);

/* One line of at most `limit` code points for a log or a title: line ends and control characters
 * become spaces, runs of spaces one, ends trimmed, cut with "…". Input is valid UTF-8. */
void text_append_line(struct text *text, const char *string, size_t limit);
