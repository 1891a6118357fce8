/*
 * Step `validate`: the tests, on a disposable checkout of exactly the composed commit.
 */

#include "common/log.h"
#include "common/memory.h"
#include "common/secret.h"
#include "daemon/events.h"
#include "daemon/job.h"
#include "daemon/steps.h"
#include "daemon/validation/verdict.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A checkout that cannot be removed does not spoil the verdict; the next start sweeps it away. */
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

/* Why it did not pass, for whoever reads the decision, and where all of it is. */
static void explain(struct error *error, const struct validation_outcome *outcome)
{
    error_set(error, ERROR_PERMANENT, "%s%s%s%s%s", outcome->sentence,
              *outcome->failure ? ": " : "", outcome->failure,
              outcome->log ? "; the whole output: " : "", outcome->log ? outcome->log : "");
    secret_scrub(error->message);
}

static void remove_checkout(struct job *job)
{
    job->operation = validation_remove(job->services->validation, job->row->experiment_id,
                                       on_removed_after_pass, job);
}

/* Its output goes into the store, where no secret belongs. */
static void note_pass(struct job *job, const struct validation_outcome *outcome)
{
    struct job_findings *found = &job->found;

    free(found->tests.command);
    free(found->tests.output);
    free(found->tests.log);
    found->tests.command = memory_copy(outcome->command);
    found->tests.output = memory_copy(outcome->tail);
    found->tests.log = memory_copy(outcome->log);
    found->tests.duration_ms = outcome->duration_ms;
    found->tests.count = test_count_of(outcome->report);
    secret_scrub(found->tests.output);
    snprintf(found->tests.commit, sizeof(found->tests.commit), "%s", found->change.commit);
}

static void on_validated(void *data, const struct validation_outcome *outcome,
                         const struct error *error)
{
    struct job *job = data;
    struct error failed;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
        return;
    }
    tell_output(job, outcome->tail);
    if (outcome->verdict == VALIDATION_WAITS) {
        job_waits(job, outcome->sentence);
        return;
    }
    if (outcome->verdict != VALIDATION_PASSED) {
        explain(&failed, outcome);
        job_failed_itself(job, &failed);
        return;
    }
    note_pass(job, outcome);
    if (job_save(job)) /* before all else: what passed is not run again */
        remove_checkout(job);
}

void step_validate_start(struct job *job)
{
    if (strcmp(job->found.tests.commit, job->found.change.commit) == 0) {
        remove_checkout(job); /* an earlier try got that far */
        return;
    }
    job->operation = validation_run(job->services->validation, job->row->experiment_id, job->branch,
                                    job->found.change.commit, job->found.branch.base, on_validated,
                                    job);
}

void step_validate_undo(struct job *job)
{
    job->operation = validation_remove(job->services->validation, job->row->experiment_id,
                                       job_call_ended, job);
}
