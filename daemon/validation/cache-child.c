#include "daemon/validation/cache-child.h"

#include "common/file.h"
#include "common/memory.h"
#include "daemon/validation/leftover.h"
#include "daemon/validation/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define NEW_NAME ".new" /* in FOLDER, until it is whole */

static int end(const struct error *error)
{
    fprintf(stderr, "%s", error->message);
    return EX_IOERR;
}

static int copy(const char *from, const char *to, uint64_t bytes)
{
    struct error error, ignored;
    bool shared;

    if (tree_copy(from, to, bytes, &shared, &error) < 0) {
        (void)file_remove_tree(to, &ignored);
        return end(&error);
    }
    puts(shared ? CACHE_REFLINK : CACHE_COPY);
    return EX_OK;
}

/* Moves it, or copies it if the checkouts are on another file system. */
static int move(const char *from, const char *to, uint64_t bytes, struct error *error)
{
    bool shared;

    if (rename(from, to) == 0)
        return 0;
    if (errno == EXDEV)
        return tree_copy(from, to, bytes, &shared, error);
    return error_set(error, ERROR_TRANSIENT, "%s: %s", from, strerror(errno));
}

/* After a power cut it is complete, or not there. */
static int make_durable(const char *folder, struct error *error)
{
    CLEANUP_DESCRIPTOR int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (descriptor >= 0 && syncfs(descriptor) == 0)
        return 0;
    return error_set(error, ERROR_TRANSIENT, "%s: %s", folder, strerror(errno));
}

static int publish(const char *from, const char *folder, const char *name, uint64_t bytes,
                   bool removed, struct error *error)
{
    CLEANUP_FREE char *made = file_join(folder, NEW_NAME);
    CLEANUP_FREE char *files = file_join(made, CACHE_FILES);
    CLEANUP_FREE char *size = file_join(made, CACHE_SIZE);
    CLEANUP_FREE char *mark = file_join(made, CACHE_REMOVED);
    CLEANUP_FREE char *target = file_join(folder, name);
    char line[32];

    snprintf(line, sizeof(line), "%" PRIu64 "\n", bytes);
    if (file_remove_tree(made, error) < 0 || file_make_directories(made, 0700, error) < 0 ||
        move(from, files, bytes, error) < 0 ||
        file_write(AT_FDCWD, size, line, strlen(line), 0600, error) < 0 ||
        (removed && file_write(AT_FDCWD, mark, "", 0, 0600, error) < 0) ||
        make_durable(folder, error) < 0)
        return -1;
    if (rename(made, target) < 0)
        return error_set(error, ERROR_TRANSIENT, "%s: %s", target, strerror(errno));
    return make_durable(folder, error);
}

static int keep(const char *checkout, const char *from, const char *folder, const char *name,
                uint64_t limit, bool removed)
{
    CLEANUP(leftover_freep) struct leftover *leftover = leftover_new(checkout);
    struct error error;
    uint64_t bytes;

    if (leftover_kill(leftover, &error) < 0 || tree_measure(from, limit, &bytes, &error) < 0)
        return end(&error);
    if (bytes <= limit && publish(from, folder, name, bytes, removed, &error) < 0)
        return end(&error);
    printf("%s %" PRIu64 "\n", bytes <= limit ? CACHE_KEPT : CACHE_LARGE, bytes);
    return EX_OK;
}

int cache_main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "copy") == 0)
        return copy(argv[2], argv[3], strtoull(argv[4], NULL, 10));
    if (argc == 7 && (strcmp(argv[1], "keep") == 0 || strcmp(argv[1], "keep-removed") == 0))
        return keep(argv[2], argv[3], argv[4], argv[5], strtoull(argv[6], NULL, 10),
                    strcmp(argv[1], "keep-removed") == 0);
    return EX_USAGE;
}
