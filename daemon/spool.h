#pragma once

/*
 * The spool: finds the files that are complete, hands each on once, and moves them to .archive or .rejected.
 *
 * inotify on the loop (close-write and moved-to) sets a dirty flag. A scan lists the directory once, sorts by
 * modification time and name, and hands the files on in slices, so that the loop is not blocked. A start, an
 * overflow of the event queue, a timer of 30 s, and a directory that was deleted and made again each cause a
 * full scan.
 *
 * A file is handed on if it has the ending of a result file or of a log of many experiments, and is complete.
 * It is complete if its writer has closed it, if it was moved here, if it is JSON that parses as a whole, or
 * if it is steady: the same in two looks 1 s apart. Later files wait for an earlier one, but only for that
 * second. A link, a FIFO, a directory or a file that is too large is never opened or followed. It is handed
 * on with a problem instead of bytes, so that it can be rejected. So is a file that cannot be read because of
 * a fault of the system; the taker puts that off.
 *
 * All other files may be patches. A file that no result names for a while is logged once. A file whose name
 * is that of a result in upper case is logged at once.
 *
 * The taker decides, makes the decision durable, and then calls spool_move(). A file that was handed on is
 * not handed on again before its move. If it has changed by then, it is not moved, and is handed on again.
 * Moves that a crash interrupted have to be done before the loop runs.
 */

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct spool;

/* Why the taker puts off a file. */
enum spool_delay {
    SPOOL_DELAY_NONE,
    SPOOL_DELAY_PATCH, /* the patch that it names is missing or not complete yet */
    SPOOL_DELAY_FAULT, /* a fault of the system, which may pass */
    SPOOL_DELAY_COUNT
};

/* A file as it was found. The name is one component of at most 255 bytes, and need not be UTF-8. */
struct spool_file {
    char *name;
    /* Modification time in nanoseconds; when it was found, if that is before 1970 or after tomorrow. */
    int64_t modified_ns;
    uint64_t inode;
    char *bytes; /* NULL with a problem, and for a log */
    size_t length;
    char *problem; /* why it cannot be read as a result: "is a symbolic link", "is 5 MiB long…" */
    bool faulty;   /* the problem is a fault of the system, which may pass */
    int log;       /* a log of many experiments, of any size: open, at its beginning; else -1 */

    /* For how long the taker has put it off, for each cause; 0: not yet. A taker that knows of time before a
     * restart sets it when it first puts the file off. */
    uint64_t delayed_ms[SPOOL_DELAY_COUNT];

    /* Set by the taker if it cannot decide yet. Later files go on. The file is handed on again after
     * `again_ms`, when it changes, or when the file `patch` is complete. The spool frees `patch`. */
    enum spool_delay delay;
    uint64_t again_ms;
    char *patch;
};

/* Takes a slice of files, oldest first: at most 256 files and about 16 MiB. They belong to the spool and are
 * valid inside the callback only. Returns how many were taken, from the first. The others are handed on again
 * later; if none was taken, after spool_resume(). */
typedef size_t (*spool_take_callback)(void *data, struct spool_file *files, size_t count);

/* Called after a scan that handed everything on. `waits`: some files wait; else the spool is empty. */
typedef void (*spool_idle_callback)(void *data, bool waits);

struct spool_options {
    const char *path;
    uint64_t scan_every_ms; /* 30,000 */
    uint64_t steady_ms;     /* 1,000 */
    uint64_t stray_ms;      /* how long a file that no result names is not logged */
    spool_take_callback take;
    spool_idle_callback idle;
    void *data;
};

/* Opens the directory, which must exist and be writable, makes .archive and .rejected in it, and watches
 * it. Nothing is handed on before the loop runs. Fails (permanent) if it cannot be used. */
int spool_new(struct spool **spool, uv_loop_t *loop, const struct spool_options *options,
              struct error *error);
void spool_free(struct spool *spool); /* NULL-safe. The loop must run once more */

/* Asks for a scan now. Call it also when the taker that took no file of a slice can go on. */
void spool_resume(struct spool *spool);

/* Hands on no more files, for shutdown. */
void spool_stop(struct spool *spool);

/* Reads the patch file that a result names, a regular file of at most `limit` bytes. Returns 0, and the
 * caller frees `*bytes`; 1 if it is missing or not complete. It is not complete if its writer has not closed
 * it; or, where no event tells that, if it came after the result and is not steady. Fails (permanent) if it
 * is no regular file or too large, (transient) on a fault of the system. */
int spool_read_patch(struct spool *spool, const char *name, size_t limit, char **bytes,
                     size_t *length, struct error *error);

enum spool_place { SPOOL_ARCHIVE, SPOOL_REJECT };

/* A move. The store remembers it until it is done. */
struct spool_move {
    const char *name;
    uint64_t inode; /* if another file has the name now, that one stays */
    /* As in struct spool_file; 0: not known. If it is another one now, the file stays. */
    int64_t modified_ns;
    enum spool_place place;
    const char *day;    /* YYYY-MM-DD, for the archive */
    const char *target; /* the place from spool_choose(), used if it is free; or NULL */
    const char *reason; /* for SPOOL_REJECT: text of the .reason file */
    const char *patch;  /* name of the patch file that is moved with it, or NULL */
};

/* Finds where a file of that name would be moved to now: .archive/DAY/NAME or .rejected/NAME, relative
 * to the spool; a taken name gets ~2, ~3 and so on. The caller frees it. Fails (transient) if the place
 * cannot be used. */
int spool_choose(struct spool *spool, enum spool_place place, const char *day, const char *name,
                 char **target, struct error *error);

/* Moves a file to its target, or to a name that is free now, and its patch with it under the patch's own
 * name. Writes NAME.reason before the move. Succeeds if the file is gone from the spool, or if another file
 * has its name. Sets `*moved_to` (may be NULL) to the path relative to the spool, which the caller frees;
 * NULL: there was nothing to move, and the file is not at its target. Fails if a directory or a disk is in
 * the way; then the file is where it was. */
int spool_move(struct spool *spool, const struct spool_move *move, char **moved_to,
               struct error *error);

/* For a queued result that was rejected when its turn came: moves its file from the archive to .rejected,
 * with the reason. Sets `*moved_to` to the path relative to the spool, which the caller frees; NULL: there
 * was nothing to move. Fails as spool_move() does. */
int spool_reject_archived(struct spool *spool, const char *archived, const char *reason,
                          char **moved_to, struct error *error);
