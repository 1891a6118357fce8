#pragma once

/*
 * What an experimenter says of a metric: how the experiment ended, and what was measured. Pure.
 *
 * A claim has the same shape from intake to the pull request, whatever kind of file it came from. It is not
 * a verdict: that is what the gate makes of it. It has no direction either. Whether low or high values are good is
 * not for a single result to say. It is a setting of the metric, or is stated once for all rows of a log; then the
 * scope of the rows has it (lane_metric()).
 */

#include <stdbool.h>
#include <stddef.h>

/* How the experiment ended, says the experimenter. Only the first two may change a frontier. */
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
    double deviation; /* standard deviation of the sample; NaN with less than two runs */
    double *runs;     /* NULL if not given */
};

struct claim {
    enum claim_status status;
    bool status_known; /* whether `status_word` has a known word */
    char *status_word; /* as it was written; "ok" if none was; NULL in claim_none() */
    struct measurement after;
    struct measurement before;
};

/* Returns a claim that says nothing yet. */
struct claim claim_none(void);
void claim_clear(struct claim *claim);

/* Returns the status that some words stand for; `*known` says whether one of them is known. Case does not
 * matter, and everything but letters separates words. The worst word decides: one for a crash, then one for a
 * discard, then `baseline`, then the others. */
enum claim_status claim_status_parse(const char *words, bool *known);

/* Sets the status and its word, which is copied. */
void claim_set_status(struct claim *claim, const char *words);

/* Returns whether the values matter. They do not if the experiment crashed or is discarded: then none need
 * be given, and odd ones are ignored. */
bool claim_counts(const struct claim *claim);

/* Returns the measurement of at least one run; all are finite. The runs are copied; the caller frees
 * `runs` in it. */
struct measurement measurement_of(const double *runs, size_t count);

/* Returns the runs as numbers separated by blanks; the caller frees it. NULL if there are less than two,
 * since the mean says everything then. */
char *measurement_write(const struct measurement *measurement);

/* Returns the measurement that has this mean (NaN: not given) and these runs, as measurement_write() gave
 * them. The caller frees `runs` in it. */
struct measurement measurement_read(double mean, const char *runs);
