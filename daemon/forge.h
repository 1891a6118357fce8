#pragma once

/*
 * Where branches and pull requests live, as the job sees it: a struct of functions.
 *
 * forge/gitea.c fills it for Gitea and Forgejo over HTTP, forge/local.c for a bare repository with an
 * outbox of files. What git can do on both alike (looking at branches, pushing, the leased delete)
 * is not here but in repository.h, with `git_url` and the credential below.
 *
 * Nothing but these calls exists: no call creates an issue, writes to the base, or forces a push.
 *
 * Every call starts an operation (common/operation.h) and ends in one callback, with an answer or an
 * error. A transient error says that the call may have arrived or not (a POST whose answer was lost);
 * the caller looks before it repeats. A permanent error says that it was refused and did nothing.
 * Strings in an answer are valid inside the callback only.
 */

#include "common/error.h"
#include "common/operation.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether what was posted at that time, and answered by nobody, may still appear at the forge: 10 s long.
 * A time that lies ahead, as the clock was set back, becomes now: the 10 s begin anew. */
bool forge_may_still_appear(int64_t *posted_ms);

/* Contained: closed by us, as another one brings it along; the forge itself shows it as closed. */
enum pull_state { PULL_OPEN, PULL_CLOSED, PULL_MERGED, PULL_CONTAINED };

enum forge_mergeable { FORGE_MERGEABLE_UNKNOWN, FORGE_MERGEABLE, FORGE_NOT_MERGEABLE };

struct forge_pull {
    int64_t number;
    enum pull_state state;
    const char *sha;   /* of its head, as the forge shows it just now */
    const char *head;  /* branch name, or refs/pull/N/head once the branch is gone */
    const char *label; /* what the branch was called, also once it is gone; NULL: not told */
    const char *base;
    const char *body;
    const char *url; /* for a human; the file with its text on the local forge; NULL: not told */
    enum forge_mergeable mergeable;
    const char *merge_commit; /* of the base, once it is merged; "": not told */
    int64_t changed_ms;       /* when it changed last, by the forge's own clock; 0: not told */
};

struct forge_reply {
    const char *sha; /* create_branch: the commit the new branch points at; check: the base's */
    const struct forge_pull *
        pulls; /* open_pull, look_pull: one; list_pulls: as many as there are; list_changed: a page */
    size_t pull_count;
    bool more;              /* list_changed: there may be another page */
    int64_t retry_after_ms; /* with a transient error: what the forge asked for; else -1 */
    bool conflict;          /* with a permanent error: the thing exists already (409) */
    bool unauthorized; /* with a permanent error: every other call would fail as well: the token
                               is not (or no longer) good, the repository moved, archived or gone */
    bool
        installation; /* with a permanent error: what was refused is what the configuration asks for
                          (labels, reviewers), whatever the experiment; the error names the key */
    bool at_forge;    /* with a permanent error of check: to be mended at the forge, and not in the
                      configuration or the token */
    bool this_only;   /* with an error of look_pull or comment_pull: it is about this one alone */
    bool gone; /* with a permanent error of look_pull: there is none any more, though the repository
                  answers. Only where nothing but a deletion can be behind that */
    bool
        unexplained; /* with a transient error of create_branch: refused without a word, as for a rule or
                         a hook that git would name */
    const char *unchecked; /* check: what it could not find out, and why; NULL: nothing */
    int64_t conflict_pull; /* with `conflict` of open_pull: its number, 0 if not told */
};

/* `error` is NULL on success; `answer` is never NULL. */
typedef void (*forge_callback)(void *data, const struct forge_reply *reply,
                               const struct error *error);

struct forge;

#define FORGE_STATUS_CONTEXT "winnowd" /* by which a rule of the base can require it */

struct forge_functions {
    /* Whether the forge is there, whether the token may do what is needed, whether repository and
     * base exist, the labels, if none may be created, and the reviewers: whether they exist, may read
     * the repository and are not the token's own user. Permanent errors name the configuration key to
     * mend. */
    struct operation *(*check)(struct forge *forge, forge_callback callback, void *data);

    /* Creates `branch` at `commit`, where the base was a moment ago. Older versions of Gitea know no commit
     * there and take the tip of the base: the answer names the one that it was. */
    struct operation *(*create_branch)(struct forge *forge, const char *branch, const char *commit,
                                       forge_callback callback, void *data);

    /* Opens a pull request of `branch` (at `sha`) onto the base. */
    struct operation *(*open_pull)(struct forge *forge, const char *branch, const char *sha,
                                   const char *title, const char *body, forge_callback callback,
                                   void *data);

    /* All open pull requests whose head is `branch` of this repository, lowest number first. */
    struct operation *(*list_pulls)(struct forge *forge, const char *branch,
                                    forge_callback callback, void *data);

    /* A page, from 1, of all pull requests, whatever their state and whoever's; what changed last comes
     * first. One that changes meanwhile goes to the first page, and those before it move on: none is
     * missed, some may come twice. */
    struct operation *(*list_changed)(struct forge *forge, unsigned page, forge_callback callback,
                                      void *data);

    /* One pull request, whatever its state. Permanent error if there is none of that number. */
    struct operation *(*look_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data);

    /* Closes a pull request; one that is closed or gone already is success. */
    struct operation *(*close_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data);

    /* Opens one again that was closed; one that is open already is success. Permanent error where it cannot be
     * opened, as it was merged. */
    struct operation *(*reopen_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                     void *data);

    /* Gives it another title or body, whatever its state; NULL: that stays. */
    struct operation *(*edit_pull)(struct forge *forge, int64_t number, const char *title,
                                   const char *body, forge_callback callback, void *data);

    /* Adds a comment, Markdown, whatever its state. `again`: an earlier try may have added it, so that it is
     * looked first whether a comment with this text is there. Permanent error with `this_only` where nobody
     * may comment on this one. */
    struct operation *(*comment_pull)(struct forge *forge, int64_t number, const char *comment,
                                      bool again, forge_callback callback, void *data);

    /* Puts the configured labels on it, looking their ids up (cached) and creating those that are
     * missing if forge.create_labels allows. No labels configured: success without a call. */
    struct operation *(*label_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data);

    /* Says of commit `sha`, the head of this pull request, that it passed its tests, as a commit status with the
     * context FORGE_STATUS_CONTEXT; `description` is one line for people. Again is as once. */
    struct operation *(*set_status)(struct forge *forge, int64_t number, const char *sha,
                                    const char *description, forge_callback callback, void *data);

    /* Asks the configured reviewers. None configured: success without a call. */
    struct operation *(*review_pull)(struct forge *forge, int64_t number, forge_callback callback,
                                     void *data);

    void (*free)(struct forge *forge);
};

struct forge {
    const struct forge_functions *functions;
    char *git_url; /* what git fetches from and pushes to, without credentials */
    char *web_url; /* of the repository, for links in a pull request; NULL on the local forge */
    char *token;   /* for git over HTTP; NULL if none is needed */
    bool looks_cost_nothing; /* look_pull is no request: all open ones can be looked at each time */
};

void forge_free(struct forge *forge); /* NULL-safe; operations under way must have been discarded */
