#pragma once

/*
 * Removal of what may be large, by a child: nobody waits for millions of files, not at the start and not
 * at the end.
 *
 * What is to go is set aside first, by one rename, so that whoever needs its name next never meets it:
 *
 *     <state>/checkouts/.removed/N    something that was set aside; the folder goes with the last one
 *
 * The child is this program under another name. It goes on when the daemon ends; what it does not come to
 * is left for the next daemon's.
 */

#include "common/error.h"

#include <uv.h>

struct remover;

#define REMOVER_FOLDER  ".removed"
#define REMOVER_PROGRAM "winnowd-remove" /* DIRECTORY */

/* For what is set aside in `parent`/.removed; copied. */
struct remover *remover_new(uv_loop_t *loop, const char *parent);

/* Gives what is left a second on the loop, so that little is gone when the daemon is, and leaves the rest
 * to the child. NULL-safe. */
void remover_free(struct remover *remover);

/* Moves the tree or file at `path`, which lies in `parent`, aside; off the loop as well. Where that is not
 * possible (no room for the folder, a mount) it is removed here and now. Gone already is fine. */
int remover_set_aside(const char *parent, const char *path, struct error *error);

/* Has all that was set aside removed; does nothing where there is nothing. */
void remover_start(struct remover *remover);

/* What the child does; returns its exit status. */
int remover_main(int argc, char **argv);
