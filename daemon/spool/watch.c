/*
 * The spool's directory and its inotify events.
 *
 * The events say more than that something happened. A file that was made or written to, and not closed since,
 * has a writer, and an event will tell when that closes it. If events are lost, this is forgotten.
 */

#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "daemon/spool/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS                                                                                     \
    (IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF |           \
     IN_MOVE_SELF | IN_ONLYDIR)
#define READS_AT_ONCE 64

static const struct log_event event_no_watch = {
    .message = "spool is not watched, new files are found by the timer only",
    .level = LOG_LEVEL_WARNING,
};
static const struct log_event event_overflow = {
    .message = "events of the spool were lost, it is scanned",
    .level = LOG_LEVEL_WARNING,
};
static const struct log_event event_lost = {
    .message = "spool directory is gone",
    .level = LOG_LEVEL_WARNING,
};
static const struct log_event event_back = {
    .message = "spool directory is there",
    .level = LOG_LEVEL_INFO,
};

/* A poll handle belongs to one descriptor, so each watch has one of its own. */
static void on_poll_closed(uv_handle_t *handle)
{
    free(handle);
}

static void lose_watch(struct spool *spool)
{
    if (spool->events < 0)
        return;
    uv_close((uv_handle_t *)spool->poll, on_poll_closed);
    spool->poll = NULL;
    close(spool->events);
    spool->events = -1;
    spool_known_forget_events(&spool->known);
}

void spool_close_place(struct spool_directory *place)
{
    if (place->open)
        close(place->descriptor);
    place->open = false;
}

void spool_close_places(struct spool *spool)
{
    spool_close_place(&spool->places[SPOOL_ARCHIVE]);
    spool_close_place(&spool->places[SPOOL_REJECT]);
}

void spool_watch_close(struct spool *spool)
{
    lose_watch(spool);
    spool_close_places(spool);
    if (spool->listing)
        closedir(spool->listing);
    spool->listing = NULL;
    if (spool->directory >= 0)
        close(spool->directory);
    spool->directory = -1;
}

int spool_watch_list(struct spool *spool)
{
    CLEANUP_DESCRIPTOR int directory = openat(spool->directory, ".",
                                              O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0)
        return -1;
    spool->listing = fdopendir(directory);
    if (!spool->listing)
        return -1;
    directory = -1; /* owned by the listing from here on */
    return 0;
}

/* Sets the timer: it looks more often for a directory that is gone than for files. */
static void set_timer(struct spool *spool)
{
    uv_timer_set_repeat(&spool->scan,
                        spool->directory < 0 ? spool->steady_ms : spool->scan_every_ms);
    uv_timer_again(&spool->scan);
}

static void lose_directory(struct spool *spool)
{
    if (spool->directory < 0)
        return;
    log_event(&event_lost, LOG_TEXT("path", spool->path));
    spool_watch_close(spool);
    while (spool_known_first(&spool->known))
        spool_known_pop(&spool->known);
    if (spool->phase != SPOOL_PAUSED)
        spool->phase = SPOOL_RESTING;
    uv_idle_stop(&spool->turn);
    set_timer(spool);
}

/* Takes one event about a name in the directory. */
static void note(struct spool *spool, const struct inotify_event *event)
{
    enum spool_name kind = spool_name(event->name);
    struct spool_entry *entry;

    /* IN_DELETE_SELF does not come while we have the directory open. But .archive has to be removed
     * first, and that event comes. */
    if ((event->mask & IN_DELETE) && (event->mask & IN_ISDIR))
        spool_look_in(spool, spool->steady_ms);
    if ((event->mask & IN_DELETE) || kind == SPOOL_NAME_UNSEEN)
        return;
    entry = spool_known_get(&spool->known, event->name);
    entry->round = spool->round;
    entry->touched = true;
    entry->told++;
    if (event->mask & IN_CREATE) {
        /* Nobody closes a link or a FIFO: it is looked at a little later. */
        entry->created = true;
        entry->closed = false;
        if (kind == SPOOL_NAME_TAKEN)
            spool_look_in(spool, spool->steady_ms);
    }
    if (event->mask & IN_MODIFY) {
        entry->written = true;
        entry->closed = false;
    }
    if (event->mask & (IN_CLOSE_WRITE | IN_MOVED_TO)) {
        entry->created = false;
        entry->written = false;
        entry->closed = true;
        spool->dirty = spool->dirty || kind == SPOOL_NAME_TAKEN || spool->wants_patch;
    }
}

static void overflow(struct spool *spool)
{
    log_event(&event_overflow, LOG_TEXT("path", spool->path));
    spool_known_forget_events(&spool->known);
    spool->dirty = true;
}

void spool_watch_drain(struct spool *spool)
{
    char buffer[65536] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool lost = false;

    for (int i = 0; i < READS_AT_ONCE && spool->events >= 0; i++) {
        ssize_t length = read(spool->events, buffer, sizeof(buffer));

        if (length <= 0)
            break;
        for (char *at = buffer; at < buffer + length;) {
            const struct inotify_event *event = (const struct inotify_event *)at;

            if (event->mask & IN_Q_OVERFLOW)
                overflow(spool);
            else if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
                lost = true;
            else if (event->len > 0)
                note(spool, event);
            at += sizeof(*event) + event->len;
        }
    }
    if (lost)
        lose_directory(spool);
}

static void on_events(uv_poll_t *poll, int status, int events)
{
    struct spool *spool = poll->data;

    spool_watch_drain(spool);
    if (spool->directory < 0)
        spool_watch_check(spool);
    spool_wake(spool);
}

/* The kernel may have no watches (ENOSPC) or no instances (EMFILE) left. The timer tries again, and the
 * log says so once. */
static void arm(struct spool *spool)
{
    CLEANUP_FREE uv_poll_t *poll = memory_new(sizeof(*poll));
    char path[64];
    int code = 0;
    int events = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    /* By the descriptor, so that the directory that is watched is the one that is listed. */
    snprintf(path, sizeof(path), "/proc/self/fd/%d", spool->directory);
    if (events < 0 || inotify_add_watch(events, path, EVENTS) < 0)
        code = errno;
    else if (uv_poll_init(spool->loop, poll, events) < 0)
        code = ENOMEM;
    if (code != 0) {
        if (events >= 0)
            close(events);
        if (!spool->watch_refused)
            log_event(&event_no_watch, LOG_TEXT("path", spool->path),
                      LOG_TEXT("reason", strerror(code)));
        spool->watch_refused = true;
        return;
    }
    poll->data = spool;
    uv_poll_start(poll, UV_READABLE, on_events);
    spool->poll = TAKE(poll);
    spool->events = events;
    spool->watch_refused = false;
    spool->dirty = true;
}

static int make_place(int directory, const char *name, struct error *error)
{
    struct stat status;

    if (mkdirat(directory, name, 0755) < 0 && errno != EEXIST)
        return error_set(error, ERROR_TRANSIENT, "cannot make %s: %s", name, strerror(errno));
    if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(error, ERROR_TRANSIENT, "cannot look at %s: %s", name, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_PERMANENT, "%s is not a directory", name);
    return 0;
}

int spool_watch_open(struct spool *spool, struct error *error)
{
    int directory = open(spool->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (directory < 0)
        return error_set(error, ERROR_PERMANENT, "cannot open the spool %s: %s", spool->path,
                         strerror(errno));
    if (faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) < 0)
        error_set(error, ERROR_PERMANENT, "cannot write to the spool %s: %s", spool->path,
                  strerror(errno));
    else if (make_place(directory, ".archive", error) < 0 ||
             make_place(directory, ".rejected", error) < 0)
        error_wrap(error, "spool %s", spool->path);
    else {
        spool->directory = directory;
        spool->dirty = true;
        arm(spool);
        return 0;
    }
    close(directory);
    return -1;
}

static bool is_same_directory(const struct spool *spool)
{
    struct stat opened;
    struct stat named;

    return stat(spool->path, &named) == 0 && fstat(spool->directory, &opened) == 0 &&
           named.st_dev == opened.st_dev && named.st_ino == opened.st_ino;
}

void spool_watch_check(struct spool *spool)
{
    struct error error;

    if (spool->directory >= 0 && !is_same_directory(spool))
        lose_directory(spool);
    if (spool->directory >= 0) {
        if (spool->events < 0)
            arm(spool);
        return;
    }
    if (spool_watch_open(spool, &error) < 0)
        return;
    log_event(&event_back, LOG_TEXT("path", spool->path));
    set_timer(spool);
}
