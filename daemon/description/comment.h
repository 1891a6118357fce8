#pragma once

/*
 * The comments on a pull request when the base has moved. Pure. Text from outside is escaped.
 */

#include "daemon/description.h"

struct comment_refreshed {
    const struct description *description; /* base, commit, command and duration are used */
    bool replays;                          /* the forge can merge by replaying a branch's commits */
    bool title_stays;                      /* a person has edited it; likewise the next one */
    bool body_stays;
};

/* Returns the comment that says that it was refreshed, in Markdown; the caller frees it. */
char *comment_refreshed(const struct comment_refreshed *refreshed);

/* Returns the comment that says why it was not refreshed, in Markdown; the caller frees it. Only the base of
 * the description is used. */
char *comment_stale(const struct description *description, const char *reason);
