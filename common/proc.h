#pragma once

/*
 * Reads /proc: of a process that may end at any moment, and whose files have no size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads the beginning of /proc/<process>/<name> into `bytes`, which has room for `limit` and a NUL behind
 * them. Returns the length; -1 if it cannot be read. */
ssize_t proc_read(int process, const char *name, char *bytes, size_t limit);

struct proc_status {
    char state;
    int group;
    int session;
    int terminal;   /* 0: none */
    uint64_t ticks; /* computed, in clock ticks of user and system */
    uint64_t began; /* in clock ticks since boot */
};

/* Reads how a process is. Returns false if there is no such process. */
bool proc_read_status(int process, struct proc_status *status);
