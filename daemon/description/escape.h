#pragma once

/*
 * Foreign text in a pull request or a commit's message: its letters are shown, and nothing else.
 *
 * In Markdown everything foreign stands in code. That is the one place where neither Markdown nor the
 * forge's own pass over the rendered text (mentions, references, hashes, links, emoji) looks, and that
 * stays so whatever forges will learn to link next: escapes, which that pass sees decoded, and lists of
 * what to escape do not have this. Gitea wraps long lines of inline code, so it reads on a phone, too.
 *
 * Only a commit's message has no code, and the body becomes one where somebody merges by squashing, since
 * Gitea offers it as the message. What acts from there is split in code as well: the number behind a word
 * that closes or reopens ("closes # 12"), and what skips a forge's checks ("[ skip ci]").
 *
 * All functions take any bytes: malformed UTF-8 becomes U+FFFD, hidden characters are shown as U+202E.
 * Limits are in bytes of what is appended, and what does not fit is replaced by "…".
 */

#include "common/text.h"

#include <stddef.h>

/* One line of code; line ends become spaces. Fit for a table's cell. At most about `limit` bytes.
 * Appends nothing for a blank string. */
void escape_append_code(struct text *text, const char *string, size_t limit);

/* A quotation, each line of it code. Ends in a line end. */
void escape_append_quote(struct text *text, const char *string, size_t limit);

/* The last lines that fit, in a fenced block that its content cannot close; no line of it begins with
 * "<". Escape sequences of terminals are dropped. Ends in a line end. */
void escape_append_block(struct text *text, const char *string, size_t limit);

/* One line where there is no markup to hide behind: a title, a line of a commit's message. What a forge
 * would act on gets a space in its middle: "@ name", "# 12". */
void escape_append_plain(struct text *text, const char *string);

/* A JSON string, quotes included, that is pure ASCII but for what is plainly visible, and that cannot
 * end the HTML comment it stands in. */
void escape_append_json(struct text *text, const char *string);
