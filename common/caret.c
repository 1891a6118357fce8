#include "common/caret.h"

#include <string.h>

#define SHOWN_LIMIT 100 /* characters of a line */
#define SHOWN_LEFT  60  /* of these, at most so many before the place */

/* Returns the line without its end, or NULL. A place after the last line end is an empty line. */
static const char *find_line(const char *bytes, size_t length, unsigned line, size_t *line_length)
{
    const char *end = bytes + length;
    const char *newline;

    if (line == 0)
        return NULL;
    while (--line > 0) {
        newline = memchr(bytes, '\n', (size_t)(end - bytes));
        if (!newline)
            return NULL;
        bytes = newline + 1;
    }
    newline = memchr(bytes, '\n', (size_t)(end - bytes));
    *line_length = (size_t)((newline ? newline : end) - bytes);
    if (*line_length > 0 && bytes[*line_length - 1] == '\r')
        --*line_length;
    return bytes;
}

/* Appends the line with every character replaced by one that takes one column. */
static void make_plain(struct text *plain, const char *line, size_t length)
{
    CLEANUP_TEXT struct text repaired = {0};
    const char *at;

    text_append_repaired(&repaired, line, length);
    for (at = text_string(&repaired); *at;) {
        uint32_t code_point;
        size_t size = utf8_decode(at, &code_point);

        if (code_point == '\t')
            text_append(plain, " ");
        else if (code_point_hidden(code_point))
            text_append(plain, "\xef\xbf\xbd");
        else
            text_append_bytes(plain, at, size);
        at += size;
    }
}

static const char *skip(const char *at, size_t count)
{
    uint32_t ignored;

    while (count-- > 0 && *at)
        at += utf8_decode(at, &ignored);
    return at;
}

/* How many characters there are at the place: a quoted string, else a word. */
static size_t token_length(const char *at)
{
    const char *end = at;

    if (*at == '"' || *at == '\'') {
        for (end++; *end && *end != *at; end++)
            end += *end == '\\' && end[1];
        end += *end == *at;
    } else {
        end += strcspn(at, " ,:[]{}\"'");
    }
    if (end > at) {
        CLEANUP_TEXT struct text token = {0};

        text_append_bytes(&token, at, (size_t)(end - at));
        return utf8_count(text_string(&token));
    }
    return 1;
}

void caret_append(struct text *text, const char *bytes, size_t length, unsigned line,
                  unsigned column, bool column_in_bytes)
{
    CLEANUP_TEXT struct text plain = {0};
    size_t line_length = 0, place = column ? column - 1 : 0, first, underlined;
    const char *start = find_line(bytes, length, line, &line_length);
    const char *shown, *end;

    if (!start || column == 0)
        return;
    if (column_in_bytes) {
        CLEANUP_TEXT struct text before = {0};

        text_append_repaired(&before, start, place < line_length ? place : line_length);
        place = utf8_count(text_string(&before));
    }
    make_plain(&plain, start, line_length);
    if (place > utf8_count(text_string(&plain)))
        place = utf8_count(text_string(&plain));
    first = place > SHOWN_LEFT ? place - SHOWN_LEFT : 0;
    shown = skip(text_string(&plain), first);
    end = skip(shown, SHOWN_LIMIT);
    underlined = token_length(skip(shown, place - first));
    if (place - first + underlined > SHOWN_LIMIT)
        underlined = SHOWN_LIMIT - (place - first);

    text_append_format(text, "%9u | %s", line, first ? "…" : "");
    text_append_bytes(text, shown, (size_t)(end - shown));
    text_append_format(text, "%s\n          | %*s^", *end ? "…" : "",
                       (int)(place - first + (first > 0)), "");
    while (--underlined > 0)
        text_append(text, "~");
    text_append(text, "\n");
}
