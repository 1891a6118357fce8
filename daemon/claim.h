#pragma once

/*
 * What an experimenter claims of a metric: how the experiment ended, and what was measured. Pure.
 *
 * A claim has the same form from intake to the pull request, for every kind of file. It is not a verdict: the
 * gate makes that. It has no direction: whether low or high values are good is a setting of the metric, or is
 * stated once for all rows of a log, whose scope has it (lane_metric()).
 */

#include <stdbool.h>
#include <stddef.h>

/* How the experiment ended, as the experimenter says. Only the first two may change a frontier. */
enum claim_status {
    CLAIM_OK,        /* ok, keep, improved, finished ... */
    CLAIM_BASELINE,  /* baseline */
    CLAIM_CRASHED,   /* crashed, failed, timeout, oom ... */
    CLAIM_DISCARDED, /* discarded, reverted, not ..., and a status without a known word */
};

/* One number, or several from repeated runs. */
struct measurement {
    size_t count;     /* of runs; 0: not given */
    double mean;      /* of all runs; NaN if not given */
    double deviation; /* standard deviation of the sample; NaN with fewer than two runs */
    double *runs;     /* NULL if not given */
};

struct claim {
    enum claim_status status;
    bool status_known; /* whether `status_word` has a known word */
    char *status_word; /* as it was written; "ok": none was; NULL in claim_none() */
    struct measurement after;
    struct measurement before;
};

/* Returns a claim that says nothing yet. */
struct claim claim_none(void);
void claim_clear(struct claim *claim);

/* Returns the status that some words mean; `*known` says whether one of them is known. Case does not matter.
 * Everything but letters separates words. The worst known word decides: a crash, then a discard, then
 * `baseline`, then the others. */
enum claim_status claim_status_parse(const char *words, bool *known);

/* Sets the status and its word. `words` is copied. */
void claim_set_status(struct claim *claim, const char *words);

/* Returns whether the values matter. If the experiment crashed or is discarded they do not: none need be
 * given, and odd ones are ignored. */
bool claim_counts(const struct claim *claim);

/* Returns the measurement of at least one run. All must be finite. They are copied; the caller frees `runs`
 * in it. */
struct measurement measurement_of(const double *runs, size_t count);

/* Returns the runs as numbers separated by blanks; NULL: there are fewer than two, and the mean says all. The
 * caller frees it. */
char *measurement_write(const struct measurement *measurement);

/* Returns the measurement with this mean (NaN: not given) and these runs, as measurement_write() returned
 * them. The caller frees `runs` in it. */
struct measurement measurement_read(double mean, const char *runs);
