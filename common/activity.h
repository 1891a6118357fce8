#pragma once

/*
 * Whether a process, or one that it started, does anything: computes, reads or writes.
 *
 * A child that waits for a file system that does not answer, or for the other end of a FIFO, does nothing and
 * never ends. A slow child does a little all the time.
 */

#include <stdbool.h>
#include <stdint.h>

struct activity {
    bool known;     /* false: the kernel does not say */
    uint64_t ticks; /* computed, in clock ticks of user and system */
    uint64_t bytes; /* read and written, through any descriptor */
};

/* Returns what this process and its descendants have done so far. A descendant that has ended is not counted. */
struct activity activity_of(int process);

/* Returns whether next to nothing was done between the two. A line now and then, such as "still running",
 * counts as nothing. Returns false if it is not known. */
bool activity_is_none(const struct activity *before, const struct activity *after);
