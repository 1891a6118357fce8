#pragma once

/*
 * The store: results, decisions, jobs, pull requests, in SQLite. No other part knows SQL.
 *
 * It is one file, <state>/winnowd.db, in WAL mode with synchronous=FULL: what was committed survives a crash
 * and a power cut. Outside of store_begin() and store_commit() every call is a transaction of its own.
 * store_add(), store_replace(), store_retry() and store_decide() write several rows and must be called inside
 * of one. All functions fail alike. Transient: the system may recover (disk full, I/O error, a lock of a
 * sqlite3 shell). Permanent: the file is damaged, or belongs to a newer version.
 *
 * The caller owns the rows and arrays that it gets, and what is in an array after a failure. It frees an
 * array with store_X_free(items, count), which takes NULL and 0. The strings that it passes in are copied.
 *
 * This header has the store as a whole, the results and the queue. The rest is in store/: log.h, job.h,
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

/* Opens, creates or migrates the store in the directory `state`, which is made if it is missing. `read_only`
 * opens what is there without a lock, for --status beside a running daemon; then a missing file is a permanent
 * error. A writer has a lock while it lives. A second writer is refused, and the error names the first one's
 * pid. */
int store_open(struct store **store, const char *state, bool read_only, struct error *error);
void store_free(struct store *store);
void store_freep(struct store **store);

/* After a stop that was not clean, a large store is opened without a full check. store_is_unchecked() returns
 * whether it was. Until store_trust() says that the check has passed, writes go to the write-ahead log only,
 * not to the store's file. */
bool store_is_unchecked(const struct store *store);
void store_trust(struct store *store);

/* Is the child that makes the full check (background.h): prints what is wrong. Returns EX_OK, EX_DATAERR
 * (damage) or EX_IOERR. */
#define STORE_CHECK_PROGRAM "winnowd-check-store" /* STATE */
int store_check_main(int argc, char **argv);

/* Begin a transaction, commit it, and roll it back. */
int store_begin(struct store *store, struct error *error);
int store_commit(struct store *store, struct error *error);
void store_rollback(struct store *store);

/* Ends a transaction: commits it, or rolls it back if `status`, the result of its calls, is below 0. Returns
 * -1 in that case, too. */
int store_end(struct store *store, int status, struct error *error);

/* ---- results ---------------------------------------------------------------------------------- */

/* The row of a drop, whatever its decision. */
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
    char *archived; /* where its file is or will be, relative to the spool; NULL: not known */
    /* Of a promotion: the commit that stands for what was measured; "": none. */
    char measured[GIT_HASH_SIZE];
    int64_t log;     /* the log that it is a row of; 0: it has a file of its own */
    int64_t line;    /* of the log */
    bool unfinished; /* see struct result_log_row */
    char *named;     /* the commit of a row that was kept or is a baseline; else NULL */
    bool saving;     /* queued, and its commit was not fetched yet (see store_list_unsaved()) */
};

/* Free it. NULL-safe. */
void store_result_free(struct store_result *result);
void store_result_freep(struct store_result **result);

/* Find the row that has reserved an experiment_id, and the row of an id; `*result` is NULL if there is none.
 * A rejected drop or a duplicate reserves no experiment_id. The caller frees the row. */
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

/* Adds the row of a drop with its decision; NULL: it is queued. Ignores the id, decision and reason in
 * `result`. The caller then moves the file to `archived`. The content is kept if it may be needed again (see
 * store_decide()). Rows are written several at a time, so a later call of the transaction may fail because of
 * this row. */
int store_add(struct store *store, const struct store_result *result,
              const struct store_content *content, const struct store_decision *decision,
              int64_t *id, struct error *error);

/* Replaces a row of a log that has changed and is judged again, by the row that store_add() would add. */
int store_replace(struct store *store, int64_t id, const struct store_result *result,
                  const struct store_content *content, const struct store_decision *decision,
                  struct error *error);

/* Queues a failed result again, with the content of its second drop. The caller then moves the file of that
 * drop. */
int store_retry(struct store *store, int64_t id, const struct store_result *result,
                const struct store_content *content, struct error *error);

/* Finds the result that last took a patch file of this name from the spool. Sets `*experiment_id` to its
 * experiment_id, else to the name of its file (the caller frees it); NULL: there is none. `*pending`: a pending
 * move will take the file that is there now. */
int store_find_patch(struct store *store, const char *name, char **experiment_id, bool *pending,
                     struct error *error);

/* Loads the result, as result_canonical() wrote it, and the bytes of its patch. The caller frees both. Fails
 * (permanent) if the content was deleted (see store_decide()). */
int store_load_content(struct store *store, int64_t id, char **parsed, char **patch,
                       size_t *patch_length, struct error *error);

/* Decides a queued result. The history keeps every decision. From now on the value of a baseline or of a
 * promoted result counts. The caller moves the file of a rejected result once more. The content is deleted if
 * nobody can need it again. It is kept for promoted results, for baselines with a change (another change may
 * be made on it), and for results that were discarded because of a value that may still leave the frontier. */
int store_decide(struct store *store, int64_t id, const struct store_decision *decision,
                 struct error *error);

/* ---- commits of queued results ------------------------------------------------------------------ */

struct store_unsaved {
    int64_t id;
    char *experiment_id;
    char *parsed; /* as result_canonical() wrote it */
};

/* Lists queued results with a change whose commit was not fetched yet, in order of id, from the first above
 * `after`. */
int store_list_unsaved(struct store *store, int64_t after, unsigned limit,
                       struct store_unsaved **items, size_t *count, struct error *error);
void store_unsaved_free(struct store_unsaved *items, size_t count);

/* Notes that the commit was fetched, or that there is nothing to fetch. */
int store_end_saving(struct store *store, int64_t id, struct error *error);

struct store_released {
    int64_t id;
    char *experiment_id;
};

/* Appends the parents that queued and open results name, for the next `limit` results after `*at`, and moves
 * `*at`. Returns 1 if there may be more, else 0; or -1 with the error. */
int store_list_parents(struct store *store, int64_t *at, unsigned limit,
                       struct config_list *parents, struct error *error);

/* Lists results with a change whose content was deleted, until store_end_released() is called for them. */
int store_list_released(struct store *store, unsigned limit, struct store_released **items,
                        size_t *count, struct error *error);
void store_released_free(struct store_released *items, size_t count);
int store_end_released(struct store *store, int64_t id, struct error *error);

/* Finds whether the commit of an experiment may be needed again, since its content is kept. */
int store_needs_commit(struct store *store, const char *experiment_id, bool *needs,
                       struct error *error);

/* ---- frontier --------------------------------------------------------------------------------- */

struct store_frontier {
    bool known;
    double value;
    int64_t result;      /* id of the result; 0: the configuration's baseline */
    int64_t modified_ns; /* arrival of that result */
    char file_name[256];
    bool revocable; /* it is the value of an open pull request */
};

/* Returns the frontier of a scope without results: the baseline in the configuration, unless the scope begins
 * with one of its own. */
struct store_frontier store_configured_frontier(const struct config_metric *metric,
                                                const char *scope);

/* Reads the frontier: the best value that counts, the baseline in the configuration included. */
int store_frontier(struct store *store, const struct config_metric *metric, const char *scope,
                   struct store_frontier *frontier, struct error *error);

/* Reads the frontier of what was decided before that result. */
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

#define STORE_AWAITING_MS (24LL * 3600 * 1000) /* after this time a file is forgotten */

/* Finds since when a file in the spool has waited for its patch. That is `now_ms` if it is not known, or is
 * in the future. It survives a restart. Another file of that name begins again. */
int store_await(struct store *store, const char *file_name, uint64_t inode, int64_t modified_ns,
                int64_t now_ms, int64_t *since_ms, struct error *error);

/* Forgets that time: the file waits no longer. */
int store_end_await(struct store *store, const char *file_name, struct error *error);

/* ---- moves of files, done after their decision is durable --------------------------------------
 *
 * The rows say what is to be moved. The files of all rows from a noted one on may still be in the spool, and
 * so may those of marked rows. */

/* Notes that the files of all rows so far were moved, or that their rows are marked. `soon`: the note need
 * not survive a power cut; else call it inside the next slice's transaction. */
int store_note_moved(struct store *store, bool soon, struct error *error);

/* After a crash: marks the rows whose files may still be in the spool. */
int store_recall_moves(struct store *store, struct error *error);

/* Marks a row whose file could not be moved. */
int store_leave_move(struct store *store, int64_t id, struct error *error);

/* Removes the mark: the file is at `archived` now; NULL: not known. */
int store_end_move(struct store *store, int64_t id, const char *archived, struct error *error);

/* Finds whether a row with a file of this name and inode is marked. If the file was written to since, it is
 * another file. The move finds that out: it compares the modification time as well, and leaves such a file in
 * the spool. */
int store_has_move(struct store *store, const char *name, uint64_t inode, bool *has,
                   struct error *error);

struct store_move {
    int64_t id;
    char *name;
    uint64_t inode;
    int64_t modified_ns;
    int64_t received_ms;
    char *archived; /* where it will be; where it is, if it was rejected when its turn came */
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

/* Reads a queued result of a lane that has no job; `*result` is NULL if there is none. The caller frees it.
 * `but`: a JSON array of ids that are skipped; NULL: none. */
int store_next_queued(struct store *store, const char *metric, const char *scope,
                      enum store_next next, const char *but, struct store_result **result,
                      struct error *error);

/* Finds whether results of a metric and scope are queued or have a job. */
int store_lane_busy(struct store *store, const char *metric, const char *scope, bool *busy,
                    struct error *error);
