/*
 * Steps `label` and `review`: what is put on an open pull request. Both can simply be repeated, and
 * go with the pull request when it is closed.
 */

#include "daemon/job.h"
#include "daemon/steps.h"

static void on_put(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct job *job = data;

    job->operation = NULL;
    if (error)
        job_forge_failed(job, reply, error);
    else
        job_done(job);
}

void step_label_start(struct job *job)
{
    struct forge *forge = job->services->forge;

    job->operation = forge->functions->label_pull(forge, job->record.pull, on_put, job);
}

void step_review_start(struct job *job)
{
    struct forge *forge = job->services->forge;

    job->operation = forge->functions->review_pull(forge, job->record.pull, on_put, job);
}
