#pragma once

/*
 * What the scanner of a patch consists of: lines, and who reads which of them.
 */

#include "daemon/repository/patch.h"

struct line {
    const char *at;
    size_t length; /* without its line end, be that LF or CRLF */
    bool carriage; /* it ended with CRLF */
    size_t number; /* from 1 */
};

/* Where the scanner is. A copy of it looks ahead. */
struct cursor {
    const char *at;
    const char *end;
    size_t number; /* of the next line */
};

/* What a line outside of a change may be. */
enum region {
    REGION_PLAIN,       /* before, between and behind changes */
    REGION_MAIL_HEADER, /* up to the first blank line */
    REGION_MESSAGE, /* of a mail, up to the first change; anything but a change may stand there */
    REGION_STATISTICS, /* the same behind its "---" */
    REGION_LOG,        /* header and message of git show and git log */
};

struct scan {
    struct cursor cursor;
    struct patch *patch;
    enum region region;
    bool mail;         /* between a mail's first line and the next one's */
    bool encoding;     /* within the header that says how a mail, or a part of one, is encoded */
    char boundary[80]; /* between the parts of a mail; "" without one */
    size_t
        announced; /* line of "diff -ruN …" or "Index: …" whose hunks have not come yet; 0: none */
    struct text losses; /* lines that name a change which the patch does not hold */
    unsigned loss_count;
};

/* The next line; false at the end. */
bool line_next(struct cursor *cursor, struct line *line);
bool line_begins(const struct line *line, const char *prefix);
bool line_ends(const struct line *line, const char *suffix);
bool line_is(const struct line *line, const char *string);
bool line_has_nul(const struct line *line);
bool line_is_blank(const struct line *line);
char *line_rest(const struct line *line, size_t from); /* a copy; caller frees */
bool line_is_mail(const struct line *line);            /* the first one of a mail in a series */

/* "line 7 of the patch, "text", <says>"; always -1. */
int line_refuse(const struct line *line, struct error *error, const char *says);

/* Whether "--- ", "+++ " and "@@ -" stand at the cursor, one below the other, but for blank lines. */
bool pair_begins(struct cursor cursor);

/* Whether "-- ", a version and the end of the patch or of its mail stand there. If so and `after` is
 * given, that is set to what comes behind the version. */
bool trailer_begins(const struct scan *scan, struct cursor cursor, struct cursor *after);

/* The same for "-- " and a sender's own signature: lines that no hunk can have. It is one only behind a hunk that
 * is whole by its counts. */
bool signature_begins(const struct scan *scan, struct cursor cursor, struct cursor *after);

/* All hunks of a file, as many as stand at the cursor. */
int hunks_scan(struct scan *scan, struct patch_file *file, struct error *error);
bool hunk_header_is(const struct line *line);

/* A line of --stat, --numstat, --summary, --raw or --dirstat. */
bool line_is_statistics(const struct line *line);

/* The name behind "--- " or "+++ ", unquoted, without what follows a tab; caller frees. NULL for
 * /dev/null. `*remark` is set, not cleared, if it may end in a remark. -1: its quotes are wrong. */
int name_read(const struct line *line, size_t from, char **name, bool *remark);

/* What stands behind "rename from " and the like. */
int name_read_plain(const struct line *line, size_t from, char **name);

/* Splits what stands behind "diff --git " into its two names: those that are alike behind their first
 * part or altogether, or, where paths are given, end in these. False if there is no such split, or more
 * than one. Caller frees both. */
bool name_split(const char *header, const char *old_path, const char *new_path, char **old_name,
                char **new_name);

/* Behind the first "/"; NULL if there is none. */
const char *name_behind(const char *name);

/* Puts the parts of a placed patch into order, and splits those that change a file twice. */
void parts_order(struct patch *patch);
