#include "daemon/log-taking/followed.h"

#include "common/file.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/told.h"
#include "daemon/events.h"
#include "daemon/log-taking.h"
#include "daemon/log-taking/tell.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define WATCHED                                                                                    \
    (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |            \
     IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
#define SLICE_NS      10000000
#define LOOK_EVERY_MS 30000
#define LOOK_AGAIN_MS 1000 /* while a directory is not there, or the store cannot be written */
#define NS_PER_SECOND 1000000000

struct followed_log {
    const struct config_log *settings;
    char *directory;
    const char *name; /* part of the path */
    int watch;        /* of the directory; -1: none */
    bool due;         /* something may have happened to it */
    struct stat read; /* as it was when it was read to its end last */
    char *trouble;    /* what is in the way, and was said; NULL: nothing */
    struct log_counts told;
};

struct followed_logs {
    uv_loop_t *loop;
    struct followed_logs_options options;
    struct followed_log *items;
    size_t count;
    int events;      /* the inotify descriptor; -1: none */
    uv_poll_t *poll; /* on that; NULL: none */
    struct operation *timer;
    struct operation *slice;

    /* The one that is being read. */
    struct followed_log *log;
    struct log_taking *taking;
    struct stat begun; /* as it was when it was opened */
    bool queued;       /* a row of the slice was */
    bool failed;       /* the last attempt; it is due again */
    struct told words;
};

static void on_slice(void *data);
static void on_timer(void *data);

/* ---- what stands in the way ------------------------------------------------------------------- */

static void trouble(struct followed_log *log, const char *reason)
{
    if (log->trouble && strcmp(log->trouble, reason) == 0)
        return;
    free(log->trouble);
    log->trouble = memory_copy(reason);
    log_event(&event_log_unreadable, LOG_TEXT("path", log->settings->path),
              LOG_TEXT("reason", reason));
}

static void no_trouble(struct followed_log *log)
{
    if (!log->trouble)
        return;
    free(log->trouble);
    log->trouble = NULL;
    log_event(&event_log_back, LOG_TEXT("path", log->settings->path));
}

/* ---- reading ---------------------------------------------------------------------------------- */

static bool is_the_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* -1: it cannot be read, and that was logged. */
static int open_log(struct followed_log *log, struct stat *status)
{
    int descriptor = open(log->settings->path,
                          O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    if (descriptor < 0) {
        trouble(log, errno == ELOOP ? "expected a regular file, found a symbolic link"
                                    : strerror(errno));
        return -1;
    }
    if (fstat(descriptor, status) == 0 && S_ISREG(status->st_mode))
        return descriptor;
    trouble(log, "expected a regular file, found another kind");
    close(descriptor);
    return -1;
}

static void on_decided(void *data, const struct result_log_row *row,
                       const struct assessment *assessment)
{
    struct followed_logs *logs = data;

    logs->queued |= assessment->decision == DECISION_QUEUED;
    log_tell_row(&logs->words, log_taking_name(logs->taking), row, assessment);
}

/* Begins to read a log if it changed. Returns whether it did. */
static bool begin(struct followed_logs *logs, struct followed_log *log)
{
    struct stat status = {0};
    CLEANUP_DESCRIPTOR int descriptor = open_log(log, &status);
    const struct log_taking_options options = {
        .config = logs->options.config,
        .store = logs->options.store,
        .file_name = log->name,
        .path = log->settings->path,
        .settings = log->settings,
        .descriptor = descriptor,
        .inode = status.st_ino,
        .modified_ns = (int64_t)status.st_mtim.tv_sec * NS_PER_SECOND + status.st_mtim.tv_nsec,
        .decided = on_decided,
        .data = logs,
    };
    struct error error;

    log->due = false;
    if (descriptor < 0 || is_the_same(&status, &log->read))
        return false;
    if (log_taking_new(&logs->taking, &options, &error) < 0) {
        trouble(log, error.message);
        return false;
    }
    logs->log = log;
    logs->begun = status;
    return true;
}

static bool read_next(struct followed_logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        if (logs->items[i].due && begin(logs, &logs->items[i]))
            return true;
    return false;
}

static void go_on(struct followed_logs *logs)
{
    if (logs->slice)
        return;
    if (logs->taking || read_next(logs))
        logs->slice = loop_after(logs->loop, 0, on_slice, logs);
    else if (followed_logs_idle(logs))
        logs->options.idle(logs->options.data);
}

/* Logs the counts of a log that was read to its end, and remembers them, without the names, which are not
 * compared. If only new lines were read, adds their counts. */
static void tell(struct followed_logs *logs)
{
    const struct log_counts *counts = log_taking_counts(logs->taking);
    struct log_counts *told = &logs->log->told;
    struct log_counts before = *told;

    if (counts->resumed)
        before.prose = before.foreign = 0;
    if (counts->replaced)
        log_event(&event_log_replaced, LOG_TEXT("path", logs->log->settings->path));
    log_tell_counts(logs->log->name, counts, &before);
    *told = *counts;
    told->foreign_metrics = NULL;
}

static void drop_taking(struct followed_logs *logs)
{
    log_taking_free(logs->taking);
    logs->taking = NULL;
    logs->log = NULL;
}

static void look_in(struct followed_logs *logs, uint64_t in_ms)
{
    operation_clear(&logs->timer);
    logs->timer = loop_after(logs->loop, in_ms, on_timer, logs);
}

/* A log that is refused is read again when it has changed. */
static void end_log(struct followed_logs *logs, enum log_progress end, const struct error *error)
{
    if (end == LOG_PROGRESS_FAILED || end == LOG_PROGRESS_UNREAD) {
        if (end == LOG_PROGRESS_FAILED)
            log_event(&event_intake_failed, LOG_TEXT("reason", error->message));
        logs->failed = true;
        look_in(logs, LOOK_AGAIN_MS);
    } else {
        logs->log->read = logs->begun;
    }
    if (end == LOG_PROGRESS_REFUSED || end == LOG_PROGRESS_UNREAD)
        trouble(logs->log, error->message);
    if (end == LOG_PROGRESS_DONE) {
        no_trouble(logs->log);
        tell(logs);
    }
    drop_taking(logs);
}

static void on_slice(void *data)
{
    struct followed_logs *logs = data;
    struct error error;
    enum log_progress end;

    logs->slice = NULL;
    logs->queued = false;
    end = log_taking_go_on(logs->taking, SLICE_NS, &error);
    if (end != LOG_PROGRESS_MORE)
        end_log(logs, end, &error);
    if (logs->queued)
        logs->options.taken(logs->options.data);
    go_on(logs);
}

/* ---- watching --------------------------------------------------------------------------------- */

static void all_due(struct followed_logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        logs->items[i].due = true;
}

static void note(struct followed_logs *logs, const struct inotify_event *event)
{
    bool gone = event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT);

    for (size_t i = 0; i < logs->count; i++) {
        struct followed_log *log = &logs->items[i];

        if (log->watch != event->wd)
            continue;
        if (event->mask & IN_MOVE_SELF)
            inotify_rm_watch(logs->events, event->wd);
        if (gone)
            log->watch = -1;
        if (gone || (event->len > 0 && strcmp(event->name, log->name) == 0))
            log->due = true;
    }
}

/* Watches each directory at its present path. A directory that is watched already stays so. */
static bool arm(struct followed_logs *logs)
{
    bool all = true;

    for (size_t i = 0; i < logs->count; i++) {
        struct followed_log *log = &logs->items[i];
        int watch = logs->events < 0 ? -1
                                     : inotify_add_watch(logs->events, log->directory, WATCHED);

        log->due |= watch != log->watch;
        log->watch = watch;
        all &= watch >= 0;
    }
    return all;
}

static void on_events(uv_poll_t *poll, int status, int events)
{
    char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
    struct followed_logs *logs = poll->data;
    bool gone = false;
    ssize_t length;

    while ((length = read(logs->events, buffer, sizeof(buffer))) > 0) {
        for (char *at = buffer; at < buffer + length;) {
            const struct inotify_event *event = (const struct inotify_event *)at;

            if (event->mask & IN_Q_OVERFLOW)
                all_due(logs);
            note(logs, event);
            gone |= (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
            at += sizeof(*event) + event->len;
        }
    }
    if (gone && !arm(logs))
        look_in(logs, LOOK_AGAIN_MS);
    go_on(logs);
}

static void on_timer(void *data)
{
    struct followed_logs *logs = data;
    bool all;

    logs->timer = NULL;
    logs->failed = false;
    all = arm(logs);
    all_due(logs);
    look_in(logs, all ? LOOK_EVERY_MS : LOOK_AGAIN_MS);
    go_on(logs);
}

static void open_events(struct followed_logs *logs)
{
    logs->events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (logs->events < 0)
        return; /* the timer looks */
    logs->poll = memory_new(sizeof(*logs->poll));
    uv_poll_init(logs->loop, logs->poll, logs->events);
    logs->poll->data = logs;
    uv_poll_start(logs->poll, UV_READABLE, on_events);
}

static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

/* ---- life ------------------------------------------------------------------------------------- */

static void clear(struct followed_logs *logs)
{
    operation_clear(&logs->timer);
    operation_clear(&logs->slice);
    drop_taking(logs);
    if (logs->poll)
        uv_close((uv_handle_t *)logs->poll, on_poll_closed);
    logs->poll = NULL;
    if (logs->events >= 0)
        close(logs->events);
    logs->events = -1;
    for (size_t i = 0; i < logs->count; i++) {
        free(logs->items[i].directory);
        free(logs->items[i].trouble);
    }
    free(logs->items);
    logs->items = NULL;
    logs->count = 0;
}

static void begin_all(struct followed_logs *logs)
{
    const struct config *config = logs->options.config;

    logs->items = memory_new_array(config->log_count, sizeof(*logs->items));
    for (size_t i = 0; i < config->log_count; i++) {
        const char *path = config->logs[i].path;
        const char *name = strrchr(path, '/');

        if (!name) /* settings for a log that is dropped */
            continue;
        logs->items[logs->count++] = (struct followed_log){
            .settings = &config->logs[i],
            .directory = memory_copy_bytes(path, name == path ? 1 : (size_t)(name - path)),
            .name = name + 1,
            .watch = -1,
            .due = true,
        };
    }
    if (logs->count == 0)
        return;
    open_events(logs);
    look_in(logs, 0);
}

void followed_logs_new(struct followed_logs **logs, uv_loop_t *loop,
                       const struct followed_logs_options *options)
{
    struct followed_logs *made = memory_new(sizeof(*made));

    made->loop = loop;
    made->options = *options;
    made->events = -1;
    *logs = made;
    begin_all(made);
}

void followed_logs_free(struct followed_logs *logs)
{
    if (!logs)
        return;
    clear(logs);
    told_clear(&logs->words);
    free(logs);
}

void followed_logs_reload(struct followed_logs *logs)
{
    clear(logs);
    begin_all(logs);
}

bool followed_logs_idle(const struct followed_logs *logs)
{
    for (size_t i = 0; i < logs->count; i++)
        if (logs->items[i].due)
            return false;
    return !logs->taking && !logs->slice && !logs->failed;
}
