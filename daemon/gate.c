#include "daemon/gate.h"

#include "common/text.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define EXACT_LIMIT   0x1p53
#define STATUS_QUOTED 60 /* characters, so that all of them fit */

bool gate_better(enum metric_direction direction, double a, double b)
{
    return direction == METRIC_MINIMIZE ? a < b : a > b;
}

/* Returns how far a number may be from what was written. Integers below 2^53 are exact. Larger ones are
 * off by at most half a step of the double. A fraction is off by that, plus what computing with it adds. */
static double rounding_of(double number)
{
    double step = DBL_EPSILON * fabs(number);

    if (trunc(number) != number)
        return 2 * step;
    return fabs(number) < EXACT_LIMIT ? 0 : step / 2;
}

/* Thresholds are written in decimal and compared in binary: 0.8 - 0.7 is above 0.1. A difference that
 * exceeds a threshold only by that rounding does not exceed it. Without a threshold there is nothing to
 * round, and every difference counts. */
static bool exceeds(double improvement, double threshold, double after, double reference)
{
    double rounding = 0;

    if (threshold > 0)
        rounding = rounding_of(threshold) + rounding_of(after) + rounding_of(reference);
    return improvement - threshold > rounding;
}

static struct gate_verdict make(enum gate_outcome outcome)
{
    return (struct gate_verdict){
        .outcome = outcome,
        .source = GATE_SOURCE_NONE,
        .reference = NAN,
        .improvement = NAN,
        .threshold = NAN,
    };
}

/* Returns the source of the reference; GATE_SOURCE_NONE: there is none of the kind that the metric needs. */
static enum gate_source choose_reference(const struct config_metric *metric,
                                         const struct claim *claim, struct gate_frontier frontier,
                                         double *reference)
{
    bool before = claim->before.count > 0 && metric->reference != METRIC_REFERENCE_FRONTIER;
    bool by_frontier = frontier.known && metric->reference != METRIC_REFERENCE_BEFORE;

    if (before &&
        (!by_frontier || gate_better(metric->direction, claim->before.mean, frontier.value))) {
        *reference = claim->before.mean;
        return GATE_SOURCE_BEFORE;
    }
    if (by_frontier) {
        *reference = frontier.value;
        return GATE_SOURCE_FRONTIER;
    }
    return GATE_SOURCE_NONE;
}

static struct gate_verdict without_reference(const struct config_metric *metric,
                                             struct gate_frontier frontier)
{
    struct gate_verdict verdict = make(frontier.known ? GATE_REJECTED : GATE_BASELINE);

    if (frontier.known)
        snprintf(verdict.reason, sizeof(verdict.reason),
                 "metric_before is missing, and metrics.%.100s.reference is before", metric->name);
    else
        snprintf(verdict.reason, sizeof(verdict.reason), "the first value of %.100s", metric->name);
    return verdict;
}

static void explain(struct gate_verdict *verdict, const struct config_metric *metric, double after)
{
    char value[32], reference[32], threshold[32];
    const char *source = verdict->source == GATE_SOURCE_BEFORE ? "metric_before" : "frontier";
    const char *good = metric->direction == METRIC_MINIMIZE ? "below" : "above";
    const char *is = verdict->outcome == GATE_IMPROVED ? "is" : "is not";

    number_format(value, sizeof(value), after);
    number_format(reference, sizeof(reference), verdict->reference);
    if (verdict->threshold > 0) {
        number_format(threshold, sizeof(threshold), verdict->threshold);
        snprintf(verdict->reason, sizeof(verdict->reason), "%s %s %s %s (%s) by more than %s",
                 value, is, good, reference, source, threshold);
    } else {
        snprintf(verdict->reason, sizeof(verdict->reason), "%s %s %s %s (%s)", value, is, good,
                 reference, source);
    }
}

static struct gate_verdict compare(const struct config_metric *metric, double after,
                                   enum gate_source source, double reference)
{
    struct gate_verdict verdict = make(GATE_NOT_IMPROVED);

    verdict.source = source;
    verdict.reference = reference;
    verdict.improvement = metric->direction == METRIC_MINIMIZE ? reference - after
                                                               : after - reference;
    verdict.threshold = fmax(metric->min_delta, metric->min_relative * fabs(reference));
    if (gate_better(metric->direction, after, reference) &&
        exceeds(verdict.improvement, verdict.threshold, after, reference))
        verdict.outcome = GATE_IMPROVED;
    explain(&verdict, metric, after);
    return verdict;
}

static struct gate_verdict by_status(enum gate_outcome outcome, const struct claim *claim)
{
    struct gate_verdict by_word = make(outcome);
    CLEANUP_TEXT struct text word = {0};

    text_append_line(&word, claim->status_word, STATUS_QUOTED);
    snprintf(by_word.reason, sizeof(by_word.reason), "status is %s%s",
             word.length ? text_string(&word) : "missing",
             claim->status_known
                 ? ""
                 : ", which is not known; ok, keep, improved, success, finished and "
                   "the like may be promoted");
    return by_word;
}

/* A baseline that is worse than the frontier is none. */
static struct gate_verdict as_baseline(const struct config_metric *metric,
                                       const struct claim *claim, struct gate_frontier frontier)
{
    struct gate_verdict verdict;
    char value[32], reference[32];

    if (!frontier.known || !gate_better(metric->direction, frontier.value, claim->after.mean))
        return by_status(GATE_BASELINE, claim);
    verdict = compare(metric, claim->after.mean, GATE_SOURCE_FRONTIER, frontier.value);
    number_format(value, sizeof(value), claim->after.mean);
    number_format(reference, sizeof(reference), frontier.value);
    snprintf(verdict.reason, sizeof(verdict.reason),
             "status is baseline, but %s is worse than %s (frontier)", value, reference);
    return verdict;
}

struct gate_verdict gate_judge(const struct config_metric *metric, const struct claim *claim,
                               struct gate_frontier frontier)
{
    enum gate_source source;
    double reference;

    switch (claim->status) {
    case CLAIM_CRASHED:
        return by_status(GATE_CRASHED, claim);
    case CLAIM_DISCARDED:
        return by_status(GATE_DISCARDED, claim);
    case CLAIM_BASELINE:
        return as_baseline(metric, claim, frontier);
    case CLAIM_OK:
        break;
    }
    source = choose_reference(metric, claim, frontier, &reference);
    if (source == GATE_SOURCE_NONE)
        return without_reference(metric, frontier);
    return compare(metric, claim->after.mean, source, reference);
}

bool gate_final(const struct config_metric *metric, const struct gate_verdict *verdict)
{
    return metric->min_relative < 1 || !(verdict->improvement > 0);
}
