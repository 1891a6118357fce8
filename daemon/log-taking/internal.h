#pragma once

/*
 * What the files of log-taking share. log-taking.c goes through the lines of a log, twice. take-row.c decides
 * one row.
 */

#include "common/digest.h"
#include "common/lines.h"
#include "daemon/log-taking.h"
#include "daemon/log-taking/named.h"
#include "daemon/log-taking/place.h"
#include "daemon/log-taking/row.h"

/* Comparing the lines that were read before with the present ones; the first pass; the second pass. */
enum phase { COMPARING, SURVEYING, TAKING };

/* A row of a slice, until it is committed and logged. */
struct taken {
    struct result_log_row row;
    struct assessment assessment;
};

struct log_taking {
    struct log_taking_options options;
    char *file_name;
    char *name; /* by which it is known: its path if it is followed */
    char *stem;
    int descriptor;
    struct result_log *reader;
    struct lines lines;
    struct log_place place; /* of a log that is followed, and taken into a store */
    enum phase phase;
    /* where both passes begin: 0, or after the lines that were read before */
    uint64_t begin, begin_line;
    uint64_t end;                /* of the surveyed lines */
    char first[DIGEST_HEX_SIZE]; /* of the first row, in the first pass */
    struct store_log log;
    bool identified;
    char header[DIGEST_HEX_SIZE];
    char *scope;
    struct row_judge judge;
    struct named_commits named; /* without a store: the commits of kept rows */
    struct log_counts counts;
    struct taken *slice;
    size_t slice_count;
};

/* Takes a row: skips it if it is known and unchanged, else decides and stores it. `bad` says why it cannot be
 * read; NULL: it can. Takes over `row`. Fails if the store does. */
int log_take_row(struct log_taking *taking, const struct line *line, const char *digest,
                 struct result_log_row *row, const char *bad, struct error *error);
