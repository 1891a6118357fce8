#include "daemon/forge/local.h"

#include "common/log.h"
#include "common/memory.h"
#include "daemon/forge/local-outbox.h"

#include <stdlib.h>
#include <string.h>

#define LIST_SLICE 256 /* files that are read in one turn of the loop */

static const struct log_event event_malformed = {
    .message = "a pull request's file cannot be read; it is skipped",
    .level = LOG_LEVEL_WARNING,
};

static struct operation *look_pull(struct forge *forge, int64_t number, forge_callback callback,
                                   void *data)
{
    struct local_call *call = local_call_new(forge, callback, data, local_look);

    call->number = number;
    return &call->operation;
}

static void work_open(struct local_call *call)
{
    struct outbox_entry entry = {
        .title = call->title,
        .head = call->branch,
        .base = call->local->config->forge.base,
        .sha = call->sha,
        .body = call->body,
    };
    struct error error;

    if (outbox_add(&call->number, local_outbox(call), &entry, &error) < 0)
        local_fail(call, false, &error);
    else
        local_look(call);
}

static struct operation *open_pull(struct forge *forge, const char *branch, const char *sha,
                                   const char *title, const char *body, forge_callback callback,
                                   void *data)
{
    struct local_call *call = local_call_new_locked(forge, callback, data, work_open);

    call->branch = memory_copy(branch);
    call->sha = memory_copy(sha);
    call->title = memory_copy(title);
    call->body = memory_copy(body);
    return &call->operation;
}

static int list_one(struct local_call *call, int64_t number, struct error *error)
{
    struct json_object *json;
    struct forge_pull pull;

    if (outbox_read(&json, local_outbox(call), number, error) < 0) {
        /* It may be open in an editor, and is one of many. */
        log_event(&event_malformed, LOG_INTEGER("pull", number),
                  LOG_TEXT("reason", error->message));
        return 0;
    }
    if (!json) /* removed since it was listed */
        return 0;
    outbox_pull(&pull, json, number);
    if (pull.state == PULL_OPEN && strcmp(pull.head, call->branch) == 0)
        return local_add_pull(call, json, number, error);
    json_object_put(json);
    return 0;
}

/* Reads a slice of the files, and goes on in the loop's next turn. */
static void work_slice(struct local_call *call)
{
    struct error error;

    for (unsigned i = 0; i < LIST_SLICE && call->index < call->number_count; i++) {
        if (list_one(call, call->numbers[call->index++], &error) < 0) {
            local_fail(call, false, &error);
            return;
        }
    }
    if (call->index < call->number_count)
        local_later(call, work_slice);
    else
        local_succeed(call, NULL);
}

static void work_list(struct local_call *call)
{
    struct error error;

    if (outbox_numbers(&call->numbers, &call->number_count, local_outbox(call), &error) < 0)
        local_fail(call, false, &error);
    else
        work_slice(call);
}

static struct operation *list_pulls(struct forge *forge, const char *branch,
                                    forge_callback callback, void *data)
{
    struct local_call *call = local_call_new(forge, callback, data, work_list);

    call->branch = memory_copy(branch);
    return &call->operation;
}

/* Listing what changed: looks when each file was written, a slice at a time, and then reads a page of
 * them. A file that cannot be parsed is skipped until somebody writes it again. */

static int compare_changes(const void *a, const void *b)
{
    const struct local_change *left = a, *right = b;

    if (left->changed_ms != right->changed_ms)
        return left->changed_ms < right->changed_ms ? 1 : -1;
    return (left->number < right->number) - (left->number > right->number);
}

static void read_page(struct local_call *call)
{
    size_t first = (size_t)(call->page - 1) * LIST_SLICE;

    qsort(call->changes, call->number_count, sizeof(*call->changes), compare_changes);
    for (size_t i = first; i < call->number_count && i < first + LIST_SLICE; i++) {
        const struct local_change *change = &call->changes[i];
        struct json_object *json;
        struct error ignored;

        if (outbox_read(&json, local_outbox(call), change->number, &ignored) == 0 && json &&
            local_add_pull(call, json, change->number, &ignored) == 0)
            call->pulls[call->pull_count - 1].changed_ms = change->changed_ms;
    }
    call->more = first + LIST_SLICE < call->number_count;
    local_succeed(call, NULL);
}

static void work_changes(struct local_call *call)
{
    for (unsigned i = 0; i < LIST_SLICE && call->index < call->number_count; i++) {
        int64_t number = call->numbers[call->index];

        call->changes[call->index++] = (struct local_change){
            .number = number,
            .changed_ms = outbox_changed_ms(local_outbox(call), number),
        };
    }
    if (call->index < call->number_count)
        local_later(call, work_changes);
    else
        read_page(call);
}

static void work_list_changed(struct local_call *call)
{
    struct error error;

    if (outbox_numbers(&call->numbers, &call->number_count, local_outbox(call), &error) < 0) {
        local_fail(call, false, &error);
        return;
    }
    call->changes = memory_new_array(call->number_count + 1, sizeof(*call->changes));
    work_changes(call);
}

static struct operation *list_changed(struct forge *forge, unsigned page, forge_callback callback,
                                      void *data)
{
    struct local_call *call = local_call_new(forge, callback, data, work_list_changed);

    call->page = page;
    return &call->operation;
}

static void local_free(struct forge *forge)
{
    free(forge);
}

int forge_local_new(struct forge **forge, uv_loop_t *loop, const struct config *config,
                    struct error *error)
{
    static const struct forge_functions functions = {
        .check = local_check,
        .create_branch = local_create_branch,
        .open_pull = open_pull,
        .list_pulls = list_pulls,
        .list_changed = list_changed,
        .look_pull = look_pull,
        .close_pull = local_close_pull,
        .reopen_pull = local_reopen_pull,
        .note_head = local_note_head,
        .edit_pull = local_edit_pull,
        .comment_pull = local_comment_pull,
        .label_pull = local_label_pull,
        .set_status = local_set_status,
        .review_pull = local_review_pull,
        .free = local_free,
    };
    struct local *local;

    if (!config->forge.path || !config->forge.outbox)
        return error_set_key(error, ERROR_PERMANENT, "forge.path",
                             "the local forge needs a bare repository and an outbox");
    local = memory_new(sizeof(*local));
    local->loop = loop;
    local->config = config;
    local->forge.functions = &functions;
    local->forge.looks_cost_nothing = true;
    local->forge.git_url = memory_copy(config->forge.git_url ? config->forge.git_url
                                                             : config->forge.path);
    *forge = &local->forge;
    return 0;
}
