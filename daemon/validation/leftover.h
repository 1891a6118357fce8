#pragma once

/*
 * Processes that tests left behind, or an earlier daemon, which could not end them since it was killed.
 *
 * Known by two signs: the process group that was noted when it began, and a working directory or a
 * HOME below the checkouts, for what has left the group. One that has changed both is not found: that
 * is for a sandbox to prevent. A git of an earlier daemon is known by a variable of its environment.
 * Only processes of our own user in another session than ours are looked at; a working directory is no
 * sign of one that has a terminal, as people have who look around there.
 */

#include "common/error.h"

struct leftover;

/* `parent` is the directory of a checkout or of all of them, without symbolic links in its path, as the
 * kernel names working directories; copied. */
struct leftover *leftover_new(const char *parent);
void leftover_freep(struct leftover **leftover);

/* One line that tells the group led by process `id` from every other there ever was; caller frees. */
char *leftover_describe(int id);

/* Adds a group by such a line. One of another boot, or that makes no sense, is not added. */
void leftover_add(struct leftover *leftover, const char *line);

/* Adds what has `variable` (NAME=VALUE) in its environment; copied. One at most. */
void leftover_add_variable(struct leftover *leftover, const char *variable);

/* Kills all there are and waits until they have ended. Transient error if one does not. */
int leftover_kill(struct leftover *leftover, struct error *error);
