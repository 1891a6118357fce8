#pragma once

/*
 * Reads a patch line by line before git sees it. Pure.
 *
 * git skips what it does not understand, so part of a patch may be lost without a word. Here every line is
 * part of a change, or is known to carry none (headers and messages of mails and of git's log, statistics,
 * trailers). A patch with any other line fails. git gets a text that is written from what was read, part by
 * part, not the original one. patch_scan() reads names and hunks. patch_place() finds the paths. patch_fit()
 * finds the lines of each file. patch_write() writes the result.
 */

#include "common/error.h"
#include "common/text.h"
#include "daemon/git/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum patch_kind {
    PATCH_CHANGED,
    PATCH_NEW,
    PATCH_DELETED,
    PATCH_RENAMED,
    PATCH_COPIED,
};

struct patch_hunk {
    size_t line;    /* where it begins in the patch, from 1 */
    long old_start; /* as its header says, then as patch_fit() found it */
    long old_count; /* counted, not as its header says */
    long new_count;
    long loose;       /* empty lines at its end: context, or between files */
    bool open;        /* the patch ends inside of it, by its header or its last line */
    bool old_ends;    /* its last line ends the old file: "\ No newline at end of file" */
    bool new_ends;    /* likewise the new file */
    struct text body; /* its lines, each with a line end */
};

struct patch_file {
    size_t line;    /* where it begins in the patch */
    unsigned part;  /* which part of a series, from 0 */
    char *header;   /* what follows "diff --git "; NULL: no such line */
    char *old_name; /* what follows "---" and "+++"; NULL: missing, or /dev/null */
    char *new_name;
    char *old_path; /* without prefixes: by "rename from" and the like, or by patch_place() */
    char *new_path;
    enum patch_kind kind;
    unsigned old_mode; /* 0: not given */
    unsigned new_mode;
    char old_blob[GIT_HASH_SIZE]; /* of the index line, often abbreviated; "": none */
    char new_blob[GIT_HASH_SIZE];
    bool remark;      /* a name has blanks and no tab after it: it may end in a remark */
    bool carriage;    /* its headers end with CRLF; its lines are read without the CR */
    bool rewritten;   /* its similarity index or its index line says that its content changes */
    bool contentless; /* "Binary files … differ": the change is not in the patch */
    bool three_way;   /* set by the caller: its blob is known, and the merge starts from it */
    struct patch_hunk *hunks;
    size_t hunk_count;
    struct text binary; /* a binary change, as the patch has it */
};

struct patch {
    struct patch_file *files;
    size_t count;
    unsigned parts;
    bool log;              /* it has commits of git log or git show, whose order is not known */
    struct text recounted; /* which hunks were recounted, for the log; empty: none */
};

void patch_free(struct patch *patch); /* NULL-safe; leaves it empty */
#define CLEANUP_PATCH CLEANUP(patch_free)

/* Reads a patch. `*patch` must be empty; the caller frees it in both cases. Fails (permanent) naming
 * line and text of what it cannot take. */
int patch_scan(struct patch *patch, const char *bytes, size_t length, struct error *error);

/* Counts the lines that the file gains and loses. */
void patch_count(const struct patch_file *file, int64_t *added, int64_t *removed);

/* Calls `ask` with each path that patch_place() needs to know about: is it on the base? Some paths come more
 * than once. */
typedef void (*patch_ask)(void *data, const char *path);
void patch_questions(const struct patch *patch, patch_ask ask, void *data);

/* Finds the prefixes of the names, for the patch as a whole, and sets all paths. Puts the parts into the
 * order in which they are applied, so that no part changes a file twice. Fails (permanent) if a path or the
 * order is in doubt. */
typedef bool (*patch_exists)(void *data, const char *path);
int patch_place(struct patch *patch, patch_exists exists, void *data, struct error *error);

/* How the hunks of a file fit into a content. */
enum patch_fit {
    PATCH_FITS,
    PATCH_FITS_AS_LF,   /* its CRLF were changed to LF */
    PATCH_FITS_AS_CRLF, /* its LF were changed to CRLF */
    PATCH_FITS_TRIMMED, /* the empty lines at the ends of its hunks were removed */
    PATCH_FITS_NOT,     /* nothing was changed; git will say why */
};

/* Moves each hunk to where it fits. `exact`: the patch was made on this content, so a hunk that fits at its
 * own line belongs there. Fails (permanent) if a hunk fits at more than one place, has no line that shows
 * where it belongs, or takes a line end from inside the file. */
int patch_fit(struct patch_file *file, const char *content, size_t length, bool exact,
              enum patch_fit *fit, struct error *error);

/* For a file that the hunks do not fit. Fails (permanent) if a hunk says that the old file has no line end at
 * its end: git takes such a line for the beginning of a longer one. */
int patch_check_ends(const struct patch_file *file, struct error *error);

/* What the hunks of a file make of its old content. */
enum patch_makes {
    PATCH_MAKES_BLOB,    /* the blob of the index line, or there is no such line */
    PATCH_MAKES_ANOTHER, /* another one: the patch was edited by hand, or leaves changes out */
    PATCH_IS_CUT,        /* another one, and the patch ends inside the last hunk of this file */
};

/* Sets `*made` to what the hunks make of `content`, and compares that with the index line. Returns what they
 * make. `content` is the old blob that this line names, and the hunks fit into it: only that shows that the
 * line was not invented, as agents do. `digits` is the length of git's object names. */
enum patch_makes patch_make(const struct patch_file *file, const char *content, size_t length,
                            size_t digits, struct text *made);

/* Appends a part of a placed patch for git, with prefixes a/ and b/. The hunks have the line numbers where
 * they fit, so git need not look for context at their ends (--unidiff-zero). */
void patch_write(const struct patch *patch, unsigned part, struct text *text);
