#include "daemon/git/elsewhere.h"

#include "common/memory.h"
#include "daemon/git/environment.h"

#include <stdlib.h>
#include <string.h>

static const char *const settings[] = {
    "GIT_CONFIG_COUNT=2",           "GIT_CONFIG_KEY_0=core.hooksPath",
    "GIT_CONFIG_VALUE_0=/dev/null", "GIT_CONFIG_KEY_1=safe.directory",
    "GIT_CONFIG_VALUE_1=*",
};

struct operation *git_start_elsewhere(uv_loop_t *loop, const struct git_elsewhere *command,
                                      process_callback callback, void *data)
{
    CLEANUP_FREE char *git_dir = memory_format("--git-dir=%s", command->git_dir);
    CLEANUP(git_environment_free) struct git_environment environment = {0};
    size_t count = 0;

    while (command->arguments[count])
        count++;

    CLEANUP_FREE const char **argv = memory_new_array(count + 3, sizeof(*argv));
    const struct process_options options = {
        .argv = argv,
        .environment = (const char *const *)environment.entries,
        .directory = "/",
        .manner = command->manner,
        .deadline_ms = command->deadline_ms,
        .output_limit = command->output_limit,
    };

    argv[0] = "git";
    argv[1] = git_dir;
    memcpy(argv + 2, command->arguments, count * sizeof(*argv));
    git_environment_close(&environment, "/dev/null");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        git_environment_add(&environment, memory_copy(settings[i]));
    return process_start(loop, &options, callback, data);
}
