#include "daemon/validation/remover.h"

#include "common/file.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/process.h"
#include "daemon/events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define LAST_MS 1000 /* ms that a daemon which ends waits for the child */

struct remover {
    uv_loop_t *loop;
    char *directory;
    struct operation *child;
    struct operation *last; /* until the child is left alone */
    bool again;             /* something was set aside since the child began */
    bool ending;
};

struct remover *remover_new(uv_loop_t *loop, const char *parent)
{
    struct remover *remover = memory_new(sizeof *remover);

    remover->loop = loop;
    remover->directory = file_join(parent, REMOVER_FOLDER);
    return remover;
}

static void release(struct remover *remover)
{
    operation_clear(&remover->child);
    operation_clear(&remover->last);
    free(remover->directory);
    free(remover);
}

/* Skips names that are taken. An empty directory of that name is replaced. */
static int rename_to_free(const char *path, const char *folder)
{
    for (unsigned long long number = 0;; number++) {
        CLEANUP_FREE char *target = memory_format("%s/%llu", folder, number);
        struct stat status;
        int code;

        if (rename(path, target) == 0)
            return 0;
        code = errno;
        if (lstat(target, &status)) {
            errno = code;
            return -1;
        }
    }
}

int remover_set_aside(const char *parent, const char *path, struct error *error)
{
    CLEANUP_FREE char *folder = file_join(parent, REMOVER_FOLDER);
    struct stat status;

    if (lstat(path, &status) && errno == ENOENT)
        return 0;
    /* A child that has just removed the last entry may remove the folder in between. */
    for (int tries = 0; tries < 3; tries++) {
        if (mkdir(folder, 0700) && errno != EEXIST)
            break;
        if (rename_to_free(path, folder) == 0)
            return 0;
        if (errno != ENOENT)
            break;
    }
    return file_remove_tree(path, error);
}

static void on_removed(void *data, const struct process_result *result)
{
    struct remover *remover = data;
    char end[PROCESS_DESCRIPTION_SIZE];

    remover->child = NULL;
    process_describe(end, sizeof end, result);
    if (!process_succeeded(result))
        log_event(&event_checkout_left, LOG_TEXT("reason", *result->errors ? result->errors : end));
    if (remover->again && !remover->ending)
        remover_start(remover);
    if (remover->ending)
        release(remover);
}

void remover_start(struct remover *remover)
{
    const char *const argv[] = {REMOVER_PROGRAM, remover->directory, NULL};
    struct process_options options = {
        .argv = argv,
        .this_program = true,
        .manner = PROCESS_OUTLIVES,
    };

    remover->again = remover->child != NULL;
    if (!remover->child && access(remover->directory, F_OK) == 0)
        remover->child = process_start(remover->loop, &options, on_removed, remover);
}

static void on_last(void *data)
{
    struct remover *remover = data;

    remover->last = NULL;
    release(remover);
}

/* An earlier child may be about to end without having seen the last entry, so another one waits for it. */
void remover_free(struct remover *remover)
{
    if (!remover)
        return;
    remover->ending = true;
    operation_clear(&remover->child);
    remover_start(remover);
    if (remover->child)
        remover->last = loop_after(remover->loop, LAST_MS, on_last, remover);
    else
        release(remover);
}

/* Waits for a child of an earlier daemon. Returns 0 if nothing is left to do. */
static int take_turn(int *folder, const char *path)
{
    struct stat status;

    do {
        file_closep(folder);
        *folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (*folder < 0)
            return errno == ENOENT ? 0 : -1;
        while (flock(*folder, LOCK_EX) && errno == EINTR)
            ;
        if (fstat(*folder, &status))
            return -1;
    } while (status.st_nlink == 0); /* it was removed, and there may be a new one */
    return 1;
}

int remover_main(int argc, char **argv)
{
    CLEANUP_DESCRIPTOR int folder = -1;
    struct error error;
    int turn;

    if (argc != 2)
        return EX_USAGE;
    turn = take_turn(&folder, argv[1]);
    if (turn < 0)
        fprintf(stderr, "%s: %s", argv[1], strerror(errno));
    if (turn <= 0)
        return turn ? EX_IOERR : EX_OK;
    if (file_remove_tree(argv[1], &error)) {
        fprintf(stderr, "%s", error.message);
        return EX_IOERR;
    }
    return EX_OK;
}
