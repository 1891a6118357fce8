#include "daemon/forge/local.h"

#include "common/file.h"
#include "common/memory.h"
#include "common/process.h"
#include "common/text.h"
#include "daemon/git/elsewhere.h"
#include "daemon/git/hash.h"
#include "daemon/git/lock.h"

#include <stdlib.h>
#include <string.h>

#define GIT_DEADLINE_MS  60000
#define GIT_OUTPUT_LIMIT 65536

static void run_git(struct local_call *call, const char *const *arguments,
                    process_callback callback)
{
    const struct git_elsewhere command = {
        .git_dir = call->local->config->forge.path,
        .arguments = arguments,
        /* If it were killed, it would leave a lock in a repository that is not ours. */
        .manner = PROCESS_LEFT,
        .deadline_ms = GIT_DEADLINE_MS,
        .output_limit = GIT_OUTPUT_LIMIT,
    };

    call->under_way = git_start_elsewhere(call->local->loop, &command, callback, call);
}

/* Asks git what a branch points at: exit status 0 and the hash, or 1 and nothing. */
static void look_at(struct local_call *call, const char *branch, process_callback callback)
{
    CLEANUP_FREE char *name = memory_format("refs/heads/%s^{commit}", branch);

    run_git(call, (const char *const[]){"rev-parse", "--verify", "--quiet", name, NULL}, callback);
}

/* Returns what git printed, without its line end; the caller frees it. */
static char *printed(const struct process_result *result)
{
    return memory_copy_bytes(result->output, strcspn(result->output, "\n"));
}

static void set_git_error(struct error *error, enum error_kind kind, const char *doing,
                          const struct process_result *result)
{
    CLEANUP_TEXT struct text words = {0};
    char how[PROCESS_DESCRIPTION_SIZE];

    process_describe(how, sizeof(how), result);
    text_append_line(&words, result->errors, 300);
    error_set(error, kind, "%s: git %s%s%s", doing, how, words.length ? ": " : "",
              text_string(&words));
}

/*
 * Makes a branch at a commit where the base was a moment ago, unless it exists.
 *
 * The repository pushes to itself, so that its hooks are asked now, as they are when the branch is moved and
 * deleted. If they refuse now, nothing is left, and no experiment is to blame: the commit is the base's.
 */

/* A push of what is there already succeeds, whatever the lease. */
static bool was_made(const char *output)
{
    return strstr(output, "[new branch]");
}

static bool was_declined(const char *output)
{
    return strstr(output, "[remote rejected]") &&
           (strstr(output, " declined") || strstr(output, "(deny "));
}

static void fail_declined(struct local_call *call)
{
    struct error error;

    error_set_key(&error, ERROR_PERMANENT, "forge.path",
                  "a hook or a rule of %s does not let branch %s be made: %s",
                  call->local->config->forge.path, call->branch, call->problem);
    local_fail_with(call, &(struct forge_reply){.retry_after_ms = -1, .installation = true},
                    &error);
}

static void on_blocked_looked(void *data, const struct process_result *result)
{
    struct local_call *call = data;
    bool blocked = strstr(call->problem, "; cannot create '") != NULL;
    struct error error;

    call->under_way = NULL;
    if (call->declined && process_exited(result, 1)) {
        fail_declined(call);
        return;
    }
    if (process_exited(result, 0)) {
        error_set(&error, ERROR_PERMANENT, "branch %s exists already", call->branch);
        local_fail(call, true, &error);
        return;
    }
    error_set(&error, blocked ? ERROR_PERMANENT : ERROR_TRANSIENT, "branch %s cannot be made%s: %s",
              call->branch,
              blocked ? ", another one stands in its way (mend forge.branch_prefix)" : "",
              call->problem);
    local_fail(call, false, &error);
}

static void on_branch_made(void *data, const struct process_result *result)
{
    struct local_call *call = data;
    CLEANUP_TEXT struct text words = {0};

    call->under_way = NULL;
    if (process_exited(result, 0) && was_made(result->output)) {
        local_succeed(call, call->sha);
        return;
    }
    call->declined = was_declined(result->output);
    if (!lock_explain(&words, result->errors))
        text_append_line(&words, result->errors, 300);
    call->problem = text_take(&words);
    look_at(call, call->branch, on_blocked_looked);
}

/* The lease is on nothing: it must not exist. */
static void work_branch(struct local_call *call)
{
    CLEANUP_FREE char *lease = memory_format("--force-with-lease=refs/heads/%s:", call->branch);
    CLEANUP_FREE char *refspec = memory_format("%s:refs/heads/%s", call->sha, call->branch);
    const char *const arguments[] = {
        "push", "--porcelain", "--no-verify", lease, call->local->config->forge.path, refspec, NULL,
    };

    run_git(call, arguments, on_branch_made);
}

struct operation *local_create_branch(struct forge *forge, const char *branch, const char *commit,
                                      forge_callback callback, void *data)
{
    struct local_call *call = local_call_new(forge, callback, data, work_branch);

    call->branch = memory_copy(branch);
    call->sha = memory_copy(commit);
    return &call->operation;
}

/*
 * The check: a bare repository that can be written to, the base, room below the prefix. The outbox is a
 * question of its own (installation.h). It touches nothing: --check-config makes it as well, often as another
 * user than the daemon's.
 */

static void check_prefix(struct local_call *call);

static void on_check_prefix(void *data, const struct process_result *result)
{
    struct local_call *call = data;
    struct error error;

    call->under_way = NULL;
    if (process_exited(result, 0)) {
        error_set_key(&error, ERROR_PERMANENT, "forge.branch_prefix",
                      "a branch %s exists, so that there can be none below %s", call->branch,
                      call->local->config->forge.branch_prefix);
        local_fail(call, false, &error);
    } else if (!process_exited(result, 1)) {
        set_git_error(&error, ERROR_TRANSIENT, "cannot look at the branches", result);
        local_fail(call, false, &error);
    } else {
        check_prefix(call);
    }
}

static void check_prefix(struct local_call *call)
{
    const char *prefix = call->local->config->forge.branch_prefix;
    const char *slash = strchr(prefix + call->index, '/');

    if (!slash) {
        local_succeed(call, call->sha);
        return;
    }
    free(call->branch);
    call->branch = memory_copy_bytes(prefix, (size_t)(slash - prefix));
    call->index = (size_t)(slash - prefix) + 1;
    look_at(call, call->branch, on_check_prefix);
}

static void on_check_base(void *data, const struct process_result *result)
{
    struct local_call *call = data;
    const struct config *config = call->local->config;
    struct error error;

    call->under_way = NULL;
    if (process_exited(result, 0)) {
        call->sha = printed(result);
        check_prefix(call);
        return;
    }
    if (process_exited(result, 1))
        error_set_key(&error, ERROR_PERMANENT, "forge.base", "there is no branch %s in %s",
                      config->forge.base, config->forge.path);
    else
        set_git_error(&error, ERROR_TRANSIENT, "forge.base", result);
    local_fail(call, false, &error);
}

static void on_check_repository(void *data, const struct process_result *result)
{
    struct local_call *call = data;
    const char *path = call->local->config->forge.path;
    CLEANUP_FREE char *objects = memory_format("%s/objects", path);
    CLEANUP_FREE char *bare = printed(result);
    struct error error;

    call->under_way = NULL;
    if (result->end != PROCESS_EXITED)
        set_git_error(&error, ERROR_TRANSIENT, "forge.path", result);
    else if (result->status != 0)
        set_git_error(&error, ERROR_PERMANENT, "forge.path is no git repository", result);
    else if (strcmp(bare, "true") != 0)
        error_set_key(&error, ERROR_PERMANENT, "forge.path", "%s is no bare repository", path);
    else if (file_check_writable(objects, &error) < 0)
        error_wrap(&error, "forge.path");
    else {
        look_at(call, call->local->config->forge.base, on_check_base);
        return;
    }
    local_fail(call, false, &error);
}

static void work_check(struct local_call *call)
{
    run_git(call, (const char *const[]){"rev-parse", "--is-bare-repository", NULL},
            on_check_repository);
}

struct operation *local_check(struct forge *forge, forge_callback callback, void *data)
{
    return &local_call_new(forge, callback, data, work_check)->operation;
}
