#pragma once

/*
 * The store: results, decisions, jobs, pull requests, in SQLite. No other part knows SQL.
 *
 * It is one file, <state>/winnowd.db, in WAL mode with synchronous=FULL: what was committed survives a
 * crash and a power cut. Outside of store_begin() and store_commit() every call is a transaction of its
 * own. store_add(), store_retry() and store_decide() write several rows and must be called inside. All
 * functions fail alike: transient if the system may recover (disk full, I/O, a lock held by somebody's
 * sqlite3 shell), permanent if the file is damaged or belongs to a newer version.
 *
 * The caller owns the rows and arrays that it gets, also what an array holds after a failure. It frees an
 * array with store_X_free(items, count), which takes NULL and 0. SQLite copies the strings that are passed
 * in.
 */

#include "common/digest.h"
#include "common/error.h"
#include "config/config.h"
#include "daemon/claim.h"
#include "daemon/decision.h"
#include "daemon/forge.h"
#include "daemon/git/hash.h"
#include "daemon/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

/* Opens, creates or migrates the store in the directory `state`, which must exist. `read_only` opens
 * what is there without a lock, for --status beside a running daemon; a missing file is a permanent
 * error then. A writer holds a lock while it lives: a second one is refused, and the error names the
 * first one's pid. */
int store_open(struct store **store, const char *state, bool read_only, struct error *error);
void store_free(struct store *store);
void store_freep(struct store **store);

/* After a stop that was not clean, a large store is opened without a check of all of it. Until
 * store_trust() says that the check has passed, writes go to the write-ahead log only, and not to the
 * file itself. */
bool store_is_unchecked(const struct store *store);
void store_trust(struct store *store);

/* That check, for a child (see background.h): prints what is wrong. Returns EX_OK, EX_DATAERR for
 * damage, or EX_IOERR. */
#define STORE_CHECK_PROGRAM "winnowd-check-store" /* STATE */
int store_check_main(int argc, char **argv);

int store_begin(struct store *store, struct error *error);
int store_commit(struct store *store, struct error *error);
void store_rollback(struct store *store);

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
    char measured
        [GIT_HASH_SIZE]; /* the commit that stands for what it measured, of a promotion; "": none */
    int64_t log;         /* that it is a row of; 0: it is a file of its own */
    int64_t line;        /* of the log */
    bool unfinished;     /* see struct result_log_row */
    char *named;         /* the commit that a row names which was kept, or is a baseline; or NULL */
    bool saving; /* queued, and its commit has yet to be fetched (see store_list_unsaved()) */
};

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
    const char *bytes;
    size_t length;
    const char *patch; /* NULL: none */
    size_t patch_length;
    const char *patch_name; /* its name in the spool; NULL: none */
    const char *parsed;     /* the result, as result_canonical() writes it */
};

/* Adds the row of a drop, with its decision, or `queued` if `decision` is NULL. The id, decision and
 * reason in `result` are ignored. Its file has to be moved to `archived` afterwards. The content is kept
 * if it may be needed again (see store_decide()). */
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

/* Finds the result that last took a patch file of this name from the spool: its experiment_id (the
 * caller frees it), or NULL. `*held`: a move that is written down and not done will take the file that
 * is there now. */
int store_find_patch(struct store *store, const char *name, char **experiment_id, bool *held,
                     struct error *error);

/* Loads the result, as result_canonical() wrote it, and the bytes of its patch. The caller frees both.
 * Fails (permanent) if the content was let go of (see store_decide()). */
int store_load_parsed(struct store *store, int64_t id, char **parsed, char **patch,
                      size_t *patch_length, struct error *error);

/* Loads the bytes of the result file and of its patch; otherwise the same. */
int store_load_content(struct store *store, int64_t id, char **bytes, size_t *length, char **patch,
                       size_t *patch_length, struct error *error);

/* Decides a queued result. The history keeps every decision. From now on the value of a baseline or of a
 * promoted result counts for the frontier. The file of one that is rejected now has to be moved once
 * more. The content is let go of if nobody can need it again: it is kept for promoted results, for
 * baselines with a change (another change may be made on it), and for results discarded because of a
 * value that may yet leave the frontier. */
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

/* Finds whether the commit of an experiment may be needed again: its content is kept. */
int store_needs_commit(struct store *store, const char *experiment_id, bool *needs,
                       struct error *error);

/* ---- logs of many experiments ----------------------------------------------------------------- */

/* What is known of a log as a whole. */
struct store_log {
    int64_t id;          /* 0: it is not known yet */
    unsigned copy;       /* 1; 2 and more where another log has, or had, its name */
    uint64_t last_line;  /* behind which no row of it is known */
    int64_t modified_ns; /* the latest arrival of its rows */
};

/* How a log is told from another one of its name: by its header and by its first row. */
struct store_log_key {
    const char *stem;   /* what the ids of its rows begin with */
    const char *name;   /* of its file */
    const char *header; /* a digest; "": it has none */
    const char *first;  /* a digest */
};

/* The log of that key. One that is not known gets its copy, and no id. */
int store_find_log(struct store *store, const struct store_log_key *key, struct store_log *log,
                   struct error *error);

/* Adds one that store_find_log() did not know; its id is filled in. */
int store_add_log(struct store *store, const struct store_log_key *key, struct store_log *log,
                  struct error *error);
int store_save_log(struct store *store, const struct store_log *log, struct error *error);

/* The row of that line, or NULL. */
int store_find_row(struct store *store, int64_t log, uint64_t line, struct store_result **row,
                   struct error *error);

/* The line of the first row before this one in its log that was kept, or is a baseline, and names the same
 * commit, in a shorter or longer form; 0: none. */
int store_find_named(struct store *store, const struct store_result *row, uint64_t *line,
                     struct error *error);

/* Whether results of a metric and scope are queued or have a job. */
int store_lane_busy(struct store *store, const char *metric, const char *scope, bool *busy,
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

/* Lists the values that count for a metric and scope, by decision, oldest first: the last `limit` of
 * them. Of what was decided before the result `before`; 0: of all. */
int store_frontier_history(struct store *store, const char *metric, const char *scope,
                           int64_t before, unsigned limit, struct store_point **points,
                           size_t *count, struct error *error);
void store_points_free(struct store_point *points, size_t count);

/* ---- files that wait for their patch -------------------------------------------------------------- */

#define STORE_AWAITING_MS                                                                          \
    (24LL * 3600 * 1000) /* a file that was not decided by then is forgotten */

/* Returns in `*since_ms` since when a file in the spool has waited for its patch: since `now_ms`, if it is
 * not known, or if the clock was set back behind that. It survives a restart. Another file of that name
 * begins anew. */
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

/* Finds whether a row is marked whose file is this very one. */
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

/* ---- jobs ------------------------------------------------------------------------------------- */

enum job_state { JOB_RUNNING, JOB_UNDOING, JOB_OVER };

enum job_kind {
    JOB_PROMOTION, /* of a result, to a pull request */
    JOB_REFRESH,   /* of an open pull request, onto a base that has moved */
};

#define PULL_URL_SIZE 1024

#define STORE_STEP_SIZE 32

/* What must survive a crash. It is written before a call goes out, and after its answer came. */
struct store_job {
    int64_t id;
    int64_t result;
    enum job_kind kind;
    enum job_state state;
    char step[STORE_STEP_SIZE]; /* the step that is under way, or undone; "end": none */
    bool started;               /* whether that step may have had an effect */
    unsigned attempt;           /* of that step, from 1 */
    int64_t faulty_since_ms;    /* since when transient faults hold it up; 0: none */
    int64_t tried_ms;           /* how long it was tried since then, by a steady clock */

    int64_t pull;                 /* number of its pull request; 0: none yet */
    char pull_url[PULL_URL_SIZE]; /* address of its page; "": not known, or too long */
    double reference;             /* the reference that it was judged by last */

    enum decision outcome;  /* the decision that the result gets once all is undone */
    char *reason;           /* why it is undone; NULL: it is not */
    char *failed_step;      /* its name; NULL: none failed */
    int64_t turned_down_by; /* id of the result whose value it did not beat; 0: none */
};

/* The finding of a step, as JSON. The last one of each step is kept until the job is over. */
struct store_finding {
    char *step; /* its name */
    char *json;
};

void store_job_clear(struct store_job *job); /* frees what it points to */

/* Adds a job and sets its id. store_next_queued() does not return the result of a promotion any more. */
int store_add_job(struct store *store, struct store_job *job, struct error *error);

/* Writes a job, and the finding of a step; `found` NULL: nothing new was found. */
int store_save_job(struct store *store, const struct store_job *job,
                   const struct store_finding *found, struct error *error);

int store_list_findings(struct store *store, int64_t job, struct store_finding **findings,
                        size_t *count, struct error *error);
void store_findings_free(struct store_finding *findings, size_t count);

/* Adds a line to the history of steps: "start", "end", "failed", "later", "undo" or "undone", with the
 * try's number and a reason. */
int store_add_step(struct store *store, int64_t job, const char *step, const char *what,
                   unsigned attempt, const char *reason, struct error *error);

/* How a pull request was left at the forge, so that what others did to it can be told. */
struct store_left {
    char head[GIT_HASH_SIZE];    /* where its branch points; "": not known */
    char base[GIT_HASH_SIZE];    /* the commit of the base below that; "": not known */
    char title[DIGEST_HEX_SIZE]; /* digests of what we wrote; "": not known */
    char body[DIGEST_HEX_SIZE];
};

/* Ends a promotion in one transaction: its result's decision and, if promoted, its pull request. If the
 * value that it did not beat has left the frontier meanwhile, the result is queued again at once. */
struct store_job_end {
    struct store_decision decision;
    const char
        *measured; /* the commit that stands for what was measured, of a promotion; "": none */
    enum pull_state pull_state; /* of a promotion: as a person settled it, else open */
    struct store_left left;     /* of a promotion */
    char *const *contained;     /* of a promotion: the measured commits below its own */
    size_t contained_count;
    bool
        supersedes; /* of a promotion: open pull requests that it contains are closed in its favour */
};
int store_end_job(struct store *store, const struct store_job *job, const struct store_job_end *end,
                  struct error *error);

/* The end of a refresh, in one transaction. */
struct store_refresh_end {
    bool refreshed;
    struct store_left left; /* where it was refreshed */
    const char *stale;      /* else why it could not be; NULL: it was given up for a later base */
    const char *stale_on;   /* on that base */
};
int store_end_refresh(struct store *store, const struct store_job *job,
                      const struct store_refresh_end *end, struct error *error);

/* Ends a promotion without a decision: its result waits for its turn again, in its place. */
int store_requeue_job(struct store *store, const struct store_job *job, struct error *error);

/* Lists the jobs that are not over, of every kind, in order of arrival. */
int store_list_jobs(struct store *store, struct store_job **jobs, size_t *count,
                    struct error *error);
void store_jobs_free(struct store_job *jobs, size_t count);

/* ---- runs on the base ------------------------------------------------------------------------- */

/* How the tests ran on a commit of the base. */
struct store_base {
    char commit[GIT_HASH_SIZE];
    char settings[DIGEST_HEX_SIZE]; /* digest of what decides how the tests run */
    bool passed;
    bool flaky;          /* they failed, and passed when they were run again at once */
    int64_t at_ms;       /* when it ended, since 1970; 0: there is none */
    int64_t duration_ms; /* of the command alone, of the last run */
    char *reason;        /* why they failed; "" where they passed at once */
    char *log;           /* path of the last run's whole output; NULL: not kept */
    char *report;        /* of the last run, as test_report_write() gives it */
};

void store_base_clear(struct store_base *base); /* frees what it points to */

/* Takes the place of an earlier one of the same commit and settings. The last hundred are kept. */
int store_set_base(struct store *store, const struct store_base *base, struct error *error);

/* What is known of a commit; and what was written last, whatever it is of. `at_ms` 0: nothing. */
int store_find_base(struct store *store, const char *commit, const char *settings,
                    struct store_base *base, struct error *error);
int store_last_base(struct store *store, struct store_base *base, struct error *error);

/* ---- pull requests ---------------------------------------------------------------------------- */

struct store_pull {
    int64_t result; /* 0: there is none */
    int64_t number;
    enum pull_state state;
    char experiment_id[128];
    char digest[DIGEST_HEX_SIZE];
    char head[GIT_HASH_SIZE]; /* as in struct store_left; so is the next one */
    char base[GIT_HASH_SIZE];
    bool stale;                   /* it could not be brought onto a later base */
    char stale_on[GIT_HASH_SIZE]; /* the last one that it was not brought onto; "": none */
    bool leaves;  /* it is about to be closed, as another one contains it, or to be opened again */
    bool closing; /* and that was asked for: that it is closed was us */
    char body_digest[DIGEST_HEX_SIZE]; /* as in struct store_left */
    char body_sent[DIGEST_HEX_SIZE]; /* of one that was sent, and perhaps not answered; "": none */
    char line[DIGEST_HEX_SIZE];      /* of the line that store_set_line() was called with */
};

enum store_pulls {
    STORE_PULLS_NEW, /* open ones before store_set_pull_looked() */
    STORE_PULLS_OPEN,
    STORE_PULLS_UNMERGED, /* open or closed */
};
int store_list_pulls(struct store *store, enum store_pulls which, struct store_pull **pulls,
                     size_t *count, struct error *error); /* caller frees with free() */

/* That of this result; `result` of it is 0 if there is none. */
int store_get_pull(struct store *store, int64_t result, struct store_pull *pull,
                   struct error *error);

/* The text of an open pull request as we left it, and the commit of the base that it was opened on ("": not
 * known). */
int store_get_left(struct store *store, int64_t result, struct store_left *left,
                   char opened_on[static GIT_HASH_SIZE], struct error *error);

/* It merges again, without having been refreshed. */
int store_set_fresh(struct store *store, int64_t result, struct error *error);

/* Notes that a pull request was looked at by itself after its job had ended. */
int store_set_pull_looked(struct store *store, int64_t result, struct error *error);

/* Reads the pull request of that number. */
int store_find_pull(struct store *store, int64_t number, struct store_pull *pull,
                    struct error *error);

/* Finds whether there is a pull request that may still change its state: any that is not merged. */
int store_has_unmerged_pull(struct store *store, bool *has, struct error *error);

/* Up to when the state of pull requests is known. */
struct store_looking {
    int64_t changed_ms; /* forge's clock: earlier changes are known; 0: none are */
    int64_t looked_ms;  /* our clock: when each open one was looked at; 0: never */
};
int store_get_looking(struct store *store, struct store_looking *looking, struct error *error);
int store_set_looking(struct store *store, const struct store_looking *looking,
                      struct error *error);

/* Writes whether the forge says that it can be merged. */
int store_set_mergeable(struct store *store, int64_t result, enum forge_mergeable mergeable,
                        struct error *error);

/* ---- pull requests that contain each other ---------------------------------------------------- */

/* What is to be done with a pull request because of another one, its container. */
enum store_closing_kind {
    STORE_CLOSING_MERGED,     /* closed for good: the container was merged */
    STORE_CLOSING_SUPERSEDED, /* closed in favour of the container, which is open */
    STORE_CLOSING_REOPENED,   /* opened again: the container was closed unmerged */
};

/* What is about to be done, or may have been done already by a try that did not end. */
enum store_closing_step {
    STORE_CLOSING_LOOK, /* nothing */
    STORE_CLOSING_COMMENT,
    STORE_CLOSING_STATE,  /* it is closed, or opened again */
    STORE_CLOSING_BRANCH, /* it is closed; the branch goes */
};

struct store_closing {
    int64_t result; /* 0: nothing is to be done */
    int64_t number;
    char experiment_id[128];
    char digest[DIGEST_HEX_SIZE];
    char head[GIT_HASH_SIZE]; /* as in struct store_left */
    enum store_closing_kind kind;
    enum store_closing_step step;
    int64_t container; /* number of its pull request; 0: its change is in the base by itself */
    char container_id[128];
    int64_t commented_ms; /* when the comment was sent; 0: it was not */
};

/* The first one whose result's id is above `after`; 0: of all. */
int store_next_closing(struct store *store, int64_t after, struct store_closing *closing,
                       struct error *error);

/* The base holds the change of an open pull request by itself. Does nothing with one that was closed for this
 * before: a person has opened it again. */
int store_add_closing(struct store *store, int64_t result, struct error *error);

int store_set_closing_step(struct store *store, int64_t result, enum store_closing_step step,
                           struct error *error);

/* The comment is about to be sent. */
int store_begin_comment(struct store *store, int64_t result, int64_t now_ms, struct error *error);

/* It is as it should be at the forge. What was merged has its branch left to go. */
int store_end_closing(struct store *store, const struct store_closing *closing,
                      struct error *error);

/* Nothing is left to be done, or it is not ours to do. */
int store_drop_closing(struct store *store, int64_t result, struct error *error);

/* The open pull requests that the one of a result contains, and those that contain it; the nearest by number
 * first. The array is the caller's. */
struct store_relative {
    int64_t pull;
    char experiment_id[128];
    bool above; /* it contains the one of the result */
};
int store_list_relatives(struct store *store, int64_t result, struct store_relative **relatives,
                         size_t *count, struct error *error);

/* A pull request that is open, or closed for an open one that contains it, where it contains another such one
 * or is contained in it. The newest result first, and which of them contain which. The arrays are the caller's. */
struct store_member {
    int64_t result;
    int64_t pull;
    char experiment_id[128];
    bool open;
    bool stale;
};
struct store_containment {
    int64_t container; /* results */
    int64_t contained;
};
int store_list_members(struct store *store, struct store_member **members, size_t *count,
                       struct error *error);
int store_list_containments(struct store *store, struct store_containment **containments,
                            size_t *count, struct error *error);

/* A body with another line is about to be sent. Digests, here and below. */
int store_send_line(struct store *store, int64_t result, const char *body, struct error *error);

/* The line that it has now, and its body; "": the body is as it was. */
int store_set_line(struct store *store, int64_t result, const char *line, const char *body,
                   struct error *error);

int store_count_open_pulls(struct store *store, unsigned *count, struct error *error);

/* Settles a pull request. Merged: its value is confirmed. Closed: its value leaves the frontier, and
 * every result that was not promoted only because of it is queued again. Open: it was opened again, and
 * its value counts as before. Very many results may be affected, so store_settle_some() does that part
 * in slices. */
int store_settle_pull(struct store *store, int64_t result, enum pull_state state,
                      struct error *error);

struct store_settling {
    int64_t result; /* 0: nothing is left to be done */
    int64_t pull;
    enum pull_state state;
    char experiment_id[128];
    int64_t after;     /* id of the last result that was looked at */
    unsigned requeued; /* so far */
    bool done;
};

/* Reads a settled pull request of which something is left to be done. */
int store_next_settling(struct store *store, struct store_settling *settling, struct error *error);

/* Goes on with it, for at most `limit` results. */
int store_settle_some(struct store *store, struct store_settling *settling, unsigned limit,
                      struct error *error);

/* Read and write up to when merges are known, by the forge's clock; 0: none are. */
int store_get_merged_until(struct store *store, int64_t *at_ms, struct error *error);
int store_set_merged_until(struct store *store, int64_t at_ms, struct error *error);

/* Adds that a measured commit was merged as `commit` of the base ("": not known) before `at_ms`. What is
 * known already stays. */
int store_add_merged(struct store *store, const char *measured, const char *commit, int64_t at_ms,
                     struct error *error);

struct store_merged {
    char measured[GIT_HASH_SIZE];
    char commit[GIT_HASH_SIZE]; /* "": not told */
    int64_t at_ms;
};

/* Lists the latest `limit` of them, latest first. The caller frees the array with free(). */
int store_list_merged(struct store *store, unsigned limit, struct store_merged **merged,
                      size_t *count, struct error *error);

/* Reads the measured commit of an experiment whose pull request has that number; "" if there is none. */
int store_find_measured_of(struct store *store, const char *experiment_id, int64_t pull,
                           char measured[static GIT_HASH_SIZE], struct error *error);

/* Finds the promoted experiment with that measured commit that is not merged yet: its id (the caller
 * frees it), its pull request, and whether that was closed. The id is NULL if there is none. */
int store_find_measured(struct store *store, const char *measured, char **experiment_id,
                        int64_t *pull, bool *closed, struct error *error);

/* ---- status ----------------------------------------------------------------------------------- */

/* Returns the process that holds the store in the directory `state` for writing; 0: none, or none that
 * can be seen from here. Takes no lock, so it is in nobody's way. */
int store_writer(const char *state);

/* Begins a snapshot: what is read until store_rollback() belongs to one moment. */
int store_snapshot(struct store *store, struct error *error);

/* Counts the drops by their current decision. */
int store_count(struct store *store, unsigned counts[static DECISION_COUNT], struct error *error);

/* Counts the queued results that have no job. */
int store_count_waiting(struct store *store, unsigned *count, struct error *error);

/* Adds the decisions after number `*last` to `counts`, and sets `*last` to the last one. Begin with 0. */
int store_count_decisions(struct store *store, int64_t *last,
                          uint64_t counts[static DECISION_COUNT], struct error *error);

struct store_waiting {
    char *experiment_id;
    char *metric;
    double value; /* NaN: none */
    int64_t since_ms;
};

/* Lists the first `limit` queued results that have no job, in order of arrival. */
int store_list_waiting(struct store *store, unsigned limit, struct store_waiting **waiting,
                       size_t *count, struct error *error);
void store_waiting_free(struct store_waiting *waiting, size_t count);

struct store_open_pull {
    char *experiment_id;
    char *metric;
    char *scope;
    double value;
    double before; /* NaN: none */
    int64_t number;
    char *url; /* "": not known */
    enum forge_mergeable mergeable;
    char *stale; /* why it could not be brought onto a later base; NULL: it could, or need not be */
    int64_t opened_ms;
};

/* Lists the open pull requests, newest first. */
int store_list_open_pulls(struct store *store, struct store_open_pull **pulls, size_t *count,
                          struct error *error);
void store_open_pulls_free(struct store_open_pull *pulls, size_t count);

struct store_decided {
    char *experiment_id; /* NULL: it could not be read */
    char *file_name;
    char *metric;  /* "": it became no result */
    double after;  /* NaN: none */
    double before; /* the reference; NaN: none */
    enum decision decision;
    char *reason;
    int64_t pull; /* number; 0: none */
    char *url;    /* its address; "": not known */
    int64_t at_ms;
};

/* Lists the last `limit` decisions, and the last `told` promotions and failures, which a night of
 * discards would hide; newest first. */
int store_last_decisions(struct store *store, unsigned limit, unsigned told,
                         struct store_decided **decisions, size_t *count, struct error *error);
void store_decisions_free(struct store_decided *decisions, size_t count);

/* One decision of the history, for --export. Strings are valid inside the callback only. */
struct store_exported {
    int64_t at_ms;
    const char *experiment_id; /* "": it could not be read */
    const char *file_name;
    const char *scope;
    const char *metric;   /* "": it became no result */
    const char *status;   /* as the experimenter wrote it */
    double before;        /* the reference; NaN: none, or no longer known */
    double after;         /* NaN: none */
    const char *decision; /* its name */
    bool current;         /* no later decision has replaced it */
    const char *reason;
    const char *measured; /* the measured commit; "": none */
    int64_t pull;         /* number; 0: none */
    const char *pull_state;
    const char *digest;
};

/* Returns whether to go on. */
typedef bool (*store_exported_callback)(void *data, const struct store_exported *exported);

/* Calls back for every decision ever made, oldest first. */
int store_export(struct store *store, store_exported_callback callback, void *data,
                 struct error *error);

/* Reads the newest pull request: its number and experiment (the caller frees it); 0 and NULL if there is
 * none. */
int store_last_pull(struct store *store, int64_t *pull, char **experiment_id, struct error *error);

/* Reads when the step of a job, or its undo, was last started; 0: not yet. */
int store_step_began(struct store *store, int64_t job, int64_t *at_ms, struct error *error);

/* Reads what holds up the step of a job, also while it is tried again; NULL: nothing. The caller frees
 * it. */
int store_step_waits(struct store *store, int64_t job, char **reason, struct error *error);

/* Lists every metric and scope that has a value which counts. */
int store_list_frontiers(struct store *store, struct store_lane **lanes, size_t *count,
                         struct error *error);
