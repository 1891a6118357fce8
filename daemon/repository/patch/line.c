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

/* ---- statistics --------------------------------------------------------------------------------- */

static bool all_of(const char *string, const char *characters)
{
    return string[strspn(string, characters)] == '\0';
}

/* " train.py | 2 +-", " w.bin | Bin 10 -> 20 bytes" */
static bool is_stat(const char *line)
{
    const char *bar = NULL;
    const char *at;
    size_t digits;

    for (at = strstr(line, " | "); at; at = strstr(at + 1, " | "))
        bar = at;
    if (*line != ' ' || !bar)
        return false;
    at = bar + 3 + strspn(bar + 3, " ");
    digits = strspn(at, "0123456789");
    if (digits > 0)
        return all_of(at + digits, " +-");
    return strncmp(at, "Bin", 3) == 0 || strncmp(at, "Unmerged", 8) == 0;
}

/* " 2 files changed, 3 insertions(+), 1 deletion(-)" */
static bool is_sum(const char *line)
{
    size_t digits = *line == ' ' ? strspn(line + 1, "0123456789") : 0;

    return digits > 0 && (strncmp(line + 1 + digits, " file changed", 13) == 0 ||
                          strncmp(line + 1 + digits, " files changed", 14) == 0);
}

/* "  50.0% src/" */
static bool is_share(const char *line)
{
    size_t blanks = strspn(line, " ");
    size_t digits = strspn(line + blanks, "0123456789.");

    return blanks > 0 && digits > 0 && line[blanks + digits] == '%' &&
           line[blanks + digits + 1] == ' ' && line[strlen(line) - 1] == '/';
}

/* " create mode 100644 n.py", " rename n.py => m.py (100%)" */
static bool is_summary(const char *line)
{
    static const char *const words[] = {
        " create mode ", " delete mode ", " mode change ", " rename ", " copy ", " rewrite ", NULL,
    };

    for (size_t i = 0; words[i]; i++) {
        if (strncmp(line, words[i], strlen(words[i])) == 0)
            return true;
    }
    return strcmp(line, " ...") == 0;
}

/* ":100644 100644 e8e1d25 7fce5bc M<tab>train.py" */
static bool is_raw(const char *line)
{
    return line[0] == ':' && strspn(line + 1, "01234567") == 6 && strchr(line, '\t');
}

/* "1<tab>1<tab>train.py", "-<tab>-<tab>w.bin"; "-<tab>1<tab>x" is a row that a hunk removes */
static bool is_numbers(const char *line)
{
    bool binary = *line == '-';

    for (int i = 0; i < 2; i++) {
        size_t digits = binary ? *line == '-' : strspn(line, "0123456789");

        if (digits == 0 || line[digits] != '\t')
            return false;
        line += digits + 1;
    }
    return *line != '\0';
}

bool line_is_statistics(const struct line *line)
{
    static bool (*const kinds[])(const char *) = {
        is_stat, is_sum, is_share, is_summary, is_raw, is_numbers,
    };
    CLEANUP_FREE char *string = NULL;

    if (line->length == 0 || !strchr(" :-0123456789", line->at[0]) || line_has_nul(line))
        return false;
    string = line_rest(line, 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i](string))
            return true;
    }
    return false;
}
