#pragma once

/*
 * Pull requests: how each was left, what a person did to it, and which contain each other.
 *
 * Its functions fail as those of store.h do.
 */

#include "daemon/store.h"
#include "daemon/store/job.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_pull {
    int64_t result; /* 0: there is none */
    int64_t number;
    enum pull_state state;
    char experiment_id[128];
    char digest[DIGEST_HEX_SIZE];
    char head[GIT_HASH_SIZE]; /* as in struct store_left; so is the next one */
    char base[GIT_HASH_SIZE];
    bool stale;                   /* it could not be refreshed */
    char stale_on[GIT_HASH_SIZE]; /* the last base for which it could not be refreshed; "": none */
    char empty_on[GIT_HASH_SIZE]; /* the last base that was found to have its change; "": none */
    bool leaves;  /* about to be closed, as another one contains it, or to be opened again */
    bool closing; /* we have asked for that: a close of it is ours */
    char body_digest[DIGEST_HEX_SIZE]; /* as in struct store_left */
    /* of a body that was sent, and perhaps not answered; "": none */
    char body_sent[DIGEST_HEX_SIZE];
    char line[DIGEST_HEX_SIZE]; /* of the line that store_set_line() was called with */
};

enum store_pulls {
    STORE_PULLS_NEW, /* open ones before store_set_pull_looked() */
    STORE_PULLS_OPEN,
    STORE_PULLS_UNMERGED, /* open or closed */
};

/* Lists pull requests, the oldest result first. The caller frees the array with free(). */
int store_list_pulls(struct store *store, enum store_pulls which, struct store_pull **pulls,
                     size_t *count, struct error *error);

/* Reads the pull request of this result. Its `result` is 0 if there is none. */
int store_get_pull(struct store *store, int64_t result, struct store_pull *pull,
                   struct error *error);

/* Reads the text of an open pull request as we left it, and the commit of the base that it was opened on
 * ("": not known). */
int store_get_left(struct store *store, int64_t result, struct store_left *left,
                   char opened_on[static GIT_HASH_SIZE], struct error *error);

/* Writes that a pull request merges again without a refresh. */
int store_set_fresh(struct store *store, int64_t result, struct error *error);

/* Notes that a pull request was looked at by itself after its job ended. */
int store_set_pull_looked(struct store *store, int64_t result, struct error *error);

/* Reads the pull request of that number. Its `result` is 0 if there is none. */
int store_find_pull(struct store *store, int64_t number, struct store_pull *pull,
                    struct error *error);

/* Finds whether there is a pull request that may still change its state: any that is not merged. */
int store_has_unmerged_pull(struct store *store, bool *has, struct error *error);

/* The time up to which the state of pull requests is known. */
struct store_looking {
    int64_t changed_ms; /* forge's clock: changes before it are known; 0: none are */
    int64_t looked_ms;  /* our clock: when each open one was looked at; 0: never */
};
int store_get_looking(struct store *store, struct store_looking *looking, struct error *error);
int store_set_looking(struct store *store, const struct store_looking *looking,
                      struct error *error);

/* Writes whether the forge says that a pull request can be merged. */
int store_set_mergeable(struct store *store, int64_t result, enum forge_mergeable mergeable,
                        struct error *error);

/* ---- pull requests that contain each other ---------------------------------------------------- */

/* The closing, or reopening, of a pull request because of another one, its container. */
enum store_closing_kind {
    STORE_CLOSING_MERGED,     /* closed for good: the container was merged */
    STORE_CLOSING_SUPERSEDED, /* closed in favour of the container, which is open */
    STORE_CLOSING_REOPENED,   /* opened again: the container was closed unmerged */
};

/* The next step. An interrupted attempt may have done it already. */
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

/* Reads the first closing whose result's id is above `after`; 0: the first of all. */
int store_next_closing(struct store *store, int64_t after, struct store_closing *closing,
                       struct error *error);

/* Adds a closing: the base has the change of an open pull request by itself. Does nothing if the pull request
 * was closed for this before: a person has opened it again. */
int store_add_closing(struct store *store, int64_t result, struct error *error);

/* Writes the step that is about to be done. */
int store_set_closing_step(struct store *store, int64_t result, enum store_closing_step step,
                           struct error *error);

/* Writes that the comment is about to be sent. */
int store_begin_comment(struct store *store, int64_t result, int64_t now_ms, struct error *error);

/* Ends a closing: at the forge all is as it should be. After a merge the branch is still to be deleted. */
int store_end_closing(struct store *store, const struct store_closing *closing,
                      struct error *error);

/* Removes a closing: nothing is left to be done, or it is not ours to do. */
int store_drop_closing(struct store *store, int64_t result, struct error *error);

/* A pull request that contains another one, or is contained in it. */
struct store_relative {
    int64_t pull;
    char experiment_id[128];
    bool above; /* it contains the one of the result */
};

/* Lists the open pull requests that the one of a result contains, and those that contain it, the nearest by number
 * first. The caller frees the array with free(). */
int store_list_relatives(struct store *store, int64_t result, struct store_relative **relatives,
                         size_t *count, struct error *error);

/* A member of a line of work: it contains another one, or is contained in one. It is open, or was closed in
 * favour of an open one. */
struct store_member {
    int64_t result;
    int64_t pull;
    char experiment_id[128];
    bool open;
    bool stale;
};
struct store_containment {
    int64_t container; /* these are ids of results */
    int64_t contained;
};

/* List all members, the newest result first, and which of them contain which. The caller frees the arrays
 * with free(). */
int store_list_members(struct store *store, struct store_member **members, size_t *count,
                       struct error *error);
int store_list_containments(struct store *store, struct store_containment **containments,
                            size_t *count, struct error *error);

/* Writes that a body with another line is about to be sent. Here and below, bodies and lines are digests. */
int store_send_line(struct store *store, int64_t result, const char *body, struct error *error);

/* Writes the line that a pull request has now, and its body; "": the body is as it was. */
int store_set_line(struct store *store, int64_t result, const char *line, const char *body,
                   struct error *error);

/* Counts the pull requests that are open. */
int store_count_open_pulls(struct store *store, unsigned *count, struct error *error);

/* Counts the pull requests that are known as merged. */
int store_count_merged_pulls(struct store *store, unsigned *count, struct error *error);

/* Settles a pull request. Merged: its value is confirmed. Closed: its value leaves the frontier, and every
 * result that was not promoted only because of it is queued again. Open: it was opened again, and its value
 * counts as before. Very many results may have to be queued, so store_settle_some() does that in slices. */
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

/* Reads a settled pull request for which something is left to be done; `result` 0: none. */
int store_next_settling(struct store *store, struct store_settling *settling, struct error *error);

/* Goes on with that, for at most `limit` results. */
int store_settle_some(struct store *store, struct store_settling *settling, unsigned limit,
                      struct error *error);

/* Read and write the time up to which merges are known, by the forge's clock; 0: none are. */
int store_get_merged_until(struct store *store, int64_t *at_ms, struct error *error);
int store_set_merged_until(struct store *store, int64_t at_ms, struct error *error);

/* Adds that a measured commit was merged as `commit` of the base ("": not known) before `at_ms`. An
 * earlier entry stays. */
int store_add_merged(struct store *store, const char *measured, const char *commit, int64_t at_ms,
                     struct error *error);

struct store_merged {
    char measured[GIT_HASH_SIZE];
    char commit[GIT_HASH_SIZE]; /* "": not known */
    int64_t at_ms;
};

/* Lists the latest `limit` merged commits, latest first. The caller frees the array with free(). */
int store_list_merged(struct store *store, unsigned limit, struct store_merged **merged,
                      size_t *count, struct error *error);

/* Reads the measured commit of an experiment whose pull request has that number; "" if there is none. */
int store_find_measured_of(struct store *store, const char *experiment_id, int64_t pull,
                           char measured[static GIT_HASH_SIZE], struct error *error);

/* Finds the promoted experiment with that measured commit, unless it is merged: its id (the caller frees it;
 * NULL: there is none), its pull request, and whether that was closed. */
int store_find_measured(struct store *store, const char *measured, char **experiment_id,
                        int64_t *pull, bool *closed, struct error *error);
