#include "daemon/validation/report-file.h"

#include "common/file.h"
#include "common/memory.h"
#include "daemon/validation/tox-report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define PIECE 65536

/* Work in libuv's pool, which may go on for a moment after a discard. */
struct work {
    struct operation operation; /* first */
    uv_work_t request;
    char *path;
    atomic_bool stop;              /* nobody waits for it any more */
    report_file_callback callback; /* NULL once discarded */
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

static void read_report(struct work *work)
{
    CLEANUP_DESCRIPTOR int file = -1;
    CLEANUP_FREE char *piece = memory_new(PIECE);
    struct tox_report_reader reader = {0};
    struct error error;
    off_t size;
    off_t total = 0;
    ssize_t length = 0;

    work->report.tox = REPORT_UNUSABLE;
    if (access(work->path, F_OK) < 0 && errno == ENOENT)
        work->report.tox = REPORT_MISSING;
    else if (file_open_regular(&file, &size, AT_FDCWD, work->path, &error) == 0) {
        while (total <= REPORT_FILE_LIMIT && !atomic_load(&work->stop) &&
               (length = read_piece(file, piece)) > 0) {
            tox_report_take(&reader, piece, (size_t)length);
            total += length;
        }
        if (length == 0)
            tox_report_end(&reader, &work->report);
    }
    tox_report_clear(&reader);
}

static void do_work(uv_work_t *request)
{
    read_report(request->data);
}

static void on_work_done(uv_work_t *request, int status)
{
    struct work *work = request->data;

    if (status < 0)
        work->report.tox = REPORT_UNUSABLE;
    if (work->callback)
        work->callback(work->data, &work->report);
    free(work->path);
    free(work);
}

static void work_discard(struct operation *operation)
{
    struct work *work = (struct work *)operation;

    work->callback = NULL;
    atomic_store(&work->stop, true);
    uv_cancel((uv_req_t *)&work->request);
}

struct operation *report_file_read(uv_loop_t *loop, const char *path, report_file_callback callback,
                                   void *data)
{
    struct work *work = memory_new(sizeof(*work));

    work->operation.discard = work_discard;
    work->request.data = work;
    work->path = memory_copy(path);
    work->callback = callback;
    work->data = data;
    /* It fails for a NULL callback only. */
    uv_queue_work(loop, &work->request, do_work, on_work_done);
    return &work->operation;
}
