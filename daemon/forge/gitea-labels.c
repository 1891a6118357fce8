#include "daemon/forge/gitea.h"

#include "common/encode.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/*
 * Puts labels on a pull request. A label is known by its id, which is looked up in the repository, then in
 * the organisation that owns it. If it is in neither, it is created. The ids of a call are remembered by name
 * for the next call, which may be about other labels: a reload changes forge.labels.
 *
 * Two calls at a time would both find a label missing and create it twice, which Gitea allows. So calls wait
 * in a list, and only the first one talks to the forge.
 */

#define LABEL_COLOUR "#5319e7"

static void begin_lookup(struct gitea_call *call);
static void create_missing(struct gitea_call *call);

static void on_nothing_to_do(struct gitea_call *call)
{
    gitea_succeed(call, NULL);
}

void gitea_label_forget(struct gitea *gitea)
{
    config_list_clear(&gitea->label_names);
    free(gitea->label_ids);
    gitea->label_ids = NULL;
}

static void remember_ids(struct gitea_call *call)
{
    struct gitea *gitea = call->gitea;

    gitea_label_forget(gitea);
    gitea->label_names = config_list_copy(&call->names);
    gitea->label_ids = memory_new_array(call->names.count, sizeof(int64_t));
    memcpy(gitea->label_ids, call->label_ids, call->names.count * sizeof(int64_t));
}

static int64_t remembered_id(const struct gitea *gitea, const char *name)
{
    for (size_t i = 0; i < gitea->label_names.count; i++)
        if (strcmp(gitea->label_names.items[i], name) == 0)
            return gitea->label_ids[i];
    return 0;
}

/* Returns the first label without a known id, or the number of labels. */
static size_t first_unknown(const struct gitea_call *call)
{
    size_t i = 0;

    while (i < call->names.count && call->label_ids[i] > 0)
        i++;
    return i;
}

static bool all_known(const struct gitea_call *call)
{
    return first_unknown(call) == call->names.count;
}

static void take_ids(struct gitea_call *call, struct json_object *page)
{
    for (size_t i = 0; i < call->names.count; i++) {
        int64_t id = gitea_body_label(page, call->names.items[i]);

        if (call->label_ids[i] == 0 && id > 0)
            call->label_ids[i] = id;
    }
}

/* Whether one label that was put on has removed another one. */
static bool is_excluded(struct gitea_call *call, const struct gitea_reply *reply)
{
    for (size_t i = 0; i < call->names.count; i++) {
        const char *name = call->names.items[i];
        const char *rival = gitea_body_rival(reply->json, name);

        if (gitea_body_has_labels(reply->json, &call->label_ids[i], 1) || !rival)
            continue;
        error_set_key(&call->failure, ERROR_PERMANENT, "forge.labels",
                      "%s and %s exclude each other at the forge, a pull request can have "
                      "one of them only",
                      name, rival);
        return true;
    }
    return false;
}

/* Somebody may have deleted a label, so ids are looked up again. */
static void look_up_again(struct gitea_call *call, const struct gitea_reply *reply)
{
    if (!call->again) {
        call->again = true;
        gitea_label_forget(call->gitea);
        begin_lookup(call);
        return;
    }
    gitea_label_forget(call->gitea);
    if (reply->body.status >= 200 && reply->body.status < 300) {
        gitea_malformed(call, reply, "without the labels that were put on");
        return;
    }
    gitea_body_refusal(&call->failure, &reply->body);
    error_wrap(&call->failure, "forge.labels: cannot put labels on pull request %" PRId64,
               call->number);
    gitea_look_at_refused(call);
}

static void on_labelled(struct gitea_call *call, const struct gitea_reply *reply)
{
    long status = reply->body.status;

    if (status == 404 || status == 422)
        look_up_again(call, reply);
    else if (status < 200 || status >= 300)
        gitea_refuse(call, reply);
    else if (!json_object_is_type(reply->json, json_type_array))
        gitea_malformed(call, reply, "no list of labels");
    /* The forge drops an unknown id without a word. */
    else if (gitea_body_has_labels(reply->json, call->label_ids, call->names.count))
        gitea_succeed(call, NULL);
    else if (is_excluded(call, reply))
        gitea_look_at_refused(call);
    else
        look_up_again(call, reply);
}

static void send_ids(struct gitea_call *call)
{
    CLEANUP_FREE char *path = memory_format("/issues/%" PRId64 "/labels", call->number);
    struct json_object *body = json_object_new_object();
    struct json_object *ids = json_object_new_array();

    for (size_t i = 0; i < call->names.count; i++)
        json_object_array_add(ids, json_object_new_int64(call->label_ids[i]));
    json_object_object_add(body, "labels", ids);
    remember_ids(call);
    gitea_send_repository(call, "POST", path, NULL,
                          json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN),
                          on_labelled);
    json_object_put(body);
}

static void on_created(struct gitea_call *call, const struct gitea_reply *reply)
{
    const char *name = call->names.items[call->index];
    const char *made = json_member_text(reply->json, "name");
    int64_t id = gitea_body_integer(reply->json, "id");

    /* 422: for instance a name that it does not take. */
    if (reply->body.status == 404 || reply->body.status == 422) {
        gitea_body_refusal(&call->failure, &reply->body);
        error_wrap(&call->failure, "forge.labels: label %s cannot be created", name);
        gitea_look_at_refused(call);
    } else if (reply->body.status != 201) {
        gitea_refuse(call, reply);
    } else if (id <= 0 || !made || strcmp(made, name) != 0) {
        gitea_malformed(call, reply, "no label");
    } else {
        for (size_t i = 0; i < call->names.count; i++)
            if (strcmp(call->names.items[i], name) == 0)
                call->label_ids[i] = id;
        create_missing(call);
    }
}

/* Creates the labels that were not found, one at a time, and then goes on. */
static void create_missing(struct gitea_call *call)
{
    struct json_object *body;
    const char *name;

    call->index = first_unknown(call);
    if (call->index == call->names.count) {
        send_ids(call);
        return;
    }
    name = call->names.items[call->index];
    if (!call->gitea->config->forge.create_labels) {
        error_set_key(&call->failure, ERROR_PERMANENT, "forge.labels",
                      "there is no label %s, and forge.create_labels forbids to create it", name);
        gitea_look_at_refused(call);
        return;
    }
    body = json_object_new_object();
    json_object_object_add(body, "name", json_object_new_string(name));
    json_object_object_add(body, "color", json_object_new_string(LABEL_COLOUR));
    gitea_send_repository(call, "POST", "/labels", NULL,
                          json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN), on_created);
    json_object_put(body);
}

/* Takes the labels of a page, then asks for the next page, or goes on after the last one. */
static void take_page(struct gitea_call *call, const struct gitea_reply *reply,
                      void (*next_page)(struct gitea_call *call),
                      void (*go_on)(struct gitea_call *call))
{
    if (reply->body.status != 200) {
        gitea_refuse(call, reply);
        return;
    }
    if (!json_object_is_type(reply->json, json_type_array)) {
        gitea_malformed(call, reply, "no list of labels");
        return;
    }
    take_ids(call, reply->json);
    if (all_known(call) || !gitea_page_more(call, reply) || call->page > GITEA_PAGE_LIMIT)
        go_on(call);
    else
        next_page(call);
}

static void send_organisation_page(struct gitea_call *call);

/* An owner that is no organisation is a 404; a token that may not see organisations gets a 403. Both
 * leave the repository's own labels. */
static void on_organisation_page(struct gitea_call *call, const struct gitea_reply *reply)
{
    if (reply->body.status == 404 || reply->body.status == 403)
        create_missing(call);
    else
        take_page(call, reply, send_organisation_page, create_missing);
}

static void send_organisation_page(struct gitea_call *call)
{
    CLEANUP_TEXT struct text path = {0};

    text_append(&path, "/orgs/");
    encode_append_percent(&path, call->gitea->config->forge.owner, "");
    text_append(&path, "/labels");
    gitea_send_page(call, text_string(&path), "", on_organisation_page);
}

static void send_repository_page(struct gitea_call *call);

static void look_at_organisation(struct gitea_call *call)
{
    call->page = 1;
    call->seen = 0;
    if (all_known(call))
        send_ids(call);
    else
        send_organisation_page(call);
}

static void on_repository_page(struct gitea_call *call, const struct gitea_reply *reply)
{
    if (reply->body.status == 404) {
        gitea_body_refusal(&call->failure, &reply->body);
        error_wrap(&call->failure, "forge.labels");
        gitea_look_at_refused(call);
    } else {
        take_page(call, reply, send_repository_page, look_at_organisation);
    }
}

static void send_repository_page(struct gitea_call *call)
{
    CLEANUP_FREE char *path = memory_format("%s/labels", call->gitea->repository);

    gitea_send_page(call, path, "", on_repository_page);
}

static void begin_lookup(struct gitea_call *call)
{
    for (size_t i = 0; i < call->names.count; i++)
        call->label_ids[i] = remembered_id(call->gitea, call->names.items[i]);
    call->page = 1;
    call->seen = 0;
    if (all_known(call))
        send_ids(call);
    else
        send_repository_page(call);
}

/* Removes a call that ends or is discarded from the list, and lets the next one begin. */
static void leave_line(struct gitea_call *call)
{
    struct gitea *gitea = call->gitea;
    struct gitea_call **place = &gitea->label_calls;
    bool was_first = *place == call;

    while (*place && *place != call)
        place = &(*place)->next_label_call;
    if (!*place)
        return;
    *place = call->next_label_call;
    if (was_first && gitea->label_calls)
        gitea_pause(gitea->label_calls, 0, begin_lookup);
}

struct operation *gitea_label_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);
    struct gitea_call **place = &call->gitea->label_calls;

    call->number = number;
    call->names = config_list_copy(&call->gitea->config->forge.labels);
    call->label_ids = memory_new_array(call->names.count + 1, sizeof(int64_t));
    if (call->names.count == 0) {
        gitea_pause(call, 0, on_nothing_to_do);
        return &call->operation;
    }
    while (*place)
        place = &(*place)->next_label_call;
    *place = call;
    call->leave = leave_line;
    if (place == &call->gitea->label_calls)
        begin_lookup(call);
    return &call->operation;
}
