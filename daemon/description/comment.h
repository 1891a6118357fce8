#pragma once

/*
 * What is said below a pull request when the base has moved. Pure; foreign text in it is escaped.
 */

#include "daemon/description.h"

struct comment_refreshed {
    const struct description *description; /* base, commit, command and duration are used */
    bool replays;     /* the forge has ways to merge that replay a branch's commits */
    bool title_stays; /* a person has edited it; so is the next one */
    bool body_stays;
};

/* Returns the comment that it was brought onto the base, in Markdown; the caller frees it. */
char *comment_refreshed(const struct comment_refreshed *refreshed);

/* Returns the comment that it was not, and why. Only the base of the description is used. Markdown; the
 * caller frees it. */
char *comment_stale(const struct description *description, const char *reason);
