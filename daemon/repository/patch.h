#pragma once

/*
 * Reads a patch line by line before git sees it. Pure.
 *
 * git skips what it does not understand, so part of a patch may be lost without a word. Here every line is
 * known. It is part of a change, or it is known to carry none (headers and messages of mails and of git's
 * log, statistics, trailers). With any other line the patch fails. git does not get the original text, but
 * one that is written from what was read, part by part. patch_scan() reads names and hunks. patch_place()
 * finds the paths. patch_fit() finds the lines of each file. patch_write() writes the result.
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
    long loose;       /* how many empty lines are at its end: context, or between files */
    bool open;        /* the patch ends in the middle of it, by its header or its last line */
    bool old_ends;    /* the old file ends with its last line, by a "\ No newline at end of file" */
    bool new_ends;    /* and the new one */
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
    bool rewritten;   /* its similarity index says that its content changes */
    bool contentless; /* "Binary files … differ": the change is not in the patch */
    bool three_way;   /* set by the caller: its blob is known, and merged from */
    struct patch_hunk *hunks;
    size_t hunk_count;
    struct text binary; /* a binary change, as it was written */
};

struct patch {
    struct patch_file *files;
    size_t count;
    unsigned parts;
    bool log;              /* it has commits of git log or git show: their order is not said */
    struct text recounted; /* which hunks were recounted, for the log; empty: none */
};

void patch_free(struct patch *patch); /* NULL-safe; leaves an empty one behind */
#define CLEANUP_PATCH CLEANUP(patch_free)

/* Reads a patch. `*patch` must be empty; the caller frees it in both cases. Fails (permanent) naming
 * line and text of what it cannot take. */
int patch_scan(struct patch *patch, const char *bytes, size_t length, struct error *error);

/* Counts how many lines the file gains and loses. */
void patch_count(const struct patch_file *file, int64_t *added, int64_t *removed);

/* Calls `ask` with each path of which patch_place() needs to know whether it is on the base; with some
 * more than once. */
typedef void (*patch_ask)(void *data, const char *path);
void patch_questions(const struct patch *patch, patch_ask ask, void *data);

/* Finds which prefixes the names have, for the patch as a whole, and sets all paths. The parts are put
 * into the order in which they are applied, and no part changes a file twice. Fails (permanent) if a
 * path is in doubt. */
typedef bool (*patch_exists)(void *data, const char *path);
int patch_place(struct patch *patch, patch_exists exists, void *data, struct error *error);

/* How the hunks of a file fit into a content. */
enum patch_fit {
    PATCH_FITS,
    PATCH_FITS_AS_LF,   /* its CRLF were changed to LF */
    PATCH_FITS_AS_CRLF, /* its LF were changed to CRLF */
    PATCH_FITS_TRIMMED, /* the empty lines at the ends of its hunks were removed */
    PATCH_FITS_NOT,     /* nothing was changed; git says why */
};

/* Moves each hunk to where it fits. `exact`: the patch was made on this content, so a hunk that fits at
 * its own line belongs there. Fails (permanent) if a hunk fits at more than one place, has no line of the
 * file that says where it belongs, or takes a line end from where the file does not end. */
int patch_fit(struct patch_file *file, const char *content, size_t length, bool exact,
              enum patch_fit *fit, struct error *error);

/* Fails (permanent) if a hunk says that the old file has no line end at its end. For a file into which the hunks do
 * not fit: git takes such a line for the beginning of one that goes on. */
int patch_check_ends(const struct patch_file *file, struct error *error);

/* What the hunks of a file make of its old content. */
enum patch_makes {
    PATCH_MAKES_BLOB, /* the blob that the index line names, as far as can be seen: there may be no such line */
    PATCH_MAKES_ANOTHER, /* another one: it was edited by hand, or leaves changes out */
    PATCH_IS_CUT, /* another one, and the patch ends in the middle of the last hunk of this file */
};

/* Sets `*made` to what the hunks make of `content`, and compares that with the index line. `content` is the old blob
 * that this line names, and the hunks fit into it. `digits` is the length of git's names. Only an old blob that is
 * known shows that the index line was not invented, as agents do. Returns what they make. */
enum patch_makes patch_make(const struct patch_file *file, const char *content, size_t length,
                            size_t digits, struct text *made);

/* Appends a part of a placed patch for git, with prefixes a/ and b/. The hunks have the lines where they
 * fit, so git need not look for context at their ends (--unidiff-zero). */
void patch_write(const struct patch *patch, unsigned part, struct text *text);
