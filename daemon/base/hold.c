#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/secret.h"
#include "common/text.h"
#include "daemon/base/internal.h"
#include "daemon/events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static void on_notice(void *data)
{
    struct base *base = data;

    base->notice = NULL;
    base->options.changed(base->options.data);
}

static void give_notice(struct base *base)
{
    if (!base->notice)
        base->notice = loop_after(base->options.loop, 0, on_notice, base);
}

void base_end_hold(struct base *base)
{
    operation_clear(&base->pause);
    operation_clear(&base->trial);
    operation_clear(&base->look);
    free(TAKE(base->held));
    free(TAKE(base->held_results));
    base->held_count = 0;
}

void base_try_again(struct base *base, const char *why)
{
    base_end_hold(base);
    base->failed.state = BASE_UNKNOWN;
    log_event(&event_base_again, LOG_TEXT("reason", why));
    give_notice(base);
}

static void pause_hold(struct base *base);

void base_tried(void *data, const struct base_verdict *verdict, const char *waits,
                const struct error *error)
{
    struct base *base = data;

    base->trial = NULL;
    if (error || waits || verdict->unbegun)
        pause_hold(base);
    else
        base_try_again(base, "the command starts again");
}

static void on_pause_over(void *data)
{
    struct base *base = data;

    base->pause = NULL;
    if (base->held_status != EX_CONFIG) {
        base_try_again(base, "an hour has passed");
        return;
    }
    base->failed.state = BASE_UNKNOWN;
    base->begin_trial(base);
}

/* A command that starts nothing is mended on this machine, which no look at the forge shows. */
static void pause_hold(struct base *base)
{
    uint64_t pause_ms = base->held_status == EX_CONFIG ? BASE_MINUTE_MS : BASE_HOUR_MS;

    base->pause = loop_after(base->options.loop, pause_ms, on_pause_over, base);
}

static void look(void *data);

static void look_later(struct base *base)
{
    uint64_t poll_ms = base->options.config->forge.poll_ms;

    if (poll_ms)
        base->look = loop_after(base->options.loop, poll_ms, look, base);
}

static void on_looked(void *data, const struct repository_refs *refs, const struct error *error)
{
    struct base *base = data;

    base->look = NULL;
    if (error || !*refs->base || strcmp(refs->base, base->held_commit) == 0)
        look_later(base);
    else
        base_try_again(base, "the base has moved");
}

static void look(void *data)
{
    struct base *base = data;

    base->look = repository_look(base->options.repository, NULL, on_looked, base);
}

static void begin_hold(struct base *base, const char *experiment_id,
                       const struct base_verdict *verdict)
{
    const char *key = verdict->unbegun ? verdict->unbegun : "validation.base";

    base->held_status = verdict->unbegun ? EX_CONFIG : EX_UNAVAILABLE;
    base->held = memory_format("%s: the base %s fails at commit %s, and so does experiment %s: %s",
                               key, base->options.config->forge.base, verdict->commit,
                               experiment_id, verdict->reason);
    secret_scrub(base->held);
    memcpy(base->held_commit, verdict->commit, sizeof(base->held_commit));
    pause_hold(base);
    look_later(base);
    give_notice(base);
    /* The pause that follows has begun. */
    log_event(&event_held, LOG_TEXT("key", key), LOG_TEXT("reason", base->held));
}

static void hold_result(struct base *base, int64_t result)
{
    if (base_holds(base, result))
        return;
    base->held_results = memory_resize(base->held_results,
                                       (base->held_count + 1) * sizeof(*base->held_results));
    base->held_results[base->held_count++] = result;
}

void base_hold(struct base *base, int64_t result, const char *experiment_id,
               const struct base_verdict *verdict)
{
    if (base->held && strcmp(base->held_commit, verdict->commit) != 0)
        base_end_hold(base); /* it has moved to another one that fails */
    if (!base->held)
        begin_hold(base, experiment_id, verdict);
    hold_result(base, result);
}

const char *base_held(const struct base *base)
{
    return base->held;
}

int base_held_status(const struct base *base)
{
    return base->held_status;
}

char *base_held_results(const struct base *base)
{
    struct text list = {0};

    if (base->held_count == 0)
        return NULL;
    for (size_t i = 0; i < base->held_count; i++)
        text_append_format(&list, "%c%" PRId64, i == 0 ? '[' : ',', base->held_results[i]);
    text_append(&list, "]");
    return text_take(&list);
}

bool base_holds(const struct base *base, int64_t result)
{
    for (size_t i = 0; i < base->held_count; i++) {
        if (base->held_results[i] == result)
            return true;
    }
    return false;
}

void base_reloaded(struct base *base)
{
    base->reloaded = true;
    if (base->held)
        base_try_again(base, "the configuration was read again");
    base->failed.state = BASE_UNKNOWN;
}
