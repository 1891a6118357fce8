#pragma once

/*
 * Why tests failed, in a line: the first of their output that looks like it.
 *
 * The whole output is looked at as it comes, in pieces of any size; what is kept of it is bounded. Known are
 * the words of pytest, unittest, nose2, tox, nox, go test, cargo, ctest, googletest, pre-commit, compilers and make. Lines that name a test
 * count before those that only give a reason, and these before those that only say that something failed; of
 * equal ones the first counts. The text is the tests' own: nothing is decided by it.
 *
 * Pure: bytes in, text out.
 */

#include "common/text.h"

#include <stdbool.h>
#include <stddef.h>

#define FAILURE_LINE_SIZE 512 /* bytes looked at of a line, and kept of one */

enum failure_rank {
    FAILURE_NONE,
    FAILURE_SUMMARY,   /* something failed */
    FAILURE_ERROR,     /* a program's complaint */
    FAILURE_EXCEPTION, /* the last line of a traceback */
    FAILURE_REASON,    /* pytest's `E   ` */
    FAILURE_TEST,      /* which test, and perhaps why */
};

/* Begins with zeros. */
struct failure {
    char line[FAILURE_LINE_SIZE]; /* the one that is being read; what does not fit is passed over */
    size_t length;
    enum failure_rank rank;
    char found[FAILURE_LINE_SIZE];
    char detail[FAILURE_LINE_SIZE];         /* what goes on from it; "" */
    bool awaits_next;                       /* `detail` is the next line, */
    bool of_hook;                           /* or the first that a hook of pre-commit printed */
    bool awaits_exception;                  /* `detail` is the last line of the next traceback */
    bool traced;                            /* inside of a traceback, */
    size_t indentation;                     /* which stands so far to the right */
    char section[FAILURE_LINE_SIZE];        /* pytest's heading that was met last */
    char reason[FAILURE_LINE_SIZE];         /* its first `E   `, */
    char reason_section[FAILURE_LINE_SIZE]; /* and where that stood */
};

/* Looks at a piece of output. */
void failure_read(struct failure *failure, const char *bytes, size_t length);

/* The output has ended: appends the line, of at most `limit` code points, valid UTF-8 without anything hidden.
 * Nothing where none looked like a failure. */
void failure_end(struct failure *failure, struct text *text, size_t limit);
