#pragma once

/*
 * A spool in a directory of its own on a real loop, and what its taker was handed.
 *
 * Where a test is about events, the steady time is far longer than the test may last, and where it is
 * about time, there are no events: so each can be passed for one reason only.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/result.h"
#include "daemon/spool.h"
#include "tests/unit/temporary.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#define NEVER_MS    600000
#define QUICK_MS    60
#define PATIENCE_MS 60000
#define HANDED_MAX  30000

/* ---- the spool and its taker ------------------------------------------------------------------ */

struct handed {
    char *name;
    char *bytes;
    char *problem;
    bool faulty;
    uint64_t delayed_ms;
    uint64_t inode;
    int64_t modified_ns;
};

struct fixture {
    uv_loop_t loop;
    uv_timer_t patience;
    uv_timer_t pace;
    bool late;
    char path[TEMPORARY_SIZE];
    int directory;
    struct spool *spool;

    struct handed handed[HANDED_MAX];
    size_t handed_count;
    size_t slices;
    size_t largest_slice;
    size_t largest_bytes;
    unsigned idles;
    bool idle_held;
    size_t take_at_most;
    bool moves; /* to the archive, as soon as it was handed on */

    /* What the taker puts off, by a piece of its name, and for how long. */
    const char *puts_off;
    enum spool_delay delay;
    uint64_t again_ms;
    const char *patch;
};

static inline void move_away(struct fixture *fixture, const char *name, uint64_t inode)
{
    struct error error;
    const struct spool_move move = {
        .name = name,
        .inode = inode,
        .place = SPOOL_ARCHIVE,
        .day = "2026-01-31",
    };

    if (spool_move(fixture->spool, &move, NULL, &error) < 0)
        fail_msg("%s", error.message);
}

static inline size_t on_take(void *data, struct spool_file *files, size_t count)
{
    struct fixture *fixture = data;
    size_t bytes = 0;

    if (fixture->take_at_most < count)
        count = fixture->take_at_most;
    fixture->slices++;
    if (count > fixture->largest_slice)
        fixture->largest_slice = count;
    for (size_t i = 0; i < count; i++) {
        struct handed *handed = &fixture->handed[fixture->handed_count++];

        assert_true(fixture->handed_count < HANDED_MAX);
        assert_int_equal(
            (files[i].bytes != NULL) + (files[i].problem != NULL) + (files[i].log >= 0), 1);
        handed->name = memory_copy(files[i].name);
        handed->bytes = memory_copy(files[i].bytes);
        handed->problem = memory_copy(files[i].problem);
        handed->faulty = files[i].faulty;
        handed->delayed_ms = files[i].delayed_ms[fixture->delay];
        handed->inode = files[i].inode;
        handed->modified_ns = files[i].modified_ns;
        bytes += files[i].length;
        if (fixture->puts_off && strstr(files[i].name, fixture->puts_off)) {
            files[i].delay = fixture->delay;
            files[i].again_ms = fixture->again_ms;
            files[i].patch = memory_copy(fixture->patch);
        } else if (fixture->moves)
            move_away(fixture, files[i].name, files[i].inode);
    }
    if (bytes > fixture->largest_bytes)
        fixture->largest_bytes = bytes;
    return count;
}

static inline void on_idle(void *data, bool held)
{
    struct fixture *fixture = data;

    fixture->idles++;
    fixture->idle_held = held;
}

static inline int set_up(void **state)
{
    struct fixture *fixture = memory_new(sizeof(*fixture));

    uv_loop_init(&fixture->loop);
    uv_timer_init(&fixture->loop, &fixture->patience);
    uv_timer_init(&fixture->loop, &fixture->pace);
    fixture->patience.data = fixture;
    if (!temporary_directory(fixture->path))
        return -1;
    fixture->directory = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fixture->take_at_most = SIZE_MAX;
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    spool_free(fixture->spool);
    uv_close((uv_handle_t *)&fixture->patience, NULL);
    uv_close((uv_handle_t *)&fixture->pace, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&fixture->loop) != 0)
        return -1;
    for (size_t i = 0; i < fixture->handed_count; i++) {
        free(fixture->handed[i].name);
        free(fixture->handed[i].bytes);
        free(fixture->handed[i].problem);
    }
    close(fixture->directory);
    if (file_remove_tree(fixture->path, &error) < 0)
        return -1;
    free(fixture);
    return 0;
}

static inline void begin(struct fixture *fixture, uint64_t scan_every_ms, uint64_t steady_ms)
{
    const struct spool_options options = {
        .path = fixture->path,
        .scan_every_ms = scan_every_ms,
        .steady_ms = steady_ms,
        .stray_ms = NEVER_MS,
        .take = on_take,
        .idle = on_idle,
        .data = fixture,
    };
    struct error error;

    if (spool_new(&fixture->spool, &fixture->loop, &options, &error) < 0)
        fail_msg("%s", error.message);
}

static inline void on_late(uv_timer_t *timer)
{
    struct fixture *fixture = timer->data;

    fixture->late = true;
}

/* Runs the loop until `count` files were handed on since the beginning. */
static inline void until_handed(struct fixture *fixture, size_t count)
{
    fixture->late = false;
    uv_update_time(&fixture->loop);
    uv_timer_start(&fixture->patience, on_late, PATIENCE_MS, 0);
    while (fixture->handed_count < count && !fixture->late)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    uv_timer_stop(&fixture->patience);
    assert_int_equal(fixture->handed_count, count);
}

static inline void until_idle(struct fixture *fixture)
{
    unsigned before = fixture->idles;

    fixture->late = false;
    uv_update_time(&fixture->loop);
    uv_timer_start(&fixture->patience, on_late, PATIENCE_MS, 0);
    while (fixture->idles == before && !fixture->late)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    uv_timer_stop(&fixture->patience);
    assert_false(fixture->late);
}

/* Runs the loop for a while in which nothing is expected. */
static inline void run_for(struct fixture *fixture, uint64_t ms)
{
    fixture->late = false;
    uv_update_time(&fixture->loop);
    uv_timer_start(&fixture->patience, on_late, ms, 0);
    while (!fixture->late)
        uv_run(&fixture->loop, UV_RUN_ONCE);
}

/* ---- files ------------------------------------------------------------------------------------ */

static inline int open_file(struct fixture *fixture, const char *name)
{
    int descriptor = openat(fixture->directory, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                            0644);

    assert_true(descriptor >= 0);
    return descriptor;
}

static inline void put(int descriptor, const char *bytes)
{
    assert_int_equal(write(descriptor, bytes, strlen(bytes)), strlen(bytes));
}

static inline void write_file(struct fixture *fixture, const char *name, const char *bytes)
{
    int descriptor = open_file(fixture, name);

    put(descriptor, bytes);
    close(descriptor);
}

static inline void drop_file(struct fixture *fixture, const char *name, const char *bytes)
{
    write_file(fixture, ".dropped.tmp", bytes);
    assert_int_equal(renameat(fixture->directory, ".dropped.tmp", fixture->directory, name), 0);
}

static inline void set_age(struct fixture *fixture, const char *name, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    assert_int_equal(utimensat(fixture->directory, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static inline bool exists(struct fixture *fixture, const char *path)
{
    struct stat status;

    return fstatat(fixture->directory, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline uint64_t inode_of(struct fixture *fixture, const char *path)
{
    struct stat status;

    assert_int_equal(fstatat(fixture->directory, path, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status.st_ino;
}

static inline void assert_content(struct fixture *fixture, const char *path, const char *expected)
{
    CLEANUP_FREE char *bytes = NULL;
    size_t length;
    struct error error;

    if (file_read(&bytes, &length, fixture->directory, path, 1 << 20, &error) < 0)
        fail_msg("%s", error.message);
    assert_string_equal(bytes, expected);
}

static inline void assert_handed(struct fixture *fixture, size_t index, const char *name)
{
    assert_true(index < fixture->handed_count);
    assert_string_equal(fixture->handed[index].name, name);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
