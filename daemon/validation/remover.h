#pragma once

/*
 * Removes what may be large, by a child: nobody waits for millions of files, neither at start nor at the
 * end.
 *
 * A directory is first moved to <state>/checkouts/.removed/N by one rename. So whoever needs its name next
 * never meets it. The folder is removed with its last entry.
 *
 * The child is this program under another name. It goes on when the daemon ends. The child of the next
 * daemon removes what it does not get done.
 */

#include "common/error.h"

#include <uv.h>

struct remover;

#define REMOVER_FOLDER  ".removed"
#define REMOVER_PROGRAM "winnowd-remove" /* DIRECTORY */

/* Returns a new remover for what is set aside in `parent`/.removed. `parent` is copied. */
struct remover *remover_new(uv_loop_t *loop, const char *parent);

/* Runs the loop for at most a second, so that little is left when the daemon has ended; the child
 * removes the rest. NULL-safe. */
void remover_free(struct remover *remover);

/* Moves the tree or file at `path`, which is in `parent`, away; any thread may call it. If that is not
 * possible (no room for the folder, a mount), it is removed at once. A missing one is fine. Fails if that
 * is not possible either. */
int remover_set_aside(const char *parent, const char *path, struct error *error);

/* Starts to remove everything that was set aside; does nothing if there is nothing. */
void remover_start(struct remover *remover);

/* The child. Returns its exit status. */
int remover_main(int argc, char **argv);
