#pragma once

/*
 * The watched directory: which files are complete, each handed on once; archive and reject.
 *
 * inotify on the loop (close-write and moved-to) raises a dirty flag; a scan lists the directory
 * once, sorts by modification time and name, and hands the files on in slices, so that the loop is
 * never held up for long. A start, an overflow of the event queue, a timer of 30 s and a directory
 * that was deleted and made again each cause a full scan.
 *
 * Handed on is what has a result's or a log's ending and is complete: a writer has closed it, it was
 * moved here, it is JSON that parses whole, or it has not changed between two looks 1 s apart. Files
 * behind one that is held wait for it, at most that second. What is no regular file under such a name
 * (a link, a FIFO, a directory) or is too large is handed on as a file without bytes and with a
 * problem, so that it can be rejected; it is never opened or followed. One that a fault of the system
 * keeps from being read is handed on likewise; the taker puts it off.
 *
 * All other files may be patches. Those that nobody named for a while are told of once in the log, at once
 * where only the case of letters keeps them from being results.
 *
 * The taker decides, makes the decision durable, and only then says where the file goes, with
 * spool_move(). A file that was handed on and not moved yet is not handed on again, unless
 * it changed: then its move leaves it where it is, and it is handed on as it is now. Moves that a crash
 * left over are to be done before the loop runs.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct spool;

/* Why the taker puts a file off. */
enum spool_delay {
    SPOOL_DELAY_NONE,
    SPOOL_DELAY_PATCH, /* the patch that it names is not there yet, or not whole */
    SPOOL_DELAY_FAULT, /* a fault of the system, which may pass */
    SPOOL_DELAY_COUNT
};

/* A file as it was met. The name is one component of at most 255 bytes; it need not be UTF-8. */
struct spool_file {
    char *name;
    int64_t
        modified_ns; /* modification time, nanoseconds since 1970; when it was found where that is
                          * before 1970 or after tomorrow */
    uint64_t inode;
    char *bytes; /* NULL with a problem, and of a log */
    size_t length;
    char *problem; /* why it cannot be read as a result: "is a symbolic link", "is 5 MiB long…" */
    bool faulty;   /* the problem is a fault of the system, which may pass */
    int log;       /* a log of many experiments, of any size: open, at its beginning; else -1 */

    /* For how long the taker has put it off for each cause; 0: not yet. */
    uint64_t delayed_ms[SPOOL_DELAY_COUNT];

    /* Set by the taker where it cannot decide yet: those behind go on, and the file is handed on again
     * after `again_ms`, once it changed, or once the file `patch` (the spool frees it) is whole beside it. */
    enum spool_delay delay;
    uint64_t again_ms;
    char *patch;
};

/* A slice of files, oldest first; at most 256 files and about 16 MiB. The files belong to the spool
 * and are valid inside the callback only. Returns how many were dealt with, from the first; what is
 * behind is handed on again later (after spool_resume() if none was). */
typedef size_t (*spool_take_callback)(void *data, struct spool_file *files, size_t count);

/* Fires after a scan that handed everything on: the spool is empty but for files that are held. */
typedef void (*spool_idle_callback)(void *data, bool held);

struct spool_options {
    const char *path;
    uint64_t scan_every_ms; /* 30,000 */
    uint64_t settle_ms;     /* 1,000 */
    uint64_t stray_ms; /* how long a file may lie there that no result names before it is told of */
    spool_take_callback take;
    spool_idle_callback idle;
    void *data;
};

/* Opens the directory, which must exist and be writable, makes .archive and .rejected in it, and
 * arms the watch. Nothing is handed on before the loop runs. */
int spool_new(struct spool **spool, uv_loop_t *loop, const struct spool_options *options,
              struct error *error);
void spool_free(struct spool *spool); /* NULL-safe. The loop must run once more */

/* Asks for a scan now; also after the taker dealt with none of a slice. */
void spool_resume(struct spool *spool);

/* Takes no more files from now on; for shutdown. */
void spool_stop(struct spool *spool);

/* Reads a patch that a result names: a regular file of at most `limit` bytes beside it. 1 if it is not
 * there, or not whole: its writer has not closed it, or, where it came only after the result and no
 * event tells of that, it has changed within the settle time. Permanent error if it is no regular file
 * or too large, transient for a fault of the system. Caller frees. */
int spool_read_patch(struct spool *spool, const char *name, size_t limit, char **bytes,
                     size_t *length, struct error *error);

enum spool_place { SPOOL_ARCHIVE, SPOOL_REJECT };

/* A move that the store remembers until it is done. */
struct spool_move {
    const char *name;
    uint64_t inode; /* the file is left alone if another one has its name by now */
    int64_t
        modified_ns; /* as struct spool_file has it: or if it was written to since; 0: not known */
    enum spool_place place;
    const char *day;    /* YYYY-MM-DD, for the archive */
    const char *target; /* where spool_choose() said that it is to lie, if that is free; or NULL */
    const char *reason; /* for SPOOL_REJECT: text of the .reason file */
    const char *patch;  /* name of the patch file that goes with it, or NULL */
};

/* Where a file of that name would be moved to now: .archive/DAY/NAME or .rejected/NAME, relative to the
 * spool (caller frees); a taken name gets ~2, ~3 …. Transient error where the place cannot be used. */
int spool_choose(struct spool *spool, enum spool_place place, const char *day, const char *name,
                 char **target, struct error *error);

/* Moves a file: to its target, or to the name that is free now; the patch beside it under its own name;
 * NAME.reason is written before the move. Done already (no such file in the spool, or another one) is
 * success. `*moved_to`, if not NULL, gets the path relative to the spool (caller frees), or NULL if there
 * was nothing to move and it is not where it was to lie. */
int spool_move(struct spool *spool, const struct spool_move *move, char **moved_to,
               struct error *error);

/* Moves a file that is in the archive already to .rejected, with its reason, when a queued result
 * turns out to be one to reject. `*moved_to` gets the path relative to the spool (caller frees), or NULL if
 * there was nothing to move. */
int spool_reject_archived(struct spool *spool, const char *archived, const char *reason,
                          char **moved_to, struct error *error);
