#pragma once

/*
 * Reads the answers of Gitea and Forgejo. Pure: bytes and statuses in, structs and sentences out.
 *
 * An answer may be cut, may come from a proxy, may be two JSON documents in one body, or may have text that
 * somebody else wrote. So each field is checked. Of an answer one visible line is shown, without secrets.
 */

#include "common/error.h"
#include "daemon/forge.h"

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GITEA_BODY_LIMIT (32u * 1024 * 1024) /* a page of 50 pull requests with long bodies */

struct text;

/* A request and its answer, as sentences about it need them. */
struct gitea_body {
    const char *method;
    const char *path; /* without the forge's URL and without a query */
    long status;
    const char *body;
    size_t body_length;
    const char *location; /* of a redirect, or NULL */
};

/* Parses a body. For a blank one and for null, `*json` is NULL. The caller drops it with
 * json_object_put(). Fails (transient) if it is malformed or cut: the next one may be whole. */
int gitea_body_parse(struct json_object **json, const struct gitea_body *body, struct error *error);

/* Sets a transient error: `what` the answer lacks, such as "no commit id". Returns -1. */
int gitea_body_malformed(struct error *error, const struct gitea_body *body, const char *what);

/* Appends the server's own words about an error: its `message` and the first of its `errors`, as one visible
 * line, shortened and without secrets. Appends nothing if there are none. Of two documents in one body the
 * first counts. */
void gitea_body_message(struct text *text, const char *body, size_t length);

/* Sets the error for a status that is no success: transient for 408, 425, 429 and 5xx, else permanent.
 * Returns whether it is about the token or the whole repository: 3xx, 401, 403, 413, 423. */
bool gitea_body_refusal(struct error *error, const struct gitea_body *body);

/* Returns whether the forge itself wrote the error: JSON with a `message`. The pages of a proxy say nothing
 * of the forge. */
bool gitea_body_is_own(const struct gitea_body *body);

/* Returns whether the forge did not write this answer, whose status is an error that would stay. Then sets a
 * transient error, with its first words. */
bool gitea_body_foreign(struct error *error, const struct gitea_body *body);

/* Returns whether this status may pass. */
bool gitea_body_status_transient(long status);

/* Returns an integer member; -1: there is none. */
int64_t gitea_body_integer(struct json_object *object, const char *key);

/* Returns whether a member is there and is the given boolean. */
bool gitea_body_is(struct json_object *object, const char *key, bool value);

/* Returns a time in milliseconds since 1970, which Gitea writes with whole seconds and an offset; 0: there is
 * none. */
int64_t gitea_body_time_ms(struct json_object *object, const char *key);

/* Returns the commit in the answer to POST branches or GET branches/{b}; NULL: there is none. It belongs to
 * `branch`. */
const char *gitea_body_commit(struct json_object *branch);

/* Reads one pull request; its strings point into `json`. Returns 0; -1: it is not one. */
int gitea_body_pull(struct forge_pull *pull, struct json_object *json);

/* Returns whether a pull request's head is `branch` of the repository in which it was opened, and not of
 * a fork. */
bool gitea_body_pull_is_of(struct json_object *json, const char *branch);

/* Appends the pull requests of `branch` on a page to the array `kept`, each number once. Nulls are
 * skipped. Returns -1 if the page is no list of pull requests. */
int gitea_body_keep_pulls(struct json_object *kept, struct json_object *page, const char *branch);

/* Returns all of `kept`, lowest number first. The caller frees the array; its strings point into `kept`. */
struct forge_pull *gitea_body_pulls(struct json_object *kept, size_t *count);

/* Returns whether there is a next page. */
struct gitea_page {
    size_t count;        /* elements on this page, nulls included */
    size_t seen;         /* elements on all pages so far, this one included */
    int64_t total_count; /* of X-Total-Count, or -1 */
    bool has_next;       /* of Link */
};
bool gitea_body_more(const struct gitea_page *page);

/* Returns the id of the label of that name in a page of labels; -1: it is missing. A name in another case
 * counts if no name is equal. */
int64_t gitea_body_label(struct json_object *labels, const char *name);

/* Returns the label itself; NULL: it is missing. It belongs to `labels`. */
struct json_object *gitea_body_find_label(struct json_object *labels, const char *name);

/* Returns the name of a label in the list that excludes this one; NULL: none does. It belongs to `labels`.
 * Both are exclusive and of one scope, so the forge removes one when it adds the other. */
const char *gitea_body_rival(struct json_object *labels, const char *name);

/* Returns whether a list of users has that name, in any case. */
bool gitea_body_has_login(struct json_object *users, const char *name);

/* Returns whether a list of labels, the answer of POST issues/{n}/labels, has all these ids. */
bool gitea_body_has_labels(struct json_object *labels, const int64_t *ids, size_t count);
