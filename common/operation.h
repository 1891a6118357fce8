#pragma once

/*
 * Something that is under way on the loop: a request, a child process, a series of them.
 *
 * A function that starts one returns a `struct operation *`, which is the first member of a struct of its
 * own. The callback is called exactly once, later, and never from inside the function that starts it. A
 * failure to start is reported by the callback as well. When the callback is entered the operation is
 * gone: its owner forgets the pointer there.
 *
 * operation_discard() is the only other end. It releases everything (kills the process group, drops the
 * connection), and the callback is not called. NULL-safe.
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
