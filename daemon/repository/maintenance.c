/*
 * Keeping our own repository small, over years.
 *
 * A job leaves some four loose objects behind, nothing points at them once it is over, and git's own
 * maintenance is switched off, as it would come in the middle of a job. Here git is asked now and then, at a
 * moment without jobs, whether there is enough to be worth it. What a job that begins meanwhile makes
 * or finds again is younger than what is thrown away; refs stay files, as we write and remove them
 * ourselves.
 */

#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/objects.h"

#include <string.h>

#define MAINTENANCE_AFTER                                                                          \
    50 /* commits forgotten, two or three a job: each question costs a child */

static const struct log_event event_untidy = {
    .message = "the private repository could not be maintained; it is tried again after some jobs",
    .level = LOG_LEVEL_WARNING,
};

static void on_maintained(void *data, const struct process_result *result)
{
    struct repository *repository = data;
    CLEANUP_FREE char *objects = file_join(repository->config->state, "lfs/lfs/objects");
    struct error error;

    repository->maintenance = NULL;
    objects_expire(objects);
    /* One that a person has moved back since may be gone. */
    memset(repository->bases, 0, sizeof(repository->bases));
    if (git_succeeded(result))
        return;
    git_failure(&error, result, GIT_LOCAL, "git gc");
    log_event(&event_untidy, LOG_TEXT("reason", error.message));
}

void repository_maintain(struct repository *repository)
{
    const char *const arguments[] = {
        repository->git_dir,
        "-c",
        "gc.auto=2000", /* loose objects */
        "-c",
        "gc.autoPackLimit=20",
        "-c",
        "gc.autoDetach=false",
        "-c",
        "gc.packRefs=false",
        "-c",
        "gc.cruftPacks=false",
        "-c",
        "gc.pruneExpire=1.hour.ago",
        "-c",
        "pack.threads=1",
        "-c",
        "pack.windowMemory=64m",
        "gc",
        "--auto",
        "--quiet",
        NULL,
    };
    const struct git_command command = {
        .arguments = arguments,
        .reach = GIT_LOCAL,
        .idle = true,
        .output_limit = 65536,
    };

    if (repository->maintenance || repository->forgotten < MAINTENANCE_AFTER)
        return;
    repository->forgotten = 0;
    repository->maintenance = git_start(repository->git, &command, on_maintained, repository);
}
