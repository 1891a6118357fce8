/*
 * Finds where the hunks of a file belong.
 *
 * All places where the lines of a hunk are found come from one pass over the file (Knuth, Morris, Pratt),
 * whatever line its header names. Other line ends are tried for all hunks of the file, or for none.
 */

#include "common/memory.h"
#include "daemon/repository/patch/internal.h"

#include <stdlib.h>
#include <string.h>

struct slice {
    const char *at;
    size_t length; /* with the line end, if there is one */
};

struct slices {
    struct slice *items;
    size_t count;
};

/* Where a hunk is found in a file. */
struct places {
    size_t count;
    size_t first, second; /* from 0 */
    bool as_said;         /* it is also found at the line that its header names */
};

static void slices_free(struct slices *slices)
{
    free(slices->items);
}

static bool is_equal(const struct slice *left, const struct slice *right)
{
    return left->length == right->length && memcmp(left->at, right->at, left->length) == 0;
}

/* Returns the next line of a text, and moves `at` after it. */
static struct slice next_slice(const char **at, const char *end)
{
    const char *line_end = memchr(*at, '\n', (size_t)(end - *at));
    struct slice slice = {*at, (size_t)((line_end ? line_end + 1 : end) - *at)};

    *at += slice.length;
    return slice;
}

static void split(struct slices *slices, const char *content, size_t length)
{
    const char *end = content + length;
    size_t count = 1;

    for (const char *at = content; at < end; at++)
        count += *at == '\n';
    slices->items = memory_new_array(count, sizeof(*slices->items));
    while (content < end)
        slices->items[slices->count++] = next_slice(&content, end);
}

/* Lists the lines that a hunk expects in the file. */
static void split_hunk(struct slices *slices, const struct text *body)
{
    const char *at = text_string(body);
    const char *end = at + body->length;
    char kind = '\0';

    split(slices, at, body->length);
    slices->count = 0;
    while (at < end) {
        struct slice line = next_slice(&at, end);

        /* "\ No newline at end of file" belongs to the line above it. */
        if (*line.at == '\\' && (kind == ' ' || kind == '-') && slices->count > 0)
            slices->items[slices->count - 1].length--;
        kind = *line.at;
        if (kind == ' ' || kind == '-')
            slices->items[slices->count++] = (struct slice){line.at + 1, line.length - 1};
    }
}

/* The table of Knuth, Morris and Pratt: for each line, the longest beginning of the hunk that also ends
 * there. */
static size_t *list_borders(const struct slices *wanted)
{
    size_t *borders = memory_new_array(wanted->count + 1, sizeof(*borders));
    size_t length = 0;

    for (size_t i = 1; i < wanted->count; i++) {
        while (length > 0 && !is_equal(&wanted->items[i], &wanted->items[length]))
            length = borders[length - 1];
        length += is_equal(&wanted->items[i], &wanted->items[length]);
        borders[i] = length;
    }
    return borders;
}

static struct places find(const struct slices *wanted, const struct slices *content, long said)
{
    CLEANUP_FREE size_t *borders = list_borders(wanted);
    struct places places = {0};
    size_t matched = 0;

    for (size_t i = 0; i < content->count; i++) {
        size_t place;

        while (matched > 0 && !is_equal(&content->items[i], &wanted->items[matched]))
            matched = borders[matched - 1];
        matched += is_equal(&content->items[i], &wanted->items[matched]);
        if (matched < wanted->count)
            continue;
        place = i + 1 - wanted->count;
        if (places.count++ == 0)
            places.first = place;
        else if (places.count == 2)
            places.second = place;
        places.as_said = places.as_said || (long)place + 1 == said;
        matched = borders[matched - 1];
    }
    return places;
}

/* ---- line ends ---------------------------------------------------------------------------------- */

static void convert(struct text *to, const struct text *body, bool to_crlf)
{
    const char *at = text_string(body);
    const char *end = at + body->length;

    while (at < end) {
        struct slice line = next_slice(&at, end);
        bool whole = *line.at != '\\' && (at >= end || *at != '\\');
        size_t length = line.length - 1;

        while (*line.at != '\\' && length > 1 && line.at[length - 1] == '\r')
            length--;
        text_append_bytes(to, line.at, length);
        if (to_crlf && whole)
            text_append(to, "\r");
        text_append(to, "\n");
    }
}

static bool fits_all(const struct text *bodies, size_t count, const struct slices *content)
{
    for (size_t i = 0; i < count; i++) {
        CLEANUP(slices_free) struct slices wanted = {0};

        split_hunk(&wanted, &bodies[i]);
        if (wanted.count > 0 && find(&wanted, content, 0).count == 0)
            return false;
    }
    return true;
}

/* Takes over the bodies if all of them fit with the other line ends. */
static bool try_line_ends(struct patch_file *file, const struct slices *content, bool to_crlf)
{
    CLEANUP_FREE struct text *bodies = memory_new_array(file->hunk_count, sizeof(*bodies));
    bool fits;

    for (size_t i = 0; i < file->hunk_count; i++)
        convert(&bodies[i], &file->hunks[i].body, to_crlf);
    fits = fits_all(bodies, file->hunk_count, content);
    for (size_t i = 0; i < file->hunk_count; i++) {
        if (fits) {
            struct text body = file->hunks[i].body;

            file->hunks[i].body = bodies[i];
            bodies[i] = body;
        }
        text_free(&bodies[i]);
    }
    return fits;
}

static enum patch_fit find_line_ends(struct patch_file *file, const struct slices *content)
{
    bool fits = true;

    for (size_t i = 0; i < file->hunk_count && fits; i++)
        fits = fits_all(&file->hunks[i].body, 1, content);
    if (fits)
        return PATCH_FITS;
    if (try_line_ends(file, content, false))
        return PATCH_FITS_AS_LF;
    return try_line_ends(file, content, true) ? PATCH_FITS_AS_CRLF : PATCH_FITS_NOT;
}

/* ---- empty lines -------------------------------------------------------------------------------- */

/* Removes empty lines at the end of a hunk: if they are not its context, they separate it from the next
 * one. */
static bool trim(struct patch_file *file)
{
    bool trimmed = false;

    for (size_t i = 0; i < file->hunk_count; i++) {
        struct patch_hunk *hunk = &file->hunks[i];
        size_t line = file->carriage || hunk->body.length < 3 ||
                              hunk->body.data[hunk->body.length - 2] != '\r'
                          ? 2
                          : 3;

        for (; hunk->loose > 0 && hunk->old_count > 1; hunk->loose--) {
            hunk->body.length -= line;
            hunk->body.data[hunk->body.length] = '\0';
            hunk->old_count--;
            hunk->new_count--;
            trimmed = true;
        }
    }
    return trimmed;
}

/* ---- places ------------------------------------------------------------------------------------- */

/* Returns the path as it can be shown; the caller frees it. */
static char *path_of(const struct patch_file *file)
{
    struct text path = {0};

    text_append_repaired(&path, file->old_path, strlen(file->old_path));
    return text_take(&path);
}

static int find_place(const struct patch_file *file, struct patch_hunk *hunk,
                      const struct slices *content, bool exact, struct error *error)
{
    CLEANUP(slices_free) struct slices wanted = {0};
    CLEANUP_FREE char *path = NULL;
    struct places places;

    split_hunk(&wanted, &hunk->body);
    if (wanted.count == 0) {
        if ((exact && hunk->old_start <= (long)content->count) || content->count == 0)
            return 0;
        path = path_of(file);
        return error_set(
            error, ERROR_PERMANENT,
            "the hunk at line %zu of the patch has no context, so that its place in %s "
            "cannot be known (git diff without -U0)",
            hunk->line, path);
    }
    places = find(&wanted, content, hunk->old_start);
    if (exact && places.as_said)
        return 0;
    if (places.count > 1) {
        path = path_of(file);
        return error_set(error, ERROR_PERMANENT,
                         "the hunk at line %zu of the patch fits at lines %zu and %zu%s of %s, and "
                         "which one is meant cannot be known (more context, or an index line that "
                         "names a blob of the repository, would tell)",
                         hunk->line, places.first + 1, places.second + 1,
                         places.count > 2 ? " and more" : "", path);
    }
    hunk->old_start = (long)places.first + 1;
    return 0;
}

static int place_hunk(const struct patch_file *file, struct patch_hunk *hunk,
                      const struct slices *content, bool exact, struct error *error)
{
    CLEANUP_FREE char *path = NULL;
    long last; /* the line of the file with which the hunk ends */

    if (find_place(file, hunk, content, exact, error) < 0)
        return -1;
    last = hunk->old_start + hunk->old_count - (hunk->old_count > 0);
    if (!hunk->new_ends || last >= (long)content->count)
        return 0;
    path = path_of(file);
    return error_set(error, ERROR_PERMANENT,
                     "the hunk at line %zu of the patch says that %s ends with its last line, "
                     "without a line end, but lines of %s follow there",
                     hunk->line, path, path);
}

int patch_check_ends(const struct patch_file *file, struct error *error)
{
    CLEANUP_FREE char *path = path_of(file);

    for (size_t i = 0; i < file->hunk_count; i++) {
        if (file->hunks[i].old_ends)
            return error_set(
                error, ERROR_PERMANENT,
                "the hunk at line %zu of the patch does not fit into %s: either that file "
                "does not end without a line end, as the hunk says, or its lines are not there",
                file->hunks[i].line, path);
    }
    return 0;
}

int patch_fit(struct patch_file *file, const char *bytes, size_t length, bool exact,
              enum patch_fit *fit, struct error *error)
{
    CLEANUP(slices_free) struct slices content = {0};

    split(&content, bytes, length);
    *fit = find_line_ends(file, &content);
    if (*fit == PATCH_FITS_NOT && trim(file) && find_line_ends(file, &content) == PATCH_FITS)
        *fit = PATCH_FITS_TRIMMED;
    for (size_t i = 0; i < file->hunk_count && *fit != PATCH_FITS_NOT; i++) {
        if (place_hunk(file, &file->hunks[i], &content, exact, error) < 0)
            return -1;
    }
    return 0;
}

/* ---- what the file becomes ---------------------------------------------------------------------- */

static void append_slices(struct text *text, const struct slices *slices, size_t from, size_t to)
{
    for (size_t i = from; i < to && i < slices->count; i++)
        text_append_bytes(text, slices->items[i].at, slices->items[i].length);
}

/* Appends the lines that are there after a hunk. */
static void append_new(struct text *text, const struct text *body)
{
    const char *at = text_string(body);
    const char *end = at + body->length;
    char kind = '\0';

    while (at < end) {
        struct slice line = next_slice(&at, end);

        if (*line.at == '\\' && (kind == ' ' || kind == '+') && text->length > 0)
            text->data[--text->length] = '\0';
        kind = *line.at;
        if (kind == ' ' || kind == '+')
            text_append_bytes(text, line.at + 1, line.length - 1);
    }
}

static bool names_content(const char *blob)
{
    return blob[strspn(blob, "0")] != '\0';
}

enum patch_makes patch_make(const struct patch_file *file, const char *content, size_t length,
                            size_t digits, struct text *made)
{
    CLEANUP(slices_free) struct slices slices = {0};
    char hash[GIT_HASH_SIZE];
    size_t next = 0;

    if (!names_content(file->new_blob) || file->hunk_count == 0 || file->kind == PATCH_DELETED)
        return PATCH_MAKES_BLOB;
    split(&slices, content, length);
    for (size_t i = 0; i < file->hunk_count; i++) {
        const struct patch_hunk *hunk = &file->hunks[i];
        size_t first = (size_t)(hunk->old_start - (hunk->old_count > 0));

        append_slices(made, &slices, next, first);
        append_new(made, &hunk->body);
        next = first + (size_t)hunk->old_count;
    }
    append_slices(made, &slices, next, slices.count);
    git_hash_blob(text_string(made), made->length, digits, hash);
    if (strncmp(hash, file->new_blob, strlen(file->new_blob)) == 0)
        return PATCH_MAKES_BLOB;
    return file->hunks[file->hunk_count - 1].open ? PATCH_IS_CUT : PATCH_MAKES_ANOTHER;
}
