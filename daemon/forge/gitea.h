#pragma once

/*
 * What the files of the Gitea forge share: the forge itself, and a call that is under way.
 *
 * A call is one operation of forge.h. It sends one request at a time. Each answer goes to the `next`
 * function of its request. That sends the next request, pauses, or ends the call with exactly one of
 * gitea_succeed(), gitea_fail() and gitea_refuse(). All requests go to the API below forge.url and carry
 * the token. Redirects are not followed, so the token goes nowhere else.
 */

#include "common/http.h"
#include "common/operation.h"
#include "config/config.h"
#include "daemon/forge.h"
#include "daemon/forge/gitea-body.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define GITEA_PAGE_SIZE  50 /* the most that a server sends by default */
#define GITEA_PAGE_LIMIT 200

struct gitea_call;

struct gitea {
    struct forge forge; /* first, so that one can be cast to the other */
    uv_loop_t *loop;
    const struct config *config;
    struct http *http;
    char *api;           /* <url>/api/v1 */
    char *repository;    /* /repos/<owner>/<repo>, percent-encoded */
    char *authorization; /* the whole header; wiped before it is freed */

    struct config_list label_names; /* the labels whose ids are known, and in the same order */
    int64_t *label_ids;
    struct gitea_call *label_calls; /* first to last: only the first one looks up ids */
};

/* An answer, for a `next` function; valid inside it only. */
struct gitea_reply {
    struct gitea_body body;
    struct json_object *json; /* the body of a 2xx; NULL if it was blank */
    const struct http_response *response;
};

typedef void (*gitea_next)(struct gitea_call *call, const struct gitea_reply *reply);

struct gitea_call {
    struct operation operation; /* first */
    struct gitea *gitea;
    forge_callback callback;
    void *data;

    struct operation *under_way; /* the request or the pause; NULL only between the two */
    gitea_next next;
    const char *method;
    char *path; /* of the request, as sentences show it */

    /* What a call remembers from one request to the next. */
    struct config_list names; /* the labels or reviewers, as configured when the call began */
    int64_t *label_ids;       /* of these labels; 0: not known */
    char *branch;
    char *sha;
    char *body; /* of a request that may have to be repeated */
    char *comment;
    int64_t number;
    unsigned attempt; /* looks or attempts so far */
    unsigned page;
    size_t seen;             /* elements on the pages so far */
    size_t index;            /* the current label, reviewer or part of the prefix */
    char *login;             /* of the token's user; NULL: the token may not read it */
    bool base_empty;         /* the repository said that it is empty */
    bool repository_private; /* ... or that not everybody may read it */
    bool reviewer_is_admin;  /* may read everything; the forge says so to its administrators only */
    bool again;              /* labels were looked up again, or reviewers are asked one by one */
    bool uncertain; /* an earlier request may have done the work: no refusal is permanent */
    struct json_object *kept; /* pull requests or labels, as an array */
    struct error faults;      /* what a check found wrong so far; ERROR_NONE: nothing */
    char *unchecked;          /* what a check could not find out, as sentences; NULL: nothing */
    struct gitea_call *next_label_call;
    void (*leave)(struct gitea_call *call); /* before it ends or is discarded; NULL: nothing */
    void (*pause_over)(struct gitea_call *call);

    /* A failure that is still being looked into, see gitea_diagnose_404(). */
    struct error failure;
    bool failure_is_answer; /* it is a success if the thing is gone */
    bool among_pulls;       /* the list of pull requests is looked at as well */
    bool reopens;           /* the pull request is to be open, not closed */
    bool depends;           /* it may not be closed: it depends on something that is open */
    bool unexplained;       /* the branch was answered 500 by the forge */
    bool anybody;           /* the next answer may not be the forge's */
};

/* Begins a call, and returns it. It ends with its callback, or when it is discarded. */
struct gitea_call *gitea_call_new(struct forge *forge, forge_callback callback, void *data);

/* Sends a request. `path` is below /api/v1 and percent-encoded; `query` begins with '?' or is NULL;
 * `body` is JSON text or NULL. A transport error or a malformed 2xx ends the call (transient). */
void gitea_send(struct gitea_call *call, const char *method, const char *path, const char *query,
                const char *body, gitea_next next);

/* Does the same for a path below the repository: "" or "/branches". */
void gitea_send_repository(struct gitea_call *call, const char *method, const char *path,
                           const char *query, const char *body, gitea_next next);

/* Sends GET branches/{branch}. */
void gitea_send_branch(struct gitea_call *call, const char *branch, gitea_next next);

/* Asks for page call->page of a list, from 1. */
void gitea_send_page(struct gitea_call *call, const char *path, const char *query, gitea_next next);

/* Returns whether there is a page after the one that was answered; call->page is its number then. */
bool gitea_page_more(struct gitea_call *call, const struct gitea_reply *reply);

/* Calls `over` after `ms`. */
void gitea_pause(struct gitea_call *call, uint64_t ms, void (*over)(struct gitea_call *call));

/* Right after a push the API may not know of it yet. Pauses, calls `over` and returns true, up to five times
 * in about 10 s for each call. Then returns false: the answer counts. */
bool gitea_again(struct gitea_call *call, void (*over)(struct gitea_call *call));

/* A check found a fault (permanent), and goes on. At its end it fails, with all faults in one sentence. */
void gitea_check_fault(struct gitea_call *call, const struct error *error);

/* End the call, which is gone when they return. `outcome` NULL: an empty reply. */
void gitea_succeed(struct gitea_call *call, const struct forge_reply *outcome);
void gitea_fail(struct gitea_call *call, const struct forge_reply *outcome,
                const struct error *error);

/* Fails with the meaning of a status that is no success. */
void gitea_refuse(struct gitea_call *call, const struct gitea_reply *reply);

/* Fails (transient): the answer lacks what it must have. */
void gitea_malformed(struct gitea_call *call, const struct gitea_reply *reply, const char *what);

/* Returns whether the reply is the pull request `call->number`, whose strings belong to the reply. If not, the
 * call, which was refused with `call->failure`, has failed. */
bool gitea_shows_pull(struct gitea_call *call, const struct gitea_reply *reply,
                      struct forge_pull *pull);

/* Ends a call after a 404. Gitea answers 404 for a missing thing, for a missing repository, if pull requests
 * are turned off, and to a token that may not see them. So the repository, the list of pull requests and
 * /user are looked at, and the call fails with the true reason. If all of these are there, the thing is gone:
 * the call fails with `gone`, or succeeds if that is NULL. */
void gitea_diagnose_404(struct gitea_call *call, const struct error *gone);

/* Does the same as forge_new() for Gitea and Forgejo, and fails likewise. */
int forge_gitea_new(struct forge **forge, uv_loop_t *loop, const struct config *config,
                    struct http *http, const char *token, struct error *error);

/* Ends a call after an empty list, which some servers show to a bad token: succeeds if the repository is
 * there. */
void gitea_diagnose_empty(struct gitea_call *call);

/* Returns whether the reply is a list of pull requests. If not, the call has failed. A 404 means that the
 * list is out of reach, though the repository is there. */
bool gitea_shows_pulls(struct gitea_call *call, const struct gitea_reply *reply);

/* The operations of struct forge_functions. Each is in the file of its name; branches are in gitea.c. */
struct operation *gitea_check(struct forge *forge, forge_callback callback, void *data);
struct operation *gitea_open_pull(struct forge *forge, const char *branch, const char *sha,
                                  const char *title, const char *body, forge_callback callback,
                                  void *data);
struct operation *gitea_list_pulls(struct forge *forge, const char *branch, forge_callback callback,
                                   void *data);
struct operation *gitea_list_changed(struct forge *forge, unsigned page, forge_callback callback,
                                     void *data);
struct operation *gitea_look_pull(struct forge *forge, int64_t number, forge_callback callback,
                                  void *data);
struct operation *gitea_close_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data);
struct operation *gitea_reopen_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data);
struct operation *gitea_edit_pull(struct forge *forge, int64_t number, const char *title,
                                  const char *body, forge_callback callback, void *data);
struct operation *gitea_comment_pull(struct forge *forge, int64_t number, const char *comment,
                                     bool again, forge_callback callback, void *data);
struct operation *gitea_label_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data);
struct operation *gitea_set_status(struct forge *forge, int64_t number, const char *sha,
                                   const char *description, forge_callback callback, void *data);
struct operation *gitea_review_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data);

/* The second half of a check: the pull requests, what the token may write, the labels. Ends the call. */
void gitea_check_rights(struct gitea_call *call);

/* Notes that a check cannot find out `what`; the answer says why. */
void gitea_check_skipped(struct gitea_call *call, const char *what,
                         const struct gitea_reply *reply);

/* A label, status or reviewer for the pull request `call->number` was refused with `call->failure`: looks at
 * the pull request, and ends the call. If it is open, the installation is to blame. */
void gitea_look_at_refused(struct gitea_call *call);

/* Forgets the ids of all labels. */
void gitea_label_forget(struct gitea *gitea);
