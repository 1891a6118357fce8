/*
 * Step `describe`: writes the pull request's title and body, by the verdict of `confirm`.
 *
 * A text that shows that verdict already stays. The commit does not name other experiments, so it need not be
 * made again for another reference.
 */

#include "daemon/document.h"
#include "daemon/job.h"
#include "daemon/steps.h"

#include <math.h>
#include <string.h>

static bool shows_verdict(const struct job *job)
{
    const struct gate_verdict *verdict = &job->verdict;
    double threshold = job->found.text.threshold;

    return job->found.text.title && job->found.text.reference == verdict->reference &&
           (isnan(threshold) || threshold == verdict->threshold);
}

void step_describe_start(struct job *job)
{
    struct error error;

    if (shows_verdict(job))
        job_done(job);
    else if (strcmp(job->found.tests.commit, job->found.change.commit) != 0)
        job_back(job, "what its tests said was not kept by the version that ran them");
    else if (document_write(job, &error) < 0)
        job_later(job, &error, -1);
    else
        job_done(job);
}
