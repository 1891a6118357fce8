#pragma once

/*
 * What the files of the local forge share: the forge itself, and a call that is under way.
 *
 * Branches are made by git in the bare repository (local-branch.c). Pull requests are files in the outbox
 * (local.c, local-change.c, local-outbox.c). A call (local-call.c) does its work from the loop, never inside
 * the function that starts it.
 */

#include "config/config.h"
#include "daemon/forge.h"

#include <json-c/json.h>

struct local {
    struct forge forge; /* first */
    uv_loop_t *loop;
    const struct config *config;
};

struct local_change {
    int64_t number;
    int64_t changed_ms;
};

struct local_call {
    struct operation operation; /* first */
    struct local *local;
    forge_callback callback;
    void *data;
    struct operation *under_way; /* the next turn of the loop, or git */
    void (*work)(struct local_call *call);
    void (*locked)(struct local_call *call); /* what is done under the lock */
    int lock;                                /* the descriptor of that lock, or -1 */
    uint64_t wanted_since;                   /* uv_now() */

    /* Changes a pull request. Returns 1 if it has to be written, 0 if it stays, -1 with an error. */
    int (*change)(struct local_call *call, struct json_object *json, struct error *error);
    bool may_be_gone; /* succeed if the pull request is gone */

    int64_t number;
    char *branch;
    char *sha;
    char *title;
    char *body;       /* or a comment */
    bool again;       /* the comment may be there */
    char *problem;    /* git's words about a branch that could not be made */
    bool declined;    /* they are about a hook or a rule */
    size_t index;     /* in `numbers`; or how much of the prefix was checked */
    int64_t *numbers; /* of all pull requests, while they are listed */
    size_t number_count;
    struct local_change *changes; /* when each of them was written */
    unsigned page;
    bool more; /* there is another page */

    /* The reply, and what the strings of each pull request point into. */
    struct forge_pull *pulls;
    struct json_object **jsons;
    char **bodies;
    char **urls; /* likewise */
    size_t pull_count;
};

/* Begins a call, and returns it. `work` is called in the loop's next turn. */
struct local_call *local_call_new(struct forge *forge, forge_callback callback, void *data,
                                  void (*work)(struct local_call *call));

/* End the call, which is gone when they return. `sha` may be NULL. */
void local_succeed(struct local_call *call, const char *sha);
void local_fail(struct local_call *call, bool conflict, const struct error *error);

/* Does the same with a reply that says more of the failure. */
void local_fail_with(struct local_call *call, const struct forge_reply *reply,
                     const struct error *error);

/* Begins a call whose `work` is called under the lock of the outbox, and returns it. */
struct local_call *local_call_new_locked(struct forge *forge, forge_callback callback, void *data,
                                         void (*work)(struct local_call *call));

/* Goes on with the call in the loop's next turn. */
void local_later(struct local_call *call, void (*work)(struct local_call *call));

/* Returns the directory of the pull requests. */
const char *local_outbox(const struct local_call *call);

/* Adds a pull request to the reply; takes over `json`. Fails if its body cannot be read. */
int local_add_pull(struct local_call *call, struct json_object *json, int64_t number,
                   struct error *error);

/* Ends the call with the pull request `call->number` as it is. */
void local_look(struct local_call *call);

/* Does the same as forge_new() for a bare repository, and fails likewise. */
int forge_local_new(struct forge **forge, uv_loop_t *loop, const struct config *config,
                    struct error *error);

/* The calls that need git. */
struct operation *local_create_branch(struct forge *forge, const char *branch, const char *commit,
                                      forge_callback callback, void *data);
struct operation *local_check(struct forge *forge, forge_callback callback, void *data);

/* The operations that change a pull request. */
struct operation *local_close_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data);
struct operation *local_reopen_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data);
struct operation *local_note_head(struct forge *forge, int64_t number, const char *sha,
                                  forge_callback callback, void *data);
struct operation *local_edit_pull(struct forge *forge, int64_t number, const char *title,
                                  const char *body, forge_callback callback, void *data);
struct operation *local_comment_pull(struct forge *forge, int64_t number, const char *comment,
                                     bool again, forge_callback callback, void *data);
struct operation *local_label_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data);
struct operation *local_set_status(struct forge *forge, int64_t number, const char *sha,
                                   const char *description, forge_callback callback, void *data);
struct operation *local_review_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data);
