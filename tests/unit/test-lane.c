/* Promise: results of one metric settle in the order in which they arrived. */

#include "daemon/lane.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct store_result arrived(int64_t modified_ns, const char *file_name, int64_t id)
{
    return (struct store_result){
        .modified_ns = modified_ns,
        .file_name = (char *)file_name,
        .id = id,
    };
}

/* In order of arrival, each before all that follow it. */
static void test_order_of_arrival(void **state)
{
    struct store_result rows[] = {
        arrived(-5, "z", 9), arrived(0, "b", 8),    arrived(1, "A", 7),
        arrived(1, "a", 5),  arrived(1, "a", 6),    arrived(1, "a.json", 4),
        arrived(1, "b", 3),  arrived(1, "\xff", 2), arrived(INT64_MAX, "a", 1),
    };
    const size_t count = sizeof(rows) / sizeof(rows[0]);

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            assert_int_equal(lane_before(&rows[i], &rows[j]), i < j);
}

static struct store_frontier frontier_of(int64_t result, int64_t modified_ns, const char *file_name)
{
    struct store_frontier frontier = {
        .known = true, .value = 1, .result = result, .modified_ns = modified_ns};

    snprintf(frontier.file_name, sizeof(frontier.file_name), "%s", file_name);
    return frontier;
}

/* A hoped-for value is the frontier only where it is better, or where there was none. */
static void test_hopes(void **state)
{
    const struct config_metric down = {.direction = METRIC_MINIMIZE};
    const struct config_metric up = {.direction = METRIC_MAXIMIZE};
    struct store_frontier frontier = {0};

    lane_hope(&frontier, &down, 5);
    assert_true(frontier.known);
    assert_true(frontier.value == 5);
    frontier.result = 7;
    lane_hope(&frontier, &down, 6);
    assert_true(frontier.value == 5);
    assert_int_equal(frontier.result, 7);
    lane_hope(&frontier, &up, 6);
    assert_true(frontier.value == 6);
    assert_int_equal(frontier.result, 0);
}

static void test_discarded_or_superseded(void **state)
{
    const struct store_result row = arrived(100, "m.json", 5);
    const struct {
        const char *about;
        struct store_frontier frontier;
        enum gate_source source;
        enum queue_order order;
        enum decision decision;
    } rows[] = {
        {"beaten by an earlier one", frontier_of(1, 99, "z.json"), GATE_SOURCE_FRONTIER,
         QUEUE_ORDER_ARRIVAL, DECISION_DISCARDED},
        {"beaten by a later one", frontier_of(9, 101, "a.json"), GATE_SOURCE_FRONTIER,
         QUEUE_ORDER_ARRIVAL, DECISION_SUPERSEDED},
        {"the same time, an earlier name", frontier_of(9, 100, "a.json"), GATE_SOURCE_FRONTIER,
         QUEUE_ORDER_ARRIVAL, DECISION_DISCARDED},
        {"the same time, a later name", frontier_of(1, 100, "z.json"), GATE_SOURCE_FRONTIER,
         QUEUE_ORDER_ARRIVAL, DECISION_SUPERSEDED},
        {"the same time and name, taken in earlier", frontier_of(4, 100, "m.json"),
         GATE_SOURCE_FRONTIER, QUEUE_ORDER_ARRIVAL, DECISION_DISCARDED},
        {"the same time and name, taken in later", frontier_of(6, 100, "m.json"),
         GATE_SOURCE_FRONTIER, QUEUE_ORDER_ARRIVAL, DECISION_SUPERSEDED},
        {"not better than what it says was before", frontier_of(9, 101, "z.json"),
         GATE_SOURCE_BEFORE, QUEUE_ORDER_ARRIVAL, DECISION_DISCARDED},
        {"not better than the configured baseline", frontier_of(0, 0, ""), GATE_SOURCE_FRONTIER,
         QUEUE_ORDER_ARRIVAL, DECISION_DISCARDED},
        {"the best first: an earlier one", frontier_of(1, 99, "a.json"), GATE_SOURCE_FRONTIER,
         QUEUE_ORDER_BEST, DECISION_SUPERSEDED},
        {"the best first: a later one", frontier_of(9, 101, "z.json"), GATE_SOURCE_FRONTIER,
         QUEUE_ORDER_BEST, DECISION_SUPERSEDED},
        {"the best first: its own before", frontier_of(9, 101, "z.json"), GATE_SOURCE_BEFORE,
         QUEUE_ORDER_BEST, DECISION_DISCARDED},
        {"the best first: the configured baseline", frontier_of(0, 0, ""), GATE_SOURCE_FRONTIER,
         QUEUE_ORDER_BEST, DECISION_DISCARDED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct gate_verdict verdict = {.outcome = GATE_NOT_IMPROVED, .source = rows[i].source};
        enum decision decision = lane_decision(&row, &rows[i].frontier, &verdict, rows[i].order);

        if (decision != rows[i].decision)
            fail_msg("%s: %s", rows[i].about, decision_name(decision));
    }
}

/* A row of the store says the same as the result it was made from. */
static void test_a_row_is_judged_as_its_result(void **state)
{
    static char name[] = "val_bpb";
    static const struct {
        const char *status;
        double after, before;
        struct gate_frontier frontier;
        enum gate_outcome verdict;
        enum gate_source source;
    } rows[] = {
        {"ok", 0.5, NAN, {true, 1}, GATE_IMPROVED, GATE_SOURCE_FRONTIER},
        {"keep", 0.5, 0.75, {true, 1}, GATE_IMPROVED, GATE_SOURCE_BEFORE},
        {"ok", 0.5, 0.25, {true, 1}, GATE_NOT_IMPROVED, GATE_SOURCE_BEFORE},
        {"ok", 0.5, NAN, {false, 0}, GATE_BASELINE, GATE_SOURCE_NONE},
        {"baseline", 0.5, NAN, {true, 1}, GATE_BASELINE, GATE_SOURCE_NONE},
        {"baseline", 2, NAN, {true, 1}, GATE_NOT_IMPROVED, GATE_SOURCE_FRONTIER},
        {"crash", NAN, NAN, {true, 1}, GATE_CRASHED, GATE_SOURCE_NONE},
        {"crash", 0, NAN, {true, 1}, GATE_CRASHED, GATE_SOURCE_NONE},
        {"NEW_LOW", 0, NAN, {true, 1}, GATE_DISCARDED, GATE_SOURCE_NONE},
        {"Improved", 0.5, NAN, {true, 1}, GATE_IMPROVED, GATE_SOURCE_FRONTIER},
    };
    const struct config_metric metric = {.name = name};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct claim claim = {.after = measurement_read(rows[i].after, NULL),
                              .before = measurement_read(rows[i].before, NULL)};
        struct gate_verdict verdict;

        claim_set_status(&claim, rows[i].status);
        verdict = gate_judge(&metric, &claim, rows[i].frontier);
        claim_clear(&claim);

        assert_int_equal(verdict.outcome, rows[i].verdict);
        assert_int_equal(verdict.source, rows[i].source);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_of_arrival),
        cmocka_unit_test(test_hopes),
        cmocka_unit_test(test_discarded_or_superseded),
        cmocka_unit_test(test_a_row_is_judged_as_its_result),
    };

    return cmocka_run_group_tests_name("lane", tests, NULL, NULL);
}
