/*
 * Keeps our own repository small, over years.
 *
 * A job leaves about four loose objects, which nothing needs when it is over. git's own maintenance is off,
 * as it could come in the middle of a job. Instead git is asked now and then, while there is no job, whether
 * there is enough to remove. A job that begins in between makes and uses objects that are younger than the
 * removed ones. Refs stay files, since we write and remove them ourselves.
 */

#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "daemon/repository/internal.h"
#include "daemon/repository/objects.h"

#include <string.h>

#define MAINTENANCE_AFTER                                                                          \
    50 /* forgotten commits, two or three a job; each question costs a child */

static const struct log_event event_maintenance_failed = {
    .message = "own repository could not be maintained; trying again after some jobs",
    .level = LOG_LEVEL_WARNING,
};

static void on_maintained(void *data, const struct process_result *result)
{
    struct repository *repository = data;
    CLEANUP_FREE char *objects = file_join(repository->config->state, "lfs/lfs/objects");
    struct error error;

    repository->maintenance = NULL;
    objects_expire(objects);
    /* A base that a person has moved back may be gone. */
    memset(repository->bases, 0, sizeof(repository->bases));
    if (process_succeeded(result))
        return;
    git_failure(&error, result, GIT_LOCAL, "git gc");
    log_event(&event_maintenance_failed, LOG_TEXT("reason", error.message));
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
