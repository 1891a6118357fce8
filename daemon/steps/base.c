/*
 * Step `base`: the tests on the base, before anything is begun on it.
 *
 * The branch is then made at the commit that is tested here. A commit that was run before is not run again. A
 * base that fails its tests stops no job: the experiment may be the one that mends it.
 */

#include "daemon/job.h"
#include "daemon/steps.h"

#include <stdio.h>

static void on_found(void *data, const struct base_verdict *verdict, const char *waits,
                     const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
    } else if (waits) {
        job_waits(job, waits);
    } else {
        snprintf(job->found.base.commit, sizeof(job->found.base.commit), "%s", verdict->commit);
        job_done(job);
    }
}

static void on_looked(void *data, const struct repository_refs *refs, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error) {
        job_failed(job, error);
    } else {
        job->operation = base_find(job->services->base, refs->base, 0, on_found, job);
    }
}

bool step_base_is_due(const struct job *job)
{
    return job->services->config->validation.base == BASE_RUNS_ONCE;
}

void step_base_start(struct job *job)
{
    job->found.base.commit[0] = '\0';
    if (!step_base_is_due(job)) {
        job_done(job); /* a reload says so while it waited */
        return;
    }
    job->operation = repository_look(job->services->repository, NULL, on_looked, job);
}
