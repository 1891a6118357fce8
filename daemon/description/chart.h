#pragma once

/*
 * The chart of a metric's frontier, in the words of Mermaid, which Gitea and Forgejo draw.
 */

#include "common/text.h"
#include "daemon/description.h"

/* Appends a fenced block with the last 50 points: 49 of the frontier, or the reference alone, and
 * this experiment. Appends nothing where no point can be drawn. Names hold letters, digits and "._-"
 * only, whatever they were, so that none of them says anything to Mermaid. */
void description_append_chart(struct text *text, const struct description *description);
