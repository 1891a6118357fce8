#pragma once

/*
 * The program that runs the tests: its path, its version, and whether it can be started where the tests run.
 *
 * tox and python are asked for their version, in the sandbox. Other programs may do something else with
 * `--version`. So it is only checked that the program and, for a script, its interpreter exist. With a
 * launcher nothing is started, since that may mean a place in a queue and another machine.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/validation/sandbox.h"

#include <stdbool.h>
#include <uv.h>

struct tool {
    char *path;    /* as it is run; NULL: not known yet */
    char *version; /* its version, one line; "": not asked */
    char *state;   /* what the answer depends on; while it is the same, nothing is tried again */
    unsigned major, minor; /* of tox; 0: not known */
};

void tool_clear(struct tool *tool); /* takes one of zeros */

/* Tries the program. On success fills in `*tool`, and `changed` says whether it is another program than
 * before. `*tool` must outlive the operation. Fails (permanent), naming the key and what the sandbox lacks,
 * if the program does not exist, cannot be started or does not answer; the next call tries it again. */
typedef void (*tool_callback)(void *data, bool changed, const struct error *error);
struct operation *tool_try(uv_loop_t *loop, struct tool *tool, const struct config *config,
                           struct sandbox *sandbox, tool_callback callback, void *data);

/* Checks that validation.environment and validation.pass_environment reach the tests with this tool. Fails
 * (permanent) saying what to write into the project. */
int tool_check_environment(const struct tool *tool, const struct config *config,
                           struct error *error);
