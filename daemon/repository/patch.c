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
        "committer ", "encoding ", "Notes:",           "Notes (",      "gpg: ",    "log size ",
        NULL,
    };

    for (size_t i = 0; beginnings[i]; i++) {
        if (line_begins(line, beginnings[i]))
            return true;
    }
    return line_is(line, "---");
}

/* What PyCharm and similar programs put between "Index: " and "===". */
static bool is_editor_note(const struct line *line)
{
    return line_is(line, "IDEA additional info:") ||
           line_begins(line, "Subsystem: com.intellij.") || line_begins(line, "<+>");
}

/* The words of diff -s for files without a change. */
static bool is_identical(const struct line *line)
{
    return line_begins(line, "Files ") && line_ends(line, " are identical");
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
     "a binary file whose content the patch does not have (git diff --binary)"},
    {"Cannot display: file marked as a binary type.", "",
     "a binary file whose content the patch does not have (git diff --binary)"},
    {"Files ", " differ", "files whose content the patch does not have"},
    {"Only in ", "", "a file that the patch does not have (diff -N)"},
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
        {"\033", "is coloured: it has escape sequences (git diff --no-color)"},
        {"@@", "begins a hunk that belongs to no file"},
        {"## ", "is no part of a unified diff (git diff --no-ext-diff)"},
        {"nbdiff ", "is no part of a unified diff (git diff --no-ext-diff)"},
        {"```", "is a fence of Markdown, not of a diff"},
        {">", "is quoted; a patch must not be quoted"},
        {" ", "is indented, or after the end of its hunk"},
        {"Property changes on: ", "is a property of svn, which git does not have"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (line_begins(line, rows[i].beginning))
            return rows[i].says;
    }
    return "is not part of a diff, and may not be beside one";
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
    if (line_is_blank(line) || line_is(line, "---")) {
        scan->region = line->length == 3 ? REGION_STATISTICS : REGION_MESSAGE;
        return 0;
    }
    if (!is_header(line))
        return line_refuse(line, error, "is no header of a mail");
    read_boundary(scan, line);
    return refuse_encoding(scan, line, error);
}

/* ---- the table ---------------------------------------------------------------------------------- */

/* Mails and commits are applied one after the other. The lines before the first are a part of their own. */
static int begin_part(struct scan *scan, struct error *error)
{
    struct patch *patch = scan->patch;

    patch->parts += patch->parts == 0 && patch->count > 0;
    patch->parts++;
    return statistics_end(scan, error);
}

static int take_mail(struct scan *scan, const struct line *line, struct error *error)
{
    scan->region = REGION_MAIL_HEADER;
    scan->mail = true;
    scan->boundary[0] = '\0';
    if (begin_part(scan, error) < 0)
        return -1;
    return is_header(line) ? take_mail_header(scan, line, error) : 0;
}

static int take_commit(struct scan *scan, const struct line *line, struct error *error)
{
    (void)line;
    scan->region = REGION_LOG;
    scan->patch->log = true;
    return begin_part(scan, error);
}

/* Its hunks must follow. Otherwise a file that became empty, a mode or a property would be lost. */
static int take_announcement(struct scan *scan, const struct line *line, struct error *error)
{
    (void)error;
    scan->announced = line->number;
    scan->announcement = *line;
    scan->region = REGION_PLAIN;
    return 0;
}

/* hg export: the header is a part of the message, which goes on to the first change. */
static int take_changeset(struct scan *scan, const struct line *line, struct error *error)
{
    (void)line;
    scan->region = REGION_MESSAGE;
    scan->mail = false;
    return begin_part(scan, error);
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
    return (line_begins(line, "diff -") && !find_loss(line)) || line_begins(line, "Index: ") ||
           (line_begins(line, "=== modified file '") && line_ends(line, "'")); /* bzr */
}

static bool is_changeset(const struct scan *scan, const struct line *line)
{
    (void)scan;
    return line_is(line, "# HG changeset patch");
}

/* Whether "diff --git" is about the file of the "Index: " above it. */
static bool is_announced(const struct scan *scan, const struct line *line)
{
    CLEANUP_FREE char *name = line_rest(&scan->announcement, 0);
    const char *path = name + strlen("Index: ");

    return strncmp(name, "Index: ", strlen("Index: ")) == 0 && is_git(scan, line) &&
           line_ends(line, path) && line->length > strlen(path) &&
           line->at[line->length - strlen(path) - 1] == '/';
}

static bool is_pair(const struct scan *scan, const struct line *line)
{
    const struct cursor cursor = {line->at, scan->cursor.end, line->number};
    struct cursor ahead = cursor;
    struct line second;

    if (pair_begins(cursor))
        return true;
    if (!line_begins(line, "--- ") || !line_next(&ahead, &second) || !line_next(&ahead, &second) ||
        !line_begins(&second, "+++ "))
        return false;
    /* In a message, two such lines may be text. With a hunk below them they are none, even one without numbers. */
    return scan->region != REGION_MESSAGE ||
           (line_next(&ahead, &second) && line_begins(&second, "@@"));
}

/* Whether there are headers with a subject, or the description that quilt's patches have, down to a blank line or
 * "---"; "From " and a sender may precede them. */
static bool headers_begin(struct cursor cursor)
{
    bool subject = false;
    struct line line = {0};

    while (line_next(&cursor, &line) && !line_is_blank(&line) && !line_is(&line, "---")) {
        if (!is_header(&line) && !(line.number == 1 && line_begins(&line, "From ")))
            return false;
        subject = subject || line_begins(&line, "Subject:") || line_begins(&line, "Description:");
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
    struct line said = *line;
    const char *tab = memchr(line->at, '\t', line->length);

    (void)scan;
    if (tab) /* behind it --source names a branch */
        said.length = (size_t)(tab - line->at);
    if (line_begins(line, "commit > ") || line_begins(line, "commit < ")) /* --left-right */
        return is_hex_word(&said, strlen("commit > "));
    return line_begins(line, "commit ") && is_hex_word(&said, strlen("commit "));
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
    return line_is_blank(line) || is_rule(line) || line_is_statistics(line) || is_identical(line) ||
           (scan->announced && is_editor_note(line)) || (scan->mail && is_behind_mail(line)) ||
           (scan->region == REGION_LOG && is_log(line));
}

static const struct kind {
    bool (*is)(const struct scan *scan, const struct line *line);
    int (*take)(struct scan *scan, const struct line *line, struct error *error);
} kinds[] = {
    {is_git, file_scan_git},        {is_command, take_announcement},
    {is_pair, file_scan_pair},      {is_mail, take_mail},
    {is_commit, take_commit},       {is_oneline, take_commit},
    {is_changeset, take_changeset}, {is_trailer, take_trailer},
    {is_idle, take_nothing},        {NULL, refuse},
};

/* ---- regions ------------------------------------------------------------------------------------ */

/* Whether a mail's message goes on: any line but a change and, after "---", any line but one that names
 * a change. */
static bool is_message(const struct scan *scan, const struct line *line)
{
    return !is_git(scan, line) && !is_command(scan, line) && !is_pair(scan, line) &&
           !line_is_mail(line) && !is_changeset(scan, line) && !is_trailer(scan, line) &&
           !line_begins(line, "diff --c");
}

static int take_line(struct scan *scan, const struct line *line, struct error *error)
{
    const struct loss *loss;
    const struct kind *kind = kinds;

    if (line_has_nul(line))
        return line_refuse(line, error, "has a NUL byte");
    if (scan->region == REGION_MAIL_HEADER)
        return take_mail_header(scan, line, error);
    loss = scan->region != REGION_MESSAGE || line_begins(line, "diff --c") ? find_loss(line) : NULL;
    if (loss) {
        append_loss(scan, line, loss->says);
        scan->announced = 0;
        return 0;
    }
    if (scan->region != REGION_MESSAGE)
        statistics_note(scan, line);
    if ((scan->region == REGION_MESSAGE || scan->region == REGION_STATISTICS) &&
        is_message(scan, line)) {
        if (line_is(line, "---"))
            scan->region = REGION_STATISTICS;
        return refuse_encoding(scan, line, error);
    }
    while (kind->is && !kind->is(scan, line))
        kind++;
    if (scan->announced && is_announced(scan, line))
        scan->announced = 0;
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
        return error_set(error, ERROR_PERMANENT, "the patch has only a part of the change: %s",
                         text_string(&scan->losses));
    if (taken < 0)
        return -1;
    if (!scan->announced && statistics_end(scan, error) < 0)
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
