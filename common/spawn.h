#pragma once

/*
 * Makes a child that becomes another program. Until then it borrows our memory, and we stand still, as with
 * vfork(): the cost does not grow with the daemon. posix_spawn() does the same, but cannot have a child end
 * with its parent.
 *
 * A child leads a session and a process group of its own. It starts with default signal dispositions, an empty
 * signal mask and the descriptors 0, 1 and 2 only. That a parent has ended is told by the thread that made the
 * child: make all children from the thread that runs the loop.
 */

#include <stdint.h>
#include <sys/types.h>

struct spawn_options {
    const char *path;               /* of the program, from `directory` on if it is relative */
    const char *const *arguments;   /* NULL-terminated */
    const char *const *environment; /* NULL-terminated "NAME=value" */
    const char *directory;          /* working directory; NULL: ours */
    int descriptors[3];             /* ours, above 2, that become its 0, 1 and 2; -1: /dev/null */
    int death_signal;               /* the child gets it when we end, in whatever way; 0: none */
    uint64_t memory;                /* bytes that each of its processes may allocate; 0: no limit */
};

/* Starts a child. Returns 0 with its process id, and a descriptor that can be read once it has ended; the
 * caller waits for it, and closes the descriptor. Returns -errno if there is no child, or it could not become
 * the program. */
int spawn(pid_t *pid, int *descriptor, const struct spawn_options *options);
