#pragma once

/*
 * The steps of a promotion, each with its undo, side by side.
 *
 *   base      runs the tests on the base, once for each of its commits
 *   recheck   judges again, if the job let others go before it
 *   branch    checks that the branch does not exist, and creates it at the forge, at that commit
 *   compose   makes one commit of the change on the base, in our own repository
 *   validate  runs the tests on a fresh checkout of exactly that commit
 *   judge     waits for its turn, then judges again
 *   push      moves the branch from the base to the commit
 *   confirm   waits for its turn and judges once more, right before the pull request
 *   describe  writes the pull request's title and body into the store
 *   pull      opens the pull request
 *   label     puts the labels on it
 *   status    sets the commit status: the tests passed
 *   review    asks the reviewers
 *
 * To add a step: a row in the table of steps.c, its functions in a file steps/<name>.c, and what must
 * survive a crash in job/findings.h.
 */

#include "daemon/step.h"
#include "daemon/store/job.h"

extern const struct step_table promotion_steps;
extern const struct step_table
    refresh_steps; /* of a refresh; its functions are in steps/refresh.c */

/* Returns the row that a job is at by its record, for readers of the store outside the daemon; NULL: none. It
 * is static. */
const struct step *step_of(const struct store_job *record);

/* The functions of the rows (step.h). `..._is_due` returns whether the row, or its undo, is due. */
bool step_base_is_due(const struct job *job);
void step_base_start(struct job *job);
void step_recheck_start(struct job *job);
void step_branch_start(struct job *job);
void step_branch_undo(struct job *job);
bool step_branch_undo_is_due(const struct job *job);
void step_compose_start(struct job *job);
void step_compose_undo(struct job *job);
void step_validate_start(struct job *job);
void step_validate_undo(struct job *job);
void step_judge_start(struct job *job);
void step_push_start(struct job *job);
void step_confirm_start(struct job *job);
void step_describe_start(struct job *job);
void step_pull_start(struct job *job);
void step_pull_undo(struct job *job);
bool step_pull_undo_is_due(const struct job *job);
void step_label_start(struct job *job);
void step_status_start(struct job *job);
void step_review_start(struct job *job);
void step_refresh_look_start(struct job *job);
void step_refresh_base_start(struct job *job);
void step_refresh_look_undo(struct job *job);
bool step_refresh_look_undo_is_due(const struct job *job);
void step_refresh_describe_start(struct job *job);
void step_refresh_edit_start(struct job *job);
void step_refresh_comment_start(struct job *job);
