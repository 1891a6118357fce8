#pragma once

/*
 * Whether a process and what it started do anything: they compute, read or write.
 *
 * A child that waits for a file system which does not answer, or for the other end of a FIFO, does nothing
 * and never ends. One that is merely slow does a little all the time.
 */

#include <stdbool.h>
#include <stdint.h>

struct activity {
    bool known;     /* false: the kernel does not say */
    uint64_t ticks; /* computed, in clock ticks of user and system */
    uint64_t bytes; /* read and written, through whatever descriptor */
};

/* Returns what this process and its descendants have done until now. One that ended meanwhile counts no more. */
struct activity activity_of(int process);

/* Returns whether next to nothing was done between the two. A word now and then that only says "I am still
 * here" is nothing. False if it is not known. */
bool activity_is_none(const struct activity *before, const struct activity *after);
