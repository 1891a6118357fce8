#include "daemon/validation/report-file.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/pool.h"
#include "daemon/validation/tox-report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE 65536

struct work {
    struct pool_work pool; /* first */
    char *path;
    char *expect;
    report_file_callback callback;
    void *data;
    struct test_report report;
};

/* Returns how much was read, or -1. */
static ssize_t read_piece(int file, char *piece)
{
    ssize_t length;

    do
        length = read(file, piece, PIECE);
    while (length < 0 && errno == EINTR);
    return length;
}

static void read_report(struct work *work, const regex_t *expect)
{
    CLEANUP_DESCRIPTOR int file = -1;
    CLEANUP_FREE char *piece = memory_new(PIECE);
    struct tox_report_reader reader = {.runner.expect = expect};
    struct error error;
    off_t size;
    off_t total = 0;
    ssize_t length = 0;

    work->report.tox = REPORT_UNUSABLE;
    if (access(work->path, F_OK) < 0 && errno == ENOENT)
        work->report.tox = REPORT_MISSING;
    else if (file_open_regular(&file, &size, AT_FDCWD, work->path, &error) == 0) {
        while (total <= REPORT_FILE_LIMIT && !atomic_load(&work->pool.stop) &&
               (length = read_piece(file, piece)) > 0) {
            tox_report_take(&reader, piece, (size_t)length);
            total += length;
        }
        if (length == 0)
            tox_report_end(&reader, &work->report);
    }
    tox_report_clear(&reader);
}

static void do_work(struct pool_work *pool)
{
    struct work *work = (struct work *)pool;
    regex_t expect;
    bool expects = work->expect && regcomp(&expect, work->expect, REG_EXTENDED | REG_NOSUB) == 0;

    read_report(work, expects ? &expect : NULL);
    if (expects)
        regfree(&expect);
}

static void on_work_done(struct pool_work *pool, int status)
{
    struct work *work = (struct work *)pool;

    if (status < 0)
        work->report.tox = REPORT_UNUSABLE;
    if (!pool->stop)
        work->callback(work->data, &work->report);
    free(work->path);
    free(work->expect);
    free(work);
}

struct operation *report_file_read(uv_loop_t *loop, const char *path, const char *expect,
                                   report_file_callback callback, void *data)
{
    struct work *work = memory_new(sizeof(*work));

    work->pool.run = do_work;
    work->pool.over = on_work_done;
    work->path = memory_copy(path);
    work->expect = memory_copy(expect);
    work->callback = callback;
    work->data = data;
    return pool_start(loop, &work->pool);
}
