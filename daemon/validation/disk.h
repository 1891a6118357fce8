#pragma once

/*
 * Watches the disk with the checkouts, which tests may fill. The store is usually on the same disk.
 *
 * The disk is looked at every second while the tests run. A full disk looks like failing tests, so it has to
 * be noticed while it is full. The space that the removal of the checkout frees says whether the tests filled
 * it.
 */

#include "common/loop.h"
#include "common/operation.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Begins as zeros. */
struct disk {
    uv_loop_t *loop;
    const char *path;
    loop_callback filled; /* called at each look that finds the disk nearly full */
    void *data;
    struct operation *watch;
    uint64_t before; /* bytes that were free when the watch began */
    uint64_t after;  /* and when it ended */
    bool low;        /* there was nearly no space left */
};

/* Begins to watch the disk with the directory `path`, which must live until disk_leave(). */
void disk_watch(struct disk *disk, uv_loop_t *loop, const char *path, loop_callback filled,
                void *data);

/* Ends the watch, if there is one. */
void disk_leave(struct disk *disk);

/* Returns whether the disk is full, now that the tests have ended. Call it before anything is removed. */
bool disk_is_full(const struct disk *disk);

/* Call it after the checkout was removed. Returns how many bytes the tests had written; 0: the disk is full
 * without them. */
uint64_t disk_filled_by_tests(const struct disk *disk);
