/*
 * Hunks, and what their headers count.
 *
 * A header says how many lines its hunk has, and is often wrong. It is believed if the lines after that may
 * follow a hunk. If not, the lines are counted again, up to a line that surely ends a hunk. If any other line
 * comes first, the patch fails.
 */

#include "common/memory.h"
#include "daemon/repository/patch/internal.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_LIMIT 1000000000L

struct header {
    long old_start, old_count, new_start, new_count;
};

/* Reads "12" or "12,3" after a sign. */
static const char *read_range(const char *at, const char *end, char sign, long *start, long *count)
{
    long *const numbers[] = {start, count};

    *start = 0;
    *count = 1;
    if (at >= end || *at++ != sign)
        return NULL;
    for (int i = 0; i < 2; i++) {
        const char *first = at;

        for (*numbers[i] = 0; at < end && *at >= '0' && *at <= '9' && *numbers[i] < NUMBER_LIMIT;)
            *numbers[i] = *numbers[i] * 10 + (*at++ - '0');
        if (at == first)
            return NULL;
        if (i == 1 || at >= end || *at != ',')
            break;
        at++;
    }
    return at;
}

static bool read_header(const struct line *line, struct header *header)
{
    const char *end = line->at + line->length;
    const char *at;

    if (!line_begins(line, "@@ "))
        return false;
    at = read_range(line->at + 3, end, '-', &header->old_start, &header->old_count);
    if (!at || at >= end || *at != ' ')
        return false;
    at = read_range(at + 1, end, '+', &header->new_start, &header->new_count);
    return at && end - at >= 3 && memcmp(at, " @@", 3) == 0;
}

/* Whether this is "@@ -1,2 +1,3 @@". */
static bool is_hunk_header(const struct line *line)
{
    struct header header;

    return read_header(line, &header);
}

/* Returns what kind of line of a hunk this is; '\0' if it is none. An empty context line may have lost
 * its blank. */
static char kind_of(const struct line *line)
{
    char first = line->length > 0 ? line->at[0] : ' ';

    return strchr(" +-\\", first) ? first : '\0';
}

/* Whether this line is surely not part of a hunk, whatever the header counts. */
static bool ends_beyond_doubt(const struct scan *scan, struct cursor cursor)
{
    struct cursor ahead = cursor;
    struct line line;

    return !line_next(&ahead, &line) || line_begins(&line, "diff -") || is_hunk_header(&line) ||
           line_is_mail(&line) || pair_begins(cursor) || trailer_begins(scan, cursor, NULL);
}

/* Skips as many lines as the header counts, and the line that says that the last one has no line end. A
 * header may count the next file's names, or a mail's trailer, as lines that are removed and added. */
static bool walk_counted(const struct scan *scan, struct cursor *cursor,
                         const struct header *header)
{
    long old_left = header->old_count, new_left = header->new_count;
    struct line line = {0};

    while (old_left > 0 || new_left > 0) {
        char kind = '\0';

        if (!pair_begins(*cursor) && !trailer_begins(scan, *cursor, NULL) &&
            line_next(cursor, &line))
            kind = kind_of(&line);
        old_left -= kind == ' ' || kind == '-';
        new_left -= kind == ' ' || kind == '+';
        if (kind == '\0' || old_left < 0 || new_left < 0)
            return false;
    }
    if (cursor->at < cursor->end && *cursor->at == '\\')
        line_next(cursor, &line);
    return true;
}

/* Whether nothing but statistics follows, down to what surely is not part of a hunk. As context lines they would
 * not change anything either. */
static bool statistics_begin(const struct scan *scan, struct cursor cursor)
{
    struct line line = {0};
    bool any = false;

    while (!ends_beyond_doubt(scan, cursor)) {
        line_next(&cursor, &line);
        if (!line_is_blank(&line) && !line_is_statistics(&line))
            return false;
        any = true;
    }
    return any;
}

/* Whether what follows a hunk looks like more of it. */
static bool goes_on(const struct scan *scan, struct cursor cursor)
{
    struct cursor before = cursor;
    bool blank = false;
    struct line line;

    if (!line_next(&cursor, &line))
        return false;
    while (line_is_blank(&line)) {
        blank = true;
        before = cursor;
        if (!line_next(&cursor, &line))
            return false;
    }
    if (ends_beyond_doubt(scan, before) || signature_begins(scan, before, NULL) ||
        (line_is_statistics(&line) && (blank || statistics_begin(scan, before))))
        return false;
    return kind_of(&line) != '\0';
}

/* Whether this looks like an indented diff of another file. As context it would only fail to fit. */
static bool looks_like_a_diff(const struct line *line)
{
    static const char *const beginnings[] = {"diff --git ", "--- ", "+++ ", "@@ -", NULL};
    struct line rest = *line;

    while (rest.length > 0 && (rest.at[0] == ' ' || rest.at[0] == '\t')) {
        rest.at++;
        rest.length--;
    }
    for (size_t i = 0; rest.at != line->at && beginnings[i]; i++) {
        if (line_begins(&rest, beginnings[i]))
            return true;
    }
    return false;
}

/* Skips to where the hunk surely ends. Blank lines at its end do not belong to it. */
static int walk_all(const struct scan *scan, struct cursor *cursor, const struct cursor *counted,
                    struct error *error)
{
    struct cursor last = *cursor;
    struct line line;

    while (!ends_beyond_doubt(scan, *cursor)) {
        bool beyond = counted && cursor->at >= counted->at;

        line_next(cursor, &line);
        if (kind_of(&line) == '\0' || (beyond && looks_like_a_diff(&line)))
            return line_refuse(&line, error,
                               "is not part of the hunk above it, whose header has wrong counts "
                               "and whose end is not clear");
        if (line.length > 0)
            last = *cursor;
    }
    *cursor = last;
    return 0;
}

/* Notes on which sides the file ends with the line above "\ No newline at end of file". Returns false if this line
 * cannot follow, as the file has ended, or there is no line above it. */
static bool note_end(struct patch_hunk *hunk, char above, char kind)
{
    if (kind == '\\') {
        hunk->old_ends = hunk->old_ends || above == ' ' || above == '-';
        hunk->new_ends = hunk->new_ends || above == ' ' || above == '+';
        return above != '\0' && above != '\\';
    }
    return !(hunk->old_ends && kind != '+') && !(hunk->new_ends && kind != '-');
}

static bool keep_line(struct patch_hunk *hunk, const struct patch_file *file,
                      const struct line *line)
{
    char kind = kind_of(line);

    hunk->old_count += kind == ' ' || kind == '-';
    hunk->new_count += kind == ' ' || kind == '+';
    hunk->loose = line->length == 0 ? hunk->loose + 1 : 0;
    if (line->length == 0)
        text_append(&hunk->body, " ");
    text_append_bytes(&hunk->body, line->at, line->length);
    if (line->carriage && !file->carriage && kind != '\\')
        text_append(&hunk->body, "\r");
    text_append(&hunk->body, "\n");
    return kind == '+' || kind == '-';
}

static void note_recount(struct scan *scan, const struct header *said,
                         const struct patch_hunk *hunk)
{
    struct text *text = &scan->patch->recounted;

    if (said->old_count == hunk->old_count && said->new_count == hunk->new_count)
        return;
    text_append_format(text, "%sthe hunk at line %zu has -%ld +%ld lines, not -%ld +%ld",
                       text->length ? "; " : "", hunk->line, hunk->old_count, hunk->new_count,
                       said->old_count, said->new_count);
}

/* Whether the patch ends inside a hunk, by its header or by a last line without a line end. */
static bool is_open(const struct scan *scan, const struct header *said,
                    const struct patch_hunk *hunk)
{
    struct cursor ahead = scan->cursor;
    struct line line;

    while (line_next(&ahead, &line)) {
        if (!line_is_blank(&line))
            return false;
    }
    return hunk->old_count < said->old_count || hunk->new_count < said->new_count ||
           scan->cursor.end[-1] != '\n';
}

static struct patch_hunk *add_hunk(struct patch_file *file)
{
    /* The array doubles when it is full, which it is at powers of two. */
    if ((file->hunk_count & (file->hunk_count - 1)) == 0)
        file->hunks = memory_resize(file->hunks, (file->hunk_count ? 2 * file->hunk_count : 1) *
                                                     sizeof(*file->hunks));
    file->hunks[file->hunk_count] = (struct patch_hunk){0};
    return &file->hunks[file->hunk_count++];
}

/* Whether this is a second hunk of a file that is new or empty: nothing says where it belongs. */
static bool has_no_place(const struct patch_file *file, const struct patch_hunk *hunk)
{
    return file->hunk_count > 1 && hunk->old_count == 0 &&
           (hunk->old_start == 0 || !file->old_name);
}

static int scan_hunk(struct scan *scan, struct patch_file *file, const struct line *header_line,
                     struct error *error)
{
    struct cursor begin = scan->cursor;
    struct cursor counted = begin;
    struct cursor end;
    struct patch_hunk *hunk;
    struct header header = {0};
    struct line line;
    bool whole, changes = false;
    char above = '\0';

    read_header(header_line, &header);
    whole = walk_counted(scan, &counted, &header);
    end = counted;
    if (!whole || goes_on(scan, counted)) {
        end = begin;
        if (walk_all(scan, &end, whole ? &counted : NULL, error) < 0)
            return -1;
    }
    hunk = add_hunk(file);
    hunk->line = header_line->number;
    hunk->old_start = header.old_start;
    while (scan->cursor.at < end.at && line_next(&scan->cursor, &line)) {
        if (!note_end(hunk, above, kind_of(&line)))
            return line_refuse(
                &line, error,
                kind_of(&line) == '\\'
                    ? "follows no line that could be the last of a file"
                    : "follows the last line of the file, by the \"No newline at end "
                      "of file\" above it");
        above = kind_of(&line);
        changes = keep_line(hunk, file, &line) || changes;
    }
    if (!changes)
        return line_refuse(header_line, error,
                           "begins a hunk in which no line is added or removed");
    if (has_no_place(file, hunk))
        return line_refuse(header_line, error,
                           "begins another hunk of a new or empty file, which can have only one");
    note_recount(scan, &header, hunk);
    hunk->open = is_open(scan, &header, hunk);
    return 0;
}

/* Blank lines may be between two hunks. */
static bool next_header(struct scan *scan, struct line *line)
{
    struct cursor ahead = scan->cursor;

    while (line_next(&ahead, line)) {
        if (line_begins(line, "@@")) {
            scan->cursor = ahead;
            return true;
        }
        if (!line_is_blank(line))
            return false;
    }
    return false;
}

int hunks_scan(struct scan *scan, struct patch_file *file, struct error *error)
{
    struct line line;

    while (next_header(scan, &line)) {
        if (line_begins(&line, "@@@"))
            return line_refuse(&line, error,
                               "belongs to the combined diff of a merge, which cannot be applied");
        if (!is_hunk_header(&line))
            return line_refuse(&line, error,
                               "begins a hunk without line numbers; it has to look like "
                               "\"@@ -3,7 +3,8 @@\"");
        if (scan_hunk(scan, file, &line, error) < 0)
            return -1;
    }
    return 0;
}
