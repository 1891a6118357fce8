#pragma once

/*
 * What an experimenter says of a metric: how the experiment ended, and what was measured.
 *
 * One shape from intake to the gate, the store and the pull request, whatever kind of file it came from.
 * A claim is no verdict: the gate makes one of it. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

/* How the experimenter says it ended: only the first two may change a frontier. */
enum claim_status {
    CLAIM_OK,        /* ok, keep, improved, finished ... */
    CLAIM_BASELINE,  /* baseline */
    CLAIM_CRASHED,   /* crashed, failed, timeout, oom ... */
    CLAIM_DISCARDED, /* discarded, reverted, not ..., and what has no known word */
};

/* A number, or several of them from repeated runs. */
struct measurement {
    size_t count;     /* of runs; 0: not given */
    double mean;      /* of all runs, no overflow on the way; NaN if not given */
    double deviation; /* standard deviation of the sample; NaN with less than two runs */
    double *runs;     /* NULL if not given */
};

struct claim {
    enum claim_status status;
    bool status_known; /* whether it has a known word */
    char *status_word; /* as it was written; "ok" if it was not; NULL in one that was just made */
    struct measurement after;
    struct measurement before;
};

/* A claim that says nothing yet. */
struct claim claim_none(void);
void claim_clear(struct claim *claim);

/* Which status some words stand for, and whether one of them is known. The case of letters does not
 * matter, and words are split at what is no letter. Of the known words one for a crash counts before
 * one for a discard, that before `baseline`, and that before the others. */
enum claim_status claim_status_parse(const char *words, bool *known);

/* Sets status and word. The word is copied. */
void claim_set_status(struct claim *claim, const char *words);

/* Whether the number counts: what did not end well needs none, and may have an odd one. */
bool claim_counts(const struct claim *claim);

/* A measurement of some runs, at least one, all finite. Copies them. */
struct measurement measurement_of(const double *runs, size_t count);

/* The runs as numbers with a blank between them; caller frees. NULL with less than two, which the mean says
 * all about. */
char *measurement_write(const struct measurement *measurement);

/* Back from the mean (NaN: not given) and what measurement_write() gave. */
struct measurement measurement_read(double mean, const char *runs);
