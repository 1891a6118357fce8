#include "daemon/forge/gitea.h"

#include "common/encode.h"
#include "common/json.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void release(struct gitea_call *call)
{
    json_object_put(call->kept);
    config_list_clear(&call->names);
    free(call->label_ids);
    free(call->path);
    free(call->branch);
    free(call->sha);
    free(call->body);
    free(call->comment);
    free(call->login);
    free(call->unchecked);
    free(call);
}

static void leave(struct gitea_call *call)
{
    if (call->leave)
        call->leave(call);
}

static void discard(struct operation *operation)
{
    struct gitea_call *call = (struct gitea_call *)operation;

    operation_clear(&call->under_way);
    leave(call);
    release(call);
}

struct gitea_call *gitea_call_new(struct forge *forge, forge_callback callback, void *data)
{
    struct gitea_call *call = memory_new(sizeof(*call));

    call->operation.discard = discard;
    call->gitea = (struct gitea *)forge;
    call->callback = callback;
    call->data = data;
    return call;
}

/* Before our memory is freed, the callback comes last: it may discard other calls or free the forge. */
static void end(struct gitea_call *call, const struct forge_reply *outcome,
                const struct error *error)
{
    static const struct forge_reply nothing = {.retry_after_ms = -1};

    leave(call);
    call->callback(call->data, outcome ? outcome : &nothing, error);
    release(call);
}

void gitea_succeed(struct gitea_call *call, const struct forge_reply *outcome)
{
    end(call, outcome, NULL);
}

void gitea_check_fault(struct gitea_call *call, const struct error *error)
{
    size_t length = strlen(call->faults.message);

    if (call->faults.kind == ERROR_NONE)
        call->faults = *error;
    else
        snprintf(call->faults.message + length, sizeof(call->faults.message) - length, "; %s",
                 error->message);
}

/* What a check has found until then is not lost. */
void gitea_fail(struct gitea_call *call, const struct forge_reply *outcome,
                const struct error *error)
{
    struct error clean;

    if (call->faults.kind != ERROR_NONE && error != &call->faults && error->kind == ERROR_PERMANENT)
        gitea_check_fault(call, error);
    clean = call->faults.kind != ERROR_NONE ? call->faults : *error;
    secret_scrub(clean.message);
    end(call, outcome, &clean);
}

/* A permanent error would say that nothing was done. For an uncertain call, that is not known. */
static void fail_unless_uncertain(struct gitea_call *call, struct forge_reply *outcome,
                                  struct error *error)
{
    if (call->uncertain && error->kind == ERROR_PERMANENT) {
        error->kind = ERROR_TRANSIENT;
        outcome->unauthorized = false;
    }
    gitea_fail(call, outcome, error);
}

void gitea_refuse(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct error error;
    struct forge_reply outcome = {.retry_after_ms = -1};

    outcome.unauthorized = gitea_body_refusal(&error, &reply->body);
    if (error.kind == ERROR_TRANSIENT)
        outcome.retry_after_ms = reply->response->retry_after_ms;
    fail_unless_uncertain(call, &outcome, &error);
}

void gitea_malformed(struct gitea_call *call, const struct gitea_reply *reply, const char *what)
{
    struct error error;

    gitea_body_malformed(&error, &reply->body, what);
    gitea_fail(call, NULL, &error);
}

bool gitea_shows_pull(struct gitea_call *call, const struct gitea_reply *reply,
                      struct forge_pull *pull)
{
    struct error refused = call->failure;

    if (reply->body.status == 404)
        gitea_diagnose_404(call, &refused);
    else if (reply->body.status != 200)
        gitea_refuse(call, reply);
    else if (gitea_body_pull(pull, reply->json) < 0 || pull->number != call->number)
        gitea_malformed(call, reply, "no pull request");
    else
        return true;
    return false;
}

static void on_wordless_looked(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_pull pull;

    if (gitea_shows_pull(call, reply, &pull))
        gitea_fail(call, &(struct forge_reply){.installation = true, .retry_after_ms = -1},
                   &call->failure);
}

/* The forge itself refuses some changes of a pull request without a word, as something in front of it may do.
 * If it shows the pull request, the refusal is its own, and the user lacks a right. */
static bool look_at_wordless(struct gitea_call *call, const struct gitea_body *body)
{
    CLEANUP_FREE char *path = memory_format("/pulls/%" PRId64, call->number);

    if (body->status != 403 || body->body_length || !call->number ||
        strcmp(body->method, "GET") == 0)
        return false;
    gitea_body_refusal(&call->failure, body);
    gitea_send_repository(call, "GET", path, NULL, NULL, on_wordless_looked);
    return true;
}

static void on_response(void *data, const struct http_response *response, const struct error *error)
{
    struct gitea_call *call = data;
    CLEANUP_FREE char *path = TAKE(call->path);
    struct gitea_reply reply = {.response = response};
    struct error problem;
    bool anybody;

    call->under_way = NULL;
    anybody = call->anybody;
    call->anybody = false;
    if (error) {
        /* The request may have arrived, whatever the error was. */
        problem = *error;
        problem.kind = ERROR_TRANSIENT;
        gitea_fail(call, NULL, &problem);
        return;
    }
    reply.body = (struct gitea_body){
        .method = call->method,
        .path = path,
        .status = response->status,
        .body = response->body,
        .body_length = response->body_length,
        .location = response->location,
    };
    if (!anybody && gitea_body_foreign(&problem, &reply.body)) {
        if (!look_at_wordless(call, &reply.body))
            gitea_fail(call, NULL, &problem);
        return;
    }
    if (response->status >= 200 && response->status < 300 &&
        gitea_body_parse(&reply.json, &reply.body, &problem) < 0) {
        gitea_fail(call, NULL, &problem);
        return;
    }
    call->next(call, &reply);
    json_object_put(reply.json);
}

void gitea_send(struct gitea_call *call, const char *method, const char *path, const char *query,
                const char *body, gitea_next next)
{
    struct gitea *gitea = call->gitea;
    CLEANUP_FREE char *url = memory_format("%s%s%s", gitea->api, path, query ? query : "");
    const char *const headers[] = {
        gitea->authorization,
        "Accept: application/json",
        NULL,
    };
    struct http_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .body = body,
        .timeout_ms = gitea->config->forge.timeout_ms,
        .body_limit = GITEA_BODY_LIMIT,
    };

    free(call->path);
    call->path = memory_copy(path);
    call->method = method;
    call->next = next;
    call->under_way = http_send(gitea->http, &request, on_response, call);
}

void gitea_send_repository(struct gitea_call *call, const char *method, const char *path,
                           const char *query, const char *body, gitea_next next)
{
    CLEANUP_FREE char *whole = memory_format("%s%s", call->gitea->repository, path);

    gitea_send(call, method, whole, query, body, next);
}

/* The slashes of a branch are not encoded: Gitea takes both forms, but some proxies fail on an encoded
 * one. */
void gitea_send_branch(struct gitea_call *call, const char *branch, gitea_next next)
{
    CLEANUP_TEXT struct text path = {0};

    text_append(&path, "/branches");
    while (branch) {
        const char *slash = strchr(branch, '/');
        CLEANUP_FREE char *part = memory_copy_bytes(branch, slash ? (size_t)(slash - branch)
                                                                  : strlen(branch));

        text_append(&path, "/");
        encode_append_percent(&path, part, "");
        branch = slash ? slash + 1 : NULL;
    }
    gitea_send_repository(call, "GET", text_string(&path), NULL, NULL, next);
}

void gitea_send_page(struct gitea_call *call, const char *path, const char *query, gitea_next next)
{
    CLEANUP_FREE char *whole = memory_format("?%s%slimit=%d&page=%u", query, *query ? "&" : "",
                                             GITEA_PAGE_SIZE, call->page);

    gitea_send(call, "GET", path, whole, NULL, next);
}

bool gitea_page_more(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct gitea_page page = {
        .count = json_object_array_length(reply->json),
        .total_count = reply->response->total_count,
        .has_next = reply->response->has_next,
    };

    call->seen += page.count;
    page.seen = call->seen;
    if (!gitea_body_more(&page))
        return false;
    call->page++;
    return true;
}

static void on_pause_over(void *data)
{
    struct gitea_call *call = data;

    call->under_way = NULL;
    call->pause_over(call);
}

void gitea_pause(struct gitea_call *call, uint64_t ms, void (*over)(struct gitea_call *call))
{
    call->pause_over = over;
    call->under_way = loop_after(call->gitea->loop, ms, on_pause_over, call);
}

bool gitea_again(struct gitea_call *call, void (*over)(struct gitea_call *call))
{
    static const uint64_t pauses_ms[] = {250, 750, 1500, 2500, 5000};

    if (call->attempt >= sizeof(pauses_ms) / sizeof(pauses_ms[0]))
        return false;
    gitea_pause(call, pauses_ms[call->attempt++], over);
    return true;
}

static void on_judged_user(struct gitea_call *call, const struct gitea_reply *reply)
{
    const struct config *config = call->gitea->config;
    struct forge_reply outcome = {.unauthorized = true, .retry_after_ms = -1};
    struct error error;

    /* A token without the scope for /user is valid all the same. */
    if (reply->body.status != 200 && reply->body.status != 403) {
        gitea_refuse(call, reply);
        return;
    }
    error_set(&error, ERROR_PERMANENT,
              "the repository %s/%s does not exist, or the token may not see it (mend forge.owner, "
              "forge.repo or forge.token_file)",
              config->forge.owner, config->forge.repo);
    fail_unless_uncertain(call, &outcome, &error);
}

static void end_judged(struct gitea_call *call)
{
    if (call->failure_is_answer)
        gitea_succeed(call, NULL);
    else
        gitea_fail(call, &(struct forge_reply){.gone = true, .retry_after_ms = -1}, &call->failure);
}

static void fail_without_pulls(struct gitea_call *call)
{
    const struct config *config = call->gitea->config;
    struct forge_reply outcome = {.unauthorized = true, .at_forge = true, .retry_after_ms = -1};
    struct error error;

    error_set(&error, ERROR_PERMANENT,
              "the pull requests of the repository %s/%s are out of reach: they are turned off, or "
              "the token's user has no right to them (forge.owner, forge.repo, forge.token_file)",
              config->forge.owner, config->forge.repo);
    fail_unless_uncertain(call, &outcome, &error);
}

bool gitea_shows_pulls(struct gitea_call *call, const struct gitea_reply *reply)
{
    if (reply->body.status == 404)
        fail_without_pulls(call);
    else if (reply->body.status != 200)
        gitea_refuse(call, reply);
    else if (!json_object_is_type(reply->json, json_type_array))
        gitea_malformed(call, reply, "no list of pull requests");
    else
        return true;
    return false;
}

/* If no pull request can be seen, it proves nothing that this one cannot. */
static void on_judged_pulls(struct gitea_call *call, const struct gitea_reply *reply)
{
    if (gitea_shows_pulls(call, reply))
        end_judged(call);
}

static void on_judged_repository(struct gitea_call *call, const struct gitea_reply *reply)
{
    const struct config *config = call->gitea->config;
    struct forge_reply outcome = {.unauthorized = true, .retry_after_ms = -1};
    struct error error;

    if (reply->body.status == 404) {
        gitea_send(call, "GET", "/user", NULL, NULL, on_judged_user);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (!json_member_text(reply->json, "full_name")) {
        gitea_malformed(call, reply, "no repository");
    } else if (call->failure_is_answer && !call->among_pulls) {
        gitea_succeed(call, NULL);
    } else if (gitea_body_is(reply->json, "archived", true)) {
        error_set(&error, ERROR_PERMANENT,
                  "the repository %s/%s is archived (forge.owner, forge.repo): %s",
                  config->forge.owner, config->forge.repo, call->failure.message);
        fail_unless_uncertain(call, &outcome, &error);
    } else if (call->among_pulls) {
        gitea_send_repository(call, "GET", "/pulls", "?state=all&limit=1", NULL, on_judged_pulls);
    } else {
        end_judged(call);
    }
}

void gitea_diagnose_404(struct gitea_call *call, const struct error *gone)
{
    call->failure_is_answer = gone == NULL;
    call->among_pulls = true;
    if (gone)
        call->failure = *gone;
    gitea_send_repository(call, "GET", "", NULL, NULL, on_judged_repository);
}

void gitea_diagnose_empty(struct gitea_call *call)
{
    call->failure_is_answer = true;
    gitea_send_repository(call, "GET", "", NULL, NULL, on_judged_repository);
}
