/* Promise: the status shows the facts that it was given. */

#include "common/memory.h"
#include "daemon/status.h"
#include "daemon/status/textfile.h"
#include "daemon/status/work.h"
#include "daemon/steps.h"
#include "daemon/store/pull.h"
#include "daemon/store/status.h"

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

static void expect_age(int64_t milliseconds, const char *wanted)
{
    CLEANUP_TEXT struct text text = {0};

    status_append_age(&text, milliseconds);
    assert_string_equal(text_string(&text), wanted);
}

static void test_ages(void **state)
{
    (void)state;
    expect_age(-5, "0s");
    expect_age(999, "0s");
    expect_age(59999, "59s");
    expect_age(133000, "2m13s");
    expect_age(3720000, "1h02m");
    expect_age(86400000 * 3 + 4 * 3600000, "3d04h");
}

static void expect_sparkline(const double *values, size_t count, const char *wanted)
{
    CLEANUP_TEXT struct text text = {0};
    struct store_point points[16] = {0};

    for (size_t i = 0; i < count; i++)
        points[i].value = values[i];
    status_append_sparkline(&text, points, count);
    assert_string_equal(text_string(&text), wanted);
}

static void test_sparklines(void **state)
{
    (void)state;
    expect_sparkline((double[]){0, 1, 2, 3, 4, 5, 6, 7}, 8, "▁▂▃▄▅▆▇█");
    expect_sparkline((double[]){1, 0.5, 0}, 3, "█▄▁");
    expect_sparkline((double[]){5}, 1, "▁");
    expect_sparkline((double[]){2, 2}, 2, "▁▁");
    expect_sparkline((double[]){-DBL_MAX, DBL_MAX}, 2, "▁█");
    expect_sparkline(NULL, 0, "");
}

/* A status with hostile text wherever text comes from outside. */
static void make_status(struct status *status)
{
    static struct store_decided decisions[1];
    static char file_name[] = "a\033[2J\n.json", reason[] = "\xe2\x80\xaez: \"x\"\n\ny",
                empty[] = "";

    decisions[0] = (struct store_decided){
        .at_ms = 1769832245678,
        .decision = DECISION_REJECTED,
        .file_name = file_name,
        .metric = empty,
        .before = NAN,
        .after = NAN,
        .reason = reason,
    };
    *status = (struct status){
        .now_ms = 1769832245678,
        .stored = true,
        .decisions = decisions,
        .decision_count = 1,
        .status_file = {.forge = "unknown"},
    };
}

static void test_a_table_of_hostile_text(void **state)
{
    CLEANUP_TEXT struct text text = {0};
    struct status status;

    (void)state;
    make_status(&status);
    status_table(&text, &status, 80);
    assert_null(strchr(text_string(&text), '\033'));
    assert_null(strstr(text_string(&text), "\xe2\x80\xae"));
    assert_non_null(
        strstr(text_string(&text), "2026-01-31 04:04:05Z  rejected    aU+001B[2J .json"));
    assert_non_null(strstr(text_string(&text), "U+202Ez: \"x\" y\n"));
    assert_non_null(strstr(text_string(&text), "daemon   not running\n"));
}

static void test_json_of_what_is_not_known(void **state)
{
    CLEANUP_TEXT struct text text = {0};
    struct json_object *object, *decision;
    struct status status;

    (void)state;
    make_status(&status);
    status_json(&text, &status);
    object = json_tokener_parse(text_string(&text));
    assert_non_null(object);
    decision = json_object_array_get_idx(json_object_object_get(object, "decisions"), 0);
    assert_null(json_object_object_get(decision, "after"));
    assert_null(json_object_object_get(decision, "experiment"));
    assert_string_equal(json_object_get_string(json_object_object_get(decision, "time")),
                        "2026-01-31T04:04:05.678Z");
    assert_string_equal(json_object_get_string(json_object_object_get(decision, "file")),
                        "a\033[2J\n.json");
    json_object_put(object);
}

/* Appends the lines of work of results 6 to 1, whose pull requests are 16 to 11. */
static void append_works(struct text *text, const struct store_containment *pairs, size_t count,
                         unsigned width)
{
    struct status status;

    make_status(&status);
    status.decision_count = 0;
    status.members = memory_new_array(6, sizeof(*status.members));
    for (int64_t result = 6; result > 0; result--) {
        struct store_member *member = &status.members[status.member_count++];

        *member = (struct store_member){.result = result, .pull = 10 + result, .open = result != 2};
        snprintf(member->experiment_id, sizeof(member->experiment_id), "exp-%d", (int)result);
        member->stale = result == 3;
    }
    work_find(&status, pairs, count);
    status_table(text, &status, width);
    status_json(text, &status);
    work_clear(&status);
}

/* 5 on 3 on 2 on 1, and 6 on 4 on 2: the loop began anew from an earlier one. */
static void test_lines_of_work(void **state)
{
    static const struct store_containment pairs[] = {
        {2, 1}, {3, 1}, {3, 2}, {4, 2}, {4, 1}, {5, 1}, {5, 2}, {5, 3}, {6, 1}, {6, 4}, {6, 2},
    };
    CLEANUP_TEXT struct text text = {0}, narrow = {0};

    (void)state;
    append_works(&text, pairs, sizeof(pairs) / sizeof(*pairs), 0);
    assert_non_null(strstr(text_string(&text),
                           "\n\nline of work: #16 contains those below it\n"
                           "  #16    exp-6\n  #14    exp-4\n  #12    exp-2  contained\n"
                           "  #11    exp-1\n\n"
                           "line of work: #15 contains those below it\n"
                           "  #15    exp-5\n  #13    exp-3  stale\n"
                           "  #12    exp-2  contained  see above\n\nfrontier\n"));
    assert_non_null(strstr(text_string(&text), "\"on\":12\n"));
    append_works(&narrow, pairs, sizeof(pairs) / sizeof(*pairs), 20);
    assert_non_null(strstr(text_string(&narrow), "\n  #12    exp-2\n      contained\n"));
}

/* 6 holds a merge of two lines: 5 on 3 and 4 on 2. None is lost, and none is said twice. */
static void test_lines_of_work_that_were_merged(void **state)
{
    static const struct store_containment pairs[] = {
        {6, 5}, {6, 4}, {6, 3}, {6, 2}, {6, 1}, {5, 3}, {5, 1}, {3, 1}, {4, 2},
    };
    CLEANUP_TEXT struct text text = {0};

    (void)state;
    append_works(&text, pairs, sizeof(pairs) / sizeof(*pairs), 0);
    assert_non_null(strstr(text_string(&text),
                           "  #16    exp-6\n  #15    exp-5\n  #13    exp-3  stale\n"
                           "  #11    exp-1\n\n"
                           "line of work: #14 contains those below it\n"
                           "  #14    exp-4\n  #12    exp-2  contained\n\nfrontier\n"));
}

/* On a terminal what is long is cut, and in a pipe nothing is. */
static void test_a_pipe_gets_all_of_it(void **state)
{
    const struct config_metric metric = {
        .name = (char *)"validation_bits_per_byte_of_the_whole_set"};
    struct status_frontier frontier = {
        .metric = &metric, .scope = (char *)"", .known = true, .value = 0.9};
    CLEANUP_TEXT struct text text = {0}, narrow = {0};
    struct store_waiting waiting = {
        .experiment_id = (char *)"exp-1", .metric = metric.name, .value = 0.8};
    struct status status;
    char reason[901];

    (void)state;
    memset(reason, 'x', sizeof(reason) - 1);
    reason[sizeof(reason) - 1] = '\0';
    make_status(&status);
    status.frontiers = &frontier;
    status.frontier_count = 1;
    status.waits = &waiting;
    status.wait_count = 1;
    status.waits_for = reason;
    status_table(&text, &status, 0);
    assert_non_null(strstr(text_string(&text), "  validation_bits_per_byte_of_the_whole_set 0.8"));
    assert_non_null(strstr(text_string(&text), "  validation_bits_per_byte_of_the_whole_set  m"));
    assert_non_null(strstr(text_string(&text), reason));
    status_table(&narrow, &status, 80);
    assert_null(strstr(text_string(&narrow), metric.name));
    assert_non_null(strstr(text_string(&narrow), "  validation_bits_per_byt… 0.8"));
}

/* Below a second there is nothing to tell. */
static void test_a_job_that_has_just_been_held_up(void **state)
{
    CLEANUP_TEXT struct text text = {0}, later = {0};
    struct status_job job = {.experiment_id = (char *)"exp-1",
                             .step = (char *)"validate",
                             .reason = (char *)"",
                             .faulty_ms = 1,
                             .tried_ms = 999};
    struct status status;

    (void)state;
    make_status(&status);
    status.jobs = &job;
    status.job_count = 1;
    status_table(&text, &status, 0);
    assert_non_null(strstr(text_string(&text), "  delayed\n"));
    job.tried_ms = 1000;
    status_table(&later, &status, 0);
    assert_non_null(strstr(text_string(&later), "  delayed for 1s\n"));
}

static void test_a_textfile_of_hostile_labels(void **state)
{
    CLEANUP_TEXT struct text text = {0};
    static char scope[] = "a\"b\\c\nd";
    struct textfile_frontier frontier = {.metric = (char *)"m", .scope = scope, .value = 1e-5};
    static struct counters counters;
    struct textfile textfile = {
        .version = "1",
        .counters = &counters,
        .frontiers = &frontier,
        .frontier_count = 1,
        .lag_ms = 12,
        .started_ms = 1769832245008,
    };

    (void)state;
    counters_add_step(&counters, "branch", true);
    counters_add_step(&counters, "validate", true);
    counters_add_step(&counters, "judge", false);
    counters_add_step(&counters, "branch", true);
    counters_try(&counters, "validate", false, COUNTERS_FAILED, 61005);
    counters_try(&counters, "branch", true, COUNTERS_LATER, 7);
    counters_try(&counters, "unknown", false, COUNTERS_DONE, 1);
    counters_job(&counters, DECISION_FAILED, "validate");
    counters_job(&counters, DECISION_PROMOTED, NULL);
    textfile_render(&text, &textfile);
    for (const char *const *line =
             (const char *const[]){
                 "\nwinnowd_frontier{metric=\"m\",scope=\"a\\\"b\\\\c\\nd\"} 1e-05\n",
                 "\nwinnowd_start_time_seconds 1769832245.008\n",
                 "\nwinnowd_loop_lag_max_seconds 0.012\n",
                 "\nwinnowd_jobs_total{outcome=\"failed\",step=\"validate\"} 1\n",
                 "\nwinnowd_jobs_total{outcome=\"promoted\",step=\"none\"} 1\n",
                 "\nwinnowd_step_duration_seconds_sum{step=\"validate\",end=\"failed\"} 61.005\n",
                 "\nwinnowd_step_duration_seconds_count{step=\"validate\",end=\"failed\"} 1\n",
                 "\nwinnowd_undo_duration_seconds_sum{step=\"branch\",end=\"later\"} 0.007\n",
                 NULL,
             };
         *line; line++)
        assert_non_null(strstr(text_string(&text), *line));
    assert_null(strstr(text_string(&text), "judge"));
    assert_null(strstr(text_string(&text), "unknown"));
}

/* A status that is read beside the daemon knows the steps by the table alone. */
static void test_what_a_step_runs(void **state)
{
    static const struct {
        struct store_job record;
        int runs; /* -1: there is no such row */
    } rows[] = {
        {{.kind = JOB_PROMOTION, .step = "base"}, ROW_RUNS_BASE},
        {{.kind = JOB_PROMOTION, .step = "validate"}, ROW_RUNS_TESTS},
        {{.kind = JOB_PROMOTION, .step = "push"}, ROW_RUNS_NOTHING},
        {{.kind = JOB_PROMOTION, .step = "look"}, -1},
        {{.kind = JOB_REFRESH, .step = "look"}, ROW_RUNS_NOTHING},
        {{.kind = JOB_REFRESH, .step = "base"}, ROW_RUNS_BASE},
        {{.kind = JOB_REFRESH, .step = "end"}, -1},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct step *row = step_of(&rows[i].record);

        assert_int_equal(row ? (int)row->runs : -1, rows[i].runs);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ages),
        cmocka_unit_test(test_sparklines),
        cmocka_unit_test(test_a_table_of_hostile_text),
        cmocka_unit_test(test_json_of_what_is_not_known),
        cmocka_unit_test(test_lines_of_work),
        cmocka_unit_test(test_lines_of_work_that_were_merged),
        cmocka_unit_test(test_a_pipe_gets_all_of_it),
        cmocka_unit_test(test_a_job_that_has_just_been_held_up),
        cmocka_unit_test(test_a_textfile_of_hostile_labels),
        cmocka_unit_test(test_what_a_step_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
