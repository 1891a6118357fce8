#include "daemon/pulls.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"

#include <stdlib.h>

#define SETTLE_LIMIT 256 /* results in one turn of the loop */
#define TRY_AGAIN_MS 1000

struct open_pull {
    int64_t result;
    int64_t number;
    char *experiment_id;
};

struct pulls {
    uv_loop_t *loop;
    struct workshop *workshop;
    void (*changed)(void *data);
    void *data;
    struct operation *timer;
    struct operation *call;
    struct operation *settle; /* the next turn of what follows from one that was settled */
    struct store_settling settling;
    struct open_pull *open; /* of this round */
    size_t count;
    size_t at;
    bool looked;
};

static void look_at_next(struct pulls *pulls);

static void clear_round(struct pulls *pulls)
{
    for (size_t i = 0; i < pulls->count; i++)
        free(pulls->open[i].experiment_id);
    free(pulls->open);
    pulls->open = NULL;
    pulls->count = 0;
    pulls->at = 0;
}

static void on_timer(void *data)
{
    struct pulls *pulls = data;

    pulls->timer = NULL;
    pulls_look(pulls);
}

static void end_round(struct pulls *pulls, bool complete)
{
    clear_round(pulls);
    pulls->looked |= complete;
    if (!pulls->timer && pulls->workshop->config->forge.poll_ms)
        pulls->timer = loop_after(pulls->loop, pulls->workshop->config->forge.poll_ms, on_timer,
                                  pulls);
    pulls->changed(pulls->data);
}

/* ---- what follows from one that was settled ----------------------------------------------------- */

static void settle_after(struct pulls *pulls, uint64_t delay_ms);

static void tell_settled(struct pulls *pulls)
{
    const struct store_settling *settling = &pulls->settling;

    log_event(settling->state == PULL_MERGED ? &event_pull_merged : &event_pull_closed,
              LOG_TEXT("experiment", settling->experiment_id), LOG_INTEGER("pull", settling->pull),
              LOG_INTEGER("requeued", settling->requeued));
    pulls->changed(pulls->data);
}

/* One slice. A crash loses nothing but the count: the next start goes on. */
static void settle_some(void *data)
{
    struct pulls *pulls = data;
    struct store *store = pulls->workshop->store;
    struct store_settling *settling = &pulls->settling;
    struct error error;

    pulls->settle = NULL;
    if ((!settling->result && store_next_settling(store, settling, &error) < 0) ||
        (settling->result && store_settle_some(store, settling, SETTLE_LIMIT, &error) < 0)) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        settle_after(pulls, TRY_AGAIN_MS);
        return;
    }
    if (!settling->result)
        return;
    settle_after(pulls, 0);
    if (settling->done) {
        tell_settled(pulls);
        *settling = (struct store_settling){0};
    }
}

static void settle_after(struct pulls *pulls, uint64_t delay_ms)
{
    if (!pulls->settle)
        pulls->settle = loop_after(pulls->loop, delay_ms, settle_some, pulls);
}

void pulls_settle(struct pulls *pulls, int64_t result, const char *experiment_id,
                  enum pull_state state)
{
    struct error error;

    if (store_settle_pull(pulls->workshop->store, result, state, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("experiment", experiment_id),
                  LOG_TEXT("reason", error.message)); /* the next round finds it again */
        return;
    }
    settle_after(pulls, 0);
}

/* ---- looking ------------------------------------------------------------------------------------ */

static void on_looked(void *data, const struct forge_answer *answer, const struct error *error)
{
    struct pulls *pulls = data;
    struct open_pull *open = &pulls->open[pulls->at];

    pulls->call = NULL;
    if (error)
        pulls->workshop->tally->forge_errors++;
    if (error && (error->kind == ERROR_TRANSIENT || answer->unauthorized)) {
        /* It would be the same for the others: the next round looks at all of them. */
        health_suspect(pulls->workshop->health, answer->retry_after_ms);
        end_round(pulls, false);
        return;
    }
    if (error && answer->gone) {
        log_event(&event_pull_gone, LOG_TEXT("experiment", open->experiment_id),
                  LOG_INTEGER("pull", open->number), LOG_TEXT("reason", error->message));
        pulls_settle(pulls, open->result, open->experiment_id, PULL_CLOSED);
    } else if (error) {
        log_event(&event_pull_unknown, LOG_TEXT("experiment", open->experiment_id),
                  LOG_INTEGER("pull", open->number), LOG_TEXT("reason", error->message));
    } else if (answer->pulls[0].state != PULL_OPEN) {
        pulls_settle(pulls, open->result, open->experiment_id, answer->pulls[0].state);
    }
    pulls->at++;
    look_at_next(pulls);
}

static void look_at_next(struct pulls *pulls)
{
    struct forge *forge = pulls->workshop->forge;

    if (pulls->at == pulls->count)
        end_round(pulls, true);
    else
        pulls->call = forge->functions->look_pull(forge, pulls->open[pulls->at].number, on_looked,
                                                  pulls);
}

static void collect(void *data, int64_t result, const char *experiment_id, int64_t number)
{
    struct pulls *pulls = data;

    pulls->open = memory_resize(pulls->open, (pulls->count + 1) * sizeof(*pulls->open));
    pulls->open[pulls->count++] = (struct open_pull){
        .result = result,
        .number = number,
        .experiment_id = memory_copy(experiment_id),
    };
}

void pulls_look(struct pulls *pulls)
{
    struct error error;

    if (pulls->call || pulls->count || pulls->workshop->config->forge.poll_ms == 0)
        return;
    if (health_state(pulls->workshop->health) != HEALTH_WELL) {
        pulls->looked = false; /* health_changed asks again */
        return;
    }
    operation_clear(&pulls->timer);
    if (store_each_open_pull(pulls->workshop->store, collect, pulls, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        end_round(pulls, false);
        return;
    }
    look_at_next(pulls);
}

void pulls_new(struct pulls **pulls, uv_loop_t *loop, struct workshop *workshop,
               void (*changed)(void *data), void *data)
{
    struct pulls *made = memory_new(sizeof(*made));

    made->loop = loop;
    made->workshop = workshop;
    made->changed = changed;
    made->data = data;
    settle_after(made, 0); /* what an earlier life left */
    *pulls = made;
}

void pulls_free(struct pulls *pulls)
{
    if (!pulls)
        return;
    operation_clear(&pulls->timer);
    operation_clear(&pulls->call);
    operation_clear(&pulls->settle);
    clear_round(pulls);
    free(pulls);
}

bool pulls_looked(const struct pulls *pulls)
{
    return pulls->looked || pulls->workshop->config->forge.poll_ms == 0;
}
