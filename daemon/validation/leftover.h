#pragma once

/*
 * Finds and ends processes that tests left behind, or that an earlier daemon could not end since it was
 * killed.
 *
 * They are known by two signs. One is the process group that was noted when it began. The other one, for
 * those that left the group, is a working directory or a HOME below the checkouts. A process that has
 * changed both is not found; only a sandbox can prevent that. A git of an earlier daemon is known by a
 * variable of its environment. Only processes of our own user in another session are looked at. A working
 * directory is no sign if the process has a terminal: then it is a person who looks around.
 */

#include "common/error.h"

struct leftover;

/* Returns an empty search. `parent` is the directory of one checkout or of all, without symbolic links in
 * its path, as the kernel names working directories. It is copied. */
struct leftover *leftover_new(const char *parent);
void leftover_freep(struct leftover **leftover);

/* Returns a line that identifies the group of process `id` for ever; the caller frees it. */
char *leftover_describe(int id);

/* Adds a group by such a line. A line of another boot, or one that makes no sense, is ignored. */
void leftover_add(struct leftover *leftover, const char *line);

/* Adds processes with `variable` (NAME=VALUE) in their environment. It is copied; there may be one. */
void leftover_add_variable(struct leftover *leftover, const char *variable);

/* Kills all of them and waits until they have ended. Fails (transient) if one does not. */
int leftover_kill(struct leftover *leftover, struct error *error);
