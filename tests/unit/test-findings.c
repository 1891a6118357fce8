/* Promise: what a step found is the same after a restart. */

#include "common/memory.h"
#include "daemon/job/findings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define COMMIT "c000000000000000000000000000000000000000"

static void test_the_numbers_of_tests(void **state)
{
    struct job_findings before = {
        .tests = {.commit = COMMIT, .count = {true, 12, 11, "pytest"}, .duration_ms = 7},
    };
    struct job_findings after = {0};
    CLEANUP_FREE char *json = job_finding_write(&finding_validate, &before);
    struct error error;

    assert_int_equal(job_finding_read(&finding_validate, &after, json, &error), 0);
    assert_string_equal(after.tests.commit, COMMIT);
    assert_int_equal(after.tests.duration_ms, 7);
    assert_memory_equal(&after.tests.count, &before.tests.count, sizeof(before.tests.count));
    assert_false(after.tests.base_count.known);
    job_findings_clear(&after);
}

/* Tests that failed on a flaky base, and are run once more. */
static void test_a_first_failure(void **state)
{
    struct job_findings before = {.tests = {.failed_once = COMMIT}};
    struct job_findings after = {0};
    CLEANUP_FREE char *json = job_finding_write(&finding_validate, &before);
    struct error error;

    assert_int_equal(job_finding_read(&finding_validate, &after, json, &error), 0);
    assert_string_equal(after.tests.failed_once, COMMIT);
    assert_string_equal(after.tests.commit, "");
    job_findings_clear(&after);
}

/* Tests that failed, while the base is asked for. */
static void test_a_failure_not_yet_held_against_the_base(void **state)
{
    struct job_findings before = {.tests = {.failed = {.commit = COMMIT,
                                                       .settings = "abc",
                                                       .at_ms = 7,
                                                       .reason = (char *)"exited with status 1",
                                                       .report = (char *)"{\"tests\":3}"}}};
    struct job_findings after = {0};
    CLEANUP_FREE char *json = job_finding_write(&finding_validate, &before);
    struct error error;

    assert_int_equal(job_finding_read(&finding_validate, &after, json, &error), 0);
    assert_string_equal(after.tests.failed.commit, COMMIT);
    assert_string_equal(after.tests.failed.settings, "abc");
    assert_int_equal(after.tests.failed.at_ms, 7);
    assert_string_equal(after.tests.failed.reason, "exited with status 1");
    assert_string_equal(after.tests.failed.report, "{\"tests\":3}");
    job_findings_clear(&after);
}

/* An older version did not count them. */
static void test_of_an_older_version(void **state)
{
    struct job_findings after = {0};
    struct error error;

    assert_int_equal(job_finding_read(&finding_validate, &after,
                                      "{\"commit\":\"" COMMIT "\",\"duration_ms\":7}", &error),
                     0);
    assert_int_equal(after.tests.duration_ms, 7);
    assert_false(after.tests.count.known);
    assert_string_equal(after.tests.failed.commit, "");
    job_findings_clear(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_numbers_of_tests),
        cmocka_unit_test(test_a_first_failure),
        cmocka_unit_test(test_a_failure_not_yet_held_against_the_base),
        cmocka_unit_test(test_of_an_older_version),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
