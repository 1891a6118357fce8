#pragma once

/*
 * A claim and a frontier into a verdict: was it really better? Pure, and tested as a table.
 *
 * This is the one place that knows what "improved" means. It is asked twice about every possible
 * promotion: at intake, with the frontier as it is settled then, and again when the job's turn comes.
 * It never trusts the experimenter's word: `keep` is no verdict, and a crash has no number.
 *
 * The reference is the better of what the experimenter measured before and the frontier, unless the
 * metric is configured to look at one of them only. Improved is strictly better than the reference
 * by more than min_delta and by more than min_relative * |reference|. A difference that equals a
 * threshold but for the rounding of its decimal digits (0.8 - 0.7 against 0.1) does not exceed it;
 * integers below 2^53 have no rounding.
 */

#include "config/config.h"
#include "daemon/claim.h"

#include <stdbool.h>

enum gate_outcome {
    GATE_IMPROVED,     /* better than the reference: may be promoted, if it has a change */
    GATE_NOT_IMPROVED, /* it is not */
    GATE_BASELINE, /* there is nothing to compare with, or status says baseline and it is not worse */
    GATE_CRASHED,   /* status says so; the number, if any, counts for nothing */
    GATE_DISCARDED, /* status is a word that cannot be promoted */
    GATE_REJECTED,  /* no reference of the kind that the metric asks for */
};

enum gate_source { GATE_SOURCE_NONE, GATE_SOURCE_BEFORE, GATE_SOURCE_FRONTIER };

struct gate_frontier {
    bool known;
    double value;
};

struct gate_verdict {
    enum gate_outcome outcome;
    enum gate_source source; /* where the reference came from */
    double reference;        /* NaN if there is none; so are the next two */
    double improvement; /* how much better than the reference, in the metric's good direction */
    double threshold;   /* the larger of the two that had to be exceeded */
    char reason[384];   /* for the log: "0.981 is not below 0.979 (frontier) by more than 0.001" */
};

/* Judges a claim. `frontier` is the best value among the baseline and what was promoted so far. */
struct gate_verdict gate_judge(const struct config_metric *metric, const struct claim *claim,
                               struct gate_frontier frontier);

/* Whether an answer of GATE_NOT_IMPROVED stays one however much better the frontier becomes. Nearly
 * always: a better reference asks for more. Not so with a min_relative of 1 and above, where the
 * reference is on the far side of zero: -8 does not beat 10 by more than twice 10, but it beats 6 by
 * more than twice 6. */
bool gate_final(const struct config_metric *metric, const struct gate_verdict *verdict);

/* Whether `a` is strictly better than `b`. */
bool gate_better(enum metric_direction direction, double a, double b);
