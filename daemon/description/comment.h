#pragma once

/*
 * What is said below a pull request when the base has moved. Pure; foreign text in it is inert.
 */

#include "daemon/description.h"

struct comment_refreshed {
    const struct description *description; /* base, commit, command and duration are used */
    bool replays;     /* the forge has ways to merge that replay a branch's commits */
    bool title_stays; /* a person has edited it; so is the next one */
    bool body_stays;
};

/* It was brought onto the base. Markdown; caller frees. */
char *comment_refreshed(const struct comment_refreshed *refreshed);

/* It was not, and why. Of the description the base is used. Markdown; caller frees. */
char *comment_stale(const struct description *description, const char *reason);
