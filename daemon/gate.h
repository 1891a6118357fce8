#pragma once

/*
 * Compares a claim with the frontier: is it really better? Pure, and tested as a table.
 *
 * Only this part knows what "improved" means. A result is judged at intake, when its turn comes, before its
 * branch is made if others went first, before the push, before the pull request, and when its pull request is
 * refreshed: the frontier may have changed each time. The experimenter's word is not trusted. `keep` does not
 * make a result better, and the value of a crash does not count.
 *
 * The reference is the better of the frontier and the value that the experimenter measured before, unless the
 * metric is configured to use one of them only. A value is improved if it is better than the reference by
 * more than min_delta and by more than min_relative * |reference|. Decimal numbers are rounded in binary. So
 * a difference that equals a threshold up to that rounding (0.8 - 0.7 and 0.1) does not exceed it. Integers
 * below 2^53 are exact.
 */

#include "config/config.h"
#include "daemon/claim.h"

#include <stdbool.h>

enum gate_outcome {
    GATE_IMPROVED,     /* better than the reference: it may be promoted, if it has a change */
    GATE_NOT_IMPROVED, /* not better than the reference */
    GATE_BASELINE,     /* there is no reference, or the status is baseline and it is not worse */
    GATE_CRASHED,      /* its status says so, and its value does not count */
    GATE_DISCARDED,    /* its status cannot be promoted */
    GATE_REJECTED,     /* the metric needs a reference that the result does not give */
};

enum gate_source { GATE_SOURCE_NONE, GATE_SOURCE_BEFORE, GATE_SOURCE_FRONTIER };

struct gate_frontier {
    bool known;
    double value;
};

struct gate_verdict {
    enum gate_outcome outcome;
    enum gate_source source; /* where the reference came from */
    double reference;        /* this and the next two: NaN if there is none */
    double improvement;      /* how much better than the reference; negative if worse */
    double threshold;        /* the larger of the two thresholds */
    char reason[384]; /* for the log: "0.981 is not below 0.979 (frontier) by more than 0.001" */
};

/* Compares a claim with its reference, and returns the verdict. */
struct gate_verdict gate_judge(const struct config_metric *metric, const struct claim *claim,
                               struct gate_frontier frontier);

/* Returns whether a verdict of GATE_NOT_IMPROVED is final, even if the frontier becomes better. It nearly
 * always is, since a better reference is harder to beat. It is not if min_relative is 1 or more and the
 * reference is on the other side of zero: -8 does not beat 10 by more than twice 10, but it beats 6 by more
 * than twice 6. */
bool gate_final(const struct config_metric *metric, const struct gate_verdict *verdict);

/* Returns whether `a` is strictly better than `b`. */
bool gate_better(enum metric_direction direction, double a, double b);
