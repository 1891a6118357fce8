#include "daemon/forge/gitea.h"

#include "common/json.h"
#include "common/memory.h"

#include <inttypes.h>
#include <string.h>

/*
 * Comments. To Gitea a pull request is an issue with comments, all of which come in one answer.
 */

static void send_comments(struct gitea_call *call, const char *method, const char *body,
                          gitea_next next)
{
    CLEANUP_FREE char *path = memory_format("/issues/%" PRId64 "/comments", call->number);

    gitea_send_repository(call, method, path, NULL, body, next);
}

/* Whether it is the one that was to be made. Gitea may take blanks off its ends. */
static bool is_made(const struct gitea_call *call, struct json_object *comment)
{
    const char *body = json_member_text(comment, "body");

    return body && strcmp(body, call->comment) == 0;
}

/* A locked conversation is refused like a token that may not comment at all. So the pull request is looked
 * at: if it is there, the refusal is about this one only. */
static void on_refused_looked(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_pull pull;

    if (gitea_shows_pull(call, reply, &pull))
        gitea_fail(call, &(struct forge_reply){.retry_after_ms = -1, .this_only = true},
                   &call->failure);
}

static void on_commented(struct gitea_call *call, const struct gitea_reply *reply)
{
    CLEANUP_FREE char *path = memory_format("/pulls/%" PRId64, call->number);
    long status = reply->body.status;

    if (status == 201 && is_made(call, reply->json)) {
        gitea_succeed(call, NULL);
    } else if (status == 201) {
        gitea_malformed(call, reply, "no comment of ours");
    } else if (status == 403 || status == 404 || status == 422) {
        gitea_body_refusal(&call->failure, &reply->body);
        call->failure.kind = ERROR_PERMANENT;
        error_wrap(&call->failure, "pull request %" PRId64 " takes no comment", call->number);
        gitea_send_repository(call, "GET", path, NULL, NULL, on_refused_looked);
    } else {
        gitea_refuse(call, reply);
    }
}

static void send_comment(struct gitea_call *call)
{
    struct json_object *body = json_object_new_object();

    json_object_object_add(body, "body", json_object_new_string(call->comment));
    send_comments(call, "POST", json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN),
                  on_commented);
    json_object_put(body);
}

static void on_comments(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct error error;

    if (reply->body.status == 404) {
        gitea_body_refusal(&error, &reply->body);
        gitea_diagnose_404(call, &error);
        return;
    }
    if (reply->body.status != 200) {
        gitea_refuse(call, reply);
        return;
    }
    if (!json_object_is_type(reply->json, json_type_array)) {
        gitea_malformed(call, reply, "no list of comments");
        return;
    }
    for (size_t i = 0; i < json_object_array_length(reply->json); i++) {
        if (is_made(call, json_object_array_get_idx(reply->json, i))) {
            gitea_succeed(call, NULL);
            return;
        }
    }
    send_comment(call);
}

struct operation *gitea_comment_pull(struct forge *forge, int64_t number, const char *comment,
                                     bool again, forge_callback callback, void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);

    call->number = number;
    call->comment = memory_copy(comment);
    if (again)
        send_comments(call, "GET", NULL, on_comments);
    else
        send_comment(call);
    return &call->operation;
}
