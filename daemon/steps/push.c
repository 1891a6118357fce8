/*
 * Step `push`: moves the branch from where it was left, the base at first, to the commit that was validated.
 *
 * A push whose answer was lost is repeated, and finds the branch there already. A branch that somebody
 * deleted or moved is theirs: it is neither made again nor overwritten.
 */

#include "daemon/job.h"
#include "daemon/steps.h"

void step_push_start(struct job *job)
{
    /* From now on the undo has to expect the branch at either commit. */
    job->found.push_sent = true;
    if (!job_save(job))
        return;
    job->operation = repository_push(job->services->repository, job->branch,
                                     job_refreshes(job) ? job->found.refresh.tip
                                                        : job->found.branch.base,
                                     job->found.change.commit, job_call_ended, job);
}
