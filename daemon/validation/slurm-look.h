#pragma once

/*
 * Looks at the files of runs on Slurm, in libuv's pool: a file server that hangs holds up nothing else.
 *
 * A directory is listed anew each time, since NFS shows a new file late otherwise.
 */

#include "common/operation.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

/* How the command ended, as the script wrote it. */
struct slurm_end {
    int status;
    uint64_t duration_ms;
    char node[256];
};

/* The directory of a run. */
struct slurm_files {
    bool started;       /* the script has begun */
    int64_t started_ms; /* when, by the file server's clock, since 1970 */
    char node[256];     /* where; "": not known yet */
    bool ended;         /* the command has, as `end` says */
    bool begun;         /* the sandbox had begun it */
    struct slurm_end end;
    char problem[512]; /* why the node cannot start the command; "": it can */
    const char *key;   /* that is to blame for it; a literal */
};

/* One array for each directory that was asked for, in that order. */
typedef void (*slurm_look_callback)(void *data, char *const *directories,
                                    const struct slurm_files *files, size_t count);

/* Looks at `count` directories, which are copied. A file that is not there, or not whole yet, is left out. */
struct operation *slurm_look_start(uv_loop_t *loop, const char *const *directories, size_t count,
                                   slurm_look_callback callback, void *data);
