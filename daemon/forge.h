#pragma once

/*
 * The forge, as a struct of functions.
 *
 * forge/gitea.c fills it for Gitea and Forgejo over HTTP, forge/local.c for a bare repository with an outbox
 * of files. What git does is the same at both: looking at branches, pushing, the leased delete. It is in
 * repository.h, which uses `git_url` and the token below.
 *
 * Only these calls exist: none creates an issue, writes to the base or forces a push.
 *
 * All calls fail alike. Transient: the call may or may not have arrived (the answer to a POST was lost), so
 * the caller looks before it repeats the call. Permanent: the call was refused and has done nothing.
 */

#include "common/error.h"
#include "common/operation.h"

#include <stdbool.h>
#include <stdint.h>

/* Returns whether what was posted at `*posted_ms` without an answer may still appear at the forge: for 10 s.
 * A time in the future is set to now, and the 10 s begin again: the clock was set back. */
bool forge_may_still_appear(int64_t *posted_ms);

/* Contained: closed by us, since another pull request contains it. The forge shows it as closed. */
enum pull_state { PULL_OPEN, PULL_CLOSED, PULL_MERGED, PULL_CONTAINED };

enum forge_mergeable { FORGE_MERGEABLE_UNKNOWN, FORGE_MERGEABLE, FORGE_NOT_MERGEABLE };

struct forge_pull {
    int64_t number;
    enum pull_state state;
    const char *sha;   /* of its head now */
    const char *head;  /* branch name; refs/pull/N/head once the branch is gone */
    const char *label; /* name of the branch, even after it is gone; NULL: not given */
    const char *base;
    const char *title;
    const char *body;
    const char *url; /* for people; at a local forge the file with its text; NULL: not given */
    enum forge_mergeable mergeable;
    /* Commit of the base that brought it in; "": not merged, or not given. */
    const char *merge_commit;
    int64_t changed_ms; /* when it last changed, by the forge's clock; 0: not given */
};

struct forge_reply {
    const char *sha; /* create_branch: the commit of the new branch; check: the base's */
    /* open_pull, look_pull: one; list_pulls: all; list_changed: a page. */
    const struct forge_pull *pulls;
    size_t pull_count;
    bool more;              /* list_changed: there may be another page */
    int64_t retry_after_ms; /* transient error: the pause that the forge asked for; else -1 */
    bool conflict;          /* permanent error: the thing exists already (409) */
    /* Permanent error: every call would fail. The token is not valid, or the repository was moved, archived
     * or deleted. */
    bool unauthorized;
    /* Permanent error: what the configuration asks for was refused (labels, reviewers; the error names the
     * key), or there are too many pull requests. */
    bool installation;
    /* Permanent error of check: mend it at the forge, not in the configuration or the token. */
    bool at_forge;
    bool this_only; /* error of look, close, reopen or comment_pull: about this one only */
    /* Permanent error of look_pull: it was deleted. The repository answers, and nothing else explains the
     * error. */
    bool gone;
    /* Transient error of create_branch: a 500 of the forge's, perhaps for a rule or a hook, which git would
     * name. Its own words are for administrators, and say less. */
    bool unexplained;
    const char *unchecked; /* of check: what could not be checked, and why; NULL: nothing */
};

/* `error` is NULL on success; `reply` is never NULL. */
typedef void (*forge_callback)(void *data, const struct forge_reply *reply,
                               const struct error *error);

struct forge;

#define FORGE_STATUS_CONTEXT "winnowd" /* a rule of the forge can require it by this name */

struct forge_functions {
    /* Checks that the forge answers, that the token may do what is needed, and that repository and base
     * exist. Checks the labels, if none may be created. Checks that the reviewers exist, may read the
     * repository, and are not the token's own user. Permanent errors name the key to mend. */
    struct operation *(*check)(struct forge *forge, forge_callback callback, void *data);

    /* Creates `branch` at `commit`, where the base was a moment ago. Older versions of Gitea take no commit,
     * and create it at the tip of the base. The reply names the commit. */
    struct operation *(*create_branch)(struct forge *forge, const char *branch, const char *commit,
                                       forge_callback callback, void *data);

    /* Opens a pull request of `branch` (at `sha`) onto the base. */
    struct operation *(*open_pull)(struct forge *forge, const char *branch, const char *sha,
                                   const char *title, const char *body, forge_callback callback,
                                   void *data);

    /* Lists all open pull requests whose head is `branch` of this repository, lowest number first. */
    struct operation *(*list_pulls)(struct forge *forge, const char *branch,
                                    forge_callback callback, void *data);

    /* Lists a page, from 1, of all pull requests of all users in any state, last changed first. One that
     * changes in between goes to the first page, and those before it move on: none is missed, some may come
     * twice. */
    struct operation *(*list_changed)(struct forge *forge, unsigned page, forge_callback callback,
                                      void *data);

    /* Reads one pull request in any state. Fails (permanent) if there is none of that number. */
    struct operation *(*look_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data);

    /* Closes a pull request. Succeeds if it is closed or gone already. Fails (permanent) with `this_only`
     * if the forge keeps it open. */
    struct operation *(*close_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data);

    /* Opens a closed pull request again. Succeeds if it is open already. Fails (permanent) if it was
     * merged. */
    struct operation *(*reopen_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                     void *data);

    /* Notes that the branch of a pull request was moved to `sha`. NULL: the forge sees that by itself. */
    struct operation *(*note_head)(struct forge *forge, int64_t number, const char *sha,
                                   forge_callback callback, void *data);

    /* Changes title or body of a pull request in any state. NULL: that one stays. */
    struct operation *(*edit_pull)(struct forge *forge, int64_t number, const char *title,
                                   const char *body, forge_callback callback, void *data);

    /* Adds a comment in Markdown to a pull request in any state. `again`: an earlier attempt may have added
     * it, so look for a comment with this text first. Fails (permanent) with `this_only` if nobody may
     * comment on it. */
    struct operation *(*comment_pull)(struct forge *forge, int64_t number, const char *comment,
                                      bool again, forge_callback callback, void *data);

    /* Puts the configured labels on it. Looks up their ids and caches them. Creates missing labels if
     * forge.create_labels allows it. Succeeds without a call if no labels are configured. */
    struct operation *(*label_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data);

    /* Sets a commit status for `sha`, the head of this pull request: its tests passed. Its context is
     * FORGE_STATUS_CONTEXT; `description` is one line for people. Repeating the call changes nothing. */
    struct operation *(*set_status)(struct forge *forge, int64_t number, const char *sha,
                                    const char *description, forge_callback callback, void *data);

    /* Asks the configured reviewers. Succeeds without a call if none are configured. */
    struct operation *(*review_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                     void *data);

    void (*free)(struct forge *forge);
};

struct forge {
    const struct forge_functions *functions;
    char *git_url; /* what git fetches from and pushes to, without credentials */
    char *web_url; /* of the repository, for links in a pull request; NULL: a local forge */
    char *token;   /* for git over HTTP; NULL: none is needed */
    bool
        looks_cost_nothing; /* look_pull sends no request: all open ones can be looked at each time */
};

void forge_free(struct forge *forge); /* NULL-safe; operations under way must have been discarded */
