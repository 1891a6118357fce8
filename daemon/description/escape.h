#pragma once

/*
 * Escapes text from outside for a pull request or a commit's message: its letters are shown, and it does
 * nothing.
 *
 * In Markdown all text from outside is code. Only there do neither Markdown nor the forge's second pass over
 * the page (mentions, references, hashes, links, emoji) change anything. That stays true for whatever forges
 * learn to link next. Backslash escapes are not enough: the second pass sees them decoded. Gitea wraps long
 * lines of inline code, so they can be read on a phone.
 *
 * A commit's message has no code. And the body of a pull request may become a message: Gitea offers that for
 * a squash. So words that act in a message are split, in code as well: the number after a word that closes or
 * reopens ("closes # 12"), and the words that skip a forge's checks ("[ skip ci]").
 *
 * All functions take any bytes. Malformed UTF-8 becomes U+FFFD. A hidden character is shown as its number,
 * such as "U+202E". Limits are in bytes of what is appended; "…" stands for the rest.
 */

#include "common/text.h"

#include <stddef.h>

/* Appends one line of code, at most about `limit` bytes, that may be in a cell of a table. Line ends become
 * spaces. Appends nothing for a blank string. */
void escape_append_code(struct text *text, const char *string, size_t limit);

/* Appends a quotation whose lines are code. It ends in a line end. */
void escape_append_quote(struct text *text, const char *string, size_t limit);

/* Appends the last lines that fit, in a fenced block that its content cannot close. No line begins with
 * "<". Escape sequences of terminals are dropped. It ends in a line end. */
void escape_append_block(struct text *text, const char *string, size_t limit);

/* Appends one line for a place without markup: a title, or a line of a commit's message. A word that a forge
 * would act on gets a space in its middle: "@ name", "# 12". */
void escape_append_plain(struct text *text, const char *string);

/* Appends a JSON string, quotes included. It is ASCII except for visible characters, and it cannot end
 * the HTML comment that it is in. */
void escape_append_json(struct text *text, const char *string);
