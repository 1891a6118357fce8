#pragma once

/*
 * Something under way on the loop: a request, a child process, a series of them.
 *
 * A function that starts one returns a `struct operation *`, embedded as the first member of its own
 * struct. Its completion callback fires exactly once, never from inside the starting function, and
 * the operation is gone when the callback was entered: the owner forgets its pointer there. Failure
 * to start is reported through the callback as well, so that there is one place to look.
 *
 * operation_discard() is the only other end: it releases everything (kills the process group, drops
 * the connection) and the callback will not fire. NULL-safe.
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

/* Discards what the pointer holds and sets it to NULL. */
static inline void operation_clear(struct operation **operation)
{
    struct operation *taken = *operation;

    *operation = NULL;
    operation_discard(taken);
}
