/* Promise: a value is improved if it is better by more than the thresholds, and only then. */

/* Each row of the table is judged twice: as minimize, and with every sign turned as maximize. */

#include "common/text.h"
#include "daemon/gate.h"
#include "daemon/result.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NONE NAN

struct row {
    const char *about;
    double after, before, frontier; /* as minimize */
    enum gate_outcome verdict;
    enum gate_source source;
    double improvement;
    enum metric_reference reference;
    double min_delta, min_relative;
};

static const struct row rows[] = {
    /* No threshold: strictly better. */
    {"better", 0.9, NONE, 1.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.1},
    {"equal", 1.0, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0},
    {"worse", 1.5, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, -0.5},
    {"one step of a double", 1 - DBL_EPSILON / 2, NONE, 1.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER,
     DBL_EPSILON / 2},
    {"zeros are equal", -0.0, NONE, 0.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0},
    {"below zero", -1.5, NONE, -1.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.5},
    {"from zero", -1e-300, NONE, 0.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 1e-300},

    /* Which reference. */
    {"before alone", 0.9, 1.0, NONE, GATE_IMPROVED, GATE_SOURCE_BEFORE, 0.1},
    {"before alone, not better", 1.0, 1.0, NONE, GATE_NOT_IMPROVED, GATE_SOURCE_BEFORE, 0},
    {"best: before", 0.7, 0.5, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_BEFORE, -0.2},
    {"best: frontier", 1.5, 2.0, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, -0.5},
    {"best: both alike", 0.5, 1.0, 1.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.5},
    {"best: neither", 0.5, NONE, NONE, GATE_BASELINE, GATE_SOURCE_NONE, NONE},
    {"frontier: before is not looked at", 0.7, 0.5, 1.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.3,
     METRIC_REFERENCE_FRONTIER},
    {"frontier: none yet", 0.7, 0.5, NONE, GATE_BASELINE, GATE_SOURCE_NONE, NONE,
     METRIC_REFERENCE_FRONTIER},
    {"frontier: before is missing", 1.5, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, -0.5,
     METRIC_REFERENCE_FRONTIER},
    {"before: the frontier is not looked at", 1.5, 2.0, 1.0, GATE_IMPROVED, GATE_SOURCE_BEFORE, 0.5,
     METRIC_REFERENCE_BEFORE},
    {"before: missing", 0.5, NONE, 1.0, GATE_REJECTED, GATE_SOURCE_NONE, NONE,
     METRIC_REFERENCE_BEFORE},
    {"before: missing, and no frontier", 0.5, NONE, NONE, GATE_BASELINE, GATE_SOURCE_NONE, NONE,
     METRIC_REFERENCE_BEFORE},
    {"before: no frontier", 0.5, 1.0, NONE, GATE_IMPROVED, GATE_SOURCE_BEFORE, 0.5,
     METRIC_REFERENCE_BEFORE},

    /* min_delta must be exceeded, as it stands in decimal. */
    {"delta, exceeded", 0.85, NONE, 1.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.15, 0, 0.1},
    {"delta, not reached", 0.95, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.05, 0, 0.1},
    {"delta, exactly", 0.5, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.5, 0, 0.5},
    {"0.8 to 0.7", 0.7, NONE, 0.8, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.1, 0, 0.1},
    {"0.3 to 0.1", 0.1, NONE, 0.3, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.2, 0, 0.2},
    {"1.1 to 1.0", 1.0, NONE, 1.1, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.1, 0, 0.1},
    {"0.8 to 0.6999999", 0.6999999, NONE, 0.8, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.1000001, 0,
     0.1},
    {"0.8 to a little below 0.7", 0.7 - 1e-14, NONE, 0.8, GATE_IMPROVED, GATE_SOURCE_FRONTIER,
     0.1 + 1e-14, 0, 0.1},
    {"1000.3 to 1000.2", 1000.2, NONE, 1000.3, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.1, 0,
     0.1},
    {"a delta of nothing", 0.9, NONE, 1.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.1, 0, 0},
    {"worse by more than delta", 2.0, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, -1.0, 0,
     0.1},

    /* Integers below 2^53 are exact, however large; only fractions are rounded. */
    {"large integers, exceeded", 9007199254740990, NONE, 9007199254740994, GATE_IMPROVED,
     GATE_SOURCE_FRONTIER, 4, 0, 1},
    {"large integers, by one more", 9007199254740989, NONE, 9007199254740991, GATE_IMPROVED,
     GATE_SOURCE_FRONTIER, 2, 0, 1},
    {"large integers, exactly", 9007199254740990, NONE, 9007199254740991, GATE_NOT_IMPROVED,
     GATE_SOURCE_FRONTIER, 1, 0, 1},
    {"large integers, below zero", -9007199254740991, NONE, -9007199254740989, GATE_IMPROVED,
     GATE_SOURCE_FRONTIER, 2, 0, 1},
    {"large integers, a fraction of one", 9007199254740990, NONE, 9007199254740991, GATE_IMPROVED,
     GATE_SOURCE_FRONTIER, 1, 0, 0.9},
    {"large integers, relative", 9007199254740000, NONE, 9007199254740991, GATE_IMPROVED,
     GATE_SOURCE_FRONTIER, 991, 0, 0, 1e-13},
    {"integers, relative, exactly", 27, NONE, 30, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 3, 0, 0,
     0.1},
    {"integers, relative, just above", 99999999999, NONE, 1e11 + 1, GATE_IMPROVED,
     GATE_SOURCE_FRONTIER, 2, 0, 0, 1e-11},
    {"integers, relative, a product that is rounded down", 71, NONE, 100, GATE_NOT_IMPROVED,
     GATE_SOURCE_FRONTIER, 29, 0, 0, 0.29},
    {"an integer and a fraction", 1000, NONE, 1000.1, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.1,
     0, 0.1},

    /* min_relative is a fraction of the reference's size. */
    {"relative, exceeded", 1.75, NONE, 2.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.25, 0, 0, 0.1},
    {"relative, not reached", 1.85, NONE, 2.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.15, 0, 0,
     0.1},
    {"relative, exactly", 0.9, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.1, 0, 0, 0.1},
    {"relative of before", 1.85, 2.0, 5.0, GATE_NOT_IMPROVED, GATE_SOURCE_BEFORE, 0.15, 0, 0, 0.1},
    {"relative, negative reference", -2.25, NONE, -2.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.25,
     0, 0, 0.1},
    {"relative, negative reference, not reached", -2.15, NONE, -2.0, GATE_NOT_IMPROVED,
     GATE_SOURCE_FRONTIER, 0.15, 0, 0, 0.1},
    {"relative, worse than a negative reference", -1.0, NONE, -2.0, GATE_NOT_IMPROVED,
     GATE_SOURCE_FRONTIER, -1.0, 0, 0, 0.1},
    {"relative of zero is nothing", -1e-9, NONE, 0.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 1e-9, 0,
     0, 0.5},
    {"relative of zero, equal", 0.0, NONE, 0.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0, 0, 0,
     0.5},
    {"both, each exceeded", 0.7, NONE, 1.0, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 0.3, 0, 0.1, 0.2},
    {"both, delta is not", 0.85, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.15, 0, 0.2,
     0.1},
    {"both, relative is not", 0.85, NONE, 1.0, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0.15, 0,
     0.1, 0.2},

    /* The ends of what a double can hold. */
    {"further than a double reaches", -1e308, NONE, 1e308, GATE_IMPROVED, GATE_SOURCE_FRONTIER,
     INFINITY},
    {"further, with a threshold", -1e308, NONE, 1e308, GATE_IMPROVED, GATE_SOURCE_FRONTIER,
     INFINITY, 0, 1e300, 0.9},
    {"further, the other way", 1e308, NONE, -1e308, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER,
     -INFINITY, 0, 1e300, 0.9},
    {"a threshold that overflows", -1e308, NONE, 1e308, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER,
     INFINITY, 0, 0, 1e300},
    {"denormal", 5e-324, NONE, 1e-323, GATE_IMPROVED, GATE_SOURCE_FRONTIER, 5e-324},
    {"denormal, equal", 5e-324, NONE, 5e-324, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER, 0},
    {"denormal, with a threshold", 5e-324, NONE, 1e-323, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER,
     5e-324, 0, 5e-324},
};

/* Which way a table of minimize is read. */
static double turned(enum metric_direction direction, double value)
{
    return direction == METRIC_MINIMIZE ? value : -value;
}

static struct measurement measured(double value)
{
    return (struct measurement){.count = !isnan(value), .mean = value};
}

static struct gate_verdict judge(const struct row *row, enum metric_direction direction)
{
    static char name[] = "val_bpb", word[] = "ok";
    struct config_metric metric = {
        .name = name,
        .direction = direction,
        .min_delta = row->min_delta,
        .min_relative = row->min_relative,
        .reference = row->reference,
    };
    struct claim claim = {
        .after = measured(turned(direction, row->after)),
        .before = measured(turned(direction, row->before)),
        .status = CLAIM_OK,
        .status_word = word,
    };
    struct gate_frontier frontier = {
        .known = !isnan(row->frontier),
        .value = isnan(row->frontier) ? 0 : turned(direction, row->frontier),
    };

    return gate_judge(&metric, &claim, frontier);
}

static bool alike(double a, double b)
{
    if (isnan(a) || isnan(b) || isinf(a) || isinf(b))
        return (isnan(a) && isnan(b)) || a == b;
    return fabs(a - b) <= 1e-12 * fmax(fabs(a), fabs(b));
}

static void check_row(const struct row *row, enum metric_direction direction)
{
    struct gate_verdict verdict = judge(row, direction);
    double reference = verdict.source == GATE_SOURCE_BEFORE     ? row->before
                       : verdict.source == GATE_SOURCE_FRONTIER ? row->frontier
                                                                : NONE;

    if (verdict.outcome != row->verdict || verdict.source != row->source ||
        !alike(verdict.improvement, row->improvement) ||
        !alike(verdict.reference, turned(direction, reference)))
        fail_msg("%s, %s: verdict %d, source %d, reference %g, improvement %g (%s)", row->about,
                 direction == METRIC_MINIMIZE ? "minimize" : "maximize", verdict.outcome,
                 verdict.source, verdict.reference, verdict.improvement, verdict.reason);
    assert_int_equal(isnan(verdict.threshold), verdict.source == GATE_SOURCE_NONE);
    if (verdict.source != GATE_SOURCE_NONE)
        assert_true(verdict.threshold >= row->min_delta);
    assert_true(*verdict.reason);
}

static void test_minimize(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i], METRIC_MINIMIZE);
}

static void test_maximize(void **state)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        check_row(&rows[i], METRIC_MAXIMIZE);
}

/* A result as it comes from a file: lists, words, numbers that are missing. */
static struct gate_verdict judge_file(const char *json, enum metric_direction direction,
                                      struct gate_frontier frontier)
{
    static char name[] = "val_bpb";
    struct config_metric metric = {.name = name, .direction = direction};
    struct result *result = NULL;
    char *experiment_id = NULL;
    struct error error = {0};
    struct gate_verdict verdict;

    if (result_parse(&result, &experiment_id, "exp-1.json", json, strlen(json), &error) < 0)
        fail_msg("%s: %s", json, error.message);
    verdict = gate_judge(&metric, &result->claim, frontier);
    result_free(result);
    free(experiment_id);
    return verdict;
}

#define FILE_WITH(members)                                                                         \
    "{\"experiment_id\": \"exp-1\", \"hypothesis\": \"h\", \"metric\": \"val_bpb\", " members "}"

static void test_words_and_lists(void **state)
{
    static const struct {
        const char *json;
        enum gate_outcome minimize; /* against a frontier of 1 */
        enum gate_outcome maximize;
        enum gate_outcome first; /* against none, as minimize */
    } files[] = {
        {FILE_WITH("\"metric_after\": [0.9, 1.0, 0.8]"), GATE_IMPROVED, GATE_NOT_IMPROVED,
         GATE_BASELINE},
        {FILE_WITH("\"metric_after\": [0.2, 2.0]"), GATE_NOT_IMPROVED, GATE_IMPROVED,
         GATE_BASELINE},
        {FILE_WITH("\"metric_after\": [0.5, 1.5]"), GATE_NOT_IMPROVED, GATE_NOT_IMPROVED,
         GATE_BASELINE},
        {FILE_WITH("\"metric_after\": [1e308, 1e308], \"metric_before\": [-1e308, -1e308]"),
         GATE_NOT_IMPROVED, GATE_IMPROVED, GATE_NOT_IMPROVED},
        {FILE_WITH("\"metric_after\": 0.9, \"metric_before\": [0.7, 0.9]"), GATE_NOT_IMPROVED,
         GATE_NOT_IMPROVED, GATE_NOT_IMPROVED},
        {FILE_WITH("\"metric_after\": 0.9, \"status\": \"keep\""), GATE_IMPROVED, GATE_NOT_IMPROVED,
         GATE_BASELINE},
        {FILE_WITH("\"metric_after\": 5, \"status\": \"keep\""), GATE_NOT_IMPROVED, GATE_IMPROVED,
         GATE_BASELINE},
        {FILE_WITH("\"metric_after\": 5, \"status\": \"baseline\""), GATE_NOT_IMPROVED,
         GATE_BASELINE, GATE_BASELINE},
        {FILE_WITH("\"metric_after\": 1, \"status\": \"Baseline\""), GATE_BASELINE, GATE_BASELINE,
         GATE_BASELINE},
        {FILE_WITH("\"metric_after\": 0.5, \"metric_before\": 0.1, \"status\": \"baseline\""),
         GATE_BASELINE, GATE_NOT_IMPROVED, GATE_BASELINE},
        {FILE_WITH("\"metric_after\": 0.0, \"status\": \"crash\""), GATE_CRASHED, GATE_CRASHED,
         GATE_CRASHED},
        {FILE_WITH("\"metric_after\": 0.0, \"metric_before\": 9, \"status\": \"oom\""),
         GATE_CRASHED, GATE_CRASHED, GATE_CRASHED},
        {FILE_WITH("\"status\": \"timeout\""), GATE_CRASHED, GATE_CRASHED, GATE_CRASHED},
        {FILE_WITH("\"metric_after\": 0.0, \"status\": \"discard\""), GATE_DISCARDED,
         GATE_DISCARDED, GATE_DISCARDED},
        {FILE_WITH("\"metric_after\": 1e9, \"status\": \"NEW_LOW\""), GATE_DISCARDED,
         GATE_DISCARDED, GATE_DISCARDED},
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct gate_frontier one = {true, 1}, none = {false, 0};

        print_message("%s\n", files[i].json);
        assert_int_equal(judge_file(files[i].json, METRIC_MINIMIZE, one).outcome,
                         files[i].minimize);
        assert_int_equal(judge_file(files[i].json, METRIC_MAXIMIZE, one).outcome,
                         files[i].maximize);
        assert_int_equal(judge_file(files[i].json, METRIC_MINIMIZE, none).outcome, files[i].first);
    }
}

/* A status that decides does so without a look at any number. */
static void test_a_status_has_no_numbers(void **state)
{
    struct gate_verdict verdict = judge_file(
        FILE_WITH("\"metric_after\": 0.5, \"metric_before\": 1, \"status\": \"crash\""),
        METRIC_MINIMIZE, (struct gate_frontier){true, 1});

    assert_int_equal(verdict.source, GATE_SOURCE_NONE);
    assert_true(isnan(verdict.reference) && isnan(verdict.improvement) && isnan(verdict.threshold));
    assert_string_equal(verdict.reason, "status is crash");
}

static void test_reasons(void **state)
{
    static const struct {
        struct row row;
        const char *minimize, *maximize;
    } reasons[] = {
        {{.after = 0.981, .before = NONE, .frontier = 0.979, .min_delta = 0.001},
         "0.981 is not below 0.979 (frontier) by more than 0.001",
         "-0.981 is not above -0.979 (frontier) by more than 0.001"},
        {{.after = 0.5, .before = 0.75, .frontier = NONE},
         "0.5 is below 0.75 (metric_before)",
         "-0.5 is above -0.75 (metric_before)"},
        {{.after = 1, .before = NONE, .frontier = 2, .min_relative = 0.25},
         "1 is below 2 (frontier) by more than 0.5",
         "-1 is above -2 (frontier) by more than 0.5"},
        {{.after = 1, .before = NONE, .frontier = NONE},
         "the first value of val_bpb",
         "the first value of val_bpb"},
        {{.after = 1, .before = NONE, .frontier = 2, .reference = METRIC_REFERENCE_BEFORE},
         "metric_before is missing, and metrics.val_bpb.reference is before",
         "metric_before is missing, and metrics.val_bpb.reference is before"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        assert_string_equal(judge(&reasons[i].row, METRIC_MINIMIZE).reason, reasons[i].minimize);
        assert_string_equal(judge(&reasons[i].row, METRIC_MAXIMIZE).reason, reasons[i].maximize);
    }
}

static void test_a_long_name_and_word_fit(void **state)
{
    char name[400], word[400];
    struct config_metric metric = {.name = name, .reference = METRIC_REFERENCE_BEFORE};
    struct claim claim = {.status = CLAIM_OK, .status_known = true, .status_word = word};

    memset(name, 'n', sizeof(name) - 1);
    memset(word, 'w', sizeof(word) - 1);
    name[sizeof(name) - 1] = word[sizeof(word) - 1] = '\0';
    struct gate_verdict verdict = gate_judge(&metric, &claim, (struct gate_frontier){true, 1});
    assert_non_null(strstr(verdict.reason, "reference is before"));
    claim.status = CLAIM_DISCARDED;
    verdict = gate_judge(&metric, &claim, (struct gate_frontier){true, 1});
    assert_int_equal(strlen(verdict.reason), strlen("status is ") + 59 + strlen("…"));
    /* A word of the longest letters fits, and is cut between two of them. */
    for (size_t i = 0; i + 4 < sizeof(word); i += 4)
        memcpy(word + i, "\xf0\x9f\x98\x80", 4);
    word[sizeof(word) - 4] = '\0';
    verdict = gate_judge(&metric, &claim, (struct gate_frontier){true, 1});
    assert_true(utf8_valid(verdict.reason, strlen(verdict.reason), NULL));
    assert_int_equal(strlen(verdict.reason), strlen("status is ") + 59 * 4 + strlen("…"));
    claim.status_known = false;
    verdict = gate_judge(&metric, &claim, (struct gate_frontier){true, 1});
    assert_non_null(strstr(verdict.reason, "not known; ok, keep, improved"));
    assert_non_null(strstr(verdict.reason, "may be promoted"));
}

static void test_better(void **state)
{
    assert_true(gate_better(METRIC_MINIMIZE, 1, 2));
    assert_false(gate_better(METRIC_MINIMIZE, 2, 1));
    assert_false(gate_better(METRIC_MINIMIZE, 1, 1));
    assert_true(gate_better(METRIC_MAXIMIZE, 2, 1));
    assert_false(gate_better(METRIC_MAXIMIZE, 1, 2));
    assert_false(gate_better(METRIC_MAXIMIZE, 1, 1));
    assert_false(gate_better(METRIC_MINIMIZE, 0.0, -0.0));
    assert_false(gate_better(METRIC_MAXIMIZE, 0.0, -0.0));
    assert_true(gate_better(METRIC_MINIMIZE, -1e308, 1e308));
}

/* Intake discards what is not better than the frontier of the moment, as a better frontier can only
 * raise the bar. Where it can lower it, gate_final() says so. */
static void test_a_better_frontier_makes_nothing_better(void **state)
{
    static const double values[] = {-1e300, -40, -9, -2, -1, -0.5, 0, 0.25, 1, 1.5, 8, 40, 1e300};
    static const double relative[] = {0, 0.1, 0.99, 1, 1.5, 3, 100};
    const size_t count = sizeof(values) / sizeof(values[0]);
    unsigned turned_round = 0;

    for (size_t m = 0; m < sizeof(relative) / sizeof(relative[0]); m++)
        for (size_t delta = 0; delta < 3; delta++)
            for (size_t i = 0; i < count * count * count; i++) {
                double after = values[i % count], better = values[i / count % count];
                double frontier = values[i / count / count];
                struct config_metric metric = {.direction = METRIC_MINIMIZE,
                                               .min_delta = (double)delta,
                                               .min_relative = relative[m]};
                struct claim claim = {.after = {.count = 1, .mean = after}};
                struct gate_verdict first, second;

                if (better >= frontier)
                    continue;
                first = gate_judge(&metric, &claim, (struct gate_frontier){true, frontier});
                second = gate_judge(&metric, &claim, (struct gate_frontier){true, better});
                if (first.outcome != GATE_NOT_IMPROVED || second.outcome != GATE_IMPROVED)
                    continue;
                turned_round++;
                assert_false(gate_final(&metric, &first));
                assert_true(relative[m] >= 1);
            }
    assert_true(turned_round > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_minimize),
        cmocka_unit_test(test_maximize),
        cmocka_unit_test(test_words_and_lists),
        cmocka_unit_test(test_a_status_has_no_numbers),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_a_long_name_and_word_fit),
        cmocka_unit_test(test_better),
        cmocka_unit_test(test_a_better_frontier_makes_nothing_better),
    };

    return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
