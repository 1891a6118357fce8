#pragma once

/*
 * A growing string, and the ways to make foreign text harmless.
 *
 * `text.data` is NULL until something was appended, so read it with text_string(). Foreign bytes may include
 * a NUL, which would end the string: check them with utf8_valid(), or append them with
 * text_append_repaired().
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

void text_free(struct text *text); /* NULL-safe; leaves the text empty */
#define CLEANUP_TEXT CLEANUP(text_free)

/* Returns the string so far, "" for an empty text. It belongs to the text and is valid until the next
 * append. */
const char *text_string(const struct text *text);

/* Returns the string, "" for an empty text, and leaves the text empty. The caller frees it. */
char *text_take(struct text *text);

/* Append a string, bytes, or what printf makes. */
void text_append(struct text *text, const char *string);
void text_append_bytes(struct text *text, const void *bytes, size_t length);
void text_append_format(struct text *text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void text_reset(struct text *text); /* empty again, memory kept */

/* Appends the shortest decimal form that reads back as the same double: 0.1, 1e-05, 12; "nan", "inf". */
void text_append_number(struct text *text, double number);

/* Writes the same form to a buffer. 32 bytes are enough. */
void number_format(char *buffer, size_t size, double number);

/* Parses a string that is one finite decimal number as JSON writes it, and nothing else: a leading '+' or
 * '.', hex, inf, nan and blanks are refused. Returns 0; -1 if it is no such number, or is outside the range
 * of a double: it overflows, or it would become 0 and was not written as 0. */
int number_parse(const char *string, double *number);

/* Returns whether the bytes are well-formed UTF-8 without NUL (no overlong forms, no surrogates, at most
 * U+10FFFF). If not, `*offset` is that of the first bad byte; `offset` may be NULL. */
bool utf8_valid(const void *bytes, size_t length, size_t *offset);

/* Decodes the code point at `string`, which is valid UTF-8. Returns its length in bytes, 1 to 4. */
size_t utf8_decode(const char *string, uint32_t *code_point);
void text_append_code_point(struct text *text, uint32_t code_point);

/* Appends the words of valid UTF-8: letters in lower case and digits, and one blank between words. So two
 * spellings of the same words become equal. */
void text_append_words(struct text *text, const char *string);

/* Returns how many code points a valid UTF-8 string has. */
size_t utf8_count(const char *string);

/* Returns how many columns of a terminal the string takes: two for an East Asian letter or an emoji, none for
 * a combining mark. */
size_t utf8_columns(const char *string);

/* Returns how many bytes of the string fit into `columns`. */
size_t utf8_fitting(const char *string, size_t columns);

/* Returns whether a reader cannot see this code point: C0 and C1 controls, bidi overrides and isolates,
 * zero-width characters, line and paragraph separators, tags, noncharacters, variation selectors supplement,
 * soft hyphen, other default-ignorable characters. TAB and LF are hidden as well: a caller that allows them
 * tests for them first. */
bool code_point_hidden(uint32_t code_point);

/* Appends valid UTF-8 with every hidden code point shown as U+XXXX, except those in `keep`, such as "\n\t"
 * (NULL: none). */
void text_append_visible(struct text *text, const char *string, const char *keep);

/* Appends any bytes as valid UTF-8: a malformed sequence becomes U+FFFD. */
void text_append_repaired(struct text *text, const void *bytes, size_t length);

/* Removes colours from a string in place: ESC, '[', parameters and a letter; and ESC, '(' and a letter, which
 * terminfo puts at the end of a colour. */
void text_strip_colours(char *string);

/* Appends valid UTF-8 as one line of at most `limit` code points, for a log or a title. Line ends, control
 * characters and runs of spaces become one space; spaces at both ends are dropped; "…" stands for the
 * rest. */
void text_append_line(struct text *text, const char *string, size_t limit);

/* Appends a piece of a document as an error shows it: one line of at most 60 code points, invalid bytes
 * replaced, hidden characters visible. Returns text_string(). */
const char *text_excerpt(struct text *text, const char *piece, size_t length);
