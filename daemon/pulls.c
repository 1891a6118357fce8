#include "daemon/pulls.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"
#include "daemon/pulls/contained.h"
#include "daemon/pulls/line.h"
#include "daemon/store/pull.h"

#include <stdlib.h>
#include <string.h>

#define SETTLE_LIMIT 256 /* results in one turn of the loop */
#define TRY_AGAIN_MS 1000

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)

struct told {
    int64_t result;
    char *reason;
};

struct pulls {
    uv_loop_t *loop;
    const struct services *services;
    void (*changed)(void *data);
    void *data;
    struct operation *timer;
    struct operation *call;
    struct operation *settle; /* the next slice of what follows from a settled one */
    struct store_settling settling;
    struct contained *contained;
    struct line_of_work *line;
    bool in_round;
    bool look_again; /* a round was asked for while contained ones were being closed */
    bool rests;      /* what contained ones are left waits for the next round */
    bool looked;
    bool told_lost;    /* of those that are not in the store */
    bool tried;        /* a round has ended, complete or not */
    unsigned rounds;   /* that were complete */
    struct told *told; /* those that could not be looked at the last time */
    size_t told_count;

    /* This round. */
    struct store_looking looking; /* how far earlier rounds got */
    struct store_looking reached; /* and this one, once it is complete */
    unsigned page;
    struct store_pull *each; /* to be looked at one by one */
    size_t count;
    size_t at;
};

static void look_at_next(struct pulls *pulls);

static void clear_round(struct pulls *pulls)
{
    free(pulls->each);
    pulls->each = NULL;
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
    struct error error;

    clear_round(pulls);
    pulls->in_round = false;
    if (complete && store_set_looking(pulls->services->store, &pulls->reached, &error) < 0)
        log_event(&event_store_failed, LOG_TEXT("reason", error.message)); /* it is seen again */
    pulls->looked |= complete;
    pulls->rounds += complete;
    pulls->tried = true;
    if (!pulls->timer && pulls->services->config->forge.poll_ms)
        pulls->timer = loop_after(pulls->loop, pulls->services->config->forge.poll_ms, on_timer,
                                  pulls);
    pulls->changed(pulls->data);
}

/* ---- what follows from one that was settled ----------------------------------------------------- */

/* Not within a round: its answers about a pull request would be out of date. At the end of the round this is
 * called again. */
static void close_contained(struct pulls *pulls)
{
    if (!pulls->in_round && !pulls->rests && health_state(pulls->services->health) == HEALTH_WELL)
        contained_start(pulls->contained);
}

static void settle_after(struct pulls *pulls, uint64_t delay_ms);

static void tell_settled(struct pulls *pulls)
{
    const struct store_settling *settling = &pulls->settling;

    log_event(settling->state == PULL_MERGED      ? &event_pull_merged
              : settling->state == PULL_CONTAINED ? &event_pull_confirmed
                                                  : &event_pull_closed,
              LOG_TEXT("experiment", settling->experiment_id), LOG_INTEGER("pull", settling->pull),
              LOG_INTEGER("requeued", settling->requeued));
    pulls->changed(pulls->data);
}

/* Does one slice. A crash only loses the count: the next start goes on. */
static void settle_some(void *data)
{
    struct pulls *pulls = data;
    struct store *store = pulls->services->store;
    struct store_settling *settling = &pulls->settling;
    struct error error;

    pulls->settle = NULL;
    if ((!settling->result && store_next_settling(store, settling, &error) < 0) ||
        (settling->result && store_settle_some(store, settling, SETTLE_LIMIT, &error) < 0)) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        settle_after(pulls, TRY_AGAIN_MS);
        return;
    }
    if (!settling->result) {
        close_contained(pulls);
        return;
    }
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

void pulls_go_on(struct pulls *pulls)
{
    settle_after(pulls, 0);
}

/* A person settled a pull request: writes that to the store. What follows is done in slices. At the end
 * `changed` is called. */
static void settle(struct pulls *pulls, int64_t result, const char *experiment_id,
                   enum pull_state state)
{
    struct error error;

    if (store_settle_pull(pulls->services->store, result, state, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("experiment", experiment_id),
                  LOG_TEXT("reason", error.message)); /* the next round finds it again */
        return;
    }
    if (pulls->settling.result == result)
        pulls->settling = (struct store_settling){0}; /* its state changed again meanwhile */
    settle_after(pulls, 0);
}

/* ---- looking ------------------------------------------------------------------------------------ */

/* A merged pull request stays merged. We have closed a contained one ourselves. */
static void follow(struct pulls *pulls, const struct store_pull *known, enum pull_state state)
{
    if (known->state == state || known->state == PULL_MERGED)
        return;
    if (state == PULL_CLOSED && (known->state == PULL_CONTAINED || known->closing))
        return;
    settle(pulls, known->result, known->experiment_id, state);
    if (state == PULL_OPEN)
        log_event(&event_pull_reopened, LOG_TEXT("experiment", known->experiment_id),
                  LOG_INTEGER("pull", known->number));
}

/* This is only for people. If it cannot be written now, it is written the next time. A local forge does not
 * know it; refresh.c does. */
static void note_mergeable(const struct pulls *pulls, const struct store_pull *known,
                           const struct forge_pull *pull)
{
    struct error ignored;

    if (pull->state == PULL_OPEN && pulls->services->config->forge.kind != FORGE_LOCAL)
        (void)store_set_mergeable(pulls->services->store, known->result, pull->mergeable, &ignored);
}

static bool is_of(const struct pulls *pulls, const struct forge_pull *pull,
                  const struct store_pull *known)
{
    return contained_is_of(pulls->services, pull, known->experiment_id, known->digest);
}

/* The others would fail in the same way: the next round looks at all of them. */
static void give_up_round(struct pulls *pulls, const struct forge_reply *reply)
{
    health_suspect(pulls->services->health, reply->retry_after_ms);
    end_round(pulls, false);
}

/* Forgets what was last logged about a pull request. Returns whether that was the same. */
static bool forget_told(struct pulls *pulls, int64_t result, const char *reason)
{
    for (size_t i = 0; i < pulls->told_count; i++) {
        struct told *told = &pulls->told[i];
        bool same;

        if (told->result != result)
            continue;
        same = strcmp(told->reason, reason) == 0;
        free(told->reason);
        *told = pulls->told[--pulls->told_count];
        return same;
    }
    return false;
}

/* Each round meets the same fault, which is logged once. */
static void tell_trouble(struct pulls *pulls, const struct store_pull *known, const char *reason)
{
    bool same = forget_told(pulls, known->result, reason);

    pulls->told = memory_resize(pulls->told, (pulls->told_count + 1) * sizeof(*pulls->told));
    pulls->told[pulls->told_count++] = (struct told){known->result, memory_copy(reason)};
    if (!same)
        log_event(&event_pull_unknown, LOG_TEXT("experiment", known->experiment_id),
                  LOG_INTEGER("pull", known->number), LOG_TEXT("reason", reason));
}

static void take_error(struct pulls *pulls, const struct store_pull *known,
                       const struct forge_reply *reply, const struct error *error)
{
    if (known->state != PULL_OPEN)
        return;
    if (!reply->gone) {
        tell_trouble(pulls, known, error->message);
        return;
    }
    log_event(&event_pull_gone, LOG_TEXT("experiment", known->experiment_id),
              LOG_INTEGER("pull", known->number), LOG_TEXT("reason", error->message));
    follow(pulls, known, PULL_CLOSED);
}

static void take_pull(struct pulls *pulls, const struct store_pull *known,
                      const struct forge_pull *pull)
{
    CLEANUP_FREE char *other = NULL;

    if (is_of(pulls, pull, known)) {
        (void)forget_told(pulls, known->result, "");
        follow(pulls, known, pull->state);
        note_mergeable(pulls, known, pull);
    } else if (known->state == PULL_OPEN) {
        other = memory_format("expected a pull request of ours, found one of the branch %s",
                              pull->label ? pull->label : pull->head);
        tell_trouble(pulls, known, other);
    }
}

static void on_looked(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct pulls *pulls = data;
    const struct store_pull *known = &pulls->each[pulls->at];
    struct error ignored;

    pulls->call = NULL;
    if (error)
        pulls->services->counters->forge_errors++;
    if (error && !reply->this_only && (error->kind == ERROR_TRANSIENT || reply->unauthorized)) {
        give_up_round(pulls, reply);
        return;
    }
    if (error)
        take_error(pulls, known, reply, error);
    else
        take_pull(pulls, known, &reply->pulls[0]);
    /* If this cannot be written, it is looked at again. */
    (void)store_set_pull_looked(pulls->services->store, known->result, &ignored);
    pulls->at++;
    look_at_next(pulls);
}

static void on_lines(void *data, bool complete, int64_t retry_after_ms)
{
    struct pulls *pulls = data;

    if (!complete)
        health_suspect(pulls->services->health, retry_after_ms);
    end_round(pulls, true);
}

/* The last part of a round, unless the forge has just failed. */
static void write_lines(struct pulls *pulls, bool well)
{
    if (!well || !line_of_work_start(pulls->line))
        end_round(pulls, true);
}

/* The part before that. If it cannot be done now, the round is complete all the same: what is left is in the
 * store. */
static void on_contained(void *data, bool complete, int64_t retry_after_ms)
{
    struct pulls *pulls = data;

    pulls->rests = !complete || contained_left(pulls->contained);
    if (!complete)
        health_suspect(pulls->services->health, retry_after_ms);
    settle_after(pulls, 0);
    if (pulls->in_round)
        write_lines(pulls, complete);
    else
        pulls->changed(pulls->data);
    if (pulls->look_again)
        pulls_look(pulls);
}

static void look_at_next(struct pulls *pulls)
{
    struct forge *forge = pulls->services->forge;

    if (pulls->at < pulls->count)
        pulls->call = forge->functions->look_pull(forge, pulls->each[pulls->at].number, on_looked,
                                                  pulls);
    else if (!contained_start(pulls->contained))
        write_lines(pulls, true);
}

/* Collects which pull requests are looked at one by one. Each open one is, once a day, since no list has
 * deleted ones. The first time each closed one is as well. Those whose jobs have ended since always are,
 * since nobody saw a change while the job ran. */
static int collect_each(struct pulls *pulls, struct error *error)
{
    int64_t now = clock_now_ms();
    enum store_pulls which = STORE_PULLS_NEW;

    if (pulls->services->forge->looks_cost_nothing)
        which = STORE_PULLS_OPEN;
    if (now - pulls->looking.looked_ms >= DAY_MS || now < pulls->looking.looked_ms) {
        which = pulls->looking.changed_ms == 0 ? STORE_PULLS_UNMERGED : STORE_PULLS_OPEN;
        pulls->reached.looked_ms = now;
    }
    clear_round(pulls);
    return store_list_pulls(pulls->services->store, which, &pulls->each, &pulls->count, error);
}

static void look_at_each(struct pulls *pulls)
{
    struct error error;

    if (collect_each(pulls, &error) == 0) {
        look_at_next(pulls);
        return;
    }
    log_event(&event_store_failed, LOG_TEXT("reason", error.message));
    end_round(pulls, false);
}

/* Whether one is below our prefix, and the store has no such experiment. */
static int is_lost(const struct pulls *pulls, const struct forge_pull *pull, bool *lost,
                   struct error *error)
{
    CLEANUP(store_result_freep) struct store_result *row = NULL;
    const char *prefix = pulls->services->config->forge.branch_prefix;
    const char *branch = pull->label ? pull->label : pull->head;

    *lost = false;
    if (pull->state != PULL_OPEN || strncmp(branch, prefix, strlen(prefix)) != 0)
        return 0;
    if (store_find(pulls->services->store, branch + strlen(prefix), &row, error) < 0)
        return -1;
    *lost = row == NULL;
    return 0;
}

/* The store was lost, or the winnowd of another host opened them. Only the first page is counted. */
static void tell_lost(struct pulls *pulls, const struct forge_reply *reply)
{
    int64_t count = 0;
    struct error error;
    bool lost;

    if (pulls->told_lost)
        return;
    for (size_t i = 0; i < reply->pull_count; i++) {
        if (is_lost(pulls, &reply->pulls[i], &lost, &error) < 0)
            return; /* the next round counts them */
        count += lost;
    }
    pulls->told_lost = true;
    if (count)
        log_event(&event_pulls_lost, LOG_INTEGER("pulls", count));
}

/* Takes a page. Returns whether the next one may have changes since the last round; -1: the store
 * failed. */
static int take_page(struct pulls *pulls, const struct forge_reply *reply, struct error *error)
{
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < reply->pull_count; i++) {
        const struct forge_pull *pull = &reply->pulls[i];
        struct store_pull known;

        if (store_find_pull(pulls->services->store, pull->number, &known, error) < 0)
            return -1;
        if (known.result && is_of(pulls, pull, &known)) {
            follow(pulls, &known, pull->state);
            note_mergeable(pulls, &known, pull);
        }
        if (pull->changed_ms < oldest)
            oldest = pull->changed_ms;
        if (pulls->page == 1 && pull->changed_ms > pulls->reached.changed_ms)
            pulls->reached.changed_ms = pull->changed_ms;
    }
    return reply->more && pulls->looking.changed_ms > 0 && oldest >= pulls->looking.changed_ms;
}

/* If only this list is refused, the forge is well. */
static void tell_unknown(struct pulls *pulls, const struct forge_reply *reply,
                         const struct error *error)
{
    if (error->kind == ERROR_TRANSIENT || reply->unauthorized) {
        give_up_round(pulls, reply);
        return;
    }
    log_event(&event_pull_unknown, LOG_TEXT("reason", error->message));
    end_round(pulls, false);
}

static void list_next(struct pulls *pulls);

static void on_listed(void *data, const struct forge_reply *reply, const struct error *error)
{
    struct pulls *pulls = data;
    struct error failed;
    int more;

    pulls->call = NULL;
    if (error) {
        pulls->services->counters->forge_errors++;
        tell_unknown(pulls, reply, error);
        return;
    }
    tell_lost(pulls, reply);
    more = take_page(pulls, reply, &failed);
    if (more < 0) {
        log_event(&event_store_failed, LOG_TEXT("reason", failed.message));
        end_round(pulls, false);
    } else if (more) {
        list_next(pulls);
    } else {
        look_at_each(pulls);
    }
}

static void list_next(struct pulls *pulls)
{
    struct forge *forge = pulls->services->forge;

    pulls->call = forge->functions->list_changed(forge, ++pulls->page, on_listed, pulls);
}

void pulls_look(struct pulls *pulls)
{
    struct store *store = pulls->services->store;
    struct error error;
    bool any;

    pulls->look_again = !pulls->in_round && contained_busy(pulls->contained);
    if (pulls->in_round || pulls->look_again || pulls->services->config->forge.poll_ms == 0)
        return;
    operation_clear(&pulls->timer);
    pulls->in_round = true;
    if (store_get_looking(store, &pulls->looking, &error) < 0 ||
        store_has_unmerged_pull(store, &any, &error) < 0) {
        log_event(&event_store_failed, LOG_TEXT("reason", error.message));
        end_round(pulls, false);
        return;
    }
    pulls->reached = pulls->looking;
    pulls->page = 0;
    if (!any)
        end_round(pulls, true);
    else if (health_state(pulls->services->health) == HEALTH_WELL)
        list_next(pulls);
    else
        pulls->looked = pulls->in_round = false; /* health_changed asks again */
}

void pulls_new(struct pulls **pulls, uv_loop_t *loop, const struct services *services,
               void (*changed)(void *data), void *data)
{
    struct pulls *made = memory_new(sizeof(*made));

    made->loop = loop;
    made->services = services;
    made->changed = changed;
    made->data = data;
    contained_new(&made->contained, services, on_contained, made);
    line_of_work_new(&made->line, services, on_lines, made);
    settle_after(made, 0); /* what an earlier daemon left */
    *pulls = made;
}

void pulls_free(struct pulls *pulls)
{
    if (!pulls)
        return;
    operation_clear(&pulls->timer);
    operation_clear(&pulls->call);
    operation_clear(&pulls->settle);
    contained_free(pulls->contained);
    line_of_work_free(pulls->line);
    clear_round(pulls);
    for (size_t i = 0; i < pulls->told_count; i++)
        free(pulls->told[i].reason);
    free(pulls->told);
    free(pulls);
}

bool pulls_looked(const struct pulls *pulls)
{
    return pulls->looked || pulls->services->config->forge.poll_ms == 0;
}

unsigned pulls_rounds(const struct pulls *pulls)
{
    return pulls->rounds;
}

bool pulls_tried(const struct pulls *pulls)
{
    return pulls->tried;
}

bool pulls_busy(const struct pulls *pulls)
{
    return pulls->settle || contained_busy(pulls->contained);
}
