#pragma once

/*
 * Looks at the files of runs on Slurm, in libuv's pool: a file server that hangs blocks nothing else.
 *
 * A directory is listed each time, since NFS would otherwise show a new file late.
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
    int away;     /* errno of the directory that it is in, if that cannot be listed; 0: it can */
    bool started; /* the script has begun */
    int64_t started_ms; /* when, by the file server's clock, since 1970 */
    char node[256];     /* where; "": not known yet */
    bool ended;         /* the command has ended, as `end` says */
    bool begun;         /* the sandbox let it begin */
    struct slurm_end end;
    char problem[512]; /* why the node cannot start the command; "": it can */
    const char *key;   /* the key to mend for that; a literal */
};

/* `files` has an element for each directory, in the same order. */
typedef void (*slurm_look_callback)(void *data, char *const *directories,
                                    const struct slurm_files *files, size_t count);

/* Looks at `count` directories, which are copied. A file that is missing, or not complete yet, counts as
 * missing. */
struct operation *slurm_look_start(uv_loop_t *loop, const char *const *directories, size_t count,
                                   slurm_look_callback callback, void *data);
