#pragma once

/*
 * Makes a child that becomes another program. Until then it borrows our memory and we wait, as with vfork(),
 * so the cost does not grow with the daemon. posix_spawn() does the same, but its child cannot be made to end
 * with its parent.
 *
 * A child leads a session and a process group of its own. It starts with default signal dispositions, an
 * empty signal mask and the descriptors 0, 1 and 2 only. The kernel takes the thread that made a child for
 * its parent. So make all children from the thread that runs the loop.
 */

#include <stdint.h>
#include <sys/types.h>

struct spawn_options {
    const char *path;               /* of the program, from `directory` on if it is relative */
    const char *const *arguments;   /* NULL-terminated */
    const char *const *environment; /* NULL-terminated "NAME=value" */
    const char *directory;          /* working directory; NULL: ours */
    int descriptors[3]; /* of ours, above 2, that become its 0, 1 and 2; -1: /dev/null */
    int death_signal;   /* sent to the child when we end, in whatever way; 0: none */
    uint64_t memory;    /* bytes that each of its processes may allocate; 0: no limit */
};

/* Starts a child. Returns 0, its process id, and a descriptor that becomes readable when the child ends. The
 * caller waits for the child and closes the descriptor. Returns -errno if there is no child, or if it could
 * not become the program. */
int spawn(pid_t *pid, int *descriptor, const struct spawn_options *options);
