#pragma once

/*
 * Finds and ends processes that tests left, or that a killed daemon could not end.
 *
 * There are two signs of them. One is the process group, which was noted when it began. The other one, for
 * processes that left the group, is a working directory or a HOME below the checkouts. A process that has
 * changed both is not found; only a sandbox prevents that. A git of an earlier daemon has a variable in its
 * environment. Only processes of our own user in other sessions are looked at. If a process has a terminal,
 * its working directory is no sign: a person looks around there.
 */

#include "common/error.h"

struct leftover;

/* Returns an empty search; the caller frees it. `parent` is the directory of one checkout or of all, without
 * symbolic links in its path, as the kernel names working directories. It is copied. */
struct leftover *leftover_new(const char *parent);
void leftover_freep(struct leftover **leftover);

/* Returns a line that identifies the group of process `id` for all time; the caller frees it. */
char *leftover_describe(int id);

/* Adds a group by such a line. Ignores a line of another boot, or one of another form. */
void leftover_add(struct leftover *leftover, const char *line);

/* Adds processes with `variable` (NAME=VALUE) in their environment. It is copied; there may be one. */
void leftover_add_variable(struct leftover *leftover, const char *variable);

/* Kills all of them and waits until they have ended. Fails (transient) if one does not. */
int leftover_kill(struct leftover *leftover, struct error *error);
