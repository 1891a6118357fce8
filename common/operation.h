#pragma once

/*
 * Something that is under way on the loop: a request, a child process, a series of them.
 *
 * A function that starts one returns a `struct operation *`, the first member of a private struct. The
 * callback is called exactly once, later, and never from inside the function that starts the operation. It
 * reports a failure to start as well. When it is called the operation is gone: the owner forgets the pointer
 * there.
 *
 * operation_discard() is the only other end. It releases everything (kills the process group, drops the
 * connection), and nothing is called back. NULL-safe.
 */

#include <stddef.h>

struct operation {
    void (*discard)(struct operation *operation);
};

static inline void operation_discard(struct operation *operation)
{
    if (operation)
        operation->discard(operation);
}

/* Discards the operation and sets the pointer to NULL. NULL-safe. */
static inline void operation_clear(struct operation **operation)
{
    struct operation *taken = *operation;

    *operation = NULL;
    operation_discard(taken);
}
