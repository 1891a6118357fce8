#include "daemon/steps.h"

#include <stddef.h>

const struct step steps[STEP_COUNT] = {
    [STEP_BRANCH] = {"branch", "branching", step_branch_start, step_branch_undo, true, true},
    [STEP_COMPOSE] = {"compose", "composing", step_compose_start, step_compose_undo, true, false},
    [STEP_VALIDATE] = {"validate", "validating", step_validate_start, step_validate_undo, false,
                       false},
    [STEP_PUSH] = {"push", "pushing", step_push_start, NULL, true,
                   false}, /* undone with the branch */
    [STEP_PULL] = {"pull", "opening the pull request of", step_pull_start, step_pull_undo, true,
                   true},
    [STEP_LABEL] = {"label", "labelling", step_label_start, NULL, true, false},
    [STEP_REVIEW] = {"review", "asking the reviewers of", step_review_start, NULL, true, false},
};
