/*
 * Lines of a patch, and the kinds that can be recognised without context.
 */

#include "daemon/repository/patch/internal.h"

#include "common/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_LIMIT 60

static const char mark[] = "\xef\xbb\xbf"; /* a byte order mark */

bool line_next(struct cursor *cursor, struct line *line)
{
    const char *end;

    if (cursor->at >= cursor->end)
        return false;
    end = memchr(cursor->at, '\n', (size_t)(cursor->end - cursor->at));
    *line = (struct line){
        .at = cursor->at,
        .length = (size_t)((end ? end : cursor->end) - cursor->at),
        .number = cursor->number++,
    };
    cursor->at = end ? end + 1 : cursor->end;
    if (line->length > 0 && line->at[line->length - 1] == '\r') {
        line->length--;
        line->carriage = true;
    }
    return true;
}

bool line_begins(const struct line *line, const char *prefix)
{
    size_t length = strlen(prefix);

    return line->length >= length && memcmp(line->at, prefix, length) == 0;
}

bool line_ends(const struct line *line, const char *suffix)
{
    size_t length = strlen(suffix);

    return line->length >= length && memcmp(line->at + line->length - length, suffix, length) == 0;
}

bool line_is(const struct line *line, const char *string)
{
    return line->length == strlen(string) && line_begins(line, string);
}

bool line_has_nul(const struct line *line)
{
    return memchr(line->at, '\0', line->length);
}

bool line_is_blank(const struct line *line)
{
    struct line rest = *line;

    if (line_begins(&rest, mark)) {
        rest.at += strlen(mark);
        rest.length -= strlen(mark);
    }
    for (size_t i = 0; i < rest.length; i++) {
        if (rest.at[i] != ' ' && rest.at[i] != '\t' && rest.at[i] != '\r')
            return false;
    }
    return true;
}

char *line_rest(const struct line *line, size_t from)
{
    return memory_copy_bytes(line->at + from, line->length - from);
}

static void append_shown(struct text *text, const struct line *line)
{
    CLEANUP_TEXT struct text repaired = {0};
    CLEANUP_TEXT struct text visible = {0};
    size_t length = line->length < 4 * SHOWN_LIMIT ? line->length : 4 * SHOWN_LIMIT;

    text_append_repaired(&repaired, line->at, length);
    text_append_visible(&visible, text_string(&repaired), NULL);
    text_append_line(text, text_string(&visible), SHOWN_LIMIT);
}

int line_refuse(const struct line *line, struct error *error, const char *says)
{
    CLEANUP_TEXT struct text shown = {0};

    append_shown(&shown, line);
    return error_set(error, ERROR_PERMANENT, "line %zu of the patch, \"%s\", %s", line->number,
                     text_string(&shown), says);
}

bool pair_begins(struct cursor cursor)
{
    struct line line = {0};

    if (!line_next(&cursor, &line) || !line_begins(&line, "--- ") || !line_next(&cursor, &line) ||
        !line_begins(&line, "+++ "))
        return false;
    while (line_next(&cursor, &line)) {
        if (!line_is_blank(&line))
            return line_begins(&line, "@@ -");
    }
    return false;
}

static size_t count_hex(const char *at, size_t length)
{
    size_t count = 0;

    while (count < length && isxdigit((unsigned char)at[count]) &&
           !isupper((unsigned char)at[count]))
        count++;
    return count;
}

bool line_is_mail(const struct line *line)
{
    size_t digits = line_begins(line, "From ") ? count_hex(line->at + 5, line->length - 5) : 0;

    return (digits == 40 || digits == 64) && line->length > 5 + digits &&
           line->at[5 + digits] == ' ';
}

/* "2.39.5", "2.39.5 (Apple Git-154)", "2.47.0.windows.1" */
static bool is_version(const struct line *line)
{
    return line->length > 2 && line->length < 80 && isdigit((unsigned char)line->at[0]) &&
           memchr(line->at, '.', line->length < 6 ? line->length : 6);
}

static bool is_boundary(const struct scan *scan, const struct line *line)
{
    size_t length = strlen(scan->boundary);

    return length > 0 && line->length >= length + 2 && line_begins(line, "--") &&
           memcmp(line->at + 2, scan->boundary, length) == 0;
}

bool trailer_begins(const struct scan *scan, struct cursor cursor, struct cursor *after)
{
    struct line line;

    if (!line_next(&cursor, &line))
        return false;
    if (is_boundary(scan, &line)) {
        if (after)
            *after = cursor;
        return true;
    }
    if ((!line_is(&line, "-- ") && !line_is(&line, "--")) || !line_next(&cursor, &line) ||
        !is_version(&line))
        return false;
    if (after)
        *after = cursor;
    while (line_next(&cursor, &line)) {
        if (!line_is_blank(&line))
            return line_is_mail(&line) || is_boundary(scan, &line);
    }
    return true;
}

bool signature_begins(const struct scan *scan, struct cursor cursor, struct cursor *after)
{
    struct line line;
    bool blank = false;

    if (!scan->mail || !line_next(&cursor, &line) || !line_is(&line, "-- "))
        return false;
    while (line_next(&cursor, &line) && !line_is_mail(&line) && !is_boundary(scan, &line)) {
        if (!line_is_blank(&line) &&
            (blank || strchr(" +-\\@", line.at[0]) || line_begins(&line, "diff ")))
            return false;
        blank = line_is_blank(&line);
        if (after)
            *after = cursor;
    }
    return true;
}
