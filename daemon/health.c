#include "daemon/health.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "daemon/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS  (5 * 60 * 1000)
#define REFUSED_EVERY_MS (60 * 1000)
#define ASKED_MOST_MS    (60 * 60 * 1000)

struct health {
    uv_loop_t *loop;
    struct forge *forge;
    struct repository *repository; /* NULL: git is not asked */
    void (*changed)(void *data);
    void *data;
    struct operation *under_way; /* the check, or the pause before it */
    enum health_state state;
    bool ask_git; /* git was refused something: the forge's API alone does not tell */
    unsigned attempt;
    char reason[1024];
};

uint64_t backoff_ms(unsigned attempt)
{
    uint64_t pause = BACKOFF_MOST_MS;
    uint16_t chance = 0;

    if (attempt < 11 && (BACKOFF_FIRST_MS << (attempt ? attempt - 1 : 0)) < BACKOFF_MOST_MS)
        pause = (uint64_t)BACKOFF_FIRST_MS << (attempt ? attempt - 1 : 0);
    /* Without randomness there is only less of a spread. */
    if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) < 0)
        chance = 0;
    return pause - pause / 4 * chance / UINT16_MAX;
}

uint64_t backoff_asked_ms(unsigned attempt, int64_t retry_after_ms)
{
    uint64_t pause = backoff_ms(attempt);
    uint64_t asked = retry_after_ms > 0 ? (uint64_t)retry_after_ms : 0;

    if (asked > ASKED_MOST_MS)
        asked = ASKED_MOST_MS;
    return asked > pause ? asked : pause;
}

static void check(void *data);

static void check_after(struct health *health, uint64_t delay_ms)
{
    operation_clear(&health->under_way);
    health->under_way = loop_after(health->loop, delay_ms, check, health);
}

/* Says a change once, and a new reason for the same state once more. */
static void enter(struct health *health, enum health_state state, const char *reason)
{
    static const struct log_event *const events[] = {
        [HEALTH_WELL] = &event_forge_well,
        [HEALTH_DOWN] = &event_forge_down,
        [HEALTH_REFUSED] = &event_forge_refused,
    };
    bool same = state == health->state && strcmp(reason, health->reason) == 0;

    health->state = state;
    snprintf(health->reason, sizeof(health->reason), "%s", reason);
    if (!same)
        log_event(events[state], LOG_TEXT("reason", *reason ? reason : NULL));
    health->changed(health->data);
}

static void conclude(struct health *health, const struct error *error, int64_t retry_after_ms)
{
    if (!error) {
        health->attempt = 0;
        enter(health, HEALTH_WELL, "");
    } else if (error->kind == ERROR_TRANSIENT) {
        check_after(health, backoff_asked_ms(++health->attempt, retry_after_ms));
        enter(health, HEALTH_DOWN, error->message);
    } else {
        check_after(health, REFUSED_EVERY_MS);
        enter(health, HEALTH_REFUSED, error->message);
    }
}

static void on_git_looked(void *data, const struct repository_refs *refs, const struct error *error)
{
    struct health *health = data;

    (void)refs;
    health->under_way = NULL;
    health->ask_git = error != NULL;
    conclude(health, error, -1);
}

static void on_checked(void *data, const struct forge_answer *answer, const struct error *error)
{
    struct health *health = data;

    health->under_way = NULL;
    if (!error && health->ask_git && health->repository)
        health->under_way = repository_look(health->repository, NULL, on_git_looked, health);
    else
        conclude(health, error, answer->retry_after_ms);
}

static void check(void *data)
{
    struct health *health = data;

    health->under_way = health->forge->functions->check(health->forge, on_checked, health);
}

void health_new(struct health **health, uv_loop_t *loop, struct forge *forge,
                void (*changed)(void *data), void *data)
{
    struct health *made = memory_new(sizeof(*made));

    made->loop = loop;
    made->forge = forge;
    made->changed = changed;
    made->data = data;
    check(made);
    *health = made;
}

void health_free(struct health *health)
{
    if (!health)
        return;
    operation_clear(&health->under_way);
    free(health);
}

enum health_state health_state(const struct health *health)
{
    return health->state;
}

const char *health_reason(const struct health *health)
{
    return health->reason;
}

void health_suspect(struct health *health, int64_t retry_after_ms)
{
    if (health->state != HEALTH_WELL)
        return;
    health->state = HEALTH_UNKNOWN;
    check_after(health, retry_after_ms > 0 ? backoff_asked_ms(1, retry_after_ms) : 0);
}

void health_suspect_git(struct health *health)
{
    health->ask_git = true;
    health_suspect(health, -1);
}

void health_use_git(struct health *health, struct repository *repository)
{
    health->repository = repository;
}

void health_look(struct health *health)
{
    if (health->state == HEALTH_WELL || health->state == HEALTH_UNKNOWN)
        return;
    health->attempt = 0;
    check_after(health, 0);
}
