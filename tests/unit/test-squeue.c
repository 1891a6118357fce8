/* Promise: what Slurm says is taken for what it means: an end, a wait, or something to mend. */

#include "daemon/validation/squeue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_lines(void **state)
{
    static const struct {
        const char *line;
        enum squeue_state state;
        const char *nodes;
        const char *reason;
    } rows[] = {
        {"7|RUNNING|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_RUNNING, "n1", ""},
        {"7|COMPLETING|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_RUNNING, "n1", ""},
        {"7|SUSPENDED|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_RUNNING, "n1", ""},
        {"7|PENDING||0|Resources|1:05|winnowd-0-a-1|", SQUEUE_PENDING, "", "Resources"},
        {"7|COMPLETED|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_FINISHED, "n1", ""},
        {"7|FAILED|n1|768|NonZeroExitCode|1:05|winnowd-0-a-1|", SQUEUE_FINISHED, "n1",
         "NonZeroExitCode"},
        {"7|CANCELLED|n[1-2]|0|None|1:05|winnowd-0-a-1|", SQUEUE_CUT_OFF, "n[1-2]", ""},
        {"7|NODE_FAIL|n1|1|NodeDown|1:05|winnowd-0-a-1|", SQUEUE_CUT_OFF, "n1", "NodeDown"},
        {"7|PREEMPTED|n1|15|None|1:05|winnowd-0-a-1|", SQUEUE_CUT_OFF, "n1", ""},
        {"7|BOOT_FAIL|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_CUT_OFF, "n1", ""},
        {"7|DEADLINE||0|DeadLine|1:05|winnowd-0-a-1|", SQUEUE_CUT_OFF, "", "DeadLine"},
        {"7|REVOKED|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_CUT_OFF, "n1", ""},
        {"7|LAUNCH_FAILED|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_CUT_OFF, "n1", ""},
        {"7|RECONFIG_FAIL|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_CUT_OFF, "n1", ""},
        {"7|SOMETHING_NEW|n1|0|None|1:05|winnowd-0-a-1|", SQUEUE_RUNNING, "n1", ""},
        {"7|SOMETHING_NEW||0|None|1:05|winnowd-0-a-1|", SQUEUE_PENDING, "", ""},
        {"7|TIMEOUT|n1|0|TimeLimit|1:05|winnowd-0-a-1|", SQUEUE_EXHAUSTED, "n1", "TimeLimit"},
        {"7|OUT_OF_MEMORY|n1|0|OutOfMemory|1:05|winnowd-0-a-1|", SQUEUE_EXHAUSTED, "n1",
         "OutOfMemory"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct squeue_job job;

        assert_true(squeue_read(&job, rows[i].line, strlen(rows[i].line)));
        assert_int_equal(job.id, 7);
        assert_int_equal(job.state, rows[i].state);
        assert_string_equal(job.nodes, rows[i].nodes);
        assert_string_equal(job.reason, rows[i].reason);
        assert_int_equal(job.used_s, 65);
        assert_string_equal(job.name, "winnowd-0-a-1");
    }
}

/* A reason may name all nodes of a cluster. */
static void test_long_fields(void **state)
{
    char list[401];
    char line[1024];
    struct squeue_job job;

    (void)state;
    memset(list, 'n', sizeof(list) - 1);
    list[sizeof(list) - 1] = '\0';
    snprintf(line, sizeof(line), "7|PENDING|%s|0|ReqNodeNotAvail, UnavailableNodes:%s|0:00|name|",
             list, list);
    assert_true(squeue_read(&job, line, strlen(line)));
    assert_int_equal(job.state, SQUEUE_PENDING);
    assert_int_equal(strlen(job.nodes), sizeof(job.nodes) - 1);
    assert_int_equal(strlen(job.reason), sizeof(job.reason) - 1);
    assert_string_equal(job.name, "name");
    snprintf(line, sizeof(line), "7|PENDING||0|None|0:00|%s%s|", list, list);
    assert_false(squeue_read(&job, line, strlen(line)));
}

static void test_times(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {"0:00", 0},     {"9:59", 599}, {"1:00:01", 3601}, {"2-03:04:05", 183845},
        {"INVALID", -1}, {"", -1},      {"7", -1},         {"1:", -1},
        {"1-", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        char line[64];
        struct squeue_job job;

        snprintf(line, sizeof(line), "7|FAILED|n1|0|None|%s|name|", rows[i].text);
        assert_true(squeue_read(&job, line, strlen(line)));
        assert_int_equal(job.used_s, rows[i].seconds);
    }
}

static void test_lines_that_are_none(void **state)
{
    static const char *const lines[] = {
        "",
        "7|RUNNING|n1|0|None|0:00|cut o",
        "x|RUNNING|n1|0|None|0:00|name|",
        "squeue: error: Socket timed out",
        "-3|RUNNING|n1|0|None|0:00|name|",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        struct squeue_job job;

        assert_false(squeue_read(&job, lines[i], strlen(lines[i])));
    }
}

static void test_reasons(void **state)
{
    static const char *const stay[] = {"PartitionConfig",
                                       "BadConstraints",
                                       "PartitionTimeLimit",
                                       "InvalidAccount",
                                       "InvalidQOS",
                                       "JobHeldUser",
                                       "JobHeldAdmin",
                                       "DependencyNeverSatisfied",
                                       "AssocMaxWallDurationPerJobLimit",
                                       "QOSMaxWallDurationPerJobLimit",
                                       "QOSMaxCpuPerJobLimit",
                                       "AssociationTimeLimit",
                                       "QOSTimeLimit",
                                       "MaxMemPerLimit",
                                       "QOSMinCpuNotSatisfied",
                                       "QOSMinGRES"};
    static const char *const pass[] = {"Resources",
                                       "Priority",
                                       "None",
                                       "",
                                       "BeginTime",
                                       "QOSMaxJobsPerUserLimit",
                                       "Dependency",
                                       "ReqNodeNotAvail",
                                       "QOSMaxSubmitJobPerUserLimit",
                                       "AssociationJobLimit",
                                       "QOSGrpCpuLimit"};

    (void)state;
    for (size_t i = 0; i < sizeof(stay) / sizeof(*stay); i++)
        assert_true(squeue_reason_stays(stay[i]));
    for (size_t i = 0; i < sizeof(pass) / sizeof(*pass); i++)
        assert_false(squeue_reason_stays(pass[i]));
}

#define FAILED "sbatch: error: Batch job submission failed: "

static void test_refusals(void **state)
{
    static const struct {
        const char *words;
        enum sbatch_refusal refusal;
    } rows[] = {
        {FAILED "Unable to contact slurm controller (connect failure)", SBATCH_WAITS},
        {FAILED "Socket timed out on send/recv operation", SBATCH_WAITS},
        {FAILED "Slurm temporarily unable to accept job, sleeping and retrying", SBATCH_WAITS},
        {FAILED "Job violates accounting/QOS policy (job submit limit, user's size and/or time "
                "limits)",
         SBATCH_WAITS},
        {"sbatch: error: QOSMaxSubmitJobPerUserLimit " FAILED
         "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
         SBATCH_WAITS},
        {"sbatch: error: QOSMaxWallDurationPerJobLimit " FAILED
         "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
         SBATCH_REFUSED},
        {"sbatch: error: QOSMinCpuNotSatisfied " FAILED
         "Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)",
         SBATCH_REFUSED},
        {"sbatch: error: If munged is up, restart with --num-threads=10", SBATCH_WAITS},
        {FAILED "Protocol authentication error", SBATCH_WAITS},
        {FAILED "Invalid partition name specified", SBATCH_REFUSED},
        {"sbatch: error: invalid partition specified: gpu", SBATCH_REFUSED},
        {FAILED "Invalid account or account/partition combination specified", SBATCH_REFUSED},
        {FAILED "Requested node configuration is not available", SBATCH_REFUSED},
        {"allocation failure: Requested node configuration is not available", SBATCH_NO_NODE},
        {"allocation failure: Required partition not available (inactive or drain)",
         SBATCH_REFUSED},
        {"sbatch: unrecognized option '--gpu'", SBATCH_REFUSED},
        {FAILED "something that nobody has seen yet", SBATCH_REFUSED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        assert_int_equal(sbatch_refusal_of(rows[i].words), rows[i].refusal);
}

static void test_ids(void **state)
{
    (void)state;
    assert_int_equal(sbatch_read_id("4711\n"), 4711);
    assert_int_equal(sbatch_read_id("4711;cluster\n"), 4711);
    assert_int_equal(sbatch_read_id("Submitted batch job 4711\n"), 0);
    assert_int_equal(sbatch_read_id(""), 0);
    assert_int_equal(sbatch_read_id("47x\n"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),       cmocka_unit_test(test_lines_that_are_none),
        cmocka_unit_test(test_reasons),     cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_ids),         cmocka_unit_test(test_times),
        cmocka_unit_test(test_long_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
