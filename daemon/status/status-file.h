#pragma once

/*
 * The status file, <state>/status.json: what only the running daemon knows, for --status beside it.
 *
 * What must survive is in the store. This file is rewritten when something changes, and removed at the end. A
 * reader believes it only while the process that wrote it has the store's lock. So the file of a crashed
 * daemon is ignored.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

struct status_file {
    bool running;       /* false: no daemon has the store, and nothing below is known */
    int process;        /* its process id */
    bool known;         /* that process has written the file */
    int64_t started_ms; /* when the daemon started */
    int64_t told_ms;    /* when the file was written */
    uint64_t lag_ms;    /* the longest time for which the loop was blocked */
    char version[32];   /* of the running daemon */
    char forge[16];     /* "unknown", "well", "down", "refused" */
    char place[1024];   /* where the forge is */
    char trouble[1024]; /* what is wrong with the forge; "": nothing */
    /* What else holds jobs; "": nothing. If no daemon runs, status_read() reads from the store what held jobs
     * when one last ran. */
    char held[1024];
    int held_status; /* of a running daemon: the exit status that --once would have */
};

/* Writes it below the state directory. Fails if the disk does. */
int status_file_write(const char *state, const struct status_file *status_file,
                      struct error *error);

/* Removes it, at the end of the daemon. */
void status_file_remove(const char *state);

/* Reads the file. Never fails: what cannot be read is not known. */
void status_file_read(struct status_file *status_file, const char *state);
