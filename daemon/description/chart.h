#pragma once

/*
 * The chart of a metric's frontier, for Mermaid, which Gitea and Forgejo draw.
 */

#include "common/text.h"
#include "daemon/description.h"

/* Appends a fenced block with the last 50 points: 49 of the frontier (or the reference alone) and this
 * experiment. Appends nothing if no point can be drawn. Of names only letters, digits and "._-" are
 * left, so that none means anything to Mermaid. */
void description_append_chart(struct text *text, const struct description *description);
