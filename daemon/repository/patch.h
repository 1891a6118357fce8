#pragma once

/*
 * A patch, read line by line before git sees it.
 *
 * git skips what it does not understand, so that a patch may be applied in part without a word. Here
 * every line is known: it is part of a change, or it is known to carry none (headers and messages of
 * mails and of git's log, statistics, trailers), or the patch fails. What git is given afterwards is not
 * the text that came but one that is written from what was read, part by part. Pure.
 *
 *     patch_scan ─▶ names ─▶ patch_place ─▶ paths ─▶ patch_fit, file by file ─▶ lines ─▶ patch_write
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
    size_t line;    /* where it begins in the patch; lines are counted from 1 */
    long old_start; /* as its header says, or where patch_fit() found it to be */
    long old_count; /* counted, never as said */
    long new_count;
    long loose;       /* how many lines at its end were empty: context, or between two files */
    struct text body; /* its lines, each with a line end */
};

struct patch_file {
    size_t line;    /* where it begins in the patch */
    unsigned part;  /* of a series; from 0 */
    char *header;   /* what stands behind "diff --git "; NULL: no such line */
    char *old_name; /* as they stand behind "---" and "+++"; NULL: not there, or /dev/null */
    char *new_name;
    char *old_path; /* without prefixes: from "rename from" and the like, or by patch_place() */
    char *new_path;
    enum patch_kind kind;
    unsigned old_mode; /* 0: not told */
    unsigned new_mode;
    char old_blob[GIT_HASH_SIZE]; /* of the index line, often abbreviated; "" without one */
    char new_blob[GIT_HASH_SIZE];
    bool remark;      /* a name holds blanks and has no tab behind it: it may end in a remark */
    bool carriage;    /* its headers end with CRLF, so that its lines were read without the CR */
    bool contentless; /* "Binary files … differ": there is a change, but it is not in the patch */
    bool three_way;   /* set by the caller: its blob is known, and it is merged from there */
    struct patch_hunk *hunks;
    size_t hunk_count;
    struct text binary; /* all of a binary change, as it stands */
};

struct patch {
    struct patch_file *files;
    size_t count;
    unsigned parts;
    struct text recounted; /* which hunks were counted anew, for the log; empty: none */
};

void patch_free(struct patch *patch); /* NULL-safe; leaves an empty one behind */
#define CLEANUP_PATCH CLEANUP(patch_free)

/* Reads a patch. Permanent error that names line and text of what it cannot take. `*patch` must be
 * empty, and is the caller's (patch_free) in both cases. */
int patch_scan(struct patch *patch, const char *bytes, size_t length, struct error *error);

/* How many lines the file gains and loses. */
void patch_count(const struct patch_file *file, int64_t *added, int64_t *removed);

/* Calls `ask` with each path that the placing of the patch wants to know of whether the base has it;
 * some of them more than once. */
typedef void (*patch_ask)(void *data, const char *path);
void patch_questions(const struct patch *patch, patch_ask ask, void *data);

/* Finds out which prefixes the names have, for the patch as a whole, and fills in all paths. Parts come
 * into the order in which they are applied, and no part changes the same file twice. Permanent error if
 * a path is in doubt. */
typedef bool (*patch_exists)(void *data, const char *path);
int patch_place(struct patch *patch, patch_exists exists, void *data, struct error *error);

/* How the lines of a file's hunks lie in a content. */
enum patch_fit {
    PATCH_FITS,
    PATCH_FITS_AS_LF,   /* once the CRLF of the patch are read as LF: they are so from now on */
    PATCH_FITS_AS_CRLF, /* the other way round */
    PATCH_FITS_TRIMMED, /* without the empty lines at the ends of its hunks: they are gone from now on */
    PATCH_FITS_NOT, /* nothing was done; git says why */
};

/* Moves each hunk to where it fits. `exact`: the content is what the patch was made on, so that a hunk
 * that fits at its line is there, whatever there is elsewhere. Permanent error if a hunk fits at more
 * than one place, or holds no line of the file that would say where it belongs. */
int patch_fit(struct patch_file *file, const char *content, size_t length, bool exact,
              enum patch_fit *fit, struct error *error);

/* Appends a part of a placed patch as git reads it, with prefixes a/ and b/. Hunks stand at the lines where
 * they were found to fit, so that git need not look for context at their ends (--unidiff-zero). */
void patch_write(const struct patch *patch, unsigned part, struct text *text);
