#include "daemon/forge/gitea.h"

#include "common/memory.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void succeed_with(struct gitea_call *call, const struct forge_pull *pull)
{
    gitea_succeed(call, &(struct forge_reply){
                            .pulls = pull,
                            .pull_count = 1,
                            .retry_after_ms = -1,
                        });
}

/* Reads the pull request that was asked for. Ends the call if it is another one or none. */
static int take_pull(struct gitea_call *call, const struct gitea_reply *reply,
                     struct forge_pull *pull)
{
    if (gitea_body_pull(pull, reply->json) < 0) {
        gitea_malformed(call, reply, "no pull request");
        return -1;
    }
    if (call->number && pull->number != call->number) {
        gitea_malformed(call, reply, "another pull request");
        return -1;
    }
    return 0;
}

static void send_pull(struct gitea_call *call, const char *method, const char *body,
                      gitea_next next)
{
    CLEANUP_FREE char *path = memory_format("/pulls/%" PRId64, call->number);

    gitea_send_repository(call, method, path, NULL, body, next);
}

/* Looking at one. */

static void on_looked(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_pull pull;
    struct error gone;

    if (reply->body.status == 404) {
        error_set(&gone, ERROR_PERMANENT, "there is no pull request %" PRId64, call->number);
        gitea_diagnose_404(call, &gone);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (take_pull(call, reply, &pull) == 0) {
        succeed_with(call, &pull);
    }
}

struct operation *gitea_look_pull(struct forge *forge, int64_t number, forge_callback callback,
                                  void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);

    call->number = number;
    send_pull(call, "GET", NULL, on_looked);
    return &call->operation;
}

/* Opening. The forge may not know of the push yet: then there is no such branch, or no changes, or the
 * branch still shows its earlier commit. */

static void send_open(struct gitea_call *call);

static void send_look_again(struct gitea_call *call);

static void on_opened_again(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_pull pull;

    if (reply->body.status == 404 && gitea_again(call, send_look_again))
        return;
    if (reply->body.status != 200) {
        gitea_refuse(call, reply);
        return;
    }
    if (take_pull(call, reply, &pull) < 0)
        return;
    if (strcmp(pull.sha, call->sha) != 0 && gitea_again(call, send_look_again))
        return;
    succeed_with(call, &pull);
}

static void send_look_again(struct gitea_call *call)
{
    send_pull(call, "GET", NULL, on_opened_again);
}

static void take_opened(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_pull pull;

    if (take_pull(call, reply, &pull) < 0)
        return;
    if (strcmp(pull.head, call->branch) != 0) {
        gitea_malformed(call, reply, "another pull request");
        return;
    }
    call->number = pull.number;
    call->uncertain = true; /* it is open; what follows checks that it shows the right commit */
    if (strcmp(pull.sha, call->sha) != 0 && gitea_again(call, send_look_again))
        return;
    succeed_with(call, &pull);
}

static void refuse_conflict(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_reply outcome = {.retry_after_ms = -1, .conflict = true};
    struct error error;

    gitea_body_refusal(&error, &reply->body);
    gitea_fail(call, &outcome, &error);
}

static void on_opened(struct gitea_call *call, const struct gitea_reply *reply)
{
    long status = reply->body.status;
    struct error error;

    if (status == 201)
        take_opened(call, reply);
    else if (status == 409)
        refuse_conflict(call, reply);
    else if ((status == 404 || status == 422) && gitea_again(call, send_open))
        return;
    else if (status == 404) {
        gitea_body_refusal(&error, &reply->body);
        error_wrap(&error, "the forge does not know branch %s, or the base %s (forge.base)",
                   call->branch, call->gitea->config->forge.base);
        gitea_diagnose_404(call, &error);
    } else {
        gitea_refuse(call, reply);
    }
}

static void send_open(struct gitea_call *call)
{
    gitea_send_repository(call, "POST", "/pulls", NULL, call->body, on_opened);
}

struct operation *gitea_open_pull(struct forge *forge, const char *branch, const char *sha,
                                  const char *title, const char *body, forge_callback callback,
                                  void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);
    struct json_object *json = json_object_new_object();

    json_object_object_add(json, "head", json_object_new_string(branch));
    json_object_object_add(json, "base", json_object_new_string(call->gitea->config->forge.base));
    json_object_object_add(json, "title", json_object_new_string(title));
    json_object_object_add(json, "body", json_object_new_string(body));
    call->body = memory_copy(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN));
    json_object_put(json);
    call->branch = memory_copy(branch);
    call->sha = memory_copy(sha);
    send_open(call);
    return &call->operation;
}

/* Listing. Newer versions can look one up by base and head, but return one only, whatever its state. So
 * all pages of open ones are read. */

static void send_list(struct gitea_call *call);

static void succeed_with_list(struct gitea_call *call)
{
    struct forge_reply outcome = {.retry_after_ms = -1};
    struct forge_pull *pulls = gitea_body_pulls(call->kept, &outcome.pull_count);

    outcome.pulls = pulls;
    gitea_succeed(call, &outcome);
    free(pulls);
}

static void on_listed(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct error error;

    if (reply->body.status == 404) {
        if (gitea_again(call, send_list))
            return;
        gitea_body_refusal(&error, &reply->body);
        gitea_diagnose_404(call, &error);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (gitea_body_keep_pulls(call->kept, reply->json, call->branch) < 0) {
        gitea_malformed(call, reply, "no list of pull requests");
    } else if (!gitea_page_more(call, reply)) {
        /* Some servers show a private repository as an empty one to a bad token. */
        if (call->seen == 0)
            gitea_diagnose_empty(call);
        else
            succeed_with_list(call);
    } else if (call->page > GITEA_PAGE_LIMIT) {
        error_set(&error, ERROR_PERMANENT,
                  "there are more than %d open pull requests to look through",
                  GITEA_PAGE_LIMIT * GITEA_PAGE_SIZE);
        gitea_fail(call, &(struct forge_reply){.installation = true, .retry_after_ms = -1}, &error);
    } else {
        send_list(call);
    }
}

static void send_list(struct gitea_call *call)
{
    CLEANUP_FREE char *path = memory_format("%s/pulls", call->gitea->repository);

    gitea_send_page(call, path, "state=open", on_listed);
}

struct operation *gitea_list_pulls(struct forge *forge, const char *branch, forge_callback callback,
                                   void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);

    call->branch = memory_copy(branch);
    call->kept = json_object_new_array();
    call->page = 1;
    send_list(call);
    return &call->operation;
}

/* Listing what changed. */

static void on_changed(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_reply outcome = {.retry_after_ms = -1};
    struct forge_pull *pulls;
    struct error error;

    if (reply->body.status == 404) {
        gitea_body_refusal(&error, &reply->body);
        gitea_diagnose_404(call, &error);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (!json_object_is_type(reply->json, json_type_array)) {
        gitea_malformed(call, reply, "no list of pull requests");
    } else if (call->page == 1 && json_object_array_length(reply->json) == 0) {
        gitea_diagnose_empty(call); /* a private repository looks like this to a bad token */
    } else {
        pulls = gitea_body_pulls(reply->json, &outcome.pull_count);
        outcome.pulls = pulls;
        outcome.more = gitea_page_more(call, reply);
        gitea_succeed(call, &outcome);
        free(pulls);
    }
}

static void send_changed(struct gitea_call *call)
{
    CLEANUP_FREE char *path = memory_format("%s/pulls", call->gitea->repository);

    gitea_send_page(call, path, "state=all&sort=recentupdate", on_changed);
}

struct operation *gitea_list_changed(struct forge *forge, unsigned page, forge_callback callback,
                                     void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);

    call->page = page;
    send_changed(call);
    return &call->operation;
}

/* Closing, and opening again. A refusal counts only if the pull request is not in the wanted state. */

static bool is_as_wanted(const struct gitea_call *call, const struct forge_pull *pull)
{
    return (pull->state == PULL_OPEN) == call->reopens;
}

static void on_state_looked(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_pull pull;

    if (reply->body.status == 404) {
        gitea_diagnose_404(call, call->reopens ? &call->failure : NULL);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (take_pull(call, reply, &pull) == 0) {
        if (is_as_wanted(call, &pull))
            gitea_succeed(call, NULL);
        else if (call->reopens || call->depends)
            gitea_fail(call, &(struct forge_reply){.retry_after_ms = -1, .this_only = true},
                       &call->failure);
        else
            gitea_diagnose_404(call, &call->failure);
    }
}

static void on_state_changed(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_pull pull;
    long status = reply->body.status;

    if (status == 404 || status == 409 || status == 412 || status == 422) {
        gitea_body_refusal(&call->failure, &reply->body);
        call->depends = status == 412;
        send_pull(call, "GET", NULL, on_state_looked);
    } else if (status < 200 || status >= 300) {
        gitea_refuse(call, reply);
    } else if (take_pull(call, reply, &pull) == 0) {
        if (is_as_wanted(call, &pull))
            gitea_succeed(call, NULL);
        else
            gitea_malformed(call, reply, "a pull request in another state than was asked for");
    }
}

struct operation *gitea_close_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);

    call->number = number;
    send_pull(call, "PATCH", "{\"state\":\"closed\"}", on_state_changed);
    return &call->operation;
}

struct operation *gitea_reopen_pull(struct forge *forge, int64_t number, forge_callback callback,
                                    void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);

    call->number = number;
    call->reopens = true;
    send_pull(call, "PATCH", "{\"state\":\"open\"}", on_state_changed);
    return &call->operation;
}

/* Another title or body. */

static void on_edited(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_pull pull;
    struct error error;

    if (reply->body.status == 404) {
        gitea_body_refusal(&error, &reply->body);
        gitea_diagnose_404(call, &error);
    } else if (reply->body.status < 200 || reply->body.status >= 300) {
        gitea_refuse(call, reply);
    } else if (take_pull(call, reply, &pull) == 0) {
        succeed_with(call, &pull);
    }
}

struct operation *gitea_edit_pull(struct forge *forge, int64_t number, const char *title,
                                  const char *body, forge_callback callback, void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);
    struct json_object *json = json_object_new_object();

    if (title)
        json_object_object_add(json, "title", json_object_new_string(title));
    if (body)
        json_object_object_add(json, "body", json_object_new_string(body));
    call->number = number;
    send_pull(call, "PATCH", json_object_to_json_string_ext(json, JSON_C_TO_STRING_PLAIN),
              on_edited);
    json_object_put(json);
    return &call->operation;
}
