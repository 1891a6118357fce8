#include "daemon/forge/gitea.h"

#include "common/json.h"
#include "common/memory.h"

#include <string.h>

/*
 * The commit status. Each request adds one, and the latest of a context counts, so a repeated request does no
 * harm.
 */

static void on_set(struct gitea_call *call, const struct gitea_reply *reply)
{
    const char *context = json_member_text(reply->json, "context");
    long status = reply->body.status;

    if (status == 201 && context && strcmp(context, FORGE_STATUS_CONTEXT) == 0) {
        gitea_succeed(call, NULL);
    } else if (status == 201) {
        gitea_malformed(call, reply, "no status of ours");
    } else if (status == 400 || status == 404 || status == 422) {
        gitea_body_refusal(&call->failure, &reply->body);
        error_wrap(&call->failure, "forge.status: commit %s gets no status", call->sha);
        gitea_look_at_refused(call);
    } else {
        gitea_refuse(call, reply);
    }
}

struct operation *gitea_set_status(struct forge *forge, int64_t number, const char *sha,
                                   const char *description, forge_callback callback, void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);
    CLEANUP_FREE char *path = memory_format("/statuses/%s", sha);
    struct json_object *body = json_object_new_object();

    call->number = number;
    call->sha = memory_copy(sha);
    json_object_object_add(body, "state", json_object_new_string("success"));
    json_object_object_add(body, "context", json_object_new_string(FORGE_STATUS_CONTEXT));
    json_object_object_add(body, "description", json_object_new_string(description));
    gitea_send_repository(call, "POST", path, NULL,
                          json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN), on_set);
    json_object_put(body);
    return &call->operation;
}
