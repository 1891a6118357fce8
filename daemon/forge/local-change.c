/*
 * The calls that change a pull request of a local forge. Each reads its N.json under the lock of the
 * outbox, and writes it back if something changed.
 */

#include "common/json.h"
#include "common/memory.h"
#include "daemon/forge/local-outbox.h"
#include "daemon/forge/local.h"

#include <inttypes.h>
#include <string.h>

/* Returns a list in a pull request, and makes it if there is none. */
static struct json_object *list_of(struct json_object *json, const char *key)
{
    struct json_object *list;

    if (!json_object_object_get_ex(json, key, &list) ||
        !json_object_is_type(list, json_type_array)) {
        list = json_object_new_array();
        json_object_object_add(json, key, list);
    }
    return list;
}

static int change_pull(struct local_call *call, struct error *error)
{
    const char *outbox = call->local->config->forge.outbox;
    struct json_object *json;
    int result;

    if (outbox_read(&json, outbox, call->number, error) < 0)
        return -1;
    if (!json && call->may_be_gone)
        return 0;
    if (!json)
        return error_set(error, ERROR_PERMANENT, "there is no pull request %" PRId64 " in %s",
                         call->number, outbox);
    result = call->change(call, json, error);
    if (result > 0)
        result = outbox_write(outbox, call->number, json, error);
    json_object_put(json);
    return result;
}

static void work_change(struct local_call *call)
{
    struct error error;

    if (change_pull(call, &error) < 0)
        local_fail(call, false, &error);
    else
        local_succeed(call, NULL);
}

static struct local_call *
about_pull(struct forge *forge, int64_t number, forge_callback callback, void *data,
           int (*change)(struct local_call *call, struct json_object *json, struct error *error))
{
    struct local_call *call = local_call_new_locked(forge, callback, data, work_change);

    call->number = number;
    call->change = change;
    return call;
}

static int close_it(struct local_call *call, struct json_object *json, struct error *error)
{
    struct forge_pull pull;

    (void)error;
    outbox_pull(&pull, json, call->number);
    if (pull.state != PULL_OPEN)
        return 0;
    json_object_object_add(json, "state", json_object_new_string("closed"));
    return 1;
}

struct operation *local_close_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data)
{
    struct local_call *call = about_pull(forge, number, callback, data, close_it);

    call->may_be_gone = true;
    return &call->operation;
}

static int reopen(struct local_call *call, struct json_object *json, struct error *error)
{
    struct forge_pull pull;

    outbox_pull(&pull, json, call->number);
    if (pull.state == PULL_MERGED)
        return error_set(error, ERROR_PERMANENT, "pull request %" PRId64 " was merged",
                         call->number);
    if (pull.state != PULL_CLOSED)
        return 0;
    json_object_object_add(json, "state", json_object_new_string("open"));
    return 1;
}

static void work_reopen(struct local_call *call)
{
    struct forge_reply reply = {.retry_after_ms = -1, .this_only = true};
    struct error error;

    if (change_pull(call, &error) < 0)
        local_fail_with(call, &reply, &error);
    else
        local_succeed(call, NULL);
}

struct operation *local_reopen_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data)
{
    struct local_call *call = about_pull(forge, number, callback, data, reopen);

    call->locked = work_reopen;
    return &call->operation;
}

static int note_head(struct local_call *call, struct json_object *json, struct error *error)
{
    (void)error;
    json_object_object_add(json, "sha", json_object_new_string(call->sha));
    return 1;
}

struct operation *local_note_head(struct forge *forge, int64_t number, const char *sha,
                                  forge_callback callback, void *data)
{
    struct local_call *call = about_pull(forge, number, callback, data, note_head);

    call->sha = memory_copy(sha);
    return &call->operation;
}

static int edit(struct local_call *call, struct json_object *json, struct error *error)
{
    if (call->body &&
        outbox_write_body(call->local->config->forge.outbox, call->number, call->body, error) < 0)
        return -1;
    if (!call->title)
        return 0;
    json_object_object_add(json, "title", json_object_new_string(call->title));
    return 1;
}

static void work_edit(struct local_call *call)
{
    struct error error;

    if (change_pull(call, &error) < 0)
        local_fail(call, false, &error);
    else
        local_look(call);
}

struct operation *local_edit_pull(struct forge *forge, int64_t number, const char *title,
                                  const char *body, forge_callback callback, void *data)
{
    struct local_call *call = about_pull(forge, number, callback, data, edit);

    call->locked = work_edit;
    call->title = memory_copy(title);
    call->body = memory_copy(body);
    return &call->operation;
}

static bool has_comment(struct json_object *list, const char *text)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        const char *found = json_member_text(json_object_array_get_idx(list, i), "text");

        if (found && strcmp(found, text) == 0)
            return true;
    }
    return false;
}

static int add_comment(struct local_call *call, struct json_object *json, struct error *error)
{
    struct json_object *list = list_of(json, "comments");
    struct json_object *comment;

    (void)error;
    if (call->again && has_comment(list, call->body))
        return 0;
    comment = json_object_new_object();
    json_object_object_add(comment, "at", outbox_now());
    json_object_object_add(comment, "text", json_object_new_string(call->body));
    json_object_array_add(list, comment);
    return 1;
}

struct operation *local_comment_pull(struct forge *forge, int64_t number, const char *comment,
                                     bool again, forge_callback callback, void *data)
{
    struct local_call *call = about_pull(forge, number, callback, data, add_comment);

    call->body = memory_copy(comment);
    call->again = again;
    return &call->operation;
}

static bool has_word(struct json_object *list, const char *word)
{
    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *item = json_object_array_get_idx(list, i);

        if (json_object_is_type(item, json_type_string) &&
            strcmp(json_object_get_string(item), word) == 0)
            return true;
    }
    return false;
}

/* Adds words to a list in a pull request. Those in it already stay as they are. */
static int add_words(struct json_object *json, const char *key, const struct config_list *words)
{
    struct json_object *list = list_of(json, key);
    int changed = 0;

    for (size_t i = 0; i < words->count; i++) {
        if (has_word(list, words->items[i]))
            continue;
        json_object_array_add(list, json_object_new_string(words->items[i]));
        changed = 1;
    }
    return changed;
}

static int add_labels(struct local_call *call, struct json_object *json, struct error *error)
{
    (void)error;
    return add_words(json, "labels", &call->local->config->forge.labels);
}

struct operation *local_label_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data)
{
    struct local_call *call = about_pull(forge, number, callback, data, add_labels);

    call->may_be_gone = call->local->config->forge.labels.count == 0;
    return &call->operation;
}

/* Whether this status is there already. */
static bool is_status(struct json_object *status, const struct local_call *call)
{
    const char *const wanted[][2] = {
        {"sha", call->sha},
        {"context", FORGE_STATUS_CONTEXT},
        {"description", call->title},
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        const char *found = json_member_text(status, wanted[i][0]);

        if (!found || strcmp(found, wanted[i][1]) != 0)
            return false;
    }
    return true;
}

static struct json_object *new_status(const struct local_call *call)
{
    struct json_object *status = json_object_new_object();

    json_object_object_add(status, "sha", json_object_new_string(call->sha));
    json_object_object_add(status, "state", json_object_new_string("success"));
    json_object_object_add(status, "context", json_object_new_string(FORGE_STATUS_CONTEXT));
    json_object_object_add(status, "description", json_object_new_string(call->title));
    return status;
}

/* Appends the status, unless it is the last one. */
static int add_status(struct local_call *call, struct json_object *json, struct error *error)
{
    struct json_object *list = list_of(json, "statuses");
    size_t count = json_object_array_length(list);

    (void)error;
    if (count > 0 && is_status(json_object_array_get_idx(list, count - 1), call))
        return 0;
    json_object_array_add(list, new_status(call));
    return 1;
}

struct operation *local_set_status(struct forge *forge, int64_t number, const char *sha,
                                   const char *description, forge_callback callback, void *data)
{
    struct local_call *call = about_pull(forge, number, callback, data, add_status);

    call->sha = memory_copy(sha);
    call->title = memory_copy(description);
    return &call->operation;
}

static int add_reviewers(struct local_call *call, struct json_object *json, struct error *error)
{
    (void)error;
    return add_words(json, "reviewers", &call->local->config->forge.reviewers);
}

struct operation *local_review_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data)
{
    struct local_call *call = about_pull(forge, number, callback, data, add_reviewers);

    call->may_be_gone = call->local->config->forge.reviewers.count == 0;
    return &call->operation;
}
