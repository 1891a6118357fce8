#pragma once

/*
 * What only the running daemon knows, for --status beside it: <state>/status.json.
 *
 * The store holds everything that must survive; this is news, rewritten when something changed and
 * removed at the end. A reader believes it only while the process that wrote it holds the store, so
 * that nothing a crash left behind is taken for the present.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

struct status_file {
    bool running;       /* false: nobody holds the store, and nothing below is known */
    int process;        /* its id */
    bool known;         /* whether there was a status_file of that process: what is below */
    int64_t started_ms; /* since 1970 */
    int64_t told_ms;    /* when it was written */
    uint64_t lag_ms;    /* the longest that the loop was held up */
    char version[32];   /* of the daemon that runs */
    char forge[16];     /* "unknown", "well", "down", "refused" */
    char place[1024];   /* where the forge is */
    char trouble[1024]; /* what is wrong with it; "" */
    char held[1024];    /* what else holds jobs until it is mended; "" */
};

int status_file_write(const char *state, const struct status_file *status_file,
                      struct error *error);
void status_file_remove(const char *state);

/* Never fails: what cannot be read is not known. */
void status_file_read(struct status_file *status_file, const char *state);
