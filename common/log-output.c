#include "common/log-output.h"

#include "common/memory.h"
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE_MS 1000
#define BATCH_BYTES ((size_t)64 * 1024)

static struct text kept;
static bool overflowed;
static struct text batch; /* lines that are written together */
static uint64_t batched;  /* how many these are */
static uint64_t lost;     /* of these, since log_output_begin_batch() */
static bool batching;
static bool line_open; /* the last line was written in part, and its rest is lost */

/* Stderr, opened once more. Our own description is non-blocking, and nobody who shares stderr with us is
 * affected. */
static struct {
    int descriptor;
    dev_t device;
    ino_t inode;
} own = {.descriptor = -1};

static uv_poll_t *watch; /* NULL: none; stopped while nothing is kept */
static void (*on_flow)(void);

static int own_descriptor(const struct stat *status)
{
    if (own.descriptor >= 0 && own.device == status->st_dev && own.inode == status->st_ino)
        return own.descriptor;
    if (own.descriptor >= 0)
        close(own.descriptor);
    own.descriptor = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    own.device = status->st_dev;
    own.inode = status->st_ino;
    return own.descriptor;
}

static bool has_room(void)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&ready, 1, 0) == 1;
}

/* A file takes everything at once. If a pipe cannot be opened once more, we write only when it is ready: then
 * it has room for PIPE_BUF. */
static ssize_t write_some(const char *bytes, size_t length)
{
    struct stat status;
    int descriptor;

    if (fstat(STDERR_FILENO, &status) < 0 || S_ISREG(status.st_mode))
        return write(STDERR_FILENO, bytes, length);
    if (S_ISSOCK(status.st_mode))
        return send(STDERR_FILENO, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    descriptor = own_descriptor(&status);
    if (descriptor >= 0)
        return write(descriptor, bytes, length);
    if (has_room())
        return write(STDERR_FILENO, bytes, length < PIPE_BUF ? length : PIPE_BUF);
    errno = EAGAIN;
    return -1;
}

/* Writes as much as stderr takes now, and returns how much that was. `*fault`: the rest never can be
 * written. */
static size_t write_now(const char *bytes, size_t length, bool *fault)
{
    size_t done = 0;
    ssize_t written = 0;

    do {
        written = write_some(bytes + done, length - done);
        done += written > 0 ? (size_t)written : 0;
    } while (done < length && (written > 0 || (written < 0 && errno == EINTR)));
    *fault = done < length && !(written < 0 && errno == EAGAIN);
    if (done > 0)
        line_open = bytes[done - 1] != '\n';
    return done;
}

static void flush(void)
{
    bool fault;
    size_t done = kept.length > 0 ? write_now(kept.data, kept.length, &fault) : 0;

    if (done == 0 && (kept.length == 0 || !fault))
        return;
    if (done == kept.length || fault) {
        text_free(&kept);
        overflowed = false;
        return;
    }
    memmove(kept.data, kept.data + done, kept.length - done + 1);
    kept.length -= done;
}

static void on_writable(uv_poll_t *poll, int status, int events)
{
    flush();
    if (kept.length > 0)
        return;
    uv_poll_stop(poll);
    on_flow();
}

static void keep(const char *bytes, size_t length)
{
    text_append_bytes(&kept, bytes, length);
    if (watch && !uv_is_active((uv_handle_t *)watch)) {
        uv_poll_start(watch, UV_WRITABLE, on_writable);
        uv_unref((uv_handle_t *)watch);
    }
}

/* One write, if possible, so that lines of several writers do not mix. A line that was cut short gets
 * its line end before the next one, so the next one is whole. */
static bool write_lines(const char *line, size_t length)
{
    CLEANUP_TEXT struct text whole = {0};
    bool fault = false;
    size_t done = 0;

    flush();
    if (kept.length == 0) {
        text_append(&whole, line_open ? "\n" : "");
        text_append_bytes(&whole, line, length);
        done = write_now(whole.data, whole.length, &fault);
        if (done < whole.length && !fault)
            keep(whole.data + done, whole.length - done);
        return !fault;
    }
    overflowed = overflowed || kept.length + length > LOG_OUTPUT_KEPT;
    if (!overflowed)
        keep(line, length);
    return !overflowed;
}

static void write_batch(void)
{
    if (batched > 0 && !write_lines(batch.data, batch.length))
        lost += batched;
    text_reset(&batch);
    batched = 0;
}

bool log_output_write(const char *line, size_t length)
{
    if (!batching)
        return write_lines(line, length);
    text_append_bytes(&batch, line, length);
    batched++;
    if (batch.length >= BATCH_BYTES)
        write_batch();
    return true;
}

void log_output_begin_batch(void)
{
    struct stat status;

    batching = fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    lost = 0;
}

uint64_t log_output_end_batch(void)
{
    write_batch();
    text_free(&batch);
    batching = false;
    return lost;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

void log_output_watch(uv_loop_t *loop, void (*flows)(void))
{
    struct stat status;

    if (watch)
        uv_close((uv_handle_t *)watch, on_closed);
    watch = NULL;
    on_flow = flows;
    if (!loop || fstat(STDERR_FILENO, &status) < 0 || S_ISREG(status.st_mode))
        return;
    watch = memory_new(sizeof(*watch));
    if (uv_poll_init(loop, watch, own_descriptor(&status) >= 0 ? own.descriptor : STDERR_FILENO) ==
        0)
        return;
    free(watch); /* what cannot be watched, such as /dev/null, takes everything at once */
    watch = NULL;
}

void log_output_finish(void)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

    flush();
    while (kept.length > 0 && poll(&ready, 1, PATIENCE_MS) == 1)
        flush();
    text_free(&kept);
}
