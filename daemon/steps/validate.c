/*
 * Step `validate`: runs the tests on a fresh checkout of exactly the composed commit.
 *
 * They are compared with the run on the job's base (base.h). A failure is charged to the experiment only if
 * the base passes. On a flaky base the tests are run twice. If the base fails as well, the job ends without a
 * decision, and the result waits until something has changed.
 */

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "daemon/events.h"
#include "daemon/job.h"
#include "daemon/steps.h"
#include "daemon/validation/settings.h"
#include "daemon/validation/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct scratch {
    char settings[DIGEST_HEX_SIZE]; /* under which the run began: see settings_digest() */
};

static struct scratch *scratch_of(struct job *job)
{
    return job_scratch(job, sizeof(struct scratch));
}

static bool is_in_force(const struct job *job, const char *settings)
{
    return settings_in_force(job->services->config, settings);
}

/* Whether the composed commit failed before, on a base that is flaky. */
static bool is_second(const struct job *job)
{
    return strcmp(job->found.tests.failed_once, job->found.change.commit) == 0;
}

/* A checkout that cannot be removed does not change the verdict. The next start removes it. */
static void on_removed_after_pass(void *data, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error)
        log_event(&event_checkout_left, LOG_TEXT("experiment", job->row->experiment_id),
                  LOG_TEXT("reason", error->message));
    job_done(job);
}

static void tell_output(const struct job *job, const char *tail)
{
    CLEANUP_FREE char *lines = log_enabled(LOG_LEVEL_DEBUG) ? memory_copy(tail) : NULL;
    char *rest = lines, *line;

    while (rest && (line = strsep(&rest, "\n")))
        log_event(&event_validation_output, LOG_TEXT("experiment", job->row->experiment_id),
                  LOG_TEXT("output", line));
}

static void remove_checkout(struct job *job)
{
    job->operation = validation_remove(job->services->validation, job->row->experiment_id,
                                       on_removed_after_pass, job);
}

/* Its output goes into the store, which must not have secrets. */
static void note_run(struct job *job, const struct validation_outcome *outcome)
{
    struct job_findings *found = &job->found;

    free(found->tests.command);
    free(found->tests.output);
    free(found->tests.log);
    found->tests.command = memory_copy(outcome->command);
    found->tests.output = memory_copy(outcome->tail);
    found->tests.log = memory_copy(outcome->log);
    found->tests.duration_ms = outcome->duration_ms;
    found->tests.place = outcome->place ? *outcome->place : (struct engine_place){0};
    found->tests.count = test_count_of(outcome->report);
    secret_scrub(found->tests.output);
}

static void pass(struct job *job)
{
    struct job_findings *found = &job->found;

    found->tests.repeated = is_second(job);
    snprintf(found->tests.commit, sizeof(found->tests.commit), "%s", found->change.commit);
    if (job_save(job)) /* before all else: what passed is not run again */
        remove_checkout(job);
}

/* ---- a run that failed, compared with the base -------------------------------------------------- */

static void run_tests(struct job *job);
static int note_base(struct job *job, struct base_verdict *verdict, struct error *error);
static void take_failed_base(struct job *job, const struct base_verdict *verdict);

/* Returns whether it passes compared with the newest run on the base, where fewer tests may run than when
 * this run began. */
static bool passes_now(struct job *job, const struct base_verdict *verdict)
{
    char reason[sizeof(((struct error *)NULL)->message)];
    struct base_verdict noted;
    struct test_report report;
    struct error ignored;

    if (!job->found.tests.failed.report)
        return false;
    test_report_read(&report, job->found.tests.failed.report);
    return verdict_of(&report, &verdict->report, reason, sizeof(reason)) == VERDICT_GREEN &&
           note_base(job, &noted, &ignored) == 0;
}

/* It is stored that they failed once: after a restart they are run once more, not twice. */
static void run_again(struct job *job)
{
    struct job_findings *found = &job->found;

    snprintf(found->tests.failed_once, sizeof(found->tests.failed_once), "%s",
             found->change.commit);
    found->tests.failed.commit[0] = '\0';
    if (job_save(job))
        run_tests(job);
}

static void fail(struct job *job, const char *reason)
{
    struct error error;

    error_set(&error, ERROR_PERMANENT, "%s", reason);
    job_failed_itself(job, &error);
}

static void on_base_found(void *data, const struct base_verdict *verdict, const char *waits,
                          const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
    } else if (waits) {
        job_waits(job, waits);
    } else if (!is_in_force(job, job->found.tests.failed.settings)) {
        run_tests(job);
    } else if (verdict->state == BASE_FAILED) {
        take_failed_base(job, verdict);
    } else if (passes_now(job, verdict)) {
        pass(job);
    } else if (verdict->state == BASE_FLAKY && !is_second(job)) {
        run_again(job);
    } else {
        fail(job, job->found.tests.failed.reason);
    }
}

/* On a base that fails as well no experiment fails. An old verdict on the base does not count: what the tests
 * need may have changed since. */
static void ask_base(struct job *job)
{
    job->operation = base_find(job->services->base, job->found.branch.base, BASE_HOUR_MS,
                               on_base_found, job);
}

/* The run on the base may take long, and a restart in between must not run these tests again. `report` NULL: they
 * did not begin. */
static void compare_with_base(struct job *job, const char *reason, const struct test_report *report)
{
    struct job_findings *found = &job->found;

    free(found->tests.failed.reason);
    free(found->tests.failed.report);
    found->tests.failed.reason = memory_copy(reason);
    found->tests.failed.report = report ? test_report_write(report) : NULL;
    secret_scrub(found->tests.failed.reason);
    if (report)
        secret_scrub(found->tests.failed.report);
    found->tests.failed.at_ms = clock_now_ms();
    memcpy(found->tests.failed.settings, scratch_of(job)->settings,
           sizeof(found->tests.failed.settings));
    memcpy(found->tests.failed.commit, found->change.commit, sizeof(found->change.commit));
    if (job_save(job))
        ask_base(job);
}

/* Returns whether the composed commit has failed already, so that only the base has to be asked. As with the
 * base, a failure is believed for an hour, and under the same settings. */
static bool is_known_to_fail(const struct job *job)
{
    const struct job_findings *found = &job->found;
    int64_t age_ms = clock_now_ms() - found->tests.failed.at_ms;

    return strcmp(found->tests.failed.commit, found->change.commit) == 0 &&
           is_in_force(job, found->tests.failed.settings) && age_ms >= 0 &&
           age_ms < (int64_t)BASE_HOUR_MS;
}

/* Even with validation.base: never, the base is run if the command seems not to have begun. Only that run
 * shows whether the experiment is to blame. */
static void take_failure(struct job *job, const struct validation_outcome *outcome)
{
    struct error failure;

    validation_explain(&failure, outcome);
    if (job->services->config->validation.base == BASE_RUNS_NEVER && !outcome->unbegun)
        job_failed_itself(job, &failure);
    else
        compare_with_base(job, failure.message, outcome->report);
}

static void take_failed_base(struct job *job, const struct base_verdict *verdict)
{
    base_hold(job->services->base, job->row->id, job->row->experiment_id, verdict);
    job_turned_down(job, DECISION_QUEUED, 0, base_held(job->services->base));
}

/* The tests did not begin, and a key is to blame. Or they needed more than there is, of the disk or of a
 * node's memory. */
static void take_error(struct job *job, const struct error *error)
{
    bool began = !error->key;

    if (error->kind != ERROR_PERMANENT || error->installation)
        job_failed(job, error);
    else if (began && job->services->config->validation.base == BASE_RUNS_NEVER)
        job_failed_itself(job, error);
    else
        compare_with_base(job, error->message, NULL);
}

/* ---- the run ------------------------------------------------------------------------------------ */

static void on_validated(void *data, const struct validation_outcome *outcome,
                         const struct error *error)
{
    struct job *job = data;
    bool passed;

    job->operation = NULL;
    passed = !error && outcome->verdict == VALIDATION_PASSED;
    if (!passed && !is_in_force(job, scratch_of(job)->settings)) {
        run_tests(job);
        return;
    }
    if (error) {
        take_error(job, error);
        return;
    }
    tell_output(job, outcome->tail);
    if (outcome->verdict == VALIDATION_WAITS) {
        job_waits(job, outcome->sentence);
        return;
    }
    note_run(job, outcome);
    if (passed)
        pass(job);
    else
        take_failure(job, outcome);
}

/* Finds and notes the verdict on the base, with which the run is compared. */
static int note_base(struct job *job, struct base_verdict *verdict, struct error *error)
{
    struct job_findings *found = &job->found;

    *verdict = (struct base_verdict){.state = BASE_UNKNOWN};
    if (job->services->config->validation.base != BASE_RUNS_NEVER &&
        base_recall(job->services->base, found->branch.base, verdict, error) < 0)
        return -1;
    found->tests.base = verdict->state;
    found->tests.base_count = test_count_of(&verdict->report);
    free(found->tests.base_reason);
    found->tests.base_reason = *verdict->reason ? memory_copy(verdict->reason) : NULL;
    return 0;
}

static void run_tests(struct job *job)
{
    struct validation_task task;
    struct base_verdict base;
    struct error error;
    bool passed;

    if (note_base(job, &base, &error) < 0) {
        job_failed(job, &error);
        return;
    }
    passed = base.state == BASE_PASSED || base.state == BASE_FLAKY;
    settings_digest(job->services->config, scratch_of(job)->settings);
    task = (struct validation_task){
        .experiment_id = job->row->experiment_id,
        .branch = job->branch,
        .commit = job->found.change.commit,
        .base = job->found.branch.base,
        .measure = passed ? &base.report : NULL,
        .judged = job->found.tests.place.attempt,
    };
    job->operation = validation_run(job->services->validation, &task, on_validated, job);
}

void step_validate_start(struct job *job)
{
    if (strcmp(job->found.tests.commit, job->found.change.commit) == 0)
        remove_checkout(job); /* an earlier attempt got that far */
    else if (is_known_to_fail(job))
        ask_base(job);
    else
        run_tests(job);
}

void step_validate_undo(struct job *job)
{
    job->operation = validation_remove(job->services->validation, job->row->experiment_id,
                                       job_call_ended, job);
}
