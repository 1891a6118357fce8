#pragma once

/*
 * What the files of the patch scanner share: lines, and who reads which of them.
 */

#include "daemon/repository/patch.h"

struct line {
    const char *at;
    size_t length; /* without its line end, LF or CRLF */
    bool carriage; /* it ended with CRLF */
    size_t number; /* from 1 */
};

/* Where the scanner is. Use a copy to look ahead. */
struct cursor {
    const char *at;
    const char *end;
    size_t number; /* of the next line */
};

/* What a line outside of a change may be. */
enum region {
    REGION_PLAIN,       /* before, between and after changes */
    REGION_MAIL_HEADER, /* up to the first blank line */
    REGION_MESSAGE,     /* of a mail, up to the first change: any line but a change */
    REGION_STATISTICS,  /* the same after its "---" */
    REGION_LOG,         /* header and message of git show and git log */
};

/* What statistics say of a part of the patch. */
struct statistics {
    size_t first;   /* the part's first file */
    size_t files;   /* as many as they name at most */
    size_t raw;     /* lines of --raw, one per file */
    size_t numbers; /* lines of --numstat, likewise */
    int64_t added;  /* lines, as the sum of --stat counts them */
    int64_t removed;
    struct line line; /* the line that says `files` */
};

struct scan {
    struct cursor cursor;
    struct patch *patch;
    enum region region;
    bool mail;         /* inside a mail */
    bool encoding;     /* in the header that says how a mail, or a part of one, is encoded */
    char boundary[80]; /* between the parts of a mail; "": none */
    /* Number of a line "diff -ruN …" or "Index: …" whose hunks have not come yet; 0: none. */
    size_t announced;
    struct line announcement;     /* that line */
    struct statistics statistics; /* of the part that is read */
    struct text losses;           /* lines that name a change which the patch does not have */
    unsigned loss_count;
};

/* Reads the next line. Returns false at the end. */
bool line_next(struct cursor *cursor, struct line *line);
bool line_begins(const struct line *line, const char *prefix);
bool line_ends(const struct line *line, const char *suffix);
bool line_is(const struct line *line, const char *string);
bool line_has_nul(const struct line *line);
bool line_is_blank(const struct line *line);
char *line_rest(const struct line *line, size_t from); /* a copy; the caller frees it */
bool line_is_mail(const struct line *line);            /* the first line of a mail in a series */

/* Fails (permanent): "line 7 of the patch, "text", <says>". Returns -1. */
int line_refuse(const struct line *line, struct error *error, const char *says);

/* Returns whether "--- ", "+++ " and "@@ -" are at the cursor, in that order; blank lines may be between
 * them. */
bool pair_begins(struct cursor cursor);

/* Returns whether "-- ", a version and the end of the patch or of its mail are at the cursor. If so,
 * `after` (may be NULL) is set to what follows the version. */
bool trailer_begins(const struct scan *scan, struct cursor cursor, struct cursor *after);

/* Returns the same for "-- " and a sender's own signature: lines that cannot be in a hunk. It counts only
 * after a hunk that is complete by its header. */
bool signature_begins(const struct scan *scan, struct cursor cursor, struct cursor *after);

/* Reads "diff --git " and all that belongs to it. Fails (permanent), naming the line. */
int file_scan_git(struct scan *scan, const struct line *header, struct error *error);

/* Reads "--- " and "+++ " without "diff --git " above them. Fails likewise. */
int file_scan_pair(struct scan *scan, const struct line *first, struct error *error);

/* Returns whether the file is made from one at another path. */
bool file_is_moved(const struct patch_file *file);

/* Reads all hunks of a file that are at the cursor. Fails likewise. */
int hunks_scan(struct scan *scan, struct patch_file *file, struct error *error);

/* Returns whether it is a line of --stat, --numstat, --summary, --raw or --dirstat. */
bool line_is_statistics(const struct line *line);

/* Notes what a line of the part says of its files, if it is such a line. */
void statistics_note(struct scan *scan, const struct line *line);

/* Compares these notes with the part, which ends here, and begins the next one. Fails (permanent) if the
 * patch has fewer files or, where it ends inside a hunk, fewer lines. */
int statistics_end(struct scan *scan, struct error *error);

/* Reads the name after "--- " or "+++ ", without quotes, and without a tab and what follows it; NULL for
 * /dev/null. The caller frees it. Sets `*remark` if the name may end in a remark, and never clears it.
 * Returns -1 if its quotes are wrong. */
int name_read(const struct line *line, size_t from, char **name, bool *remark);

/* Reads the name after "rename from " and the like. Returns -1 if its quotes are wrong. */
int name_read_plain(const struct line *line, size_t from, char **name);

/* Splits what follows "diff --git " into two names. They are the same, or the same after their first
 * component; or, if paths are given, they end in these. Returns false if there is no such split, or more
 * than one. The caller frees both. */
bool name_split(const char *header, const char *old_path, const char *new_path, char **old_name,
                char **new_name);

/* Returns what follows the first "/"; NULL: there is none. */
const char *name_behind(const char *name);

/* Puts the parts of a placed patch into order, and splits those that change a file twice. Fails (permanent) if the
 * order of commits cannot be known. */
int parts_order(struct patch *patch, struct error *error);
