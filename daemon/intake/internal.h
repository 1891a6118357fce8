#pragma once

/*
 * What the files of the intake share.
 */

#include "common/told.h"
#include "daemon/assessment.h"
#include "daemon/intake.h"
#include "daemon/log-taking.h"
#include "daemon/spool.h"

#define INTAKE_SLICE_LIMIT 256

/* A log that cannot be read, until the spool hands it on again to be rejected, or put off. */
struct refusal {
    char *file_name;
    uint64_t inode;
    char *reason;
    bool faulty; /* a fault of the system, which may pass */
};

struct intake {
    uv_loop_t *loop;
    struct intake_options options;
    struct spool *spool;
    struct operation *again; /* the pause after a failure */
    uint64_t told_fault_ms;  /* uv_now() when a fault was last logged */
    uint64_t patient_until;  /* uv_now() until which a result may wait for its patch */
    bool scanned;            /* a scan handed everything on, and nothing has been dropped since */
    unsigned moves_left;     /* moves that could not be done */
    bool moved_unnoted;      /* something was decided since store_note_moved() */
    bool lost_count;         /* a move failed, and its row could not be marked */
    struct log_taking *log;  /* the log that is being read, while the spool waits */
    struct operation *slice; /* the next slice of that log */
    bool log_queued;         /* a row of it was queued in this slice */
    struct refusal refused;
    struct told keys;  /* unknown ones */
    struct told words; /* unknown ones of statuses */
};

/* The decision on a file of a slice, until it is committed, logged and moved. */
struct entry {
    struct spool_file *file;
    struct assessment assessment;
    int64_t result;
    char *target;      /* where its file will be; NULL: chosen when it is moved */
    char *moved_to;    /* where it is now */
    bool moved_before; /* it is here again, and still has to be moved */
    bool delayed;      /* not decided yet */
    bool marked;       /* its row says that it still has to be moved */
    bool left;         /* it could not be moved */
};

/* Writes the day of a time (UTC) as the archive names it: "2026-01-31". */
void intake_format_day(int64_t at_ms, char day[static 16]);

/* Returns where the file of a decided entry goes. */
enum spool_place intake_place_of(const struct entry *entry);

/* Moves the decided files of a slice, and notes where they are if their rows say otherwise. */
void intake_move_slice(struct intake *intake, struct entry *entries, size_t count, const char *day);

/* At start: does the moves that an earlier daemon left. Fails if the store does. */
int intake_finish_moves(struct intake *intake, struct error *error);

/* A file could not be moved: logs it, and tries again later. */
void intake_move_failed(struct intake *intake, const char *name, const struct error *error);

/* After a pause: does the moves that are left, and lets the spool go on. */
void intake_try_again_later(struct intake *intake);

/* Returns how many files come before the next log. A log that was refused is one of them, with its problem.
 * If a log comes first, begins it and returns 0. */
size_t intake_up_to_log(struct intake *intake, struct spool_file *files, size_t count);
void intake_refusal_clear(struct refusal *refusal);
