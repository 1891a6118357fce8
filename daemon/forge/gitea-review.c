#include "daemon/forge/gitea.h"

#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"

#include <inttypes.h>
#include <string.h>

/*
 * Asks all reviewers in one request. If that is refused and there are several, asks them one by one: so the
 * others are asked, and the error names the one that cannot be.
 */

static void send_all(struct gitea_call *call);
static void send_one(struct gitea_call *call);

static void on_nothing_to_do(struct gitea_call *call)
{
    gitea_succeed(call, NULL);
}

/* Appends the reviewers of this request: all, or one of them. */
static void append_reviewers(struct gitea_call *call, struct text *text)
{

    for (size_t i = 0; i < call->names.count; i++)
        if (!call->again || i == call->index)
            text_append_format(text, "%s%s", text->length ? ", " : "", call->names.items[i]);
}

/* Keeps the first refusal, with which the call ends. */
static void remember_refusal(struct gitea_call *call, const struct gitea_reply *reply)
{
    CLEANUP_TEXT struct text names = {0};

    if (call->failure.kind != ERROR_NONE)
        return;
    append_reviewers(call, &names);
    gitea_body_refusal(&call->failure, &reply->body);
    error_wrap(&call->failure, "forge.reviewers: %s cannot be asked for a review",
               text_string(&names));
}

static bool is_asked_already(const struct gitea_reply *reply)
{
    CLEANUP_TEXT struct text words = {0};

    gitea_body_message(&words, reply->body.body, reply->body.body_length);
    return strstr(text_string(&words), "already") != NULL;
}

/* A closed pull request is refused like a reviewer who cannot be asked, also with a 403, which then says
 * nothing about the token. If it is open, the reviewer or the token is wrong, and no experiment is to
 * blame. */
static void on_refused_looked(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_reply outcome = {.retry_after_ms = -1};
    struct forge_pull pull;

    if (!gitea_shows_pull(call, reply, &pull))
        return;
    outcome.installation = pull.state == PULL_OPEN;
    if (!outcome.installation)
        error_set(&call->failure, ERROR_PERMANENT,
                  "pull request %" PRId64 " is not open any more, nothing was put on it",
                  call->number);
    gitea_fail(call, &outcome, &call->failure);
}

void gitea_look_at_refused(struct gitea_call *call)
{
    CLEANUP_FREE char *path = memory_format("/pulls/%" PRId64, call->number);

    gitea_send_repository(call, "GET", path, NULL, NULL, on_refused_looked);
}

/* Goes on with the next reviewer, or ends with the first refusal. */
static void next_reviewer(struct gitea_call *call)
{
    call->index++;
    if (call->index < call->names.count)
        send_one(call);
    else if (call->failure.kind == ERROR_NONE)
        gitea_succeed(call, NULL);
    else
        gitea_look_at_refused(call);
}

static void on_asked(struct gitea_call *call, const struct gitea_reply *reply)
{
    long status = reply->body.status;

    if (status >= 200 && status < 300) {
        if (call->again)
            next_reviewer(call);
        else
            gitea_succeed(call, NULL);
    } else if (status == 403) {
        gitea_body_refusal(&call->failure, &reply->body);
        gitea_look_at_refused(call);
    } else if (status != 404 && status != 409 && status != 422) {
        gitea_refuse(call, reply);
    } else if (!call->again && call->names.count > 1) {
        call->again = true;
        send_one(call);
    } else {
        if (!is_asked_already(reply))
            remember_refusal(call, reply);
        call->again = true;
        next_reviewer(call);
    }
}

static void send_names(struct gitea_call *call, struct json_object *names)
{
    CLEANUP_FREE char *path = memory_format("/pulls/%" PRId64 "/requested_reviewers", call->number);
    struct json_object *body = json_object_new_object();

    json_object_object_add(body, "reviewers", names);
    gitea_send_repository(call, "POST", path, NULL,
                          json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN), on_asked);
    json_object_put(body);
}

static void send_one(struct gitea_call *call)
{
    struct json_object *names = json_object_new_array();
    const char *name = call->names.items[call->index];

    json_object_array_add(names, json_object_new_string(name));
    send_names(call, names);
}

static void send_all(struct gitea_call *call)
{
    struct json_object *names = json_object_new_array();

    for (size_t i = 0; i < call->names.count; i++)
        json_object_array_add(names, json_object_new_string(call->names.items[i]));
    send_names(call, names);
}

struct operation *gitea_review_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);

    call->number = number;
    call->names = config_list_copy(&call->gitea->config->forge.reviewers);
    if (call->names.count == 0)
        gitea_pause(call, 0, on_nothing_to_do);
    else
        send_all(call);
    return &call->operation;
}
