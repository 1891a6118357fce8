#pragma once

/*
 * Shared by the files of the spool only.
 *
 *   spool.c  scans and hands on; calls the others, and none of them calls it
 *   watch.c  the directory and its events, and what is open below it
 *   file.c   one file: its looks, its bytes
 *   move.c   moves out of the directory
 *   known.c  the names, and which is due first
 *   clock.c  when there is work to do
 */

#include "daemon/spool.h"
#include "daemon/spool/known.h"

#include <dirent.h>
#include <sys/stat.h>
#include <uv.h>

/* A directory that files are moved to, and its path below the spool. It is open for a slice at most, since
 * writers to the spool may remove it. */
struct spool_directory {
    bool open;
    int descriptor;
    char path[64];
};

enum spool_phase {
    SPOOL_RESTING, /* until an event or a timer */
    SPOOL_LISTING,
    SPOOL_TAKING,
    SPOOL_WAITING, /* until the file at the head of the queue is complete */
    SPOOL_PAUSED,  /* until the taker calls spool_resume() */
};

struct spool {
    uv_loop_t *loop;
    char *path;
    uint64_t scan_every_ms;
    uint64_t steady_ms;
    uint64_t stray_ms;
    spool_take_callback take;
    spool_idle_callback idle;
    void *data;

    int directory;      /* -1: the directory is not there */
    int events;         /* the inotify descriptor; -1 without a watch */
    bool watch_refused; /* that was logged already */

    uv_idle_cb on_turn;    /* the callback of `turn`, in spool.c */
    uv_timer_cb on_timer;  /* the callback of both timers, in spool.c */
    uv_idle_t turn;        /* runs while there is something to list or to take */
    uv_timer_t scan;       /* every scan_every_ms; every steady_ms while the directory is missing */
    uv_timer_t steady;     /* fires when a waiting file is due for another look */
    uv_poll_t *poll;       /* on `events`; NULL without a watch */
    unsigned open_handles; /* of the first three */

    enum spool_phase phase;
    bool dirty; /* something happened that a listing may show */
    bool stopped;
    bool handed_any; /* in this pass */
    bool any_waits;
    bool wants_patch; /* a file was put off since its patch is missing */
    bool puts_off;    /* a file was put off for any cause */
    unsigned round;
    int64_t listed_ns; /* when the last listing began, since 1970 */
    DIR *listing;
    struct spool_known known;
    struct spool_directory places[2]; /* by enum spool_place */
    bool handing_on;                  /* the taker has a slice now */
};

enum spool_name {
    SPOOL_NAME_UNSEEN, /* hidden or temporary: ignored */
    SPOOL_NAME_BESIDE, /* may be a result's patch */
    SPOOL_NAME_TAKEN,  /* a result file or a log of many experiments */
};

/* Returns what a file of that name is to the spool. */
enum spool_name spool_name(const char *name);

/* Returns whether a name would be that of a result file in lower case: A.JSON. */
bool spool_name_shouted(const char *name);

/* ---- clock.c ----------------------------------------------------------------------------- */

/* Returns the milliseconds of a monotonic clock. */
uint64_t spool_now_ms(void);

/* Returns whether a scan may begin and could show something new. */
bool spool_is_due(const struct spool *spool);

/* Starts a scan in the loop's next turn, if one is due and none is under way. */
void spool_wake(struct spool *spool);

/* Lets the steady timer fire in at most `in_ms`. */
void spool_look_in(struct spool *spool, uint64_t in_ms);

/* ---- file.c ------------------------------------------------------------------------------ */

/* A file on its way to the taker. */
struct spool_slot {
    struct spool_entry *entry;
    int descriptor; /* -1: nothing to read */
    unsigned told;  /* the entry's, when it was opened */
    struct spool_file file;
};

/* Returns the modification time in nanoseconds, for comparisons only: files may have any year. */
uint64_t spool_modified(const struct stat *status);

/* Returns whether a file looks as it did at the last look. */
bool spool_looks_the_same(const struct spool_entry *entry, const struct stat *status);

/* Remembers how a file looks, and since when. A modification time that cannot be true, before 1970 or after
 * tomorrow, is replaced by that of the listing. */
void spool_look(const struct spool *spool, struct spool_entry *entry, const struct stat *status);

/* Returns whether a writer is at work, and an event will tell its close. */
bool spool_being_written(const struct spool_entry *entry);

/* Returns whether a file was the same in two looks, the steady time apart. */
bool spool_is_steady(const struct spool *spool, const struct spool_entry *entry);

/* Returns whether a patch that a result waits for is there and complete. Remembers how it looks. */
bool spool_patch_ready(struct spool *spool, const char *name);

/* Looks at the file of a slot. Opens it if it can be read, and asks the kernel to read ahead, so that many
 * files are read from the disk at a time. Sets a problem if the file cannot be a result, or if a fault of the
 * system prevents reading. Returns 0; -1: the name is gone. */
int spool_slot_open(struct spool *spool, struct spool_slot *slot);

/* Returns whether the file is handed on open, without its bytes: it is a log. */
bool spool_is_log(const struct spool_slot *slot);

/* Reads the bytes of an opened file, as many as it had then. If it grew or shrank since, spool_move() leaves
 * it where it is, and it is handed on again. */
void spool_slot_read(struct spool_slot *slot);

/* Closes the descriptor, and frees bytes and problem. */
void spool_slot_drop(struct spool_slot *slot);

/* ---- move.c ----------------------------------------------------------------------------- */

/* Returns the modification time as arrival counts it: that of the listing if it cannot be true. */
int64_t spool_arrival(const struct spool *spool, const struct stat *status);

/* ---- watch.c ---------------------------------------------------------------------------- */

/* Opens the directory, makes .archive and .rejected, arms the watch. Without a watch the spool still
 * works, by its timer. Fails as spool_new() does. */
int spool_watch_open(struct spool *spool, struct error *error);

/* Begins a listing of the directory. Returns 0, or -1 with errno. */
int spool_watch_list(struct spool *spool);

/* Closes directory, listing and watch. */
void spool_watch_close(struct spool *spool);

/* Close a directory that files were moved to, and all of these. */
void spool_close_place(struct spool_directory *place);
void spool_close_places(struct spool *spool);

/* Reads the events that have come so far. */
void spool_watch_drain(struct spool *spool);

/* Opens the directory again if its path means another one now. Arms the watch if there is none. */
void spool_watch_check(struct spool *spool);
