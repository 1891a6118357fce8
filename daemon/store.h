#pragma once

/*
 * The store: results, decisions, jobs, pull requests, in SQLite. No other part knows SQL.
 *
 * It is one file, <state>/winnowd.db, in WAL mode with synchronous=FULL: what was committed survives a
 * crash and a power cut. Outside of store_begin() and store_commit() every call is a transaction of its
 * own. store_add(), store_replace(), store_retry() and store_decide() write several rows and must be called
 * inside. All functions fail alike. Transient: the system may recover (disk full, I/O, a lock of somebody's sqlite3
 * shell). Permanent: the file is damaged, or belongs to a newer version.
 *
 * The caller owns the rows and arrays that it gets, also what an array holds after a failure. It frees an
 * array with store_X_free(items, count), which takes NULL and 0. SQLite copies the strings that are passed
 * in.
 *
 * Here are the store as a whole, the results and the queue. The rest is in store/: log.h, job.h,
 * run.h, base.h, pull.h, and status.h for what is only shown.
 */

#include "common/digest.h"
#include "common/error.h"
#include "config/config.h"
#include "daemon/claim.h"
#include "daemon/decision.h"
#include "daemon/forge.h"
#include "daemon/git/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* Opens, creates or migrates the store in the directory `state`, and makes the directory where it is
 * missing. `read_only` opens what is there without a lock, for --status beside a running daemon; a missing
 * file is a permanent error then. A writer holds a lock while it lives: a second one is refused, and the error names the
 * first one's pid. */
int store_open(struct store **store, const char *state, bool read_only, struct error *error);
void store_free(struct store *store);
void store_freep(struct store **store);

/* After a stop that was not clean, a large store is opened without a check of all of it. store_is_unchecked()
 * returns whether that is so. Until
 * store_trust() says that the check has passed, writes go to the write-ahead log only, and not to the
 * file itself. */
bool store_is_unchecked(const struct store *store);
void store_trust(struct store *store);

/* That check, for a child (see background.h): prints what is wrong. Returns EX_OK, EX_DATAERR for
 * damage, or EX_IOERR. */
#define STORE_CHECK_PROGRAM "winnowd-check-store" /* STATE */
int store_check_main(int argc, char **argv);

/* Begin a transaction, commit it, and take it back. */
int store_begin(struct store *store, struct error *error);
int store_commit(struct store *store, struct error *error);
void store_rollback(struct store *store);

/* Ends a transaction: commits it, or takes it back if `status`, what its calls came to, is below 0. */
int store_end(struct store *store, int status, struct error *error);

/* ---- results ---------------------------------------------------------------------------------- */

/* The row of a drop, whatever became of it. */
struct store_result {
    int64_t id;          /* in order of intake */
    char *experiment_id; /* "": it could not be read */
    char *scope;         /* "" for a result file */
    char *metric;
    struct claim claim;
    bool has_change;
    char *file_name;
    uint64_t inode;
    int64_t modified_ns; /* arrival: modification time, then name, then id */
    char digest[DIGEST_HEX_SIZE];
    enum decision decision;
    char *reason; /* of the decision; "": queued */
    int64_t received_ms;
    int64_t reference_result; /* id of the result whose value was its reference; 0: none */
    char *archived; /* where its file is or will be, relative to the spool; NULL: not known */
    /* The commit that stands for what it measured, of a promotion; "": none. */
    char measured[GIT_HASH_SIZE];
    int64_t log;     /* that it is a row of; 0: it is a file of its own */
    int64_t line;    /* of the log */
    bool unfinished; /* see struct result_log_row */
    char *named;     /* the commit that a row names which was kept, or is a baseline; or NULL */
    bool saving;     /* queued, and its commit has yet to be fetched (see store_list_unsaved()) */
};

/* Free it. NULL-safe. */
void store_result_free(struct store_result *result);
void store_result_freep(struct store_result **result);

/* Find the row that has reserved an experiment_id, or the row of an id; `*result` is NULL if there is
 * none. A rejected drop or a duplicate reserves no experiment_id. */
int store_find(struct store *store, const char *experiment_id, struct store_result **result,
               struct error *error);
int store_load(struct store *store, int64_t id, struct store_result **result, struct error *error);

struct store_decision {
    enum decision decision;
    const char *reason;
    double reference; /* NaN: none */
    int64_t reference_result;
};

struct store_content {
    const char *parsed; /* the result, as result_canonical() writes it; NULL: it is not kept */
    const char *patch;  /* NULL: none */
    size_t patch_length;
    const char *patch_name; /* its name in the spool; NULL: none */
};

/* Adds the row of a drop, with its decision, or `queued` if `decision` is NULL. The id, decision and
 * reason in `result` are ignored. Its file has to be moved to `archived` afterwards. The content is kept
 * if it may be needed again (see store_decide()). Inside of a transaction rows are written some at a time. So
 * what is wrong with one may be said by a later call, which fails instead. */
int store_add(struct store *store, const struct store_result *result,
              const struct store_content *content, const struct store_decision *decision,
              int64_t *id, struct error *error);

/* Replaces the row of a log that has changed and is judged again. It becomes what is given, as
 * store_add() would add it. */
int store_replace(struct store *store, int64_t id, const struct store_result *result,
                  const struct store_content *content, const struct store_decision *decision,
                  struct error *error);

/* Queues a failed result again, with the content of its second drop. The file of that drop has to be
 * moved (see below). */
int store_retry(struct store *store, int64_t id, const struct store_result *result,
                const struct store_content *content, struct error *error);

/* Finds the result that last took a patch file of this name from the spool, whatever became of it: its
 * experiment_id, else the name of its file (the caller frees it), or NULL. `*held`: a move that is written
 * down and not done will take the file that is there now. */
int store_find_patch(struct store *store, const char *name, char **experiment_id, bool *held,
                     struct error *error);

/* Loads the result, as result_canonical() wrote it, and the bytes of its patch. The caller frees both.
 * Fails (permanent) if the content was let go of (see store_decide()). */
int store_load_content(struct store *store, int64_t id, char **parsed, char **patch,
                       size_t *patch_length, struct error *error);

/* Decides a queued result. The history keeps every decision. From now on the value of a baseline or of a
 * promoted result counts for the frontier. The file of one that is rejected now has to be moved once more.
 * The content is deleted if nobody can need it again. It is kept for promoted results, for baselines with a
 * change (another change may be made on it), and for results discarded because of a value that may yet
 * leave the frontier. */
int store_decide(struct store *store, int64_t id, const struct store_decision *decision,
                 struct error *error);

/* ---- commits of queued results ------------------------------------------------------------------ */

struct store_unsaved {
    int64_t id;
    char *experiment_id;
    char *parsed; /* as result_canonical() wrote it */
};

/* Lists queued results with a change whose commit has yet to be fetched, by id, behind the id `after`. */
int store_list_unsaved(struct store *store, int64_t after, unsigned limit,
                       struct store_unsaved **items, size_t *count, struct error *error);
void store_unsaved_free(struct store_unsaved *items, size_t count);

/* Notes that it was fetched, or that there is nothing to fetch. */
int store_end_saving(struct store *store, int64_t id, struct error *error);

struct store_released {
    int64_t id;
    char *experiment_id;
};

/* Appends what queued and open results name as their parents, for the next `limit` results after `*at`, and moves
 * `*at`. Returns whether there may be more; -1: it failed. */
int store_list_parents(struct store *store, int64_t *at, unsigned limit,
                       struct config_list *parents, struct error *error);

/* Lists results with a change whose content was let go of, until store_end_released() is called for them.
 * The caller frees the items with store_released_free(). */
int store_list_released(struct store *store, unsigned limit, struct store_released **items,
                        size_t *count, struct error *error);
void store_released_free(struct store_released *items, size_t count);
int store_end_released(struct store *store, int64_t id, struct error *error);

/* Finds whether the commit of an experiment may be needed again: its content is kept. */
int store_needs_commit(struct store *store, const char *experiment_id, bool *needs,
                       struct error *error);

/* ---- frontier --------------------------------------------------------------------------------- */

struct store_frontier {
    bool known;
    double value;
    int64_t result;      /* id of the result; 0: the configuration's baseline */
    int64_t modified_ns; /* arrival of that result */
    char file_name[256];
    bool revocable; /* it is of a promotion whose pull request is open */
};

/* Returns the frontier without any result: the baseline in the configuration, unless the scope begins with one of
 * its own. */
struct store_frontier store_configured_frontier(const struct config_metric *metric,
                                                const char *scope);

/* Reads the best value that counts, the baseline in the configuration included. */
int store_frontier(struct store *store, const struct config_metric *metric, const char *scope,
                   struct store_frontier *frontier, struct error *error);

/* The same of what was decided before that result. */
int store_frontier_before(struct store *store, const struct config_metric *metric,
                          const char *scope, int64_t result, struct store_frontier *frontier,
                          struct error *error);

struct store_point {
    char *experiment_id;
    double value;
    bool baseline;
};

/* Lists the values that count for a metric and scope, by decision, oldest first: the last `limit` of them.
 * Only those decided before the result `before` are listed; 0: all are. */
int store_frontier_history(struct store *store, const char *metric, const char *scope,
                           int64_t before, unsigned limit, struct store_point **points,
                           size_t *count, struct error *error);
void store_points_free(struct store_point *points, size_t count);

/* ---- files that wait for their patch -------------------------------------------------------------- */

#define STORE_AWAITING_MS                                                                          \
    (24LL * 3600 * 1000) /* a file that was not decided by then is forgotten */

/* Finds since when a file in the spool has waited for its patch. It is `now_ms` if that is not known, or if
 * the clock was set back behind it. It survives a restart. Another file of that name begins anew. */
int store_await(struct store *store, const char *file_name, uint64_t inode, int64_t modified_ns,
                int64_t now_ms, int64_t *since_ms, struct error *error);

/* Forgets that: the file waits no longer. */
int store_end_await(struct store *store, const char *file_name, struct error *error);

/* ---- moves of files, done after their decision is durable --------------------------------------
 *
 * The rows themselves say what is to be moved. The files of all rows from a noted one on may still be in
 * the spool, and so may those of the rows that are marked. */

/* Notes that the files of all rows so far were moved, or that their rows are marked. `soon`: it need not
 * survive a power cut; else call it inside of the next slice's transaction. */
int store_note_moved(struct store *store, bool soon, struct error *error);

/* After a crash: marks the rows whose files may still be in the spool. */
int store_recall_moves(struct store *store, struct error *error);

/* Marks a row whose file could not be moved. */
int store_leave_move(struct store *store, int64_t id, struct error *error);

/* Removes the mark: the file is at `archived` now; NULL: nobody knows where. */
int store_end_move(struct store *store, int64_t id, const char *archived, struct error *error);

/* Finds whether a row is marked whose file has this name and inode. If it was written to since, it is another file
 * all the same. That is for the move to see: it compares the modification time as well, leaves such a file alone,
 * and lets it be met again. */
int store_has_move(struct store *store, const char *name, uint64_t inode, bool *has,
                   struct error *error);

struct store_move {
    int64_t id;
    char *name;
    uint64_t inode;
    int64_t modified_ns;
    int64_t received_ms;
    char *archived; /* where it will be; of one that was rejected in its turn, where it is */
    bool rejected;
    char *reason;
    char *patch;
};

/* Lists at most `limit` marked rows, the oldest first. */
int store_list_moves(struct store *store, unsigned limit, struct store_move **moves, size_t *count,
                     struct error *error);
void store_moves_free(struct store_move *moves, size_t count);

/* ---- queue ------------------------------------------------------------------------------------ */

struct store_lane {
    char *metric;
    char *scope;
};

/* Lists every metric and scope that has queued results without a job. */
int store_list_lanes(struct store *store, struct store_lane **lanes, size_t *count,
                     struct error *error);
void store_lanes_free(struct store_lane *lanes, size_t count);

enum store_next {
    STORE_NEXT_ARRIVED,  /* the first to arrive */
    STORE_NEXT_BASELINE, /* the first to arrive of those whose status is baseline */
    STORE_NEXT_LOWEST,   /* by value, then by arrival */
    STORE_NEXT_HIGHEST,
};

/* Reads a queued result of a lane that has no job; `*result` is NULL if there is none. `but`: a JSON array of
 * ids that are passed over; NULL: none is. */
int store_next_queued(struct store *store, const char *metric, const char *scope,
                      enum store_next next, const char *but, struct store_result **result,
                      struct error *error);

/* Finds whether results of a metric and scope are queued or have a job. */
int store_lane_busy(struct store *store, const char *metric, const char *scope, bool *busy,
                    struct error *error);
