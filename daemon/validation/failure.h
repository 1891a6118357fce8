#pragma once

/*
 * Finds the line of the output that says why tests failed. Pure.
 *
 * The whole output is read as it comes, in pieces of any size, with bounded memory. The words of pytest,
 * unittest, nose2, tox, nox, go test, cargo, ctest, googletest, pre-commit, compilers and make are known. A
 * line that names a test comes before one that only gives a reason, and that before one that only says that
 * something failed. Of equal lines the first counts. The tests wrote the text, so nothing is decided by it.
 */

#include "common/text.h"

#include <stdbool.h>
#include <stddef.h>

#define FAILURE_LINE_SIZE 512 /* bytes of a line that are kept */

enum failure_rank {
    FAILURE_NONE,
    FAILURE_SUMMARY,   /* something failed */
    FAILURE_ERROR,     /* an error message of a program */
    FAILURE_EXCEPTION, /* the last line of a traceback */
    FAILURE_REASON,    /* pytest's `E   ` */
    FAILURE_TEST,      /* which test, and perhaps why */
};

/* Begins as zeros. */
struct failure {
    char line[FAILURE_LINE_SIZE]; /* the current one; what does not fit is dropped */
    size_t length;
    enum failure_rank rank;
    char found[FAILURE_LINE_SIZE];
    char detail[FAILURE_LINE_SIZE];         /* what continues it; "": nothing */
    bool awaits_next;                       /* `detail` is the next line, */
    bool of_hook;                           /* or the first one that a hook of pre-commit printed */
    bool awaits_exception;                  /* `detail` is the last line of the next traceback */
    bool not_there;                         /* the module or the script to run is missing */
    bool traced;                            /* inside of a traceback, */
    size_t indentation;                     /* which is indented so far */
    char section[FAILURE_LINE_SIZE];        /* the last heading of pytest's */
    char reason[FAILURE_LINE_SIZE];         /* its first `E   `, */
    char reason_section[FAILURE_LINE_SIZE]; /* and its heading */
};

/* Reads a piece of output. */
void failure_read(struct failure *failure, const char *bytes, size_t length);

/* The output has ended: appends the line as visible UTF-8 of at most `limit` code points. Appends nothing if
 * no line looks like a failure. */
void failure_end(struct failure *failure, struct text *text, size_t limit);
