#pragma once

/*
 * Watches the disk with the checkouts, which tests may fill. The store is usually on the same disk.
 *
 * It is looked at every second while the tests run. A full disk looks like failing tests, so it is told
 * apart while it is still full. The space that the removal of their checkout gives back says whether they
 * had filled it.
 */

#include "common/loop.h"
#include "common/operation.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Begins with zeros. */
struct disk {
    uv_loop_t *loop;
    const char *path;
    loop_callback filled; /* called at each look that finds the disk nearly full */
    void *data;
    struct operation *watch;
    uint64_t before; /* bytes that were free when the watch began */
    uint64_t after;  /* and when it ended */
    bool low;        /* there was nearly nothing left */
};

/* Begins to watch the disk with the directory `path`, which stays the caller's. */
void disk_watch(struct disk *disk, uv_loop_t *loop, const char *path, loop_callback filled,
                void *data);

/* Ends the watch, if there is one. */
void disk_leave(struct disk *disk);

/* Returns whether the disk is full, now that the tests have ended. Call it before anything is removed. */
bool disk_is_full(const struct disk *disk);

/* Returns how many bytes the tests had written, now that their checkout was removed; 0 if the disk is
 * full without them. */
uint64_t disk_filled_by_tests(const struct disk *disk);
