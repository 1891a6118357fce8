#pragma once

/*
 * Runs git in a repository that is not ours, for callers without a struct git: the local forge makes
 * branches, and --check-result asks a source.
 *
 * Its environment is closed (environment.h). Its only configuration is the repository's own, and no program
 * that this names is run: hooks are off, and missing objects are not fetched. The repository may belong to
 * another user: to configure it is to consent.
 */

#include "common/operation.h"
#include "common/process.h"

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct git_elsewhere {
    const char *git_dir;
    const char *const *arguments; /* after "git", NULL-terminated */
    enum process_manner manner;
    uint64_t deadline_ms;
    size_t output_limit; /* bytes */
};

/* Starts git. It calls back as process_start() does. All of `command` is copied. */
struct operation *git_start_elsewhere(uv_loop_t *loop, const struct git_elsewhere *command,
                                      process_callback callback, void *data);
