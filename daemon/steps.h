#pragma once

/*
 * The seven steps of a job, each with its undo, side by side.
 *
 *   branch    looks that the branch does not exist, creates it at the forge
 *   compose   makes one commit of the change on the base, in our own repository
 *   validate  runs the tests on a disposable checkout of exactly that commit
 *   push      moves the branch from the base to the commit
 *   pull      opens the pull request
 *   label     puts the labels on it
 *   review    asks the reviewers
 *
 * A step's function gets a job whose record says what an earlier, interrupted try may have done,
 * and ends it through job_done(), job_failed() or job_later() (job.h), at once or from a callback.
 * An undo may find its step never begun, half done or undone already: all three end in job_done().
 * To add a step: a row in the table of steps.c, its functions in a file steps/<name>.c, and its
 * durable facts in struct store_job.
 */

#include <stdbool.h>

struct job;

enum step_index {
    STEP_BRANCH,
    STEP_COMPOSE,
    STEP_VALIDATE,
    STEP_PUSH,
    STEP_PULL,
    STEP_LABEL,
    STEP_REVIEW,
    STEP_COUNT,
};

struct step {
    const char *name;
    const char *doing; /* for a status: "validating" is followed by the experiment */
    void (*start)(struct job *job);
    void (*undo)(struct job *job); /* NULL: nothing of its own to undo */
    bool start_needs_forge;        /* waits while the forge is not well */
    bool undo_needs_forge;
};

extern const struct step steps[STEP_COUNT];

void step_branch_start(struct job *job);
void step_branch_undo(struct job *job);
void step_compose_start(struct job *job);
void step_compose_undo(struct job *job);
void step_validate_start(struct job *job);
void step_validate_undo(struct job *job);
void step_push_start(struct job *job);
void step_pull_start(struct job *job);
void step_pull_undo(struct job *job);
void step_label_start(struct job *job);
void step_review_start(struct job *job);
