/*
 * Statistics in a patch: --stat, --numstat, --raw and the like.
 *
 * They make no change, but they say how many files there are. A patch that was cut off, or made by git diff
 * -w, may have fewer.
 */

#include "common/memory.h"
#include "daemon/repository/patch/internal.h"

#include <stdlib.h>
#include <string.h>

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

/* Returns the number before a word like " insertion" in such a line; 0: there is none. */
static int64_t number_before(const char *line, const char *word)
{
    const char *at = strstr(line, word);

    while (at && at > line && at[-1] >= '0' && at[-1] <= '9')
        at--;
    return at ? strtoll(at, NULL, 10) : 0;
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

/* ---- what they say ------------------------------------------------------------------------------ */

void patch_count(const struct patch_file *file, int64_t *added, int64_t *removed)
{
    *added = *removed = 0;
    for (size_t i = 0; i < file->hunk_count; i++) {
        const char *body = text_string(&file->hunks[i].body);

        for (const char *end; *body; body = end + 1) {
            end = body + file->hunks[i].body.length;
            end = memchr(body, '\n', (size_t)(end - body));
            *added += *body == '+';
            *removed += *body == '-';
        }
    }
}

static void note(struct statistics *statistics, size_t files, const struct line *line)
{
    if (files <= statistics->files)
        return;
    statistics->files = files;
    statistics->line = *line;
}

static void note_raw(struct statistics *statistics, const char *string, const struct line *line)
{
    (void)string;
    note(statistics, ++statistics->raw, line);
}

static void note_numbers(struct statistics *statistics, const char *string, const struct line *line)
{
    (void)string;
    note(statistics, ++statistics->numbers, line);
}

static void note_sum(struct statistics *statistics, const char *string, const struct line *line)
{
    size_t files = (size_t)number_before(string, " file");

    if (files > statistics->files) {
        statistics->added = number_before(string, " insertion");
        statistics->removed = number_before(string, " deletion");
    }
    note(statistics, files, line);
}

/* ---- the table ---------------------------------------------------------------------------------- */

struct kind {
    bool (*is)(const char *string);
    /* NULL: it does not say how many files there are. */
    void (*note)(struct statistics *statistics, const char *string, const struct line *line);
};

static const struct kind kinds[] = {
    {is_raw, note_raw}, {is_numbers, note_numbers}, {is_sum, note_sum},
    {is_stat, NULL},    {is_share, NULL},           {is_summary, NULL},
};

/* Returns NULL if the line is of none. The caller frees `*string`, the line. */
static const struct kind *kind_of(const struct line *line, char **string)
{
    if (line->length == 0 || !strchr(" :-0123456789", line->at[0]) || line_has_nul(line))
        return NULL;
    *string = line_rest(line, 0);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (kinds[i].is(*string))
            return &kinds[i];
    }
    return NULL;
}

bool line_is_statistics(const struct line *line)
{
    CLEANUP_FREE char *string = NULL;

    return kind_of(line, &string) != NULL;
}

void statistics_note(struct scan *scan, const struct line *line)
{
    CLEANUP_FREE char *string = NULL;
    const struct kind *kind = kind_of(line, &string);

    if (kind && kind->note)
        kind->note(&scan->statistics, string, line);
}

/* Whether the patch ends inside a hunk, and has fewer lines of the part than were counted. */
static bool is_cut(const struct scan *scan)
{
    const struct patch *patch = scan->patch;
    const struct patch_file *last = patch->count > 0 ? &patch->files[patch->count - 1] : NULL;
    int64_t added = 0, removed = 0;

    if (!last || last->hunk_count == 0 || !last->hunks[last->hunk_count - 1].open)
        return false;
    for (size_t i = scan->statistics.first; i < patch->count; i++) {
        int64_t of_file[2];

        patch_count(&patch->files[i], &of_file[0], &of_file[1]);
        added += of_file[0];
        removed += of_file[1];
    }
    return added < scan->statistics.added || removed < scan->statistics.removed;
}

int statistics_end(struct scan *scan, struct error *error)
{
    struct statistics *statistics = &scan->statistics;
    size_t present = scan->patch->count - statistics->first;
    CLEANUP_FREE char *says = NULL;

    /* Those of a cover letter are of all mails that follow. */
    if (scan->patch->count > 0 && statistics->files > present)
        says = memory_format(
            "is of %zu files, and the patch has only %zu of them: it was cut off, or leaves "
            "changes out, as git diff -w does",
            statistics->files, present);
    else if (is_cut(scan))
        says = memory_copy("counts more lines than the patch has, which ends inside a hunk");
    if (says)
        return line_refuse(&statistics->line, error, says);
    *statistics = (struct statistics){.first = scan->patch->count};
    return 0;
}
