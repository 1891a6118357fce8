/* Promise: what no outcome of earlier jobs can change is decided at once, and the rest waits. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/memory.h"
#include "daemon/assessment.h"

#include <string.h>

#define RESULT                                                                                     \
    "{\"experiment_id\":\"exp-1\",\"hypothesis\":\"h\",\"metric\":\"val_bpb\","                    \
    "\"metric_before\":1,\"metric_after\":0.5,\"patch\":\"p.diff\"}"

/* How reading the patch ends. */
struct reading {
    int status;
    enum error_kind kind;
};

static int read_patch(void *data, const char *name, size_t limit, char **bytes, size_t *length,
                      struct error *error)
{
    const struct reading *reading = data;

    assert_string_equal(name, "p.diff");
    assert_true(limit > 0);
    if (reading->status < 0)
        return error_set(error, reading->kind, "cannot read p.diff: so it is");
    if (reading->status == 0) {
        *bytes = memory_copy("--- a\n");
        *length = 6;
    }
    return reading->status;
}

static struct assessment rule(struct spool_file *file, struct reading reading)
{
    char name[] = "val_bpb", prefix[] = "experiment/";
    struct config_metric metric = {.name = name, .direction = METRIC_MINIMIZE};
    struct config config = {.metrics = &metric, .metric_count = 1};
    struct assessment assessment;
    struct error error;

    config.forge.branch_prefix = prefix;
    if (assessment_make(&assessment, &config, NULL, file, read_patch, &reading, &error) < 0)
        fail_msg("%s", error.message);
    return assessment;
}

static void what_is_in_the_way(void **state)
{
    static const struct {
        struct reading reading;
        enum decision decision;
        enum spool_delay delay;
        const char *reason;
    } rows[] = {
        {{0, ERROR_NONE}, DECISION_QUEUED, SPOOL_DELAY_NONE, "0.5"},
        {{1, ERROR_NONE}, DECISION_REJECTED, SPOOL_DELAY_PATCH, "drop it first"},
        {{-1, ERROR_TRANSIENT}, DECISION_REJECTED, SPOOL_DELAY_FAULT, "so it is"},
        {{-1, ERROR_PERMANENT}, DECISION_REJECTED, SPOOL_DELAY_NONE, "so it is"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[] = "a.json", bytes[] = RESULT;
        struct spool_file file = {.name = name, .bytes = bytes, .length = strlen(bytes)};
        CLEANUP(assessment_clear) struct assessment assessment = rule(&file, rows[i].reading);

        assert_int_equal(assessment.decision, rows[i].decision);
        assert_int_equal(assessment.delay, rows[i].delay);
        assert_non_null(strstr(assessment.reason, rows[i].reason));
        /* What is not there is not taken along. */
        assert_int_equal(assessment.patch_name != NULL, rows[i].reading.status <= 0);
    }
}

static void what_a_bad_file_takes_along(void **state)
{
    for (int status = -1; status <= 1; status++) {
        char name[] = "a.json", bytes[] = "{\"patch\":\"p.diff\"}";
        struct spool_file file = {.name = name, .bytes = bytes, .length = strlen(bytes)};
        CLEANUP(assessment_clear)
        struct assessment assessment = rule(&file, (struct reading){status, ERROR_PERMANENT});

        assert_int_equal(assessment.decision, DECISION_REJECTED);
        assert_int_equal(assessment.patch_name != NULL, status <= 0);
    }
}

static void a_file_that_cannot_be_read(void **state)
{
    for (int faulty = 0; faulty < 2; faulty++) {
        char name[] = "a.json", problem[] = "is odd";
        struct spool_file file = {.name = name, .problem = problem, .faulty = faulty};
        CLEANUP(assessment_clear) struct assessment assessment = rule(&file, (struct reading){0});

        assert_int_equal(assessment.decision, DECISION_REJECTED);
        assert_int_equal(assessment.delay, faulty ? SPOOL_DELAY_FAULT : SPOOL_DELAY_NONE);
        assert_string_equal(assessment.reason, "is odd");
    }
}

/* Gitea's names of branches have 100 bytes, those of a bare repository may be as long as files' names. */
static void a_branch_that_is_too_long(void **state)
{
    static const struct {
        enum forge_kind kind;
        size_t length;
        enum decision decision;
    } rows[] = {
        {FORGE_GITEA, 89, DECISION_QUEUED},
        {FORGE_GITEA, 90, DECISION_REJECTED},
        {FORGE_LOCAL, 100, DECISION_QUEUED},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[] = "a.json", id[101] = "", prefix[] = "experiment/", metric_name[] = "m";
        struct config_metric metric = {.name = metric_name};
        struct config config = {.metrics = &metric, .metric_count = 1};
        CLEANUP_FREE char *bytes = NULL;
        struct spool_file file = {.name = name};
        CLEANUP(assessment_clear) struct assessment assessment = {0};
        struct error error;

        config.forge.kind = rows[i].kind;
        config.forge.branch_prefix = prefix;
        memset(id, 'x', rows[i].length);
        file.bytes = bytes = memory_format(
            "{\"experiment_id\":\"%s\",\"hypothesis\":\"h\",\"metric\":\"m\",\"metric_after\":1}",
            id);
        file.length = strlen(bytes);
        assert_int_equal(
            assessment_make(&assessment, &config, NULL, &file, read_patch, NULL, &error), 0);
        assert_int_equal(assessment.decision, rows[i].decision);
        if (assessment.decision == DECISION_REJECTED)
            assert_non_null(strstr(assessment.reason, "100 bytes"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_the_way),
        cmocka_unit_test(what_a_bad_file_takes_along),
        cmocka_unit_test(a_file_that_cannot_be_read),
        cmocka_unit_test(a_branch_that_is_too_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
