#include "daemon/forge/gitea.h"

#include "common/encode.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

/*
 * The second half of a check: whether pull requests can be reached, what the token may write, and the labels.
 *
 * Where only a request that writes can tell, it is sent for number 0, which no pull request has. The answer
 * is "not found" to a token with the right, and "forbidden" to one without it. Nothing changes.
 */

static void fail(struct gitea_call *call, const struct error *error)
{
    gitea_fail(call, NULL, error);
}

/* All was checked. */
static void succeed(struct gitea_call *call)
{
    if (call->faults.kind != ERROR_NONE)
        fail(call, &call->faults);
    else
        gitea_succeed(call, &(struct forge_reply){
                                .sha = call->sha,
                                .unchecked = call->unchecked,
                                .retry_after_ms = -1,
                            });
}

void gitea_check_skipped(struct gitea_call *call, const char *what, const struct gitea_reply *reply)
{
    CLEANUP_FREE char *before = TAKE(call->unchecked);
    CLEANUP_TEXT struct text words = {0};

    gitea_body_message(&words, reply->body.body, reply->body.body_length);
    call->unchecked = memory_format("%s%s%s (GET %s was answered %ld: %s)", before ? before : "",
                                    before ? "; " : "", what, reply->body.path, reply->body.status,
                                    text_string(&words));
}

/* The labels. */

static void judge_labels(struct gitea_call *call)
{
    const struct config *config = call->gitea->config;
    const struct config_list *labels = &config->forge.labels;
    struct error error;

    for (size_t i = 0; i < labels->count; i++) {
        const char *name = labels->items[i];

        if (!config->forge.create_labels && gitea_body_label(call->kept, name) <= 0) {
            error_set_key(&error, ERROR_PERMANENT, "forge.labels",
                          "there is no label %s, and forge.create_labels forbids to "
                          "create it",
                          name);
            gitea_check_fault(call, &error);
        }
    }
    succeed(call);
}

/* Keeps the configured labels only, as there may be many others. */
static void keep_labels(struct gitea_call *call, struct json_object *page)
{
    const struct config_list *labels = &call->gitea->config->forge.labels;

    for (size_t i = 0; i < json_object_array_length(page); i++) {
        struct json_object *label = json_object_array_get_idx(page, i);
        const char *name = json_member_text(label, "name");

        for (size_t j = 0; name && j < labels->count; j++) {
            if (strcasecmp(name, labels->items[j]) == 0) {
                json_object_array_add(call->kept, json_object_get(label));
                break;
            }
        }
    }
}

/* Takes a page of labels. Returns whether it was the last one; anything wrong has ended the call. */
static bool take_labels(struct gitea_call *call, const struct gitea_reply *reply, bool *last)
{
    if (reply->body.status != 200) {
        gitea_refuse(call, reply);
        return false;
    }
    if (!json_object_is_type(reply->json, json_type_array)) {
        gitea_malformed(call, reply, "no list of labels");
        return false;
    }
    keep_labels(call, reply->json);
    *last = !gitea_page_more(call, reply) || call->page > GITEA_PAGE_LIMIT;
    return true;
}

static void send_organisation_labels(struct gitea_call *call);

/* An owner that is no organisation is a 404. */
static void on_organisation_labels(struct gitea_call *call, const struct gitea_reply *reply)
{
    bool last;

    if (reply->body.status == 403)
        gitea_check_skipped(call,
                            "whether the owner has labels of forge.labels: one that it has is made "
                            "once more, in the repository",
                            reply);
    if (reply->body.status == 404 || reply->body.status == 403)
        judge_labels(call);
    else if (take_labels(call, reply, &last)) {
        if (last)
            judge_labels(call);
        else
            send_organisation_labels(call);
    }
}

static void send_organisation_labels(struct gitea_call *call)
{
    CLEANUP_TEXT struct text path = {0};

    text_append(&path, "/orgs/");
    encode_append_percent(&path, call->gitea->config->forge.owner, "");
    text_append(&path, "/labels");
    gitea_send_page(call, text_string(&path), "", on_organisation_labels);
}

static bool all_kept(const struct gitea_call *call)
{
    const struct config_list *labels = &call->gitea->config->forge.labels;

    for (size_t i = 0; i < labels->count; i++)
        if (gitea_body_label(call->kept, labels->items[i]) <= 0)
            return false;
    return true;
}

static bool labels_exclude(struct gitea_call *call, struct error *error)
{
    const struct config_list *labels = &call->gitea->config->forge.labels;

    for (size_t i = 0; i < labels->count; i++) {
        const char *name = labels->items[i];
        const char *rival = gitea_body_rival(call->kept, name);

        if (!rival || !gitea_body_is(gitea_body_find_label(call->kept, name), "exclusive", true))
            continue;
        error_set_key(error, ERROR_PERMANENT, "forge.labels",
                      "%s and %s exclude each other at the forge, a pull request can have "
                      "one of them only",
                      name, rival);
        return true;
    }
    return false;
}

static void send_labels(struct gitea_call *call);

static void on_labels(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct error error;
    bool last;

    if (!take_labels(call, reply, &last))
        return;
    if (!last) {
        send_labels(call);
        return;
    }
    call->page = 1;
    call->seen = 0;
    if (labels_exclude(call, &error))
        fail(call, &error);
    else if (all_kept(call))
        succeed(call);
    else
        send_organisation_labels(call);
}

static void send_labels(struct gitea_call *call)
{
    CLEANUP_FREE char *path = memory_format("%s/labels", call->gitea->repository);

    gitea_send_page(call, path, "", on_labels);
}

/* The token's rights to write. */

static void on_may_label(struct gitea_call *call, const struct gitea_reply *reply)
{
    if (reply->body.status != 404) {
        gitea_refuse(call, reply);
    } else if (call->gitea->config->forge.labels.count == 0) {
        succeed(call);
    } else {
        call->kept = json_object_new_array();
        call->page = 1;
        send_labels(call);
    }
}

static void on_may_write(struct gitea_call *call, const struct gitea_reply *reply)
{
    if (reply->body.status != 404)
        gitea_refuse(call, reply);
    else /* also without labels: a comment needs the same right */
        gitea_send_repository(call, "POST", "/issues/0/labels", NULL, "{\"labels\":[]}",
                              on_may_label);
}

/* The pull requests. */

static void on_pulls(struct gitea_call *call, const struct gitea_reply *reply)
{
    if (gitea_shows_pulls(call, reply))
        gitea_send_repository(call, "PATCH", "/pulls/0", NULL, "{}", on_may_write);
}

void gitea_check_rights(struct gitea_call *call)
{
    gitea_send_repository(call, "GET", "/pulls", "?state=all&limit=1", NULL, on_pulls);
}
