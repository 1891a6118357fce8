/*
 * One file of a patch: its headers, its names, and its hunks or binary change.
 */

#include "common/memory.h"
#include "daemon/repository/patch/internal.h"

#include <stdlib.h>
#include <string.h>

#define HEXADECIMAL "0123456789abcdef"

static struct patch_file *add_file(struct scan *scan, const struct line *line)
{
    struct patch *patch = scan->patch;

    if ((patch->count & (patch->count - 1)) == 0)
        patch->files = memory_resize(patch->files,
                                     (patch->count ? 2 * patch->count : 1) * sizeof(*patch->files));
    patch->files[patch->count] = (struct patch_file){
        .line = line->number,
        .part = patch->parts ? patch->parts - 1 : 0,
        .carriage = line->carriage,
    };
    scan->region = REGION_PLAIN;
    scan->announced = 0;
    return &patch->files[patch->count++];
}

bool file_is_moved(const struct patch_file *file)
{
    return file->kind == PATCH_RENAMED || file->kind == PATCH_COPIED;
}

static bool read_mode(const struct line *line, size_t from, unsigned *mode)
{
    CLEANUP_FREE char *rest = line_rest(line, from);
    char *end;
    unsigned long value = strtoul(rest, &end, 8);

    *mode = (unsigned)value;
    return strspn(rest, "01234567") == 6 && end[strspn(end, " ")] == '\0';
}

/* "index 5b0efd5..04b1661 100644". Language models write any letters there: these name no blob, and say only
 * that the content changes. */
static bool read_index(struct patch_file *file, const struct line *line)
{
    CLEANUP_FREE char *rest = line_rest(line, strlen("index "));
    char *const blobs[] = {file->old_blob, file->new_blob};
    struct line mode = {.at = rest};
    const char *at = rest;
    bool invented = false;

    for (int i = 0; i < 2; i++) {
        size_t length = strspn(at, HEXADECIMAL "ghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

        if (length == 0 || length >= GIT_HASH_SIZE ||
            (i == 0 && strncmp(at + length, "..", 2) != 0))
            return false;
        invented = invented || strspn(at, HEXADECIMAL) < length;
        memcpy(blobs[i], at, length);
        blobs[i][length] = '\0';
        at += length + (i == 0 ? 2 : 0);
    }
    if (invented) {
        *file->old_blob = *file->new_blob = '\0';
        file->rewritten = true;
    }
    at += strspn(at, " ");
    mode.length = strlen(rest);
    return *at == '\0' || read_mode(&mode, (size_t)(at - rest), &file->old_mode);
}

static bool read_extended(struct patch_file *file, const struct line *line)
{
    const struct {
        const char *words;
        enum patch_kind kind;
        unsigned *mode;
        char **path; /* if both are NULL, the line means nothing */
    } rows[] = {
        {"old mode ", PATCH_CHANGED, &file->old_mode, NULL},
        {"new mode ", PATCH_CHANGED, &file->new_mode, NULL},
        {"new file mode ", PATCH_NEW, &file->new_mode, NULL},
        {"deleted file mode ", PATCH_DELETED, &file->old_mode, NULL},
        {"rename from ", PATCH_RENAMED, NULL, &file->old_path},
        {"rename to ", PATCH_RENAMED, NULL, &file->new_path},
        {"copy from ", PATCH_COPIED, NULL, &file->old_path},
        {"copy to ", PATCH_COPIED, NULL, &file->new_path},
        {"similarity index ", PATCH_CHANGED, NULL, NULL},
        {"dissimilarity index ", PATCH_CHANGED, NULL, NULL},
    };

    if (line_has_nul(line))
        return false;
    if (line_begins(line, "index "))
        return read_index(file, line);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t length = strlen(rows[i].words);

        if (!line_begins(line, rows[i].words))
            continue;
        if (rows[i].kind != PATCH_CHANGED)
            file->kind = rows[i].kind;
        file->rewritten = file->rewritten || (line_begins(line, "similarity index ") &&
                                              !line_begins(line, "similarity index 100%"));
        if (rows[i].path)
            return name_read_plain(line, length, rows[i].path) == 0;
        return !rows[i].mode || read_mode(line, length, rows[i].mode);
    }
    return false;
}

/* Whether this is base 85 as git writes it: a letter for the number of bytes, then five characters for
 * each four. */
static bool is_binary_data(const struct line *line)
{
    char first = line->length > 0 ? line->at[0] : '\0';
    size_t bytes = first >= 'A' && first <= 'Z'   ? (size_t)(first - 'A' + 1)
                   : first >= 'a' && first <= 'z' ? (size_t)(first - 'a' + 27)
                                                  : 0;

    return bytes > 0 && line->length == 1 + (bytes + 3) / 4 * 5;
}

/* Reads "literal 12" or "delta 12", data, a blank line; once, or twice for both directions. */
static int scan_binary(struct scan *scan, struct patch_file *file, struct error *error)
{
    struct cursor ahead = scan->cursor;
    struct line line = {0};

    text_append(&file->binary, "GIT binary patch\n");
    for (int i = 0; i < 2; i++) {
        if (!line_next(&ahead, &line) ||
            !(line_begins(&line, "literal ") || line_begins(&line, "delta ")))
            break;
        do {
            text_append_bytes(&file->binary, line.at, line.length);
            text_append(&file->binary, "\n");
            scan->cursor = ahead;
        } while (line_next(&ahead, &line) && is_binary_data(&line));
        if (line.length > 0 && ahead.at > scan->cursor.at)
            return line_refuse(&line, error, "is no line of the binary change above it");
        text_append(&file->binary, "\n");
        scan->cursor = ahead;
    }
    return 0;
}

static int scan_names(struct scan *scan, struct patch_file *file, struct error *error)
{
    char **const names[] = {&file->old_name, &file->new_name};
    size_t hunks = file->hunk_count;
    struct line line = {0};

    for (int i = 0; i < 2; i++) {
        line_next(&scan->cursor, &line);
        if (!line_begins(&line, i == 0 ? "--- " : "+++ "))
            return line_refuse(&line, error, "expected the new name of a file, \"+++ \", here");
        if (name_read(&line, 4, names[i], &file->remark) < 0)
            return line_refuse(&line, error, "has no well-formed name");
    }
    if (hunks_scan(scan, file, error) < 0)
        return -1;
    if (file->hunk_count == hunks)
        return line_refuse(&line, error, "is followed by no hunk");
    return 0;
}

/* Whether the headers say that there is content, and the patch has none. A deleted file is left to git. */
static bool lacks_content(const struct patch_file *file)
{
    static const char *const empty[] = {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813", NULL};

    if (file->hunk_count > 0 || file->binary.length > 0 || file->contentless ||
        file->kind == PATCH_DELETED)
        return false;
    if (strcmp(file->old_blob, file->new_blob) == 0)
        return file->rewritten && !file->old_blob[0];
    for (size_t i = 0; file->kind == PATCH_NEW && empty[i]; i++) {
        if (strncmp(file->new_blob, empty[i], strlen(file->new_blob)) == 0)
            return false;
    }
    return true;
}

static int finish_file(struct patch_file *file, const struct line *header, struct error *error)
{
    bool moved = file->kind == PATCH_RENAMED || file->kind == PATCH_COPIED;

    if (file->kind == PATCH_CHANGED && file->hunk_count > 0 && !file->old_name)
        file->kind = PATCH_NEW;
    else if (file->kind == PATCH_CHANGED && file->hunk_count > 0 && !file->new_name)
        file->kind = PATCH_DELETED;
    if (moved != (file->old_path && file->new_path))
        return line_refuse(header, error, "has only one half of a rename or copy below it");
    if (lacks_content(file))
        return line_refuse(
            header, error,
            "begins a file whose content changes by its headers, but there is no hunk");
    if (file->binary.length > 0 && !file->new_blob[0])
        return line_refuse(header, error,
                           "begins a binary change without an index line, which git needs (git "
                           "diff --binary)");
    if (file->kind == PATCH_CHANGED && file->hunk_count == 0 && file->binary.length == 0 &&
        !file->contentless && !(file->old_mode && file->new_mode))
        return line_refuse(header, error,
                           strstr(file->header, " --- ") && strstr(file->header, " @@ ")
                               ? "has lost its line ends, so that the patch is no diff (in YAML, "
                                 "\"diff: |\" keeps them)"
                               : "begins a file without a change");
    return 0;
}

int file_scan_git(struct scan *scan, const struct line *header, struct error *error)
{
    struct patch_file *file = add_file(scan, header);
    struct cursor ahead = scan->cursor;
    struct line line;

    file->header = line_rest(header, strlen("diff --git "));
    while (line_next(&ahead, &line) && read_extended(file, &line))
        scan->cursor = ahead;
    ahead = scan->cursor;
    if (line_next(&ahead, &line)) {
        if (line_begins(&line, "--- ")) {
            if (scan_names(scan, file, error) < 0)
                return -1;
        } else if (line_is(&line, "GIT binary patch")) {
            scan->cursor = ahead;
            if (scan_binary(scan, file, error) < 0)
                return -1;
        } else if (line_begins(&line, "Binary files ") && line_ends(&line, " differ")) {
            scan->cursor = ahead;
            file->contentless = true;
        }
    }
    return finish_file(file, header, error);
}

/* Time stamps and words with which diff and svn say that a file does not exist. */
static bool says_absent(const struct line *line)
{
    static const char *const words[] = {"\t(nonexistent)", "\t(revision 0)", NULL};
    CLEANUP_FREE char *string = line_rest(line, 0);
    const char *tab = strrchr(string, '\t');

    for (size_t i = 0; words[i]; i++) {
        if (line_ends(line, words[i]))
            return true;
    }
    /* The epoch, in any time zone. */
    return tab &&
           (strncmp(tab + 1, "1970-01-01 ", 11) == 0 || strncmp(tab + 1, "1969-12-31 ", 11) == 0);
}

int file_scan_pair(struct scan *scan, const struct line *first, struct error *error)
{
    struct patch_file *file = add_file(scan, first);
    struct line second;
    struct cursor ahead = scan->cursor;
    bool begins, ends;

    line_next(&ahead, &second);
    scan->cursor.at = first->at;
    scan->cursor.number = first->number;
    if (scan_names(scan, file, error) < 0)
        return -1;
    if (!file->old_name && !file->new_name)
        return line_refuse(first, error, "names no file, nor does the line below it");
    begins = !file->old_name || (says_absent(first) && file->hunks[0].old_count == 0);
    ends = !file->new_name || (says_absent(&second) && file->hunks[0].new_count == 0);
    file->kind = begins ? PATCH_NEW : ends ? PATCH_DELETED : PATCH_CHANGED;
    return 0;
}
