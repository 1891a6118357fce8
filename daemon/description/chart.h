#pragma once

/*
 * The chart of a metric's frontier, for Mermaid, which Gitea and Forgejo draw.
 */

#include "common/text.h"
#include "daemon/description.h"

/* Appends a fenced block with the last 50 points: 49 of the frontier (or only the reference) and this
 * experiment. Appends nothing if no point can be drawn. Only letters, digits and "._-" of names are shown, so
 * that no name means anything to Mermaid. */
void description_append_chart(struct text *text, const struct description *description);
