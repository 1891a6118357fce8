/*
 * The lines of a patch outside of hunks: a table of kinds of lines, and some regions in which other lines
 * are allowed as well.
 */

#include "daemon/repository/patch.h"

#include "common/memory.h"
#include "daemon/repository/patch/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define LOSSES_SHOWN 5

static void file_clear(struct patch_file *file)
{
    char *const strings[] = {file->header, file->old_name, file->new_name, file->old_path,
                             file->new_path};

    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        free(strings[i]);
    for (size_t i = 0; i < file->hunk_count; i++)
        text_free(&file->hunks[i].body);
    free(file->hunks);
    text_free(&file->binary);
}

void patch_free(struct patch *patch)
{
    for (size_t i = 0; i < patch->count; i++)
        file_clear(&patch->files[i]);
    free(patch->files);
    text_free(&patch->recounted);
    *patch = (struct patch){0};
}

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

/* ---- one file ----------------------------------------------------------------------------------- */

static bool read_mode(const struct line *line, size_t from, unsigned *mode)
{
    CLEANUP_FREE char *rest = line_rest(line, from);
    char *end;
    unsigned long value = strtoul(rest, &end, 8);

    *mode = (unsigned)value;
    return strspn(rest, "01234567") == 6 && end[strspn(end, " ")] == '\0';
}

/* "index 5b0efd5..04b1661 100644" */
static bool read_index(struct patch_file *file, const struct line *line)
{
    CLEANUP_FREE char *rest = line_rest(line, strlen("index "));
    char *const blobs[] = {file->old_blob, file->new_blob};
    struct line mode = {.at = rest};
    const char *at = rest;

    for (int i = 0; i < 2; i++) {
        size_t digits = strspn(at, "0123456789abcdef");

        if (digits == 0 || digits >= GIT_HASH_SIZE ||
            (i == 0 && strncmp(at + digits, "..", 2) != 0))
            return false;
        memcpy(blobs[i], at, digits);
        blobs[i][digits] = '\0';
        at += digits + (i == 0 ? 2 : 0);
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
            return line_refuse(&line, error,
                               "stands where the new name of a file has to, \"+++ \"");
        if (name_read(&line, 4, names[i], &file->remark) < 0)
            return line_refuse(&line, error, "holds no well-formed name");
    }
    if (hunks_scan(scan, file, error) < 0)
        return -1;
    if (file->hunk_count == hunks)
        return line_refuse(&line, error, "is followed by no hunk");
    return 0;
}

/* Whether the index line says that there is content, and the patch has none. That of a deleted file is
 * left to git. */
static bool lacks_content(const struct patch_file *file)
{
    static const char *const empty[] = {
        "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
        "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813", NULL};

    if (file->hunk_count > 0 || file->binary.length > 0 || file->contentless ||
        file->kind == PATCH_DELETED || strcmp(file->old_blob, file->new_blob) == 0)
        return false;
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
        return line_refuse(header, error,
                           "begins a file whose content changes by its index line, but there is no "
                           "hunk");
    if (file->kind == PATCH_CHANGED && file->hunk_count == 0 && file->binary.length == 0 &&
        !file->contentless && !(file->old_mode && file->new_mode))
        return line_refuse(header, error,
                           strstr(file->header, " --- ") && strstr(file->header, " @@ ")
                               ? "has lost its line ends, so that the patch is no diff (in YAML, "
                                 "\"diff: |\" keeps them)"
                               : "begins a file without a change");
    return 0;
}

/* Reads "diff --git " and all that belongs to it. */
static int scan_git(struct scan *scan, const struct line *header, struct error *error)
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

/* Reads "--- " and "+++ " without a line of git's above them. */
static int scan_pair(struct scan *scan, const struct line *first, struct error *error)
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

/* ---- lines that carry no change ----------------------------------------------------------------- */

static bool is_hex_word(const struct line *line, size_t from)
{
    size_t digits = 0;

    while (from + digits < line->length && isxdigit((unsigned char)line->at[from + digits]))
        digits++;
    return digits >= 7 && digits <= 64 &&
           (from + digits == line->length || line->at[from + digits] == ' ');
}

static bool is_header(const struct line *line)
{
    size_t length = 0;

    while (length < line->length &&
           (isalnum((unsigned char)line->at[length]) || line->at[length] == '-'))
        length++;
    return (length > 0 && length < line->length && line->at[length] == ':') ||
           line_begins(line, " ") || line_begins(line, "\t");
}

/* Whether this is a header of git's log. */
static bool is_log(const struct line *line)
{
    static const char *const beginnings[] = {
        "    ",       "Merge: ",   "Author: ",         "AuthorDate: ", "Commit: ", "CommitDate: ",
        "Date: ",     "Reflog: ",  "Reflog message: ", "tree ",        "parent ",  "author ",
        "committer ", "encoding ", "Notes:",           "Notes (",      "gpg: ",    NULL,
    };

    for (size_t i = 0; beginnings[i]; i++) {
        if (line_begins(line, beginnings[i]))
            return true;
    }
    return line_is(line, "---");
}

/* Lines that git format-patch puts after the changes. */
static bool is_behind_mail(const struct line *line)
{
    return line_begins(line, "base-commit: ") || line_begins(line, "prerequisite-patch-id: ");
}

/* Whether this is svn's line below "Index: ", and nothing else. */
static bool is_rule(const struct line *line)
{
    for (size_t i = 0; i < line->length; i++) {
        if (line->at[i] != '=')
            return false;
    }
    return line->length >= 60;
}

/* ---- lines that name a change which is not in the patch ------------------------------------------ */

static const struct loss {
    const char *beginning;
    const char *ending;
    const char *says;
} losses[] = {
    {"Binary files ", " differ",
     "a binary file whose content the patch does not hold (git diff --binary)"},
    {"Files ", " differ", "files whose content the patch does not hold"},
    {"Only in ", "", "a file that the patch does not hold (diff -N)"},
    {"Submodule ", "", "the change touches a submodule"},
    {"diff --cc ", "", "a combined diff of a merge, which cannot be applied"},
    {"diff --combined ", "", "a combined diff of a merge, which cannot be applied"},
    {NULL, NULL, NULL},
};

static const struct loss *find_loss(const struct line *line)
{
    for (const struct loss *loss = losses; loss->beginning; loss++) {
        if (line_begins(line, loss->beginning) && line_ends(line, loss->ending))
            return loss;
    }
    return NULL;
}

static void append_loss(struct scan *scan, const struct line *line, const char *says)
{
    struct error error;

    if (++scan->loss_count > LOSSES_SHOWN)
        return;
    line_refuse(line, &error, says);
    text_append_format(&scan->losses, "%s%s", scan->losses.length ? "; " : "", error.message);
}

/* ---- what else stands where no change can be, and what to do about it ---------------------------- */

static const char *advice_for(const struct line *line)
{
    static const struct {
        const char *beginning;
        const char *says;
    } rows[] = {
        {"*** ", "is no part of a unified diff (diff -u, git diff)"},
        {"\033", "is coloured: it holds escape sequences (git diff --no-color)"},
        {"@@", "begins a hunk that belongs to no file"},
        {"## ", "is no part of a unified diff (git diff --no-ext-diff)"},
        {"nbdiff ", "is no part of a unified diff (git diff --no-ext-diff)"},
        {"```", "is a fence of Markdown, not of a diff"},
        {">", "is quoted; the patch has to stand by itself"},
        {" ", "is indented, or behind the end of its hunk"},
        {"Property changes on: ", "is a property of svn, which git does not have"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (line_begins(line, rows[i].beginning))
            return rows[i].says;
    }
    return "is no part of a diff, and nothing that may stand beside one";
}

static int refuse(struct scan *scan, const struct line *line, struct error *error)
{
    line_refuse(line, error, advice_for(line));
    return scan->patch->count == 0 ? error_wrap(error, "the patch is no diff") : -1;
}

/* ---- mails -------------------------------------------------------------------------------------- */

/* A header goes on in lines that begin with a blank. */
static int refuse_encoding(struct scan *scan, const struct line *line, struct error *error)
{
    CLEANUP_FREE char *value = line_rest(line, 0);

    for (char *at = value; *at; at++)
        *at = (char)tolower((unsigned char)*at);
    if (strncmp(value, "content-transfer-encoding:", 26) == 0)
        scan->encoding = true;
    else if (*value != ' ' && *value != '\t')
        scan->encoding = false;
    if (!scan->encoding)
        return 0;
    if (strstr(value, "base64") || strstr(value, "quoted-printable"))
        return line_refuse(line, error,
                           "says that the mail is encoded; save it decoded, or use what git "
                           "format-patch wrote");
    return 0;
}

static void read_boundary(struct scan *scan, const struct line *line)
{
    CLEANUP_FREE char *value = line_rest(line, 0);
    char *at = strstr(value, "boundary=");
    size_t length;

    if (!at)
        return;
    at += strlen("boundary=");
    at += *at == '"';
    length = strcspn(at, "\"; ");
    if (length < sizeof(scan->boundary)) {
        memcpy(scan->boundary, at, length);
        scan->boundary[length] = '\0';
    }
}

static int take_mail_header(struct scan *scan, const struct line *line, struct error *error)
{
    if (line_is_blank(line)) {
        scan->region = REGION_MESSAGE;
        return 0;
    }
    if (!is_header(line))
        return line_refuse(line, error, "is no header of a mail");
    read_boundary(scan, line);
    return refuse_encoding(scan, line, error);
}

/* ---- the table ---------------------------------------------------------------------------------- */

/* Mails and commits are applied one after the other. What precedes the first is a part of its own. */
static void begin_part(struct scan *scan)
{
    struct patch *patch = scan->patch;

    patch->parts += patch->parts == 0 && patch->count > 0;
    patch->parts++;
}

static int take_mail(struct scan *scan, const struct line *line, struct error *error)
{
    scan->region = REGION_MAIL_HEADER;
    scan->mail = true;
    scan->boundary[0] = '\0';
    begin_part(scan);
    return is_header(line) ? take_mail_header(scan, line, error) : 0;
}

static int take_commit(struct scan *scan, const struct line *line, struct error *error)
{
    (void)line;
    (void)error;
    scan->region = REGION_LOG;
    begin_part(scan);
    return 0;
}

/* Its hunks must follow. Otherwise a file that became empty, a mode or a property would be lost. */
static int take_announcement(struct scan *scan, const struct line *line, struct error *error)
{
    (void)error;
    scan->announced = line->number;
    scan->region = REGION_PLAIN;
    return 0;
}

static int take_nothing(struct scan *scan, const struct line *line, struct error *error)
{
    (void)scan;
    (void)line;
    (void)error;
    return 0;
}

static int take_trailer(struct scan *scan, const struct line *line, struct error *error)
{
    struct cursor before = {line->at, scan->cursor.end, line->number};

    (void)error;
    if (!trailer_begins(scan, before, &scan->cursor))
        signature_begins(scan, before, &scan->cursor);
    return 0;
}

static bool is_git(const struct scan *scan, const struct line *line)
{
    (void)scan;
    return line_begins(line, "diff --git ");
}

static bool is_command(const struct scan *scan, const struct line *line)
{
    (void)scan;
    return (line_begins(line, "diff -") && !find_loss(line)) || line_begins(line, "Index: ");
}

static bool is_pair(const struct scan *scan, const struct line *line)
{
    const struct cursor cursor = {line->at, scan->cursor.end, line->number};
    struct cursor ahead = cursor;
    struct line second;

    if (pair_begins(cursor))
        return true;
    /* Without numbers it is one only in a region where it can be nothing else. */
    return scan->region != REGION_MESSAGE && line_begins(line, "--- ") &&
           line_next(&ahead, &second) && line_next(&ahead, &second) && line_begins(&second, "+++ ");
}

/* Whether there are headers with a subject, down to a blank line; "From " and a sender may precede them. */
static bool headers_begin(struct cursor cursor)
{
    bool subject = false;
    struct line line = {0};

    while (line_next(&cursor, &line) && !line_is_blank(&line)) {
        if (!is_header(&line) && !(line.number == 1 && line_begins(&line, "From ")))
            return false;
        subject = subject || line_begins(&line, "Subject:");
    }
    return subject;
}

static bool is_mail(const struct scan *scan, const struct line *line)
{
    return line_is_mail(line) ||
           (line->number == 1 &&
            headers_begin((struct cursor){line->at, scan->cursor.end, line->number}));
}

static bool is_commit(const struct scan *scan, const struct line *line)
{
    (void)scan;
    return line_begins(line, "commit ") && is_hex_word(line, 7);
}

/* Whether this is a line of "git log --oneline": a hash and a subject, above a change or another such
 * line. */
static bool is_oneline(const struct scan *scan, const struct line *line)
{
    struct cursor ahead = scan->cursor;
    struct line next;

    if (!is_hex_word(line, 0))
        return false;
    while (line_next(&ahead, &next)) {
        if (!line_is_blank(&next))
            return line_begins(&next, "diff -") || is_hex_word(&next, 0) ||
                   line_is_statistics(&next) || line_is(&next, "---");
    }
    return true;
}

static bool is_trailer(const struct scan *scan, const struct line *line)
{
    const struct cursor cursor = {line->at, scan->cursor.end, line->number};

    return trailer_begins(scan, cursor, NULL) || signature_begins(scan, cursor, NULL);
}

static bool is_idle(const struct scan *scan, const struct line *line)
{
    return line_is_blank(line) || is_rule(line) || line_is_statistics(line) ||
           (scan->mail && is_behind_mail(line)) || (scan->region == REGION_LOG && is_log(line));
}

static const struct kind {
    bool (*is)(const struct scan *scan, const struct line *line);
    int (*take)(struct scan *scan, const struct line *line, struct error *error);
} kinds[] = {
    {is_git, scan_git},         {is_command, take_announcement}, {is_pair, scan_pair},
    {is_mail, take_mail},       {is_commit, take_commit},        {is_oneline, take_commit},
    {is_trailer, take_trailer}, {is_idle, take_nothing},         {NULL, refuse},
};

/* ---- regions ------------------------------------------------------------------------------------ */

/* Whether a mail's message goes on: any line but a change and, after "---", any line but one that names
 * a change. */
static bool is_message(const struct scan *scan, const struct line *line)
{
    return !is_git(scan, line) && !is_command(scan, line) && !is_pair(scan, line) &&
           !line_is_mail(line) && !is_trailer(scan, line) && !line_begins(line, "diff --c");
}

static int take_line(struct scan *scan, const struct line *line, struct error *error)
{
    const struct loss *loss;
    const struct kind *kind = kinds;

    if (line_has_nul(line))
        return line_refuse(line, error, "holds a NUL byte");
    if (scan->region == REGION_MAIL_HEADER)
        return take_mail_header(scan, line, error);
    loss = scan->region != REGION_MESSAGE || line_begins(line, "diff --c") ? find_loss(line) : NULL;
    if (loss) {
        append_loss(scan, line, loss->says);
        scan->announced = 0;
        return 0;
    }
    if ((scan->region == REGION_MESSAGE || scan->region == REGION_STATISTICS) &&
        is_message(scan, line)) {
        if (line_is(line, "---"))
            scan->region = REGION_STATISTICS;
        return refuse_encoding(scan, line, error);
    }
    while (kind->is && !kind->is(scan, line))
        kind++;
    if (scan->announced && kind->is && kind->is != is_pair && kind->is != is_idle)
        return error_set(
            error, ERROR_PERMANENT,
            "line %zu of the patch names a file, and no hunk of it follows: whether it "
            "is empty, or has another mode, cannot be known (use git diff)",
            scan->announced);
    return kind->take(scan, line, error);
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static void skip_mark(struct line *line)
{
    while (line_begins(line, "\xef\xbb\xbf")) {
        line->at += 3;
        line->length -= 3;
    }
}

/* Reports lost changes before a line that could not be read: that line may only be a consequence. */
static int finish(struct scan *scan, int taken, struct error *error)
{
    if (scan->loss_count > LOSSES_SHOWN)
        text_append_format(&scan->losses, "; and %u more such lines",
                           scan->loss_count - LOSSES_SHOWN);
    if (scan->loss_count > 0)
        return error_set(error, ERROR_PERMANENT, "the patch holds only a part of the change: %s",
                         text_string(&scan->losses));
    if (taken < 0)
        return -1;
    if (scan->announced)
        return error_set(
            error, ERROR_PERMANENT,
            "line %zu of the patch names a file, and no hunk of it follows: whether it "
            "is empty, or has another mode, cannot be known (use git diff)",
            scan->announced);
    if (scan->patch->count == 0)
        return error_set(error, ERROR_PERMANENT, "the patch is no diff: it changes no file");
    return 0;
}

static bool is_wide(const char *bytes, size_t length)
{
    return length >= 2 && (memcmp(bytes, "\xff\xfe", 2) == 0 || memcmp(bytes, "\xfe\xff", 2) == 0);
}

int patch_scan(struct patch *patch, const char *bytes, size_t length, struct error *error)
{
    struct scan scan = {.cursor = {bytes, bytes + length, 1}, .patch = patch};
    struct line line;
    int taken = 0;

    if (is_wide(bytes, length))
        return error_set(error, ERROR_PERMANENT,
                         "the patch is in UTF-16, as PowerShell writes it; it has to be in UTF-8 "
                         "(git diff --output=FILE)");
    while (taken == 0 && line_next(&scan.cursor, &line)) {
        skip_mark(&line);
        taken = take_line(&scan, &line, error);
    }
    taken = finish(&scan, taken, error);
    patch->parts += patch->parts == 0;
    text_free(&scan.losses);
    return taken;
}
