#include "daemon/health.h"

#include "common/log.h"
#include "common/loop.h"
#include "common/memory.h"
#include "common/text.h"
#include "daemon/events.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS  (5 * 60 * 1000)
#define MEND_EVERY_MS    (60 * 1000)
#define ASKED_MOST_MS    (60 * 60 * 1000)

struct health {
    struct installation installation;
    void (*changed)(void *data);
    void *data;
    struct operation *under_way; /* the questions, or the pause before them */
    enum health_state state;
    struct findings findings; /* of the last answer */
    bool reported;            /* a job holds the queue with `report` */
    bool on_trial;            /* ... and may try again just now */
    struct finding report;
    unsigned attempt;
    const struct log_event *said; /* the last event, */
    char *reason;                 /* and what is wrong; NULL: not known yet */
    char *unchecked;              /* what was said of that; NULL: nothing */
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

static void ask(void *data);

static void ask_after(struct health *health, uint64_t delay_ms)
{
    operation_clear(&health->under_way);
    health->under_way = loop_after(health->installation.loop, delay_ms, ask, health);
}

static const struct log_event *event_of(const struct finding *finding)
{
    if (finding->error.kind == ERROR_TRANSIENT)
        return &event_forge_down;
    return finding->at_forge ? &event_forge_refused : &event_held;
}

/* Says what is wrong once, and once more where it is something else. */
static void say(struct health *health, const struct finding *findings, size_t count)
{
    CLEANUP_TEXT struct text reason = {0};
    const struct log_event *event = count ? event_of(findings) : &event_forge_well;
    bool same;

    for (size_t i = 0; i < count; i++)
        text_append_format(&reason, "%s%s", i ? "; " : "", findings[i].error.message);
    same = event == health->said && health->reason &&
           strcmp(text_string(&reason), health->reason) == 0;
    if (!count && health->said == &event_held)
        event = &event_mended;
    for (size_t i = 0; i < count && !same; i++)
        log_event(event_of(&findings[i]),
                  LOG_TEXT("key", findings[i].at_forge ? NULL : findings[i].key),
                  LOG_TEXT("reason", findings[i].error.message));
    if (!count && !same)
        log_event(event);
    health->said = count ? event : &event_forge_well;
    free(health->reason);
    health->reason = text_take(&reason);
}

static void enter(struct health *health, enum health_state state, const struct finding *findings,
                  size_t count)
{
    health->state = state;
    say(health, findings, count);
    health->changed(health->data);
}

/* What a job reported has no question: it is the job that finds out. One that did not come back within a
 * minute ended otherwise. */
static void try_reported(struct health *health)
{
    if (health->on_trial) {
        health_mended(health);
        enter(health, HEALTH_WELL, NULL, 0);
        return;
    }
    health->on_trial = true;
    health->state = HEALTH_WELL;
    ask_after(health, MEND_EVERY_MS);
    health->changed(health->data);
}

/* Once, and once more where there is something else. */
static void say_unchecked(struct health *health, const struct findings *findings)
{
    const char *unchecked = findings->unchecked;

    if (!unchecked || (health->unchecked && strstr(health->unchecked, unchecked)))
        return;
    free(health->unchecked);
    health->unchecked = memory_copy(unchecked);
    log_event(&event_unchecked, LOG_TEXT("reason", unchecked));
}

static void on_answered(void *data, const struct findings *findings)
{
    struct health *health = data;
    const struct finding *first = findings_first(findings);

    health->under_way = NULL;
    findings_clear(&health->findings);
    findings_copy(&health->findings, findings);
    say_unchecked(health, findings);
    if (first && first->error.kind == ERROR_TRANSIENT) {
        ask_after(health, backoff_asked_ms(++health->attempt, findings->retry_after_ms));
        enter(health, HEALTH_DOWN, first, 1);
        return;
    }
    health->attempt = 0;
    if (first) {
        ask_after(health, MEND_EVERY_MS);
        enter(health, HEALTH_REFUSED, findings->items, findings->count);
    } else if (health->reported) {
        try_reported(health);
    } else {
        if (findings->count)
            ask_after(health, MEND_EVERY_MS);
        enter(health, HEALTH_WELL, findings->items, findings->count);
    }
}

static void ask(void *data)
{
    struct health *health = data;

    health->under_way = installation_ask(&health->installation, on_answered, health);
}

void health_new(struct health **health, const struct installation *installation,
                void (*changed)(void *data), void *data)
{
    struct health *made = memory_new(sizeof(*made));

    made->installation = *installation;
    made->changed = changed;
    made->data = data;
    ask(made);
    *health = made;
}

void health_free(struct health *health)
{
    if (!health)
        return;
    operation_clear(&health->under_way);
    findings_clear(&health->findings);
    free(health->reason);
    free(health->unchecked);
    free(health);
}

enum health_state health_state(const struct health *health)
{
    return health->state;
}

const char *health_reason(const struct health *health)
{
    return health->reason ? health->reason : "";
}

int health_status(const struct health *health)
{
    const struct finding *first = findings_first(&health->findings);

    if (!first && health->reported)
        first = &health->report;
    if (!first && health->findings.count)
        first = &health->findings.items[0];
    return first ? first->status : EX_OK;
}

bool health_sources_held(const struct health *health)
{
    for (size_t i = 0; i < health->findings.count; i++) {
        if (health->findings.items[i].holds == HOLDS_SOURCE)
            return true;
    }
    return false;
}

bool health_source_held(const struct health *health, size_t source)
{
    for (size_t i = 0; i < health->findings.count; i++) {
        const struct finding *finding = &health->findings.items[i];

        if (finding->holds == HOLDS_SOURCE && finding->source == source)
            return true;
    }
    return false;
}

bool health_forge_usable(const struct health *health)
{
    const struct finding *first = findings_first(&health->findings);

    return health->state == HEALTH_WELL ||
           (health->state == HEALTH_REFUSED && !(first && first->at_forge));
}

void health_suspect(struct health *health, int64_t retry_after_ms)
{
    if (health->state != HEALTH_WELL)
        return;
    health->state = HEALTH_UNKNOWN;
    ask_after(health, retry_after_ms > 0 ? backoff_asked_ms(1, retry_after_ms) : 0);
}

void health_ask(struct health *health)
{
    if (health->state != HEALTH_WELL && health->state != HEALTH_UNKNOWN)
        return;
    health->state = HEALTH_UNKNOWN;
    ask_after(health, 0);
}

void health_look(struct health *health)
{
    health->attempt = 0;
    ask_after(health, 0);
}

static void on_reported(void *data)
{
    struct health *health = data;

    health->under_way = NULL;
    ask_after(health, MEND_EVERY_MS);
    enter(health, HEALTH_REFUSED, &health->report, 1);
}

void health_hold(struct health *health, const struct error *error)
{
    health->reported = true;
    health->on_trial = false;
    health->report = (struct finding){
        .key = "forge",
        .holds = HOLDS_QUEUE,
        .status = EX_CONFIG,
        .at_forge = true,
        .error = *error,
    };
    health->state = HEALTH_REFUSED;
    operation_clear(&health->under_way);
    health->under_way = loop_after(health->installation.loop, 0, on_reported, health);
}

void health_mended(struct health *health)
{
    if (!health->reported)
        return;
    health->reported = health->on_trial = false;
    if (health->state == HEALTH_WELL)
        say(health, NULL, 0);
}
