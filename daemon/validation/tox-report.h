#pragma once

/*
 * Reads the report that tox 3 and tox 4 write with --result-json, and finds where a command asks for one.
 * Pure.
 *
 * What the commands printed is in it, too: with -p, tox shows nothing of what passed.
 *
 * The tests may write anything into the report. It is bounded, and unusable if it does not have the expected
 * form.
 */

#include "common/text.h"
#include "daemon/validation/runner.h"

#define TOX_REPORT_LIMIT (8 * 1024 * 1024) /* bytes of a report, without what commands printed */

/* A report that is read in pieces. It contains all output of the commands, so only the beginning of a long
 * string is kept. Begins as zeros. */
struct tox_report_reader {
    struct text kept;
    size_t string;         /* bytes kept of the string */
    bool quoted;           /* in a string, */
    bool escaped;          /* after a backslash, */
    bool dropped;          /* and the rest of that is dropped */
    bool printed;          /* it is what a command printed, */
    unsigned digits, code; /* and so many are to come of an escape by number */
    struct runner runner;  /* reads that */
    bool too_large;
};

/* Takes the next piece of the report. */
void tox_report_take(struct tox_report_reader *reader, const char *bytes, size_t length);

/* The report has ended: fills in what it says, and sets `report->tox` to REPORT_READ or REPORT_UNUSABLE. */
void tox_report_end(struct tox_report_reader *reader, struct test_report *report);

void tox_report_clear(struct tox_report_reader *reader); /* frees what it owns */

/* Reads a whole report: takes it, ends and clears. */
void tox_report_read(struct test_report *report, const char *bytes, size_t length);

/* Returns the place of the argument of a command (NULL-terminated) that is tox: its base name is tox, or it
 * is the `tox` of `-m tox`; -1: none. The arguments after it are tox's own. In `uv run --with tox tox` the first
 * one is a package. */
int tox_report_place(char *const *command);

/* Returns the path that a command itself gives to --result-json; NULL: none. It belongs to the command. */
const char *tox_report_path(char *const *command);
