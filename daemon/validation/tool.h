#pragma once

/*
 * The program that runs the tests: which one the name in validation.command means, what it says of itself,
 * and whether it can be started where the tests run.
 *
 * tox and python are asked for their version, in the sandbox. Others may have their own idea of `--version`:
 * of these it is seen whether they are there, and the interpreter of a script. Behind a launcher nothing is
 * started, since it may cost a place in a queue, and may be on another machine.
 */

#include "common/error.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/validation/sandbox.h"

#include <stdbool.h>
#include <uv.h>

struct tool {
    char *path;    /* as it is run; NULL: not known yet */
    char *version; /* what it says of itself, one line; "" where it was not asked */
    char *state;   /* what it was tried under: not tried again while that is the same */
    bool is_tox;
    unsigned major, minor; /* of tox; 0: not known */
};

void tool_clear(struct tool *tool); /* an all-zero one is fine */

/* Whether the command names tox: by a base name, or as `python -m tox`. */
bool tool_is_tox(const struct config_list *command);

/* Tries it. `*tool` is the caller's and must outlive the operation; it is filled in where all is well, and
 * `changed` says whether it is another one than before. Permanent error, naming the key, where it is not
 * there or cannot be started, with what the sandbox lacks. Transient where it could not be tried now. */
typedef void (*tool_callback)(void *data, bool changed, const struct error *error);
struct operation *tool_try(uv_loop_t *loop, struct tool *tool, const struct config *config,
                           struct sandbox *sandbox, tool_callback callback, void *data);

/* Whether it is a tox that adds what it is told to let through to what an environment inherits. */
bool tool_adds_to_inherited(const struct tool *tool);

/* Whether validation.environment and validation.pass_environment reach the tests with this tool in each layout of a
 * project. Where not: a permanent error that says what to write into the project. */
int tool_check_environment(const struct tool *tool, const struct config *config,
                           struct error *error);
