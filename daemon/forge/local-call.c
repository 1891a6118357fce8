#include "daemon/forge/local.h"

#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "daemon/forge/local-outbox.h"

#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#define LOCK_AGAIN_MS  20
#define LOCK_WITHIN_MS 5000

static void release(struct local_call *call)
{
    if (call->lock >= 0)
        close(call->lock);
    for (size_t i = 0; i < call->pull_count; i++) {
        json_object_put(call->jsons[i]);
        free(call->bodies[i]);
        free(call->urls[i]);
    }
    free(call->jsons);
    free(call->bodies);
    free(call->urls);
    free(call->pulls);
    free(call->numbers);
    free(call->changes);
    free(call->branch);
    free(call->sha);
    free(call->title);
    free(call->body);
    free(call->problem);
    free(call);
}

static void discard(struct operation *operation)
{
    struct local_call *call = (struct local_call *)operation;

    operation_clear(&call->under_way);
    release(call);
}

static void on_turn(void *data)
{
    struct local_call *call = data;

    call->under_way = NULL;
    call->work(call);
}

void local_later(struct local_call *call, void (*work)(struct local_call *call))
{
    call->work = work;
    call->under_way = loop_after(call->local->loop, 0, on_turn, call);
}

struct local_call *local_call_new(struct forge *forge, forge_callback callback, void *data,
                                  void (*work)(struct local_call *call))
{
    struct local_call *call = memory_new(sizeof(*call));

    call->operation.discard = discard;
    call->local = (struct local *)forge;
    call->lock = -1;
    call->callback = callback;
    call->data = data;
    local_later(call, work);
    return call;
}

static void end(struct local_call *call, const struct forge_reply *reply, const struct error *error)
{
    /* Before the callback, which may start the next call. */
    if (call->lock >= 0)
        close(call->lock);
    call->lock = -1;
    call->callback(call->data, reply, error);
    release(call);
}

void local_succeed(struct local_call *call, const char *sha)
{
    struct forge_reply reply = {
        .sha = sha,
        .pulls = call->pulls,
        .pull_count = call->pull_count,
        .more = call->more,
        .retry_after_ms = -1,
    };

    end(call, &reply, NULL);
}

void local_fail_with(struct local_call *call, const struct forge_reply *reply,
                     const struct error *error)
{
    struct error clean = *error;

    secret_scrub(clean.message);
    end(call, reply, &clean);
}

void local_fail(struct local_call *call, bool conflict, const struct error *error)
{
    local_fail_with(call, &(struct forge_reply){.retry_after_ms = -1, .conflict = conflict}, error);
}

const char *local_outbox(const struct local_call *call)
{
    return call->local->config->forge.outbox;
}

/* Calls `call->locked` under the lock of the outbox. People and scripts have it for a moment only. */
static void work_lock(struct local_call *call)
{
    struct error error;
    int taken = outbox_lock(&call->lock, local_outbox(call), &error);

    if (taken > 0) {
        call->locked(call);
        return;
    }
    if (taken == 0 && uv_now(call->local->loop) - call->wanted_since < LOCK_WITHIN_MS) {
        call->work = work_lock;
        call->under_way = loop_after(call->local->loop, LOCK_AGAIN_MS, on_turn, call);
        return;
    }
    if (taken == 0)
        error_set(&error, ERROR_TRANSIENT, "another process has the lock of %s",
                  local_outbox(call));
    local_fail(call, false, &error);
}

struct local_call *local_call_new_locked(struct forge *forge, forge_callback callback, void *data,
                                         void (*work)(struct local_call *call))
{
    struct local_call *call = local_call_new(forge, callback, data, work_lock);

    call->locked = work;
    call->wanted_since = uv_now(call->local->loop);
    return call;
}

int local_add_pull(struct local_call *call, struct json_object *json, int64_t number,
                   struct error *error)
{
    char *body;

    if (outbox_read_body(&body, local_outbox(call), number, error) < 0) {
        json_object_put(json);
        return -1;
    }
    size_t count = call->pull_count++;

    call->pulls = memory_resize(call->pulls, call->pull_count * sizeof(*call->pulls));
    call->jsons = memory_resize(call->jsons, call->pull_count * sizeof(*call->jsons));
    call->bodies = memory_resize(call->bodies, call->pull_count * sizeof(*call->bodies));
    outbox_pull(&call->pulls[count], json, number);
    call->urls = memory_resize(call->urls, call->pull_count * sizeof(*call->urls));
    call->urls[count] = memory_format("%s/%" PRId64 ".md", local_outbox(call), number);
    call->pulls[count].body = body;
    call->pulls[count].url = call->urls[count];
    call->jsons[count] = json;
    call->bodies[count] = body;
    return 0;
}

/* While the outbox is there, a missing file was removed: the pull request is closed. One that cannot be
 * parsed says nothing about the others. */
void local_look(struct local_call *call)
{
    struct forge_reply reply = {.retry_after_ms = -1, .this_only = true};
    struct json_object *json;
    struct error error;

    if (outbox_read(&json, local_outbox(call), call->number, &error) < 0) {
        local_fail_with(call, &reply, &error);
    } else if (!json) {
        reply.gone = outbox_is_there(local_outbox(call));
        reply.this_only = reply.gone;
        error_set(&error, reply.gone ? ERROR_PERMANENT : ERROR_TRANSIENT,
                  "there is no pull request %" PRId64 " in %s", call->number, local_outbox(call));
        local_fail_with(call, &reply, &error);
    } else if (local_add_pull(call, json, call->number, &error) < 0) {
        local_fail_with(call, &reply, &error);
    } else {
        local_succeed(call, NULL);
    }
}
