#include "daemon/forge/gitea.h"

#include "common/encode.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Checks that all that a job needs is there, by requests without effect. After a fault of the base, the
 * prefix, a reviewer or a label the rest is still checked; any other fault ends the check. This file checks
 * what can be read, gitea-rights.c what may be written.
 */

#define BASE_LOOKS 3 /* a repository may still show as empty after a first push */

static void fail(struct gitea_call *call, bool unauthorized, const struct error *error)
{
    gitea_fail(call, &(struct forge_reply){.unauthorized = unauthorized, .retry_after_ms = -1},
               error);
}

/* The reviewers. Each exists, is a person who may read the repository, and is not the one who opens the
 * pull requests. */

static void check_reviewer(struct gitea_call *call);

static const char *reviewer(const struct gitea_call *call)
{
    return call->names.items[call->index];
}

static void next_reviewer(struct gitea_call *call)
{
    call->index++;
    check_reviewer(call);
}

/* The users who can be asked at the forge, without its administrators. For a public repository it only names
 * some of them. If it does not answer, the step finds out. */
static void on_readers(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct error error;

    if (reply->body.status == 403 || reply->body.status == 404) {
        next_reviewer(call);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (!json_object_is_type(reply->json, json_type_array)) {
        gitea_malformed(call, reply, "no list of users");
    } else if (gitea_body_has_login(reply->json, reviewer(call))) {
        next_reviewer(call);
    } else {
        error_set_key(&error, ERROR_PERMANENT, "forge.reviewers",
                      "%s may not read the repository %s/%s, and cannot review there",
                      reviewer(call), call->gitea->config->forge.owner,
                      call->gitea->config->forge.repo);
        gitea_check_fault(call, &error);
        next_reviewer(call);
    }
}

/* An organisation's name is also known as a user's. */
static void on_organisation(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct error error;

    if (reply->body.status == 200) {
        error_set_key(&error, ERROR_PERMANENT, "forge.reviewers",
                      "%s is an organisation, which cannot review", reviewer(call));
        gitea_check_fault(call, &error);
        next_reviewer(call);
    } else if (reply->body.status != 404 && reply->body.status != 403) {
        gitea_refuse(call, reply);
    } else if (call->repository_private && !call->reviewer_is_admin) {
        gitea_send_repository(call, "GET", "/reviewers", NULL, NULL, on_readers);
    } else {
        next_reviewer(call);
    }
}

static void ask_about_reviewer(struct gitea_call *call, const char *place, gitea_next next)
{
    CLEANUP_TEXT struct text path = {0};

    text_append(&path, place);
    encode_append_percent(&path, reviewer(call), "");
    gitea_send(call, "GET", text_string(&path), NULL, NULL, next);
}

static void on_reviewer(struct gitea_call *call, const struct gitea_reply *reply)
{
    const char *login = json_member_text(reply->json, "login");
    struct error error;

    if (reply->body.status == 403) {
        gitea_check_skipped(call, "whether forge.reviewers are users at the forge", reply);
        next_reviewer(call);
    } else if (reply->body.status == 404) {
        error_set_key(&error, ERROR_PERMANENT, "forge.reviewers",
                      "there is no user %s at the forge", reviewer(call));
        gitea_check_fault(call, &error);
        next_reviewer(call);
    } else if (reply->body.status >= 300 && reply->body.status < 400) {
        error_set_key(&error, ERROR_PERMANENT, "forge.reviewers",
                      "%s has another name at the forge now", reviewer(call));
        gitea_check_fault(call, &error);
        next_reviewer(call);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (!login || strcasecmp(login, reviewer(call)) != 0) {
        gitea_malformed(call, reply, "another user or none");
    } else {
        call->reviewer_is_admin = gitea_body_is(reply->json, "is_admin", true);
        ask_about_reviewer(call, "/orgs/", on_organisation);
    }
}

static void check_reviewer(struct gitea_call *call)
{
    struct error error;

    if (call->index == call->names.count) {
        gitea_check_rights(call);
        return;
    }
    if (call->login && strcasecmp(call->login, reviewer(call)) == 0) {
        error_set_key(&error, ERROR_PERMANENT, "forge.reviewers",
                      "%s is the token's own user, who cannot review what it opened",
                      reviewer(call));
        gitea_check_fault(call, &error);
        next_reviewer(call);
        return;
    }
    ask_about_reviewer(call, "/users/", on_reviewer);
}

/* The prefix. A branch that is named like one of its directories leaves no room below it. */

static void check_prefix(struct gitea_call *call);

static void on_prefix(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct error error;

    if (reply->body.status == 404) {
        check_prefix(call);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (!gitea_body_commit(reply->json)) {
        gitea_malformed(call, reply, "no branch");
    } else {
        error_set_key(&error, ERROR_PERMANENT, "forge.branch_prefix",
                      "a branch %s exists, so that there can be none below %s", call->branch,
                      call->gitea->config->forge.branch_prefix);
        gitea_check_fault(call, &error);
        check_prefix(call);
    }
}

/* `index` is how much of the prefix was checked. */
static void check_prefix(struct gitea_call *call)
{
    const char *prefix = call->gitea->config->forge.branch_prefix;
    const char *slash = strchr(prefix + call->index, '/');

    if (!slash) {
        call->index = 0;
        check_reviewer(call);
        return;
    }
    free(call->branch);
    call->branch = memory_copy_bytes(prefix, (size_t)(slash - prefix));
    call->index = (size_t)(slash - prefix) + 1;
    gitea_send_branch(call, call->branch, on_prefix);
}

/* The base. */

static void check_base(struct gitea_call *call);

static void on_base(struct gitea_call *call, const struct gitea_reply *reply)
{
    const struct config *config = call->gitea->config;
    const char *name = json_member_text(reply->json, "name");
    struct error error;

    if (reply->body.status == 404 && call->attempt < BASE_LOOKS) {
        gitea_again(call, check_base);
    } else if (reply->body.status == 404) {
        error_set(&error, ERROR_PERMANENT,
                  call->base_empty
                      ? "forge.base: the repository %s/%s is empty, there is no branch "
                        "%s in it"
                      : "forge.base: the repository %s/%s has no branch %s",
                  config->forge.owner, config->forge.repo, config->forge.base);
        gitea_check_fault(call, &error);
        call->index = 0;
        check_prefix(call);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (!gitea_body_commit(reply->json) || !name || strcmp(name, config->forge.base) != 0) {
        gitea_malformed(call, reply, "no branch");
    } else {
        free(call->sha);
        call->sha = memory_copy(gitea_body_commit(reply->json));
        call->index = 0;
        check_prefix(call);
    }
}

static void check_base(struct gitea_call *call)
{
    gitea_send_branch(call, call->gitea->config->forge.base, on_base);
}

/* The repository. */

/* Returns why jobs cannot use an existing repository, or NULL; and whether that has to be mended at the
 * forge. */
static const char *obstacle(struct json_object *repository, bool *at_forge)
{
    struct json_object *permissions = NULL;

    *at_forge = true;
    json_object_object_get_ex(repository, "permissions", &permissions);
    if (gitea_body_is(repository, "archived", true))
        return "is archived (forge.owner, forge.repo)";
    if (gitea_body_is(repository, "mirror", true))
        return "is a mirror, which nobody can push to (forge.owner, forge.repo)";
    if (gitea_body_is(repository, "has_pull_requests", false))
        return "has its pull requests turned off (forge.owner, forge.repo)";
    *at_forge = false;
    if (gitea_body_is(permissions, "push", false))
        return "may not be pushed to by the token's user (forge.token_file, or its rights at the "
               "forge)";
    return NULL;
}

/* The forge knows by which address people reach it. forge.url may be one of an inner network. */
static void take_web_url(struct gitea *gitea, struct json_object *repository)
{
    const char *url = json_member_text(repository, "html_url");

    if (!url || (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) ||
        strpbrk(url, " \t\r\n<>()\"'`\\") || strcmp(url, gitea->forge.web_url) == 0)
        return;
    free(gitea->forge.web_url);
    gitea->forge.web_url = memory_copy(url);
}

static void on_repository(struct gitea_call *call, const struct gitea_reply *reply)
{
    const struct config *config = call->gitea->config;
    CLEANUP_FREE char *wanted = memory_format("%s/%s", config->forge.owner, config->forge.repo);
    const char *name = json_member_text(reply->json, "full_name");
    struct forge_reply outcome = {.retry_after_ms = -1};
    struct error error;

    if (reply->body.status == 404) {
        error_set(
            &error, ERROR_PERMANENT,
            "the repository %s does not exist, or %s may not see it (forge.owner, forge.repo, "
            "forge.token_file)",
            wanted, call->login ? call->login : "the token's user");
        fail(call, false, &error);
    } else if (reply->body.status != 200) {
        gitea_refuse(call, reply);
    } else if (!name || strcasecmp(name, wanted) != 0) {
        gitea_malformed(call, reply, "another repository or none");
    } else if (obstacle(reply->json, &outcome.at_forge)) {
        error_set(&error, ERROR_PERMANENT, "the repository %s %s", wanted,
                  obstacle(reply->json, &outcome.at_forge));
        gitea_fail(call, &outcome, &error);
    } else {
        take_web_url(call->gitea, reply->json);
        call->repository_private = gitea_body_is(reply->json, "private", true);
        call->base_empty = gitea_body_is(reply->json, "empty", true);
        check_base(call);
    }
}

/* The token. */

static void check_repository(struct gitea_call *call)
{
    gitea_send_repository(call, "GET", "", NULL, NULL, on_repository);
}

static void on_user(struct gitea_call *call, const struct gitea_reply *reply)
{
    const char *login = json_member_text(reply->json, "login");
    struct error error;

    switch (reply->body.status) {
    case 200:
        if (login && *login) {
            call->login = memory_copy(login);
            check_repository(call);
            return;
        }
        if (!json_object_is_type(reply->json, json_type_array)) {
            gitea_malformed(call, reply, "no user");
            return;
        }
        break; /* some servers show an empty list to an invalid token */
    case 403:
        /* A token without the scope read:user can do everything else, but not say who its user is. */
        if (call->names.count)
            gitea_check_skipped(call, "whether forge.reviewers names the token's own user", reply);
        check_repository(call);
        return;
    case 404:
        break;
    default:
        gitea_refuse(call, reply);
        return;
    }
    error_set_key(&error, ERROR_PERMANENT, "forge.token_file",
                  "the forge does not know the token's user (GET /user was answered "
                  "%ld)",
                  reply->body.status);
    fail(call, true, &error);
}

/* The server. */

static void on_version(struct gitea_call *call, const struct gitea_reply *reply)
{
    long status = reply->body.status;
    struct error error;

    if (status == 404) {
        error_set_key(&error, ERROR_PERMANENT, "forge.url",
                      "neither Gitea nor Forgejo answers below %s (GET /version was answered "
                      "404)",
                      call->gitea->api);
        fail(call, false, &error);
    } else if (status == 200 && !json_member_text(reply->json, "version")) {
        gitea_malformed(call, reply, "no version");
    } else if (status == 200 || status == 401 || status == 403) {
        /* If the server shows strangers nothing, the next answer says what is wrong with the token. */
        gitea_send(call, "GET", "/user", NULL, NULL, on_user);
    } else if (gitea_body_foreign(&error, &reply->body)) {
        gitea_fail(call, NULL, &error);
    } else {
        gitea_refuse(call, reply);
    }
}

struct operation *gitea_check(struct forge *forge, forge_callback callback, void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);

    call->names = config_list_copy(&call->gitea->config->forge.reviewers);
    call->anybody = true;
    gitea_send(call, "GET", "/version", NULL, NULL, on_version);
    return &call->operation;
}
