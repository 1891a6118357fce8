/*
 * Steps `recheck`, `judge` and `confirm`: is the result still better than the values that count?
 *
 * Their verdict is true for the moment only. `recheck` judges before the branch is made, if other jobs went
 * first. `judge` and `confirm` first wait until it is the job's turn: all results of its lane that arrived
 * earlier are decided, and so is its parent.
 */

#include "daemon/job.h"
#include "daemon/lane.h"
#include "daemon/parent.h"
#include "daemon/steps.h"

/* Its parent may have failed since it was composed. */
static void check_parent(struct job *job)
{
    struct error error;

    if (job_load_result(job, &error) == 0 &&
        parent_check(job->services->store, job->result, &error) == 0)
        job_done(job);
    else if (error.kind == ERROR_PERMANENT)
        job_failed_itself(job, &error);
    else
        job_later(job, &error, -1);
}

static void judge(struct job *job, const struct config_metric *metric)
{
    const struct services *services = job->services;
    struct store_frontier frontier;
    struct gate_verdict verdict;
    struct error error;

    if (lane_judge(services->store, metric, job->row->scope, &job->row->claim, &frontier, &verdict,
                   &error) < 0) {
        job_later(job, &error, -1);
        return;
    }
    job->verdict = verdict;
    job->record.reference = verdict.reference;
    if (verdict.outcome == GATE_IMPROVED)
        check_parent(job);
    else
        job_turned_down(job,
                        lane_decision(job->row, &frontier, &verdict, services->config->queue.order),
                        verdict.outcome == GATE_NOT_IMPROVED ? frontier.result : 0, verdict.reason);
}

void step_recheck_start(struct job *job)
{
    const struct config_metric *metric = job_metric(job);

    if (job->stepped_aside && metric) {
        job->stepped_aside = false;
        judge(job, metric);
    } else {
        job_done(job);
    }
}

void step_judge_start(struct job *job)
{
    const struct job_owner *owner = job->owner;
    const struct config_metric *metric = job_metric(job);
    struct error error;
    bool may;

    if (!metric)
        job_turned_down(job, DECISION_FAILED, 0, "its metric is not configured any more");
    else if (job_load_result(job, &error) < 0 || owner->is_turn(owner->data, job, &may, &error) < 0)
        job_later(job, &error, -1);
    else if (!may)
        job_waits_for_turn(job);
    else
        judge(job, metric);
}

void step_confirm_start(struct job *job)
{
    step_judge_start(job);
}
