/*
 * Steps `label`, `status` and `review`: put something on an open pull request or its commit. Each can be
 * repeated, and has no effect once the pull request is closed.
 */

#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"
#include "daemon/job.h"
#include "daemon/steps.h"

#define DESCRIPTION_CODE_POINTS 140

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

/* A job comes here only if its tests have passed, on this very commit. */
void step_status_start(struct job *job)
{
    struct forge *forge = job->services->forge;
    CLEANUP_TEXT struct text line = {0};
    CLEANUP_FREE char *words = NULL;

    if (!job->services->config->forge.status) {
        job_done(job);
        return;
    }
    words = memory_format("%s passed in %.1f s", job->found.tests.command,
                          (double)job->found.tests.duration_ms / 1000);
    secret_scrub(words);
    text_append_line(&line, words, DESCRIPTION_CODE_POINTS);
    job->operation = forge->functions->set_status(forge, job->record.pull, job->found.change.commit,
                                                  text_string(&line), on_put, job);
}

void step_review_start(struct job *job)
{
    struct forge *forge = job->services->forge;

    job->operation = forge->functions->review_pull(forge, job->record.pull, on_put, job);
}
