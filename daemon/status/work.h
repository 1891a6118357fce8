#pragma once

/*
 * Lines of work: open pull requests that contain each other. A loop of experiments makes one line, in which
 * each pull request contains those before it. A loop that began again from an earlier experiment makes a line
 * that joins the other one there.
 *
 * Pure: the caller says what contains what.
 */

#include "daemon/status.h"
#include "daemon/store/pull.h"

/* Makes the lines of work of the status from its members and from what contains what. */
void work_find(struct status *status, const struct store_containment *containments, size_t count);
void work_clear(struct status *status);
