#include "daemon/forge/gitea.h"

#include "common/encode.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

/* The forge's refusal to make a branch may have three reasons. Looks up which one it is. */
static void on_branch_in_the_way(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_reply outcome = {.retry_after_ms = -1};
    struct error error;

    if (reply->body.status == 200) {
        outcome.conflict = true;
        error_set(&error, ERROR_PERMANENT, "branch %s exists already", call->branch);
    } else if (reply->body.status == 404) {
        error_set(&error, ERROR_PERMANENT,
                  "branch %s cannot be made, another branch or tag stands in its way (mend "
                  "forge.branch_prefix): %s",
                  call->branch, call->failure.message);
    } else {
        gitea_refuse(call, reply);
        return;
    }
    gitea_fail(call, &outcome, &error);
}

static void on_base_of_branch(struct gitea_call *call, const struct gitea_reply *reply)
{
    struct forge_reply outcome = {.retry_after_ms = -1};
    struct error error;

    if (reply->body.status == 200) {
        /* An archived repository is a 404 on some versions as well. */
        outcome.unexplained = call->unexplained;
        if (call->uncertain)
            gitea_fail(call, &outcome, &call->failure);
        else
            gitea_diagnose_404(call, &call->failure);
    } else if (reply->body.status == 404) {
        error_set(&error, ERROR_PERMANENT,
                  "the base branch %s does not exist (mend forge.base): %s",
                  call->gitea->config->forge.base, call->failure.message);
        gitea_diagnose_404(call, &error);
    } else {
        gitea_refuse(call, reply);
    }
}

static void on_branch_created(struct gitea_call *call, const struct gitea_reply *reply)
{
    const char *name = json_member_text(reply->json, "name");
    const char *sha = gitea_body_commit(reply->json);

    switch (reply->body.status) {
    case 201:
        if (sha && name && strcmp(name, call->branch) == 0)
            gitea_succeed(call, &(struct forge_reply){.sha = sha, .retry_after_ms = -1});
        else
            gitea_malformed(call, reply, "no commit of the new branch");
        break;
    case 409:
        gitea_body_refusal(&call->failure, &reply->body);
        gitea_send_branch(call, call->branch, on_branch_in_the_way);
        break;
    case 404:
    case 500: /* newer versions: an unknown base, a rule or a hook */
        gitea_body_refusal(&call->failure, &reply->body);
        call->unexplained = reply->body.status == 500 && gitea_body_is_own(&reply->body);
        call->uncertain = call->failure.kind == ERROR_TRANSIENT;
        gitea_send_branch(call, call->gitea->config->forge.base, on_base_of_branch);
        break;
    default:
        gitea_refuse(call, reply);
    }
}

/* Older versions know old_branch_name, newer ones prefer old_ref_name, which may be a commit, so both
 * are sent. */
static struct operation *create_branch(struct forge *forge, const char *branch, const char *commit,
                                       forge_callback callback, void *data)
{
    struct gitea_call *call = gitea_call_new(forge, callback, data);
    const char *base = call->gitea->config->forge.base;
    struct json_object *body = json_object_new_object();

    call->branch = memory_copy(branch);
    json_object_object_add(body, "new_branch_name", json_object_new_string(branch));
    json_object_object_add(body, "old_branch_name", json_object_new_string(base));
    json_object_object_add(body, "old_ref_name", json_object_new_string(commit));
    gitea_send_repository(call, "POST", "/branches", NULL,
                          json_object_to_json_string_ext(body, JSON_C_TO_STRING_PLAIN),
                          on_branch_created);
    json_object_put(body);
    return &call->operation;
}

static void gitea_free(struct forge *forge)
{
    struct gitea *gitea = (struct gitea *)forge;

    if (gitea->authorization)
        secret_wipe(gitea->authorization, strlen(gitea->authorization));
    free(gitea->authorization);
    free(gitea->api);
    free(gitea->repository);
    gitea_label_forget(gitea);
    free(gitea);
}

static const struct forge_functions functions = {
    .check = gitea_check,
    .create_branch = create_branch,
    .open_pull = gitea_open_pull,
    .list_pulls = gitea_list_pulls,
    .list_changed = gitea_list_changed,
    .look_pull = gitea_look_pull,
    .close_pull = gitea_close_pull,
    .reopen_pull = gitea_reopen_pull,
    .edit_pull = gitea_edit_pull,
    .comment_pull = gitea_comment_pull,
    .label_pull = gitea_label_pull,
    .set_status = gitea_set_status,
    .review_pull = gitea_review_pull,
    .free = gitea_free,
};

static int check_token(const char *token, struct error *error)
{
    if (!token || !*token)
        return error_set(error, ERROR_PERMANENT,
                         "the forge needs a token (forge.token_file, the credential gitea-token or "
                         "GITEA_TOKEN)");
    if (strpbrk(token, "\r\n"))
        return error_set(error, ERROR_PERMANENT,
                         "the token has a line end in it (forge.token_file)");
    return 0;
}

int forge_gitea_new(struct forge **forge, uv_loop_t *loop, const struct config *config,
                    struct http *http, const char *token, struct error *error)
{
    CLEANUP_TEXT struct text path = {0};
    struct gitea *gitea;

    if (check_token(token, error) < 0)
        return -1;
    text_append(&path, "/");
    encode_append_percent(&path, config->forge.owner, "");
    text_append(&path, "/");
    encode_append_percent(&path, config->forge.repo, "");

    gitea = memory_new(sizeof(*gitea));
    gitea->loop = loop;
    gitea->config = config;
    gitea->http = http;
    gitea->api = memory_format("%s/api/v1", config->forge.url);
    gitea->repository = memory_format("/repos%s", text_string(&path));
    gitea->authorization = memory_format("Authorization: token %s", token);
    gitea->forge.functions = &functions;
    gitea->forge.token = memory_copy(token);
    gitea->forge.web_url = memory_format("%s%s", config->forge.url, text_string(&path));
    gitea->forge.git_url = config->forge.git_url ? memory_copy(config->forge.git_url)
                                                 : memory_format("%s.git", gitea->forge.web_url);
    *forge = &gitea->forge;
    return 0;
}
