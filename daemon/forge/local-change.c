/*
 * The calls that change a pull request of a local forge. Each reads its N.json under the lock of the
 * outbox, and writes it back if something changed.
 */

#include "common/memory.h"
#include "daemon/forge/local-outbox.h"
#include "daemon/forge/local.h"

#include <inttypes.h>
#include <string.h>

/* Reads a pull request that must be there. */
static int read_pull(struct local_call *call, struct json_object **json, struct error *error)
{
    if (outbox_read(json, call->local->config->forge.outbox, call->number, error) < 0)
        return -1;
    if (!*json)
        return error_set(error, ERROR_PERMANENT, "there is no pull request %" PRId64 " in %s",
                         call->number, call->local->config->forge.outbox);
    return 0;
}

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

static struct operation *about_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data, void (*work)(struct local_call *call))
{
    struct local_call *call = local_call_new_locked(forge, callback, data, work);

    call->number = number;
    return &call->operation;
}

/* Changes the state from one to another; any other state stays. A missing pull request stays missing. */
static void work_state(struct local_call *call, enum pull_state from, const char *to)
{
    struct json_object *json;
    struct forge_pull pull;
    struct error error;
    int result = 0;

    if (outbox_read(&json, call->local->config->forge.outbox, call->number, &error) < 0) {
        local_fail(call, false, &error);
        return;
    }
    if (json) {
        outbox_pull(&pull, json, call->number);
        if (pull.state == from) {
            json_object_object_add(json, "state", json_object_new_string(to));
            result = outbox_write(call->local->config->forge.outbox, call->number, json, &error);
        }
        json_object_put(json);
    }
    if (result < 0)
        local_fail(call, false, &error);
    else
        local_succeed(call, NULL);
}

static void work_close(struct local_call *call)
{
    work_state(call, PULL_OPEN, "closed");
}

struct operation *local_close_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data)
{
    return about_pull(forge, number, callback, data, work_close);
}

static void work_reopen(struct local_call *call)
{
    struct forge_reply reply = {.retry_after_ms = -1, .this_only = true};
    struct json_object *json;
    struct forge_pull pull;
    struct error error;

    if (read_pull(call, &json, &error) < 0) {
        local_fail_with(call, &reply, &error);
        return;
    }
    outbox_pull(&pull, json, call->number);
    if (pull.state == PULL_MERGED) {
        error_set(&error, ERROR_PERMANENT, "pull request %" PRId64 " was merged", call->number);
        local_fail_with(call, &reply, &error);
    } else {
        work_state(call, PULL_CLOSED, "open");
    }
    json_object_put(json);
}

struct operation *local_reopen_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data)
{
    return about_pull(forge, number, callback, data, work_reopen);
}

static void work_note_head(struct local_call *call)
{
    struct json_object *json;
    struct error error;
    int result;

    if (read_pull(call, &json, &error) < 0) {
        local_fail(call, false, &error);
        return;
    }
    json_object_object_add(json, "sha", json_object_new_string(call->sha));
    result = outbox_write(call->local->config->forge.outbox, call->number, json, &error);
    json_object_put(json);
    if (result < 0)
        local_fail(call, false, &error);
    else
        local_succeed(call, NULL);
}

struct operation *local_note_head(struct forge *forge, int64_t number, const char *sha,
                                  forge_callback callback, void *data)
{
    struct operation *operation = about_pull(forge, number, callback, data, work_note_head);
    struct local_call *call = (struct local_call *)operation;

    call->sha = memory_copy(sha);
    return operation;
}

static int edit(struct local_call *call, struct json_object *json, struct error *error)
{
    if (call->body &&
        outbox_write_body(call->local->config->forge.outbox, call->number, call->body, error) < 0)
        return -1;
    if (!call->title)
        return 0;
    json_object_object_add(json, "title", json_object_new_string(call->title));
    return outbox_write(call->local->config->forge.outbox, call->number, json, error);
}

static void work_edit(struct local_call *call)
{
    struct json_object *json;
    struct error error;
    int result;

    if (read_pull(call, &json, &error) < 0) {
        local_fail(call, false, &error);
        return;
    }
    result = edit(call, json, &error);
    json_object_put(json);
    if (result < 0)
        local_fail(call, false, &error);
    else
        local_look(call);
}

struct operation *local_edit_pull(struct forge *forge, int64_t number, const char *title,
                                  const char *body, forge_callback callback, void *data)
{
    struct operation *operation = about_pull(forge, number, callback, data, work_edit);
    struct local_call *call = (struct local_call *)operation;

    call->title = memory_copy(title);
    call->body = memory_copy(body);
    return operation;
}

static bool has_comment(struct json_object *list, const char *text)
{
    struct json_object *found;

    for (size_t i = 0; i < json_object_array_length(list); i++) {
        struct json_object *comment = json_object_array_get_idx(list, i);

        if (json_object_object_get_ex(comment, "text", &found) &&
            json_object_is_type(found, json_type_string) &&
            strcmp(json_object_get_string(found), text) == 0)
            return true;
    }
    return false;
}

static void work_comment(struct local_call *call)
{
    struct json_object *json, *list, *comment;
    struct error error;
    int result = 0;

    if (read_pull(call, &json, &error) < 0) {
        local_fail(call, false, &error);
        return;
    }
    list = list_of(json, "comments");
    if (!call->again || !has_comment(list, call->body)) {
        comment = json_object_new_object();
        json_object_object_add(comment, "at", outbox_now());
        json_object_object_add(comment, "text", json_object_new_string(call->body));
        json_object_array_add(list, comment);
        result = outbox_write(call->local->config->forge.outbox, call->number, json, &error);
    }
    json_object_put(json);
    if (result < 0)
        local_fail(call, false, &error);
    else
        local_succeed(call, NULL);
}

struct operation *local_comment_pull(struct forge *forge, int64_t number, const char *comment,
                                     bool again, forge_callback callback, void *data)
{
    struct operation *operation = about_pull(forge, number, callback, data, work_comment);
    struct local_call *call = (struct local_call *)operation;

    call->body = memory_copy(comment);
    call->again = again;
    return operation;
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
static void work_words(struct local_call *call, const char *key, const struct config_list *words)
{
    struct json_object *json, *list;
    struct error error;
    int result = 0;
    bool changed = false;

    if (words->count == 0) {
        local_succeed(call, NULL);
        return;
    }
    if (read_pull(call, &json, &error) < 0) {
        local_fail(call, false, &error);
        return;
    }
    list = list_of(json, key);
    for (size_t i = 0; i < words->count; i++) {
        if (has_word(list, words->items[i]))
            continue;
        json_object_array_add(list, json_object_new_string(words->items[i]));
        changed = true;
    }
    if (changed)
        result = outbox_write(call->local->config->forge.outbox, call->number, json, &error);
    json_object_put(json);
    if (result < 0)
        local_fail(call, false, &error);
    else
        local_succeed(call, NULL);
}

static void work_label(struct local_call *call)
{
    work_words(call, "labels", &call->local->config->forge.labels);
}

struct operation *local_label_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data)
{
    return about_pull(forge, number, callback, data, work_label);
}

/* Whether this status is there already. */
static bool is_status(struct json_object *status, const struct local_call *call)
{
    const char *const wanted[][2] = {
        {"sha", call->sha},
        {"context", FORGE_STATUS_CONTEXT},
        {"description", call->title},
    };
    struct json_object *found;

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        if (!json_object_object_get_ex(status, wanted[i][0], &found) ||
            !json_object_is_type(found, json_type_string) ||
            strcmp(json_object_get_string(found), wanted[i][1]) != 0)
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
static void work_status(struct local_call *call)
{
    struct json_object *json, *list;
    struct error error;
    int result = 0;
    size_t count;

    if (read_pull(call, &json, &error) < 0) {
        local_fail(call, false, &error);
        return;
    }
    list = list_of(json, "statuses");
    count = json_object_array_length(list);
    if (count == 0 || !is_status(json_object_array_get_idx(list, count - 1), call)) {
        json_object_array_add(list, new_status(call));
        result = outbox_write(call->local->config->forge.outbox, call->number, json, &error);
    }
    json_object_put(json);
    if (result < 0)
        local_fail(call, false, &error);
    else
        local_succeed(call, NULL);
}

struct operation *local_set_status(struct forge *forge, int64_t number, const char *sha,
                                   const char *description, forge_callback callback, void *data)
{
    struct operation *operation = about_pull(forge, number, callback, data, work_status);
    struct local_call *call = (struct local_call *)operation;

    call->sha = memory_copy(sha);
    call->title = memory_copy(description);
    return operation;
}

static void work_review(struct local_call *call)
{
    work_words(call, "reviewers", &call->local->config->forge.reviewers);
}

struct operation *local_review_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data)
{
    return about_pull(forge, number, callback, data, work_review);
}
