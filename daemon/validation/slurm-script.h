#pragma once

/*
 * The script that is a run on a node of Slurm. Pure.
 *
 * It is plain sh. A node needs coreutils, prlimit and, for the sandbox, bubblewrap, but nothing of winnowd.
 * The script finds out on the node what the sandbox hides, and where PATH leads.
 *
 *     script      this one
 *     box/        source, home, tmp and the mark `begun`: all that the tests can write to
 *     started/    made once, so that the run begins once at most; `node` in it names the node
 *     output      both ends of what the command printed
 *     problem     key, node, sentence: why the command could not be started there
 *     ended       "status seconds node" of the command; there is none if the run was told to end
 */

#include "common/text.h"
#include "daemon/validation/checkout.h"

#include <stdbool.h>
#include <stdint.h>

struct slurm_script {
    const char *directory;         /* of the run, absolute */
    const struct checkout *inside; /* the checkout as the tests see it */
    const char *const
        *environment;            /* NULL-terminated "NAME=value"; the command gets nothing else */
    const char *const *launcher; /* NULL-terminated, as are all lists here */
    const char *const *command;  /* the program is looked up on the PATH of `environment` */
    const char *const *limits;   /* arguments of prlimit, with the last `--` */
    const char *const *hidden;   /* what the sandbox hides, if it exists */
    const char *const *hidden_files; /* likewise for single files */
    const char *const *read_only;    /* what it shows there all the same */
    uint64_t timeout_ms;
    uint64_t output_limit; /* bytes of `output` */
    bool sandboxed;
    bool network; /* the sandbox shares it */
};

/* Appends the script. */
void slurm_script_append(struct text *text, const struct slurm_script *script);
