#pragma once

/*
 * Removes large trees in a child: nobody waits for millions of files, neither at start nor at the end.
 *
 * A directory is first moved to <state>/checkouts/.removed/N, by one rename, so its name is free at once.
 * .removed is removed with its last entry.
 *
 * The child is this program under another name. It goes on when the daemon ends. The child of the next daemon
 * removes the rest.
 */

#include "common/error.h"

#include <uv.h>

struct remover;

#define REMOVER_FOLDER  ".removed"
#define REMOVER_PROGRAM "winnowd-remove" /* DIRECTORY */

/* Returns a new remover for what is set aside in `parent`/.removed; the caller frees it. `parent` is copied. */
struct remover *remover_new(uv_loop_t *loop, const char *parent);

/* Runs the loop for at most a second, so that little is left when the daemon has ended; the child
 * removes the rest. NULL-safe. */
void remover_free(struct remover *remover);

/* Moves the tree or file at `path`, which is in `parent`, to .removed. If that is not possible (no space, a
 * mount), removes it at once. Succeeds if it is missing. Fails if it cannot be removed either. Any thread may
 * call it. */
int remover_set_aside(const char *parent, const char *path, struct error *error);

/* Starts to remove everything that was set aside. Does nothing if there is nothing. */
void remover_start(struct remover *remover);

/* Is the child. Returns its exit status. */
int remover_main(int argc, char **argv);
