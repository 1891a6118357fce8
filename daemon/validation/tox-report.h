#pragma once

/*
 * Reads the report that tox 3 and tox 4 write with --result-json, and finds out where a command asks for one.
 * Pure. The report is the tests' own, who may have written anything into it: it is bounded, and what is not of
 * the expected shape makes it unusable.
 */

#include "common/text.h"
#include "daemon/validation/test-report.h"

#define TOX_REPORT_LIMIT                                                                           \
    (8 * 1024 * 1024) /* bytes of a report, not counting what commands printed */

/* A report that is read in pieces. Of long strings only the beginning is kept, since the report holds all that the
 * commands printed. Begins with zeros. */
struct tox_report_reader {
    struct text kept;
    size_t string; /* bytes kept of the string */
    bool quoted;   /* in a string, */
    bool escaped;  /* behind a backslash, */
    bool dropped;  /* whose rest is left out */
    bool too_large;
};

/* Takes the next piece of the report. */
void tox_report_take(struct tox_report_reader *reader, const char *bytes, size_t length);

/* Says that the report is over. Fills in what it says, and `report->tox`: REPORT_READ or REPORT_UNUSABLE. */
void tox_report_end(struct tox_report_reader *reader, struct test_report *report);

void tox_report_clear(struct tox_report_reader *reader); /* frees what it holds */

/* Reads a whole report: takes, ends and clears. */
void tox_report_read(struct test_report *report, const char *bytes, size_t length);

/* Where in a command (NULL-terminated) tox stands: the argument whose base name is tox, or the `tox` of `-m tox`;
 * -1 where it does not. What follows it are tox's own arguments. */
int tox_report_place(char *const *command);

/* The path that a command gives to --result-json itself, borrowed from it; NULL for none. */
const char *tox_report_path(char *const *command);
