#pragma once

/*
 * What Gitea and Forgejo answer, made out. Pure: bytes and statuses in, structs and sentences out.
 *
 * An answer may be cut, may come from a proxy in front, may hold two JSON documents glued together,
 * or text that somebody else wrote. Nothing in it is trusted with more than its own field; what is
 * shown of it is one visible line without secrets.
 */

#include "common/error.h"
#include "daemon/forge.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GITEA_BODY_LIMIT (32u * 1024 * 1024) /* a page of 50 pull requests with long bodies */

struct text;

/* A request that was answered, as far as sentences about it need it. */
struct gitea_body {
    const char *method;
    const char *path; /* without the forge's URL and without a query */
    long status;
    const char *body;
    size_t body_length;
    const char *location; /* of a redirect, or NULL */
};

/* Parses a body. A blank one and null are `*json` NULL and no error. On 0 `*json` is the caller's
 * (json_object_put). On -1 the error is transient: malformed or cut, the next one may be whole. */
int gitea_body_parse(struct json_object **json, const struct gitea_body *body, struct error *error);

/* Sets a transient error that says what the answer lacks, e.g. "no commit id". Returns -1. */
int gitea_body_malformed(struct error *error, const struct gitea_body *body, const char *what);

/* Appends the server's own words about an error: its `message` and the first of its `errors`, one
 * visible line, shortened, secrets scrubbed; nothing if there are none. Of glued documents the first
 * counts. */
void gitea_body_message(struct text *text, const char *body, size_t length);

/* Sets the error for a status that is no success: transient for 408, 425, 429 and 5xx, permanent for
 * the rest. Returns whether it is about the token or the repository as a whole: 3xx, 401, 403, 423. */
bool gitea_body_refusal(struct error *error, const struct gitea_body *body);

/* Whether an answer with an error was written by the forge: JSON with a `message`. What sits in front of it
 * answers with pages of its own, which say nothing of what is at the forge. */
bool gitea_body_is_own(const struct gitea_body *body);

/* Sets a transient error for an answer that is not the forge's, with the first of its words. Returns -1. */
int gitea_body_foreign(struct error *error, const struct gitea_body *body);

/* Whether this status may be another one next time. */
bool gitea_body_status_transient(long status);

/* The number behind "issue_id:" in the message of a 409 to POST pulls; 0 if there is none. */
int64_t gitea_body_conflict_pull(const char *body, size_t length);

/* A string member, NULL if there is none or if it is no string. `object` may be NULL. */
const char *gitea_body_string(struct json_object *object, const char *key);

/* An integer member, -1 if there is none. */
int64_t gitea_body_integer(struct json_object *object, const char *key);

/* Whether a member is there and is the given boolean. */
bool gitea_body_is(struct json_object *object, const char *key, bool value);

/* A moment in milliseconds since 1970, written with whole seconds and an offset as Gitea does; 0 if there
 * is none. */
int64_t gitea_body_time_ms(struct json_object *object, const char *key);

/* The commit that POST branches or GET branches/{b} names, or NULL. */
const char *gitea_body_commit(struct json_object *branch);

/* Makes out one pull request; its strings point into `json`. On -1 nothing usable was found. */
int gitea_body_pull(struct forge_pull *pull, struct json_object *json);

/* Whether a pull request's head is `branch` in the very repository it was opened in, not in a fork. */
bool gitea_body_pull_is_of(struct json_object *json, const char *branch);

/* Appends the members of a page that are of `branch` to the array `kept`, which must hold each number
 * once. Nulls are passed over. Returns -1 if the page is no list of pull requests. */
int gitea_body_keep_pulls(struct json_object *kept, struct json_object *page, const char *branch);

/* All of `kept`, lowest number first; caller frees the array, its strings point into `kept`. */
struct forge_pull *gitea_body_pulls(struct json_object *kept, size_t *count);

/* Whether there is a page behind this one. */
struct gitea_page {
    size_t count;        /* elements on this page, nulls included */
    size_t seen;         /* elements on all pages so far, this one included */
    int64_t total_count; /* of X-Total-Count, or -1 */
    bool has_next;       /* of Link */
};
bool gitea_body_more(const struct gitea_page *page);

/* The id of the label of that name in a page of labels; -1 if it is not there. One whose name differs in the
 * case of letters counts where there is none of that very name. */
int64_t gitea_body_label(struct json_object *labels, const char *name);

/* The label itself, or NULL. */
struct json_object *gitea_body_find_label(struct json_object *labels, const char *name);

/* The name of another label of the list that excludes the one of this name: both are exclusive and of one
 * scope, so that the forge takes one off when it puts the other one on. NULL: there is none. */
const char *gitea_body_rival(struct json_object *labels, const char *name);

/* Whether a list of users holds one of that name, in any case of letters. */
bool gitea_body_has_login(struct json_object *users, const char *name);

/* Whether a list of labels, as POST issues/{n}/labels answers it, holds all these ids. */
bool gitea_body_has_labels(struct json_object *labels, const int64_t *ids, size_t count);
