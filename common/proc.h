#pragma once

/*
 * Reads /proc, whose files have no size, of a process that may end at any moment.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads the beginning of /proc/<process>/<name> into `bytes`, which has room for `limit` bytes and a NUL.
 * Returns the length; -1 if it cannot be read. */
ssize_t proc_read(int process, const char *name, char *bytes, size_t limit);

struct proc_status {
    char state;
    int group;
    int session;
    int terminal;   /* 0: none */
    uint64_t ticks; /* computed, in clock ticks of user and system */
    uint64_t began; /* in clock ticks since boot */
};

/* Reads the status of a process. Returns false if there is no such process. */
bool proc_read_status(int process, struct proc_status *status);
