#pragma once

/*
 * The program that runs the tests: which one validation.command names, its version, and whether it can be
 * started where the tests run.
 *
 * tox and python are asked for their version, in the sandbox. Other programs may do something else with
 * `--version`, so it is only checked that they exist, and the interpreter of a script. Behind a launcher
 * nothing is started, since that may cost a place in a queue and happen on another machine.
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
    char *state;   /* what the answer depends on; it is not tried again while this is the same */
    unsigned major, minor; /* of tox; 0: not known */
};

void tool_clear(struct tool *tool); /* an all-zero one is fine */

/* Tries the program. `*tool` must outlive the operation. On success it is filled in, and `changed` says
 * whether it is another one than before. Fails (permanent), naming the key and what the sandbox lacks,
 * if it does not exist or cannot be started; (transient) if it cannot be tried now. */
typedef void (*tool_callback)(void *data, bool changed, const struct error *error);
struct operation *tool_try(uv_loop_t *loop, struct tool *tool, const struct config *config,
                           struct sandbox *sandbox, tool_callback callback, void *data);

/* Checks that validation.environment and validation.pass_environment reach the tests with this tool. Fails (permanent) saying what to write into the project. */
int tool_check_environment(const struct tool *tool, const struct config *config,
                           struct error *error);
